//! A job as a program holds it: read from YAML, or written step by step.

use super::columnar;
use super::explain::Explain;
use super::lower;
use super::memory::{MemoryPlan, RunChoice};
use super::plan::{Plan, plan};
use super::read::read;
use super::rule_of_threads::with_threads;
use super::rules;
use super::spec::Spec;
use super::tables::Stores;
use super::yaml::Text;
use crate::run::{Report, run};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store_core::segment::{SegmentCodec, Spill};
use store_core::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

/// Longest job file: it is in memory whole.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Smallest and largest blocks of runs.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=1 << 20;

/// Told how far a job is; see [`crate::run::Progress`].
pub type ProgressCallback = Box<dyn FnMut(&crate::run::Progress)>;

/// What the caller of a job chooses; each goes before what the job itself says.
#[derive(Default)]
#[non_exhaustive]
pub struct JobOptions {
    /// Most memory of the whole process, in bytes.
    pub memory: Option<u64>,
    /// Most threads, the caller's among them; by default as many as the machine runs at once.
    pub threads: Option<usize>,
    /// The memory if neither the caller nor the job says it; by default half of the machine's.
    pub memory_default: Option<u64>,
    /// Where what does not fit is put aside.
    pub spill_dir: Option<PathBuf>,
    /// The same if neither says it; by default the system's directory for temporary files.
    pub spill_dir_default: Option<PathBuf>,
    /// Most bytes put aside at any time.
    pub disk_limit: Option<u64>,
    /// The manifest's file; by default beside the sink.
    pub manifest: Option<PathBuf>,
    /// Told after each batch.
    pub progress: Option<ProgressCallback>,
    /// Ends the job when it becomes true; nothing is left then.
    pub cancelled: Option<Arc<AtomicBool>>,
}

/// A job, checked for its words but not yet for its columns.
///
/// ```
/// use store_etl::job::{Job, JobOptions};
/// let dir = tempfile::tempdir()?;
/// let (from, to) = (dir.path().join("a.csv"), dir.path().join("b.tsv"));
/// std::fs::write(&from, "id,name\n2,KAUS\n1,KDFW\n3,\n")?;
/// let job = Job::from_yaml("example", &format!("
/// steps:
///   - scan: {{ source: {from:?}, header: true }}
///   - filter: {{ expr: name != '' }}
///   - sort: {{ by: id }}
///   - sink: {{ destination: {to:?} }}
/// "))?;
/// let report = job.run(JobOptions::default())?;
/// assert_eq!(report.rows_out(), 2);
/// assert_eq!(std::fs::read_to_string(&to)?, "id\tname\n1\tKDFW\n2\tKAUS\n");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Job {
    name: String,
    text: String,
    spec: Spec,
}

impl Job {
    /// Reads a job; `name` is what errors call its text.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self> {
        let spec = read(&Text { name, text })?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), spec })
    }

    /// Makes a job by a program.
    pub fn builder() -> super::JobBuilder {
        super::JobBuilder::default()
    }

    /// The YAML that it was read from.
    pub fn yaml(&self) -> &str {
        &self.text
    }

    /// Reads a job file. `${name}` in it stands for the value set for that name; `$${` for itself.
    pub fn read(path: &Path, set: &[(String, String)]) -> Result<Self> {
        let name = path.display().to_string();
        let known = std::fs::metadata(path).map_err(|error| Error::io(&name, error))?;
        if known.len() > TEXT_BYTES_MAX {
            let message = format!("{name}: is longer than the {TEXT_BYTES_MAX} bytes of a job");
            return Err(Error::invalid(message));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(&name, error))?;
        let text = substitute(&name, &text, set)?;
        Self::from_yaml(&name, &text)
    }

    /// What is done first to last, with the memory of each part. Reads the beginning of its inputs where
    /// a schema has to be found.
    pub fn explain(&self, options: &JobOptions) -> Result<Explain> {
        let (plan, memory, _) = self.prepare(options)?;
        Ok(Explain { plan, memory, hash: self.plan_hash() })
    }

    /// Checks everything that can be checked without running it.
    pub fn validate(&self) -> Result<()> {
        let mut stores = Stores::within(store_core::options::machine_memory() / 2);
        let planned = plan(&self.as_text(), &self.spec, &mut stores)?;
        columnar::measured(rules::apply(planned)).map(drop)
    }

    /// Runs the job.
    pub fn run(&self, options: JobOptions) -> Result<Report> {
        let (plan, memory, spill) = self.prepare(&options)?;
        let hash = self.plan_hash();
        let name = self.spec.name.clone().unwrap_or_else(|| self.name.clone());
        run(&crate::run::Prepared { plan, memory, spill, hash, name }, options)
    }

    /// The same for the same steps, wherever and within whatever memory they run.
    pub fn plan_hash(&self) -> String {
        format!("{:016x}", xxh3_64(self.spec.canonical().as_bytes()))
    }

    /// True if the rows go to standard output.
    pub fn writes_to_stdout(&self) -> bool {
        use super::spec::StepKind;
        self.spec.steps.iter().any(|step| match &step.kind {
            StepKind::Sink(sink) => sink.destination.as_ref().is_some_and(|at| at.value == "-"),
            _ => false,
        })
    }

    fn as_text(&self) -> Text<'_> {
        Text { name: &self.name, text: &self.text }
    }

    fn prepare(&self, options: &JobOptions) -> Result<(Plan, MemoryPlan, SpillPlace)> {
        let text = self.as_text();
        let block_bytes = match &self.spec.block_bytes {
            Some(at) if !BLOCK_BYTES.contains(&at.value) => {
                return text.refuse(at.mark, "a block has 4 KiB to 1 MiB");
            }
            Some(at) => Some(at.value),
            None => None,
        };
        let codec = self.spec.spill.codec.unwrap_or(SegmentCodec::Raw);
        let threads = options.threads.or(self.spec.threads).unwrap_or_else(machine_threads).max(1);
        let run = RunChoice { codec, block_bytes, threads, ahead: false };
        let cap = options.memory.or(self.spec.memory).or(options.memory_default);
        let cap = cap.unwrap_or_else(|| store_core::options::machine_memory() / 2);
        let mut stores = Stores::within(cap);
        let mut planned = columnar::measured(rules::apply(plan(&text, &self.spec, &mut stores)?))?;
        let written = planned.sink.table.as_ref().map(|table| table.store.stats().memory_used);
        let base = crate::run::resident_bytes();
        let mut memory = MemoryPlan::of(&planned, cap, base, run, written)?;
        if let Some(threaded) = with_threads(&planned, run) {
            let run = RunChoice { ahead: true, ..run };
            let with = MemoryPlan::of(&threaded, cap, base, run, written).ok();
            if let Some(with) = with.filter(MemoryPlan::is_ample) {
                memory = MemoryPlan { min_cap: memory.min_cap, ..with };
                planned = threaded;
            }
        }
        let dir = options.spill_dir.clone().or_else(|| self.spec.spill.dir.clone());
        let dir = dir.or_else(|| options.spill_dir_default.clone());
        let spill = SpillPlace {
            dir: dir.unwrap_or_else(std::env::temp_dir),
            limit: options.disk_limit.or(self.spec.spill.disk_limit),
        };
        Ok((planned, memory, spill))
    }
}

fn machine_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where a job spills to.
#[derive(Debug)]
pub(crate) struct SpillPlace {
    dir: PathBuf,
    limit: Option<u64>,
}

impl SpillPlace {
    pub fn open(&self) -> Result<Spill> {
        Spill::new(&self.dir, self.limit)
    }
}

pub(crate) use lower::operators;

/// Replaces `${name}`; names that are not set, or set for nothing, are errors.
fn substitute(file: &str, text: &str, set: &[(String, String)]) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut used = vec![false; set.len()];
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, found) = rest.split_at(at);
        if let Some(plain) = before.strip_suffix('$') {
            out.push_str(plain);
            out.push_str("${");
            rest = &found[2..];
            continue;
        }
        out.push_str(before);
        let line = text[..text.len() - found.len()].lines().count().max(1);
        let end = found
            .find('}')
            .ok_or_else(|| Error::invalid(format!("{file}:{line}: \"${{\" without a \"}}\"")))?;
        let name = &found[2..end];
        let nth = set.iter().position(|(known, _)| known == name).ok_or_else(|| {
            Error::invalid(format!(
                "{file}:{line}: ${{{name}}} is not set: give --set {name}=VALUE"
            ))
        })?;
        used[nth] = true;
        out.push_str(&set[nth].1);
        rest = &found[end + 1..];
    }
    out.push_str(rest);
    match used.iter().position(|used| !used) {
        None => Ok(out),
        Some(nth) => {
            let name = &set[nth].0;
            Err(Error::invalid(format!(
                "{file}: \"{name}\" is set, and nothing in the job asks for ${{{name}}}"
            )))
        }
    }
}

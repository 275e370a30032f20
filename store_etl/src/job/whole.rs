//! A job as a program holds it: read from YAML, or written step by step.

use super::columnar;
use super::explain::Explain;
use super::lower;
use super::memory::{MemoryPlan, RunChoice};
use super::options::JobOptions;
use super::parent::Parent;
use super::plan::{Plan, plan};
use super::read::read;
use super::rule_of_threads::with_threads;
use super::rules;
use super::spec::Spec;
use super::tables::Stores;
use super::yaml::Text;
use crate::run::{Prepared, Report, run};
use std::path::{Path, PathBuf};
use store_core::segment::{SegmentCodec, Spill};
use store_core::{Error, Kind, Result};
use xxhash_rust::xxh3::xxh3_64;

/// Longest job file: it is in memory whole.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Smallest and largest blocks of runs.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=1 << 20;

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

    /// The same, where `${name}` in the text stands for the value set for that name, and `$${` for itself.
    pub fn parse(name: &str, text: &str, set: &[(String, String)]) -> Result<Self> {
        check_length(name, text.len() as u64)?;
        Self::from_yaml(name, &substitute(name, text, set)?)
    }

    /// Makes a job by a program.
    pub fn builder() -> super::JobBuilder {
        super::JobBuilder::default()
    }

    /// The YAML that it was read from.
    pub fn yaml(&self) -> &str {
        &self.text
    }

    /// Reads a job file; see [`Job::parse`].
    pub fn read(path: &Path, set: &[(String, String)]) -> Result<Self> {
        let name = path.display().to_string();
        let known = std::fs::metadata(path).map_err(|error| Error::io(&name, error))?;
        check_length(&name, known.len())?;
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(&name, error))?;
        Self::parse(&name, &text, set)
    }

    /// What is done first to last, with the memory of each part. Reads the beginning of its inputs where
    /// a schema has to be found.
    pub fn explain(&self, options: &JobOptions) -> Result<Explain> {
        let Planned { plan, memory, .. } = self.prepare(options)?;
        Ok(Explain { plan, memory, hash: self.plan_hash() })
    }

    /// Checks everything that can be checked without running it. Of the options the store counts.
    pub fn validate(&self, options: &JobOptions) -> Result<()> {
        let memory = store_core::options::machine_memory() / 2;
        let mut stores = Stores::within(memory, options.store.clone());
        let planned = plan(&self.as_text(), &self.spec, &mut stores)?;
        columnar::measured(rules::apply(planned)).map(drop)
    }

    /// Runs the job.
    pub fn run(&self, options: JobOptions) -> Result<Report> {
        let Planned { plan, memory, spill } = self.prepare(&options)?;
        let hash = self.plan_hash();
        let name = self.spec.name.clone().unwrap_or_else(|| self.name.clone());
        let parent = Parent::of(&options);
        run(&Prepared { plan, memory, spill, hash, name, parent }, options)
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

    fn prepare(&self, options: &JobOptions) -> Result<Planned> {
        let stated = options.memory.or(self.spec.memory).or(options.memory_default);
        let (default, most) = Parent::of(options).cap_default();
        let planned = self.prepare_within(options, stated.unwrap_or(default));
        match planned {
            // A share of a budget is too little, and there is more.
            Err(error) if stated.is_none() && error.kind() == Kind::OverBudget => {
                let least = error.details().first().and_then(|least| least.parse::<u64>().ok());
                match least.filter(|least| (default..=most).contains(least)) {
                    Some(least) => self.prepare_within(options, least),
                    None => Err(error),
                }
            }
            planned => planned,
        }
    }

    fn prepare_within(&self, options: &JobOptions, cap: u64) -> Result<Planned> {
        let text = self.as_text();
        let mut run = self.run_choice(options)?;
        let parent = Parent::of(options);
        let mut stores = Stores::within(cap, options.store.clone());
        let mut plan = columnar::measured(rules::apply(plan(&text, &self.spec, &mut stores)?))?;
        let written = match &plan.sink.table {
            // Of a budget all that the store may take is the job's; of a process it is resident by now.
            _ if !parent.is_process() => stores.has_opened().then_some(0),
            table => table.as_ref().map(|table| table.store.stats().memory_used),
        };
        let base = parent.base();
        let mut memory = MemoryPlan::of(&plan, cap, base, run, written)?;
        if let Some(threaded) = with_threads(&plan, run) {
            run.ahead = true;
            let with = MemoryPlan::of(&threaded, cap, base, run, written).ok();
            if let Some(with) = with.filter(MemoryPlan::is_ample) {
                memory = MemoryPlan { min_cap: memory.min_cap, ..with };
                plan = threaded;
            }
        }
        Ok(Planned { plan, memory, spill: self.spill_place(options) })
    }

    fn run_choice(&self, options: &JobOptions) -> Result<RunChoice> {
        let block_bytes = match &self.spec.block_bytes {
            Some(at) if !BLOCK_BYTES.contains(&at.value) => {
                return self.as_text().refuse(at.mark, "a block has 4 KiB to 1 MiB");
            }
            Some(at) => Some(at.value),
            None => None,
        };
        let codec = self.spec.spill.codec.unwrap_or(SegmentCodec::Raw);
        let threads = options.threads.or(self.spec.threads).unwrap_or_else(machine_threads).max(1);
        let (writes, seed) = (self.spec.spill.concurrency, self.spec.seed);
        Ok(RunChoice { codec, block_bytes, threads, ahead: false, writes, seed })
    }

    fn spill_place(&self, options: &JobOptions) -> SpillPlace {
        let spill = &self.spec.spill;
        let dir = options.spill_dir.clone().or_else(|| spill.dir.clone());
        let dir = dir.or_else(|| options.spill_dir_default.clone());
        SpillPlace {
            dir: dir.unwrap_or_else(std::env::temp_dir),
            limit: options.disk_limit.or(spill.disk_limit),
            writes: spill.concurrency,
        }
    }
}

/// A job whose steps and memory are settled.
struct Planned {
    plan: Plan,
    memory: MemoryPlan,
    spill: SpillPlace,
}

fn check_length(name: &str, bytes: u64) -> Result<()> {
    if bytes <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!("{name}: is longer than the {TEXT_BYTES_MAX} bytes of a job")))
}

fn machine_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where a job spills to.
#[derive(Debug)]
pub(crate) struct SpillPlace {
    dir: PathBuf,
    limit: Option<u64>,
    writes: Option<u32>,
}

impl SpillPlace {
    pub fn open(&self) -> Result<Spill> {
        let spill = Spill::new(&self.dir, self.limit)?;
        if let Some(most) = self.writes {
            spill.set_writes_max(most);
        }
        Ok(spill)
    }
}

pub(crate) use lower::{operators, written_sort};

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

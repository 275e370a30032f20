//! A run of a job: within its memory, cancelled at any time, with a manifest of what it did.
//!
//! ```text
//! plan, memory ─► operators ─► pull a batch, write it, tell progress … ─► file whole ─► manifest
//!                 anything that fails, or a cancel: operators, runs and the unfinished file go
//! ```
//!
//! The memory that is promised is that of the whole process (invariant I12): its base is measured, what
//! operators hold is stated by each of them, and reserved in a budget of that size. Within a budget of others
//! it is that of the job alone, and all of it is taken before anything is read.

use crate::job::{
    JobOptions, LinePlan, MemoryPlan, Parent, Plan, ProgressCallback, SpillPlace, operators,
    written_sort,
};
use crate::manifest;
use crate::operator::{
    Counts, FileSink, OutputFacts, RowCounts, Shared, Sink, Telling, Told, sort_lines,
};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};
use store_core::segment::Spill;
use store_core::{Error, Kind, MemoryBudget, Result};

/// How far a job is.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Rows read by all scans.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Bytes of text read, after unpacking.
    pub bytes: u64,
    /// Bytes of files read, before it.
    pub source_bytes: u64,
    /// Bytes of all the files, if it is known.
    pub source_size: Option<u64>,
    /// Bytes put aside so far.
    pub spill_bytes: u64,
    /// Resident bytes of the process now; of a job within a budget, what it has reserved for itself.
    pub memory: u64,
    /// The cap on them.
    pub cap: u64,
}

/// Rows of one step. `rows_in + rows_made = rows_out + rows_filtered + rows_rejected + rows_merged`, always;
/// only aggregates and joins make and merge rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// Its number in the job, from 1.
    pub step: usize,
    /// Its name, or its word.
    pub name: String,
    /// Rows taken in.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Rows left out, as it was told.
    pub rows_filtered: u64,
    /// Rows that could not be read.
    pub rows_rejected: u64,
    /// Rows that went into groups or joined ones.
    pub rows_merged: u64,
    /// Groups, and joined rows.
    pub rows_made: u64,
}

/// What a run did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Rows of every step that was left after planning.
    pub steps: Vec<StepReport>,
    /// What was stated before it ran.
    pub predicted_peak: u64,
    /// The most resident bytes of the process so far, as the system counted them; of a job within a budget,
    /// the most that it had reserved for itself.
    pub measured_peak: u64,
    /// The cap.
    pub cap: u64,
    /// Bytes put aside, in all.
    pub spill_bytes: u64,
    /// How often rows were put aside and read again, at most.
    pub passes: u64,
    /// How long it took.
    pub took: Duration,
    /// Where the manifest is.
    pub manifest: Option<PathBuf>,
    facts: Value,
}

impl Report {
    /// Rows written.
    pub fn rows_out(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.rows_out)
    }

    /// What the manifest says, written or not.
    pub const fn to_json(&self) -> &Value {
        &self.facts
    }

    /// Rows that could not be read.
    pub fn rows_rejected(&self) -> u64 {
        self.steps.iter().map(|step| step.rows_rejected).sum()
    }
}

/// A job that is ready to run.
pub(crate) struct Prepared {
    pub plan: Plan,
    pub memory: MemoryPlan,
    pub spill: SpillPlace,
    pub hash: String,
    pub name: String,
    pub parent: Parent,
}

/// Runs it.
pub(crate) fn run(job: &Prepared, mut options: JobOptions) -> Result<Report> {
    let began = (Instant::now(), SystemTime::now());
    let _taken = job.parent.reserve(&job.name, &job.memory)?;
    let budget = MemoryBudget::for_job(job.memory.cap);
    let holder = budget.holder("job");
    let _base = holder.child("program").reserve(job.memory.base as usize)?;
    let spill = if job.memory.breakers > 0 { Some(job.spill.open()?) } else { None };
    let cancelled = options.cancelled.take().unwrap_or_default();
    let telling = told(job, options.progress.take(), spill.clone(), &budget, &cancelled);
    let _telling = Telling::begin(telling);
    let shared = Shared {
        memory: Arc::new(job.memory.clone()),
        holder,
        spill: spill.clone(),
        cancelled,
        counts: Arc::new(Counts::new(job.plan.names.len())),
        names: job.plan.names.clone().into(),
        digests: Arc::default(),
    };
    let output = match LinePlan::of(&job.plan, job.memory.run) {
        Some(lines) => {
            let sorted = sort_lines(&lines, &job.plan.sink, job.plan.sink_step, &shared)?;
            Some(sorted)
        }
        None => pull(job, &shared)?,
    };
    let steps = step_reports(&job.plan, &shared)?;
    let spilled = || spill.as_ref().map_or(0, Spill::written_bytes);
    let mut report = Report {
        steps,
        predicted_peak: job.memory.predicted,
        measured_peak: if job.parent.is_process() { peak_bytes() } else { budget.peak() },
        cap: job.memory.cap,
        spill_bytes: spilled(),
        passes: passes(&shared.counts),
        took: began.0.elapsed(),
        manifest: None,
        facts: Value::Null,
    };
    let facts = manifest::Facts { job, shared: &shared, output: output.as_ref(), began: began.1 };
    report.facts = manifest::manifest(&facts, &report);
    report.manifest =
        manifest::write(&report.facts, manifest::place(&job.plan.sink, options.manifest))?;
    Ok(report)
}

fn source_size(plan: &Plan) -> Option<u64> {
    plan.root.scans().into_iter().flat_map(|scan| &scan.files).map(|file| file.bytes).sum()
}

/// Pulls all rows through the operators into the sink. What was written is kept if the counts add up.
fn pull(job: &Prepared, shared: &Shared) -> Result<Option<OutputFacts>> {
    let Plan { root, sink, sink_step, .. } = &job.plan;
    if let Some(sort) = written_sort(&job.plan, shared)? {
        let mut sink = FileSink::new(sink, &root.fields, *sink_step, shared)?;
        sort.write_to(&mut sink, &root.fields, shared)?;
        step_reports(&job.plan, shared)?;
        return sink.finish().map(Some);
    }
    let mut input = operators(&job.plan, shared)?;
    let mut sink = Sink::new(sink, &root.fields, *sink_step, shared)?;
    while input.advance()? {
        sink.take(&*input)?;
        shared.tick()?;
    }
    drop(input);
    step_reports(&job.plan, shared)?;
    sink.finish()
}

/// What is called between two batches, by this thread.
fn told(
    job: &Prepared,
    callback: Option<ProgressCallback>,
    spill: Option<Spill>,
    budget: &Arc<MemoryBudget>,
    cancelled: &Arc<AtomicBool>,
) -> Option<Told> {
    let mut callback = callback?;
    let (source_size, sink, cap) = (source_size(&job.plan), job.plan.sink_step, job.memory.cap);
    let (budget, cancelled) = (Arc::clone(budget), Arc::clone(cancelled));
    let of_process = job.parent.is_process();
    Some(Box::new(move |counts: &Counts| {
        let goes_on = callback(&Progress {
            rows_in: counts.scanned.load(Relaxed),
            rows_out: counts.steps[sink].get().given,
            bytes: counts.bytes.load(Relaxed),
            source_bytes: counts.source_bytes.load(Relaxed),
            source_size,
            spill_bytes: spill.as_ref().map_or(0, Spill::written_bytes),
            memory: if of_process { resident_bytes() } else { budget.used() },
            cap,
        });
        if !goes_on {
            cancelled.store(true, Relaxed);
        }
    }))
}

/// The rows of each step that is in the plan; the counts must add up (invariant I14).
fn step_reports(plan: &Plan, shared: &Shared) -> Result<Vec<StepReport>> {
    let mut numbers = plan.root.numbers();
    numbers.push(plan.sink_step);
    numbers.sort_unstable();
    numbers.dedup();
    let mut reports = Vec::with_capacity(numbers.len());
    for step in numbers {
        let RowCounts { taken, given, filtered, rejected, merged, made } =
            shared.counts.steps[step].get();
        let name = plan.names[step].clone();
        if taken + made != given + filtered + rejected + merged {
            let message = format!(
                "step {} ({name}) took {taken} rows, gave {given}, filtered {filtered}, rejected {rejected}, \
                 merged {merged} and made {made}: rows were lost, so the output is not kept",
                step + 1
            );
            return Err(Error::new(Kind::Panic, message));
        }
        reports.push(StepReport {
            step: step + 1,
            name,
            rows_in: taken,
            rows_out: given,
            rows_filtered: filtered,
            rows_rejected: rejected,
            rows_merged: merged,
            rows_made: made,
        });
    }
    Ok(reports)
}

/// Merges that wrote a run again, and the last one, of the sort that has most; of aggregates and joins how
/// often rows were partitioned.
fn passes(counts: &Counts) -> u64 {
    let of = |stats: &crate::operator::sort::SortStats| {
        if stats.runs == 0 { 0 } else { 1 + u64::from(stats.merges > 0) }
    };
    let sorts = counts.sorts.lock().iter().map(|(_, stats, _)| of(stats)).max();
    let hashes =
        counts.hashes.lock().iter().filter(|note| note.spill_bytes > 0).map(|n| n.levels).max();
    sorts.unwrap_or(0).max(hashes.map_or(0, u64::from))
}

/// Resident bytes of this process now.
pub(crate) fn resident_bytes() -> u64 {
    const UNKNOWN: u64 = 16 << 20;
    let page = 4096; // what the systems this runs on count in
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.map_or(UNKNOWN, |pages| pages * page)
}

/// The most there ever were.
fn peak_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

//! What a job takes in memory, stated before it runs.
//!
//! ```text
//! predicted = base of the process + stated bytes of every streaming operator
//!           + breakers alive at once × what each of them gets
//! ```
//!
//! Streaming operators state a function of the batch and of the longest row, never of the input. At the
//! smallest cap that works both have their least size; above it a part of the surplus goes to them and the
//! rest to the breakers, so that whatever fits at one cap fits at every larger one.

use super::line_plan::LinePlan;
use super::plan::{Node, Plan, ScanPlan, SinkPlan, Step};
use super::spec::FileFormat;
use crate::batch::{BATCH_ROWS_MAX, Field, Limits};
use crate::expr::{Bound, bind};
use crate::operator::sort::SortOptions;
use store_core::ingest::{Records, Source};
use store_core::planted::bug;
use store_core::segment::{SegmentCodec, sort_costs};
use store_core::te::{Phase, Refused, SortPlan, schedule};
use store_core::{Error, Kind, Result};

const KIB: u64 = 1 << 10;
/// Smallest batch and longest row, for the smallest cap.
const BATCH_BYTES_MIN: u64 = 64 * KIB;
const ROW_BYTES_MIN: u64 = 64 * KIB;
const LEAST: Limits = Limits {
    rows: BATCH_ROWS_MAX,
    bytes: BATCH_BYTES_MIN as usize,
    row_bytes: ROW_BYTES_MIN as usize,
};
/// A store whose table is written to gets one part in this many of the cap.
pub(super) const STORE_SHARE: u64 = 2;
/// Largest batch: columns of more would leave the caches.
const BATCH_BYTES_MAX: u64 = 1024 * KIB;
/// Longest row that is ever read.
const ROW_BYTES_MAX: u64 = 16 * 1024 * KIB;
/// One part in this many of the surplus goes to batches and rows.
const STREAM_SHARE: u64 = 8;
/// What reading a table takes: a cursor with a few pages of rows.
const TABLE_BYTES: u64 = 256 * KIB;
/// Pages of code and of the allocator that are not resident before the job runs.
const CODE_BYTES: u64 = 2048 * KIB;
/// How much the base differs from one run of a program to the next: the system maps pages of its file around
/// those that are asked for. So much more is named as the smallest cap, so that it works the next time.
const BASE_DRIFT: u64 = 768 * KIB;
/// The part of a sort's arena that pays for one more thread.
const PART_BYTES_MIN: u64 = 1024 * KIB;
/// Blocks of runs while the memory is small, unless the job says it.
const RUN_BLOCK_BYTES: u64 = 16 * KIB;
/// A part of a breaker that its rows in the heap take, for top-k.
pub(crate) const TOP_SHARE: usize = 4;
/// Bytes of output that are collected before they are written.
pub(crate) const SINK_BUFFER_BYTES: usize = 64 << 10;
/// What packing output holds.
const GZIP_BYTES: u64 = 512 * KIB;
const ZSTD_BYTES: u64 = 4096 * KIB;

/// How runs are written, as the job says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunChoice {
    pub codec: SegmentCodec,
    /// Chosen for the memory if the job says nothing.
    pub block_bytes: Option<usize>,
    /// Most threads that may be at work; fewer are if the memory is small.
    pub threads: usize,
}

impl RunChoice {
    /// How many threads sort within this memory: as many as have a part of it that is worth it.
    pub fn threads_within(&self, memory: u64) -> usize {
        let Self { codec, block_bytes, .. } = *self;
        let worth = |threads: &usize| {
            let within = SortOptions::within(memory as usize);
            let plan = SortOptions { codec, block_bytes, threads: *threads, ..within }.plan();
            plan.is_ok_and(|plan| plan.part >= PART_BYTES_MIN)
        };
        (2..=self.threads).rev().find(worth).unwrap_or(1)
    }
}

/// The memory of a job, item by item.
#[derive(Clone, Debug)]
pub(crate) struct MemoryPlan {
    pub cap: u64,
    /// What the process has before the job reads anything.
    pub base: u64,
    pub limits: Limits,
    /// What each operator states, in the order of the plan, and the step's number.
    pub stated: Vec<(usize, &'static str, u64)>,
    /// What each breaker gets; none are there if it is 0.
    pub breaker_bytes: u64,
    /// Breakers alive at once.
    pub breakers: u64,
    /// The most that the process has in each phase, in the order of the plan.
    pub peaks: Vec<u64>,
    pub predicted: u64,
    pub min_cap: u64,
    pub run: RunChoice,
}

impl MemoryPlan {
    /// Divides a cap. One that is too small is refused, with the smallest that works.
    ///
    /// `store` is what the store of a table that is written to has in use: it may grow to a half of the cap.
    pub fn of(
        plan: &Plan,
        cap: u64,
        base: u64,
        run: RunChoice,
        store: Option<u64>,
    ) -> Result<Self> {
        let base = base + CODE_BYTES;
        if let Some(lines) = LinePlan::of(plan, run) {
            return Self::of_lines(plan, &lines, cap, base, run);
        }
        let mut fixed = Fixed::of(plan)?;
        let breakers = alive(&plan.root).1;
        let needed = needed(plan, &fixed, base, run, store);
        let min_cap = needed + BASE_DRIFT;
        if cap < needed && !bug("small_cap_taken") {
            return Err(too_small(cap, min_cap, base));
        }
        if let Some(used) = store {
            let (step, constant) = (plan.sink_step, (cap / STORE_SHARE).saturating_sub(used));
            fixed.items.push(Stated { step, word: "store", constant, batches: 0, rows: 0 });
        }
        let tops = tops(&plan.root, breakers);
        let least_breaker = breaker_bytes_min(run);
        let least =
            base + fixed.total(LEAST) + breakers * least_breaker + tops * top_bytes(least_breaker);
        let surplus = cap.saturating_sub(least);
        let share = if breakers > 0 { surplus / STREAM_SHARE } else { surplus };
        let limits = fixed.widest(LEAST, share);
        let held = base + fixed.total(limits);
        let parts = TOP_SHARE as u64 * breakers + tops;
        let each = (cap.saturating_sub(held) * TOP_SHARE as u64).checked_div(parts).unwrap_or(0);
        let held = held + tops * top_bytes(each);
        let planned = schedule(&phases(&plan.root, each), held, cap.max(held)).map_err(|_| {
            Error::new(Kind::Panic, "what is divided among sorts is more than there is")
        })?;
        let stated = |item: &Stated| (item.step, item.word, item.bytes(limits));
        Ok(Self {
            cap,
            base,
            limits,
            stated: fixed.items.iter().map(stated).collect(),
            breaker_bytes: each,
            breakers,
            peaks: planned.peaks,
            predicted: planned.peak,
            min_cap,
            run,
        })
    }

    /// The same for a sort of lines: it gets all but what the output takes.
    fn of_lines(
        plan: &Plan,
        lines: &LinePlan,
        cap: u64,
        base: u64,
        run: RunChoice,
    ) -> Result<Self> {
        let (unpacking, _) = scan(&lines.scan)?;
        let sink = Stated { rows: 0, ..sink(&plan.sink, plan.sink_step, 0) };
        let held = base + unpacking + sink.constant;
        let needed = held + lines.memory_min();
        let min_cap = needed + BASE_DRIFT;
        if cap < needed && !bug("small_cap_taken") {
            return Err(too_small(cap, min_cap, base));
        }
        let each = cap.saturating_sub(held) / 4096 * 4096;
        Ok(Self {
            cap,
            base,
            limits: LEAST,
            stated: vec![
                (lines.scan_step, "scan", unpacking),
                (plan.sink_step, sink.word, sink.constant),
            ],
            breaker_bytes: each,
            breakers: 1,
            peaks: vec![held + each; 2],
            predicted: held + each,
            min_cap,
            run,
        })
    }

    /// How a breaker of this job sorts.
    pub fn sort_options(&self) -> SortOptions {
        let RunChoice { codec, block_bytes, .. } = self.run;
        let threads = self.run.threads_within(self.breaker_bytes);
        let within = SortOptions::within(self.breaker_bytes as usize);
        SortOptions { codec, block_bytes, threads, ..within }
    }
}

/// What a job takes at least.
fn needed(plan: &Plan, fixed: &Fixed, base: u64, run: RunChoice, store: Option<u64>) -> u64 {
    let each = breaker_bytes_min(run);
    let held = base + fixed.total(LEAST) + tops(&plan.root, alive(&plan.root).1) * top_bytes(each);
    let least = match schedule(&phases(&plan.root, each), held, 0) {
        Err(Refused::TooSmall { min_cap }) => min_cap,
        _ => held,
    };
    // With half of the cap for the store, the rest must fit in the other half.
    store.map_or(least, |used| least.max(STORE_SHARE * least.saturating_sub(used)))
}

#[cold]
fn too_small(cap: u64, min_cap: u64, base: u64) -> Error {
    let message = format!(
        "this job does not fit within {cap} bytes of memory: the smallest that works is {min_cap}, of which \
         the program itself takes {base}"
    );
    Error::new(Kind::OverBudget, message).detail(min_cap.to_string())
}

/// The smallest memory in which rows of the least length are sorted, keys and all, beside the heap of
/// first rows.
fn breaker_bytes_min(run: RunChoice) -> u64 {
    let page = run.block_bytes.map_or(RUN_BLOCK_BYTES, |bytes| bytes as u64);
    let least = SortPlan::memory_min(page, &sort_costs(run.codec)) + 8 * ROW_BYTES_MIN;
    (least + least / (TOP_SHARE as u64 - 1) + 4096).next_multiple_of(4096)
}

/// What the heap of first rows of a breaker takes, which the allocator may not give back to the system.
const fn top_bytes(breaker: u64) -> u64 {
    breaker / TOP_SHARE as u64
}

/// Heaps of first rows that may be left behind when other breakers are at work.
fn tops(root: &Step, alive: u64) -> u64 {
    fn count(step: &Step) -> (u64, u64) {
        let below = step.inputs().into_iter().map(count);
        let (breakers, tops) = below.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        match &step.node {
            Node::Sort(_, sort) => (breakers + 1, tops + u64::from(sort.limit.is_some())),
            Node::Distinct(_) => (breakers + 1, tops),
            _ => (breakers, tops),
        }
    }
    let (breakers, tops) = count(root);
    if breakers > alive { tops } else { 0 }
}

/// The phases of a plan for the schedule: each ends with a sort, which gets `each`, or with the sink. A
/// sort that gives its rows has all of its memory until they are read, so it is the source's there.
fn phases(root: &Step, each: u64) -> Vec<Phase> {
    fn add(step: &Step, each: u64, phases: &mut Vec<Phase>) -> Vec<usize> {
        let below: Vec<usize> =
            step.inputs().into_iter().flat_map(|input| add(input, each, phases)).collect();
        if !matches!(step.node, Node::Sort(..) | Node::Distinct(_)) {
            return below;
        }
        phases.push(phase(below, each, each));
        vec![phases.len() - 1]
    }
    let mut found = Vec::new();
    let below = add(root, each, &mut found);
    found.push(phase(below, each, 0));
    found
}

/// Sorts below a union give their rows one after the other.
fn phase(inputs: Vec<usize>, each: u64, breaker: u64) -> Phase {
    let sources = if inputs.is_empty() { 0 } else { each };
    Phase {
        name: String::new(),
        inputs,
        streaming: 0,
        sources,
        breaker_min: breaker,
        breaker_max: breaker,
        residual: 0,
    }
}

/// Breakers alive while a step gives its rows, and at most.
fn alive(step: &Step) -> (u64, u64) {
    let below: Vec<(u64, u64)> = step.inputs().into_iter().map(alive).collect();
    let giving = below.iter().map(|(giving, _)| *giving).max().unwrap_or(0);
    let most = below.iter().map(|(_, most)| *most).max().unwrap_or(0);
    match step.node {
        // It takes its input in while that gives; when it gives, the input is gone.
        Node::Sort(..) | Node::Distinct(_) => (1, most.max(giving + 1)),
        _ => (giving, most),
    }
}

/// What an operator holds: a constant, and factors of the batch and the longest row.
struct Stated {
    step: usize,
    word: &'static str,
    constant: u64,
    batches: u64,
    rows: u64,
}

impl Stated {
    const fn bytes(&self, limits: Limits) -> u64 {
        self.constant + self.batches * limits.bytes as u64 + self.rows * limits.row_bytes as u64
    }
}

struct Fixed {
    items: Vec<Stated>,
}

impl Fixed {
    fn of(plan: &Plan) -> Result<Self> {
        let mut fixed = Self { items: Vec::new() };
        fixed.add(&plan.root)?;
        fixed.items.push(sink(&plan.sink, plan.sink_step, plan.root.fields.len()));
        Ok(fixed)
    }

    fn total(&self, limits: Limits) -> u64 {
        self.items.iter().map(|item| item.bytes(limits)).sum()
    }

    /// The limits that make use of more bytes.
    fn widest(&self, least: Limits, more: u64) -> Limits {
        let (batches, rows) = self
            .items
            .iter()
            .fold((0, 0), |(batches, rows), item| (batches + item.batches, rows + item.rows));
        // Half of it for batches, half for rows; the factor of neither is 0, for there is a scan.
        let batch = BATCH_BYTES_MIN + more / 2 / batches.max(1);
        let row = ROW_BYTES_MIN + more / 2 / rows.max(1);
        Limits {
            rows: least.rows,
            bytes: batch.min(BATCH_BYTES_MAX) as usize,
            row_bytes: row.min(ROW_BYTES_MAX) as usize,
        }
    }

    fn add(&mut self, step: &Step) -> Result<()> {
        for input in step.inputs() {
            self.add(input)?;
        }
        // A batch is there once, twice while a column of it grows.
        let batch = |fields: &[Field]| 512 * fields.len() as u64;
        let own = batch(&step.fields);
        let item = |word, constant, batches, rows| Stated {
            step: step.number,
            word,
            constant,
            batches,
            rows,
        };
        let stated = match &step.node {
            Node::Scan(plan) => {
                let (constant, rows) = scan(plan)?;
                item("scan", constant + own, 2, 2 + rows)
            }
            Node::Table(_) => item("scan", own + TABLE_BYTES, 2, 2),
            Node::Filter(input, filter) => {
                let bound = bind(&filter.expr, &input.fields, &filter.text)?;
                item("filter", own + columns_bytes(&bound), 3, 2)
            }
            Node::Project(input, items) => {
                let mut constant = own + batch(&input.fields);
                for named in items {
                    constant += columns_bytes(&bind(&named.expr, &input.fields, &named.text)?);
                }
                // The rows given, what is left of the rows taken, and the text that is being made.
                item("project", constant, 5, 5)
            }
            Node::Limit(..) => item("limit", own, 2, 2),
            Node::Union(_) => item("union", own, 0, 0),
            // Keys may be twice as long as the row, for every byte of it may be zero.
            Node::Sort(..) => item("sort", own, 2, 8),
            Node::Distinct(_) => item("distinct", own, 2, 8),
        };
        self.items.push(stated);
        Ok(())
    }
}

/// Columns of fixed width that an expression makes on its way.
fn columns_bytes(bound: &Bound) -> u64 {
    const CELL_BYTES: u64 = 17;
    bound.columns_made() as u64 * BATCH_ROWS_MAX as u64 * CELL_BYTES
}

/// A constant, and how many times the longest row.
fn scan(plan: &ScanPlan) -> Result<(u64, u64)> {
    let mut unpacking = 0;
    for (nth, file) in plan.files.iter().enumerate().filter(|(_, file)| !file.is_stream()) {
        if nth == 0 || file.path.extension().is_some_and(|ending| ending == "zst") {
            unpacking = unpacking.max(Source::open(&file.path)?.unpacking_bytes()? as u64);
        }
    }
    let decodes = plan.quote.is_some() || plan.escape != store_core::ingest::Escape::None;
    let one = Records::bytes_for(0, decodes) as u64;
    let fields = 24 * plan.columns.len() as u64;
    let rows = 2 + u64::from(decodes) + if plan.format == FileFormat::JsonLines { 4 } else { 0 };
    Ok((unpacking + one + fields, rows))
}

fn sink(plan: &SinkPlan, step: usize, columns: usize) -> Stated {
    let packing = match plan.destination.rsplit_once('.').map(|(_, ending)| ending) {
        Some("gz") => GZIP_BYTES,
        Some("zst") => ZSTD_BYTES,
        _ => 0,
    };
    let constant = 2 * SINK_BUFFER_BYTES as u64 + packing + 64 * columns as u64;
    // A line and the cell that goes into it, grown by doubling; escapes make them longer.
    Stated { step, word: "sink", constant, batches: 0, rows: 6 }
}

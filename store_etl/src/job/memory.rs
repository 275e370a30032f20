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

use super::columnar::{self, SINK_BATCHES};
use super::line_plan::LinePlan;
use super::parent::Base;
use super::plan::{Node, Plan, ScanPlan, SinkPlan, Step};
use super::spec::FileFormat;
use super::width::Width;
use crate::batch::{BATCH_ROWS_MAX, Field, Limits};
use crate::expr::{Bound, bind};
use crate::operator::First;
use crate::operator::HashOptions;
use crate::operator::join::Side;
use crate::operator::sort::SortOptions;
use crate::operator::{AHEAD_BATCHES, AHEAD_THREAD_BYTES, text_bytes};
use store_core::ingest::{Records, Source};
use store_core::planted::bug;
use store_core::segment::{RunOptions, SegmentCodec, sort_costs};
use store_core::te::{Phase, Refused, SortPlan, schedule};
use store_core::{Error, Kind, Result};

const KIB: u64 = 1 << 10;
/// Smallest batch and longest row, for the smallest cap.
const BATCH_BYTES_MIN: u64 = 64 * KIB;
const ROW_BYTES_MIN: u64 = 32 * KIB;
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
pub(super) const CODE_BYTES: u64 = 2048 * KIB;
/// How much the base differs from one run of a program to the next: the system maps pages of its file around
/// those that are asked for. So much more is named as the smallest cap, so that it works the next time.
pub(super) const BASE_DRIFT: u64 = 768 * KIB;
/// The part of a sort's arena that pays for one more thread.
const PART_BYTES_MIN: u64 = 1024 * KIB;
/// Blocks of runs while the memory is small, unless the job says it.
const RUN_BLOCK_BYTES: u64 = 16 * KIB;
/// A part of a breaker that its rows in the heap take, for top-k.
pub(crate) const TOP_SHARE: usize = 4;
/// Pairs that a join picks at once.
const JOIN_BYTES: u64 = 16 * KIB;
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
    /// One of them is at other work while rows are sorted.
    pub ahead: bool,
    /// Most blocks that are being written at once, by all of them.
    pub writes: Option<u32>,
    /// Chooses the hashes of aggregates and joins.
    pub seed: u64,
}

impl RunChoice {
    /// How many threads sort within this memory: as many as have a part of it that is worth it.
    pub fn threads_within(&self, memory: u64) -> usize {
        let most = self.threads - usize::from(self.ahead);
        let Self { codec, block_bytes, .. } = *self;
        let worth = |threads: &usize| {
            let within = SortOptions::within(memory as usize);
            let plan = SortOptions { codec, block_bytes, threads: *threads, ..within }.plan();
            plan.is_ok_and(|plan| plan.part >= PART_BYTES_MIN)
        };
        (2..=most).rev().find(worth).unwrap_or(1)
    }
}

impl RunChoice {
    fn options(self) -> RunOptions {
        let block_bytes = self.block_bytes.unwrap_or(RunOptions::default().block_bytes);
        RunOptions { codec: self.codec, block_bytes }
    }
}

/// The memory of a job, item by item.
#[derive(Clone, Debug)]
pub(crate) struct MemoryPlan {
    pub cap: u64,
    /// What the process has before the job reads anything; 0 within a budget.
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
        Base { bytes: base, drift }: Base,
        run: RunChoice,
        store: Option<u64>,
    ) -> Result<Self> {
        if let Some(lines) = LinePlan::of(plan, run) {
            return Self::of_lines(plan, &lines, cap, Base { bytes: base, drift }, run);
        }
        let mut fixed = Fixed::of(plan)?;
        let breakers = alive(&plan.root).1;
        let least_breaker = breaker_bytes_min(&plan.root, run, LEAST)?;
        let needed = needed(plan, &fixed, base, least_breaker, store);
        let min_cap = needed + drift;
        if cap < needed && !bug("small_cap_taken") {
            return Err(columnar::named(too_small(cap, min_cap, base), plan));
        }
        if let Some(used) = store {
            let (step, constant) = (plan.sink_step, (cap / STORE_SHARE).saturating_sub(used));
            fixed.items.push(Stated { step, word: "store", constant, batches: 0, rows: 0 });
        }
        let tops = tops(&plan.root, breakers);
        let least =
            base + fixed.total(LEAST) + breakers * least_breaker + tops * top_bytes(least_breaker);
        let surplus = cap.saturating_sub(least);
        let share = if breakers > 0 { surplus / STREAM_SHARE } else { surplus };
        let mut limits = fixed.widest(LEAST, share);
        let parts = TOP_SHARE as u64 * breakers + tops;
        let rest = |limits| cap.saturating_sub(base + fixed.total(limits)) * TOP_SHARE as u64;
        let mut each = rest(limits).checked_div(parts).unwrap_or(0);
        // What the longest row takes of each must not be more than there is.
        while limits.row_bytes > LEAST.row_bytes
            && breaker_bytes_min(&plan.root, run, limits)? > each
        {
            limits.row_bytes = (limits.row_bytes / 2).max(LEAST.row_bytes);
            each = rest(limits).checked_div(parts).unwrap_or(0);
        }
        let held = base + fixed.total(limits) + tops * top_bytes(each);
        let planned = schedule(&phases(&plan.root, each), held, cap.max(held)).map_err(|_| {
            Error::new(Kind::Panic, "what is divided among breakers is more than there is")
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
        Base { bytes: base, drift }: Base,
        run: RunChoice,
    ) -> Result<Self> {
        let (unpacking, _) = scan(&lines.scan)?;
        let sink = Stated { rows: 0, ..sink(&plan.sink, plan.sink_step, &[]) };
        let held = base + unpacking + sink.constant;
        let needed = held + lines.memory_min();
        let min_cap = needed + drift;
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

    /// True if there is so much that what threads take is not missed elsewhere.
    pub const fn is_ample(&self) -> bool {
        self.cap - self.base >= 2 * (self.min_cap - self.base)
    }

    /// How a breaker of this job sorts.
    pub fn sort_options(&self) -> SortOptions {
        let RunChoice { codec, block_bytes, .. } = self.run;
        let threads = self.run.threads_within(self.breaker_bytes);
        let within = SortOptions::within(self.breaker_bytes as usize);
        SortOptions { codec, block_bytes, threads, ..within }
    }

    /// How a breaker of this job groups or joins rows, of this width.
    pub fn hash_options(&self, width: Width) -> HashOptions {
        hash_options(self.breaker_bytes, width, self.run, self.limits)
    }

    /// The limits of batches of such rows.
    pub const fn wide(&self, width: Width) -> Limits {
        Limits { row_bytes: width.bytes(self.limits), ..self.limits }
    }
}

/// What a job takes at least.
fn needed(plan: &Plan, fixed: &Fixed, base: u64, each: u64, store: Option<u64>) -> u64 {
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
    // Within a budget there is nothing but the job.
    let program = match base {
        0 => String::new(),
        base => format!(", of which the program itself takes {base}"),
    };
    let message = format!(
        "this job does not fit within {cap} bytes of memory: the smallest that works is {min_cap}{program}"
    );
    Error::new(Kind::OverBudget, message).detail(min_cap.to_string())
}

/// The smallest memory in which every breaker of a plan works with rows of these limits.
fn breaker_bytes_min(step: &Step, run: RunChoice, limits: Limits) -> Result<u64> {
    let own = match &step.node {
        Node::Sort(input, _) | Node::Distinct(input) => {
            // Keys and all, beside the heap of first rows.
            let page = run.block_bytes.map_or(RUN_BLOCK_BYTES, |bytes| bytes as u64);
            let rows = 8 * Width::of(input).bytes(limits) as u64;
            let least = SortPlan::memory_min(page, &sort_costs(run.codec)) + rows;
            least + least / (TOP_SHARE as u64 - 1) + 4096
        }
        Node::Aggregate(input, plan) => {
            let options = hash_options(0, Width::of(input), run, limits);
            plan.bind(&input.fields)?.memory_min(&options) as u64
        }
        Node::Join(sides, plan) => {
            let [left, right] = &**sides;
            let options = hash_options(0, Width::of(left).max(Width::of(right)), run, limits);
            plan.bind(&left.fields, &right.fields)?.memory_min(&options) as u64
        }
        _ => 0,
    };
    let mut least = own.next_multiple_of(4096);
    for input in step.inputs() {
        least = least.max(breaker_bytes_min(input, run, limits)?);
    }
    Ok(least)
}

fn hash_options(memory: u64, width: Width, run: RunChoice, limits: Limits) -> HashOptions {
    HashOptions {
        run: run.options(),
        page_bytes: run.block_bytes,
        seed: run.seed,
        ..HashOptions::within(memory as usize, width.bytes(limits))
    }
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
            Node::Distinct(_) | Node::Aggregate(..) | Node::Join(..) => (breakers + 1, tops),
            _ => (breakers, tops),
        }
    }
    let (breakers, tops) = count(root);
    if breakers > alive { tops } else { 0 }
}

/// The phases of a plan for the schedule, in the order in which they run: each ends with a breaker, which
/// gets `each`, or with the sink. A breaker that gives its rows has all of its memory until they are read,
/// and a join until the other side has streamed by, so it is a source's there.
fn phases(root: &Step, each: u64) -> Vec<Phase> {
    let mut found = Vec::new();
    let below = add_phases(root, 0, each, &mut found);
    found.push(phase(below, alive(root).0 * each, 0));
    found
}

/// Adds those of a step, beside so many breakers that give rows to others; which of them it reads.
fn add_phases(step: &Step, beside: u64, each: u64, phases: &mut Vec<Phase>) -> Vec<usize> {
    match &step.node {
        Node::Sort(input, _) | Node::Distinct(input) | Node::Aggregate(input, _) => {
            let below = add_phases(input, beside, each, phases);
            phases.push(phase(below, (beside + alive(input).0) * each, each));
            vec![phases.len() - 1]
        }
        Node::Join(..) => {
            let Some(Joining { built, streamed, first }) = Joining::of(step) else {
                return Vec::new();
            };
            let early = first == First::Streamed;
            let mut read =
                if early { add_phases(streamed, beside, each, phases) } else { Vec::new() };
            let held = beside + if early { alive(streamed).0 } else { 0 };
            let below = add_phases(built, held, each, phases);
            phases.push(phase(below, (held + alive(built).0) * each, each));
            read.push(phases.len() - 1);
            if !early {
                read.extend(add_phases(streamed, beside + 1, each, phases));
            }
            read
        }
        _ => step
            .inputs()
            .into_iter()
            .flat_map(|input| add_phases(input, beside, each, phases))
            .collect(),
    }
}

fn phase(inputs: Vec<usize>, sources: u64, breaker: u64) -> Phase {
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
pub(super) fn alive(step: &Step) -> (u64, u64) {
    match &step.node {
        // It takes its input in while that gives; when it gives, the input is gone.
        Node::Sort(input, _) | Node::Distinct(input) | Node::Aggregate(input, _) => {
            let (giving, most) = alive(input);
            (1, most.max(giving + 1))
        }
        Node::Join(..) => Joining::of(step).map_or((0, 0), |joining| joining.alive()),
        // One input gives after the other: what a later one takes is taken while the others' reader is there.
        Node::Union(inputs) => {
            let each = inputs.iter().map(alive);
            each.enumerate().fold((0, 0), |all, (nth, (giving, most))| {
                (all.0.max(if nth == 0 { giving } else { most }), all.1.max(most))
            })
        }
        _ => step.inputs().first().map_or((0, 0), |input| alive(input)),
    }
}

/// The sides of a join by what is done with them.
pub(super) struct Joining<'s> {
    pub built: &'s Step,
    pub streamed: &'s Step,
    /// Which side works first, so that less is alive at once.
    pub first: First,
}

impl<'s> Joining<'s> {
    pub fn of(step: &'s Step) -> Option<Self> {
        let Node::Join(sides, plan) = &step.node else { return None };
        let [left, right] = &**sides;
        let (built, streamed) = match plan.build {
            Side::Left => (left, right),
            Side::Right => (right, left),
        };
        let [built_first, streamed_first] = Self::most(alive(built), alive(streamed));
        let first = if streamed_first < built_first { First::Streamed } else { First::Built };
        Some(Self { built, streamed, first })
    }

    /// The most breakers alive in either order.
    fn most(built: (u64, u64), streamed: (u64, u64)) -> [u64; 2] {
        let own = built.0 + 1;
        [built.1.max(own).max(streamed.1 + 1), streamed.1.max(streamed.0 + built.1.max(own))]
    }

    fn alive(&self) -> (u64, u64) {
        let (built, streamed) = (alive(self.built), alive(self.streamed));
        let [built_first, streamed_first] = Self::most(built, streamed);
        (streamed.0 + 1, built_first.min(streamed_first).max(streamed.0 + 1))
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
        let sink = sink(&plan.sink, plan.sink_step, &plan.root.fields);
        fixed.items.push(Stated { rows: sink.rows * Width::of(&plan.root).rows.max(1), ..sink });
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
        let inputs = step.inputs().into_iter().map(|input| Width::of(input).rows);
        let wide = inputs.max().unwrap_or(1).max(Width::of(step).rows).max(1);
        let item = |word, constant, batches, rows| Stated {
            step: step.number,
            word,
            constant,
            batches,
            rows: rows * wide,
        };
        let stated = match &step.node {
            Node::Scan(plan) if let Some(columnar) = &plan.columnar => {
                // Besides the batch: where texts lie, and those of a batch in one piece.
                item("scan", columnar.bytes as u64 + own, 4, 3)
            }
            Node::Scan(plan) => {
                let (constant, rows) = scan(plan)?;
                item("scan", constant + own, 2, 2 + rows)
            }
            Node::Table(_) => item("scan", own + TABLE_BYTES, 2, 2),
            Node::Filter(input, filter) => {
                let bound = bind(&filter.expr, &input.fields, &filter.text)?;
                item("filter", own + columns_bytes(&bound), 3, 2)
            }
            Node::Aggregate(..) => item("aggregate", own, 2, 2),
            Node::Join(..) => item("join", own + JOIN_BYTES, 2, 2),
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
            // A line and its keys, grown by doubling.
            Node::Sort(_, sort) if sort.written.is_some() => item("sort", 0, 0, 8),
            Node::Sort(..) => item("sort", own, 2, 8),
            Node::Distinct(_) => item("distinct", own, 2, 8),
            Node::Ahead(_) => {
                let batches = AHEAD_BATCHES as u64 + 1;
                item("thread", batches * own + AHEAD_THREAD_BYTES as u64, 2 * batches, 2 * batches)
            }
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
    if plan.format == FileFormat::JsonLines {
        let columns = 24 * plan.columns.len() as u64;
        return Ok((unpacking + Records::bytes_for(0, false) as u64 + columns, 6));
    }
    let (constant, rows) = text_bytes(plan);
    Ok((unpacking + constant as u64, rows))
}

fn sink(plan: &SinkPlan, step: usize, fields: &[Field]) -> Stated {
    if plan.table.is_none() && plan.format.is_columnar() {
        let constant = 2 * SINK_BUFFER_BYTES + columnar::sink_bytes_min(plan.format, fields);
        let (constant, batches) = (constant as u64, SINK_BATCHES as u64);
        return Stated { step, word: "sink", constant, batches, rows: 4 };
    }
    let packing = match plan.destination.rsplit_once('.').map(|(_, ending)| ending) {
        Some("gz") => GZIP_BYTES,
        Some("zst") => ZSTD_BYTES,
        _ => 0,
    };
    let constant = 2 * SINK_BUFFER_BYTES as u64 + packing + 64 * fields.len() as u64;
    // A line and the cell that goes into it, grown by doubling; escapes make them longer.
    Stated { step, word: "sink", constant, batches: 0, rows: 6 }
}

//! How breakers cut up their memory, and what follows for the input: block, fan-out, levels, bytes spilled.

use super::line_plan::LinePlan;
use super::memory::{Joining, MemoryPlan};
use super::plan::{Node, Plan, Step};
use super::rules_of_joins::bytes;
use super::width::Width;
use store_core::segment::SegmentCodec;
use store_core::te::{HashInput, HashPlan, SortInput, SortPlan};

/// Rows are about as long as their lines.
const ROW_BYTES: u64 = 64;

/// What the breakers of a plan put aside.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    /// Two lines for each breaker.
    pub lines: Vec<String>,
    /// Of each breaker whose input is known: about how many bytes it spills, in how many levels.
    spills: Vec<(u64, u64)>,
    unknown: bool,
}

impl Forecast {
    /// The forecast for a plan in so much memory.
    pub fn of(plan: &Plan, memory: &MemoryPlan) -> Self {
        let mut forecast = Self::default();
        match LinePlan::of(plan, memory.run) {
            Some(by_line) => forecast.add_lines(&by_line, memory),
            None => add(&plan.root, memory, &mut forecast),
        }
        forecast
    }

    /// About how many bytes are spilled, before packing, if the size of every input is known.
    pub fn spill_bytes(&self) -> Option<u64> {
        (!self.unknown).then(|| self.spills.iter().map(|(bytes, _)| bytes).sum())
    }

    /// How often rows are put aside and read again, likewise.
    pub fn passes(&self) -> Option<u64> {
        let passes = |&(bytes, levels): &(u64, u64)| if bytes > 0 { levels.max(1) } else { 0 };
        (!self.unknown).then(|| self.spills.iter().map(passes).max().unwrap_or(0))
    }

    fn push(&mut self, lines: [String; 2], known: Option<(u64, u64)>) {
        self.lines.extend(lines);
        match known {
            Some(known) => self.spills.push(known),
            None => self.unknown = true,
        }
    }

    /// A sort of lines cuts up its memory in its own way.
    fn add_lines(&mut self, lines: &LinePlan, memory: &MemoryPlan) {
        let Ok(options) = lines.options(memory.breaker_bytes).sort_options() else { return };
        let Ok(plan) = options.plan() else { return };
        sort(&format!("step {}", lines.sort_step + 1), &plan, options.input, memory, self);
    }
}

fn add(step: &Step, memory: &MemoryPlan, forecast: &mut Forecast) {
    for input in step.inputs() {
        add(input, memory, forecast);
    }
    let name = format!("step {}", step.number + 1);
    match &step.node {
        Node::Sort(input, _) | Node::Distinct(input) => sort_rows(&name, input, memory, forecast),
        Node::Aggregate(input, plan) => {
            let Ok(bound) = plan.bind(&input.fields) else { return };
            if bound.sorts() {
                return sort_rows(&name, input, memory, forecast);
            }
            let options = memory.hash_options(Width::of(input));
            if let Ok(plan) = bound.hash_plan(&options) {
                let known = bytes(input).map(|bytes| (bytes, plan.spill_bytes(hash_input(bytes))));
                hash(&name, "if all rows are groups", &plan, known, memory, forecast);
            }
        }
        Node::Join(sides, plan) => {
            let [left, right] = &**sides;
            let options = memory.hash_options(Width::of(left).max(Width::of(right)));
            let bound = plan.bind(&left.fields, &right.fields);
            let Ok(Ok(hashed)) = bound.map(|bound| bound.hash_plan(&options)) else { return };
            let Some(Joining { built, streamed, .. }) = Joining::of(step) else { return };
            let known = bytes(built).map(|own| {
                let spilled = hashed.spill_bytes(hash_input(own));
                // Of what streams by, the part whose partners were put aside.
                let share = spilled.min(own) as f64 / own.max(1) as f64;
                let other = bytes(streamed).unwrap_or(0) as f64 * share;
                (own, spilled + other as u64)
            });
            hash(&name, "of the side that is built", &hashed, known, memory, forecast);
        }
        _ => {}
    }
}

const fn hash_input(bytes: u64) -> HashInput {
    let rows = bytes / ROW_BYTES + 1;
    HashInput { rows, bytes, keys: rows }
}

fn codec(memory: &MemoryPlan) -> &'static str {
    match memory.run.codec {
        SegmentCodec::Raw => "raw",
        SegmentCodec::Lz4 => "lz4",
        SegmentCodec::Zstd => "zstd",
    }
}

fn sort_rows(name: &str, input: &Step, memory: &MemoryPlan, forecast: &mut Forecast) {
    let Ok(plan) = memory.sort_options().plan() else { return };
    let known = |bytes| SortInput { rows: bytes / ROW_BYTES + 1, bytes, longest: 0 };
    sort(name, &plan, bytes(input).map(known), memory, forecast);
}

fn sort(
    name: &str,
    plan: &SortPlan,
    input: Option<SortInput>,
    memory: &MemoryPlan,
    forecast: &mut Forecast,
) {
    let SortPlan { page, arena, part, fan_in, record_max, .. } = *plan;
    let codec = codec(memory);
    let cut = format!(
        "{name}: P {page}, {codec}; A {arena}; K {fan_in}; rows with their keys up to {record_max}"
    );
    let merged = plan.one_merge_max();
    let Some(input) = input else {
        let line = format!("{name}: N unknown: R = N / {part}, in one merge up to N = {merged}");
        return forecast.push([cut, line], None);
    };
    let (runs, levels, bytes) = (plan.runs(input), plan.levels(input), input.bytes);
    let spilled = plan.spill_bytes(input);
    let line = format!(
        "{name}: N {bytes} of input: R about {runs}, levels {levels}, {spilled} bytes spilled"
    );
    forecast.push([cut, line], Some((spilled, u64::from(levels))));
}

/// `known` is the input and what is spilled of it.
fn hash(
    name: &str,
    of: &str,
    plan: &HashPlan,
    known: Option<(u64, u64)>,
    memory: &MemoryPlan,
    forecast: &mut Forecast,
) {
    let HashPlan { page, fan_out, fan_out_again, resident_keys, table_keys, .. } = *plan;
    let (codec, arena) = (codec(memory), plan.arena());
    let cut = format!(
        "{name}: P {page}, {codec}; A {arena}; F {fan_out}, then {fan_out_again}; keys in memory {resident_keys}, \
         of a partition {table_keys}"
    );
    let one = table_keys.saturating_mul(fan_out);
    let Some((bytes, spilled)) = known else {
        let line = format!(
            "{name}: N unknown: levels 1 + log_{fan_out_again}(keys / {one}), nothing spilled up to \
             {resident_keys} keys"
        );
        return forecast.push([cut, line], None);
    };
    let levels = plan.levels(hash_input(bytes));
    let line = format!("{name}: N {bytes} {of}: levels {levels}, {spilled} bytes spilled");
    forecast.push([cut, line], Some((spilled, u64::from(levels))));
}

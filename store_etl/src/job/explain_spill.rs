//! How breakers cut up their memory, and what follows for the input: block, fan-out, levels, bytes spilled.

use super::memory::{Joining, MemoryPlan};
use super::plan::{Node, Plan, Step};
use super::rules_of_joins::bytes;
use super::width::Width;
use store_core::segment::SegmentCodec;
use store_core::te::{HashInput, HashPlan, SortInput, SortPlan};

/// Rows are about as long as their lines.
const ROW_BYTES: u64 = 64;

/// Two lines for each breaker of a plan.
pub(super) fn spill_lines(plan: &Plan, memory: &MemoryPlan) -> Vec<String> {
    let mut lines = Vec::new();
    add(&plan.root, memory, &mut lines);
    lines
}

fn add(step: &Step, memory: &MemoryPlan, lines: &mut Vec<String>) {
    for input in step.inputs() {
        add(input, memory, lines);
    }
    let name = format!("step {}", step.number + 1);
    match &step.node {
        Node::Sort(input, _) | Node::Distinct(input) => sort(&name, bytes(input), memory, lines),
        Node::Aggregate(input, plan) => {
            let Ok(bound) = plan.bind(&input.fields) else { return };
            if bound.sorts() {
                return sort(&name, bytes(input), memory, lines);
            }
            let options = memory.hash_options(Width::of(input));
            if let Ok(plan) = bound.hash_plan(&options) {
                let known = bytes(input).map(|bytes| (bytes, plan.spill_bytes(hash_input(bytes))));
                hash(&name, "if all rows are groups", &plan, known, memory, lines);
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
            hash(&name, "of the side that is built", &hashed, known, memory, lines);
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

fn sort(name: &str, bytes: Option<u64>, memory: &MemoryPlan, lines: &mut Vec<String>) {
    let Ok(plan) = memory.sort_options().plan() else { return };
    let SortPlan { page, arena, part, fan_in, record_max, .. } = plan;
    let codec = codec(memory);
    lines.push(format!(
        "{name}: P {page}, {codec}; A {arena}; K {fan_in}; rows with their keys up to {record_max}"
    ));
    let merged = plan.one_merge_max();
    lines.push(match bytes {
        Some(bytes) => {
            let input = SortInput { rows: bytes / ROW_BYTES + 1, bytes, longest: 0 };
            let (runs, levels) = (plan.runs(input), plan.levels(input));
            let spilled = plan.spill_bytes(input);
            format!(
                "{name}: N {bytes} of input: R about {runs}, levels {levels}, {spilled} bytes spilled"
            )
        }
        None => format!("{name}: N unknown: R = N / {part}, in one merge up to N = {merged}"),
    });
}

/// `known` is the input and what is spilled of it.
fn hash(
    name: &str,
    of: &str,
    plan: &HashPlan,
    known: Option<(u64, u64)>,
    memory: &MemoryPlan,
    lines: &mut Vec<String>,
) {
    let HashPlan { page, fan_out, fan_out_again, resident_keys, table_keys, .. } = *plan;
    let (codec, arena) = (codec(memory), plan.arena());
    lines.push(format!(
        "{name}: P {page}, {codec}; A {arena}; F {fan_out}, then {fan_out_again}; keys in memory {resident_keys}, \
         of a partition {table_keys}"
    ));
    let one = table_keys.saturating_mul(fan_out);
    lines.push(match known {
        Some((bytes, spilled)) => {
            let levels = plan.levels(hash_input(bytes));
            format!("{name}: N {bytes} {of}: levels {levels}, {spilled} bytes spilled")
        }
        None => format!(
            "{name}: N unknown: levels 1 + log_{fan_out_again}(keys / {one}), nothing spilled up to \
             {resident_keys} keys"
        ),
    });
}

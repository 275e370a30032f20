//! What a job is going to do, in words and numbers.

use super::line_plan::LinePlan;
use super::memory::{MemoryPlan, RunChoice};
use super::plan::{Item, Node, Plan, ScanPlan, Step};
use serde_json::{Value, json};
use std::fmt::{self, Write};
use store_core::segment::SegmentCodec;
use store_core::te::{SortInput, SortPlan};

/// The phases of a job, what each operator holds, and the memory in all.
#[derive(Debug)]
pub struct Explain {
    pub(super) plan: Plan,
    pub(super) memory: MemoryPlan,
    pub(super) hash: String,
}

impl Explain {
    /// The smallest memory that the job works in.
    pub fn min_cap(&self) -> u64 {
        self.memory.min_cap
    }

    /// The most memory the process will have.
    pub fn predicted_bytes(&self) -> u64 {
        self.memory.predicted
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let memory = &self.memory;
        let operator = |(step, word, bytes): &(usize, &str, u64)| json!({ "step": step + 1, "operator": word, "bytes": bytes });
        let phases: Vec<Value> = phases(&self.plan, self.memory.run)
            .into_iter()
            .map(|lines| Value::from(lines.into_iter().map(Value::from).collect::<Vec<_>>()))
            .collect();
        json!({
            "plan_hash": self.hash,
            "phases": phases,
            "memory": {
                "cap": memory.cap,
                "base": memory.base,
                "batch_bytes": memory.limits.bytes,
                "row_bytes_max": memory.limits.row_bytes,
                "operators": memory.stated.iter().map(operator).collect::<Vec<_>>(),
                "breakers": memory.breakers,
                "breaker_bytes": memory.breaker_bytes,
                "phase_peaks": memory.peaks,
                "predicted_peak": memory.predicted,
                "min_cap": memory.min_cap,
            },
        })
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {}", self.hash)?;
        for (nth, lines) in phases(&self.plan, self.memory.run).iter().enumerate() {
            let peak = self.memory.peaks.get(nth).copied().unwrap_or(self.memory.predicted);
            writeln!(f, "phase {}, at most {peak} bytes", nth + 1)?;
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        let memory = &self.memory;
        writeln!(f, "memory")?;
        writeln!(f, "  {:>12}  program, before it reads", memory.base)?;
        for (step, word, bytes) in &memory.stated {
            writeln!(f, "  {bytes:>12}  step {} {word}", step + 1)?;
        }
        if memory.breakers > 0 {
            let all = memory.breakers * memory.breaker_bytes;
            let threads = memory.sort_options().threads;
            writeln!(f, "  {all:>12}  sorting, {} at once, W {threads}", memory.breakers)?;
        }
        let (batch, row) = (memory.limits.bytes, memory.limits.row_bytes);
        writeln!(f, "  batches of {batch} bytes, rows up to {row}")?;
        if memory.breakers > 0 {
            writeln!(f, "spill")?;
            self.spill().iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        writeln!(
            f,
            "predicted peak {}, cap {}, smallest cap {}",
            memory.predicted, memory.cap, memory.min_cap
        )
    }
}

impl Explain {
    /// How each sort cuts up its memory, and what follows for the input.
    fn spill(&self) -> Vec<String> {
        let codec = match self.memory.run.codec {
            SegmentCodec::Raw => "raw",
            SegmentCodec::Lz4 => "lz4",
            SegmentCodec::Zstd => "zstd",
        };
        let Ok(plan) = self.memory.sort_options().plan() else { return Vec::new() };
        let SortPlan { page, arena, part, fan_in, record_max, .. } = plan;
        let cut = format!(
            "P {page}, {codec}; A {arena}; K {fan_in}; rows with their keys up to {record_max}"
        );
        let merged = plan.one_merge_max();
        let files = self.plan.root.scans().into_iter().flat_map(|scan| &scan.files);
        let bytes: Option<u64> = files.map(|file| file.bytes).sum();
        let follows = match bytes {
            // Rows are about as long as their lines, of some 64 bytes.
            Some(bytes) => {
                let input = SortInput { rows: bytes / 64 + 1, bytes, longest: 0 };
                let (runs, levels) = (plan.runs(input), plan.levels(input));
                let spilled = plan.spill_bytes(input);
                format!(
                    "N {bytes} of input: R about {runs}, levels {levels}, {spilled} bytes spilled"
                )
            }
            None => format!("N unknown: R = N / {part}, in one merge up to N = {merged}"),
        };
        vec![cut, follows]
    }
}

/// The lines of each phase: from sources, or from a sort that ended the phase before, to the next sort or
/// the sink.
fn phases(plan: &Plan, run: RunChoice) -> Vec<Vec<String>> {
    let mut phases = Vec::new();
    let mut last = lines(&plan.root, &mut phases);
    if LinePlan::of(plan, run).is_some() {
        phases[0].push("as lines: they move as they are, only keys are parsed".to_owned());
    }
    let sink = &plan.sink;
    let kind = if sink.table.is_some() { "table" } else { sink.format.word() };
    last.push(format!("sink {} ({kind})", sink.destination));
    phases.push(last);
    phases
}

fn lines(step: &Step, phases: &mut Vec<Vec<String>>) -> Vec<String> {
    let mut below: Vec<String> = Vec::new();
    for input in step.inputs() {
        below.extend(lines(input, phases));
    }
    match &step.node {
        Node::Scan(scan) => below.push(scan_line(scan, step)),
        Node::Table(table) => below.push(format!(
            "scan table {}, {} of {} columns: {}",
            table.name,
            table.wanted.len(),
            table.columns.len(),
            columns(step)
        )),
        Node::Filter(_, item) => below.push(format!("filter {}", item.expr)),
        Node::Project(_, items) => below.push(format!("project {}", list(items))),
        Node::Limit(_, range) => {
            let mut line = format!("limit {}", range.rows);
            if range.offset > 0 {
                let _ = write!(line, " after {}", range.offset);
            }
            below.push(line);
        }
        Node::Union(inputs) => below.push(format!("union of {}", inputs.len())),
        Node::Distinct(_) => {
            below.push("distinct, by sorting".to_owned());
            phases.push(below);
            return vec!["merge, equal rows once".to_owned()];
        }
        Node::Sort(_, sort) => {
            let by: Vec<String> = sort.keys.iter().map(key).collect();
            let by = by.join(", ");
            below.push(match sort.limit {
                Some(limit) => format!("sort {by}, first {limit}"),
                None => format!("sort {by}"),
            });
            phases.push(below);
            return vec!["merge".to_owned()];
        }
    }
    below
}

fn key(key: &store_core::query::SortName) -> String {
    let down = if key.descending { " desc" } else { "" };
    let nulls = match key.nulls {
        store_core::query::NullsOrder::First => " nulls first",
        store_core::query::NullsOrder::Last => "",
    };
    format!("{}{down}{nulls}", key.name)
}

fn list(items: &[Item]) -> String {
    let item = |item: &Item| match item.as_column() {
        Some(name) if name == item.name => item.expr.to_string(),
        _ => format!("{} AS {}", item.expr, item.name),
    };
    items.iter().map(item).collect::<Vec<_>>().join(", ")
}

fn columns(step: &Step) -> String {
    let columns: Vec<String> =
        step.fields.iter().map(|field| format!("{} {}", field.name, field.ty)).collect();
    columns.join(", ")
}

fn scan_line(scan: &ScanPlan, step: &Step) -> String {
    let files = match scan.files.len() {
        1 => String::new(),
        count => format!(", {count} files"),
    };
    let columns = columns(step);
    format!(
        "scan {} ({}{files}), {} of {} columns: {}",
        scan.source,
        scan.format.word(),
        scan.wanted.len(),
        scan.columns.len(),
        columns
    )
}

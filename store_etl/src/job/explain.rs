//! What a job is going to do, in words and numbers.

use super::explain_spill::Forecast;
use super::group_plan::{AggregatePlan, CallPlan};
use super::join_plan::JoinPlan;
use super::line_plan::LinePlan;
use super::memory::{Joining, MemoryPlan, RunChoice};
use super::plan::{Item, Node, Plan, ScanPlan, Step, Written};
use crate::operator::First;
use crate::operator::join::Side;
use serde_json::{Value, json};
use std::fmt::{self, Write};

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

    /// About how many bytes will be put aside, before packing, if the size of every input is known: an
    /// estimate from the sizes of files, unlike the peak.
    pub fn spill_bytes(&self) -> Option<u64> {
        Forecast::of(&self.plan, &self.memory).spill_bytes()
    }

    /// How often rows will be put aside and read again, likewise.
    pub fn passes(&self) -> Option<u64> {
        Forecast::of(&self.plan, &self.memory).passes()
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let memory = &self.memory;
        let operator = |(step, word, bytes): &(usize, &str, u64)| json!({ "step": step + 1, "operator": word, "bytes": bytes });
        let phases: Vec<Value> = phases(&self.plan, self.memory.run)
            .into_iter()
            .map(|lines| Value::from(lines.into_iter().map(Value::from).collect::<Vec<_>>()))
            .collect();
        let forecast = Forecast::of(&self.plan, memory);
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
                "spill": forecast.lines,
                "spill_bytes": forecast.spill_bytes(),
                "passes": forecast.passes(),
                "spill_concurrency": memory.run.writes,
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
        if memory.base > 0 {
            writeln!(f, "  {:>12}  program, before it reads", memory.base)?;
        }
        for (step, word, bytes) in &memory.stated {
            writeln!(f, "  {bytes:>12}  step {} {word}", step + 1)?;
        }
        if memory.breakers > 0 {
            let all = memory.breakers * memory.breaker_bytes;
            let (each, threads) = (memory.breaker_bytes, memory.sort_options().threads);
            writeln!(f, "  {all:>12}  breakers, {} at once, {each} each", memory.breakers)?;
            if threads > 1 {
                writeln!(f, "  sorts by W {threads} threads")?;
            }
        }
        let (batch, row) = (memory.limits.bytes, memory.limits.row_bytes);
        writeln!(f, "  batches of {batch} bytes, rows up to {row}")?;
        if memory.breakers > 0 {
            writeln!(f, "spill")?;
            let forecast = Forecast::of(&self.plan, memory);
            forecast.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            if let Some(writes) = self.memory.run.writes {
                writeln!(f, "  at most {writes} writes at once")?;
            }
        }
        writeln!(
            f,
            "predicted peak {}, cap {}, smallest cap {}",
            memory.predicted, memory.cap, memory.min_cap
        )
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
    if let Some(joining) = Joining::of(step) {
        below = sides(&joining, phases);
    } else {
        for input in step.inputs() {
            below.extend(lines(input, phases));
        }
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
        Node::Aggregate(_, plan) => {
            below.push(aggregate_line(step, plan));
            phases.push(below);
            return vec!["groups".to_owned()];
        }
        Node::Join(_, plan) => {
            below.push(join_line(plan));
        }
        Node::Ahead(_) => below.push("a batch ahead, by a thread of its own".to_owned()),
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
            if !sort.ties.is_empty() {
                let line = format!("equal rows by {}", sort.ties.join(", "));
                below.push(line);
            }
            if sort.written == Some(Written::ByText) {
                below.push("equal rows by their text".to_owned());
            }
            phases.push(below);
            return vec!["merge".to_owned()];
        }
    }
    below
}

/// The side that is taken in makes a phase of its own; the lines of the other one go on.
fn sides(joining: &Joining<'_>, phases: &mut Vec<Vec<String>>) -> Vec<String> {
    let Joining { built, streamed, first } = joining;
    let early = (*first == First::Streamed).then(|| lines(streamed, phases));
    let mut taken = lines(built, phases);
    taken.push("build of the join, by hash".to_owned());
    phases.push(taken);
    let number = phases.len();
    let mut below = early.unwrap_or_else(|| lines(streamed, phases));
    below.push(format!("probe of phase {number}"));
    below
}

fn aggregate_line(step: &Step, plan: &AggregatePlan) -> String {
    let call = |call: &CallPlan| {
        let of = call.column.as_deref().unwrap_or("*");
        format!("{}({of}) AS {}", call.function.name(), call.name)
    };
    let calls: Vec<String> = plan.calls.iter().map(call).collect();
    let keys = if plan.keys.is_empty() { "all rows".to_owned() } else { plan.keys.join(", ") };
    let input = step.inputs().first().map(|input| input.fields.clone()).unwrap_or_default();
    let way = if plan.bind(&input).is_ok_and(|bound| bound.sorts()) { "sorting" } else { "hash" };
    format!("aggregate by {way}: {keys}: {}", calls.join(", "))
}

fn join_line(plan: &JoinPlan) -> String {
    let on: Vec<String> = plan.on.iter().map(|(a, b)| format!("{a} = {b}")).collect();
    let side = if plan.build == Side::Left { "left" } else { "right" };
    format!("join {} on {}, the {side} side built", plan.kind.name(), on.join(" and "))
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
    let groups = scan.columnar.as_ref().map_or(String::new(), |known| {
        let read = known.groups - known.groups_skipped;
        format!(", {read} of {} row groups", known.groups)
    });
    format!(
        "scan {} ({}{files}){groups}, {} of {} columns: {}",
        scan.source,
        scan.format.word(),
        scan.wanted.len(),
        scan.columns.len(),
        columns
    )
}

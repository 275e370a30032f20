//! The table, and the gates: what the store promises, and what it should reach.

use crate::MIB;
use crate::cell::Cell;
use crate::job::Job;
use crate::rounds::Measured;

/// The part of the best other's CPU seconds that ours may take.
const CPU: f64 = 0.7;
/// The part of one thread's wall seconds that two may take.
const WALL: f64 = 0.65;
/// How much more than with less memory it may cost.
const MORE: f64 = 1.05;

/// The head of the table.
pub fn header() {
    println!(
        "| job | who | cap MiB | threads | CPU s | of best other | wall s | peak MiB | predicted | spill MB | predicted \
         | passes | predicted | missed |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
}

/// A line for each cell of a job; gives how many gates were missed.
pub fn print(job: &Job, all: &[Measured]) -> usize {
    let others = all.iter().filter(|one| one.cell.cap_mib().is_none());
    let best = others.map(|one| one.cpu).min_by(f64::total_cmp);
    let mut count = 0;
    for one in all {
        let missed = missed(one, all, best);
        count += missed.len();
        let show = |value: Option<f64>, by: f64, digits: usize| {
            value.map_or(String::new(), |value| format!("{:.digits$}", value / by))
        };
        let mib = MIB as f64;
        println!(
            "| {} | {} | {} | {} | {:.2} | {} | {:.2} | {:.1} | {} | {} | {} | {} | {} | {} |",
            job.name,
            one.cell.name(),
            one.cell.cap_mib().map_or("any".to_owned(), |cap| cap.to_string()),
            one.cell.threads,
            one.cpu,
            show(best.map(|best| one.cpu / best), 1.0, 2),
            one.wall,
            one.peak as f64 / mib,
            show(one.said("predicted_peak"), mib, 1),
            show(one.said("spill_bytes"), 1e6, 1),
            show(one.foretold("spill_bytes"), 1e6, 1),
            show(one.said("passes"), 1.0, 0),
            show(one.foretold("passes"), 1.0, 0),
            missed.join(", "),
        );
    }
    count
}

/// The gates that a cell missed.
fn missed(one: &Measured, all: &[Measured], best: Option<f64>) -> Vec<&'static str> {
    let Some(cap) = one.cell.cap_mib() else { return Vec::new() };
    let at = |cell: Cell| all.iter().find(|other| other.cell == cell);
    let single = at(Cell { threads: 1, ..one.cell });
    let with_less = all.iter().filter(|other| {
        other.cell.threads == one.cell.threads
            && other.cell.cap_mib().is_some_and(|less| less < cap)
    });
    let least = with_less.map(|other| other.cpu).min_by(f64::total_cmp);
    let predicted = one.said("predicted_peak").unwrap_or(0.0);
    let gates = [
        ("cap", one.peak > cap * MIB),
        ("prediction", one.peak as f64 > predicted),
        ("CPU", best.is_some_and(|best| one.cpu > CPU * best)),
        (
            "wall",
            one.cell.threads == 2 && single.is_some_and(|single| one.wall > WALL * single.wall),
        ),
        ("more cap", least.is_some_and(|least| one.cpu > MORE * least)),
    ];
    gates.into_iter().filter(|(_, missed)| *missed).map(|(gate, _)| gate).collect()
}

//! Rounds: every cell of a job once in each, in turns, so that what the machine does meanwhile meets all alike.

use crate::cell::{Bench, Cell};
use crate::job::Job;
use crate::process::Outcome;

/// What a cell came to.
#[derive(Debug)]
pub struct Measured {
    /// Which one.
    pub cell: Cell,
    /// Median CPU seconds.
    pub cpu: f64,
    /// Median wall seconds.
    pub wall: f64,
    /// The most resident bytes of any run.
    pub peak: u64,
    /// What the last run said, and of the store what it said beforehand.
    pub told: [Option<Outcome>; 2],
}

impl Measured {
    /// A number of the last run.
    pub fn said(&self, name: &str) -> Option<f64> {
        self.told[0].as_ref()?.said(name)
    }

    /// A number that the store said beforehand.
    pub fn foretold(&self, name: &str) -> Option<f64> {
        self.told[1].as_ref()?.said(name)
    }
}

/// Measures a job; a first round is not counted.
pub fn measure(bench: &Bench<'_>, job: &Job) -> Vec<Measured> {
    let cells = Cell::of(bench.settings, job);
    let mut outcomes: Vec<Vec<Outcome>> = cells.iter().map(|_| Vec::new()).collect();
    for round in 0..=bench.settings.rounds {
        for (&cell, outcomes) in cells.iter().zip(&mut outcomes) {
            let outcome = bench.run(job, cell);
            if round > 0 {
                outcomes.push(outcome);
            }
        }
    }
    let measured = |(&cell, mut outcomes): (&Cell, Vec<Outcome>)| {
        let of = |what: fn(&Outcome) -> f64| median(outcomes.iter().map(what).collect());
        let (cpu, wall) = (of(|o| o.cpu_seconds), of(|o| o.wall_seconds));
        let peak = outcomes.iter().map(|o| o.peak_bytes).max().unwrap_or(0);
        let explained = cell.cap_mib().map(|_| bench.explain(job, cell));
        Measured { cell, cpu, wall, peak, told: [outcomes.pop(), explained] }
    };
    cells.iter().zip(outcomes).map(measured).collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

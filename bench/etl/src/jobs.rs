//! J2, J4 and J5: jobs as YAML, at each cap, beside DuckDB and Polars with as much memory as they like.

use crate::run::{Outcome, run};
use crate::{MIB, median};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

/// CPU seconds of the best of the others that ours may take.
const GATE: f64 = 0.7;
const PEERS: [&str; 2] = ["duckdb", "polars"];

pub struct Jobs<'a> {
    pub d1: &'a Path,
    pub d2: &'a Path,
    pub place: &'a Path,
    pub run_job: PathBuf,
    /// A Python that has the others, if it is there.
    pub python: Option<PathBuf>,
}

impl Jobs<'_> {
    fn out(&self, who: &str) -> PathBuf {
        self.place.join(format!("{who}.tsv"))
    }

    fn store(&self, job: &str, cap_mib: u64) -> Outcome {
        let yaml = concat!(env!("CARGO_MANIFEST_DIR"), "/jobs");
        let set = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut command = Command::new(&self.run_job);
        command.arg(format!("{yaml}/{job}.yaml")).arg((cap_mib << 20).to_string()).arg(self.place);
        command.arg(set("d1", self.d1)).arg(set("out", &self.out("store")));
        if job != "j2" {
            command.arg(set("d2", self.d2));
        }
        run(&mut command)
    }

    fn peer(&self, python: &Path, who: &str, job: &str) -> Outcome {
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py")).args([who, job]);
        command.args([self.d1, self.d2, &self.out(who)]);
        run(&mut command)
    }

    /// One job at all caps; true if a gate was missed.
    pub fn measure(&self, job: &str, caps: &[u64], rounds: usize) -> bool {
        type Work<'a> = (String, Option<u64>, Box<dyn Fn() -> Outcome + 'a>);
        let mut all: Vec<Work<'_>> = Vec::new();
        if let Some(python) = &self.python {
            for who in PEERS {
                all.push((who.to_owned(), None, Box::new(move || self.peer(python, who, job))));
            }
        }
        let peers = all.len();
        for cap in caps {
            all.push(("store".to_owned(), Some(*cap), Box::new(move || self.store(job, *cap))));
        }
        let mut outcomes: Vec<Vec<Outcome>> = all.iter().map(|_| Vec::new()).collect();
        for round in 0..=rounds {
            for ((.., work), outcomes) in all.iter().zip(&mut outcomes) {
                let outcome = work();
                if round > 0 {
                    outcomes.push(outcome);
                }
            }
        }
        self.check(peers);
        let of =
            |at: usize, what: fn(&Outcome) -> f64| median(outcomes[at].iter().map(what).collect());
        let best = (0..peers).map(|at| of(at, |o| o.cpu_seconds)).min_by(f64::total_cmp);
        let mut missed = false;
        for (at, (who, cap, _)) in all.iter().enumerate() {
            let (cpu, wall) = (of(at, |o| o.cpu_seconds), of(at, |o| o.wall_seconds));
            let peak = outcomes[at].iter().map(|o| o.peak_bytes).max().unwrap_or(0) as f64;
            let said = |word: &str| outcomes[at].last().and_then(|outcome| outcome.said(word));
            let show = |value: Option<f64>, by: f64| {
                value.map_or(String::new(), |value| format!("{:.1}", value / by))
            };
            let ratio = best.map(|best| cpu / best);
            println!(
                "| {job} | {} | {who} | {cpu:.2} | {} | {wall:.2} | {:.1} | {} | {} |",
                cap.map_or("any".to_owned(), |cap| cap.to_string()),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
                peak / MIB,
                show(said("peak_predicted"), MIB),
                show(said("spill"), 1e6),
            );
            let Some(cap) = cap else { continue };
            let over = peak > (cap << 20) as f64
                || said("peak_predicted").is_some_and(|predicted| peak > predicted);
            missed |= over || *cap == 64 && ratio.is_some_and(|ratio| ratio > GATE);
        }
        missed
    }

    /// All outputs have as many lines.
    fn check(&self, peers: usize) {
        let lines = |who: &str| {
            let file = File::open(self.out(who)).expect("the output is there");
            let mut lines = 0_u64;
            let mut reader = BufReader::with_capacity(1 << 14, file);
            loop {
                let buffer = reader.fill_buf().expect("the output is read");
                if buffer.is_empty() {
                    return lines;
                }
                lines += buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
                let read = buffer.len();
                reader.consume(read);
            }
        };
        let ours = lines("store");
        for who in &PEERS[..peers] {
            assert_eq!(lines(who), ours, "{who} gives other rows");
        }
    }
}

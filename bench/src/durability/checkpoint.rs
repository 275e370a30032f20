//! What commits notice of a checkpoint: their slowest ones, with one running all the time and without.

use super::clients::{Engine, Run, run, run_until};
use super::store::Ours;
use super::{ROUNDS, SPAN};
use crate::measure::{median, verdict};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Rows of the table, so that a checkpoint takes a while.
const ROWS: i64 = 1_000_000;
const CLIENTS: usize = 8;
/// Most times as long as without.
const GATE: f64 = 3.0;

/// Text that does not pack: a checkpoint has to write it all.
fn noise(seed: u64) -> String {
    let mut word = seed;
    let mut digit = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (word >> 58) as u8)
    };
    (0..super::TEXT_BYTES).map(|_| digit()).collect()
}

pub fn run_part() {
    let ours = Ours::sync();
    for first in (0..ROWS).step_by(10_000) {
        let rows = (first..first + 10_000).map(|id| 1_000_000 + id);
        let mut txn = ours.store.begin().expect("a place");
        for id in rows {
            let text = noise(id as u64);
            let row = [id.into(), id.into(), (&text).into()];
            ours.table.insert(&mut txn, &row).expect("a row");
        }
        txn.commit().expect("the disk works");
    }
    let (mut with, mut without, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let calm = run(&ours, CLIENTS, SPAN);
        let stop = AtomicBool::new(false);
        let busy = run_until(&ours, CLIENTS, &stop, |began| {
            while began.elapsed() < SPAN {
                let from = Instant::now();
                ours.store.checkpoint().expect("room on the disk");
                checkpoints.push(from.elapsed().as_secs_f64());
            }
        });
        if round > 0 {
            without.push(calm);
            with.push(busy);
        }
    }
    let took = median(&mut checkpoints).0;
    println!(
        "{CLIENTS} clients of `{}` beside checkpoints of {ROWS} rows, one after another, {took:.2} s each",
        ours.name()
    );
    let at = |runs: &mut [Run], share| -> Vec<f64> {
        runs.iter_mut().map(|run| f64::from(run.latencies.at(share))).collect()
    };
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("longest", 1.0)] {
        let (mut with, mut without) = (at(&mut with, share), at(&mut without, share));
        let mut ratios: Vec<f64> = with.iter().zip(&without).map(|(a, b)| b / a).collect();
        let gate = (name == "p99.9").then_some(1.0 / GATE);
        println!(
            "    {name:<8} with {:8.0} us, without {:8.0} us: without to with {}",
            median(&mut with).0,
            median(&mut without).0,
            verdict(median(&mut ratios), gate)
        );
    }
    let rate = |runs: &[Run]| median(&mut runs.iter().map(Run::rate).collect::<Vec<_>>()).0;
    println!("    commits  with {:8.0} /s, without {:8.0} /s", rate(&with), rate(&without));
}

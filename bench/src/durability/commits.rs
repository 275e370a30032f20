//! Commits per second by 1, 8 and 64 clients, and with tickets.

use super::clients::{self, Engine, Run};
use super::fjall::Fjall;
use super::raw::Raw;
use super::redb::Redb;
use super::sqlite::Sqlite;
use super::store::Ours;
use super::{ROUNDS, SPAN};
use crate::measure::{median, verdict};

/// Clients, and the least ratio to the raw loop.
const CLIENTS: [(usize, f64); 3] = [(1, 0.8), (8, 3.0), (64, 6.5)];
/// Clients with tickets, and their gate.
const TICKETS: (usize, f64) = (2, 15.0);

fn run_one(engines: &[&dyn Engine], clients: usize) -> Vec<Vec<Run>> {
    let mut runs: Vec<Vec<Run>> = engines.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for turn in 0..engines.len() {
            let who = (turn + round) % engines.len();
            // The reference is one thread whatever the others are.
            let count = if who == 0 { 1 } else { clients };
            let once = clients::run(engines[who], count, SPAN);
            if round > 0 {
                runs[who].push(once);
            }
        }
    }
    runs
}

fn print_line(name: &str, runs: &mut [Run], raw: &[Run], gate: Option<f64>) -> f64 {
    let mut ratios: Vec<f64> =
        runs.iter().zip(raw).map(|(one, raw)| one.rate() / raw.rate()).collect();
    let mut rates: Vec<f64> = runs.iter().map(Run::rate).collect();
    let mut at = |share| {
        median(
            &mut runs.iter_mut().map(|run| f64::from(run.latencies.at(share))).collect::<Vec<_>>(),
        )
        .0
    };
    let (half, most) = (at(0.5), at(0.99));
    let rate = median(&mut rates).0;
    println!(
        "    {name:<26} {rate:9.0} /s  p50 {half:7.0} us  p99 {most:7.0} us {}",
        verdict(median(&mut ratios), gate)
    );
    rate
}

pub fn run_part() {
    let (raw, ours, later) = (Raw::new(), Ours::sync(), Ours::asynchronous());
    let (sqlite, redb, fjall) = (Sqlite::new(), Redb::new(), Fjall::new());
    let engines: [&dyn Engine; 6] = [&raw, &ours, &later, &sqlite, &redb, &fjall];
    for (clients, gate) in CLIENTS {
        println!("{clients} clients, x is to the raw loop's one thread");
        let mut runs = run_one(&engines, clients);
        let (raw_runs, others) = runs.split_at_mut(1);
        let raw = &mut raw_runs[0];
        let mut rates = Vec::new();
        for (engine, runs) in engines[1..].iter().zip(others) {
            let gate = (engine.name() == "store").then_some(gate);
            rates.push(print_line(engine.name(), runs, raw, gate));
        }
        let best = rates[2..].iter().copied().fold(0.0, f64::max);
        let ratio = rates[0] / best;
        println!(
            "    store to the fastest peer  {}",
            verdict((ratio, ratio, ratio), (clients == 64).then_some(1.0))
        );
        let mut rates: Vec<f64> = raw.iter().map(Run::rate).collect();
        let p50 = raw[0].latencies.at(0.5);
        println!("    {:<26} {:9.0} /s  p50 {p50:7.0} us", engines[0].name(), median(&mut rates).0);
    }
    drop((ours, later, sqlite, redb, fjall));
    let tickets = Ours::with_tickets();
    println!("{} clients with tickets, 64 on their way each, one wait for 32", TICKETS.0);
    let mut runs = run_one(&[&raw, &tickets], TICKETS.0);
    let (raw_runs, ours) = runs.split_at_mut(1);
    print_line(tickets.name(), &mut ours[0], &raw_runs[0], Some(TICKETS.1));
}

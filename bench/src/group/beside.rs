//! Reads while another thread upserts every row, beside reads with nobody else there.
//!
//! The reader takes a snapshot for every 256 reads. Its rate is by its own CPU time; the times of
//! single reads, by the wall, hold one look at the clock each.

use crate::engine::Engines;
use crate::engine::store::Ours;
use crate::keys::{Draw, Keys};
use crate::measure::{ROUNDS, median, thread_seconds, verdict};
use crate::rows::text;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use store_core::ingest::IngestMode;

const KEYS: usize = 500_000;
const READS_MAX: usize = 4_000_000;
const READS_ALONE: usize = 1_000_000;
const READS_A_SNAPSHOT: usize = 256;
const GATE: f64 = 0.9;

/// Seconds of a read: by CPU, and by the wall at the median and the 99th of a hundred.
#[derive(Clone, Copy, Default)]
struct Times {
    cpu: f64,
    p50: f64,
    p99: f64,
}

pub fn run(engines: &Engines) {
    let ours = engines.ours();
    let keys = Known::draw(engines);
    let never = AtomicBool::new(false);
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let alone = read(ours, &keys, READS_ALONE, &never);
        let beside = beside_writer(ours, &keys);
        if round > 0 {
            rounds.push((alone, beside));
        }
    }
    type Part = fn(&Times) -> f64;
    let parts: [(&str, Part); 3] =
        [("CPU a read", |t| t.cpu), ("p50", |t| t.p50), ("p99", |t| t.p99)];
    println!("point get, uniform, while every row is upserted");
    for (name, part) in parts {
        let mut ratios: Vec<f64> =
            rounds.iter().map(|(alone, beside)| part(alone) / part(beside)).collect();
        let nanos = |which: fn(&(Times, Times)) -> Times| {
            let mut all: Vec<f64> = rounds.iter().map(|round| part(&which(round)) * 1e9).collect();
            median(&mut all).0
        };
        let (alone, beside) = (nanos(|round| round.0), nanos(|round| round.1));
        println!(
            "    {name:<12} {beside:5.0} ns, without {alone:5.0} ns {}",
            verdict(median(&mut ratios), Some(GATE))
        );
    }
}

fn beside_writer(ours: &Ours, keys: &Known) -> Times {
    let text = text(ours.rows);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(ours, keys, READS_MAX, &done));
        ours.ingest(text, IngestMode::Upsert);
        // Pairs with the reader's load; nothing else is handed over.
        done.store(true, Ordering::Relaxed);
        reader.join().expect("every read finds its row")
    })
}

fn read(ours: &Ours, known: &Known, most: usize, done: &AtomicBool) -> Times {
    let keys = &known.keys;
    let (mut nanos, mut sum): (Vec<u32>, i64) = (Vec::with_capacity(most), 0);
    let cpu = thread_seconds();
    let mut last = Instant::now();
    while nanos.len() < most && !done.load(Ordering::Relaxed) {
        let snapshot = ours.snapshot();
        for _ in 0..READS_A_SNAPSHOT {
            sum += ours.altitude(&snapshot, keys.texts[nanos.len() % keys.len()]);
            let now = Instant::now();
            nanos.push((now - last).as_nanos() as u32);
            last = now;
        }
    }
    let cpu = (thread_seconds() - cpu) / nanos.len() as f64;
    let right: i64 = known.altitudes.iter().cycle().take(nanos.len()).sum();
    assert_eq!(sum, right, "the store gives another answer");
    nanos.sort_unstable();
    let at = |part: usize| f64::from(nanos[nanos.len() * part / 100]) / 1e9;
    Times { cpu, p50: at(50), p99: at(99) }
}

/// Keys with what reading them gives.
struct Known {
    keys: Keys,
    altitudes: Vec<i64>,
}

impl Known {
    fn draw(engines: &Engines) -> Self {
        let keys = Keys::draw(&engines.ids, KEYS, Draw::Uniform, 10);
        let altitude = |rank: &u32| engines.altitudes(&[*rank]);
        let altitudes = keys.ranks.iter().map(altitude).collect();
        Self { keys, altitudes }
    }
}

//! Loading ten times the budget: what is held meanwhile, and what is written.

use super::plot::Plot;
use super::{ingested, options};
use crate::durability::Place;
use crate::measure::cpu_seconds;
use crate::rows;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store_core::Store;

/// What a flight takes in memory, about.
const BYTES_A_ROW: u64 = 164;
/// Most bytes written for each byte of text.
const GATE: f64 = 4.0;
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

pub fn run_part(rows: usize) {
    let place = Place::new("ingest");
    let budget = (rows as u64 * BYTES_A_ROW / 10).max(16 << 20);
    let store = options(budget).freeze(true).open(&place.0).expect("a store");
    let text = rows::text(rows);
    let (bytes, written) = (text.len() as f64, written_bytes());
    let base = resident_bytes();
    let done = AtomicBool::new(false);
    let (plot, (seconds, wall)) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&store, budget, base, &done));
        let began = Instant::now();
        let (seconds, table) = cpu_seconds(|| ingested(&store, text));
        let wall = began.elapsed().as_secs_f64();
        let count = table.count(&store.snapshot().expect("a snapshot opens"));
        assert_eq!(count.expect("the segments can be read"), rows as u64);
        done.store(true, Ordering::Relaxed);
        (sampler.join().expect("it ends"), (seconds, wall))
    });
    store.checkpoint().expect("room on the disk");
    let written = (written_bytes() - written) as f64 / bytes;
    let stats = store.stats();
    println!("{rows} rows into {budget} bytes: {seconds:.1} s, wall {wall:.1}");
    println!(
        "    most held {} bytes, {} of {} rows cold in {} segments",
        stats.memory_peak, stats.tables[0].cold_rows, rows, stats.tables[0].cold_segments
    );
    let missed = if written > GATE { "   MISSED" } else { "" };
    println!(
        "    bytes written for each of text, checkpoints and log: {written:.2}, gate {GATE}{missed}"
    );
    assert!(stats.memory_peak <= budget);
    if let Some(path) = std::env::var_os("PLOT") {
        std::fs::write(&path, plot.to_svg()).expect("PLOT can be written");
        println!("    drawn: {}", path.display());
    }
}

/// Looks at the memory until all is done; the text was resident before, and is taken off.
fn sample(store: &Store, budget: u64, base: u64, done: &AtomicBool) -> Plot {
    let began = Instant::now();
    let mut plot = Plot::new("memory of an ingest of ten times the budget, MiB over seconds");
    let mut mebibytes = |name: &'static str, bytes: u64| {
        plot.add(name, began.elapsed().as_secs_f64(), bytes as f64 / f64::from(1 << 20));
    };
    while !done.load(Ordering::Relaxed) {
        mebibytes("resident, beyond that before", resident_bytes().saturating_sub(base));
        mebibytes("held by the store", store.stats().memory_used);
        mebibytes("budget", budget);
        std::thread::sleep(SAMPLE_EVERY);
    }
    plot
}

/// A number behind a word in a file of the process.
fn number_in(path: &str, word: &str) -> u64 {
    let text = std::fs::read_to_string(path).expect("the system tells");
    let line = text.lines().find(|line| line.starts_with(word)).expect("the word is there");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn written_bytes() -> u64 {
    number_in("/proc/self/io", "write_bytes:")
}

fn resident_bytes() -> u64 {
    number_in("/proc/self/status", "VmRSS:") << 10
}

//! Histories of random transactions over lists, recorded from many threads, and a checker that
//! finds what no snapshots or no serial order explain.
//!
//! The idea is Elle's (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
//! Observations", 2020): lists that only grow tell the order of their appends, so the whole graph
//! of who saw and overwrote whom follows from what was read.
//!
//! `STORE_HISTORY_TXNS` sets the number of transactions of all histories together, and
//! `STORE_HISTORY_SEED` their seed.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod by_hand;
mod check;
mod graph;
mod lists;
mod orders;
mod record;
mod workload;

use check::{Report, check};
use lists::{Lists, RowLists, TextLists};
use record::{Anomaly, End, Level, Txn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store_core::Store;
use store_tests::random::Random;
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;
use workload::Workload;

/// Power cuts at any place, each with a share of the history.
const CUTS: u64 = 8;
/// A history longer than this is recorded in parts, so that the lists fit in memory.
const TXNS_MAX: u64 = 100_000;
/// The same on a device, which keeps what was written to files that are removed.
const DEVICE_TXNS_MAX: u64 = 5_000;
/// Tests that share the number of transactions, those on a device taking a tenth of a share.
const SHARES: u64 = 4;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The numbers of transactions of a test's histories, with their seeds: a part of a share.
fn parts(part: u64, txns_max: u64) -> impl Iterator<Item = (u64, u64)> {
    let all = (number("STORE_HISTORY_TXNS", 200_000) / SHARES / part).max(1);
    let count = all.div_ceil(txns_max);
    let seed = number("STORE_HISTORY_SEED", 1);
    (seed..seed + count).map(move |seed| (all / count, seed))
}

/// Checks a history and prints what it was like.
fn judge(what: &str, txns: &[Txn], level: Level) {
    let start = Instant::now();
    let Report { findings, cyclic_groups } = check(txns, level);
    let took = start.elapsed();
    let count = |end| txns.iter().filter(|txn| txn.end == end).count();
    let committed = count(End::Committed);
    println!(
        "{what} at {level:?}: {} transactions, {committed} committed, {} not known; \
         {cyclic_groups} groups with write skew; checked in {took:.1?}",
        txns.len(),
        count(End::Unknown),
    );
    for finding in findings.iter().take(5) {
        let time = if finding.real_time { ", by the order of time" } else { "" };
        println!("{:?}{time}: {}", finding.what, finding.story);
    }
    let kinds: Vec<Anomaly> = findings.iter().map(|finding| finding.what).collect();
    assert!(kinds.is_empty(), "{what} at {level:?}: {} findings", kinds.len());
    let raced = level == Level::Serializable || cyclic_groups > 0 || txns.len() < 10_000;
    assert!(raced, "{what}: without write skew nothing ran at the same time");
    let enough = committed * 4 > txns.len() || txns.len() < 1_000;
    assert!(enough, "{what} at {level:?}: {committed} commits are too few");
}

/// Records histories in memory and checks them.
fn in_memory<L: Lists>(what: &str, level: Level, lists: impl Fn(&Store) -> L) {
    for (txns, seed) in parts(1, TXNS_MAX) {
        let store = Store::options().memory(1 << 30).open_in_memory().unwrap();
        let lists = lists(&store);
        let start = Instant::now();
        let workload = Workload::new(&store, &lists, level);
        let mut history = workload.run(txns, seed);
        history.push(workload.read_all(&store, &lists));
        println!("{what} at {level:?}, seed {seed}: recorded in {:.1?}", start.elapsed());
        judge(what, &history, level);
        assert_sound(&store);
    }
}

/// When a simulated device loses its power.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// After the last commit was acknowledged.
    AtTheEnd,
    /// At any operation of the device.
    Anywhere,
}

/// Records histories on a device, with checkpoints meanwhile, cuts the power, and reads all lists
/// again from what is left.
fn on_a_device<L: Lists>(what: &str, level: Level, cut: Cut, lists: impl Fn(&Store) -> L) {
    let cuts = if cut == Cut::Anywhere { CUTS } else { 1 };
    let parts = parts(10, DEVICE_TXNS_MAX).flat_map(|(txns, seed)| {
        (0..cuts).map(move |nth| ((txns / cuts).max(1), seed * cuts + nth))
    });
    for (txns, seed) in parts {
        let device = SimDevice::new();
        let options = Store::options().memory(1 << 30);
        let store = options.clone().open_on(Arc::new(device.clone())).unwrap();
        let written = lists(&store);
        if cut == Cut::Anywhere {
            let operations = Random::new(seed).below(txns);
            device.stop_at(device.operations() + operations);
        }
        let workload = Workload::new(&store, &written, level);
        let recording = AtomicBool::new(true);
        let mut history = std::thread::scope(|scope| {
            scope.spawn(|| {
                while recording.load(Ordering::Relaxed) {
                    let _ = store.checkpoint(); // fails once the power is off
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let history = workload.run(txns, seed);
            recording.store(false, Ordering::Relaxed);
            history
        });
        let opened = options.open_on(Arc::new(device.crash(seed))).unwrap();
        history.push(workload.read_all(&opened, &lists(&opened)));
        judge(what, &history, level);
        assert_sound(&opened);
    }
}

#[test]
fn rows_at_snapshot() {
    in_memory("rows", Level::Snapshot, RowLists::new);
}

#[test]
fn rows_serializable() {
    in_memory("rows", Level::Serializable, RowLists::new);
}

#[test]
fn texts_at_snapshot() {
    in_memory("texts", Level::Snapshot, TextLists::new);
}

#[test]
fn texts_serializable() {
    in_memory("texts", Level::Serializable, TextLists::new);
}

#[test]
fn rows_after_the_power_went_at_the_end() {
    on_a_device("durable rows", Level::Snapshot, Cut::AtTheEnd, RowLists::new);
}

#[test]
fn texts_after_the_power_went_at_the_end() {
    on_a_device("durable texts", Level::Serializable, Cut::AtTheEnd, TextLists::new);
}

#[test]
fn rows_after_the_power_went_anywhere() {
    on_a_device("cut rows", Level::Serializable, Cut::Anywhere, RowLists::new);
}

#[test]
fn texts_after_the_power_went_anywhere() {
    on_a_device("cut texts", Level::Snapshot, Cut::Anywhere, TextLists::new);
}

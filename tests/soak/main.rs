//! What must hold for longer than a test should take: `make soak`.
//!
//! | variable | means | unless set |
//! |---|---|---|
//! | `STORE_SOAK_UPDATES` | updates of one row under a snapshot | 10,000,000 |
//! | `STORE_SOAK_ROWS` | rows under a hundred snapshots | 1,000,000 |
//! | `STORE_SOAK_SECONDS` | seconds of churn | 3600 |
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store_core::{Kind, Schema, Snapshot, Store, Table, Type, ValueRef};
use store_tests::memory::{table_bytes, wait_until};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int};

const MIB: u64 = 1 << 20;
/// How often the churn is looked at.
const SAMPLES: u32 = 200;

fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("round", Type::Int64)
        .index()
        .column("text", Type::Text)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

fn put(store: &Store, table: &Table, ids: impl Iterator<Item = i64>, round: i64) {
    let ids: Vec<i64> = ids.collect();
    for part in ids.chunks(256) {
        let written = store.write(|txn| {
            part.iter().try_for_each(|id| {
                // In the cell itself: long values stay for as long as their snapshot is held.
                let text = format!("round {round}");
                let cells: [ValueRef<'_>; 3] = [(*id).into(), round.into(), (&text).into()];
                table.upsert(txn, &cells).map(drop)
            })
        });
        if let Err(error) = written {
            panic!("writers are refused last, and nothing is full: {error}\n{:#?}", store.stats());
        }
    }
}

/// One hot row under an open snapshot: the versions between go, and the memory stays as it is.
#[test]
#[ignore = "minutes: make soak"]
fn one_hot_row_under_a_snapshot_takes_no_more_memory() {
    let updates = wanted("STORE_SOAK_UPDATES", 10_000_000) as i64;
    let store = Store::options().memory(16 * MIB).open_in_memory().unwrap();
    let table = table(&store);
    put(&store, &table, 0..100, 0);
    let snapshot = store.snapshot().unwrap();
    let mut most = (0, 0);
    for round in 1..=updates {
        let change = [("round", round.into())];
        assert!(store.write(|txn| table.update(txn, &[7.into()], &change)).unwrap());
        if round % 10_000 == 0 {
            let bytes = table_bytes(&store);
            let most = if round <= updates / 10 { &mut most.0 } else { &mut most.1 };
            *most = bytes.max(*most);
        }
    }
    println!("{updates} updates; most bytes: {} in the first tenth, {} after", most.0, most.1);
    assert!(most.1 <= most.0 + most.0 / 20, "{most:?}");
    let seen = table.get(&snapshot, &[7.into()]).unwrap().unwrap();
    assert_eq!(int(&seen.to_values()[1]), 0);
    assert_eq!(store.stats().snapshots_expired, 0);
    drop(snapshot);
    assert_sound(&store);
}

/// A hundred snapshots of rows that churn: the oldest are given up before the budget breaks, no
/// writer is refused, and when they end the memory falls back.
#[test]
#[ignore = "minutes: make soak"]
fn a_hundred_snapshots_give_way_before_the_budget_breaks() {
    let rows = wanted("STORE_SOAK_ROWS", 1_000_000) as i64;
    // Half of it for the rows; a quarter must be versions before a snapshot goes.
    let budget = rows as u64 * 300 + 16 * MIB;
    let store = Store::options().memory(budget).open_in_memory().unwrap();
    let table = table(&store);
    put(&store, &table, 0..rows, 0);
    let mut random = Random::new(3);
    let mut churn = |round: i64| {
        let ids: Vec<i64> = (0..rows / 20).map(|_| random.below(rows as u64) as i64).collect();
        put(&store, &table, ids.into_iter(), round);
    };
    // Without snapshots first: blocks of an index that was filled in order are fuller.
    (1..=100).for_each(&mut churn);
    let none_left = || store.stats().tables[0].old_versions == 0;
    wait_until("what was superseded goes", none_left);
    let start = table_bytes(&store);
    let mut snapshots: Vec<Snapshot> = Vec::new();
    for round in 101..=200 {
        snapshots.push(store.snapshot().unwrap());
        churn(round);
        assert!(store.stats().memory_used <= budget);
    }
    let read = |snapshot: &Snapshot| table.count(snapshot);
    let given_up = snapshots.iter().filter(|snapshot| match read(snapshot) {
        Ok(count) => {
            assert_eq!(count, rows as u64);
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::SnapshotTooOld, "{error}");
            true
        }
    });
    let (given_up, most) = (given_up.count(), table_bytes(&store));
    drop(snapshots);
    wait_until("old versions go with the snapshots", none_left);
    println!(
        "{rows} rows, budget {budget}: {given_up} of 100 given up; {start} bytes at the start, \
         {most} with them, {} after",
        table_bytes(&store)
    );
    let within = || table_bytes(&store) <= start + start / 20;
    wait_until("memory falls back to within a twentieth of the start", within);
    println!("{} bytes in the end", table_bytes(&store));
    assert_sound(&store);
}

/// Hours of inserts, updates, deletes and snapshots: the process grows no more.
#[test]
#[ignore = "an hour: make soak"]
fn churn_leaves_nothing_behind() {
    let seconds = wanted("STORE_SOAK_SECONDS", 3600);
    let store = Store::options().memory(256 * MIB).open_in_memory().unwrap();
    let table = table(&store);
    put(&store, &table, 0..100_000, 0);
    let pauses = Pauses::new();
    let samples = std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let (store, table, pauses) = (&store, &table, &pauses);
            scope.spawn(move || churn(store, table, seed, pauses));
        }
        sample(&store, &table, &pauses, Duration::from_secs(seconds))
    });
    let (slope, mean) = slope(&samples);
    let some = samples.iter().step_by((samples.len() / 10).max(1));
    println!("MiB: {:?}", some.map(|sample| sample.1 as u64 / MIB).collect::<Vec<_>>());
    println!(
        "{} samples in {seconds} s: {:.1} MiB on average, {:+.3} MiB an hour, {} commits",
        samples.len(),
        mean / MIB as f64,
        slope * 3600.0 / MIB as f64,
        store.stats().commits
    );
    // What is left of a slope is noise: less than one part in fifty over the whole time.
    assert!((slope * seconds as f64).abs() < mean / 50.0, "{slope} bytes a second");
    wait_until("all old versions go", || store.stats().tables[0].old_versions == 0);
    assert_sound(&store);
}

/// Threads of the churn.
const THREADS: u64 = 3;

/// When all of them rest, and nobody holds a snapshot.
struct Pauses {
    wanted: AtomicBool,
    done: AtomicBool,
    all: Barrier,
}

impl Pauses {
    fn new() -> Self {
        let all = Barrier::new(THREADS as usize + 1);
        Self { wanted: AtomicBool::new(false), done: AtomicBool::new(false), all }
    }

    /// Does something while all rest; they end afterwards if it is the last.
    fn pause<T>(&self, last: bool, work: impl FnOnce() -> T) -> T {
        self.wanted.store(true, Ordering::Relaxed);
        self.all.wait();
        let result = work();
        self.wanted.store(false, Ordering::Relaxed);
        self.done.store(last, Ordering::Relaxed);
        self.all.wait();
        result
    }

    /// Rests if that is wanted.
    fn rest(&self, held: &mut Vec<Snapshot>) {
        if self.wanted.load(Ordering::Relaxed) {
            held.clear();
            self.all.wait();
            self.all.wait();
        }
    }
}

fn churn(store: &Store, table: &Table, seed: u64, pauses: &Pauses) {
    let mut random = Random::new(seed);
    let mut held: Vec<Snapshot> = Vec::new();
    let mut round = 0;
    while !pauses.done.load(Ordering::Relaxed) {
        pauses.rest(&mut held);
        round += 1;
        let first = random.below(100_000) as i64;
        let ids = first..(first + 1 + random.below(64) as i64).min(100_000);
        match random.below(4) {
            0 => {
                let deleted = store.write(|txn| {
                    ids.clone().try_for_each(|id| table.delete(txn, &[id.into()]).map(drop))
                });
                deleted.expect("retried until it is done");
            }
            1 => {
                held.push(store.snapshot().unwrap());
                held.truncate(random.below(8) as usize);
            }
            _ => {
                let text = "x".repeat(random.below(200) as usize);
                let written = store.write(|txn| {
                    ids.clone().try_for_each(|id| {
                        let cells: [ValueRef<'_>; 3] = [id.into(), round.into(), (&text).into()];
                        table.upsert(txn, &cells).map(drop)
                    })
                });
                written.expect("retried until it is done");
            }
        }
    }
}

/// Resident bytes of the process when nothing is held back, with the seconds since the first, without the
/// pages that stay ready: these reach their most when all threads happen to hold old snapshots at once.
/// The first half warms up.
fn sample(store: &Store, table: &Table, pauses: &Pauses, time: Duration) -> Vec<(f64, f64)> {
    let start = Instant::now();
    let mut samples = Vec::new();
    let mut last = false;
    while !last {
        std::thread::sleep(time / SAMPLES);
        last = start.elapsed() >= time;
        let bytes = pauses.pause(last, || {
            put(store, table, 0..100_000, 0); // the same each time
            wait_until("all old versions go", || store.stats().tables[0].old_versions == 0);
            resident() - bytes_of(store, "store/free pages")
        });
        if start.elapsed() > time / 2 {
            samples.push((start.elapsed().as_secs_f64(), bytes));
        }
    }
    samples
}

fn bytes_of(store: &Store, holder: &str) -> f64 {
    let holders = store.stats().holders;
    holders.iter().find(|line| line.path == holder).unwrap().bytes as f64
}

fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

/// Least squares: the slope, and the mean.
fn slope(samples: &[(f64, f64)]) -> (f64, f64) {
    let count = samples.len() as f64;
    let mean_time = samples.iter().map(|sample| sample.0).sum::<f64>() / count;
    let mean = samples.iter().map(|sample| sample.1).sum::<f64>() / count;
    let both: f64 = samples.iter().map(|(time, bytes)| (time - mean_time) * (bytes - mean)).sum();
    let square: f64 = samples.iter().map(|(time, _)| (time - mean_time).powi(2)).sum();
    (both / square, mean)
}

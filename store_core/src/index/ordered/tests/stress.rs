//! Writers, a remover, a compactor and readers in both directions at once.

use super::*;
use crate::sync::join_all;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Every such number is in the index throughout.
const PERMANENT: u64 = 50;
const NUMBERS: u64 = 200_000;

/// How long the normal run lasts.
const RUN: Duration = Duration::from_secs(1);

struct Load {
    fixture: Fixture,
    make: fn(u64) -> Vec<u8>,
    stop: AtomicBool,
    scans: AtomicU64,
}

fn row_of(number: u64) -> u32 {
    (number / 7) as u32
}

/// A stretch of numbers without the permanent ones, left to writer `writer` alone.
fn stretch(random: &mut Random, writer: u64) -> impl Iterator<Item = u64> + use<> {
    let from = random.below(NUMBERS - 2000);
    (from..from + random.below(2000))
        .filter(move |number| number % PERMANENT != 0 && number % 3 == writer)
}

impl Load {
    fn new(fixture: Fixture, make: fn(u64) -> Vec<u8>) -> Self {
        let permanent = (0..NUMBERS).step_by(PERMANENT as usize);
        let entries = permanent.map(|number| (make(number), row_of(number)));
        fixture.index.insert_sorted(&fixture.batch(entries));
        Self { fixture, make, stop: AtomicBool::new(false), scans: AtomicU64::new(0) }
    }

    fn entry(&self, number: u64) -> (Vec<u8>, u32) {
        ((self.make)(number), row_of(number))
    }

    /// Inserts stretches one by one or as batches, and takes some of them out again, each time
    /// checking that what it inserted is there. Entries of a number belong to one writer.
    fn write(&self, writer: u64) {
        let mut random = Random(writer + 1);
        while !self.stop.load(Relaxed) {
            let numbers: Vec<u64> = stretch(&mut random, writer).collect();
            if random.below(2) == 0 {
                let entries = numbers.iter().map(|number| self.entry(*number));
                self.fixture.index.insert_sorted(&self.fixture.batch(entries));
            } else {
                for number in &numbers {
                    let (key, row) = self.entry(*number);
                    self.fixture.index.insert(&key, row);
                }
            }
            if random.below(4) == 0 {
                self.remove(&numbers, random.below(2) == 0);
            }
        }
    }

    fn remove(&self, numbers: &[u64], batched: bool) {
        let index = &self.fixture.index;
        if batched {
            let entries = numbers.iter().map(|number| self.entry(*number));
            let gone = index.remove_all(&self.fixture.batch(entries));
            assert_eq!(gone, numbers.len(), "an insert was lost");
            return;
        }
        for number in numbers {
            let (key, row) = self.entry(*number);
            assert!(index.remove(&key, row), "the insert of {number} was lost");
        }
    }

    /// Removes everything but the permanent entries in wide stretches, so that blocks die.
    fn clear(&self) {
        let mut random = Random(99);
        let clears = (0..3).cycle().take_while(|_| !self.stop.load(Relaxed));
        for _ in clears {
            let numbers: Vec<u64> = stretch(&mut random, 2).collect();
            let entries = numbers.iter().map(|number| self.entry(*number));
            let batch = self.fixture.batch(entries);
            self.fixture.index.insert_sorted(&batch);
            assert_eq!(self.fixture.index.remove_all(&batch), batch.len());
        }
    }

    fn compact(&self) {
        let stop = || self.stop.load(Relaxed);
        while !stop() {
            self.fixture.index.compact(&stop);
            thread::yield_now();
        }
    }

    /// Scans over and over: strictly in order, nothing twice, every permanent entry seen.
    fn read(&self, direction: Direction, seed: u64) {
        let mut random = Random(seed);
        let step = PERMANENT as usize;
        let mut permanent: Vec<_> = (0..NUMBERS).step_by(step).map(|n| self.entry(n)).collect();
        permanent.sort();
        if direction == Direction::Descending {
            permanent.reverse();
        }
        while !self.stop.load(Relaxed) {
            let max = [3, 100, 10_000][random.below(3) as usize] + 1;
            let mut scan = self.fixture.index.scan(&KeyRange::all(), direction);
            let (mut last, mut next) = (None::<(Vec<u8>, u32)>, 0);
            while scan.next_entries(
                &mut |key, row| {
                    let entry = (key.to_vec(), row);
                    if let Some(last) = &last {
                        let ordered = match direction {
                            Direction::Ascending => *last < entry,
                            Direction::Descending => *last > entry,
                        };
                        assert!(ordered, "{direction:?}: {entry:?} after {last:?}");
                    }
                    next += usize::from(permanent.get(next) == Some(&entry));
                    last = Some(entry);
                },
                max,
            ) {}
            assert_eq!(next, permanent.len(), "{direction:?}: an entry was lost");
            let from = random.below(NUMBERS / 2);
            let range = KeyRange {
                low: std::ops::Bound::Included((self.make)(from)),
                high: std::ops::Bound::Excluded((self.make)(from + NUMBERS / 4)),
            };
            assert!(self.fixture.index.count(&range) >= NUMBERS / 4 / PERMANENT);
            self.scans.fetch_add(1, Relaxed);
        }
    }

    fn run(self) {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for writer in 0..2 {
                let load = &self;
                threads.push(scope.spawn(move || load.write(writer)));
            }
            threads.push(scope.spawn(|| self.clear()));
            threads.push(scope.spawn(|| self.compact()));
            threads.push(scope.spawn(|| self.read(Direction::Ascending, 5)));
            threads.push(scope.spawn(|| self.read(Direction::Descending, 6)));
            let end = Instant::now() + RUN;
            while Instant::now() < end && !threads.iter().any(thread::ScopedJoinHandle::is_finished)
            {
                thread::sleep(Duration::from_millis(10));
            }
            self.stop.store(true, Relaxed);
            join_all(threads);
        });
        assert!(self.scans.into_inner() > 0, "no scan came through");
        self.fixture.check();
        self.fixture.check_no_leak();
    }
}

fn long_text(number: u64) -> Vec<u8> {
    format!("a common beginning {number:09}\0\u{1}").into_bytes()
}

#[test]
fn readers_see_order_and_miss_nothing() {
    Load::new(Fixture::new(Some(8)), |number| number.to_be_bytes().to_vec()).run();
}

#[test]
fn readers_see_order_and_miss_nothing_in_long_keys() {
    Load::new(Fixture::new(None), long_text).run();
}

#[test]
fn readers_see_order_and_miss_nothing_in_small_blocks() {
    Load::new(Fixture::with_small_blocks(Some(8)), |n| n.to_be_bytes().to_vec()).run();
}

/// Goal: a lost exchange is tried again. All threads append to the same last block.
#[test]
fn no_insert_is_lost_between_racing_writers() {
    for fixture in [Fixture::new(Some(8)), Fixture::with_small_blocks(Some(8))] {
        let start = std::sync::Barrier::new(3);
        thread::scope(|scope| {
            let insert = |writer: u64| {
                start.wait();
                fixture.insert_numbers((0..100_000).map(|number| 3 * number + writer));
            };
            join_all((0..3).map(|writer| scope.spawn(move || insert(writer))));
        });
        assert!(fixture.numbers().into_iter().eq(0..300_000), "an insert was lost");
        fixture.check();
        fixture.check_no_leak();
    }
}

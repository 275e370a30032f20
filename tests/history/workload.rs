//! Random transactions over lists from many threads, recorded as they run.

use crate::lists::Lists;
use crate::record::{End, Key, Level, Op, Txn};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};
use store_core::{Isolation, Kind, Reader, Result, Store, TxnOptions};
use store_tests::random::Random;

pub const THREADS: u64 = 8;
/// Lists that are in use at a time.
const WINDOW: u64 = 8;
/// Most appends of a wide transaction, which installs many rows at once.
const WIDE: u64 = 16;
/// A run in which nothing ends for this long hangs.
const PATIENCE: Duration = Duration::from_secs(4);
/// Appends after which a list makes room for the next one.
const LIST_LEN: u64 = 24;

/// What all threads of a run share.
pub struct Workload<'w, L> {
    pub store: &'w Store,
    pub lists: &'w L,
    pub level: Level,
    /// One counter for begins and ends: the real time.
    clock: AtomicU64,
    next_value: AtomicU32,
    /// The store refuses to go on.
    over: AtomicBool,
}

impl<'w, L: Lists> Workload<'w, L> {
    pub fn new(store: &'w Store, lists: &'w L, level: Level) -> Self {
        let (clock, next_value) = (AtomicU64::new(0), AtomicU32::new(0));
        Self { store, lists, level, clock, next_value, over: AtomicBool::new(false) }
    }

    /// Runs so many transactions, unless the store stops before.
    pub fn run(&self, txns: u64, seed: u64) -> Vec<Txn> {
        let thread = |number| {
            move || {
                let mut random = Random::new(seed * 1_000 + number);
                let mut recorded = Vec::new();
                while recorded.len() < txns.div_ceil(THREADS) as usize && !self.is_over() {
                    recorded.push(self.transaction(&mut random));
                }
                recorded
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(thread(number))).collect();
            self.watch(|| threads.iter().all(ScopedJoinHandle::is_finished));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<Txn>>()
        })
    }

    /// Waits for the threads, and ends the whole process if they hang: nothing else ends them.
    fn watch(&self, is_done: impl Fn() -> bool) {
        let mut last = (self.clock.load(Ordering::Relaxed), Instant::now());
        while !is_done() {
            std::thread::sleep(Duration::from_millis(2));
            let now = self.clock.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                eprintln!("no transaction ended for {PATIENCE:?}");
                std::process::exit(1);
            }
        }
    }

    /// Reads every list that was ever used, at one snapshot of a store.
    pub fn read_all(&self, store: &Store, lists: &L) -> Txn {
        let begun = self.tick();
        let snapshot = store.snapshot().unwrap();
        let keys = 0..self.first_list() + WINDOW as Key;
        let read = |key| Op::Read(key, lists.read(&snapshot, key).unwrap());
        Txn { ops: keys.map(read).collect(), end: End::Committed, begun, ended: self.tick() }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// The list that is in use and oldest.
    fn first_list(&self) -> Key {
        let appended = u64::from(self.next_value.load(Ordering::Relaxed));
        (appended / LIST_LEN) as Key
    }

    fn list(&self, random: &mut Random) -> Key {
        self.first_list() + random.below(WINDOW) as Key
    }

    fn transaction(&self, random: &mut Random) -> Txn {
        let mut ops = Vec::new();
        let begun = self.tick();
        let outcome = if random.once_in(4) {
            self.reads(random, &mut ops)
        } else {
            self.writes(random, &mut ops)
        };
        let end = match outcome {
            Ok(()) => End::Committed,
            Err(error) if error.kind() == Kind::Conflict => End::Aborted,
            Err(error) if matches!(error.kind(), Kind::Io | Kind::Poisoned) => {
                self.over.store(true, Ordering::Relaxed);
                End::Unknown
            }
            Err(error) => panic!("{error}"),
        };
        Txn { ops, end, begun, ended: self.tick() }
    }

    /// A snapshot, or a transaction that says that it only reads.
    fn reads(&self, random: &mut Random, ops: &mut Vec<Op>) -> Result<()> {
        if random.once_in(2) {
            return self.read_some(&self.store.snapshot()?, random, ops);
        }
        let txn = self.store.begin_with(self.options().read_only())?;
        self.read_some(&txn, random, ops)?;
        txn.commit().map(drop)
    }

    fn read_some<R: Reader>(
        &self,
        reader: &R,
        random: &mut Random,
        ops: &mut Vec<Op>,
    ) -> Result<()> {
        for _ in 0..2 + random.below(4) {
            let key = self.list(random);
            ops.push(Op::Read(key, self.lists.read(reader, key)?));
            linger(random);
        }
        Ok(())
    }

    fn writes(&self, random: &mut Random, ops: &mut Vec<Op>) -> Result<()> {
        let mut txn = self.store.begin_with(self.options())?;
        if random.once_in(12) {
            for _ in 0..WIDE {
                self.append(&mut txn, random, ops)?;
            }
            return txn.commit().map(drop);
        }
        for _ in 0..=random.below(4) {
            if random.once_in(2) {
                let key = self.list(random);
                ops.push(Op::Read(key, self.lists.read(&txn, key)?));
            } else {
                self.append(&mut txn, random, ops)?;
            }
            linger(random);
        }
        if random.once_in(20) {
            txn.rollback();
            return Err(store_core::Error::conflict("given up on purpose"));
        }
        txn.commit().map(drop)
    }

    fn append(
        &self,
        txn: &mut store_core::Txn,
        random: &mut Random,
        ops: &mut Vec<Op>,
    ) -> Result<()> {
        let key = self.list(random);
        let value = self.next_value.fetch_add(1, Ordering::Relaxed);
        // Recorded first: what a failed transaction wanted to append must not be seen.
        ops.push(Op::Append(key, value));
        self.lists.append(txn, key, value)
    }

    fn options(&self) -> TxnOptions {
        TxnOptions::new().isolation(match self.level {
            Level::Snapshot => Isolation::Snapshot,
            Level::Serializable => Isolation::Serializable,
        })
    }
}

/// Lets another thread go on in the middle of this one's transaction.
fn linger(random: &mut Random) {
    if random.once_in(4) {
        std::thread::yield_now();
    }
}

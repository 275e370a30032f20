//! Rows in and out of every step (invariant I14), and how far a job is.

use super::sort::SortStats;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counts of a job.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub steps: Vec<StepCounts>,
    /// Bytes read from files, as they stand there.
    pub source_bytes: AtomicU64,
    /// Bytes of text read, after unpacking.
    pub bytes: AtomicU64,
    /// Rows read from files.
    pub scanned: AtomicU64,
    /// What each sort did, and how many sources its last merge had.
    pub sorts: parking_lot::Mutex<Vec<(usize, SortStats, usize)>>,
    /// What each aggregate by hash and each join did.
    pub hashes: parking_lot::Mutex<Vec<HashNote>>,
}

/// What an aggregate or a join did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashNote {
    pub step: usize,
    pub rows: u64,
    /// How often rows were partitioned, at most.
    pub levels: u32,
    /// Partitions that hashes did not make smaller.
    pub stubborn: u64,
    pub spill_bytes: u64,
}

/// The rows of one step.
#[derive(Debug, Default)]
pub(crate) struct StepCounts {
    taken: AtomicU64,
    given: AtomicU64,
    filtered: AtomicU64,
    rejected: AtomicU64,
    merged: AtomicU64,
    made: AtomicU64,
}

/// The rows of one step, read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowCounts {
    pub taken: u64,
    pub given: u64,
    pub filtered: u64,
    pub rejected: u64,
    /// Rows that went into groups or pairs.
    pub merged: u64,
    /// Groups and pairs.
    pub made: u64,
}

impl Counts {
    pub fn new(steps: usize) -> Self {
        // One more, for parts of steps.
        Self { steps: (0..=steps).map(|_| StepCounts::default()).collect(), ..Self::default() }
    }
}

impl Counts {
    /// Where the rows of parts of steps are counted.
    pub fn parts(&self) -> usize {
        self.steps.len() - 1
    }

    pub fn note_hash(&self, note: HashNote) {
        self.hashes.lock().push(note);
    }

    pub fn note_sort(&self, step: usize, stats: SortStats, fan_in: usize) {
        self.sorts.lock().push((step, stats, fan_in));
    }
}

impl StepCounts {
    /// What was taken in and not given was left out: rows behind the last one that a limit wants.
    pub fn rest_is_filtered(&self) {
        let RowCounts { taken, given, filtered, rejected, merged, made } = self.get();
        self.filtered((taken + made).saturating_sub(given + filtered + rejected + merged));
    }

    pub fn took(&self, rows: u64) {
        self.taken.fetch_add(rows, Relaxed);
    }

    pub fn gave(&self, rows: u64) {
        self.given.fetch_add(rows, Relaxed);
    }

    pub fn filtered(&self, rows: u64) {
        self.filtered.fetch_add(rows, Relaxed);
    }

    pub fn rejected(&self, rows: u64) {
        self.rejected.fetch_add(rows, Relaxed);
    }

    /// Rows that went into groups or pairs, and those of them.
    pub fn merged(&self, rows: u64, made: u64) {
        self.merged.fetch_add(rows, Relaxed);
        self.made.fetch_add(made, Relaxed);
    }

    pub fn get(&self) -> RowCounts {
        RowCounts {
            taken: self.taken.load(Relaxed),
            given: self.given.load(Relaxed),
            filtered: self.filtered.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            merged: self.merged.load(Relaxed),
            made: self.made.load(Relaxed),
        }
    }
}

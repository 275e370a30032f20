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
}

/// The rows of one step.
#[derive(Debug, Default)]
pub(crate) struct StepCounts {
    taken: AtomicU64,
    given: AtomicU64,
    filtered: AtomicU64,
    rejected: AtomicU64,
}

impl Counts {
    pub fn new(steps: usize) -> Self {
        Self { steps: (0..steps).map(|_| StepCounts::default()).collect(), ..Self::default() }
    }
}

impl Counts {
    pub fn note_sort(&self, step: usize, stats: SortStats, fan_in: usize) {
        self.sorts.lock().push((step, stats, fan_in));
    }
}

impl StepCounts {
    /// What was taken in and not given was left out: rows behind the last one that a limit wants.
    pub fn rest_is_filtered(&self) {
        let [taken, gave, filtered, rejected] = self.get();
        self.filtered(taken.saturating_sub(gave + filtered + rejected));
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

    /// In, out, filtered, rejected.
    pub fn get(&self) -> [u64; 4] {
        [&self.taken, &self.given, &self.filtered, &self.rejected].map(|count| count.load(Relaxed))
    }
}

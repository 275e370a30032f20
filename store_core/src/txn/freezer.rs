//! Asking for rows to be frozen: marks in the budget, and writers that wait while there is hardly room.
//!
//! ```text
//!  0 ───────────── low ─────── high ──── full ── limit
//!                   │           │         └ who begins to write waits for what is being frozen
//!                   │           └ the thread begins to freeze
//!                   └ and stops
//! ```
//!
//! A writer waits before it takes its snapshot: rows that are frozen leave memory only when no older
//! snapshot is left. It waits for a pass that frees something, not for room: if nothing can be frozen it
//! goes on, and is refused memory where it needs some.

use crate::error::Result;
use crate::mem::{Holder, MemoryBudget, Reservation};
use crate::sync::{AtomicBool, Condvar, Mutex, Relaxed};
use std::time::{Duration, Instant};

/// Parts of the budget, in sixteenths: what is left beyond the last is for the commits under way.
const LOW: u64 = 9;
const HIGH: u64 = 11;
const FULL: u64 = 13;
const PARTS: u64 = 16;
/// How long a writer waits at most, and how long one pass is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PASS_PATIENCE: Duration = Duration::from_secs(2);
/// How long after a pass that froze nothing, or had nothing to free, the next one is tried.
const IDLE: Duration = Duration::from_millis(500);
/// What freezing needs when all is full is kept for it: a part of the budget, within bounds.
const KEPT_SHARE: u64 = 64;
const KEPT_MIN: u64 = 192 << 10;
const KEPT_MAX: u64 = 8 << 20;

/// What writers and the thread that freezes share.
#[derive(Default)]
pub(crate) struct Freezer {
    /// There is a thread.
    enabled: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    ending: bool,
    passes: u64,
    /// Since when nothing can be frozen.
    idle_since: Option<Instant>,
    rows: u64,
    error: Option<String>,
    kept: Option<Reservation>,
}

/// What freezing by itself has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct FreezerTally {
    pub passes: u64,
    pub rows: u64,
    pub error: Option<String>,
}

impl Freezer {
    /// Begins, with memory that is kept for freezing when all is full.
    pub(crate) fn enable(&self, holder: &Holder) {
        let kept = kept_bytes(holder.budget());
        self.state.lock().kept = holder.reserve(kept).ok();
        self.enabled.store(true, Relaxed);
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// Has rows frozen if the budget is used beyond the mark; waits if there is hardly room. For whoever
    /// is about to begin to write, and holds nothing.
    #[inline]
    pub(crate) fn admit(&self, budget: &MemoryBudget) {
        if self.is_enabled() && is_beyond(budget, HIGH) {
            self.ask(budget);
        }
    }

    #[cold]
    fn ask(&self, budget: &MemoryBudget) {
        let began = Instant::now();
        let mut state = self.state.lock();
        loop {
            if state.idle_since.is_some_and(|since| since.elapsed() < IDLE) {
                return;
            }
            if !state.wanted {
                state.wanted = true;
                self.changed.notify_all();
            }
            if !is_beyond(budget, FULL) || state.ending || began.elapsed() > PATIENCE {
                return;
            }
            let passes = state.passes;
            let until = Instant::now() + PASS_PATIENCE;
            while state.passes == passes
                && state.idle_since.is_none_or(|since| since < began)
                && !state.ending
                && Instant::now() < until
            {
                self.changed.wait_for(&mut state, PASS_PATIENCE);
            }
        }
    }

    // ---- the thread

    /// Waits until rows are to be frozen; false at the end.
    pub(crate) fn wait_wanted(&self) -> bool {
        let mut state = self.state.lock();
        while !state.wanted && !state.ending {
            self.changed.wait_for(&mut state, Duration::from_secs(3600));
        }
        state.wanted = false;
        !state.ending
    }

    /// Gives the memory that was kept to the pass that comes.
    pub(crate) fn begin_pass(&self) {
        self.state.lock().kept = None;
    }

    /// A pass has frozen so many rows.
    pub(crate) fn end_pass(&self, holder: &Holder, outcome: &Result<u64>) {
        let mut state = self.state.lock();
        state.kept = holder.reserve(kept_bytes(holder.budget())).ok();
        state.passes += 1;
        let rows = *outcome.as_ref().unwrap_or(&0);
        state.rows += rows;
        state.idle_since = (rows == 0).then(Instant::now);
        state.error = outcome.as_ref().err().map(ToString::to_string);
        self.changed.notify_all();
    }

    /// Nothing more is to be frozen: what is still used beyond the mark is held back by snapshots.
    pub(crate) fn rest(&self, budget: &MemoryBudget) {
        let mut state = self.state.lock();
        state.idle_since = is_beyond(budget, HIGH).then(Instant::now);
        self.changed.notify_all();
    }

    /// Tells the thread to end.
    pub(crate) fn end(&self) {
        self.state.lock().ending = true;
        self.changed.notify_all();
    }

    /// Bytes to be freed.
    pub(crate) fn excess(budget: &MemoryBudget) -> u64 {
        budget.used().saturating_sub(budget.limit() / PARTS * LOW)
    }

    /// What was done so far.
    pub(crate) fn tally(&self) -> FreezerTally {
        let state = self.state.lock();
        FreezerTally { passes: state.passes, rows: state.rows, error: state.error.clone() }
    }
}

fn is_beyond(budget: &MemoryBudget, parts: u64) -> bool {
    budget.used() > budget.limit() / PARTS * parts
}

fn kept_bytes(budget: &MemoryBudget) -> usize {
    (budget.limit() / KEPT_SHARE).clamp(KEPT_MIN, KEPT_MAX) as usize
}

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
//! goes on, and is refused memory where it needs some. Then it may give up what it has done, have a pass
//! made for it, and begin anew.

use super::engine::Engine;
use super::pressure::Pressure;
use crate::error::Result;
use crate::mem::MemoryBudget;
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Relaxed};
use std::time::{Duration, Instant};

/// How long a writer waits at most, and how long one pass is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PASS_PATIENCE: Duration = Duration::from_secs(2);
/// How long after a pass that froze nothing, or had nothing to free, the next one is tried.
const IDLE: Duration = Duration::from_millis(500);
/// What part of the budget a pass is to free beside what somebody was refused.
const REFUSED_SHARE: u64 = 32;
/// What freezing needs when all is full is kept for it: a part of the budget, within bounds.
const KEPT_SHARE: u64 = 64;
const KEPT_MIN: u64 = 192 << 10;
const KEPT_MAX: u64 = 8 << 20;

/// What writers and the thread that freezes share.
#[derive(Default)]
pub(crate) struct Freezer {
    /// There is a thread.
    enabled: AtomicBool,
    /// A writer was refused so many bytes, or one if that is not known: something is to be frozen whatever
    /// the marks say.
    refused: AtomicU64,
    /// More than this is not to be had by freezing.
    relief_max: AtomicU64,
    pressure: Pressure,
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
}

/// What freezing by itself has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct FreezerTally {
    pub passes: u64,
    pub rows: u64,
    pub error: Option<String>,
}

impl Freezer {
    /// Begins, and keeps memory for freezing when all is full.
    pub(crate) fn enable(&self, budget: &MemoryBudget) {
        budget.keep_urgent(kept(budget.limit()), 0);
        self.relief_max.store(budget.limit() / 2, Relaxed);
        self.enabled.store(true, Relaxed);
    }

    /// The budget is another one than it was. One caller at a time.
    pub(crate) fn resize(&self, budget: &MemoryBudget, before: u64) {
        if self.is_enabled() {
            budget.keep_urgent(kept(budget.limit()), kept(before));
            self.relief_max.store(budget.limit() / 2, Relaxed);
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// Has rows frozen if the budget is used beyond the mark; waits if there is hardly room. For whoever
    /// is about to begin to write, and holds nothing.
    #[inline]
    pub(crate) fn admit(&self, engine: &Engine) {
        if self.is_enabled() && (self.is_refused() || self.pressure.is_high(engine)) {
            self.ask(engine);
        }
    }

    /// Somebody was refused so many bytes who may come again: whoever begins next waits for a pass.
    #[cold]
    pub(super) fn note_refused(&self, bytes: u64) {
        self.refused.fetch_max(bytes.clamp(1, self.relief_max.load(Relaxed).max(1)), Relaxed);
    }

    /// A commit has to have so much at once: so much is to be left.
    #[inline]
    pub(crate) fn note_need(&self, bytes: u64) {
        if self.is_enabled() {
            self.pressure.note_need(bytes);
        }
    }

    #[cold]
    fn ask(&self, engine: &Engine) {
        let began = Instant::now();
        let mut state = self.state.lock();
        loop {
            if state.idle_since.is_some_and(|since| since.elapsed() < IDLE) {
                return;
            }
            self.want(&mut state);
            let waits = self.is_refused() || self.pressure.is_full(engine);
            if state.ending || began.elapsed() > PATIENCE || !waits {
                return;
            }
            self.wait_pass(&mut state, began);
        }
    }

    /// Has rows frozen because so many bytes were refused; true if that may have made room. For whoever
    /// holds nothing any more.
    #[cold]
    pub(crate) fn relieve(&self, bytes: u64) -> bool {
        if !self.is_enabled() || bytes > self.relief_max.load(Relaxed) {
            return false;
        }
        let began = Instant::now();
        let mut state = self.state.lock();
        let rows = state.rows;
        self.note_refused(bytes);
        self.want(&mut state);
        while state.rows == rows && !state.is_idle_since(began) && began.elapsed() < PATIENCE {
            if state.ending {
                return false;
            }
            self.wait_pass(&mut state, began);
        }
        state.rows > rows
    }

    fn want(&self, state: &mut State) {
        if !state.wanted {
            state.wanted = true;
            self.changed.notify_all();
        }
    }

    /// Waits for the end of a pass, or until it is known that there is none to come.
    fn wait_pass(&self, state: &mut MutexGuard<'_, State>, began: Instant) {
        let passes = state.passes;
        let until = Instant::now() + PASS_PATIENCE;
        while state.passes == passes && !state.is_idle_since(began) && !state.ending {
            if self.changed.wait_until(state, until).timed_out() {
                return;
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

    /// Bytes that should be freed; if somebody was refused some, more than those.
    pub(crate) fn excess(&self, engine: &Engine) -> u64 {
        let refused = self.refused.load(Relaxed);
        let some = engine.budget.limit() / REFUSED_SHARE;
        let least = if refused > 0 { refused + some } else { 0 };
        self.pressure.excess(engine).max(least)
    }

    /// Somebody was refused memory, and no pass has ended since.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Relaxed) > 0
    }

    /// A pass has frozen so many rows, or failed. `last`: another one would not do better.
    pub(crate) fn end_pass(&self, outcome: &Result<u64>, last: bool) {
        let mut state = self.state.lock();
        state.passes += 1;
        state.rows += outcome.as_ref().unwrap_or(&0);
        if outcome.is_ok() || last {
            self.refused.store(0, Relaxed);
        }
        state.idle_since = last.then(Instant::now);
        state.error = outcome.as_ref().err().map(ToString::to_string);
        self.changed.notify_all();
    }

    /// Nothing more is to be frozen: what is still used beyond the mark is held back by snapshots.
    pub(crate) fn rest(&self, engine: &Engine) {
        let is_high = self.pressure.is_high(engine);
        let mut state = self.state.lock();
        state.idle_since = is_high.then(Instant::now);
        self.changed.notify_all();
    }

    /// Tells the thread to end.
    pub(crate) fn end(&self) {
        self.state.lock().ending = true;
        self.changed.notify_all();
    }

    /// What was done so far.
    pub(crate) fn tally(&self) -> FreezerTally {
        let state = self.state.lock();
        FreezerTally { passes: state.passes, rows: state.rows, error: state.error.clone() }
    }
}

fn kept(limit: u64) -> u64 {
    (limit / KEPT_SHARE).clamp(KEPT_MIN, KEPT_MAX)
}

impl State {
    /// True if it became known after this moment that nothing can be frozen.
    fn is_idle_since(&self, began: Instant) -> bool {
        self.idle_since.is_some_and(|since| since >= began)
    }
}

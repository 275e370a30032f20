//! How full the budget is for whoever writes rows.
//!
//! A row's slot stays with its table when the row leaves memory: the budget counts it as used, but a row
//! that comes finds room there. So beyond the marks it is such room that is made, and kept; what it takes
//! besides is had while the pages of rows do not grow.

use super::engine::Engine;
use crate::mem::MemoryBudget;
use crate::sync::{AtomicU64, Relaxed};
use std::time::{Duration, Instant};

/// Parts of the budget, in sixteenths: what is left beyond the last is for the commits under way, more if
/// they need more.
const FULL: u64 = 13;
const FULL_LEAST: u64 = 6;
const PARTS: u64 = 16;
/// So many parts below the last the others lie.
const BELOW_HIGH: u64 = 2;
const BELOW_LOW: u64 = 4;
/// So much room is made at a time, and more when half of it is left; writers wait when a quarter is.
const ROOM_PARTS: u64 = 2;
/// How often what can be used again is counted, and what part of the time that may take at most.
const COUNT_EVERY: Duration = Duration::from_millis(1);
const COUNT_SHARE: u32 = 20;

/// What was last counted.
pub(crate) struct Pressure {
    began: Instant,
    /// Microseconds after the beginning.
    due: AtomicU64,
    reusable: AtomicU64,
    /// The most that a commit had to have at once.
    need: AtomicU64,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            due: AtomicU64::new(0),
            reusable: AtomicU64::new(0),
            need: AtomicU64::new(0),
        }
    }
}

impl Pressure {
    /// A commit has to have so much at once.
    #[inline]
    pub(super) fn note_need(&self, bytes: u64) {
        if bytes > self.need.load(Relaxed) {
            self.need.fetch_max(bytes, Relaxed);
        }
    }

    /// True if rows should be frozen.
    #[inline]
    pub(super) fn is_high(&self, engine: &Engine) -> bool {
        engine.budget.used() > self.mark(&engine.budget, BELOW_HIGH)
            && self.reusable(engine) < part(&engine.budget, ROOM_PARTS) / 2
    }

    /// True if there is hardly room.
    pub(super) fn is_full(&self, engine: &Engine) -> bool {
        engine.budget.used() > self.mark(&engine.budget, 0)
            && self.reusable(engine) < part(&engine.budget, ROOM_PARTS) / 4
    }

    /// Bytes of rows that should leave, as of now.
    pub(super) fn excess(&self, engine: &Engine) -> u64 {
        self.count(engine);
        let used = engine.budget.used();
        let above = used.saturating_sub(self.mark(&engine.budget, BELOW_LOW));
        let room = part(&engine.budget, ROOM_PARTS);
        above.min(room.saturating_sub(self.reusable.load(Relaxed)))
    }

    /// Bytes of the budget: so many parts below what may be used beside commits.
    fn mark(&self, budget: &MemoryBudget, below: u64) -> u64 {
        let least = part(budget, FULL_LEAST);
        let under_way = self.need.load(Relaxed) + part(budget, 1);
        let left = budget.grantable().saturating_sub(under_way);
        left.clamp(least, part(budget, FULL)) - part(budget, below)
    }

    /// Bytes that are used and are room for rows, as counted a moment ago.
    #[cold]
    fn reusable(&self, engine: &Engine) -> u64 {
        let now = self.began.elapsed().as_micros() as u64;
        let due = self.due.load(Relaxed);
        if now >= due && self.due.compare_exchange(due, u64::MAX, Relaxed, Relaxed).is_ok() {
            let took = self.count(engine) * COUNT_SHARE;
            self.due.store(now + took.max(COUNT_EVERY).as_micros() as u64, Relaxed);
        }
        self.reusable.load(Relaxed)
    }

    /// Counts them; says how long it took.
    fn count(&self, engine: &Engine) -> Duration {
        let began = Instant::now();
        let tables = engine.live_tables();
        let reusable: u64 = tables.iter().map(|table| table.data.reusable_bytes()).sum();
        self.reusable.store(reusable, Relaxed);
        began.elapsed()
    }
}

fn part(budget: &MemoryBudget, parts: u64) -> u64 {
    budget.limit() / PARTS * parts
}

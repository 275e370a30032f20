//! Turns: who lost a row to another transaction waits for the outcome, first come first served.
//!
//! A transaction that is run again after a conflict joins the row's queue. Until it has had its turn
//! others are refused the row as if it were owned, so newcomers cannot overtake those who wait, and
//! one row that everybody wants costs each of them one retry, not a race. Nobody who waits owns
//! anything, and each wait has an end: a turn is a courtesy, never needed for an answer to be right.

use super::engine::Engine;
use crate::error::Awaited;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::Newest;
use crate::options::{OUTCOME_WAIT_MAX, TURN_WAIT_MAX};
use crate::planted;
use crate::sync::{AtomicU64, AtomicUsize, Condvar, Mutex, Relaxed};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks between which a waiter only spins or gives the processor away.
const EAGER_LOOKS: u32 = 100;
/// The longest sleep between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(1);

/// A row of a table.
type RowPlace = (u32, u32);

/// The queues of a store's contended rows.
#[derive(Default)]
pub(crate) struct Turns {
    /// How many wait, for those who only look.
    waiting: AtomicUsize,
    next: AtomicU64,
    rows: Mutex<HashMap<RowPlace, VecDeque<u64>>>,
    changed: Condvar,
}

/// A place in the queue of one row; dropping it lets the next one go on.
pub(crate) struct Turn {
    engine: Arc<Engine>,
    place: RowPlace,
    number: u64,
}

impl Turns {
    /// True if somebody else has the turn for this row.
    #[inline]
    pub(super) fn is_others(&self, table: u32, row: u32, mine: Option<u64>) -> bool {
        self.waiting.load(Relaxed) > 0
            && !planted::bug("turn_not_respected")
            && self.is_first_another(table, row, mine)
    }

    #[cold]
    fn is_first_another(&self, table: u32, row: u32, mine: Option<u64>) -> bool {
        let rows = self.rows.lock();
        let first = rows.get(&(table, row)).and_then(|queue| queue.front());
        first.is_some_and(|first| Some(*first) != mine)
    }
}

impl Turn {
    /// Waits for what a conflict was about: a commit to be published, or a row to be given up, in
    /// the row's queue. `before` is the turn had until now.
    pub(crate) fn wait(engine: &Arc<Engine>, what: Awaited, before: Option<Self>) -> Option<Self> {
        match what {
            Awaited::Room(_) => before,
            Awaited::Commit(at) => {
                wait_until(OUTCOME_WAIT_MAX, || engine.timeline.published() >= Timestamp(at));
                before
            }
            Awaited::Row { table, row } => {
                let known = before.filter(|turn| turn.place == (table, row));
                let turn = known.unwrap_or_else(|| Self::join(engine, (table, row)));
                turn.wait_first();
                turn.wait_outcome();
                Some(turn)
            }
        }
    }

    /// What tells the transaction's owner from others.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn join(engine: &Arc<Engine>, place: RowPlace) -> Self {
        let turns = &engine.turns;
        let number = turns.next.fetch_add(1, Relaxed);
        turns.rows.lock().entry(place).or_default().push_back(number);
        turns.waiting.fetch_add(1, Relaxed);
        Self { engine: Arc::clone(engine), place, number }
    }

    fn wait_first(&self) {
        let turns = &self.engine.turns;
        let end = Instant::now() + TURN_WAIT_MAX;
        let mut rows = turns.rows.lock();
        while rows.get(&self.place).and_then(|queue| queue.front()) != Some(&self.number) {
            if turns.changed.wait_until(&mut rows, end).timed_out() {
                return;
            }
        }
    }

    /// Waits until nobody owns the row and its newest version is published.
    fn wait_outcome(&self) {
        let (table, row) = self.place;
        wait_until(OUTCOME_WAIT_MAX, || {
            // Not held between two looks: a change of the table would wait for this.
            let Some(rows) = self.engine.rows_of(table) else { return true };
            let _standing = rows.versions.stand();
            let published = self.engine.timeline.published();
            let is_published = match rows.versions.newest(row) {
                Newest::Live(at) | Newest::Deleted(at) => at <= published,
                Newest::Unborn => true,
            };
            rows.versions.owner(row).0 == 0 && is_published
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = &self.engine.turns;
        let mut rows = turns.rows.lock();
        if let Some(queue) = rows.get_mut(&self.place) {
            queue.retain(|number| *number != self.number);
            if queue.is_empty() {
                rows.remove(&self.place);
            }
        }
        turns.waiting.fetch_sub(1, Relaxed);
        drop(rows);
        turns.changed.notify_all();
    }
}

/// Looks again and again, ever more rarely, until it is true or the time is over.
fn wait_until(most: Duration, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + most;
    let (mut looks, mut attempt, mut pause) = (0_u32, 0, Duration::from_micros(20));
    while !is_true() && Instant::now() < end {
        looks += 1;
        if looks < EAGER_LOOKS {
            crate::sync::pause(&mut attempt);
        } else {
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK_PAUSE_MAX);
        }
    }
}

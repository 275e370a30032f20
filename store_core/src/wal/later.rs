//! Records that nobody waits for: acknowledged before they are durable, within stated bounds, or with
//! a ticket.
//!
//! ```text
//!  committer   append ── note ── (wait while too far behind) ── acknowledge
//!  log thread      └► wait for half the delay, or half the bytes ── write ── sync
//! ```
//!
//! Half of each bound is for the sync itself. If that takes longer, committers wait: so the bounds
//! hold whatever the disk does. The same thread makes room ahead (`grow`).

use super::group_commit::Goal;
use super::lsn::Lsn;
use super::writer::{State, Wait, Wal};
use crate::durability::Lag;
use crate::error::Result;
use crate::planted;
use crate::sync::Acquire;
use std::time::{Duration, Instant};

/// Records that nobody waits for, not yet taken into a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    /// When the first of them was appended.
    pub(super) since: Instant,
    /// Somebody has a ticket for one.
    pub(super) urgent: bool,
    /// At least one is bounded: the log thread is to sync it.
    bounded: bool,
}

/// How far the log is behind what was appended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behind {
    /// Bytes appended and not durable.
    pub(crate) bytes: u64,
    /// Age of the oldest record that was acknowledged, or has a ticket, and is not durable.
    pub(crate) age: Option<Duration>,
}

impl Wal {
    /// Notes a record that was just appended and that its writer does not wait for.
    pub(super) fn note_later(&self, state: &mut State, wait: Wait) {
        if wait == Wait::Writer {
            return;
        }
        let (urgent, bounded) = (wait == Wait::Ticket, wait != Wait::Ever);
        if urgent {
            state.ticket = state.last_timestamp;
        }
        let known = state.later;
        let since = known.map_or_else(Instant::now, |known| known.since);
        let later = Later {
            since,
            urgent: urgent || known.is_some_and(|known| known.urgent),
            bounded: bounded || known.is_some_and(|known| known.bounded),
        };
        state.later = Some(later);
        let news = known.is_none_or(|known| later.urgent && !known.urgent || !known.bounded);
        if news && bounded && !planted::bug("later_forgotten") {
            self.later_wanted.notify_all();
        }
    }

    /// Waits until a commit that ends here may be acknowledged: then at most so many bytes before it
    /// are not durable, and none for longer than the delay.
    pub(crate) fn wait_behind(&self, end: Lsn, lag: Lag) -> Result<()> {
        if planted::bug("lag_unbounded") {
            return Ok(());
        }
        if end.0.saturating_sub(self.durable().0) >= lag.bytes / 2 {
            self.later_wanted.notify_one(); // not to wait for the time
        }
        self.wait_durable(end.minus(lag.bytes))?;
        let overdue = |state: &State| {
            let oldest = state.syncing.or(state.later.map(|later| later.since));
            oldest.is_some_and(|since| since.elapsed() > lag.delay)
        };
        let mut state = self.state.lock();
        while state.durable < end && overdue(&state) {
            state.check_poisoned()?;
            self.lead_or_wait(&mut state, Goal::Durable);
        }
        state.check_poisoned()
    }

    /// A step of the thread that syncs what nobody waits for: waits until something must be, syncs
    /// it, and gives the newest timestamp up to which tickets are durable if that is beyond `seen`.
    /// `None` when the thread is to end.
    pub(crate) fn sync_later(&self, lag: Lag, seen: u64) -> Option<u64> {
        let mut state = self.state.lock();
        loop {
            if state.stopping || state.poisoned.is_some() {
                return None;
            }
            let tickets = state.ticket.min(self.durable_timestamp.load(Acquire));
            if tickets > seen {
                return Some(tickets);
            }
            if state.room_at.is_some_and(|at| Instant::now() >= at) {
                self.grow(&mut state);
                continue;
            }
            let Some(later) = state.later.filter(|later| later.bounded) else {
                match state.room_at {
                    Some(at) => {
                        self.later_wanted.wait_until(&mut state, at);
                    }
                    None => self.later_wanted.wait(&mut state),
                }
                continue;
            };
            let due = later.since + lag.delay / 2;
            let far = state.end().since(state.durable) >= lag.bytes / 2;
            if later.urgent || far || Instant::now() >= due {
                self.lead_or_wait(&mut state, Goal::Durable);
            } else {
                let until = state.room_at.map_or(due, |at| due.min(at));
                self.later_wanted.wait_until(&mut state, until);
            }
        }
    }

    /// Tells the threads that look after the log to end.
    pub(crate) fn stop_threads(&self) {
        self.state.lock().stopping = true;
        self.later_wanted.notify_all();
        self.grown.notify_all();
        self.changed.notify_all();
    }

    /// How far behind it is.
    pub(crate) fn behind(&self) -> Behind {
        let state = self.state.lock();
        let oldest = state.syncing.or(state.later.map(|later| later.since));
        Behind { bytes: state.end().since(state.durable), age: oldest.map(|since| since.elapsed()) }
    }

    /// Waits until the log holds so many bytes from a position on, or until the time is over; false
    /// when the threads that look after the log are to end.
    pub(crate) fn wait_grown(&self, from: Lsn, bytes: u64, until: Instant) -> bool {
        let wanted = from.plus(bytes);
        let mut state = self.state.lock();
        while !state.stopping && state.end() < wanted && Instant::now() < until {
            state.wanted = wanted;
            self.grown.wait_until(&mut state, until);
        }
        !state.stopping
    }
}

//! Group commit: one of those who wait writes and syncs for all of them.
//!
//! ```text
//!  waiter A ─ leads: takes batch 1 ── write ── sync ── publishes durable, wakes all
//!  waiter B ─ appends to batch 2 …… waits ……………………┴─ leads: takes batch 2 ── write ─ …
//!  waiter C ─ appends to batch 2 …… waits ……………………┴─ waits for B
//! ```

use super::lsn::Lsn;
use super::record::seal_batch;
use super::waiters::wake;
use super::writer::{State, Wal};
use crate::error::{Error, Result};
use crate::planted;
use crate::sync::{MutexGuard, Release};
use std::sync::Arc;

/// How far a leader takes its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Handed to the device: makes room in memory, acknowledges nothing.
    Written,
    /// Synced: all before the batch's end is durable.
    Durable,
}

impl Wal {
    /// Returns when all before `end` is durable, or with an error if that is not known.
    ///
    /// `end` comes from an append. After an error the log is poisoned: whether the record
    /// survives shows when the store is opened again.
    pub(crate) fn wait_durable(&self, end: Lsn) -> Result<()> {
        if self.durable() >= end {
            return Ok(());
        }
        let mut state = self.state.lock();
        assert!(end <= state.end(), "nobody appended up to {end}");
        while state.durable < end {
            state.check_poisoned()?;
            if !state.leading {
                self.lead(&mut state, Goal::Durable);
                continue;
            }
            let waiter = state.waiters.enter(end);
            drop(state);
            waiter.wait();
            if self.durable() >= end {
                return Ok(());
            }
            state = self.state.lock(); // to lead, or to hear of a failure
        }
        Ok(())
    }

    /// Makes everything appended until now durable; returns where that ends, and its newest
    /// timestamp.
    pub(crate) fn flush(&self) -> Result<(Lsn, u64)> {
        let (end, timestamp) = {
            let state = self.state.lock();
            (state.end(), state.last_timestamp)
        };
        self.wait_durable(end)?;
        Ok((end, timestamp))
    }

    /// Writes the batch, or waits for the one who does; the caller looks again afterwards.
    pub(super) fn lead_or_wait(&self, state: &mut MutexGuard<'_, State>, goal: Goal) {
        if state.leading {
            self.changed.wait(state);
        } else {
            self.lead(state, goal);
        }
    }

    /// Writes the batch and syncs; a failure poisons the log. Nobody else may lead.
    fn lead(&self, state: &mut MutexGuard<'_, State>, goal: Goal) {
        state.leading = !planted::bug("two_leaders");
        let spare = std::mem::take(&mut state.spare);
        let mut batch = std::mem::replace(&mut state.pending, spare);
        let start = state.pending_start;
        let end = start.plus(batch.len() as u64);
        state.pending_start = end;
        let (file, durable) = (Arc::clone(&state.file), state.durable);
        let timestamp = state.last_timestamp;
        let later = if goal == Goal::Durable { state.later.take() } else { None };
        state.syncing = later.map(|later| later.since);
        state.syncs_begun += u64::from(goal == Goal::Durable);
        let sync = state.syncs_begun;
        let outcome = self.unlocked(state, || {
            seal_batch(batch.bytes_mut(), file.id, durable);
            if batch.len() > 0 {
                file.file.write_all_at(batch.bytes_mut(), file.offset_of(start))?;
            }
            if goal == Goal::Durable && !planted::bug("sync_skipped") {
                file.file.sync_data()?;
            }
            Ok(())
        });
        batch.reset(self.options.pending_bytes_max.saturating_mul(2));
        state.spare = batch;
        state.syncing = None;
        match outcome {
            Err(fault) if !planted::bug("sync_failure_ignored") => {
                self.poison(state, &Error::io(format_args!("{}: writing", file.name), fault));
            }
            _ if goal == Goal::Durable => {
                state.syncs_done = sync;
                state.durable =
                    if planted::bug("durable_beyond_batch") { state.end() } else { end };
                // Before the position: who sees that may publish up to this.
                let release = planted::order("durable_timestamp_relaxed", Release);
                self.durable_timestamp.store(timestamp, release);
                // Pairs with Acquire in durable().
                self.durable.store(end.0, planted::order("durable_relaxed", Release));
            }
            _ => {}
        }
        if later.is_some_and(|later| later.urgent) {
            self.later_wanted.notify_all(); // to publish them
        }
        self.stop_leading(state);
    }

    /// Lets somebody else lead: wakes those who need not wait any more, and one of the others.
    pub(super) fn stop_leading(&self, state: &mut MutexGuard<'_, State>) {
        state.leading = false;
        if !planted::bug("followers_forgotten") {
            self.changed.notify_all();
        }
        let durable = state.durable;
        let woken = state.waiters.take_done(durable);
        if !woken.is_empty() {
            MutexGuard::unlocked(state, || wake(&woken));
        }
    }

    /// Stops the log for good (invariant I7); the first cause is kept.
    pub(super) fn poison(&self, state: &mut State, cause: &Error) {
        state.poisoned.get_or_insert_with(|| cause.to_string());
        if !planted::bug("followers_forgotten") {
            self.changed.notify_all();
        }
        wake(&state.waiters.take_all());
        self.later_wanted.notify_all();
        self.grown.notify_all();
    }

    /// Does I/O without the mutex. If that panics, the log is poisoned and those who wait wake.
    pub(super) fn unlocked<T>(
        &self,
        state: &mut MutexGuard<'_, State>,
        work: impl FnOnce() -> T,
    ) -> T {
        MutexGuard::unlocked(state, || {
            let alarm = Alarm(self);
            let outcome = work();
            std::mem::forget(alarm);
            outcome
        })
    }
}

/// Dropped only when the work it watches over panics.
struct Alarm<'a>(&'a Wal);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        self.0.poison(&mut state, &Error::invalid("the thread that wrote it panicked"));
        state.leading = false;
        state.frozen = false;
    }
}

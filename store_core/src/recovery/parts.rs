//! Operations of the log for several threads, each for the keys of its hashes.
//!
//! A thread has three batches: one fills, one is done, one is on its way. Whoever fills waits for the
//! slowest thread, so memory is bounded.

use super::batch::{Batch, BatchSize, Origin};
use super::workers::{FirstError, spare_threads};
use crate::error::{Error, Kind, Result};
use crate::index::primary::part_of;
use crate::mem::{Holder, MemoryBudget};
use crate::planted;
use crate::txn::TableData;
use crate::txn::load::Room;
use crate::txn::record::RowOp;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Most threads that do operations: one that reads and cuts cannot keep more of them busy.
const PARTS_MAX: usize = 4;
/// Batches of a thread.
const BATCHES: usize = 3;
/// Long enough that handing it over costs little, short enough to stay in a cache.
const BATCH: BatchSize = BatchSize { ops: 1024, bytes: 96 << 10 };

/// How many threads do operations beside the one that reads, if there may be so many in all; 0 if that one
/// is to do them itself.
pub(super) fn count(budget: &MemoryBudget, threads: usize) -> usize {
    (spare_threads(budget, threads) - 1).min(PARTS_MAX)
}

/// Threads that do operations.
pub(super) struct Parts<'scope> {
    parts: Vec<Part<'scope>>,
    error: Arc<FirstError>,
}

/// One of them.
struct Part<'scope> {
    filling: Batch,
    idle: Vec<Batch>,
    tasks: Sender<Batch>,
    done: Receiver<Batch>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Parts<'scope> {
    /// Starts so many threads, or as many as can be had; `None` if that is none.
    pub(super) fn start(
        scope: &'scope Scope<'scope, '_>,
        count: usize,
        holder: &Holder,
    ) -> Option<Self> {
        let error = Arc::new(FirstError::default());
        let start = |_| Part::start(scope, &error, holder);
        let parts: Vec<_> = (0..count).map_while(start).collect();
        (!parts.is_empty()).then_some(Self { parts, error })
    }

    /// Gives an operation to the thread of its key.
    #[inline]
    pub(super) fn push(
        &mut self,
        rows: &Arc<TableData>,
        op: RowOp<'_>,
        origin: Origin,
    ) -> Result<()> {
        let chosen =
            if planted::bug("operations_in_any_part") { origin.nth << 34 } else { op.hash };
        let part = part_of(chosen, self.parts.len());
        let part = &mut self.parts[part];
        if part.filling.is_full(op.bytes.len()) {
            part.hand_over(&self.error)?;
        }
        part.filling.push(rows, op, origin)
    }

    /// Waits until all operations so far are done.
    pub(super) fn flush(&mut self) -> Result<()> {
        if planted::bug("parts_not_waited_for") {
            return Ok(());
        }
        for part in &mut self.parts {
            if !part.filling.is_empty() {
                part.hand_over(&self.error)?;
            }
        }
        for part in &mut self.parts {
            while part.idle.len() < BATCHES - 1 {
                part.take_back()?;
            }
        }
        if self.error.is_set() { Err(stopped()) } else { Ok(()) }
    }

    /// The same, at the end; then the first operation in the order of the log that could not be done is
    /// the error.
    pub(super) fn finish(mut self) -> Result<()> {
        let mut outcome = Ok(());
        for part in &mut self.parts {
            if !part.filling.is_empty() {
                outcome = part.hand_over(&self.error).and(outcome);
            }
        }
        for part in self.parts {
            drop((part.tasks, part.filling, part.idle));
            if let Err(panic) = part.thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.error.result().and(outcome)
    }
}

impl<'scope> Part<'scope> {
    fn start(
        scope: &'scope Scope<'scope, '_>,
        error: &Arc<FirstError>,
        holder: &Holder,
    ) -> Option<Self> {
        let mut idle = Vec::with_capacity(BATCHES);
        for _ in 0..BATCHES {
            idle.push(Batch::new(BATCH, holder).ok()?);
        }
        let (tasks, taken) = channel();
        let (give_back, done) = channel();
        let error = Arc::clone(error);
        let work = move || work(&taken, &give_back, &error);
        let thread = Builder::new().name("store-opening".to_owned()).spawn_scoped(scope, work);
        let filling = idle.pop()?;
        Some(Self { filling, idle, tasks, done, thread: thread.ok()? })
    }

    /// Gives the batch to the thread, and goes on with another one.
    fn hand_over(&mut self, error: &FirstError) -> Result<()> {
        if self.idle.is_empty() {
            self.take_back()?;
        }
        if error.is_set() {
            return Err(stopped());
        }
        let next = self.idle.pop().ok_or_else(stopped)?;
        let full = std::mem::replace(&mut self.filling, next);
        self.tasks.send(full).map_err(|_| stopped())
    }

    /// Waits for a batch to be done.
    fn take_back(&mut self) -> Result<()> {
        self.idle.push(self.done.recv().map_err(|_| stopped())?);
        Ok(())
    }
}

/// What a thread does until nothing more can come.
fn work(tasks: &Receiver<Batch>, give_back: &Sender<Batch>, first: &FirstError) {
    let (mut room, mut failed) = (Room::new(), false);
    for mut batch in tasks {
        if failed {
            batch.clear();
        } else if let Err((nth, error)) = batch.redo(&mut room, |nth, error| Err((nth, error))) {
            first.note(nth, error);
            failed = true;
        }
        if give_back.send(batch).is_err() {
            // The batches to come are still taken, in case one of them fails earlier in the log.
            continue;
        }
    }
}

/// What whoever fills is told when a thread has failed: that thread's own error is the one that counts.
fn stopped() -> Error {
    Error::new(Kind::Cancelled, "applying the log was stopped by an error")
}

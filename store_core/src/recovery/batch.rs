//! Operations of the log, a few at a time, so that the memory of their rows is fetched before they are
//! done: one by one, each would wait for its place in the index and then for its row.

use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation};
use crate::mvcc::Timestamp;
use crate::txn::load::{self, Room};
use crate::txn::record::RowOp;
use crate::txn::{AHEAD, TableData};
use crate::wal::Lsn;
use std::sync::Arc;

/// How much a batch takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSize {
    pub ops: usize,
    pub bytes: usize,
}

/// Operations on rows, in the order of the log.
pub(super) struct Batch {
    size: BatchSize,
    bytes: Vec<u8>,
    ops: Vec<Op>,
    /// The tables that they concern.
    tables: Vec<Arc<TableData>>,
    held: Reservation,
}

/// An operation of a batch.
#[derive(Clone, Copy)]
struct Op {
    /// Its number among all operations of the log.
    nth: u64,
    at: Timestamp,
    lsn: Lsn,
    hash: u64,
    table: u32,
    from: u32,
    to: u32,
}

/// Where an operation comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub nth: u64,
    pub at: Timestamp,
    pub lsn: Lsn,
}

impl Batch {
    pub(super) fn new(size: BatchSize, holder: &Holder) -> Result<Self> {
        let held = holder.reserve(size.bytes + size.ops * size_of::<Op>())?;
        let (bytes, ops) = (Vec::with_capacity(size.bytes), Vec::with_capacity(size.ops));
        Ok(Self { size, bytes, ops, tables: Vec::new(), held })
    }

    /// True if so many bytes more do not fit.
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.ops.len() >= self.size.ops || self.bytes.len() + more > self.size.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Adds an operation; one longer than a batch only to an empty one.
    pub(super) fn push(
        &mut self,
        rows: &Arc<TableData>,
        op: RowOp<'_>,
        origin: Origin,
    ) -> Result<()> {
        if op.bytes.len() > self.bytes.capacity() {
            self.held.grow_to(op.bytes.len() + self.size.ops * size_of::<Op>())?;
            self.bytes = Vec::with_capacity(op.bytes.len());
        }
        let known = self.tables.iter().rposition(|known| Arc::ptr_eq(known, rows));
        let table = known.unwrap_or_else(|| {
            self.tables.push(Arc::clone(rows));
            self.tables.len() - 1
        });
        let from = self.bytes.len();
        self.bytes.extend_from_slice(op.bytes);
        let Origin { nth, at, lsn } = origin;
        let (from, to) = (from as u32, self.bytes.len() as u32);
        self.ops.push(Op { nth, at, lsn, hash: op.hash, table: table as u32, from, to });
        Ok(())
    }

    /// Does the operations, in their order, and empties the batch. `refused` gets what cannot be done,
    /// with its number, and says whether that is an end; then the others are not done.
    pub(super) fn redo<E>(
        &mut self,
        room: &mut Room,
        mut refused: impl FnMut(u64, Error) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(first) = self.ops.first() else { return Ok(()) };
        // What the index has left stays while it may be looked at here.
        let timeline = Arc::clone(&self.tables[first.table as usize].timeline);
        let _entered = match timeline.enter() {
            Ok(entered) => entered,
            Err(error) => return refused(first.nth, error),
        };
        let mut outcome = Ok(());
        for group in self.ops.chunks(AHEAD) {
            outcome = self.redo_group(group, room, &mut refused);
            if outcome.is_err() {
                break;
            }
        }
        self.clear();
        outcome
    }

    fn redo_group<E>(
        &self,
        group: &[Op],
        room: &mut Room,
        refused: &mut impl FnMut(u64, Error) -> Result<(), E>,
    ) -> Result<(), E> {
        for op in group {
            self.tables[op.table as usize].primary.prefetch(op.hash);
        }
        for op in group {
            load::fetch_row(&self.tables[op.table as usize], op.hash);
        }
        for op in group {
            let bytes = &self.bytes[op.from as usize..op.to as usize];
            let rows = &self.tables[op.table as usize];
            load::redo(rows, bytes, op.at, room)
                .or_else(|error| refused(op.nth, super::log::at_position(error, op.lsn)))?;
        }
        Ok(())
    }

    /// Forgets what it has.
    pub(super) fn clear(&mut self) {
        self.ops.clear();
        self.bytes.clear();
        self.tables.clear();
    }
}

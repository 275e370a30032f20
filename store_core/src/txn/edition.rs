//! Editions: a table between two changes of its columns.
//!
//! ```text
//! edition 1 ──successor──► edition 2 ──successor──► edition 3
//! [ 0 ………… 41 )            [ 41 ………… 97 )           [ 97 …………       timestamps that see it
//!    rows taken out once no snapshot inside is registered, nor can be
//! ```
//!
//! Rows have a fixed layout, so a change of columns copies them to a table of the new layout: the next
//! edition. A reader uses the edition that its timestamp lies in. Handles keep editions, not their
//! rows: these go when the last snapshot has ended that reads them, whoever still has a handle, and
//! whatever older snapshots are left that read an edition before.

use super::live_table::LiveTable;
use crate::error::{Awaited, Error, Result};
use crate::mem::lasting::Lasting;
use crate::mem::lent::{Lent, LentRef};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::Schema;
use crate::sync::{AtomicU64, Relaxed};
use std::sync::{Arc, OnceLock, Weak};

/// The span of an edition that has not ended; with any beginning it is beyond every timestamp.
const OPEN: u64 = 1 << 63;

/// One table between two changes of its columns.
pub(crate) struct Edition {
    /// The timestamps that see it: so many from here on. Read with every look by key, so they come
    /// first and in one cache line.
    from: AtomicU64,
    span: AtomicU64,
    live: Lent<LiveTable>,
    /// Every schema it had: handles lend the newest one for as long as they live.
    schemas: Arc<Lasting<Arc<Schema>>>,
    /// The edition before, as long as somebody may read it.
    before: Weak<Edition>,
    successor: OnceLock<Arc<Edition>>,
}

impl Edition {
    /// The first edition of a table, which every timestamp sees.
    pub(crate) fn first(live: Arc<LiveTable>) -> Arc<Self> {
        Self::new(live, Weak::new())
    }

    /// The edition that is to follow this one.
    pub(crate) fn next(self: &Arc<Self>, live: Arc<LiveTable>) -> Arc<Self> {
        Self::new(live, Arc::downgrade(self))
    }

    fn new(live: Arc<LiveTable>, before: Weak<Self>) -> Arc<Self> {
        Arc::new(Self {
            from: AtomicU64::new(0),
            span: AtomicU64::new(OPEN),
            schemas: Arc::clone(live.schemas()),
            live: Lent::new(live),
            before,
            successor: OnceLock::new(),
        })
    }

    /// True if readers of this timestamp use it. Relaxed: both ends are written before the timestamp
    /// that divides two editions is published, and whoever reads it has seen that.
    #[inline(always)]
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        at.0.wrapping_sub(self.from.load(Relaxed)) < self.span.load(Relaxed)
    }

    /// The table, for a caller with a registered snapshot that it covers, or one who holds the
    /// catalog while this is in it.
    #[inline(always)]
    pub(crate) fn live(&self) -> &Lent<LiveTable> {
        &self.live
    }

    /// References to the table for handles, which ask [`Edition::covers`] first.
    pub(crate) fn lend(&self) -> (LentRef<LiveTable>, LentRef<super::TableData>) {
        let live = self.live.lend();
        (LentRef::new(live), LentRef::new(&*live.data))
    }

    /// Columns, key and the indexes that readers may use now, or could when it ended.
    pub(crate) fn schema(&self) -> &Schema {
        self.schemas.newest()
    }

    /// The newest edition.
    pub(crate) fn newest(self: &Arc<Self>) -> &Arc<Self> {
        let mut edition = self;
        while let Some(next) = edition.successor.get() {
            edition = next;
        }
        edition
    }

    /// The oldest edition that somebody may still read.
    pub(crate) fn oldest(self: &Arc<Self>) -> Arc<Self> {
        let mut edition = Arc::clone(self);
        while let Some(before) = edition.before.upgrade() {
            edition = before;
        }
        edition
    }

    /// The edition from this one on that a registered reader of this timestamp uses; an error if the
    /// table was dropped before.
    pub(crate) fn of_reader(self: &Arc<Self>, at: Timestamp) -> Result<&Arc<Self>> {
        let mut edition = self;
        while !edition.covers(at) {
            edition = edition.successor.get().ok_or_else(|| edition.dropped())?;
        }
        Ok(edition)
    }

    /// True unless it has ended.
    pub(crate) fn is_open(&self) -> bool {
        self.span.load(Relaxed) == OPEN
    }

    /// The first timestamp that sees it.
    pub(crate) fn since(&self) -> Timestamp {
        Timestamp(self.from.load(Relaxed))
    }

    /// The timestamp it ended at; beyond all if it has not.
    pub(crate) fn until(&self) -> Timestamp {
        Timestamp(self.from.load(Relaxed) + self.span.load(Relaxed))
    }

    /// Ends it: readers of this timestamp, which is not published yet, use the successor, or find
    /// the table dropped.
    pub(crate) fn end(&self, at: Timestamp, successor: Option<Arc<Self>>) {
        let from = self.from.load(Relaxed);
        let until = if planted::bug("old_snapshot_sees_new_columns") { from } else { at.0 };
        if let Some(next) = successor {
            next.from.store(until, Relaxed);
            let set = self.successor.set(next);
            debug_assert!(set.is_ok(), "an edition ends once");
        }
        self.span.store(until - from, Relaxed);
    }

    /// What whoever reads or writes a dropped table is told.
    pub(crate) fn dropped(&self) -> Error {
        let table = &self.schema().table;
        Error::not_found(format!(
            "table `{table}` was dropped at {}: open or make another one of that name",
            self.until().0
        ))
        .detail(table)
    }

    /// What a handle of one set of columns is told by a reader of another.
    pub(crate) fn changed(&self) -> Error {
        let table = &self.schema().table;
        Error::invalid(format!(
            "the columns of `{table}` are not those that this handle was opened with, as this reader sees \
             the table: open the table again, and read it at a snapshot as new"
        ))
        .detail(table)
    }
}

impl Drop for Edition {
    fn drop(&mut self) {
        // One after the other, not inside each other.
        let mut next = self.successor.take();
        while let Some(mut edition) = next.and_then(Arc::into_inner) {
            next = edition.successor.take();
        }
    }
}

/// A conflict of a transaction whose snapshot is older than a change of a table that it wants to
/// write.
pub(super) fn outdated(table: &str, at: Timestamp, snapshot: Timestamp) -> Error {
    Error::conflict(format!(
        "conflict: the columns of `{table}` were changed, or it was dropped, at {}, after snapshot {}: \
         retry in a new transaction",
        at.0, snapshot.0
    ))
    .detail(table)
    .awaiting(Awaited::Commit(at.0))
}

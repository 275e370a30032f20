//! Who reads: a snapshot, or a transaction with its own writes over its snapshot.

use crate::error::Result;
use crate::mem::layout::{WholeRow, whole};
use crate::mvcc::Moment;
use crate::query::{Cells, Filter};
use crate::schema::Schema;
use crate::txn::{Engine, Snapshot, TableData, Txn};
use crate::value::ValueRef;
use std::ops::Range;
use std::sync::Arc;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Snapshot {}
    impl Sealed for super::Txn {}
}

/// What a read goes through: a [`Snapshot`] or a [`Txn`].
pub trait Reader: sealed::Sealed {
    #[doc(hidden)]
    fn source(&self) -> ReadSource<'_>;
}

impl Reader for Snapshot {
    #[inline(always)]
    fn source(&self) -> ReadSource<'_> {
        ReadSource::Snapshot(self)
    }
}

impl Reader for Txn {
    fn source(&self) -> ReadSource<'_> {
        ReadSource::Txn(self)
    }
}

/// A reader as a query keeps it.
#[doc(hidden)]
pub enum ReadSource<'a> {
    /// Borrows the snapshot.
    Snapshot(&'a Snapshot),
    /// Keeps the snapshot alive.
    Owned(Snapshot),
    /// Borrows the transaction.
    Txn(&'a Txn),
}

impl ReadSource<'_> {
    /// Copies a row's words to their places in `out` if the reader sees it; at least those in
    /// `range`.
    #[inline]
    pub(crate) fn read(
        &self,
        rows: &TableData,
        row: u32,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> Result<bool> {
        match self {
            Self::Snapshot(snapshot) => rows.versions.read(row, snapshot.moment(), range, out),
            Self::Owned(snapshot) => rows.versions.read(row, snapshot.moment(), range, out),
            Self::Txn(txn) => txn.read(rows, row, out),
        }
    }

    /// The snapshot's moment, unless the reader has writes of its own to look at.
    #[inline(always)]
    pub(crate) fn moment(&self) -> Result<Moment, &Txn> {
        match self {
            Self::Snapshot(snapshot) => Ok(snapshot.moment()),
            Self::Owned(snapshot) => Ok(snapshot.moment()),
            Self::Txn(txn) => Err(txn),
        }
    }

    /// The snapshot's moment, whatever was written since.
    pub(crate) fn at(&self) -> Moment {
        self.moment().unwrap_or_else(Txn::moment)
    }

    /// The snapshot, if there is nothing else to read.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Snapshot(snapshot) => Some(snapshot),
            Self::Owned(snapshot) => Some(snapshot),
            Self::Txn(_) => None,
        }
    }

    /// Notes what a query looks for, for a serializable transaction.
    pub(crate) fn note_range(&self, rows: &TableData, filter: &Filter) {
        if let Self::Txn(txn) = self {
            txn.note_range(rows, filter);
        }
    }

    /// Refuses what was not found if the reader's snapshot was given up before: rows that only it
    /// saw are gone from indexes and pages too.
    #[inline(never)]
    pub(crate) fn check_kept(&self) -> Result<()> {
        self.engine().timeline.check_kept(self.at())
    }

    /// True if there may be rows that no index has yet.
    pub(crate) fn has_writes(&self) -> bool {
        matches!(self, Self::Txn(txn) if txn.writes() > 0)
    }

    /// True if the row is one of the transaction's own.
    pub(crate) fn owns(&self, rows: &TableData, row: u32) -> bool {
        matches!(self, Self::Txn(txn) if txn.owns(rows, row))
    }

    /// True if the transaction has written a row that is cold for its snapshot: it comes with its own.
    pub(crate) fn hides_cold(&self, rows: &TableData, row: u32) -> bool {
        matches!(self, Self::Txn(txn) if txn.hides_cold(rows, row))
    }

    /// The transaction's own rows of this table.
    pub(crate) fn own_rows(&self, rows: &TableData) -> Vec<u32> {
        match self {
            Self::Snapshot(_) | Self::Owned(_) => Vec::new(),
            Self::Txn(txn) => txn.own_rows(rows),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        match self {
            Self::Snapshot(snapshot) => snapshot.engine(),
            Self::Owned(snapshot) => snapshot.engine(),
            Self::Txn(txn) => txn.engine(),
        }
    }
}

/// One row of a result, valid until the cursor moves on.
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    rows: &'a TableData,
    view: WholeRow<'a>,
}

impl<'a> RowRef<'a> {
    #[inline(always)]
    pub(crate) fn new(rows: &'a TableData, words: &'a [u64]) -> Self {
        Self { rows, view: whole(&rows.layout, words) }
    }

    /// The value of the column at this position of the schema.
    #[inline]
    pub fn get(&self, column: usize) -> ValueRef<'a> {
        self.view.cell(column)
    }

    /// Copies the words at these places.
    pub(super) fn pick(&self, picks: &[usize], out: &mut [u64]) {
        self.view.pick(picks, out);
    }

    /// The table's columns and key; its indexes, which may change, are in [`crate::Table::schema`].
    pub fn schema(&self) -> &'a Schema {
        &self.rows.schema
    }

    /// The values of the columns a user named, in order.
    pub fn values(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let view = self.view;
        (0..self.rows.schema.visible_len()).map(move |column| view.cell(column))
    }
}

impl Cells for RowRef<'_> {
    #[inline]
    fn cell(&self, column: usize) -> ValueRef<'_> {
        self.view.cell(column)
    }
}

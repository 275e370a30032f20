//! A row that was read.

use crate::cursor::RowRef;
use crate::error::Result;
use crate::txn::{RowWords, TableData};
use crate::value::{Value, ValueRef};
use std::fmt;
use std::marker::PhantomData;

/// One row as its reader sees it.
pub struct Row<'r> {
    pub(super) rows: &'r TableData,
    pub(super) words: RowWords,
    // A long value is kept by the reader's snapshot.
    pub(super) _reader: PhantomData<&'r ()>,
}

impl Row<'_> {
    /// The value of the column of this name.
    pub fn get(&self, name: &str) -> Result<ValueRef<'_>> {
        Ok(self.at(self.rows.schema.column_position(name)?))
    }

    /// The value of the column at this position.
    #[inline]
    pub fn at(&self, column: usize) -> ValueRef<'_> {
        self.rows.view(&self.words).cell(column)
    }

    /// The row as a cursor gives it.
    pub fn as_ref(&self) -> RowRef<'_> {
        RowRef::new(self.rows, &self.words)
    }

    /// Copies of the columns a user named, in order.
    pub fn to_values(&self) -> Vec<Value> {
        self.as_ref().values().map(ValueRef::to_owned).collect()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_ref().values()).finish()
    }
}

//! Rows of a table as rows of the next edition, with a column more or less.

use super::rows::TableData;
use crate::error::Result;
use crate::mem::layout::RowView;
use crate::planted;
use crate::schema::{Column, Schema};
use crate::value::ValueRef;

/// What happens to the columns of a table.
#[derive(Clone, Debug)]
pub(crate) enum ColumnChange {
    /// A new one, behind those that a user named.
    Add(Column),
    /// The one at this position goes.
    Drop(usize),
}

/// How rows change.
pub(crate) struct Recast<'c> {
    change: &'c ColumnChange,
    /// Where a new column comes.
    place: usize,
    columns: usize,
}

impl ColumnChange {
    /// The schema after the change.
    pub(crate) fn schema(&self, before: &Schema) -> Result<Schema> {
        match self {
            Self::Add(column) => before.with_column(column.clone()),
            Self::Drop(at) => before.without_column(*at),
        }
    }
}

impl<'c> Recast<'c> {
    /// For rows of this table.
    pub(crate) fn new(change: &'c ColumnChange, rows: &TableData) -> Self {
        let schema = &rows.schema;
        Self { change, place: schema.visible_len(), columns: schema.columns.len() }
    }

    /// The cells after the change of a row that has these before.
    pub(crate) fn cells<'a>(&'a self, row: &RowView<'a>) -> Vec<ValueRef<'a>> {
        let mut cells: Vec<ValueRef<'a>> = (0..self.columns).map(|at| row.cell(at)).collect();
        match self.change {
            ColumnChange::Add(column) => {
                let default = column.default.as_ref().map(|value| value.as_ref());
                cells.insert(self.place, default.unwrap_or(ValueRef::Null));
            }
            ColumnChange::Drop(at) => drop(cells.remove(*at)),
        }
        cells
    }

    /// The same when a log is replayed.
    pub(crate) fn cells_again<'a>(&'a self, row: &RowView<'a>) -> Vec<ValueRef<'a>> {
        let mut cells = self.cells(row);
        if planted::bug("default_not_filled_again") && matches!(self.change, ColumnChange::Add(_)) {
            cells[self.place] = ValueRef::Null;
        }
        cells
    }
}

//! Statements over rows that were looked at first: changed or deleted by a predicate, or given values
//! that depend on what they hold.
//!
//! The rows of a predicate are found before the first is written, so that no row is met again after
//! its own change (the Halloween problem); they come by row number, which stays the row's own as long
//! as the transaction's snapshot sees it.

use super::live_table::LiveTable;
use super::prepare::RowWords;
use super::rows::{Rows, TableData};

use super::update::{Change, key_refused};
use super::update_many::{AHEAD, check_columns};
use super::write_set::Txn;
use crate::cold::is_cold;
use crate::error::{Error, Result};
use crate::mem::layout::RowView;
use crate::value::{Value, ValueRef};
use smallvec::SmallVec;

/// The new values of a row's columns.
pub(crate) type NewCells = SmallVec<[Value; 2]>;

impl Txn {
    /// Shows the row with this key to `decide` and gives it the values that come back; `None` if
    /// there is no such row, else whether any came.
    pub(crate) fn update_seen(
        &mut self,
        table: &LiveTable,
        key: &[u64],
        columns: &[usize],
        decide: &mut dyn FnMut(&RowView<'_>) -> Result<Option<NewCells>>,
    ) -> Result<Option<bool>> {
        let (number, rows) = self.join(table)?;
        let change = Change::new(rows, columns);
        self.relieved(|txn| {
            txn.check_write()?;
            if change.effect.in_key {
                return Err(key_refused(rows, columns));
            }
            txn.reserve_write()?;
            let mut words = RowWords::zeroed(rows.layout.words());
            let found = txn.find_to_write(rows, number, &rows.view(key), &mut words)?;
            let Some(row) = found else { return Ok(None) };
            let Some(cells) = decide(&rows.view(&words))? else { return Ok(Some(false)) };
            let cells: SmallVec<[ValueRef<'_>; 2]> = cells.iter().map(Value::as_ref).collect();
            txn.change_row(rows, number, row, &mut words, change, &cells)?;
            Ok(Some(true))
        })
    }

    /// Gives each of these rows, which the transaction sees, the same values: all or none.
    pub(crate) fn update_rows(
        &mut self,
        table: &LiveTable,
        found: &[u32],
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<()> {
        let (number, rows) = self.join(table)?;
        let change = Change::new(rows, columns);
        self.each_row(rows, found, &mut |txn, row, words| {
            txn.reserve_write()?;
            let row = txn.read_seen(rows, number, row, words)?;
            txn.change_row(rows, number, row, words, change, cells)
        })
    }

    /// Deletes these rows, which the transaction sees: all or none.
    pub(crate) fn delete_rows(&mut self, table: &LiveTable, found: &[u32]) -> Result<()> {
        let (number, rows) = self.join(table)?;
        self.each_row(rows, found, &mut |txn, row, words| {
            txn.reserve_delete()?;
            let row = txn.read_seen(rows, number, row, words)?;
            txn.delete_row(rows, number, row, words)
        })
    }

    /// Refuses, before any row is looked for, what an update of these columns can never do.
    pub(crate) fn check_update(&self, rows: &TableData, columns: &[usize]) -> Result<()> {
        self.check_write()?;
        check_columns(rows, columns)
    }

    fn each_row(
        &mut self,
        rows: &Rows,
        found: &[u32],
        write: &mut dyn FnMut(&mut Self, u32, &mut RowWords) -> Result<()>,
    ) -> Result<()> {
        self.check_write()?;
        let mut words = RowWords::zeroed(rows.layout.words());
        self.statement(|txn| {
            for chunk in found.chunks(AHEAD) {
                for row in chunk.iter().filter(|row| !is_cold(**row)) {
                    rows.versions.fetch(*row);
                }
                for row in chunk {
                    let written = txn.relieved(|txn| {
                        txn.check_write()?;
                        write(txn, *row, &mut words)
                    });
                    written.map_err(|error| name_row(rows, *row, error))?;
                }
            }
            Ok(())
        })
    }

    /// Copies a row that this transaction has found; gives its number in memory, where it is brought if
    /// it is cold.
    fn read_seen(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        words: &mut RowWords,
    ) -> Result<u32> {
        if is_cold(row) {
            Self::copy_cold(rows, row, words)?;
            return self.warm(rows, table, row);
        }
        let seen = self.read(rows, row, words)?;
        assert!(seen, "a row that a transaction sees stays visible to it until it deletes it");
        Ok(row)
    }
}

/// Says which row was refused, unless the message does.
fn name_row(rows: &TableData, row: u32, error: Error) -> Error {
    if is_cold(row) {
        return error; // who brought it back to memory names it
    }
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.key_words(row, &mut words);
    let name = rows.row_name(&words);
    if error.to_string().contains(&name) { error } else { error.at(name) }
}

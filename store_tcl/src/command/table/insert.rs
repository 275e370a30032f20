//! `$table insert column value ?column value ...?`
//!
//! Inserts a row, key columns among the others; a key that exists is the error `STORE DUPLICATE`.
//! A transaction of its own unless one is open.

use super::set::read_pairs;
use crate::args::{Call, Subcommand};
use crate::cell::Cell;
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{Error, ValueRef};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "insert",
    words: "column value ?column value ...?",
    count: 2..=usize::MAX,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let (columns, cells) = read_pairs(table.schema(), call.words)?;
    if table.schema().has_hidden_key() && columns.iter().any(|at| table.schema().is_key(*at)) {
        return Err(Error::invalid("a table without a key numbers its rows itself").into());
    }
    let cells: Vec<ValueRef<'_>> = cells.iter().map(Cell::as_ref).collect();
    call.handle.database().write(|txn| table.insert_columns(txn, &columns, &cells))?;
    Ok(Obj::from_text("").into())
}

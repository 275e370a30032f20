//! `$table set KEY column value ?column value ...?`
//!
//! Writes these columns over the row with this key, or inserts it, atomically over all indexes; an
//! insert takes defaults for the other columns. A transaction of its own unless one is open. A
//! table without a key numbers its rows itself: there only rows that exist can be set.

use super::no_row;
use crate::args::{Call, Subcommand};
use crate::cell::{Cell, borrow_all, read_column, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{Error, Result, Schema, Value, ValueRef};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "set",
    words: "KEY column value ?column value ...?",
    count: 3..=usize::MAX,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let schema = table.schema();
    let key = read_key(schema, &call.words[0])?;
    let (columns, cells) = read_pairs(schema, &call.words[1..])?;
    if let Some(column) = columns.iter().find(|column| schema.is_key(**column)) {
        return Err(key_column_named(schema, *column).into());
    }
    let cells: Vec<ValueRef<'_>> = cells.iter().map(Cell::as_ref).collect();
    let database = call.handle.database();
    if schema.has_hidden_key() {
        let key = borrow_all(&key);
        let found = database.write(|txn| table.update_columns(txn, &key, &columns, &cells))?;
        if !found {
            return Err(no_row(&table, &call.words[0]).into());
        }
    } else {
        let columns: Vec<usize> = schema.key.iter().copied().chain(columns).collect();
        let cells: Vec<_> = key.iter().map(Value::as_ref).chain(cells).collect();
        database.write(|txn| table.upsert_columns(txn, &columns, &cells))?;
    }
    Ok(Obj::from_text("").into())
}

/// Reads alternating column names and values.
pub fn read_pairs<'o>(schema: &Schema, words: &'o [Obj]) -> Result<(Vec<usize>, Vec<Cell<'o>>)> {
    let pairs = words.chunks_exact(2);
    if let [odd] = pairs.remainder() {
        let message = format!("no value for column \"{}\"", odd.shown());
        return Err(Error::invalid(message).detail(&schema.table));
    }
    let (mut columns, mut cells) = (Vec::new(), Vec::new());
    for pair in pairs {
        let column = schema.column_position(&pair[0].text()?)?;
        columns.push(column);
        cells.push(read_column(schema, column, &pair[1])?);
    }
    Ok((columns, cells))
}

fn key_column_named(schema: &Schema, column: usize) -> Error {
    let (table, name) = (&schema.table, &schema.columns[column].name);
    let message =
        format!("column \"{name}\" is part of the key of `{table}`, which is given already");
    Error::invalid(message).detail(table).detail(name)
}

//! Reading one row by its key.

use crate::args::Out;
use crate::error::store_error;
use crate::handle;
use crate::panic::guard;
use crate::row::{CopiedRow, store_row};
use crate::status::store_status;
use crate::table::{OpenTable, store_table};
use crate::txn::{self, store_txn};
use crate::value::{read_values, store_value};
use store_core::{Error, Reader, Result, Table, Value, ValueRef};

fn fetch<R: Reader>(table: &Table, reader: &R, key: &[ValueRef<'_>]) -> Result<Option<Vec<Value>>> {
    Ok(table.get(reader, key)?.map(|row| row.to_values()))
}

/// The row's values as the transaction sees them, or as of now.
fn find(
    table: &OpenTable,
    txn: *mut store_txn,
    key: &[ValueRef<'_>],
) -> Result<Option<Vec<Value>>> {
    match txn::of_table(txn, table)? {
        Some(txn) => fetch(&table.table, &txn.txn, key),
        None => fetch(&table.table, &table.store.snapshot()?, key),
    }
}

/// Returns a copy of the row with this key; free it with store_row_free.
///
/// `key` has a value for each key column, in their order. `txn` may be NULL: the row as of now.
/// STORE_NOT_FOUND: there is none; *row_out is NULL. Thread-safe, but for the transaction. Since
/// 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_get(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    row_out: *mut *mut store_row,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(row_out, "row_out")?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        let values = find(&table, txn, &key)?.ok_or_else(|| no_row(&table, &key))?;
        out.set(handle::new(CopiedRow::new(&table.columns, values)));
        Ok(())
    })
}

/// Tells whether there is a row with this key.
///
/// `txn` may be NULL: as of now. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_exists(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    exists_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(exists_out, "exists_out", false)?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        out.set(match txn::of_table(txn, &table)? {
            Some(txn) => table.table.exists(&txn.txn, &key)?,
            None => table.table.exists(&table.store.snapshot()?, &key)?,
        });
        Ok(())
    })
}

/// What C and Tcl report alike: the table, then the key.
fn no_row(table: &OpenTable, key: &[ValueRef<'_>]) -> Error {
    let words: Vec<String> = key.iter().map(ToString::to_string).collect();
    let name = table.table.name();
    let error = Error::not_found(format!("no row {} in `{name}`", words.join(", ")));
    words.into_iter().fold(error.detail(name), Error::detail)
}

//! Writing rows: in a transaction, or in one of the call's own.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle;
use crate::panic::guard;
use crate::status::store_status;
use crate::table::{OpenTable, store_table};
use crate::txn::{self, store_txn};
use crate::value::{read_values, store_cell, store_value};
use store_core::{Error, Result, Table, Txn, ValueRef};

/// Runs a write in the transaction, or in one of its own that retries conflicts and commits.
pub(crate) fn write<T>(
    table: &OpenTable,
    txn: *mut store_txn,
    mut work: impl FnMut(&Table, &mut Txn) -> Result<T>,
) -> Result<T> {
    match txn::of_table(txn, table)? {
        Some(mut txn) => work(&table.table, &mut txn.txn),
        None => table.store.write(|txn| work(&table.table, txn)),
    }
}

/// Cells as columns by position with their values.
pub(crate) fn read_cells<'a>(
    table: &OpenTable,
    cells: *const store_cell,
    len: usize,
) -> Result<(Vec<usize>, Vec<ValueRef<'a>>)> {
    let cells: &[store_cell] = args::slice(cells, len, "cells")?;
    let (mut columns, mut values) = (Vec::with_capacity(len), Vec::with_capacity(len));
    for cell in cells {
        let name = args::text(cell.name.data, cell.name.len, "name of a cell")?;
        let column = table.table.schema().column_position(name)?;
        if columns.contains(&column) {
            return Err(Error::invalid(format!("column \"{name}\" is named twice")));
        }
        columns.push(column);
        values.push(cell.value.read()?);
    }
    Ok((columns, values))
}

/// Inserts a row of all columns, in order.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. STORE_DUPLICATE: the
/// key or a unique value exists. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_insert(
    table: *const store_table,
    txn: *mut store_txn,
    values: *const store_value,
    values_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let table = handle::shared(table)?;
        let values = read_values(values, values_len, "values")?;
        write(&table, txn, |table, txn| table.insert(txn, &values))
    })
}

/// Inserts a row of some columns, by name; the others take their defaults.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. STORE_DUPLICATE: the
/// key or a unique value exists. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_insert_cells(
    table: *const store_table,
    txn: *mut store_txn,
    cells: *const store_cell,
    cells_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let table = handle::shared(table)?;
        let (columns, values) = read_cells(&table, cells, cells_len)?;
        write(&table, txn, |table, txn| table.insert_columns(txn, &columns, &values))
    })
}

/// Writes a row of all columns over the one with its key, or inserts it.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. *inserted_out, which
/// may be NULL, tells whether it was inserted. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_upsert(
    table: *const store_table,
    txn: *mut store_txn,
    values: *const store_value,
    values_len: usize,
    inserted_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(inserted_out, "inserted_out", false)?;
        let table = handle::shared(table)?;
        let values = read_values(values, values_len, "values")?;
        let inserted = write(&table, txn, |table, txn| table.upsert(txn, &values))?;
        tell(out.as_ref(), inserted);
        Ok(())
    })
}

/// Writes some columns, by name, over the row with their key, or inserts it with defaults for the
/// others.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. *inserted_out, which
/// may be NULL, tells whether it was inserted. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_upsert_cells(
    table: *const store_table,
    txn: *mut store_txn,
    cells: *const store_cell,
    cells_len: usize,
    inserted_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(inserted_out, "inserted_out", false)?;
        let table = handle::shared(table)?;
        let (columns, values) = read_cells(&table, cells, cells_len)?;
        let upsert = |table: &Table, txn: &mut Txn| table.upsert_columns(txn, &columns, &values);
        let inserted = write(&table, txn, upsert)?;
        tell(out.as_ref(), inserted);
        Ok(())
    })
}

/// Changes some columns, by name, of the row with this key; key columns cannot be changed.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. *found_out, which may
/// be NULL, tells whether there was such a row; that there is none is no error. Thread-safe, but
/// for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_update(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    cells: *const store_cell,
    cells_len: usize,
    found_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(found_out, "found_out", false)?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        let (columns, values) = read_cells(&table, cells, cells_len)?;
        let update =
            |table: &Table, txn: &mut Txn| table.update_columns(txn, &key, &columns, &values);
        tell(out.as_ref(), write(&table, txn, update)?);
        Ok(())
    })
}

/// Deletes the row with this key.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. *found_out, which may
/// be NULL, tells whether there was such a row; that there is none is no error. Thread-safe, but
/// for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_delete(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    found_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(found_out, "found_out", false)?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        tell(out.as_ref(), write(&table, txn, |table, txn| table.delete(txn, &key))?);
        Ok(())
    })
}

/// Keeps others from writing the row with this key until the transaction ends; they may read it.
///
/// *found_out, which may be NULL, tells whether there is such a row; that there is none is no error.
/// STORE_CONFLICT: another transaction writes it, or has written it since this one began.
/// Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_lock(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    found_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(found_out, "found_out", false)?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        let Some(mut txn) = txn::of_table(txn, &table)? else {
            return Err(Error::invalid("a row is locked in a transaction: txn is NULL"));
        };
        tell(out.as_ref(), table.table.lock(&mut txn.txn, &key)?);
        Ok(())
    })
}

pub(crate) fn tell<T>(out: Option<&Out<T>>, answer: T) {
    if let Some(out) = out {
        out.set(answer);
    }
}

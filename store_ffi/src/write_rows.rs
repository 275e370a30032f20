//! Reading and writing many rows in one call.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle;
use crate::panic::guard;
use crate::row::{CopiedRow, store_row};
use crate::status::store_status;
use crate::table::{OpenTable, store_table};
use crate::txn::{self, store_txn};
use crate::value::{read_values, store_bytes, store_value};
use crate::write::{tell, write};
use store_core::{Error, Reader, Result, Value, ValueRef};

/// Values in rows of so many columns, at least one.
fn read_rows<'a>(
    values: *const store_value,
    columns: usize,
    rows: usize,
) -> Result<Vec<ValueRef<'a>>> {
    let count = columns.checked_mul(rows).filter(|_| columns > 0);
    let count = count.ok_or_else(|| {
        Error::invalid(format!("{rows} rows of {columns} columns is an impossible number"))
    })?;
    read_values(values, count, "values")
}

/// Inserts many rows of all columns, or none of them: `values` holds row after row, `rows` times
/// `columns` values.
///
/// The error names the position of the row that was refused, and what the transaction wrote before
/// stays. `txn` may be NULL: the call commits on its own, once. STORE_DUPLICATE: a key or a unique
/// value exists. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_insert_rows(
    table: *const store_table,
    txn: *mut store_txn,
    values: *const store_value,
    columns: usize,
    rows: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let table = handle::shared(table)?;
        let values = read_rows(values, columns, rows)?;
        let rows: Vec<&[ValueRef<'_>]> = values.chunks(columns).collect();
        write(&table, txn, |table, txn| table.insert_many(txn, &rows))
    })
}

/// Upserts many rows of all columns, or none of them: `values` holds row after row, `rows` times
/// `columns` values.
///
/// The error names the position of the row that was refused, and what the transaction wrote before
/// stays. `txn` may be NULL: the call commits on its own, once. Thread-safe, but for the
/// transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_upsert_rows(
    table: *const store_table,
    txn: *mut store_txn,
    values: *const store_value,
    columns: usize,
    rows: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let table = handle::shared(table)?;
        let values = read_rows(values, columns, rows)?;
        let rows: Vec<&[ValueRef<'_>]> = values.chunks(columns).collect();
        write(&table, txn, |table, txn| table.upsert_many(txn, &rows)).map(drop)
    })
}

/// Changes some columns of the rows with these keys, or of none of them: `keys` holds key after key,
/// `rows` times `key_len` values, and `values` row after row, `rows` times `columns_len` values, one
/// for each of the columns, which are named once.
///
/// Much faster than store_update row by row. A key that no row has is passed over; *found_out, which
/// may be NULL, says how many have one. The error names the position of the key that was refused,
/// and what the transaction wrote before stays. `txn` may be NULL: the call commits on its own, and
/// retries conflicts. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_update_rows(
    table: *const store_table,
    txn: *mut store_txn,
    keys: *const store_value,
    key_len: usize,
    columns: *const store_bytes,
    columns_len: usize,
    values: *const store_value,
    rows: usize,
    found_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(found_out, "found_out", 0)?;
        let table = handle::shared(table)?;
        let columns = read_names(&table, columns, columns_len)?;
        let keys = read_rows(keys, key_len, rows)?;
        let values = read_rows(values, columns_len, rows)?;
        let keys: Vec<&[ValueRef<'_>]> = keys.chunks(key_len).collect();
        let cells: Vec<&[ValueRef<'_>]> = values.chunks(columns_len).collect();
        let found =
            write(&table, txn, |table, txn| table.update_many(txn, &keys, &columns, &cells))?;
        tell(out.as_ref(), found as u64);
        Ok(())
    })
}

fn read_names(table: &OpenTable, names: *const store_bytes, len: usize) -> Result<Vec<usize>> {
    let names: &[store_bytes] = args::slice(names, len, "columns")?;
    let mut columns = Vec::with_capacity(len);
    for name in names {
        let name = args::text(name.data, name.len, "name of a column")?;
        let column = table.table.schema().column_position(name)?;
        if columns.contains(&column) {
            return Err(Error::invalid(format!("column \"{name}\" is named twice")));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Returns copies of the rows with these keys: `keys` holds key after key, `rows` times `key_len`
/// values, and `rows_out` has room for `rows` pointers. A key that no row has leaves NULL there.
///
/// Much faster than store_get row by row. Free each row with store_row_free. `txn` may be NULL: the
/// rows as of now, all at one moment. Thread-safe, but for the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_get_rows(
    table: *const store_table,
    txn: *mut store_txn,
    keys: *const store_value,
    key_len: usize,
    rows: usize,
    rows_out: *mut *mut store_row,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let keys = read_rows(keys, key_len, rows)?;
        let out = |nth| Out::handle(rows_out.wrapping_add(nth), "rows_out");
        let outs = (0..rows).map(out).collect::<Result<Vec<_>>>()?;
        let table = handle::shared(table)?;
        let keys: Vec<&[ValueRef<'_>]> = keys.chunks(key_len).collect();
        let found = match txn::of_table(txn, &table)? {
            Some(txn) => fetch_all(&table, &txn.txn, &keys)?,
            None => fetch_all(&table, &table.store.snapshot()?, &keys)?,
        };
        for (out, values) in outs.iter().zip(found) {
            if let Some(values) = values {
                out.set(handle::new(CopiedRow::new(&table.columns, values)));
            }
        }
        Ok(())
    })
}

fn fetch_all<R: Reader>(
    table: &OpenTable,
    reader: &R,
    keys: &[&[ValueRef<'_>]],
) -> Result<Vec<Option<Vec<Value>>>> {
    let mut found = Vec::with_capacity(keys.len());
    table.table.get_many(reader, keys, |_, row| {
        found.push(row.map(|row| row.values().map(ValueRef::to_owned).collect()));
    })?;
    Ok(found)
}

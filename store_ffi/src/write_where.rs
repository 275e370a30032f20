//! Writing rows by what they hold: by a query, if a condition is true, or by adding to them.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle;
use crate::panic::guard;
use crate::query::store_query;
use crate::status::store_status;
use crate::table::store_table;
use crate::txn::store_txn;
use crate::value::{read_values, store_cell, store_value};
use crate::write::{read_cells, tell, write};
use store_core::query::Predicate;

/// Adds to a column of the row with this key: an integer to an integer, any number to a float. NULL
/// counts as 0.
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts, so no increment is lost.
/// *sum_out, which may be NULL, is the new value, or NULL if there is no such row, which
/// *found_out, which may be NULL, tells and which is no error. STORE_TYPE: the sum is out of the
/// column's range, or the column is no number; nothing has changed. Thread-safe, but for the
/// transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_incr(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    column: *const u8,
    column_len: usize,
    amount: store_value,
    sum_out: *mut store_value,
    found_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let found = Out::optional(found_out, "found_out", false)?;
        let out = Out::optional(sum_out, "sum_out", store_value::null())?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        let column = args::text(column, column_len, "column")?;
        let amount = amount.read()?;
        let sum = write(&table, txn, |table, txn| table.incr(txn, &key, column, amount))?;
        tell(found.as_ref(), sum.is_some());
        if let Some(sum) = sum {
            // A number: it lends no bytes.
            tell(out.as_ref(), store_value::lend(sum.as_ref()));
        }
        Ok(())
    })
}

/// Changes some columns, by name, of the row with this key if an SQL expression is true for it, as
/// in "state = 'free'".
///
/// `txn` may be NULL: the call commits on its own, and retries conflicts. *updated_out, which may
/// be NULL, tells whether it was changed; that the expression is not true, or that there is no such
/// row, is no error. Errors of the expression are those of store_query_where. Thread-safe, but for
/// the transaction. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_update_if(
    table: *const store_table,
    txn: *mut store_txn,
    key: *const store_value,
    key_len: usize,
    expression: *const u8,
    expression_len: usize,
    cells: *const store_cell,
    cells_len: usize,
    updated_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(updated_out, "updated_out", false)?;
        let table = handle::shared(table)?;
        let key = read_values(key, key_len, "key")?;
        let predicate = Predicate::parse(args::text(expression, expression_len, "expression")?)?;
        let (columns, values) = read_cells(&table, cells, cells_len)?;
        let updated = write(&table, txn, |table, txn| {
            table.update_columns_if(txn, &key, &predicate, &columns, &values)
        })?;
        tell(out.as_ref(), updated);
        Ok(())
    })
}

/// Changes some columns, by name, of every row of the query, to the same values: of all of them or
/// of none.
///
/// Which rows these are is decided before the first is changed, and each is changed once; key
/// columns cannot be changed. The error names the row that was refused, and what the transaction
/// wrote before stays. `txn` may be NULL: the call commits on its own, and retries conflicts.
/// *rows_out, which may be NULL, is how many rows there were. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_update(
    query: *mut store_query,
    txn: *mut store_txn,
    cells: *const store_cell,
    cells_len: usize,
    rows_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(rows_out, "rows_out", 0)?;
        let query = handle::exclusive(query)?;
        let (columns, values) = read_cells(query.table(), cells, cells_len)?;
        let rows = write(query.table(), txn, |table, txn| {
            table.update_found(txn, |all| query.shape(all), &columns, &values)
        })?;
        tell(out.as_ref(), rows);
        Ok(())
    })
}

/// Deletes every row of the query, or none of them.
///
/// Otherwise as store_query_update. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_delete(
    query: *mut store_query,
    txn: *mut store_txn,
    rows_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(rows_out, "rows_out", 0)?;
        let query = handle::exclusive(query)?;
        let rows = write(query.table(), txn, |table, txn| {
            table.delete_found(txn, |all| query.shape(all))
        })?;
        tell(out.as_ref(), rows);
        Ok(())
    })
}

//! Moving rows out of memory, and back.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle;
use crate::panic::guard;
use crate::status::store_status;
use crate::table::store_table;
use crate::write::tell;
use store_core::Result;
use store_core::query::Predicate;

/// Moves the rows for which an SQL expression is true out of memory, into segments on disk; all rows if it
/// has no bytes.
///
/// They stay rows of the table. *rows_out, which may be NULL, is how many were moved; those that others
/// write just then stay. STORE_UNSUPPORTED: the store has no files. Errors of the expression are those of
/// store_query_where. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_freeze(
    table: *const store_table,
    expression: *const u8,
    expression_len: usize,
    rows_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(rows_out, "rows_out", 0)?;
        let table = handle::shared(table)?;
        let predicate = condition(expression, expression_len)?;
        let report = table.table.freeze(&predicate, |_| true)?;
        tell(out.as_ref(), report.rows);
        Ok(())
    })
}

/// Brings the cold rows for which an SQL expression is true back to memory; all if it has no bytes.
///
/// *rows_out, which may be NULL, is how many there were. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_thaw(
    table: *const store_table,
    expression: *const u8,
    expression_len: usize,
    rows_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(rows_out, "rows_out", 0)?;
        let table = handle::shared(table)?;
        let predicate = condition(expression, expression_len)?;
        tell(out.as_ref(), table.table.thaw(&predicate)?);
        Ok(())
    })
}

fn condition(expression: *const u8, len: usize) -> Result<Predicate> {
    if len == 0 {
        return Ok(Predicate::all());
    }
    Predicate::parse(args::text(expression, len, "expression")?)
}

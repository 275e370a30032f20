//! Rows: copies of what one reader saw, read column by column.

use crate::args::{BytesOut, Out};
use crate::cell::{Cell, Shown, column_at};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use crate::value::{store_decimal, store_inet, store_mac, store_value};
use std::sync::Arc;
use store_core::{Column, Result, Value};

/// A row: a copy, which nothing changes and which outlives its table and store.
///
/// One thread at a time. Since 0.1.
pub struct store_row {
    _opaque: [u8; 0],
}

/// A row's values with their columns.
pub(crate) struct CopiedRow {
    columns: Arc<[Column]>,
    values: Vec<Value>,
    shown: Shown,
}

opaque!(store_row, CopiedRow, b"st_row\0\0");

impl CopiedRow {
    pub(crate) fn new(columns: &Arc<[Column]>, values: Vec<Value>) -> Self {
        Self { columns: Arc::clone(columns), values, shown: Shown::default() }
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>> {
        let column = column_at(&self.columns, position)?;
        Ok(Cell { value: self.values[position].as_ref(), column })
    }

    fn show(&mut self, position: usize) -> Result<&[u8]> {
        let Self { columns, values, shown } = self;
        shown.keep(position, || {
            let column = column_at(columns, position)?;
            Ok(Cell { value: values[position].as_ref(), column }.show())
        })
    }
}

/// Tells whether the column at a position is NULL.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_is_null(
    row: *mut store_row,
    column: usize,
    null_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(null_out, "null_out", false)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.value.is_null());
        Ok(())
    })
}

/// Returns the bool in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no bool. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_bool(
    row: *mut store_row,
    column: usize,
    value_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", false)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.bool()?);
        Ok(())
    })
}

/// Returns the integer in the column at a position; also a bool as 0 or 1, a date as days, a
/// timestamp as microseconds.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is none of these. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_int64(
    row: *mut store_row,
    column: usize,
    value_out: *mut i64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", 0)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.int64()?);
        Ok(())
    })
}

/// Returns the float, integer or decimal in the column at a position as a double: the nearest one.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no number. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_double(
    row: *mut store_row,
    column: usize,
    value_out: *mut f64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", 0.0)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.double()?);
        Ok(())
    })
}

/// Returns the decimal in the column at a position, or the integer as one.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_decimal(
    row: *mut store_row,
    column: usize,
    value_out: *mut store_decimal,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_decimal::EMPTY)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.decimal()?);
        Ok(())
    })
}

/// Returns the internet address in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no inet. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_inet(
    row: *mut store_row,
    column: usize,
    value_out: *mut store_inet,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_inet::EMPTY)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.inet()?);
        Ok(())
    })
}

/// Returns the address of a network card in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no mac. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_mac(
    row: *mut store_row,
    column: usize,
    value_out: *mut store_mac,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_mac::EMPTY)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.mac()?);
        Ok(())
    })
}

/// Returns the text in the column at a position: UTF-8 without NUL at the end, borrowed
/// until the row is freed.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no text. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_text(
    row: *mut store_row,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.text()?);
        Ok(())
    })
}

/// Returns the bytes, or the text, in the column at a position, borrowed
/// until the row is freed.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_bytes(
    row: *mut store_row,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        let row = handle::exclusive(row)?;
        out.set(row.cell(column)?.bytes()?);
        Ok(())
    })
}

/// Returns the value in the column at a position, whatever its type, as text that reads back as
/// the same value; nothing for NULL. Bytes are given as they are. Borrowed
/// until the row is freed.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_show(
    row: *mut store_row,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        out.set(handle::exclusive(row)?.show(column)?);
        Ok(())
    })
}

/// Returns the value in the column at a position with its kind; bytes in it are borrowed
/// until the row is freed.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_value(
    row: *mut store_row,
    column: usize,
    value_out: *mut store_value,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_value::null())?;
        let row = handle::exclusive(row)?;
        out.set(store_value::lend(row.cell(column)?.value));
        Ok(())
    })
}

/// Frees a row and sets *row to NULL; NULL is a no-op.
///
/// STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_row_free(row: *mut *mut store_row) -> store_status {
    guard_status(|| handle::close(row).map(drop))
}

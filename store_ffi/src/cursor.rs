//! Cursors: the rows of a query, one after another, read column by column.

use crate::args::{BytesOut, Out};
use crate::cell::{Cell, Shown, column_at};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use crate::table::OpenTable;
use crate::value::{store_decimal, store_inet, store_mac, store_value};
use store_core::{Cursor, Error, Result, Value};

/// The rows of a query, all as of one moment.
///
/// It outlives its query, table, transaction and store. One thread at a time. Since 0.1.
pub struct store_cursor {
    _opaque: [u8; 0],
}

/// A cursor with the row it stands on.
pub(crate) struct OpenCursor {
    rows: Rows,
    on_row: bool,
    shown: Shown,
    /// After the rows: it holds the lock of the files.
    table: OpenTable,
}

/// Where the rows come from.
enum Rows {
    /// A snapshot, one by one.
    Streamed(Box<SnapshotCursor>),
    /// A transaction, which may go on or end: read in advance.
    Copied { next: std::vec::IntoIter<Vec<Value>>, row: Vec<Value> },
}

/// A cursor over a snapshot, made by `Table::query_at`.
struct SnapshotCursor(Cursor<'static>);

// SAFETY: a cursor is not `Send` only because it may borrow a transaction, which is not `Sync`;
// this one has a snapshot, which is both (`OpenCursor::streamed` is called with no other).
unsafe impl Send for SnapshotCursor {}

opaque!(store_cursor, OpenCursor, b"st_cursr");

impl OpenCursor {
    /// A cursor over a snapshot.
    pub(crate) fn streamed(table: OpenTable, cursor: Cursor<'static>) -> Self {
        Self::new(table, Rows::Streamed(Box::new(SnapshotCursor(cursor))))
    }

    /// A cursor over rows that were read already.
    pub(crate) fn copied(table: OpenTable, rows: Vec<Vec<Value>>) -> Self {
        Self::new(table, Rows::Copied { next: rows.into_iter(), row: Vec::new() })
    }

    fn new(table: OpenTable, rows: Rows) -> Self {
        Self { rows, on_row: false, shown: Shown::default(), table }
    }

    fn advance(&mut self) -> Result<bool> {
        self.on_row = false;
        self.shown.clear();
        self.on_row = match &mut self.rows {
            Rows::Streamed(cursor) => cursor.0.next()?.is_some(),
            Rows::Copied { next, row } => {
                *row = next.next().unwrap_or_default();
                !row.is_empty()
            }
        };
        Ok(self.on_row)
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>> {
        if !self.on_row {
            return Err(Error::invalid("the cursor stands on no row: call store_cursor_next"));
        }
        let column = column_at(&self.table.columns, position)?;
        let value = match &self.rows {
            Rows::Streamed(cursor) => cursor.0.current().get(position),
            Rows::Copied { row, .. } => row[position].as_ref(),
        };
        Ok(Cell { value, column })
    }

    fn show(&mut self, position: usize) -> Result<&[u8]> {
        let mut shown = std::mem::take(&mut self.shown);
        let kept = shown.keep(position, || Ok(self.cell(position)?.show())).map(drop);
        self.shown = shown;
        kept?;
        self.shown.keep(position, || unreachable!("it was kept above"))
    }
}

/// Moves to the next row; *has_row_out is false at the end.
///
/// What was borrowed from the row before is gone. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_next(
    cursor: *mut store_cursor,
    has_row_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(has_row_out, "has_row_out", false)?;
        out.set(handle::exclusive(cursor)?.advance()?);
        Ok(())
    })
}

/// Tells whether the column at a position is NULL.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_is_null(
    cursor: *mut store_cursor,
    column: usize,
    null_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(null_out, "null_out", false)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.value.is_null());
        Ok(())
    })
}

/// Returns the bool in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no bool. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_bool(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", false)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.bool()?);
        Ok(())
    })
}

/// Returns the integer in the column at a position; also a bool as 0 or 1, a date as days, a
/// timestamp as microseconds.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is none of these. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_int64(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut i64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", 0)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.int64()?);
        Ok(())
    })
}

/// Returns the float, integer or decimal in the column at a position as a double: the nearest one.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no number. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_double(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut f64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", 0.0)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.double()?);
        Ok(())
    })
}

/// Returns the decimal in the column at a position, or the integer as one.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_decimal(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut store_decimal,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_decimal::EMPTY)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.decimal()?);
        Ok(())
    })
}

/// Returns the internet address in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no inet. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_inet(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut store_inet,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_inet::EMPTY)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.inet()?);
        Ok(())
    })
}

/// Returns the address of a network card in the column at a position.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no mac. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_mac(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut store_mac,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_mac::EMPTY)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.mac()?);
        Ok(())
    })
}

/// Returns the text in the column at a position: UTF-8 without NUL at the end, borrowed
/// until store_cursor_next or store_cursor_close.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no text. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_text(
    cursor: *mut store_cursor,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.text()?);
        Ok(())
    })
}

/// Returns the bytes, or the text, in the column at a position, borrowed
/// until store_cursor_next or store_cursor_close.
///
/// STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_bytes(
    cursor: *mut store_cursor,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        let cursor = handle::exclusive(cursor)?;
        out.set(cursor.cell(column)?.bytes()?);
        Ok(())
    })
}

/// Returns the value in the column at a position, whatever its type, as text that reads back as
/// the same value; nothing for NULL. Bytes are given as they are. Borrowed
/// until store_cursor_next or store_cursor_close.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_show(
    cursor: *mut store_cursor,
    column: usize,
    data_out: *mut *const u8,
    len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = BytesOut::new(data_out, len_out)?;
        out.set(handle::exclusive(cursor)?.show(column)?);
        Ok(())
    })
}

/// Returns the value in the column at a position with its kind; bytes in it are borrowed
/// until store_cursor_next or store_cursor_close.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_value(
    cursor: *mut store_cursor,
    column: usize,
    value_out: *mut store_value,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_value::null())?;
        let cursor = handle::exclusive(cursor)?;
        out.set(store_value::lend(cursor.cell(column)?.value));
        Ok(())
    })
}

/// Closes a cursor and sets *cursor to NULL; NULL is a no-op.
///
/// STORE_INVALID: it was closed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_close(cursor: *mut *mut store_cursor) -> store_status {
    guard_status(|| handle::close(cursor).map(drop))
}

//! Queries: what is asked of a table, and running it.

use crate::args::{self, Out};
use crate::cursor::{OpenCursor, store_cursor};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use crate::table::{OpenTable, store_table};
use crate::text;
use crate::txn::{self, store_txn};
use std::ffi::c_char;
use store_core::query::{Predicate, bind_sort, parse_sort};
use store_core::{Cursor, Query, Result, Value, ValueRef};

/// A question about one table; it may be run many times.
///
/// One thread at a time. Since 0.1.
pub struct store_query {
    _opaque: [u8; 0],
}

/// What is asked.
pub(crate) struct Question {
    table: OpenTable,
    predicate: Predicate,
    sort: Vec<String>,
    limit: Option<u64>,
    offset: u64,
    index: Option<String>,
}

opaque!(store_query, Question, b"st_query");

impl Question {
    pub(crate) fn table(&self) -> &OpenTable {
        &self.table
    }

    /// The question put to a query that has nothing yet.
    pub(crate) fn shape<'a>(&self, query: Query<'a>) -> Result<Query<'a>> {
        let query = query.filter(self.predicate.clone()).sort(&self.sort)?.offset(self.offset);
        let query = match &self.index {
            Some(name) => query.index(name),
            None => query,
        };
        Ok(match self.limit {
            Some(limit) => query.limit(limit),
            None => query,
        })
    }

    /// The question as of now.
    fn now(&self) -> Result<Query<'static>> {
        self.shape(self.table.table.query_at(&self.table.store.snapshot()?))
    }
}

/// Makes a query for every row of the table.
///
/// *query_out is NULL on failure; free it with store_query_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_new(
    table: *const store_table,
    query_out: *mut *mut store_query,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(query_out, "query_out")?;
        let table = handle::shared(table)?.clone();
        let (predicate, sort) = (Predicate::all(), Vec::new());
        let question = Question { table, predicate, sort, limit: None, offset: 0, index: None };
        out.set(handle::new(question));
        Ok(())
    })
}

/// Keeps the rows for which an SQL expression is true, as in
/// "altitude > 10000 and origin in ('KAUS', 'KDFW')"; several calls must all hold.
///
/// Patterns: LIKE, ILIKE, GLOB, MATCH (a glob without case), ~ or REGEXP, ~* (without case), as in
/// "name like 'UAL%'". STORE_INVALID: the text is no expression, or a pattern is wrong; the message
/// shows the place. STORE_NOT_FOUND: an unknown column. STORE_TYPE: a value does not fit its column. The query is unchanged then.
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_where(
    query: *mut store_query,
    expression: *const u8,
    expression_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut query = handle::exclusive(query)?;
        let text = args::text(expression, expression_len, "expression")?;
        let predicate = Predicate::parse(text)?;
        predicate.bind(query.table.table.schema())?;
        query.predicate = query.predicate.clone().and(predicate);
        Ok(())
    })
}

/// Orders the rows by columns, as in "origin, -altitude" or "altitude desc nulls first".
///
/// NULLs come last either way unless said otherwise, ties follow the key. It replaces an order
/// set before; an empty text is none. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_sort(
    query: *mut store_query,
    columns: *const u8,
    columns_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut query = handle::exclusive(query)?;
        let text = args::text(columns, columns_len, "columns")?.trim();
        let words: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split(',').collect() };
        bind_sort(&parse_sort(&words)?, query.table.table.schema())?;
        query.sort = words.into_iter().map(str::to_owned).collect();
        Ok(())
    })
}

/// Gives at most this many rows.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_limit(
    query: *mut store_query,
    rows: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        handle::exclusive(query)?.limit = Some(rows);
        Ok(())
    })
}

/// Leaves out the first rows.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_offset(
    query: *mut store_query,
    rows: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        handle::exclusive(query)?.offset = rows;
        Ok(())
    })
}

/// Has the query walk the index of this name, whatever would be chosen otherwise; an empty name
/// leaves the choice to the store.
///
/// STORE_NOT_FOUND: there is no such index; the query is unchanged then. Running the query is
/// STORE_INVALID if neither its filter nor its order can use the index.
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_index(
    query: *mut store_query,
    name: *const u8,
    name_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut query = handle::exclusive(query)?;
        let name = args::text(name, name_len, "name")?;
        if name.is_empty() {
            query.index = None;
            return Ok(());
        }
        query.table.table.schema().index_position(name)?;
        query.index = Some(name.to_owned());
        Ok(())
    })
}

/// Runs the query: *cursor_out stands before its first row; close it with store_cursor_close.
///
/// `txn` may be NULL: the rows as of now, read as the cursor moves, however long that takes. With
/// a transaction the rows are those it sees now, its own writes included, copied in advance; the
/// cursor is then independent of it. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_run(
    query: *mut store_query,
    txn: *mut store_txn,
    cursor_out: *mut *mut store_cursor,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(cursor_out, "cursor_out")?;
        let query = handle::exclusive(query)?;
        let table = query.table.clone();
        let cursor = match txn::of_table(txn, &table)? {
            Some(txn) => {
                let rows = copy_all(query.shape(table.table.query(&txn.txn))?.run()?)?;
                OpenCursor::copied(table, rows)
            }
            None => OpenCursor::streamed(table, query.now()?.run()?),
        };
        out.set(handle::new(cursor));
        Ok(())
    })
}

/// Returns how many rows match, after offset and limit.
///
/// `txn` may be NULL: as of now. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_count(
    query: *mut store_query,
    txn: *mut store_txn,
    count_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(count_out, "count_out", 0)?;
        let query = handle::exclusive(query)?;
        out.set(match txn::of_table(txn, &query.table)? {
            Some(txn) => query.shape(query.table.table.query(&txn.txn))?.count()?,
            None => query.now()?.count()?,
        });
        Ok(())
    })
}

/// Returns one line that says how the rows would be found, about how many there are, and why.
///
/// Free *text_out with store_text_free. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_explain(
    query: *mut store_query,
    text_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(text_out, "text_out")?;
        out.set(text::give(handle::exclusive(query)?.now()?.explain()?));
        Ok(())
    })
}

/// Runs the query to its end and returns one line: what store_query_explain says, then how many
/// rows were read, how many of them matched and were given, and the time it took.
///
/// `txn` may be NULL: as of now. Free *text_out with store_text_free. One thread at a time.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_analyze(
    query: *mut store_query,
    txn: *mut store_txn,
    text_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(text_out, "text_out")?;
        let query = handle::exclusive(query)?;
        let analysis = match txn::of_table(txn, &query.table)? {
            Some(txn) => query.shape(query.table.table.query(&txn.txn))?.analyze()?,
            None => query.now()?.analyze()?,
        };
        out.set(text::give(analysis.to_string()));
        Ok(())
    })
}

/// Frees a query and sets *query to NULL; NULL is a no-op. Its cursors stay usable.
///
/// STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_query_free(query: *mut *mut store_query) -> store_status {
    guard_status(|| handle::close(query).map(drop))
}

fn copy_all(mut cursor: Cursor<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        rows.push(row.values().map(ValueRef::to_owned).collect());
    }
    Ok(rows)
}

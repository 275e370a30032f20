//! The anomalies of `tests/anomalies`, every interleaving, through the C functions.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "../../tests/anomalies/cases.rs"]
mod cases;
#[path = "../../tests/anomalies/paths.rs"]
mod paths;
#[path = "../../tests/anomalies/run.rs"]
mod run;
#[path = "../../tests/anomalies/steps.rs"]
mod steps;

use paths::{ID, Path, Question, SCHEMA, VALUE};
use run::{Face, Level, Refused, add_fillers, run_cases};
use std::ffi::CStr;
use std::ptr::{null, null_mut};
use store::*;

/// The C face: a store in memory with the table of the cases.
struct C {
    db: *mut store_db,
    table: *mut store_table,
}

/// Calls a function with a place for what it gives: `None` if it found no row. Any status but
/// that and a conflict fails the test.
fn call<T>(
    mut out: T,
    function: impl FnOnce(*mut T, *mut *mut store_error) -> store_status,
) -> Result<Option<T>, Refused> {
    let mut error = null_mut();
    let status = function(&raw mut out, &raw mut error);
    // SAFETY: the error is NULL or was just set, and its message lives as long.
    let message = unsafe { CStr::from_ptr(store_error_message(error)) };
    let message = message.to_string_lossy().into_owned();
    // SAFETY: the same error, once.
    unsafe { store_error_free(&raw mut error) };
    match status {
        store_status::STORE_OK => Ok(Some(out)),
        store_status::STORE_NOT_FOUND => Ok(None),
        store_status::STORE_CONFLICT => Err(Refused),
        other => panic!("{other:?}: {message}"),
    }
}

/// A call that always gives something.
fn must<T>(
    out: T,
    function: impl FnOnce(*mut T, *mut *mut store_error) -> store_status,
) -> Result<T, Refused> {
    call(out, function).map(Option::unwrap)
}

/// The next row of an open cursor.
fn next_row(cursor: *mut store_cursor) -> Result<Option<(i64, i64)>, Refused> {
    // SAFETY: the caller's cursor is open.
    if !must(false, |out, err| unsafe { store_cursor_next(cursor, out, err) })? {
        return Ok(None);
    }
    // SAFETY: it stands on a row.
    let cell = |at| must(0, |out, err| unsafe { store_cursor_int64(cursor, at, out, err) });
    Ok(Some((cell(ID)?, cell(VALUE)?)))
}

impl C {
    fn new() -> Self {
        let path = ":memory:";
        // SAFETY: the texts are constants; `must` lends the places.
        let db = must(null_mut(), |out, err| unsafe {
            store_open(path.as_ptr(), path.len(), null(), out, err)
        });
        let db = db.unwrap();
        let (schema, len) = (SCHEMA.as_ptr(), SCHEMA.len());
        // SAFETY: the same; the store is open.
        let table = must(null_mut(), |out, err| unsafe {
            store_table_create(db, "t".as_ptr(), 1, schema, len, out, err)
        });
        let face = Self { db, table: table.unwrap() };
        add_fillers(&face);
        face
    }

    /// A query of this question; the caller frees it.
    fn ask(&self, ask: &Question) -> Result<*mut store_query, Refused> {
        // SAFETY: the table is open.
        let query = must(null_mut(), |out, err| unsafe { store_query_new(self.table, out, err) })?;
        let filter = ask.filter.as_bytes();
        // SAFETY: the query is this function's; the text lives through the call.
        must((), |_, err| unsafe { store_query_where(query, filter.as_ptr(), filter.len(), err) })?;
        let sort = ask.sort.unwrap_or_default();
        // SAFETY: the same.
        must((), |_, err| unsafe { store_query_sort(query, sort.as_ptr(), sort.len(), err) })?;
        if let Some(limit) = ask.limit {
            // SAFETY: the same.
            must((), |_, err| unsafe { store_query_limit(query, limit, err) })?;
        }
        Ok(query)
    }

    /// How the query would be run.
    fn explain(&self, ask: &Question) -> String {
        let mut query = self.ask(ask).unwrap();
        // SAFETY: the query is open.
        let text = must(null_mut(), |out, err| unsafe { store_query_explain(query, out, err) });
        let mut text = text.unwrap();
        // SAFETY: the text was just given.
        let plan = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: both are this function's, and freed once.
        unsafe {
            store_text_free(&raw mut text);
            store_query_free(&raw mut query);
        }
        plan
    }
}

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: both are open and nobody else's.
        unsafe {
            store_table_close(&raw mut self.table);
            store_close(&raw mut self.db);
        }
    }
}

impl Face for C {
    type Txn = *mut store_txn;

    fn begin(&self, level: Level, read_only: bool) -> *mut store_txn {
        let level = match level {
            Level::Snapshot => store_isolation::STORE_ISOLATION_SNAPSHOT,
            Level::Serializable => store_isolation::STORE_ISOLATION_SERIALIZABLE,
        };
        // SAFETY: the store is open; `must` lends the place.
        let txn = must(null_mut(), |out, err| unsafe {
            store_begin_with(self.db, level as i32, read_only, out, err)
        });
        txn.unwrap()
    }

    fn get(&self, txn: &mut *mut store_txn, id: i64) -> Result<Option<i64>, Refused> {
        let key = store_value_int64(id);
        // SAFETY: table and transaction are open; the key lives through the call.
        let row = call(null_mut(), |out, err| unsafe {
            store_get(self.table, *txn, &raw const key, 1, out, err)
        })?;
        let Some(mut row) = row else { return Ok(None) };
        // SAFETY: the row was just given, and is freed once.
        let value = must(0, |out, err| unsafe { store_row_int64(row, VALUE, out, err) });
        // SAFETY: the same.
        unsafe { store_row_free(&raw mut row) };
        value.map(Some)
    }

    fn query(&self, txn: &mut *mut store_txn, ask: &Question) -> Result<Vec<(i64, i64)>, Refused> {
        let mut query = self.ask(ask)?;
        // SAFETY: query and transaction are open.
        let cursor = must(null_mut(), |out, err| unsafe { store_query_run(query, *txn, out, err) });
        // SAFETY: this function's, and freed once; its cursor stays usable.
        unsafe { store_query_free(&raw mut query) };
        let mut cursor = cursor?;
        let mut rows = Vec::new();
        while let Some(row) = next_row(cursor)? {
            rows.push(row);
        }
        // SAFETY: this function's, and closed once.
        unsafe { store_cursor_close(&raw mut cursor) };
        Ok(rows)
    }

    fn update(&self, txn: &mut *mut store_txn, id: i64, value: i64) -> Result<bool, Refused> {
        let key = store_value_int64(id);
        let cells = ["v", "s", "q"]
            .map(|name| store_cell_of(name.as_ptr(), name.len(), store_value_int64(value)));
        // SAFETY: table and transaction are open; key and cells live through the call.
        must(false, |out, err| unsafe {
            store_update(self.table, *txn, &raw const key, 1, cells.as_ptr(), 3, out, err)
        })
    }

    fn insert(&self, txn: &mut *mut store_txn, id: i64, value: i64) -> Result<(), Refused> {
        let row = [id, id, id, id, value, value, value].map(|cell| store_value_int64(cell));
        // SAFETY: as above.
        must((), |_, err| unsafe { store_insert(self.table, *txn, row.as_ptr(), row.len(), err) })
    }

    fn delete(&self, txn: &mut *mut store_txn, id: i64) -> Result<bool, Refused> {
        let key = store_value_int64(id);
        // SAFETY: as above.
        must(false, |out, err| unsafe {
            store_delete(self.table, *txn, &raw const key, 1, out, err)
        })
    }

    fn lock(&self, txn: &mut *mut store_txn, id: i64) -> Result<bool, Refused> {
        let key = store_value_int64(id);
        // SAFETY: as above.
        must(false, |out, err| unsafe { store_lock(self.table, *txn, &raw const key, 1, out, err) })
    }

    fn commit(&self, mut txn: *mut store_txn) -> Result<(), Refused> {
        // SAFETY: the transaction is open, and this ends it.
        must((), |_, err| unsafe { store_commit(&raw mut txn, err) })
    }

    fn rollback(&self, mut txn: *mut store_txn) {
        // SAFETY: the transaction is open, and this ends it.
        must((), |_, err| unsafe { store_rollback(&raw mut txn, err) }).unwrap();
    }
}

/// The paths for which the calls differ; the others are the engine's alone.
fn paths() -> Vec<Path> {
    let alike = |path: &Path| matches!(path, Path::IndexEqual | Path::Unique | Path::ValueIndex);
    Path::ALL.into_iter().filter(|path| !alike(path)).collect()
}

#[test]
fn every_path_is_the_one_meant() {
    let face = C::new();
    for path in paths() {
        for ask in paths::of_row(path, 1).into_iter().chain([paths::of_values(path, 30, 50)]) {
            let plan = face.explain(&ask);
            assert!(plan.starts_with(ask.plan), "{ask:?}: {plan}");
        }
    }
}

#[test]
fn snapshots_prevent_what_they_must_and_no_more() {
    run_cases(&C::new(), &cases::all(), Level::Snapshot, &paths());
}

#[test]
fn serializable_transactions_prevent_all() {
    run_cases(&C::new(), &cases::all(), Level::Serializable, &paths());
}

//! Tables: making, opening, describing them.

use crate::args::{self, Out};
use crate::db::store_db;
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use crate::text;
use crate::value::store_type;
use std::ffi::c_char;
use std::sync::Arc;
use store_core::{Column, ColumnSpec, Error, IndexSpec, Result, Schema, Store, Table, Type};

/// An open table.
///
/// Columns are known by their positions when it was opened. It goes on when columns are added behind
/// them. If one of them was dropped, or the table has no key of its own and a column was added, a call
/// that sees the table after the change is STORE_INVALID: open it again. Reads at a moment before the
/// change go on. After the table was dropped it is STORE_NOT_FOUND.
/// Thread-safe. Since 0.1.
pub struct store_table {
    _opaque: [u8; 0],
}

/// A table with what keeps it usable.
#[derive(Clone)]
pub(crate) struct OpenTable {
    pub table: Table,
    /// Shared with rows and cursors, whose names outlive the table's handle.
    pub columns: Arc<[Column]>,
    /// After the table: it holds the lock of the files.
    pub store: Store,
}

opaque!(store_table, OpenTable, b"st_table");

impl OpenTable {
    fn new(store: &Store, table: &Table) -> Self {
        let columns = table.schema().visible_columns().cloned().collect();
        Self { table: table.with_positions(), columns, store: store.clone() }
    }

    fn column(&self, position: usize) -> Result<&Column> {
        self.columns.get(position).ok_or_else(|| {
            let count = self.columns.len();
            Error::invalid(format!("no column {position}: the table has {count}, from 0"))
        })
    }
}

/// Makes a table, durable on return, and opens it.
///
/// `schema` is the text form, as in
/// "id int64 key, name text notnull default '', seen timestamp index, index(name, id)": columns
/// with a type and the options key, index, unique, notnull, default VALUE; then key(...),
/// index(...) and unique(...) over several columns, or index NAME(...) and unique NAME(...). `nocase`
/// behind index or unique makes upper and lower case equal in its text. A table without a key gets a
/// hidden number
/// of the row. `table_out` may be NULL. STORE_DUPLICATE: there is a table of this name.
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_create(
    db: *const store_db,
    name: *const u8,
    name_len: usize,
    schema: *const u8,
    schema_len: usize,
    table_out: *mut *mut store_table,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(table_out, "table_out", std::ptr::null_mut())?;
        let db = handle::shared(db)?;
        let name = args::text(name, name_len, "name")?;
        let schema = Schema::parse(name, args::text(schema, schema_len, "schema")?)?;
        let table = db.create_table(schema)?;
        if let Some(out) = out {
            out.set(handle::new(OpenTable::new(&db, &table)));
        }
        Ok(())
    })
}

/// Opens a table.
///
/// *table_out is NULL on failure; close it with store_table_close. STORE_NOT_FOUND: there is no
/// table of this name. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_open(
    db: *const store_db,
    name: *const u8,
    name_len: usize,
    table_out: *mut *mut store_table,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(table_out, "table_out")?;
        let db = handle::shared(db)?;
        let table = db.open_table(args::text(name, name_len, "name")?)?;
        out.set(handle::new(OpenTable::new(&db, &table)));
        Ok(())
    })
}

/// Closes a table's handle and sets *table to NULL; NULL is a no-op.
///
/// Rows, queries and cursors of it stay usable. STORE_INVALID: it was closed before. No other
/// thread may be in a call with this handle. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_close(table: *mut *mut store_table) -> store_status {
    guard_status(|| handle::close(table).map(drop))
}

/// Returns the names of all tables, in order, each followed by a line feed.
///
/// Free *names_out with store_text_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_names(
    db: *const store_db,
    names_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(names_out, "names_out")?;
        let names = handle::shared(db)?.tables();
        out.set(text::give(names.into_iter().flat_map(|name| [name, "\n".to_owned()]).collect()));
        Ok(())
    })
}

/// Returns the table's schema in the text form that store_table_create reads.
///
/// Free *schema_out with store_text_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_schema(
    table: *const store_table,
    schema_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(schema_out, "schema_out")?;
        out.set(text::give(handle::shared(table)?.table.schema().to_string()));
        Ok(())
    })
}

/// Makes an index of the rows that are there, while other threads read and write, and returns
/// when it is complete and durable.
///
/// `columns` are the names of its columns, most significant first, with commas between them, as in
/// "origin, altitude". `name` may be NULL: then it is called after them, as in "origin+altitude".
/// `unique` is 1 if no two rows may hold equal values (those with a NULL never collide), else 0.
/// `nocase` is 1 if upper and lower case are equal in its text, of which it needs some, else 0; the
/// name is "origin nocase" then, unless one is given.
/// Not for use inside a transaction: it waits for every transaction that wrote to this table before,
/// STORE_BUSY if one does not end within 10 seconds, or if another index of the table is being made.
/// STORE_DUPLICATE: there is an index of this name or over these columns, or rows have equal values:
/// the message names the keys of two. After an error nothing is left. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_create_index(
    table: *const store_table,
    columns: *const u8,
    columns_len: usize,
    name: *const u8,
    name_len: usize,
    unique: i32,
    nocase: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let table = handle::shared(table)?;
        let columns: Vec<&str> =
            args::text(columns, columns_len, "columns")?.split(',').map(str::trim).collect();
        let mut spec = IndexSpec::on(&columns);
        if !name.is_null() {
            spec = spec.name(args::text(name, name_len, "name")?);
        }
        if args::flag(unique, "unique")? {
            spec = spec.unique();
        }
        if args::flag(nocase, "nocase")? {
            spec = spec.nocase();
        }
        table.table.create_index(&spec)
    })
}

/// Drops the index of this name; durable on return. Cursors that walk it go on.
///
/// STORE_NOT_FOUND: there is none. STORE_BUSY: an index of the table is being made. Thread-safe.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_drop_index(
    table: *const store_table,
    name: *const u8,
    name_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let name = args::text(name, name_len, "name")?;
        handle::shared(table)?.table.drop_index(name)
    })
}

/// Adds a column behind the others, while other threads read; durable on return.
///
/// `column` is its name, type and options in the text form of store_table_create, as in "squawk int32
/// notnull default 2000"; without key, index and unique. Rows that are there get the default, or NULL;
/// with notnull it needs one. Reads at a moment before the change see the table as it was; a
/// transaction from before that wants to write to the table then is a STORE_CONFLICT.
/// Not for use inside a transaction: it waits for every transaction that wrote to this table before,
/// STORE_BUSY if one does not end within 10 seconds, or if the table is being changed already; others
/// wait with their first write. All rows are copied: STORE_OVER_BUDGET if there is no room for that.
/// After an error nothing has changed. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_add_column(
    table: *const store_table,
    column: *const u8,
    column_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let spec = ColumnSpec::parse(args::text(column, column_len, "column")?)?;
        handle::shared(table)?.table.add_column(&spec)
    })
}

/// Drops the column of this name, as store_table_add_column adds one.
///
/// STORE_NOT_FOUND: there is none. STORE_INVALID: it is in the key or in an index, or the only one.
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_drop_column(
    table: *const store_table,
    name: *const u8,
    name_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let name = args::text(name, name_len, "name")?;
        handle::shared(table)?.table.drop_column(name)
    })
}

/// Drops the table of this name; durable on return, and the name is free.
///
/// Reads at a moment before go on through handles that are open. Not for use inside a transaction
/// that has written to the table: it is waited for. STORE_NOT_FOUND: there is no table of this name.
/// STORE_BUSY: a transaction that wrote to it does not end within 10 seconds, or the table is being
/// changed. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_drop(
    db: *const store_db,
    name: *const u8,
    name_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let db = handle::shared(db)?;
        db.drop_table(args::text(name, name_len, "name")?)
    })
}

/// Returns how many columns the table had when it was opened.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_column_count(
    table: *const store_table,
    count_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(count_out, "count_out", 0)?;
        out.set(handle::shared(table)?.columns.len());
        Ok(())
    })
}

/// Returns the position, from 0, of the column of this name.
///
/// STORE_NOT_FOUND: there is none. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_column(
    table: *const store_table,
    name: *const u8,
    name_len: usize,
    column_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(column_out, "column_out", 0)?;
        let table = handle::shared(table)?;
        let name = args::text(name, name_len, "name")?;
        let known = table.columns.iter().position(|column| column.name == name);
        let position = known.map_or_else(|| table.table.schema().column_position(name), Ok);
        out.set(position?);
        Ok(())
    })
}

/// Returns the name of the column at a position: UTF-8 without NUL at the end, valid until the
/// table's handle is closed.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_column_name(
    table: *const store_table,
    column: usize,
    name_out: *mut *const u8,
    name_len_out: *mut usize,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(name_out, "name_out", std::ptr::null())?;
        let len_out = Out::new(name_len_out, "name_len_out", 0)?;
        let table = handle::shared(table)?;
        let name = &table.column(column)?.name;
        out.set(name.as_ptr());
        len_out.set(name.len());
        Ok(())
    })
}

/// Returns the type of the column at a position.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_column_type(
    table: *const store_table,
    column: usize,
    type_out: *mut store_type,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(type_out, "type_out", store_type::STORE_TYPE_UNKNOWN)?;
        out.set(handle::shared(table)?.column(column)?.ty.into());
        Ok(())
    })
}

/// Returns how many digits the decimals of the column at a position have: in all, and after the
/// point.
///
/// STORE_TYPE: the column holds no decimals. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_table_column_digits(
    table: *const store_table,
    column: usize,
    precision_out: *mut i32,
    scale_out: *mut i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let precision_out = Out::new(precision_out, "precision_out", 0)?;
        let scale_out = Out::new(scale_out, "scale_out", 0)?;
        let table = handle::shared(table)?;
        let column = table.column(column)?;
        let Type::Decimal { precision, scale } = column.ty else {
            let message = format!("column \"{}\" is {}, not a decimal", column.name, column.ty);
            return Err(Error::type_mismatch(message).detail(&column.name));
        };
        precision_out.set(precision.into());
        scale_out.set(scale.into());
        Ok(())
    })
}

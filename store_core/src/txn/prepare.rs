//! From values to a row's words: types, NULLs and defaults are checked before anything is touched
//! (invariant I10).

use super::rows::{Rows, TableData};
use crate::error::{Error, Kind, Result};
pub(crate) use crate::mem::RowWords;
use crate::mem::cell::LongCell;
use crate::options::ROW_BYTES_MAX;
use crate::schema::Schema;
use crate::value::ValueRef;
use smallvec::SmallVec;

/// Words of a whole row whose long cells borrow from `cells`.
///
/// `columns[i]` is the column of `cells[i]`; columns not named take their default or NULL.
pub(crate) fn prepare_row(
    rows: &TableData,
    columns: &[usize],
    cells: &[ValueRef<'_>],
    words: &mut RowWords,
) -> Result<()> {
    words.reset(rows.layout.words());
    let mut given: SmallVec<[u64; 4]> =
        SmallVec::from_elem(0, rows.schema.columns.len().div_ceil(64));
    for (column, value) in columns.iter().zip(cells) {
        set_cell(rows, words, *column, *value)?;
        given[column / 64] |= 1 << (column % 64);
    }
    for column in 0..rows.schema.columns.len() {
        if given[column / 64] >> (column % 64) & 1 == 0 {
            set_default(rows, words, column)?;
        }
    }
    check_bytes(rows, words)
}

/// The key words of a key whose long cells borrow from `cells`; one cell per key column, in order.
pub(crate) fn prepare_key(
    rows: &TableData,
    cells: &[ValueRef<'_>],
    words: &mut RowWords,
) -> Result<()> {
    let schema = &rows.schema;
    if cells.len() != schema.key.len() {
        let names: Vec<&str> =
            schema.key.iter().map(|column| schema.columns[*column].name.as_str()).collect();
        return Err(Error::invalid(format!(
            "the key of `{}` is ({}): {} values, not {}",
            schema.table,
            names.join(", "),
            names.len(),
            cells.len()
        )));
    }
    words.reset(rows.layout.key_words());
    for (column, value) in schema.key.iter().zip(cells) {
        set_cell(rows, words, *column, *value)?;
    }
    Ok(())
}

/// Checks a value and writes it as a borrowing cell.
#[inline]
pub(crate) fn set_cell(
    rows: &TableData,
    words: &mut [u64],
    column: usize,
    value: ValueRef<'_>,
) -> Result<()> {
    if rows.layout.set_plain(words, column, value) {
        return Ok(());
    }
    set_checked(rows, words, column, value)
}

#[inline(never)]
fn set_checked(
    rows: &TableData,
    words: &mut [u64],
    column: usize,
    value: ValueRef<'_>,
) -> Result<()> {
    let value = check_cell(&rows.schema, column, value)?;
    rows.layout.set(words, column, value, |bytes| Ok(LongCell::borrowing(bytes)))
}

#[inline]
fn check_cell<'a>(schema: &Schema, column: usize, value: ValueRef<'a>) -> Result<ValueRef<'a>> {
    let spec = &schema.columns[column];
    if value.is_null() {
        return if spec.notnull { Err(null_refused(schema, column)) } else { Ok(value) };
    }
    let coerced = value.coerce(spec.ty).map_err(|error| name_column(error, schema, column))?;
    if let ValueRef::Text(text) = coerced
        && memchr::memchr(0, text.as_bytes()).is_some()
    {
        let error = Error::type_mismatch("text with a NUL character");
        return Err(name_column(error, schema, column));
    }
    Ok(coerced)
}

fn set_default(rows: &TableData, words: &mut [u64], column: usize) -> Result<()> {
    let spec = &rows.schema.columns[column];
    match &spec.default {
        Some(value) => {
            // Defaults were checked when the schema was built.
            rows.layout.set(words, column, value.as_ref().coerce(spec.ty)?, |bytes| {
                Ok(LongCell::borrowing(bytes))
            })
        }
        None if spec.notnull => Err(null_refused(&rows.schema, column)),
        None => {
            rows.layout.set(words, column, ValueRef::Null, |_| unreachable!("NULL has no bytes"))
        }
    }
}

/// A row must fit in a page of a segment with room to spare.
pub(super) fn check_bytes(rows: &TableData, words: &[u64]) -> Result<()> {
    let bytes = long_bytes(rows, words);
    if bytes > ROW_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a row of {bytes} bytes in `{}`: at most {ROW_BYTES_MAX} are allowed",
            rows.schema.table
        )));
    }
    Ok(())
}

/// An index key must fit in its block.
pub(super) fn check_index_keys(rows: &Rows, words: &[u64]) -> Result<()> {
    let varying = || rows.indexes.iter().filter(|index| index.key_width.is_none());
    if varying().next().is_some() && long_bytes(rows, words) > LONG_ENOUGH_TO_CHECK {
        let mut key = Vec::new();
        for index in varying() {
            key.clear();
            index.encode(rows, words, &mut key)?;
        }
    }
    Ok(())
}

fn long_bytes(rows: &TableData, words: &[u64]) -> usize {
    let layout = &rows.layout;
    let columns = layout.long_columns().iter().chain(layout.long_key_columns());
    columns.filter_map(|column| layout.long_cell(words, *column)).map(LongCell::len).sum()
}

/// Below this no index key can be too long, even if every byte needs two.
const LONG_ENOUGH_TO_CHECK: usize = 1024;

fn null_refused(schema: &Schema, column: usize) -> Error {
    let name = &schema.columns[column].name;
    Error::new(Kind::NotNull, format!("column \"{name}\" of `{}` is notnull", schema.table))
        .detail(&schema.table)
        .detail(name)
}

fn name_column(error: Error, schema: &Schema, column: usize) -> Error {
    let name = &schema.columns[column].name;
    error.at(format_args!("column \"{name}\"")).detail(&schema.table).detail(name)
}

//! Writing rows in place while a store is being opened and nobody reads.

use super::prepare::{RowWords, prepare_key, prepare_row, set_cell};
use super::recast::Recast;
use super::rows::TableData;
use crate::error::{Error, Result};
use crate::index::primary::Inserted;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{Newest, Owner};
use crate::schema::ROW_COLUMN;
use crate::sync::Relaxed;
use crate::value::ValueRef;
use std::ops::Range;

/// Whoever opens the store owns every row it writes.
const OPENER: Owner = Owner(1);

/// Writes a whole row, whether its key is there or not.
pub(crate) fn put(rows: &TableData, cells: &[ValueRef<'_>], at: Timestamp) -> Result<()> {
    let all: Vec<usize> = (0..rows.schema.columns.len()).collect();
    let mut words = RowWords::new();
    prepare_row(rows, &all, cells, &mut words).map_err(damaged)?;
    note_row_number(rows, cells);
    match find(rows, &words) {
        Some(row) => overwrite(rows, row, words, at),
        None => add_words(rows, words, &all, at),
    }
}

/// Writes a whole row whose key is not there; if it is refused memory nothing is left of it.
pub(crate) fn add(rows: &TableData, cells: &[ValueRef<'_>], at: Timestamp) -> Result<()> {
    let all: Vec<usize> = (0..rows.schema.columns.len()).collect();
    let mut words = RowWords::new();
    prepare_row(rows, &all, cells, &mut words)?;
    add_words(rows, words, &all, at)
}

fn add_words(rows: &TableData, mut words: RowWords, all: &[usize], at: Timestamp) -> Result<()> {
    rows.own_cells(&mut words, all)?;
    let row = rows.versions.new_row(OPENER, &words[..rows.layout.key_words()]);
    let row = row.inspect_err(|_| release(rows, &words))?;
    let hash = rows.view(&words).key_hash();
    let entered = rows.primary.insert(hash, row, |_| false).inspect_err(|_| {
        rows.versions.drop_row(row);
        release(rows, &words);
    })?;
    debug_assert_eq!(entered, Inserted::New);
    rows.versions.stage_insert(row, &words[rows.layout.key_words()..]);
    rows.versions.install_insert(row, at);
    rows.versions.disown(row);
    rows.settled.add_rows(1);
    Ok(())
}

/// Writes some columns of a row that must be there.
pub(crate) fn update(
    rows: &TableData,
    key: &[ValueRef<'_>],
    columns: &[usize],
    cells: &[ValueRef<'_>],
    at: Timestamp,
) -> Result<()> {
    let row = find_key(rows, key)?;
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(row, &mut words);
    for (column, value) in columns.iter().zip(cells) {
        set_cell(rows, &mut words, *column, *value).map_err(damaged)?;
    }
    overwrite_columns(rows, row, words, columns, at)
}

/// Removes a row that must be there.
pub(crate) fn delete(rows: &TableData, key: &[ValueRef<'_>]) -> Result<()> {
    let row = find_key(rows, key)?;
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(row, &mut words);
    remove(rows, row, &words);
    Ok(())
}

fn remove(rows: &TableData, row: u32, words: &[u64]) {
    rows.primary.remove(rows.view(words).key_hash(), row);
    release(rows, words);
    rows.versions.drop_row(row);
    rows.settled.add_rows(-1);
}

fn release(rows: &TableData, words: &[u64]) {
    rows.release_payload(words, None);
    rows.release_key(words);
}

/// Moves every row to a table of other columns; what was moved is in this one no more.
pub(crate) fn move_rows(rows: &TableData, to: &TableData, recast: &Recast<'_>) -> Result<()> {
    to.next_row.fetch_max(rows.next_row.load(Relaxed), Relaxed);
    for_each(rows, 0..rows.versions.pages(), |row, words| {
        let Newest::Live(at) = rows.versions.newest(row) else { return Ok(()) };
        put(to, &recast.cells_again(&rows.view(words)), at)?;
        remove(rows, row, words);
        Ok(())
    })
}

/// Asks for the memory in which a key is looked for; its hash, if it is a key.
pub(crate) fn fetch_place(rows: &TableData, key: &[ValueRef<'_>]) -> Option<u64> {
    let mut words = RowWords::new();
    prepare_key(rows, key, &mut words).ok()?;
    let hash = rows.view(&words).key_hash();
    rows.primary.prefetch(hash);
    Some(hash)
}

/// Asks for the memory of the row that a key of this hash may have.
pub(crate) fn fetch_row(rows: &TableData, hash: u64) {
    if let Some(row) = rows.primary.first(hash) {
        rows.versions.fetch(row);
    }
}

/// Shows the number and words of every row of these pages.
pub(crate) fn for_each(
    rows: &TableData,
    pages: Range<u32>,
    mut visit: impl FnMut(u32, &[u64]) -> Result<()>,
) -> Result<()> {
    let mut words = RowWords::zeroed(rows.layout.words());
    for page in pages {
        for row in rows.versions.page_rows(page) {
            if matches!(rows.versions.newest(row), Newest::Live(_)) {
                rows.versions.copy_newest(row, &mut words);
                visit(row, &words)?;
            }
        }
    }
    Ok(())
}

fn overwrite(rows: &TableData, row: u32, words: RowWords, at: Timestamp) -> Result<()> {
    let others: Vec<usize> =
        (0..rows.schema.columns.len()).filter(|column| !rows.schema.is_key(*column)).collect();
    overwrite_columns(rows, row, words, &others, at)
}

fn overwrite_columns(
    rows: &TableData,
    row: u32,
    mut words: RowWords,
    columns: &[usize],
    at: Timestamp,
) -> Result<()> {
    let mut before = words.clone();
    rows.versions.copy_newest(row, &mut before);
    rows.own_cells(&mut words, columns)?;
    rows.release_payload(&before, Some(&words));
    rows.versions.stage_insert(row, &words[rows.layout.key_words()..]);
    rows.versions.install_insert(row, at);
    Ok(())
}

fn find_key(rows: &TableData, key: &[ValueRef<'_>]) -> Result<u32> {
    let mut words = RowWords::new();
    prepare_key(rows, key, &mut words).map_err(damaged)?;
    find(rows, &words).ok_or_else(|| {
        Error::corrupt(format!("the log changes {}, which is not there", rows.row_name(&words)))
    })
}

fn find(rows: &TableData, words: &[u64]) -> Option<u32> {
    let key = rows.view(words);
    let mut theirs = RowWords::zeroed(rows.layout.words());
    rows.primary.candidates(key.key_hash()).find(|row| {
        rows.versions.key_words(*row, &mut theirs);
        rows.view(&theirs).same_key(&key)
    })
}

/// Restores the counter of hidden row numbers past one that was read.
fn note_row_number(rows: &TableData, cells: &[ValueRef<'_>]) {
    if rows.schema.has_hidden_key()
        && let Some(ValueRef::Int(number)) = cells.last()
        && rows.schema.columns.last().is_some_and(|column| column.name == ROW_COLUMN)
    {
        rows.next_row.fetch_max(number.saturating_add(1) as u64, Relaxed);
    }
}

/// What was checked when it was written is damage when it is read.
fn damaged(error: Error) -> Error {
    Error::corrupt(error.to_string()).caused_by(error)
}

//! Writing rows in place while a store is being opened and nobody reads.

use super::prepare::{RowWords, prepare_row};
use super::recast::Recast;
use super::record::{self, Change, damaged};
use super::rows::TableData;
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::index::primary::Inserted;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{Newest, Owner};
use crate::schema::ROW_COLUMN;
use crate::sync::Relaxed;
use crate::value::ValueRef;
use smallvec::SmallVec;
use std::ops::Range;

/// Whoever opens the store owns every row it writes.
const OPENER: Owner = Owner(1);

/// Words of rows that are worked on, made once for many rows.
pub(crate) struct Room {
    words: RowWords,
    /// Another row's: its key, or what this one was.
    other: RowWords,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { words: RowWords::new(), other: RowWords::new() }
    }
}

/// Writes a whole row, whether its key is there or not.
fn put(rows: &TableData, cells: &[ValueRef<'_>], at: Timestamp) -> Result<()> {
    let all: Vec<usize> = (0..rows.schema.columns.len()).collect();
    let mut room = Room::new();
    prepare_row(rows, &all, cells, &mut room.words).map_err(damaged)?;
    put_words(rows, &mut room, at)
}

/// The same of a row as segments and the log hold it.
pub(crate) fn put_image(
    rows: &TableData,
    image: &mut Reader<'_>,
    at: Timestamp,
    room: &mut Room,
) -> Result<()> {
    record::read_row(image, rows, &mut room.words)?;
    put_words(rows, room, at)
}

fn put_words(rows: &TableData, room: &mut Room, at: Timestamp) -> Result<()> {
    note_row_number(rows, &room.words);
    match find(rows, &room.words, &mut room.other) {
        Some(row) => {
            let owns = !rows.layout.long_columns().is_empty();
            overwrite(rows, row, room, owns, at)
        }
        None => add_words(rows, &mut room.words, at),
    }
}

/// Writes a whole row whose key is not there; if it is refused memory nothing is left of it.
pub(crate) fn add(rows: &TableData, cells: &[ValueRef<'_>], at: Timestamp) -> Result<()> {
    let all: Vec<usize> = (0..rows.schema.columns.len()).collect();
    let mut words = RowWords::new();
    prepare_row(rows, &all, cells, &mut words)?;
    add_words(rows, &mut words, at)
}

fn add_words(rows: &TableData, words: &mut RowWords, at: Timestamp) -> Result<()> {
    own_long_cells(rows, words)?;
    let row = rows.versions.new_row(OPENER, &words[..rows.layout.key_words()]);
    let row = row.inspect_err(|_| release(rows, words))?;
    let hash = rows.view(words).key_hash();
    let entered = rows.primary.insert(hash, row, |_| false).inspect_err(|_| {
        rows.versions.drop_row(row);
        release(rows, words);
    })?;
    debug_assert_eq!(entered, Inserted::New);
    rows.versions.stage_insert(row, &words[rows.layout.key_words()..]);
    rows.versions.install_insert(row, at);
    rows.versions.disown(row);
    rows.settled.add_rows(1);
    Ok(())
}

/// Rows of a checkpoint on their way into a table: a few at a time, so that the memory of their
/// places in the primary index is fetched before they are entered.
pub(crate) struct Loader {
    /// The rows' words, which borrow from their images, and the hashes of their keys.
    words: Vec<RowWords>,
    hashes: [u64; LOADED_AT_ONCE],
    /// Slots that were taken for rows to come.
    slots: Vec<u32>,
    other: RowWords,
}

/// Rows whose places are fetched before the first is entered.
const LOADED_AT_ONCE: usize = 16;
/// Slots taken at once: threads that load one table meet seldom, and most pages stay in order.
const SLOTS_AT_ONCE: usize = 256;

impl Loader {
    pub(crate) fn new() -> Self {
        let words = (0..LOADED_AT_ONCE).map(|_| RowWords::new()).collect();
        let slots = Vec::with_capacity(SLOTS_AT_ONCE);
        Self { words, hashes: [0; LOADED_AT_ONCE], slots, other: RowWords::new() }
    }

    /// Loads some of the `left` rows that `images` gives; says how many these were, 0 at the end. Their
    /// keys must not be there; other threads may be loading others. `place` says which of them an error
    /// is about.
    pub(crate) fn load<'b>(
        &mut self,
        rows: &TableData,
        at: Timestamp,
        left: usize,
        mut images: impl FnMut() -> Result<Option<&'b [u8]>>,
        place: impl Fn(usize, Error) -> Error,
    ) -> Result<usize> {
        // What the index has left stays while it may be looked at here.
        let _entered = rows.timeline.enter().map_err(|error| place(0, error))?;
        let mut count = 0;
        while count < LOADED_AT_ONCE {
            let words = &mut self.words[count];
            let Some(image) = images()? else { break };
            record::read_row(&mut Reader::new(image), rows, words)
                .map_err(|error| place(count, error))?;
            self.hashes[count] = rows.view(words).key_hash();
            rows.primary.prefetch(self.hashes[count]);
            count += 1;
        }
        for nth in 0..count {
            let at_row = |error| place(nth, error);
            if self.slots.is_empty() {
                let most = SLOTS_AT_ONCE.min(left - nth);
                rows.versions.take_slots(most, &mut self.slots).map_err(at_row)?;
            }
            self.enter(rows, nth, at).map_err(at_row)?;
        }
        rows.settled.add_rows(count as i64);
        Ok(count)
    }

    fn enter(&mut self, rows: &TableData, nth: usize, at: Timestamp) -> Result<()> {
        let (words, hash) = (&mut self.words[nth], self.hashes[nth]);
        own_long_cells(rows, words)?;
        note_row_number(rows, words);
        let row = self.slots.pop().expect("the caller has taken some");
        rows.versions.load(row, words, at);
        let (key, other) = (rows.view(words), &mut self.other);
        other.reset(rows.layout.words());
        let same = |row| {
            rows.versions.key_words(row, other);
            rows.view(other).same_key(&key)
        };
        match rows.primary.insert(hash, row, same)? {
            Inserted::New => Ok(()),
            Inserted::Found(_) => {
                let name = rows.row_name(words);
                Err(Error::corrupt(format!("{name} is there twice")))
            }
        }
    }
}

/// Makes the long values of a row its own.
fn own_long_cells(rows: &TableData, words: &mut [u64]) -> Result<()> {
    rows.own_cells(words, rows.layout.long_key_columns())?;
    rows.own_cells(words, rows.layout.long_columns()).inspect_err(|_| rows.release_key(words))
}

/// Does an operation of the log again: what it changes must be there.
pub(crate) fn redo(rows: &TableData, op: &[u8], at: Timestamp, room: &mut Room) -> Result<()> {
    let mut reader = Reader::new(op);
    let change = record::read_change(&mut reader)?;
    if change == Change::Put {
        return put_image(rows, &mut reader, at, room);
    }
    room.words.reset(rows.layout.words());
    record::read_key(&mut reader, rows, &mut room.words)?;
    let row =
        find(rows, &room.words, &mut room.other).ok_or_else(|| not_there(rows, &room.words))?;
    rows.versions.copy_newest(row, &mut room.words);
    if change == Change::Delete {
        remove(rows, row, &room.words);
        return Ok(());
    }
    let columns = record::read_columns(&mut reader, rows, &mut room.words)?;
    let long = rows.layout.long_columns();
    let owns = !long.is_empty() && columns.iter().any(|column| long.contains(column));
    overwrite(rows, row, room, owns, at)
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

/// Asks for the memory of the row that a key of this hash may have.
#[inline]
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

/// Writes the newest payload of a row over the one there; `owns`: its long cells borrow, or differ
/// from those there.
fn overwrite(rows: &TableData, row: u32, room: &mut Room, owns: bool, at: Timestamp) -> Result<()> {
    if owns {
        room.other.reset(rows.layout.words());
        rows.versions.copy_newest(row, &mut room.other);
        own_changed(rows, &mut room.words, &room.other)?;
        rows.release_payload(&room.other, Some(&room.words));
    }
    rows.versions.stage_insert(row, &room.words[rows.layout.key_words()..]);
    rows.versions.install_insert(row, at);
    Ok(())
}

/// Makes the long values its own that are not those of the row as it was.
fn own_changed(rows: &TableData, words: &mut [u64], before: &[u64]) -> Result<()> {
    let layout = &rows.layout;
    let changed = layout
        .long_columns()
        .iter()
        .copied()
        .filter(|column| layout.long_cell(words, *column) != layout.long_cell(before, *column));
    let changed: SmallVec<[usize; 8]> = changed.collect();
    rows.own_cells(words, &changed)
}

/// A change of the log whose row is missing.
pub(crate) fn not_there(rows: &TableData, key: &[u64]) -> Error {
    let name = rows.row_name(key);
    Error::corrupt(format!("the log changes {name}, which is not there"))
}

/// The row with the key of these words; `theirs` is room for another one's.
#[inline]
fn find(rows: &TableData, words: &[u64], theirs: &mut RowWords) -> Option<u32> {
    let key = rows.view(words);
    theirs.reset(rows.layout.words());
    rows.primary.candidates(key.key_hash()).find(|row| {
        rows.versions.key_words(*row, theirs);
        rows.view(theirs).same_key(&key)
    })
}

/// Restores the counter of hidden row numbers past one that was read.
pub(crate) fn note_row_number(rows: &TableData, words: &[u64]) {
    if rows.schema.has_hidden_key()
        && let Some(last) = rows.schema.columns.len().checked_sub(1)
        && rows.schema.columns[last].name == ROW_COLUMN
        && let ValueRef::Int(number) = rows.view(words).cell(last)
    {
        rows.next_row.fetch_max(number.saturating_add(1) as u64, Relaxed);
    }
}

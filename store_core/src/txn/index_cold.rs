//! Looking for values of a new unique index that cold rows have twice, or share with rows in memory.
//!
//! Nobody freezes rows or merges segments meanwhile, so a row moves to memory at most once while it is looked for. Each cold row
//! is met once: while it is cold its value is looked for in the index, which has all rows in memory; once it
//! is not, its entry is there for those who come later, and for the walk over the index that follows.
//! Cold rows are compared with each other by a hash of their values, those of some hashes at a time if
//! there is no memory for all.

use super::index_build::{State, Twins, twins};
use super::prepare::RowWords;
use super::rows::TableData;
use super::secondary::SecondaryIndex;
use super::write_set::Txn;
use crate::cold::{ColdRows, ColdSegment, Newest};
use crate::error::{Error, Kind, Result};
use crate::index::ordered::{Direction, KeyRange};
use crate::mem::{Holder, Reservation};
use crate::planted;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// Most times that all cold rows are read.
const PASSES_MAX: u64 = 64;
/// Room beside an equal share of the hashes.
const SPARE: u64 = 1024;
/// Equal entries looked at in one call of the index.
const EQUAL_ENTRIES: usize = 64;

/// The hash of a value, and the row that has it.
type Hashed = (u64, u32);

/// Looks for twins of the table's cold rows; the caller keeps others from freezing rows and merging segments.
pub(crate) fn check_cold_values(
    data: &TableData,
    index: &SecondaryIndex,
    patience: Duration,
    holder: &Holder,
) -> Result<()> {
    if data.cold.is_empty() || planted::bug("cold_twins_not_looked_for") {
        return Ok(());
    }
    let (passes, room, _held) = room_for(data.cold.rows(), holder)?;
    let walk = Twins::new(data, index, patience);
    let mut hashes: Vec<Hashed> = Vec::with_capacity(room);
    for pass in 0..passes {
        hashes.clear();
        data.cold.each_value((&data.schema, &index.spec), &mut |segment, row, value| {
            let hash = xxh3_64(value);
            if hash % passes != pass {
                return Ok(());
            }
            look_in_memory(&walk, data, index, (segment, row), value)?;
            if hashes.len() == room {
                return Err(too_many(data, index));
            }
            hashes.push((hash, segment.number_of(row)));
            Ok(())
        })?;
        hashes.sort_unstable();
        for same in hashes.chunk_by(|one, other| one.0 == other.0) {
            compare(data, index, same)?;
        }
    }
    Ok(())
}

/// How many passes there are, and how many hashes fit in each.
fn room_for(rows: u64, holder: &Holder) -> Result<(u64, usize, Reservation)> {
    let mut passes = 1;
    loop {
        // Shares of hashes differ by a few in a hundred.
        let share = rows / passes;
        let room = (share + share / 8 + SPARE) as usize;
        match holder.reserve(room * size_of::<Hashed>()) {
            Ok(held) => return Ok((passes, room, held)),
            Err(error) if error.kind() == Kind::OverBudget && passes < PASSES_MAX => passes *= 2,
            Err(error) => return Err(error),
        }
    }
}

/// Refuses the value of a cold row if a row in memory has it as well.
fn look_in_memory(
    walk: &Twins<'_>,
    data: &TableData,
    index: &SecondaryIndex,
    (segment, row): (&Arc<ColdSegment>, u32),
    value: &[u8],
) -> Result<()> {
    let mut key = value.to_vec();
    index.pad_value(0, &mut key);
    let mut scan = index.tree.scan(&KeyRange::equal(&key), Direction::Ascending);
    let mut equal = Vec::new();
    loop {
        equal.clear();
        let more = scan.next_rows(&mut equal, EQUAL_ENTRIES);
        for other in &equal {
            let mut attempt = 0;
            loop {
                match walk.look(*other, &key) {
                    State::HasNot => break,
                    State::Undecided => walk.wait(&mut attempt)?,
                    State::Has => {
                        let mut theirs = RowWords::zeroed(data.layout.words());
                        data.versions.copy_newest(*other, &mut theirs);
                        let mut ours = RowWords::new();
                        let read = Txn::copy_cold(data, segment.number_of(row), &mut ours);
                        let error = read.map(|()| twins(data, index, &ours, &theirs));
                        data.versions.disown(*other);
                        // It may be that row itself, which has been moved by now.
                        match segment.newest(row) {
                            Newest::Here(_) => return Err(error?),
                            Newest::Unborn | Newest::Gone(_) | Newest::Over(_) => return Ok(()),
                        }
                    }
                }
            }
        }
        if !more {
            return Ok(());
        }
    }
}

/// Refuses two cold rows of one hash that have the same value.
fn compare(data: &TableData, index: &SecondaryIndex, same: &[Hashed]) -> Result<()> {
    let segments = data.cold.segments();
    let is_here = |row: u32| {
        let found = ColdRows::of(&segments, row);
        found.is_some_and(|(segment, row)| matches!(segment.newest(row), Newest::Here(_)))
    };
    let (mut one, mut other) = (RowWords::new(), RowWords::new());
    for pair in same.windows(2) {
        Txn::copy_cold(data, pair[0].1, &mut one)?;
        Txn::copy_cold(data, pair[1].1, &mut other)?;
        if index.same_value(data, &one, &other) && is_here(pair[0].1) && is_here(pair[1].1) {
            return Err(twins(data, index, &one, &other));
        }
    }
    Ok(())
}

fn too_many(data: &TableData, index: &SecondaryIndex) -> Error {
    let message = format!(
        "index `{}` of `{}` cannot be unique: cold rows share values",
        index.spec.name, data.schema.table
    );
    Error::duplicate(message).detail(&data.schema.table).detail("").detail(&index.spec.name)
}

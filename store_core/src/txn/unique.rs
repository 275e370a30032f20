//! Unique indexes: the own entry first, then a look at the newest state of equal values.
//!
//! Both of two transactions that write one value enter it before they look, so they cannot miss
//! each other; whoever sees another's row owned is in conflict. (Letting the lower transaction id
//! go on would be wrong: it may look after the other one has looked and seen nothing.)
//!
//! Memory is looked at first, then the cold segments. A row that was moved to a segment in between is found
//! there, because its segment knows of it before the row leaves memory. A row that was moved the other way
//! is missed in both: but its segment says that it went, and then memory is looked at again, until a look
//! meets no row that went since the one before. Whoever moves a row enters its value and looks at nothing:
//! the row had the value all along, so it is the others who are refused.

use super::prepare::RowWords;
use super::reclaim::{committed_versions, forget_entries, remove_entry};
use super::rows::Rows;
use super::secondary::SecondaryIndex;
use super::write::RECLAIMER;
use super::write_set::Txn;
use crate::cold::{self, ColdSegment, SoughtValue};
use crate::error::{Awaited, Error, Result};
use crate::index::ordered::{Direction, KeyRange};
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{Held, Newest};
use crate::planted;
use crate::sync::pause;
use smallvec::SmallVec;
use std::sync::Arc;

/// Equal entries looked at in one call of the index.
const EQUAL_ENTRIES: usize = 64;

/// Rows of segments that are in memory again, by segment and number.
type Moved = SmallVec<[(u64, u32); 4]>;

impl Txn {
    /// Checks the unique values of an owned row that is about to hold `words`; `before` is its
    /// payload until now, whose values need no check. On an error the caller forgets the entries
    /// made here.
    pub(super) fn check_unique(
        &self,
        rows: &Rows,
        row: u32,
        words: &RowWords,
        before: Option<&[u64]>,
    ) -> Result<()> {
        // What was unique once it was committed need not have been so on the way there, row by row; the
        // commit makes the entries.
        if self.applies {
            return Ok(());
        }
        for index in rows.indexes.iter().filter(|index| index.spec.unique) {
            if before.is_some_and(|before| index.same_value(rows, before, words)) {
                continue;
            }
            if index.has_null(rows, words) {
                continue;
            }
            self.check_value(rows, index, row, words)?;
        }
        Ok(())
    }

    fn check_value(
        &self,
        rows: &Rows,
        index: &SecondaryIndex,
        row: u32,
        words: &RowWords,
    ) -> Result<()> {
        let mut key = Vec::new();
        index.encode(rows, words, &mut key)?;
        let promise = rows.pool.promise(index.pages_for(1, key.len()))?;
        rows.settled.begin();
        index.tree.insert(&key, row);
        rows.settled.end();
        drop(promise);
        if self.moves() || planted::bug("unique_not_checked") {
            return Ok(());
        }
        let mut moved = Moved::new();
        loop {
            self.check_in_memory(rows, index, row, words, &key)?;
            if rows.cold.is_empty() || !self.check_in_segments(rows, index, words, &mut moved)? {
                return Ok(());
            }
        }
    }

    fn check_in_memory(
        &self,
        rows: &Rows,
        index: &SecondaryIndex,
        row: u32,
        words: &RowWords,
        key: &[u8],
    ) -> Result<()> {
        let mut scan = index.tree.scan(&KeyRange::equal(key), Direction::Ascending);
        let mut equal = Vec::new();
        loop {
            equal.clear();
            let more = scan.next_rows(&mut equal, EQUAL_ENTRIES);
            for other in equal.iter().filter(|other| **other != row) {
                self.check_other(rows, index, *other, words)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Refuses the value if a cold row has it; true if one that had it has gone to memory since the last
    /// look.
    #[cold]
    #[inline(never)]
    fn check_in_segments(
        &self,
        rows: &Rows,
        index: &SecondaryIndex,
        words: &RowWords,
        moved: &mut Moved,
    ) -> Result<bool> {
        if planted::bug("cold_value_not_seen") {
            return Ok(false);
        }
        if planted::bug("moved_row_not_looked_for") {
            std::thread::sleep(std::time::Duration::from_micros(200)); // for a row to move meanwhile
        }
        let mut encoded = Vec::new();
        index.encode_value(rows, words, &mut encoded)?;
        let view = rows.view(words);
        let sought = SoughtValue {
            schema: &rows.schema,
            index: &index.spec,
            encoded: &encoded,
            cell: &|column| view.cell(column),
        };
        let mut again = false;
        rows.cold.with_value(&sought, &mut |segment, row| match segment.newest(row) {
            cold::Newest::Unborn => Ok(()),
            // What went before this snapshot was where it is now when that was looked at.
            cold::Newest::Gone(at) | cold::Newest::Over(at) if at <= self.at => Ok(()),
            // So it is in memory, or in a segment that was not there yet when this look began.
            cold::Newest::Gone(_) | cold::Newest::Over(_) => {
                let row = (segment.number, row);
                if !moved.contains(&row) && !planted::bug("moved_row_not_looked_for") {
                    moved.push(row);
                    again = true;
                }
                Ok(())
            }
            cold::Newest::Here(since) => {
                Err(self.cold_twin(rows, index, words, (segment, row, since)))
            }
        })?;
        Ok(again)
    }

    /// Why a value cannot be written that a cold row has. That row may have been written, and frozen, after
    /// this snapshot: then it is a conflict, as it would be in memory.
    fn cold_twin(
        &self,
        rows: &Rows,
        index: &SecondaryIndex,
        words: &RowWords,
        (segment, row, since): (&Arc<ColdSegment>, u32, Timestamp),
    ) -> Error {
        let had_it = || -> Result<bool> {
            let (mut theirs, mut seen) = (RowWords::new(), RowWords::zeroed(rows.layout.words()));
            Self::copy_cold(rows, segment.number_of(row), &mut theirs)?;
            let found = self.find(rows, &rows.view(&theirs), &mut seen)?;
            Ok(found.is_some() && index.same_value(rows, &seen, words))
        };
        if segment.sees(row, self.at) || had_it().unwrap_or(false) {
            return not_unique(rows, index, words);
        }
        let why = format!(
            "has a unique value that was committed and frozen by {}, after snapshot {}",
            since.0, self.at.0
        );
        rows.conflict(words, &why).awaiting(Awaited::Commit(since.0))
    }

    /// Refuses the value if another row's newest state has it, or may have it once its owner commits.
    fn check_other(
        &self,
        rows: &Rows,
        index: &SecondaryIndex,
        other: u32,
        words: &RowWords,
    ) -> Result<()> {
        let mut theirs = RowWords::zeroed(rows.layout.words());
        let mut attempt = 0;
        loop {
            match rows.versions.own(other, self.owner) {
                Ok(()) => break,
                Err(Held::NoRow) => return Ok(()),
                Err(Held::By(RECLAIMER)) => pause(&mut attempt),
                Err(Held::By(owner)) if owner == self.owner => {
                    return if self.read(rows, other, &mut theirs)?
                        && index.same_value(rows, &theirs, words)
                    {
                        Err(not_unique(rows, index, words))
                    } else {
                        Ok(())
                    };
                }
                Err(Held::By(_)) => {
                    let why = format!(
                        "has a value of unique index `{}` that another transaction is writing",
                        index.spec.name
                    );
                    return Err(rows.lost_to_another(other, words, &why));
                }
            }
        }
        rows.versions.copy_newest(other, &mut theirs);
        let newest = rows.versions.newest(other);
        let same = matches!(newest, Newest::Live(_)) && index.same_value(rows, &theirs, words);
        // Newer than the snapshot, but with the same values: it was cold, and was moved since.
        let moved = match newest {
            Newest::Live(at) if same && at > self.at => self.was_moved(rows, &theirs, at),
            _ => Ok(false),
        };
        rows.versions.disown(other);
        let is_news = !moved?;
        match newest {
            Newest::Live(at) if same && at > self.at && is_news => {
                let why = format!(
                    "has a unique value that was committed at {}, after snapshot {}",
                    at.0, self.at.0
                );
                Err(rows.conflict(words, &why).awaiting(Awaited::Commit(at.0)))
            }
            _ if same => Err(not_unique(rows, index, words)),
            _ => Ok(()),
        }
    }
}

/// Takes entries out of the unique indexes that no committed version of the owned row needs.
pub(super) fn forget_unique(rows: &Rows, row: u32, words: &[u64]) {
    let unique = rows.indexes.iter().filter(|index| index.spec.unique);
    forget_entries(rows, row, unique, &[words]);
}

/// Takes out the unique entries of a value that the owned row was given and that it lost again
/// before any commit, unless `kept` or a committed version has the same.
pub(super) fn forget_replaced(rows: &Rows, row: u32, replaced: &[u64], kept: Option<&[u64]>) {
    let lost = rows.indexes.iter().filter(|index| {
        index.spec.unique && !kept.is_some_and(|kept| index.same_value(rows, kept, replaced))
    });
    forget_entries(rows, row, lost, &[replaced]);
}

/// An entry of a unique index for a value that a row was given inside a transaction and lost again
/// while a savepoint was open: it may come back, so its entry waits for the transaction's end.
pub(super) struct StaleEntry {
    pub table: u32,
    pub row: u32,
    index: usize,
    key: Vec<u8>,
}

impl StaleEntry {
    /// The entries of these words, one for each unique index.
    pub(super) fn of(rows: &Rows, table: u32, row: u32, words: &[u64], out: &mut Vec<Self>) {
        for (index, unique) in rows.indexes.iter().enumerate().filter(|index| index.1.spec.unique) {
            let mut key = Vec::new();
            if unique.encode(rows, words, &mut key).is_ok() {
                out.push(Self { table, row, index, key });
            }
        }
    }

    /// Takes the entry out unless `kept` or a committed version of the owned row has the value.
    pub(super) fn forget(&self, rows: &Rows, kept: Option<&[u64]>) {
        let index = &rows.indexes[self.index];
        let has_value = |words: &[u64]| {
            let mut key = Vec::new();
            index.encode(rows, words, &mut key).is_ok() && key == self.key
        };
        let committed = || committed_versions(rows, self.row);
        if !kept.is_some_and(has_value) && !committed().iter().any(|words| has_value(words)) {
            remove_entry(rows, index, &self.key, self.row);
        }
    }
}

fn not_unique(rows: &Rows, index: &SecondaryIndex, words: &[u64]) -> Error {
    let value = index.value_text(rows, words);
    Error::duplicate(format!(
        "{} would repeat the value {value} of unique index `{}`",
        rows.row_name(words),
        index.spec.name
    ))
    .detail(&rows.schema.table)
    .detail(value)
    .detail(&index.spec.name)
}

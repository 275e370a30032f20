//! Filling an index of a table whose writers maintain it already, and looking for values that it
//! has twice.
//!
//! Whoever did not know of the index has ended, so its rows are in every snapshot from now on. Of
//! each row the version that a snapshot sees gets its entry here; versions after it got theirs from
//! their commits, and those before it are for snapshots that do not use the index. While that
//! snapshot is registered nobody takes the version out, nor its entry: so an entry may be added here
//! without owning the row.
//!
//! A batch has a snapshot of its own, so that none is held for long.

use super::bulk::Bulk;
use super::engine::Engine;
use super::live_table::LiveTable;
use super::prepare::RowWords;
use super::rows::TableData;
use super::secondary::SecondaryIndex;
use super::snapshot::Reading;
use super::write::RECLAIMER;
use crate::error::{Error, Kind, Result};
use crate::index::ordered::{Direction, KeyRange};
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{Held, Newest};
use crate::sync::pause;
use std::time::{Duration, Instant};

/// Entries looked at in one step.
const STEP_ENTRIES: usize = 1024;
/// Looks at an owned row before the caller sleeps between two.
const PAUSES: u32 = 256;
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Enters every row; gives the timestamp from which on snapshots find all they see. `progress` is
/// called with the rows entered so far, before each batch and at the end; false cancels.
pub(crate) fn fill(
    engine: &Engine,
    table: &LiveTable,
    index: &SecondaryIndex,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Timestamp> {
    let data = &*table.data;
    let mut bulk = Bulk::new(data, index, &engine.holder.child("index build"))?;
    let mut words = RowWords::zeroed(data.layout.words());
    let all = 0..words.len();
    let (mut page, mut entered) = (0, 0);
    loop {
        if !progress(entered) {
            return Err(cancelled(data, index));
        }
        let snapshot = Reading::new(engine)?;
        let (moment, pages) = (snapshot.moment(), data.versions.pages());
        while page < pages && !bulk.is_full() {
            for row in data.versions.page_rows(page) {
                if data.versions.read(row, moment, &all, &mut words)? {
                    bulk.push(row, &words)?;
                }
            }
            page += 1;
        }
        let place = moment.place as usize;
        entered += bulk.flush(|count| engine.with_relief(place, || data.pool.promise(count)))?;
        // Was it given up, rows may have been missing, and entries have come too late to be taken out.
        engine.timeline.check_kept(moment)?;
        if page >= pages {
            return if progress(entered) { Ok(snapshot.at()) } else { Err(cancelled(data, index)) };
        }
    }
}

fn cancelled(data: &TableData, index: &SecondaryIndex) -> Error {
    let (table, name) = (&data.schema.table, &index.spec.name);
    Error::new(Kind::Cancelled, format!("making index `{name}` of `{table}` was cancelled"))
        .detail(table)
        .detail(name)
}

/// Looks for two rows whose newest state has the same value.
///
/// Every row is in the index by now, so whoever writes a value from now on finds the others that
/// have it. Who wrote one before has its entry in: if it has not ended, it is waited for.
pub(crate) fn check_values(
    data: &TableData,
    index: &SecondaryIndex,
    patience: Duration,
) -> Result<()> {
    let mut scan = index.tree.scan(&KeyRange::all(), Direction::Ascending);
    let mut twins = Twins::new(data, index, patience);
    let (mut keys, mut entries) = (Vec::new(), Vec::new());
    let mut value = Vec::new();
    loop {
        keys.clear();
        entries.clear();
        let more = scan.next_entries(
            &mut |key, row| {
                keys.extend_from_slice(key);
                entries.push((keys.len(), row));
            },
            STEP_ENTRIES,
        );
        let mut start = 0;
        for (end, row) in &entries {
            let key = &keys[start..*end];
            if key != value {
                value = key.to_vec();
                twins.first = None;
            }
            twins.meet(key, *row)?;
            start = *end;
        }
        if !more {
            return Ok(());
        }
    }
}

/// A walk over entries of equal values.
pub(super) struct Twins<'a> {
    data: &'a TableData,
    index: &'a SecondaryIndex,
    began: Instant,
    patience: Duration,
    /// The last row met with the value at hand that may have it.
    first: Option<u32>,
}

/// What a row's newest state has.
pub(super) enum State {
    /// The value, and the row is owned now.
    Has,
    /// Something else.
    HasNot,
    /// Nobody knows: a transaction writes it.
    Undecided,
}

impl<'a> Twins<'a> {
    pub(super) fn new(data: &'a TableData, index: &'a SecondaryIndex, patience: Duration) -> Self {
        Self { data, index, began: Instant::now(), patience, first: None }
    }

    /// Compares a row with the one before it that has the same value.
    fn meet(&mut self, key: &[u8], row: u32) -> Result<()> {
        let Some(first) = self.first else {
            self.first = Some(row);
            return Ok(());
        };
        let mut attempt = 0;
        loop {
            match self.look(first, key) {
                State::HasNot => {
                    self.first = Some(row);
                    return Ok(());
                }
                State::Undecided => {}
                State::Has => {
                    // Both are owned for the moment, so both have it at the same time.
                    let second = self.look(row, key);
                    let outcome = match &second {
                        State::Has => self.compare(first, row),
                        _ => Ok(()),
                    };
                    self.data.versions.disown(first);
                    if let State::Has = second {
                        self.data.versions.disown(row);
                    }
                    if !matches!(second, State::Undecided) {
                        return outcome;
                    }
                }
            }
            self.wait(&mut attempt)?;
        }
    }

    /// Owns the row and looks at its newest state; gives it up again unless it has the value.
    pub(super) fn look(&self, row: u32, key: &[u8]) -> State {
        let versions = &self.data.versions;
        let owned = {
            let _standing = versions.stand();
            versions.own(row, RECLAIMER)
        };
        match owned {
            Ok(()) => {}
            Err(Held::NoRow) => return State::HasNot,
            Err(Held::By(_)) => return State::Undecided,
        }
        let mut words = RowWords::zeroed(self.data.layout.words());
        versions.copy_newest(row, &mut words);
        let mut encoded = Vec::with_capacity(key.len());
        // An index of fixed width pads its short keys with zeros.
        let has = matches!(versions.newest(row), Newest::Live(_))
            && self.index.encode(self.data, &words, &mut encoded).is_ok()
            && key.starts_with(&encoded);
        if has {
            return State::Has;
        }
        versions.disown(row);
        State::HasNot
    }

    /// Refuses two owned rows with an equal value, unless it has a NULL.
    fn compare(&self, first: u32, second: u32) -> Result<()> {
        let (data, index) = (self.data, self.index);
        let (mut one, mut other) = (RowWords::zeroed(data.layout.words()), RowWords::new());
        other.reset(data.layout.words());
        data.versions.copy_newest(first, &mut one);
        data.versions.copy_newest(second, &mut other);
        if index.has_null(data, &one) { Ok(()) } else { Err(twins(data, index, &one, &other)) }
    }

    pub(super) fn wait(&self, attempt: &mut u32) -> Result<()> {
        if self.began.elapsed() > self.patience {
            return Err(Error::new(
                Kind::Busy,
                format!(
                    "unique index `{}` of `{}`: another transaction is writing a row with a value that is \
                     there twice; try again when it has ended",
                    self.index.spec.name, self.data.schema.table
                ),
            )
            .detail(&self.data.schema.table));
        }
        if *attempt < PAUSES {
            pause(attempt);
        } else {
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

/// Why an index cannot be unique.
pub(super) fn twins(
    data: &TableData,
    index: &SecondaryIndex,
    one: &RowWords,
    other: &RowWords,
) -> Error {
    let value = index.value_text(data, one);
    Error::duplicate(format!(
        "index `{}` of `{}` cannot be unique: rows {} and {} both have {value}",
        index.spec.name,
        data.schema.table,
        data.key_text(one),
        data.key_text(other),
    ))
    .detail(&data.schema.table)
    .detail(value)
    .detail(&index.spec.name)
}

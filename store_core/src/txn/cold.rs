//! Cold rows in transactions: reading them, and bringing one back to memory before it is written.
//!
//! A statement writes rows in memory only. A cold row that it is to write is first moved there, by a
//! commit of its own that changes no value: the row is born in memory, and gone from its segment, at one
//! timestamp. The transaction's snapshot may be older than that. It still sees the cold row, with the same
//! values, so the newer version is no conflict for it, as long as it is the move's ([`Txn::warmed`]).

use super::effects::IndexSet;
use super::live_table::LiveTable;
use super::prepare::RowWords;
use super::rows::{Rows, TableData};
use super::write::RECLAIMER;
use super::write_set::{Txn, Write, WriteKind};
use crate::cold::{ColdChange, ColdFound, ColdRows, ColdSegment, fill_row};
use crate::durability::Durability;
use crate::error::{Error, Kind, Result};
use crate::mem::layout::RowView;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{Held, Newest};
use crate::planted;
use crate::sync::pause;
use crate::value::encode_key;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a move waits for another transaction that is about to be refused the same key.
const MOVE_PATIENCE: Duration = Duration::from_secs(1);
/// Room for most encoded keys.
const KEY_ROOM: usize = 64;

/// What a transaction has to do with cold rows.
#[derive(Default)]
pub(super) struct ColdWork {
    /// Rows that were cold for its snapshot, by table and number: where they are in memory, since when.
    warmed: HashMap<(u32, u32), (u32, Timestamp)>,
    /// What its commit changes.
    pub(super) changes: Vec<(u32, Arc<ColdSegment>, ColdChange)>,
    /// It moves rows, and changes none.
    pub(super) moves: bool,
}

impl TableData {
    /// The cold row with this key that a reader at this timestamp sees.
    pub(crate) fn find_cold(&self, key: &RowView<'_>, at: Timestamp) -> Result<Option<ColdFound>> {
        self.cold.find(&self.encoded_key(key)?, at)
    }

    /// The place of a cold row with this key, which was found before, after what merges did since.
    fn follow_cold(
        &self,
        segment: &Arc<ColdSegment>,
        row: u32,
        key: &RowView<'_>,
    ) -> Result<(Arc<ColdSegment>, u32)> {
        if segment.next().is_none() {
            return Ok((Arc::clone(segment), row));
        }
        self.cold.follow(segment, row, &self.encoded_key(key)?)
    }

    fn encoded_key(&self, key: &RowView<'_>) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(KEY_ROOM);
        for column in &self.schema.key {
            encode_key(key.cell(*column), self.schema.columns[*column].ty, true, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Copies a cold row, with long values of its own.
    pub(crate) fn fill_cold(&self, found: &ColdFound, out: &mut RowWords) -> Result<()> {
        fill_row(&self.layout, &self.schema, found, out)
    }
}

impl Txn {
    /// True if this transaction moves rows between memory and segments, and changes none.
    pub(super) fn moves(&self) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.moves)
    }

    /// What its commit changes about cold rows.
    pub(super) fn cold_changes(&self) -> &[(u32, Arc<ColdSegment>, ColdChange)] {
        self.cold.as_ref().map_or(&[], |cold| &cold.changes)
    }

    /// Adds a change, for which the segment has room, to those of its commit.
    pub(crate) fn change_cold(
        &mut self,
        table: u32,
        segment: Arc<ColdSegment>,
        change: ColdChange,
    ) {
        self.cold.get_or_insert_default().changes.push((table, segment, change));
    }

    /// Does what its commit changes about cold rows; before anybody sees the commit.
    pub(super) fn install_cold(&self, at: Timestamp) {
        for (_, segment, change) in self.cold_changes() {
            match change {
                ColdChange::Born { part, without, .. } => segment.bear(*part, without, at),
                ColdChange::Gone { row, .. } => segment.bury(*row, at),
                ColdChange::Over { .. } => segment.end(at),
            }
        }
    }

    /// The cold row with this key that this transaction sees, and has not written.
    #[cold]
    #[inline(never)]
    pub(super) fn find_cold(
        &self,
        rows: &TableData,
        key: &RowView<'_>,
    ) -> Result<Option<ColdFound>> {
        let found = rows.find_cold(key, self.at)?;
        Ok(found.filter(|found| !self.hides_cold(rows, found.number())))
    }

    /// True if this transaction has written a row that is cold for its snapshot.
    pub(crate) fn hides_cold(&self, rows: &TableData, row: u32) -> bool {
        if planted::bug("own_write_of_cold_row_ignored") {
            return false;
        }
        let warmed = self.cold.as_ref().and_then(|cold| cold.warmed.get(&(rows.id, row)));
        let (Some((row, _)), Some(table)) = (warmed, self.known_table(rows)) else { return false };
        self.own.find(&self.writes, table, *row).is_some()
    }

    /// True if a row in memory was cold for this snapshot, and this version of it is only the move's.
    pub(super) fn was_warmed(&self, rows: &TableData, row: u32, at: Timestamp) -> bool {
        let Some(cold) = &self.cold else { return false };
        cold.warmed.iter().any(|((table, _), warmed)| *table == rows.id && *warmed == (row, at))
    }

    /// True if the row with this key was cold for this snapshot, and is in memory since this timestamp.
    #[inline]
    pub(super) fn was_moved(
        &self,
        rows: &TableData,
        words: &RowWords,
        at: Timestamp,
    ) -> Result<bool> {
        if rows.cold.is_empty() {
            return Ok(false);
        }
        let key = rows.view(words);
        let Some(found) = rows.find_cold(&key, self.at)? else { return Ok(false) };
        let (segment, row) = rows.follow_cold(&found.segment, found.row, &key)?;
        Ok(segment.gone_at(row) == Some(at))
    }

    /// Puts the long values in memory of an owned row that was cold in the place of the copies that were
    /// read, but for the columns that are about to change.
    pub(super) fn take_warm_words(
        &self,
        rows: &TableData,
        row: u32,
        words: &mut RowWords,
        columns: &[usize],
    ) {
        if self.cold.is_none() {
            return;
        }
        if let Newest::Live(at) = rows.versions.newest(row)
            && self.was_warmed(rows, row, at)
        {
            let mut newest = RowWords::zeroed(rows.layout.words());
            rows.versions.copy_newest(row, &mut newest);
            let long = rows.layout.long_columns().iter().chain(rows.layout.long_key_columns());
            for column in long.filter(|column| !columns.contains(column)) {
                let at = rows.layout.column_words(*column);
                words[at.clone()].copy_from_slice(&newest[at]);
            }
        }
    }

    /// Brings a cold row that this transaction sees back to memory; gives its number there.
    #[cold]
    #[inline(never)]
    pub(super) fn warm(&mut self, rows: &Rows, table: u32, row: u32) -> Result<u32> {
        let segments = rows.cold.segments();
        let (segment, in_segment) = ColdRows::of(&segments, row)
            .ok_or_else(|| Error::corrupt("a cold row that no segment has"))?;
        let mut words = RowWords::new();
        let found = Self::read_cold(rows, segment, in_segment)?;
        rows.fill_cold(&found, &mut words)?;
        let (warm, at) = {
            let _alone = rows.cold.lock_moves();
            let now = rows.follow_cold(segment, in_segment, &rows.view(&words))?;
            match now.0.gone_at(now.1) {
                Some(at) => (self.find_moved(rows, &words, at)?, at),
                None => self.move_to_memory(rows, table, now, &words)?,
            }
        };
        let cold = self.cold.get_or_insert_default();
        cold.warmed.insert((rows.id, row), (warm, at));
        Ok(warm)
    }

    /// Copies a cold row that this transaction has found.
    pub(super) fn copy_cold(rows: &TableData, row: u32, out: &mut RowWords) -> Result<()> {
        let segments = rows.cold.segments();
        let (segment, in_segment) = ColdRows::of(&segments, row)
            .ok_or_else(|| Error::corrupt("a cold row that no segment has"))?;
        rows.fill_cold(&Self::read_cold(rows, segment, in_segment)?, out)
    }

    fn read_cold(rows: &TableData, segment: &Arc<ColdSegment>, row: u32) -> Result<ColdFound> {
        let nth = segment.file.index.block_of_row(row);
        let block = rows.cold.cache.block(segment.number, &segment.file, nth)?;
        Ok(ColdFound { segment: Arc::clone(segment), row, block, nth })
    }

    /// The row in memory that was moved there at this timestamp; a conflict if it was changed since.
    fn find_moved(&self, rows: &Rows, words: &RowWords, at: Timestamp) -> Result<u32> {
        let key = rows.view(words);
        let mut theirs = RowWords::zeroed(rows.layout.words());
        for row in rows.primary.candidates(key.key_hash()) {
            rows.versions.key_words(row, &mut theirs);
            if !rows.view(&theirs).same_key(&key) {
                continue;
            }
            return match rows.versions.newest(row) {
                Newest::Live(newest) if newest == at => Ok(row),
                Newest::Live(newest) | Newest::Deleted(newest) => {
                    Err(self.too_new(rows, row, words, newest.0))
                }
                Newest::Unborn => break,
            };
        }
        Err(rows.conflict(words, "was deleted after this transaction's snapshot"))
    }

    /// Moves a row to memory by a commit of its own; the caller is alone to move rows.
    fn move_to_memory(
        &self,
        rows: &Rows,
        table: u32,
        (segment, in_segment): (Arc<ColdSegment>, u32),
        words: &RowWords,
    ) -> Result<(u32, Timestamp)> {
        let mut moving = Self::moving(&self.engine)?;
        moving.tables.push(self.tables[table as usize].clone());
        let place = self.place;
        self.engine.with_relief(place, || segment.make_room(1))?;
        moving.insert_moved(rows, 0, words, place)?;
        let gone = ColdChange::Gone { segment: segment.number, row: in_segment };
        moving.change_cold(0, segment, gone);
        debug_assert!(moving.writes.last().is_some_and(|write| write.kind != WriteKind::Gone));
        let row = moving.writes[0].row;
        Ok((row, moving.finish_move()?))
    }

    /// Inserts a row that is cold. Others may own its old place in memory for moments: those who are about
    /// to be refused its key, or to find that the row has left.
    fn insert_moved(
        &mut self,
        rows: &Rows,
        table: u32,
        words: &RowWords,
        place: usize,
    ) -> Result<()> {
        let (began, mut attempt, mut relieved) = (Instant::now(), 0, 0);
        loop {
            let inserted =
                self.reserve_write().and_then(|()| self.insert_checked(rows, table, words));
            match inserted {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == Kind::Conflict && began.elapsed() < MOVE_PATIENCE => {
                    pause(&mut attempt);
                }
                Err(error) if self.engine.relieves(&error, place, &mut relieved) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A transaction that moves rows, and changes none.
    pub(crate) fn moving(lease: &Arc<super::lease::Lease>) -> Result<Self> {
        let mut txn = Self::system(lease)?;
        txn.cold.get_or_insert_default().moves = true;
        // Nothing is lost if it is not durable: the row is where it was before.
        if lease.log().is_some_and(|log| log.durability == Durability::Sync) {
            txn.durability = Some(Durability::Async);
        }
        Ok(txn)
    }

    /// Commits a move.
    pub(crate) fn finish_move(&self) -> Result<Timestamp> {
        self.check()?;
        let wait = self.wait_by_level();
        Ok(self.finish(wait)?.at)
    }
}

// ---- moves of many rows

impl Txn {
    /// Takes a row out of memory that has not changed since a snapshot at this timestamp, which the caller
    /// holds; false if it has, or is being changed.
    pub(crate) fn take_out(
        &mut self,
        table: &LiveTable,
        row: u32,
        since: Timestamp,
    ) -> Result<bool> {
        let (number, rows) = self.join(table)?;
        self.reserve_delete()?;
        let mut attempt = 0;
        loop {
            match rows.versions.own(row, self.owner) {
                Ok(()) => break,
                Err(Held::By(RECLAIMER)) => pause(&mut attempt),
                Err(_) => return Ok(false),
            }
        }
        match rows.versions.newest(row) {
            Newest::Live(at) if at <= since || planted::bug("changed_row_frozen") => {}
            _ => {
                rows.versions.disown(row);
                return Ok(false);
            }
        }
        let mut words = RowWords::zeroed(rows.layout.words());
        rows.versions.copy_newest(row, &mut words);
        let node = rows.versions.new_node_to_delete().inspect_err(|_| rows.versions.disown(row))?;
        rows.versions.stage(node, &words[rows.layout.key_words()..]);
        let (kind, indexes) = (WriteKind::Delete, IndexSet::NONE);
        self.writes.push(Write { table: number, row, node, kind, indexes, long: true });
        Ok(true)
    }

    /// With its commit a part of a segment is there, but for these rows, for which there is room.
    pub(crate) fn bear(
        &mut self,
        table: &LiveTable,
        segment: &Arc<ColdSegment>,
        part: u32,
        without: Vec<u32>,
    ) -> Result<()> {
        let (number, _) = self.join(table)?;
        let change = ColdChange::Born { segment: segment.number, part, without };
        self.change_cold(number, Arc::clone(segment), change);
        Ok(())
    }

    /// Takes part in a table: until it ends nobody changes the table's columns or drops it.
    pub(crate) fn join_to_move(&mut self, table: &LiveTable) -> Result<()> {
        self.join(table).map(drop)
    }

    /// With its commit what is left of these segments is in this one, of which all parts are there, but for
    /// these rows, for which there is room.
    pub(crate) fn merge(
        &mut self,
        table: &LiveTable,
        merged: &Arc<ColdSegment>,
        sources: &[Arc<ColdSegment>],
        without: &[u32],
    ) -> Result<()> {
        let (number, _) = self.join(table)?;
        for part in 0..merged.parts() {
            let rows = merged.part(part);
            let from = without.partition_point(|row| *row < rows.start);
            let to = without.partition_point(|row| *row < rows.end);
            let without = without[from..to].to_vec();
            let born = ColdChange::Born { segment: merged.number, part, without };
            self.change_cold(number, Arc::clone(merged), born);
        }
        for source in sources {
            source.lead_to(merged);
            let over = ColdChange::Over { segment: source.number, into: merged.number };
            self.change_cold(number, Arc::clone(source), over);
        }
        Ok(())
    }

    /// With its commit this becomes of cold rows, as another process's log has it.
    pub(crate) fn apply_cold(
        &mut self,
        table: &LiveTable,
        segment: Arc<ColdSegment>,
        change: ColdChange,
    ) -> Result<()> {
        let (number, _) = self.join(table)?;
        segment.make_room(match &change {
            ColdChange::Born { without, .. } => without.len(),
            ColdChange::Gone { .. } => 1,
            ColdChange::Over { .. } => 0,
        })?;
        self.change_cold(number, segment, change);
        Ok(())
    }

    /// Brings these cold rows back to memory, in one commit; says how many were still cold.
    pub(crate) fn thaw(
        lease: &Arc<super::lease::Lease>,
        table: &LiveTable,
        found: &[u32],
    ) -> Result<u64> {
        let _alone = table.data.cold.lock_moves();
        let mut txn = Self::moving(lease)?; // its snapshot is not older than the last move
        let (number, rows) = txn.join(table)?;
        let segments = rows.cold.segments();
        let (mut words, mut thawed) = (RowWords::new(), 0);
        for row in found {
            let Some((segment, in_segment)) = ColdRows::of(&segments, *row) else { continue };
            if segment.gone_at(in_segment).is_some() {
                continue;
            }
            Self::copy_cold(rows, *row, &mut words)?;
            let now = rows.follow_cold(segment, in_segment, &rows.view(&words))?;
            let (segment, in_segment) = now;
            if segment.gone_at(in_segment).is_some() {
                continue;
            }
            let place = txn.place;
            txn.insert_moved(rows, number, &words, place)?;
            let gone = ColdChange::Gone { segment: segment.number, row: in_segment };
            txn.change_cold(number, segment, gone);
            thawed += 1;
        }
        for segment in segments.iter() {
            let of = |(_, changed, _): &&(u32, Arc<ColdSegment>, ColdChange)| {
                Arc::ptr_eq(changed, segment)
            };
            let rows = txn.cold_changes().iter().filter(of).count();
            txn.engine.with_relief(txn.place, || segment.make_room(rows))?;
        }
        if thawed > 0 {
            txn.finish_move()?;
        }
        Ok(thawed)
    }
}

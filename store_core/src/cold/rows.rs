//! The cold rows of one table: its segments, and rows in them by number and by key.

use super::cache::BlockCache;
use super::segment::ColdSegment;
use super::{COLD_ROWS, is_cold};
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::segment::{ColdBlock, ColdFile, SoughtKey};
use crate::sync::{Acquire, AtomicBool, Mutex, MutexGuard, Relaxed, Release, RwLock};
use crate::value::{ValueRef, encode_key};
use std::cmp::Ordering;
use std::sync::Arc;

/// Segments in the order of their rows' numbers.
pub(crate) type Segments = Arc<Vec<Arc<ColdSegment>>>;

/// The segments of a table.
pub(crate) struct ColdRows {
    segments: RwLock<Segments>,
    /// There are some: whoever finds a row in memory asks no more.
    some: AtomicBool,
    /// Held by the only one who moves rows between memory and segments.
    moving: Mutex<()>,
    pub(crate) cache: Arc<BlockCache>,
    pub(crate) holder: Holder,
}

/// A cold row that was found.
pub(crate) struct ColdFound {
    pub(crate) segment: Arc<ColdSegment>,
    /// Its number in the segment.
    pub(crate) row: u32,
    /// The block that has it, and the number of that.
    pub(crate) block: Arc<ColdBlock>,
    pub(crate) nth: usize,
}

impl ColdFound {
    /// Its number in the table.
    pub(crate) fn number(&self) -> u32 {
        self.segment.number_of(self.row)
    }
}

impl ColdSegment {
    /// The number in the table of a row of this segment.
    pub(crate) fn number_of(&self, row: u32) -> u32 {
        COLD_ROWS + self.base + row
    }
}

impl ColdRows {
    /// None yet.
    pub(crate) fn new(cache: &Arc<BlockCache>, holder: Holder) -> Self {
        Self {
            segments: RwLock::new(Arc::default()),
            some: AtomicBool::new(false),
            moving: Mutex::new(()),
            cache: Arc::clone(cache),
            holder,
        }
    }

    /// True if there never was a segment, or none is left.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // Who must see a segment has a snapshot of a commit that came after it was added, or has found a
        // row that a move has taken out of memory. Pairs with Release in `add`.
        !self.some.load(Acquire)
    }

    /// The segments now, if there are any.
    #[inline]
    pub(crate) fn some_segments(&self) -> Option<Segments> {
        if self.is_empty() { None } else { Some(Arc::clone(&self.segments.read())) }
    }

    /// The segments now.
    pub(crate) fn segments(&self) -> Segments {
        if self.is_empty() { Arc::default() } else { Arc::clone(&self.segments.read()) }
    }

    /// Keeps others from moving rows.
    pub(crate) fn lock_moves(&self) -> MutexGuard<'_, ()> {
        self.moving.lock()
    }

    /// Adds a segment with the rows of this file, none of which is there yet, or that nobody can read yet.
    pub(crate) fn add(&self, file: ColdFile, table: u32, number: u64) -> Result<Arc<ColdSegment>> {
        let mut segments = self.segments.write();
        let base = free_base(&segments, file.index.rows)?;
        let segment = Arc::new(ColdSegment::new(file, table, number, base, &self.holder)?);
        let mut more = segments.to_vec();
        let at = more.partition_point(|known| known.base < base);
        more.insert(at, Arc::clone(&segment));
        *segments = Arc::new(more);
        self.some.store(true, Release);
        Ok(segment)
    }

    /// Takes a segment out of which no row ever was there.
    pub(crate) fn remove(&self, segment: &Arc<ColdSegment>) {
        let mut segments = self.segments.write();
        let kept: Vec<_> =
            segments.iter().filter(|known| !Arc::ptr_eq(known, segment)).cloned().collect();
        *segments = Arc::new(kept);
    }

    /// Has the segments of the table in whose place this one comes.
    pub(crate) fn adopt(&self, of: &Self) {
        *self.segments.write() = of.segments();
        self.some.store(!of.is_empty(), Release);
    }

    /// Forgets all segments: whoever calls has their rows, and nobody else reads.
    pub(crate) fn forget(&self) {
        *self.segments.write() = Arc::default();
        self.some.store(false, Relaxed);
    }

    /// Takes the segments out of which no reader sees a row.
    pub(crate) fn remove_ended(&self, oldest: Timestamp) -> Vec<Arc<ColdSegment>> {
        let _alone = self.lock_moves();
        let mut segments = self.segments.write();
        let ended = |segment: &&Arc<ColdSegment>| segment.has_ended(oldest);
        let gone: Vec<_> = segments.iter().filter(ended).cloned().collect();
        if !gone.is_empty() {
            let kept: Vec<_> = segments.iter().filter(|segment| !ended(segment)).cloned().collect();
            self.some.store(!kept.is_empty(), Relaxed);
            *segments = Arc::new(kept);
        }
        gone
    }

    /// The segment of a cold row, and the row's number in it.
    pub(crate) fn of(segments: &Segments, row: u32) -> Option<(&Arc<ColdSegment>, u32)> {
        debug_assert!(is_cold(row));
        let row = row - COLD_ROWS;
        let at = segments.partition_point(|segment| segment.base <= row).checked_sub(1)?;
        let segment = &segments[at];
        let in_segment = row - segment.base;
        (in_segment < segment.rows()).then_some((segment, in_segment))
    }

    /// How many rows its segments have, there or not.
    pub(crate) fn rows(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        self.segments().iter().map(|segment| u64::from(segment.rows())).sum()
    }

    /// How many rows a reader at this timestamp sees.
    pub(crate) fn count(&self, at: Timestamp) -> u64 {
        self.segments().iter().map(|segment| segment.count(at)).sum()
    }

    /// The row with this encoded key that a reader at this timestamp sees.
    pub(crate) fn find(&self, key: &[u8], at: Timestamp) -> Result<Option<ColdFound>> {
        let sought = SoughtKey::new(key);
        for segment in self.segments().iter().rev() {
            if segment.is_over(at) || !segment.file.index.may_have(&sought) {
                continue;
            }
            let Some(found) = self.find_in(segment, key)? else { continue };
            if segment.sees(found.row, at) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The encoded key of a row of a segment.
    pub(super) fn key_of(&self, segment: &Arc<ColdSegment>, row: u32) -> Result<Vec<u8>> {
        let file = &segment.file;
        let (nth, columns) = (file.index.block_of_row(row), &file.index.columns);
        let block = self.cache.block(segment.number, file, nth)?;
        let in_block = (row - file.index.block(nth).first_row) as usize;
        let mut key = Vec::new();
        for at in &columns.key {
            let cells = file.column(nth, &block, *at as usize)?;
            let ty = columns.columns[*at as usize].ty;
            encode_key(cells.get(in_block), ty, true, &mut key)?;
        }
        Ok(key)
    }

    /// The row of a segment that has this encoded key.
    pub(super) fn find_in(
        &self,
        segment: &Arc<ColdSegment>,
        key: &[u8],
    ) -> Result<Option<ColdFound>> {
        let Some(nth) = segment.file.index.block_of_key(key) else { return Ok(None) };
        let block = self.cache.block(segment.number, &segment.file, nth)?;
        let Some(in_block) = find_in_block(segment, nth, &block, key)? else { return Ok(None) };
        let row = segment.file.index.block(nth).first_row + in_block as u32;
        Ok(Some(ColdFound { segment: Arc::clone(segment), row, block, nth }))
    }

    /// Where a row of this encoded key is now, or was when it went to memory: merges may have taken it
    /// into other segments since it was found.
    pub(crate) fn follow(
        &self,
        segment: &Arc<ColdSegment>,
        row: u32,
        key: &[u8],
    ) -> Result<(Arc<ColdSegment>, u32)> {
        let (mut segment, mut row) = (Arc::clone(segment), row);
        loop {
            // First: once it is over none of its rows goes to memory any more.
            let next = segment.next();
            let (Some(next), None) = (next, segment.gone_at(row)) else {
                return Ok((segment, row));
            };
            let found = self.find_in(&next, key)?;
            let missing = || Error::corrupt(format!("{}: a row is missing", next.file.name()));
            row = found.ok_or_else(missing)?.row;
            segment = next;
        }
    }
}

/// A number for the first row of a segment of so many: behind the others, or in the first gap.
fn free_base(segments: &[Arc<ColdSegment>], rows: u32) -> Result<u32> {
    let mut base = 0_u32;
    for segment in segments {
        if segment.base - base >= rows {
            return Ok(base);
        }
        base = segment.base + segment.rows();
    }
    if COLD_ROWS - base > rows {
        return Ok(base);
    }
    Err(Error::new(Kind::Unsupported, "a table can have about 2,147,000,000 cold rows"))
}

/// The place of a key in a block.
fn find_in_block(
    segment: &ColdSegment,
    nth: usize,
    block: &ColdBlock,
    key: &[u8],
) -> Result<Option<usize>> {
    let columns = &segment.file.index.columns;
    let mut cells = Vec::with_capacity(columns.key.len());
    for at in &columns.key {
        cells.push(segment.file.column(nth, block, *at as usize)?);
    }
    let mut room = Vec::with_capacity(key.len());
    let (mut low, mut high) = (0, segment.file.index.block_rows(nth) as usize);
    while low < high {
        let middle = usize::midpoint(low, high);
        let cell = |column: usize| -> ValueRef<'_> {
            let at = columns.key.iter().position(|at| *at as usize == column);
            cells[at.expect("a column of the key")].get(middle)
        };
        room.clear();
        columns.encode_key(cell, &mut room)?;
        match room.as_slice().cmp(key) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return Ok(Some(middle)),
        }
    }
    Ok(None)
}

//! The cold rows of one table: its segments, and rows in them by number and by key.

use super::cache::BlockCache;
use super::segment::ColdSegment;
use super::{COLD_ROWS, is_cold};
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::segment::{ColdBlock, SoughtKey};
use crate::sync::{Acquire, AtomicBool, Mutex, MutexGuard, Relaxed, Release, RwLock};
use crate::value::ValueRef;
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

    /// A number for the first row of a segment of so many: behind the others, or in the first gap.
    pub(crate) fn free_base(&self, rows: u32) -> Result<u32> {
        let segments = self.segments();
        let mut base = 0_u32;
        for segment in segments.iter() {
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

    /// Adds a segment, none of whose rows is there yet, or that nobody can read yet.
    pub(crate) fn add(&self, segment: Arc<ColdSegment>) {
        let mut segments = self.segments.write();
        let mut more = segments.to_vec();
        let at = more.partition_point(|known| known.base < segment.base);
        more.insert(at, segment);
        *segments = Arc::new(more);
        self.some.store(true, Release);
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
            if !segment.file.index.may_have(&sought) {
                continue;
            }
            let Some(nth) = segment.file.index.block_of_key(key) else { continue };
            let block = self.cache.block(segment.number, &segment.file, nth)?;
            let Some(in_block) = find_in_block(segment, nth, &block, key)? else { continue };
            let row = segment.file.index.block(nth).first_row + in_block as u32;
            if segment.sees(row, at) {
                return Ok(Some(ColdFound { segment: Arc::clone(segment), row, block, nth }));
            }
        }
        Ok(None)
    }
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

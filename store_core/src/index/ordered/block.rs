//! Blocks: immutable sorted runs of entries in one allocation of exactly the size needed.
//!
//! ```text
//! header   right node, bytes of tails, count, dead
//! heads    u64 × (count + 1)     first 8 key bytes, big-endian, padded with zeros
//! rows     u32 × (count + 1)
//! offsets  u32 × (count + 2)     only if keys vary in width: where each tail begins
//! tails    the other key bytes of each slot
//! ```
//!
//! Slot `count` is no entry but the block's high key, which all entries are below; it means
//! nothing in the last block, the one without a right node. Short keys cost 12 bytes an entry.

use super::key::{Key, Shape};
use super::node::Node;
use crate::mem::slab::Slab;
use crate::planted;
use crate::sync::Witness;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::slice;

/// Entries of a block at most. Copying a block of 128 costs less than finding it in the spine;
/// larger blocks make inserts slow, smaller ones walks.
pub(super) const BLOCK_ENTRIES_MAX: usize = 128;

/// Tail bytes of a block's entries at most, so that long keys do not make copying slow. A single
/// entry may have more.
pub(super) const BLOCK_TAIL_BYTES_MAX: usize = 16 * 1024;

#[repr(C)]
pub(super) struct Header {
    pub(super) right: *const Node,
    pub(super) tail_bytes: u32,
    pub(super) count: u16,
    pub(super) dead: bool,
    /// For all bytes of the block.
    pub(super) bytes: Witness,
}

pub(super) const HEADER_BYTES: usize = size_of::<Header>();
pub(super) const HEAD_SIZE: usize = size_of::<u64>();
#[cfg(target_arch = "x86_64")]
const CACHE_LINE_BYTES: usize = 64;
pub(super) const ROW_SIZE: usize = size_of::<u32>();
pub(super) const OFFSET_SIZE: usize = size_of::<u32>();

/// A block that stays while its node holds it or, once replaced, while `'g` is pinned.
#[derive(Clone, Copy)]
pub(super) struct Block<'g> {
    at: NonNull<u8>,
    shape: Shape,
    pinned: PhantomData<&'g ()>,
}

/// Bytes of a block with this many entries and tail bytes (the high key's included).
pub(super) const fn block_bytes(shape: Shape, count: usize, tail_bytes: usize) -> usize {
    tails_at(shape, count + 1) + tail_bytes
}

pub(super) const fn tails_at(shape: Shape, slots: usize) -> usize {
    let offsets = if matches!(shape, Shape::Variable) { (slots + 1) * OFFSET_SIZE } else { 0 };
    HEADER_BYTES + slots * (HEAD_SIZE + ROW_SIZE) + offsets
}

impl<'g> Block<'g> {
    /// # Safety
    ///
    /// `at` must come from [`Block::as_ptr`] of a finished block of the same shape that is not
    /// released while `'g` lasts.
    #[inline]
    pub(super) unsafe fn from_ptr(at: NonNull<u8>, shape: Shape) -> Self {
        Self { at, shape, pinned: PhantomData }
    }

    #[inline]
    pub(super) fn as_ptr(self) -> NonNull<u8> {
        self.at
    }

    #[inline]
    fn header(self) -> &'g Header {
        // SAFETY: a finished block begins with its header, which nobody writes any more
        // (`from_ptr`'s caller keeps it alive).
        let header = unsafe { self.at.cast::<Header>().as_ref() };
        header.bytes.read();
        header
    }

    #[inline]
    pub(super) fn count(self) -> usize {
        self.header().count as usize
    }

    /// The next node to the right; null in the last block.
    #[inline]
    pub(super) fn right(self) -> *const Node {
        self.header().right
    }

    /// Whether the node of this block is gone from the chain; its range is its right neighbour's.
    #[inline]
    pub(super) fn is_dead(self) -> bool {
        self.header().dead
    }

    /// Bytes of all tails, the high key's included.
    #[inline]
    pub(super) fn tail_bytes(self) -> usize {
        self.header().tail_bytes as usize
    }

    pub(super) fn bytes(self) -> usize {
        block_bytes(self.shape, self.count(), self.tail_bytes())
    }

    /// The place `offset` bytes into the block.
    #[inline]
    pub(super) fn place<T>(self, offset: usize) -> *const T {
        debug_assert!(offset <= self.bytes());
        // SAFETY: offsets are computed from the header's counts, so they lie in the block.
        unsafe { self.at.as_ptr().add(offset).cast() }
    }

    /// The heads of the entries.
    #[inline]
    pub(super) fn heads(self) -> &'g [u64] {
        // SAFETY: `count + 1` heads follow the header (layout above), aligned to 8.
        unsafe { slice::from_raw_parts(self.place(HEADER_BYTES), self.count()) }
    }

    /// The row numbers of the entries.
    #[inline]
    pub(super) fn rows(self) -> &'g [u32] {
        let offset = HEADER_BYTES + (self.count() + 1) * HEAD_SIZE;
        // SAFETY: `count + 1` rows follow the heads (layout above).
        unsafe { slice::from_raw_parts(self.place(offset), self.count()) }
    }

    /// Where tail number `slot` begins; for `slot` up to `count + 1` if keys vary in width.
    #[inline]
    pub(super) fn tail_offset(self, slot: usize) -> usize {
        match self.shape {
            Shape::Short => 0,
            Shape::Fixed(width) => slot * width as usize,
            Shape::Variable => {
                debug_assert!(slot <= self.count() + 1);
                let offsets = HEADER_BYTES + (self.count() + 1) * (HEAD_SIZE + ROW_SIZE);
                let offset = self.place::<u32>(offsets + slot * OFFSET_SIZE);
                // SAFETY: `count + 2` offsets follow the rows (layout above).
                unsafe { *offset as usize }
            }
        }
    }

    /// Bytes of the tails of these slots.
    #[inline]
    pub(super) fn tail_bytes_of(self, slots: Range<usize>) -> usize {
        self.tail_offset(slots.end) - self.tail_offset(slots.start)
    }

    #[inline]
    pub(super) fn has_no_tails(self) -> bool {
        self.shape == Shape::Short
    }

    /// The tail of an entry, or of the high key.
    #[inline]
    pub(super) fn tail(self, slot: usize) -> &'g [u8] {
        self.tails(slot..slot + 1)
    }

    /// The tails of these slots, one behind the other.
    #[inline]
    pub(super) fn tails(self, slots: Range<usize>) -> &'g [u8] {
        debug_assert!(slots.end <= self.count() + 1);
        if self.shape == Shape::Short {
            return &[];
        }
        let (from, to) = (self.tail_offset(slots.start), self.tail_offset(slots.end));
        let tails = self.place::<u8>(tails_at(self.shape, self.count() + 1) + from);
        // SAFETY: the tails of slots up to `count` lie between these offsets (layout above).
        unsafe { slice::from_raw_parts(tails, to - from) }
    }

    /// Entry `slot`, or the high key if that is `count`.
    #[inline]
    pub(super) fn key(self, slot: usize) -> Key<'g> {
        debug_assert!(slot <= self.count());
        let rows = HEADER_BYTES + (self.count() + 1) * HEAD_SIZE;
        let row = self.place::<u32>(rows + slot * ROW_SIZE);
        // SAFETY: there are `count + 1` rows, `slot` at most `count`.
        let row = unsafe { *row };
        Key { head: self.head(slot), tail: self.tail(slot), row: u64::from(row) }
    }

    #[inline]
    fn head(self, slot: usize) -> u64 {
        let head = self.place::<u64>(HEADER_BYTES + slot * HEAD_SIZE);
        // SAFETY: there are `count + 1` heads, and callers ask for `slot <= count`.
        unsafe { *head }
    }

    /// The first key beyond this block; nothing in the last block.
    #[inline]
    pub(super) fn high(self) -> Key<'g> {
        self.key(self.count())
    }

    #[inline]
    pub(super) fn is_last(self) -> bool {
        self.right().is_null()
    }

    /// Whether a key at or right of the block's low key belongs here.
    #[inline]
    pub(super) fn covers(self, key: &Key<'_>) -> bool {
        let dead = self.is_dead() && !planted::bug("dead_block_covers");
        if dead || self.is_last() {
            return !dead;
        }
        let high_head = self.head(self.count());
        // The high key's row and tail lie on cache lines of their own: seldom needed.
        if key.head == high_head { *key < self.high() } else { key.head < high_head }
    }

    /// Asks for the heads before a search, whose steps would otherwise miss the cache in turn.
    #[inline]
    pub(super) fn prefetch_heads(self) {
        #[cfg(target_arch = "x86_64")]
        for slot in (0..self.count()).step_by(CACHE_LINE_BYTES / HEAD_SIZE) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let head = self.place::<i8>(HEADER_BYTES + slot * HEAD_SIZE);
            // SAFETY: prefetching has no effect on memory; every x86-64 has SSE.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(head) };
        }
    }

    /// The first entry not below `key`, or `count`.
    #[inline]
    pub(super) fn lower_bound(self, key: &Key<'_>) -> usize {
        self.lower_bound_from(0, key)
    }

    /// The same, if all entries before `from` are known to be below `key`.
    #[inline]
    pub(super) fn lower_bound_from(self, from: usize, key: &Key<'_>) -> usize {
        let heads = &self.heads()[from..];
        let below = heads.partition_point(|head| *head < key.head);
        if heads.get(below) != Some(&key.head) {
            return from + below;
        }
        let same = heads[below..].partition_point(|head| *head == key.head);
        self.lower_bound_in(from + below..from + below + same, key)
    }

    /// Among entries whose heads all equal the key's.
    fn lower_bound_in(self, slots: Range<usize>, key: &Key<'_>) -> usize {
        let Range { mut start, mut end } = slots;
        if self.shape == Shape::Short && key.tail.is_empty() {
            return start
                + self.rows()[start..end].partition_point(|row| u64::from(*row) < key.row);
        }
        while start < end {
            let middle = start.midpoint(end);
            if self.key(middle) < *key { start = middle + 1 } else { end = middle }
        }
        start
    }

    /// The entries in `[lo, hi)`, or from `lo` on; fast if all or none are.
    #[inline]
    pub(super) fn slots_within(self, lo: &Key<'_>, hi: Option<&Key<'_>>) -> Range<usize> {
        let count = self.count();
        if count == 0 {
            return 0..0;
        }
        let start = if self.key(0) < *lo { self.lower_bound(lo) } else { 0 };
        let end = match hi {
            Some(hi) if self.key(count - 1) >= *hi => self.lower_bound_from(start, hi),
            _ => count,
        };
        start..end
    }

    /// Whether entry `slot` exists and is this one.
    #[inline]
    pub(super) fn holds(self, slot: usize, key: &Key<'_>) -> bool {
        slot < self.count() && self.key(slot) == *key
    }

    /// Whether one more entry with a tail of this many bytes fits beside at most `count_max - 1`.
    #[inline]
    pub(super) fn has_room(self, tail_bytes: usize, count_max: usize) -> bool {
        let count = self.count();
        count == 0
            || count < count_max
                && (self.shape == Shape::Short
                    || self.tail_bytes_of(0..count) + tail_bytes <= BLOCK_TAIL_BYTES_MAX)
    }

    /// Gives the block's memory back.
    ///
    /// # Safety
    ///
    /// Nobody may use this block or a copy of it afterwards.
    pub(super) unsafe fn release(self, slab: &Slab) {
        slab.release(self.at, self.bytes());
    }
}

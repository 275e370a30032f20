//! Filling a new block slot after slot, before anybody else sees it.

use super::block::{
    Block, HEAD_SIZE, HEADER_BYTES, Header, OFFSET_SIZE, ROW_SIZE, block_bytes, tails_at,
};
use super::key::{Key, Shape};
use super::node::Node;
use crate::mem::slab::Slab;
use crate::sync::Witness;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// A block being filled, slot after slot; nobody else sees it.
pub(super) struct Builder {
    at: NonNull<u8>,
    shape: Shape,
    slots: usize,
    filled: usize,
    tail_bytes: usize,
}

impl Builder {
    /// A block for `count` entries, to be filled with them and then the high key; `tail_bytes`
    /// is the sum of all their tails.
    #[inline]
    pub(super) fn new(
        slab: &Slab,
        shape: Shape,
        count: usize,
        tail_bytes: usize,
        right: *const Node,
    ) -> Self {
        let at = slab.allocate(block_bytes(shape, count, tail_bytes));
        let (count16, tail_bytes32) = (count as u16, tail_bytes as u32);
        let header = Header {
            right,
            tail_bytes: tail_bytes32,
            count: count16,
            dead: false,
            bytes: Witness::written(),
        };
        // SAFETY: the slab gave at least a header's bytes, aligned to 8.
        unsafe { at.cast::<Header>().write(header) };
        Self { at, shape, slots: count + 1, filled: 0, tail_bytes: 0 }
    }

    /// Marks the block as the last of its node.
    pub(super) fn set_dead(&mut self) {
        let header = self.at.cast::<Header>().as_ptr();
        // SAFETY: `new` wrote the header, and the block is still private.
        unsafe { (*header).dead = true };
    }

    /// The place `offset` bytes into the block.
    #[inline]
    fn place<T>(&self, offset: usize) -> *mut T {
        // SAFETY: callers stay within the counts the block was allocated for.
        unsafe { self.at.as_ptr().add(offset).cast() }
    }

    #[inline]
    fn head_place(&self, slot: usize) -> *mut u64 {
        self.place(HEADER_BYTES + slot * HEAD_SIZE)
    }

    #[inline]
    fn row_place(&self, slot: usize) -> *mut u32 {
        self.place(HEADER_BYTES + self.slots * HEAD_SIZE + slot * ROW_SIZE)
    }

    #[inline]
    fn offset_place(&self, slot: usize) -> *mut u32 {
        self.place(HEADER_BYTES + self.slots * (HEAD_SIZE + ROW_SIZE) + slot * OFFSET_SIZE)
    }

    #[inline]
    fn tail_place(&self) -> *mut u8 {
        self.place(tails_at(self.shape, self.slots) + self.tail_bytes)
    }

    /// Appends slots of another block.
    #[inline]
    pub(super) fn copy(&mut self, from: Block<'_>, slots: Range<usize>) {
        let count = slots.len();
        assert!(self.filled + count <= self.slots && slots.end <= from.count() + 1);
        let heads = from.place::<u64>(HEADER_BYTES + slots.start * HEAD_SIZE);
        // SAFETY: both blocks have these slots (asserted), and they are different blocks.
        unsafe { ptr::copy_nonoverlapping(heads, self.head_place(self.filled), count) };
        let rows_at = HEADER_BYTES + (from.count() + 1) * HEAD_SIZE;
        let rows = from.place::<u32>(rows_at + slots.start * ROW_SIZE);
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(rows, self.row_place(self.filled), count) };
        if self.shape != Shape::Short {
            self.copy_tails(from, slots);
        }
        self.filled += count;
    }

    fn copy_tails(&mut self, from: Block<'_>, slots: Range<usize>) {
        let (start, bytes) = (from.tail_offset(slots.start), from.tail_bytes_of(slots.clone()));
        if self.shape == Shape::Variable {
            for (at, slot) in slots.enumerate() {
                let offset = from.tail_offset(slot) - start + self.tail_bytes;
                let place = self.offset_place(self.filled + at);
                // SAFETY: there is an offset for every slot, and `copy` asserted the slots.
                unsafe { place.write(offset as u32) };
            }
        }
        self.check_tail(bytes);
        let tails = from.place::<u8>(tails_at(self.shape, from.count() + 1) + start);
        // SAFETY: `from` has these bytes, `check_tail` asserted that this block has room.
        unsafe { ptr::copy_nonoverlapping(tails, self.tail_place(), bytes) };
        self.tail_bytes += bytes;
    }

    /// Appends one entry or the high key. A fixed tail must have the index's width.
    #[inline]
    pub(super) fn push(&mut self, key: Key<'_>) {
        assert!(self.filled < self.slots);
        // SAFETY: the block has this slot (asserted).
        unsafe { self.head_place(self.filled).write(key.head) };
        // SAFETY: as above.
        unsafe { self.row_place(self.filled).write(key.row as u32) };
        if self.shape != Shape::Short {
            self.push_tail(key.tail);
        }
        self.filled += 1;
    }

    fn push_tail(&mut self, tail: &[u8]) {
        if self.shape == Shape::Variable {
            // SAFETY: there is an offset for every slot, and `push` asserted the slot.
            unsafe { self.offset_place(self.filled).write(self.tail_bytes as u32) };
        }
        self.check_tail(tail.len());
        // SAFETY: `check_tail` asserted that there is room; a block being built is nobody's tail.
        unsafe { ptr::copy_nonoverlapping(tail.as_ptr(), self.tail_place(), tail.len()) };
        self.tail_bytes += tail.len();
    }

    fn check_tail(&self, more: usize) {
        let header = self.at.cast::<Header>().as_ptr();
        // SAFETY: `new` wrote the header.
        let tail_bytes = unsafe { (*header).tail_bytes } as usize;
        assert!(self.tail_bytes + more <= tail_bytes, "a block's tails exceed what was announced");
    }

    /// The finished block; it is the caller's to publish or release.
    #[inline]
    pub(super) fn finish<'g>(self) -> Block<'g> {
        assert!(self.filled == self.slots, "a block lacks entries or its high key");
        if self.shape == Shape::Variable {
            // SAFETY: there is one offset more than slots, the end of the last tail.
            unsafe { self.offset_place(self.slots).write(self.tail_bytes as u32) };
        }
        // SAFETY: every slot is written (asserted), and the caller owns the block.
        let block = unsafe { Block::from_ptr(self.at, self.shape) };
        assert!(block.tail_bytes() == self.tail_bytes, "a block lacks tails");
        block
    }
}

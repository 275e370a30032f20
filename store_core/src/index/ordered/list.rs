//! The chain of blocks: finding a key's place in it, and replacing one block by another.

use super::block::{BLOCK_ENTRIES_MAX, BLOCK_TAIL_BYTES_MAX, Block, block_bytes};
use super::builder::Builder;
use super::key::{Key, Shape};
use super::node::{NODE_BYTES, Node};
use super::spine::Spine;
use crate::mem::Holder;
use crate::mem::epoch::Epoch;
use crate::mem::epoch::Guard;
use crate::mem::slab::Slab;
use crate::planted;
use crate::sync::{Acquire, AtomicU64, Mutex, Relaxed, Release, capacity};
use crate::value::KEY_BYTES_MAX;
use std::ptr::null;
use std::sync::Arc;

/// What the index and its scans share.
pub(super) struct List {
    pub(super) shape: Shape,
    pub(super) epoch: Arc<Epoch>,
    /// [`BLOCK_ENTRIES_MAX`]; less in tests, so that blocks split and die more often.
    pub(super) block_entries_max: usize,
    /// The leftmost node, which is never removed and not in the spine.
    pub(super) head: *const Node,
    pub(super) spine: Spine,
    /// Held by whoever removes entries: the protocol has one remover.
    pub(super) remover: Mutex<()>,
    pub(super) slab: Arc<Slab>,
    holder: Holder,
    entries: AtomicU64,
    nodes: AtomicU64,
    /// Bytes of all tails, if they vary.
    tail_bytes: AtomicU64,
    heap_bytes: AtomicU64,
}

// SAFETY: nodes and blocks are reached only through atomics by pinned threads, and freed after
// an epoch or by the last owner.
unsafe impl Send for List {}
// SAFETY: as above.
unsafe impl Sync for List {}

impl List {
    pub(super) fn new(slab: Arc<Slab>, epoch: Arc<Epoch>, holder: Holder, shape: Shape) -> Self {
        let no_key = Key { head: 0, tail: &[], row: 0 };
        let width = shape.tail_width().unwrap_or(0);
        let mut empty = Builder::new(&slab, shape, 0, width, null());
        empty.push(Key { tail: &vec![0; width], ..no_key });
        let empty = empty.finish();
        let head = Node::allocate();
        holder.force(NODE_BYTES);
        // SAFETY: just made, and nobody else has it.
        unsafe { &*head }.set_first(empty);
        Self {
            shape,
            block_entries_max: capacity(BLOCK_ENTRIES_MAX, 2),
            head,
            spine: Spine::new(epoch.collector()),
            remover: Mutex::new(()),
            entries: AtomicU64::new(0),
            nodes: AtomicU64::new(1),
            tail_bytes: AtomicU64::new(0),
            heap_bytes: AtomicU64::new(NODE_BYTES as u64),
            slab,
            epoch,
            holder,
        }
    }

    /// The node behind a pointer found while pinned.
    #[inline]
    #[expect(clippy::unused_self, reason = "only nodes of this list are alive while it is")]
    pub(super) fn node<'g>(&self, node: *const Node, _: &'g Guard) -> &'g Node {
        debug_assert!(!node.is_null());
        // SAFETY: nodes are freed an epoch after they left chain and spine, and the thread was
        // pinned when it found this one there.
        unsafe { &*node }
    }

    #[inline]
    pub(super) fn load<'g>(&self, node: *const Node, guard: &'g Guard) -> Block<'g> {
        self.node(node, guard).load(self.shape, guard)
    }

    /// A node at or left of the one that covers `key`.
    #[inline]
    pub(super) fn start(&self, key: &Key<'_>, guard: &Guard) -> *const Node {
        self.spine.at_or_below(key, guard).unwrap_or(self.head)
    }

    /// From a node at or left of it, the node that covers `key`, and its block.
    ///
    /// Only moves right: it never retries, and never waits for a writer.
    #[inline]
    pub(super) fn cover<'g>(
        &self,
        mut node: *const Node,
        key: &Key<'_>,
        guard: &'g Guard,
    ) -> (*const Node, Block<'g>) {
        loop {
            let block = self.load(node, guard);
            if block.covers(key) {
                return (node, block);
            }
            node = block.right();
        }
    }

    pub(super) fn builder(&self, count: usize, tail_bytes: usize, right: *const Node) -> Builder {
        Builder::new(&self.slab, self.shape, count, tail_bytes, right)
    }

    /// Replaces a node's block if it is still `old`, which is then released after an epoch. If
    /// it is not, `new` is released at once and nothing changes.
    #[inline]
    pub(super) fn replace(
        &self,
        node: *const Node,
        old: Block<'_>,
        new: Block<'_>,
        guard: &Guard,
    ) -> bool {
        if !self.node(node, guard).exchange(old, new) {
            self.discard(new);
            return false;
        }
        self.count_entries(old.count(), new.count());
        self.count_tails(old.tail_bytes(), new.tail_bytes());
        self.retire(old, guard);
        true
    }

    /// Releases a block that was never published.
    pub(super) fn discard(&self, block: Block<'_>) {
        // SAFETY: it was not published, and the caller gives it up.
        unsafe { block.release(&self.slab) }
    }

    /// Releases a block that has left the chain once nobody reads it any more.
    #[inline]
    pub(super) fn retire(&self, block: Block<'_>, guard: &Guard) {
        let (at, bytes, slab) = (block.as_ptr(), block.bytes(), Arc::clone(&self.slab));
        if planted::bug("block_freed_at_once") {
            return slab.release(at, bytes);
        }
        // SAFETY: the block is out of reach for threads that pin from now on, and it is retired
        // once, by the thread that exchanged it. The closure owns all it uses, and waits for no lock,
        // for a reader may run it.
        unsafe { guard.defer_unchecked(move || slab.hand_back(at, bytes)) }
    }

    /// Frees a node and its last block that have left chain and spine once nobody reads it any more.
    pub(super) fn retire_node(&self, node: *const Node, dead: Block<'_>, guard: &Guard) {
        account(&self.nodes, 1, 0);
        self.count_tails(dead.tail_bytes(), 0);
        self.retire(dead, guard);
        self.give_heap(NODE_BYTES);
        // SAFETY: the remover unlinked the node, so threads that pin from now on cannot find it;
        // it does so once.
        unsafe { guard.defer_unchecked(move || Node::free(node)) }
    }

    /// Makes new nodes, published already, known to the spine.
    pub(super) fn index(&self, made: &[(*const Node, Block<'_>)], guard: &Guard) {
        for (node, block) in made {
            account(&self.nodes, 0, 1);
            self.count_entries(0, block.count());
            self.count_tails(0, block.tail_bytes());
            self.take_heap(NODE_BYTES);
            self.add_to_spine(block.key(0), *node, guard);
        }
    }

    pub(super) fn add_to_spine(&self, low: Key<'_>, node: *const Node, guard: &Guard) {
        let bytes = self.spine.add(low, self.node(node, guard), guard);
        self.take_heap(bytes);
    }

    /// Entries now. Who sees some removed finds them gone from their blocks, too.
    pub(super) fn len(&self) -> u64 {
        // Pairs with Release in `count_entries`.
        self.entries.load(Acquire).cast_signed().max(0).cast_unsigned()
    }

    /// Counts a change, after its exchange; below zero while a remover is ahead of the inserter it
    /// follows.
    #[inline]
    fn count_entries(&self, before: usize, after: usize) {
        let release = planted::order("entries_counted_relaxed", Release);
        self.entries.fetch_add((after as u64).wrapping_sub(before as u64), release);
    }

    /// Counts a change of the bytes of tails; those of one width are as many as the entries say.
    #[inline]
    fn count_tails(&self, before: usize, after: usize) {
        if self.shape == Shape::Variable {
            account(&self.tail_bytes, before, after);
        }
    }

    /// Nodes now.
    pub(super) fn nodes(&self) -> u64 {
        self.nodes.load(Relaxed)
    }

    /// Bytes of blocks, without those replaced and not released yet.
    pub(super) fn block_bytes(&self) -> u64 {
        let (empty, entry) = self.slot_bytes();
        let tails = self.tail_bytes.load(Relaxed);
        (self.nodes() * empty + self.len() * entry).saturating_add_signed(tails.cast_signed())
    }

    /// Bytes of nodes and spine.
    pub(super) fn heap_bytes(&self) -> u64 {
        self.heap_bytes.load(Relaxed)
    }

    /// Counts heap bytes: one in a hundred beside the blocks, which were promised, so it is not
    /// worth refusing a commit for.
    fn take_heap(&self, bytes: usize) {
        account(&self.heap_bytes, 0, bytes);
        self.holder.force(bytes);
    }

    pub(super) fn give_heap(&self, bytes: usize) {
        account(&self.heap_bytes, bytes, 0);
        self.holder.give(bytes);
    }

    /// Bytes of a block without entries, and of one entry; without tails that vary.
    fn slot_bytes(&self) -> (u64, u64) {
        let width = self.shape.tail_width().unwrap_or(0);
        let empty = block_bytes(self.shape, 0, width) as u64;
        (empty, block_bytes(self.shape, 1, 2 * width) as u64 - empty)
    }

    /// Slab bytes that merging so many entries of so many key bytes takes at most.
    ///
    /// Every block touched is copied once; entries cost what they are, and twice that if their tails
    /// vary, as each block repeats the first key of its neighbour. Blocks made anew are at least a
    /// quarter full.
    pub(super) fn worst_case_bytes(&self, entries: usize, key_bytes: usize) -> usize {
        let (empty, entry) = self.slot_bytes();
        let (empty, entry) = (empty as usize, entry as usize);
        let copies = entries.saturating_mul(self.largest_block_bytes());
        let varies = self.shape == Shape::Variable;
        let tail_bytes = self.shape.tail_width().map_or(key_bytes, |width| entries * width);
        let content = copies.min(self.block_bytes() as usize)
            + entries * entry
            + if varies { tail_bytes } else { 0 };
        let blocks = entries.min(self.nodes() as usize)
            + entries / (BLOCK_ENTRIES_MAX / 4)
            + tail_bytes / (BLOCK_TAIL_BYTES_MAX / 4)
            + 2;
        let repeated = if varies { content } else { 0 };
        content.saturating_add(repeated).saturating_add(blocks * empty)
    }

    /// Bytes of the largest block there can be.
    pub(super) fn largest_block_bytes(&self) -> usize {
        let tails = match self.shape {
            Shape::Short => 0,
            // The byte limit counts entries only; the high key comes on top.
            Shape::Fixed(width) => {
                let width = width as usize;
                (BLOCK_ENTRIES_MAX * width).min(BLOCK_TAIL_BYTES_MAX.max(width)) + width
            }
            Shape::Variable => BLOCK_TAIL_BYTES_MAX + KEY_BYTES_MAX,
        };
        block_bytes(self.shape, BLOCK_ENTRIES_MAX, tails)
    }
}

/// Counts a change.
#[inline]
fn account(counter: &AtomicU64, before: usize, after: usize) {
    // Relaxed: the counters guard no memory.
    counter.fetch_add((after as u64).wrapping_sub(before as u64), Relaxed);
}

impl Drop for List {
    fn drop(&mut self) {
        self.holder.give(self.heap_bytes() as usize);
        let guard = &self.epoch.pin();
        let mut node = self.head;
        while !node.is_null() {
            let block = self.load(node, guard);
            let right = block.right();
            // SAFETY: the last owner drops the list, so nobody else has the block; blocks that
            // were replaced are not in the chain.
            unsafe { block.release(&self.slab) };
            // SAFETY: as above; each node is in the chain once.
            unsafe { Node::free(node) };
            node = right;
        }
    }
}

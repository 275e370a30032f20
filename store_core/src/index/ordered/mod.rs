//! The ordered index: a skip list of blocks over (encoded key bytes, row number).
//!
//! ```text
//! spine      skip list: low key → node            only a hint where to enter
//!               │             │
//! chain   head ─┴──→ node ──→ node ──→ node       the truth: blocks' right pointers
//!          │          │        │        │
//!        block      block    block    block       immutable, at most 128 sorted entries,
//!        a b c      d e      g h i    k …         replaced as a whole by one CAS
//!      high: d    high: g  high: k  last
//! ```
//!
//! The range of a node is `[left neighbour's high, own high)`. Finding `k`: the greatest spine
//! key not above it, then right while the block is dead or ends at or below `k`. That never
//! retries, so readers never wait (invariant I4), and nobody needs to help anybody.
//!
//! - `insert` copies the block with one more entry; a full one becomes two with the same single
//!   exchange (`merge`), and the spine learns of the right one afterwards.
//! - `batch` merges all sorted entries that belong to a block in one replacement.
//! - `remove` is done by one thread at a time; a node that runs empty dies, and one that runs nearly
//!   empty does when its right neighbour has taken its entries.
//! - `compact` replaces blocks by copies in fuller pages.
//! - `scan` remembers a key between calls, never a guard.
//!
//! After Lehman and Yao, "Efficient locking for concurrent operations on B-trees" (1981), with
//! copies instead of locks. Entries of a row are only inserted and removed by whoever owns its
//! slot, so an insert that finds its entry has nothing to do.

mod batch;
mod block;
mod builder;
mod compact;
mod insert;
mod key;
mod list;
mod merge;
mod node;
mod remove;
mod scan;
mod spine;
#[cfg(any(loom, shuttle))]
mod spine_model;
#[cfg(test)]
mod tests;

pub(crate) use batch::EntryBatch;
pub(crate) use scan::{Direction, EvenEntries, KeyRange, Scan};

use crate::mem::Holder;
use crate::mem::epoch::Epoch;
use crate::mem::slab::Slab;
use key::{Padding, Shape};
use list::List;
use std::sync::Arc;

/// A sorted set of (encoded key, row number), shared by any number of threads.
///
/// Keys of one index are prefix-free (`value::encode`) and at most `KEY_BYTES_MAX` long.
pub(crate) struct OrderedIndex {
    list: Arc<List>,
}

impl OrderedIndex {
    /// An empty index. `key_width` is the encoded width if all keys have the same; shorter keys
    /// are padded with zeros then. Blocks come from the slab, nodes and spine from the heap; both
    /// count at the holder.
    pub(crate) fn new(
        slab: Arc<Slab>,
        epoch: Arc<Epoch>,
        holder: Holder,
        key_width: Option<usize>,
    ) -> Self {
        Self { list: Arc::new(List::new(slab, epoch, holder, Shape::new(key_width))) }
    }

    /// Inserts an entry; nothing changes if it is there. Copies one block.
    pub(crate) fn insert(&self, key: &[u8], row: u32) {
        let mut padding = Padding::new();
        self.list.insert(self.list.shape.key(key, u64::from(row), &mut padding));
    }

    /// Inserts a sorted batch, each block replaced once. Worth it when the batch has at least as
    /// many entries as there are blocks.
    pub(crate) fn insert_sorted(&self, batch: &EntryBatch) {
        self.list.insert_sorted(batch);
    }

    /// Removes an entry; false if it was not there. Waits for other removers, never for inserts.
    pub(crate) fn remove(&self, key: &[u8], row: u32) -> bool {
        let mut padding = Padding::new();
        self.list.remove(self.list.shape.key(key, u64::from(row), &mut padding))
    }

    /// Moves blocks out of pages nearly empty, until `stop` says so; returns how many.
    pub(crate) fn compact(&self, stop: &dyn Fn() -> bool) -> usize {
        self.list.compact(stop)
    }

    /// A walk over a range. It keeps the index's memory, and nobody waits for it.
    pub(crate) fn scan(&self, range: &KeyRange, direction: Direction) -> Scan {
        Scan::new(&self.list, range, direction)
    }

    /// Entries in a range: costs a step for each block, not for each entry.
    pub(crate) fn count(&self, range: &KeyRange) -> u64 {
        self.list.count(range)
    }

    /// Entries now.
    pub(crate) fn len(&self) -> u64 {
        self.list.len()
    }

    /// Bytes of blocks, nodes and spine, without garbage that waits for an epoch.
    pub(crate) fn bytes(&self) -> u64 {
        self.list.block_bytes() + self.list.heap_bytes()
    }

    /// Bytes of the largest block there can be.
    pub(crate) fn largest_block_bytes(&self) -> usize {
        self.list.largest_block_bytes()
    }

    /// Slab bytes that one `insert_sorted` of this many entries, with this many key bytes in all,
    /// may take at most before any garbage is freed. A single `insert` is a batch of one.
    pub(crate) fn worst_case_bytes(&self, entries: usize, key_bytes: usize) -> usize {
        self.list.worst_case_bytes(entries, key_bytes)
    }
}

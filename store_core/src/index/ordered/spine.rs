//! The spine: a skip list from the low key of each node to the node. It is only a hint where to
//! enter the chain.
//!
//! crossbeam-skiplist loses a key that is inserted again while readers look for it. So a key here
//! never repeats: a fresh sequence number ends it, also when the same separator comes back.

use super::key::Key;
use super::node::Node;
#[cfg(any(loom, shuttle))]
use super::spine_model::SkipList;
use crate::mem::epoch::{Collector, Guard};
use crate::sync::{AtomicU64, Relaxed};
#[cfg(not(any(loom, shuttle)))]
use crossbeam_skiplist::base::SkipList;
use std::cmp::Ordering;
use std::mem::ManuallyDrop;
use std::ops::Bound;
use std::ptr::slice_from_raw_parts_mut;
use std::slice;

/// Heap bytes of one entry of the spine without its key's tail: key, node, two levels of tower on
/// average, the counter, and the allocator's own.
const SPINE_ENTRY_BYTES: usize = size_of::<SpineKey>() + 8 + 8 + 2 * 8 + 16;

/// The low key of a node.
pub(super) struct SpineKey {
    head: u64,
    tail: *const u8,
    tail_bytes: u32,
    row: u32,
    sequence: u64,
}

// SAFETY: the tail is an allocation that only this key owns and that nobody writes.
unsafe impl Send for SpineKey {}
// SAFETY: as above; shared keys are only read.
unsafe impl Sync for SpineKey {}

#[derive(Clone, Copy)]
struct NodePtr(*const Node);

// SAFETY: nodes are shared between threads; whoever reads one is pinned.
unsafe impl Send for NodePtr {}
// SAFETY: as above.
unsafe impl Sync for NodePtr {}

pub(super) struct Spine {
    list: SkipList<SpineKey, NodePtr>,
    sequence: AtomicU64,
}

/// Where to enter the chain: a node and a key its range reaches down to at least.
pub(super) type Entrance<'g> = (&'g SpineKey, *const Node);

impl SpineKey {
    fn owned(key: Key<'_>, sequence: u64) -> Self {
        let tail: Box<[u8]> = key.tail.into();
        let (tail_bytes, tail) = (tail.len() as u32, Box::into_raw(tail) as *const u8);
        Self { head: key.head, tail, tail_bytes, row: key.row as u32, sequence }
    }

    /// A key to search for, which must not outlive `key`'s bytes nor be dropped.
    fn borrowed(key: &Key<'_>, sequence: u64) -> ManuallyDrop<Self> {
        // A place behind all rows of the key lies behind all sequences of the last row, too.
        let (row, sequence) =
            u32::try_from(key.row).map_or((u32::MAX, u64::MAX), |row| (row, sequence));
        let (tail, tail_bytes) = (key.tail.as_ptr(), key.tail.len() as u32);
        ManuallyDrop::new(Self { head: key.head, tail, tail_bytes, row, sequence })
    }

    #[inline]
    pub(super) fn key(&self) -> Key<'_> {
        // SAFETY: the tail has these bytes and stays until the key is dropped (`owned`), or as
        // long as what it was borrowed from (`borrowed`).
        let tail = unsafe { slice::from_raw_parts(self.tail, self.tail_bytes as usize) };
        Key { head: self.head, tail, row: u64::from(self.row) }
    }
}

impl Drop for SpineKey {
    fn drop(&mut self) {
        let tail = slice_from_raw_parts_mut(self.tail.cast_mut(), self.tail_bytes as usize);
        // SAFETY: only owned keys are dropped, and their tail came from a box of this length.
        drop(unsafe { Box::from_raw(tail) });
    }
}

impl Ord for SpineKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match self.head.cmp(&other.head) {
            Ordering::Equal => {
                self.key().cmp(&other.key()).then(self.sequence.cmp(&other.sequence))
            }
            unequal => unequal,
        }
    }
}

impl PartialOrd for SpineKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SpineKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SpineKey {}

impl Spine {
    pub(super) fn new(collector: &Collector) -> Self {
        Self { list: SkipList::new(collector.clone()), sequence: AtomicU64::new(1) }
    }

    /// The node with the greatest low key not above `key`, or none: the head.
    #[inline]
    pub(super) fn at_or_below(&self, key: &Key<'_>, guard: &Guard) -> Option<*const Node> {
        let probe = SpineKey::borrowed(key, u64::MAX);
        self.list.upper_bound(Bound::Included(&*probe), guard).map(|entry| entry.value().0)
    }

    /// The node with the greatest low key below `key`, or none: the head.
    pub(super) fn below<'g>(&'g self, key: &Key<'_>, guard: &'g Guard) -> Option<Entrance<'g>> {
        let probe = SpineKey::borrowed(key, 0);
        let entry = self.list.upper_bound(Bound::Excluded(&*probe), guard)?;
        Some((entry.key(), entry.value().0))
    }

    /// The node with the greatest low key, or none: the head.
    pub(super) fn last<'g>(&'g self, guard: &'g Guard) -> Option<Entrance<'g>> {
        let entry = self.list.back(guard)?;
        Some((entry.key(), entry.value().0))
    }

    /// Makes a node known under its low key, and tells the node so; returns the heap bytes.
    pub(super) fn add(&self, low: Key<'_>, node: &Node, guard: &Guard) -> usize {
        // Relaxed: the number only has to be fresh.
        let key = SpineKey::owned(low, self.sequence.fetch_add(1, Relaxed));
        let bytes = key.heap_bytes();
        // `get_or_insert` never marks an existing entry; the key is fresh, so it always inserts.
        let entry = self.list.get_or_insert(key, NodePtr(node), guard);
        node.set_spine_key(entry.key());
        entry.release(guard);
        bytes
    }

    /// Takes an entry out; returns the heap bytes.
    pub(super) fn remove(&self, key: &SpineKey, guard: &Guard) -> usize {
        let entry = self.list.remove(key, guard);
        entry.expect("only the one remover takes keys out of the spine").release(guard);
        key.heap_bytes()
    }

    /// The low keys in order, with their nodes.
    #[cfg(test)]
    pub(super) fn entrances<'g>(&'g self, guard: &'g Guard) -> Vec<Entrance<'g>> {
        self.list.iter(guard).map(|entry| (entry.key(), entry.value().0)).collect()
    }
}

impl SpineKey {
    fn heap_bytes(&self) -> usize {
        SPINE_ENTRY_BYTES + self.tail_bytes as usize
    }
}

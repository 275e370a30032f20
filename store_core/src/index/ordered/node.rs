//! Nodes: the fixed places of the chain, each pointing to its newest block.

use super::block::Block;
use super::key::Shape;
use super::spine::SpineKey;
use crate::mem::epoch::Guard;
use crate::planted;
use crate::sync::{AcqRel, Acquire, AtomicPtr, Relaxed, Release};
use std::ptr::{NonNull, null_mut};

/// Heap bytes of one node with the allocator's own.
pub(super) const NODE_BYTES: usize = size_of::<Node>() + 16;

/// One place of the chain.
pub(super) struct Node {
    /// The newest block; never null once the node is published.
    block: AtomicPtr<u8>,
    /// The node's key in the spine; null until it is there. Changed by the remover alone.
    low: AtomicPtr<SpineKey>,
}

impl Node {
    /// A node on the heap whose block comes later.
    pub(super) fn allocate() -> *const Self {
        Box::into_raw(Box::new(Self {
            block: AtomicPtr::new(null_mut()),
            low: AtomicPtr::new(null_mut()),
        }))
    }

    /// Gives the node's memory back.
    ///
    /// # Safety
    ///
    /// The node came from [`Node::allocate`], and nobody uses it any more.
    pub(super) unsafe fn free(node: *const Self) {
        // SAFETY: `allocate` made it from a box, and the caller is its last user.
        drop(unsafe { Box::from_raw(node.cast_mut()) });
    }

    /// Sets the first block of a node that nobody else sees yet.
    pub(super) fn set_first(&self, block: Block<'_>) {
        // Relaxed: the exchange that publishes the node releases this, too.
        self.block.store(block.as_ptr().as_ptr(), Relaxed);
    }

    /// The newest block.
    #[inline]
    pub(super) fn load<'g>(&self, shape: Shape, _: &'g Guard) -> Block<'g> {
        // Pairs with AcqRel in `exchange`: the block's bytes are complete.
        let at = self.block.load(planted::order("block_load_relaxed", Acquire));
        debug_assert!(!at.is_null());
        // SAFETY: published nodes have a block (`set_first`).
        let at = unsafe { NonNull::new_unchecked(at) };
        // SAFETY: blocks are finished before they get here and released only after an epoch.
        unsafe { Block::from_ptr(at, shape) }
    }

    /// Replaces the block if it is still `old`.
    #[inline]
    pub(super) fn exchange(&self, old: Block<'_>, new: Block<'_>) -> bool {
        let (old, new) = (old.as_ptr().as_ptr(), new.as_ptr().as_ptr());
        // Release pairs with Acquire in `load`. Acquire: the new block may name nodes that
        // another thread published with `old`.
        let order = planted::order("block_exchange_relaxed", AcqRel);
        self.block.compare_exchange(old, new, order, Relaxed).is_ok()
    }

    /// The node's key in the spine, or none if it is not there yet.
    pub(super) fn spine_key<'g>(&self, _: &'g Guard) -> Option<&'g SpineKey> {
        // Pairs with Release in `set_spine_key`.
        let low = self.low.load(Acquire);
        // SAFETY: only the remover takes keys out of the spine, after which they last an epoch;
        // it alone calls this, and it is pinned.
        unsafe { low.as_ref() }
    }

    /// Tells the node its key in the spine, which is there already.
    pub(super) fn set_spine_key(&self, key: *const SpineKey) {
        // Pairs with Acquire in `spine_key`: who sees the key sees the entry inserted.
        self.low.store(key.cast_mut(), Release);
    }
}

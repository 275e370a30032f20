//! Removing entries, and the nodes that run empty.
//!
//! ```text
//! before   p [..] → n [] → X [..]         n and X are in the spine, n is neither head nor last
//! CAS      p → n (dead) → X               X covers n's range from here on
//! (a)      p → X                          p's block is replaced, right = X
//! (b)      n leaves the spine
//! (c)      X gets n's low key in the spine, with a fresh sequence; its old key goes
//! (d)      n and its block are freed after an epoch
//! ```
//!
//! Without (c) X could split below its key in the spine, and spine and chain would part.
//! A node that is not in the spine yet stays: its inserter is about to put it there.

use super::block::Block;
use super::key::Key;
use super::list::List;
use super::node::Node;
use crate::mem::epoch::Guard;
use std::ops::Range;

impl List {
    /// Removes the entry; false if it was not there.
    pub(super) fn remove(&self, key: Key<'_>) -> bool {
        let _one = self.remover.lock();
        let guard = &self.epoch.pin();
        let mut node = self.start(&key, guard);
        loop {
            let (found, block) = self.cover(node, &key, guard);
            block.prefetch_heads();
            let at = block.lower_bound(&key);
            if !block.holds(at, &key) {
                return false;
            }
            let kept = [0..at, at + 1..block.count()];
            if self.remove_from(found, block, &kept, guard) {
                return true;
            }
            node = found;
        }
    }

    /// Leaves only the entries in `kept`; false if the node has got another block.
    fn remove_from(
        &self,
        node: *const Node,
        old: Block<'_>,
        kept: &[Range<usize>],
        guard: &Guard,
    ) -> bool {
        let count = kept.iter().map(ExactSizeIterator::len).sum();
        let high = old.count()..old.count() + 1;
        let mut tail_bytes = old.tail_bytes_of(high.clone());
        tail_bytes += kept.iter().map(|slots| old.tail_bytes_of(slots.clone())).sum::<usize>();
        let mut new = self.builder(count, tail_bytes, old.right());
        for slots in kept {
            new.copy(old, slots.clone());
        }
        new.copy(old, high);
        let dies = count == 0 && self.may_die(node, old, guard);
        if dies {
            new.set_dead();
        }
        let new = new.finish();
        let replaced = self.replace(node, old, new, guard);
        if replaced && dies {
            self.unlink(node, new, guard);
        }
        replaced
    }

    /// Whether an empty node can go: not the head, not the last, and both it and its right
    /// neighbour are in the spine.
    fn may_die(&self, node: *const Node, block: Block<'_>, guard: &Guard) -> bool {
        let indexed = |node| self.node(node, guard).spine_key(guard).is_some();
        node != self.head && !block.is_last() && indexed(node) && indexed(block.right())
    }

    /// Takes a dead node out of the chain and the spine.
    fn unlink(&self, node: *const Node, dead: Block<'_>, guard: &Guard) {
        let heir = dead.right();
        let low = self.node(node, guard).spine_key(guard).expect("`may_die` saw the key");
        let heir_low = self.node(heir, guard).spine_key(guard).expect("`may_die` saw the key");
        self.bypass(node, low.key(), heir, guard);
        self.give_heap(self.spine.remove(low, guard));
        self.add_to_spine(low.key(), heir, guard);
        self.give_heap(self.spine.remove(heir_low, guard));
        self.retire_node(node, dead, guard);
    }

    /// Makes the dead node's left neighbour point to its heir.
    fn bypass(&self, node: *const Node, low: Key<'_>, heir: *const Node, guard: &Guard) {
        let mut left = self.spine.below(&low, guard).map_or(self.head, |(_, left)| left);
        loop {
            let old = self.load(left, guard);
            if old.right() != node {
                left = old.right();
                continue;
            }
            let slots = old.count() + 1;
            let mut new = self.builder(old.count(), old.tail_bytes(), heir);
            new.copy(old, 0..slots);
            if self.replace(left, old, new.finish(), guard) {
                return;
            }
        }
    }
}

//! Removing entries, and the nodes that run empty or nearly so.
//!
//! ```text
//! before   p [..] → n [c d] → X [f g]         n and X are in the spine, n is neither head nor last
//! copies   p → n [c d] → X [c d f g]          X's range still begins at n's high, above d
//! CAS      p → n (dead) → X                   X covers n's range from here on
//! (a)      p → X                              p's block is replaced, right = X
//! (b)      n leaves the spine
//! (c)      X gets n's low key in the spine, with a fresh sequence; its old key goes
//! (d)      n and its block are freed after an epoch
//! ```
//!
//! Without (c) X could split below its key in the spine, and spine and chain would part.
//! A node that is not in the spine yet stays: its inserter is about to put it there.
//!
//! There are copies only if entries are left, at most a third of a block of them, and if both nodes'
//! fit into one block with room to spare. Until the CAS they lie below X's range, and n has the truth:
//!
//! - **Readers** do not see them. Whoever comes to X by its spine key, or from a live block of n (or
//!   of what n was split into), asks for keys from n's high on; a scan carries that as `lo` or
//!   `floor`. Whoever comes from n's dead block finds the copies, which were there before n died.
//! - **Inserts into X** take them along into X's next block without knowing. A split leaves them in X:
//!   each block that is cut gets more than a third (`merge`). So they are X's first entries for as
//!   long as n lives.
//! - **An insert into n** that comes between makes the CAS fail. Then the copies, which have become
//!   untrue, leave X, and the entry is removed without merging. Nobody else can kill n or X meanwhile:
//!   there is one remover.
//!
//! Entries move to the right only, into the node where everybody goes who finds a block dead. If they
//! moved left, who entered at the dead node would have to go back.

use super::block::{BLOCK_TAIL_BYTES_MAX, Block};
use super::builder::Builder;
use super::key::Key;
use super::list::List;
use super::merge::TAIL_BYTES_AN_ENTRY;
use super::node::Node;
use crate::mem::epoch::Guard;
use crate::planted;
use std::ops::Range;

/// What a removal leaves of a block.
pub(super) struct Kept<'a> {
    old: Block<'a>,
    runs: [Range<usize>; 2],
}

impl<'a> Kept<'a> {
    pub(super) fn all_but(old: Block<'a>, slot: usize) -> Self {
        Self { old, runs: [0..slot, slot + 1..old.count()] }
    }

    fn count(&self) -> usize {
        self.old.count() - 1
    }

    /// Bytes of all tails, without the high key's.
    fn tail_bytes(&self) -> usize {
        self.runs.iter().map(|slots| self.old.tail_bytes_of(slots.clone())).sum()
    }

    fn high(&self) -> Range<usize> {
        self.old.count()..self.old.count() + 1
    }

    #[inline]
    fn copy_to(&self, block: &mut Builder) {
        self.runs.iter().for_each(|slots| block.copy(self.old, slots.clone()));
    }
}

impl List {
    /// Removes the entry; false if it was not there.
    pub(super) fn remove(&self, key: Key<'_>) -> bool {
        let _one = self.remover.lock();
        let guard = &self.epoch.pin();
        let mut node = self.start(&key, guard);
        let mut may_merge = true;
        loop {
            let (found, block) = self.cover(node, &key, guard);
            block.prefetch_heads();
            let at = block.lower_bound(&key);
            if !block.holds(at, &key) {
                return false;
            }
            let kept = Kept::all_but(block, at);
            if self.remove_from(found, &kept, may_merge, guard) {
                return true;
            }
            (node, may_merge) = (found, false);
        }
    }

    /// Leaves only these entries; false if the node has got another block.
    fn remove_from(
        &self,
        node: *const Node,
        kept: &Kept<'_>,
        may_merge: bool,
        guard: &Guard,
    ) -> bool {
        let dies = if kept.count() == 0 {
            self.may_die(node, kept.old, guard)
        } else {
            may_merge
                && self.is_underfull(kept)
                && self.may_die(node, kept.old, guard)
                && (planted::bug("copied_after_death") || self.copy_to_heir(kept, guard))
        };
        if dies {
            return self.kill(node, kept, guard);
        }
        let old = kept.old;
        let tail_bytes = kept.tail_bytes() + old.tail_bytes_of(kept.high());
        let mut new = self.builder(kept.count(), tail_bytes, old.right());
        kept.copy_to(&mut new);
        new.copy(old, kept.high());
        self.replace(node, old, new.finish(), guard)
    }

    /// Whether a node can go: not the head, not the last, and both it and its right neighbour are in
    /// the spine.
    fn may_die(&self, node: *const Node, block: Block<'_>, guard: &Guard) -> bool {
        let indexed = |node| self.node(node, guard).spine_key(guard).is_some();
        node != self.head && !block.is_last() && indexed(node) && indexed(block.right())
    }

    /// Whether the right neighbour could take these entries: few enough that a split of it cannot cut
    /// among them (see the tests of `merge`).
    fn is_underfull(&self, kept: &Kept<'_>) -> bool {
        let most = self.block_entries_max;
        kept.count() <= (most / 3).max(1) && kept.tail_bytes() <= most * TAIL_BYTES_AN_ENTRY / 3
    }

    /// Whether the entries of both fit into one block that splits only after many more.
    fn fit_together(&self, kept: &Kept<'_>, heir: Block<'_>) -> bool {
        let most = |limit| limit - limit / 3;
        kept.count() + heir.count() <= most(self.block_entries_max)
            && kept.tail_bytes() + heir.tail_bytes_of(0..heir.count()) <= most(BLOCK_TAIL_BYTES_MAX)
    }

    /// Puts copies of the entries into the right neighbour, below its range; false, and nothing
    /// changes, if they do not fit.
    pub(super) fn copy_to_heir(&self, kept: &Kept<'_>, guard: &Guard) -> bool {
        let heir = kept.old.right();
        loop {
            let old = self.load(heir, guard);
            if !self.fit_together(kept, old) {
                return false;
            }
            let tail_bytes = kept.tail_bytes() + old.tail_bytes();
            let mut new = self.builder(kept.count() + old.count(), tail_bytes, old.right());
            kept.copy_to(&mut new);
            new.copy(old, 0..old.count() + 1);
            if self.replace(heir, old, new.finish(), guard) {
                return true;
            }
        }
    }

    /// Marks a node dead whose right neighbour has copies of its entries, and unlinks it; false if the
    /// node has got another block.
    pub(super) fn kill(&self, node: *const Node, kept: &Kept<'_>, guard: &Guard) -> bool {
        let old = if planted::bug("insert_killed") { self.load(node, guard) } else { kept.old };
        let heir = old.right();
        let high = old.count()..old.count() + 1;
        let mut dead = self.builder(0, old.tail_bytes_of(high.clone()), heir);
        dead.copy(old, high);
        dead.set_dead();
        let dead = dead.finish();
        if !self.replace(node, old, dead, guard) {
            if !planted::bug("copies_stay") {
                self.drop_copies(kept, guard);
            }
            return false;
        }
        if planted::bug("copied_after_death") && kept.count() > 0 {
            self.copy_to_heir(kept, guard);
        }
        self.unlink(node, dead, guard);
        true
    }

    /// Takes the copies out of the right neighbour again.
    pub(super) fn drop_copies(&self, kept: &Kept<'_>, guard: &Guard) {
        let (heir, copies) = (kept.old.right(), kept.count());
        if copies == 0 {
            return;
        }
        loop {
            let old = self.load(heir, guard);
            let slots = copies..old.count() + 1;
            debug_assert!(old.key(copies - 1) < kept.old.high(), "a split cut among the copies");
            let tail_bytes = old.tail_bytes_of(slots.clone());
            let mut new = self.builder(old.count() - copies, tail_bytes, old.right());
            new.copy(old, slots);
            if self.replace(heir, old, new.finish(), guard) {
                return;
            }
        }
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

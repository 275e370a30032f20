//! Moving blocks out of pages that hold few of them, so that those pages become empty.

use super::key::Cut;
use super::list::List;
use super::scan::BLOCKS_PER_PIN;
use crate::mem::epoch::Guard;

impl List {
    /// Replaces each block that lies in a page nearly empty by a copy in a fuller one, until `stop`
    /// says so; returns how many. Costs a step for each block of the index.
    ///
    /// An exchange like any other: whoever wants to change the block at the same time tries again, and a
    /// block that somebody else has changed is left alone, for it has moved already.
    pub(super) fn compact(&self, stop: &dyn Fn() -> bool) -> usize {
        let (mut moved, mut from) = (0, Some(Cut::default()));
        while let Some(low) = from.take().filter(|_| !stop()) {
            let guard = &self.epoch.pin();
            from = self.compact_some(&low, &mut moved, guard);
        }
        moved
    }

    /// The same for some blocks from a key on; returns the key behind them, or none at the end.
    fn compact_some(&self, from: &Cut, moved: &mut usize, guard: &Guard) -> Option<Cut> {
        let mut low = from.key();
        let (mut node, mut block) = self.cover(self.start(&low, guard), &low, guard);
        for _ in 0..BLOCKS_PER_PIN {
            if !block.is_dead() {
                if self.slab.is_sparse(block.as_ptr(), block.bytes()) {
                    let slots = block.count() + 1;
                    let mut copy = self.builder(block.count(), block.tail_bytes(), block.right());
                    copy.copy(block, 0..slots);
                    *moved += usize::from(self.replace(node, block, copy.finish(), guard));
                }
                if block.is_last() {
                    return None;
                }
                low = low.max(block.high());
            }
            node = block.right();
            block = self.load(node, guard);
        }
        Some(Cut::from(low))
    }
}

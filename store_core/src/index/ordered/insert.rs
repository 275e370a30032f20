//! Inserting one entry.

use super::block::Block;
use super::key::Key;
use super::list::List;
use super::merge::{Merged, One, Run};
use super::node::Node;
use crate::mem::epoch::Guard;
use crate::planted;

impl List {
    /// Inserts the entry; nothing changes if it is there.
    pub(super) fn insert(&self, key: Key<'_>) {
        let guard = &self.epoch.pin();
        let mut node = self.start(&key, guard);
        loop {
            let (found, block) = self.cover(node, &key, guard);
            if self.insert_into(found, block, key, guard) {
                return;
            }
            // Somebody replaced the block: the node still lies at or left of the key's place.
            node = found;
        }
    }

    /// Tries once; false if the node has got another block.
    fn insert_into(&self, node: *const Node, old: Block<'_>, key: Key<'_>, guard: &Guard) -> bool {
        old.prefetch_heads();
        let at = old.lower_bound(&key);
        if old.holds(at, &key) {
            return true;
        }
        if !old.has_room(key.tail.len(), self.block_entries_max) {
            return self.insert_and_split(node, old, at, key, guard);
        }
        let count = old.count();
        let mut new = self.builder(count + 1, old.tail_bytes() + key.tail.len(), old.right());
        new.copy(old, 0..at);
        new.push(key);
        new.copy(old, at..count + 1);
        self.replace(node, old, new.finish(), guard) || planted::bug("lost_cas_reported_as_success")
    }

    #[cold]
    fn insert_and_split(
        &self,
        node: *const Node,
        old: Block<'_>,
        at: usize,
        key: Key<'_>,
        guard: &Guard,
    ) -> bool {
        let runs = [Run::old(0..at), Run::new(0..1), Run::old(at..old.count())];
        let merged = Merged { old, new: &One(key), runs: &runs };
        self.publish(node, &merged, guard)
    }
}

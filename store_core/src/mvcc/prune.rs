//! Taking versions out of a row's chain; see `chain` for when their nodes are free.

use super::chain::{CHAIN_MASK, GENERATION, HEADER_WORDS, TOMBSTONE, Versions, word};
use super::live::{Keeper, LiveSnapshots};
use super::timeline::Timestamp;
use crate::planted;
use crate::sync::{Relaxed, Release};
use smallvec::SmallVec;

/// Nodes to be freed together.
pub(crate) type FreeNodes = SmallVec<[u32; 32]>;

/// A version that was taken out of its chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pruned {
    pub node: u32,
    /// Not a tombstone.
    pub live: bool,
    pub begin: Timestamp,
    /// When it was superseded.
    pub newer: Timestamp,
    /// A reader may stand on its node.
    pub(super) walked: bool,
}

/// What was taken out, and what stays for whom.
#[derive(Debug, Default)]
pub(crate) struct Pruning {
    /// Newest first.
    pub dropped: SmallVec<[Pruned; 4]>,
    /// The oldest and the newest of the snapshots for which something stays: one for each version.
    pub keepers: Option<(u64, u64)>,
    /// A version stays because its successor is not published yet.
    pub future: bool,
}

impl Pruning {
    /// Notes for whom a version stays.
    pub(crate) fn keep(&mut self, keeper: Keeper) {
        match keeper {
            Keeper::None => {}
            Keeper::Future => self.future = true,
            Keeper::Snapshot(read) => {
                let (old, new) = self.keepers.unwrap_or((read, read));
                self.keepers = Some((old.min(read), new.max(read)));
            }
        }
    }
}

impl Versions {
    /// Takes every version out of the chain that no live snapshot needs. Their nodes are as they
    /// were, to be looked at and then freed by [`Versions::free`].
    pub(crate) fn prune(&self, row: u32, live: &LiveSnapshots) -> Pruning {
        // SAFETY: row numbers come from this table's indexes or pages.
        let slot = unsafe { self.slots.slot(row) };
        let mut pruning = Pruning::default();
        let mut link = word(slot, 1);
        // When the version above began, and the one above that stays.
        let mut newer = Timestamp(word(slot, 0).load(Relaxed) >> 1);
        let mut stays = newer;
        let mut next = link.load(Relaxed) & CHAIN_MASK;
        while next != 0 {
            // SAFETY: chains hold nodes of this table.
            let node = unsafe { self.nodes.slot(next as u32) };
            let (begin, after) = (word(node, 0).load(Relaxed), word(node, 1).load(Relaxed));
            let at = Timestamp(begin >> 1);
            let keeper = live.keeper(at, newer);
            if keeper == Keeper::None {
                let (live_row, walked) = (begin & TOMBSTONE == 0, stays > live.oldest_registered);
                let walked = walked && !planted::bug("node_freed_without_epoch");
                let node = next as u32;
                pruning.dropped.push(Pruned { node, live: live_row, begin: at, newer, walked });
                // The unlinking. Release: who meets the gap has seen why; pairs with the fence in
                // `read_chain`.
                link.store(link.load(Relaxed) & !CHAIN_MASK | after, Release);
            } else {
                pruning.keep(keeper);
                (link, stays) = (word(node, 1), at);
            }
            (newer, next) = (at, after);
        }
        pruning
    }

    /// The same for a row all of whose older versions can go at once, nobody standing on them, and
    /// that the newest one covers: it holds the same bits where these say so, as is known of a commit
    /// at `plain` and the version before. The row is given up, and is queued no more. `None`, and
    /// nothing has changed, if it is not such a row; else how many versions went, whose nodes are
    /// added to `free`.
    pub(crate) fn prune_all(
        &self,
        row: u32,
        live: &LiveSnapshots,
        covered: &[(usize, u64)],
        plain: Option<Timestamp>,
        free: &mut FreeNodes,
    ) -> Option<u64> {
        // SAFETY: row numbers come from this table's indexes or pages.
        let slot = unsafe { self.slots.slot(row) };
        let (begin, meta) = (word(slot, 0).load(Relaxed), word(slot, 1).load(Relaxed));
        if !all_read_newest(begin, live) {
            return None;
        }
        let before = free.len();
        let mut next = meta & CHAIN_MASK;
        let mut is_covered = plain == Some(Timestamp(begin >> 1));
        while next != 0 {
            // SAFETY: chains hold nodes of this table.
            let node = unsafe { self.nodes.slot(next as u32) };
            let differs = |(at, mask): &(usize, u64)| {
                let old = word(node, HEADER_WORDS + at).load(Relaxed);
                (word(slot, HEADER_WORDS + self.key_words + at).load(Relaxed) ^ old) & mask != 0
            };
            let same = is_covered
                || !covered.iter().any(differs)
                || planted::bug("needed_entry_forgotten");
            if word(node, 0).load(Relaxed) & TOMBSTONE != 0 || !same {
                free.truncate(before);
                return None;
            }
            is_covered = false;
            free.push(next as u32);
            next = word(node, 1).load(Relaxed);
        }
        // Unlinks and gives up in one store: Release, as in `prune` and `disown`.
        word(slot, 1).store(meta & GENERATION, Release);
        Some((free.len() - before) as u64)
    }

    /// Takes the only older version out of an owned row, whose node this is, and gives the row up. The
    /// caller has seen that everybody reads the newest one, which it has installed in that one's place with
    /// nothing changed that an index or a long value hangs on. False, and nothing has changed, if there
    /// are others, or if it was a tombstone.
    #[inline]
    pub(crate) fn prune_replaced(&self, row: u32, node: u32) -> bool {
        // SAFETY: row numbers come from this table's indexes or pages, and the node is the row's.
        let (slot, old) = unsafe { (self.slots.slot(row), self.nodes.slot(node)) };
        let meta = word(slot, 1).load(Relaxed);
        debug_assert_eq!(meta & CHAIN_MASK, u64::from(node), "it was linked last");
        if word(old, 1).load(Relaxed) != 0 || word(old, 0).load(Relaxed) & TOMBSTONE != 0 {
            return false;
        }
        word(slot, 1).store(meta & GENERATION, Release); // as in `prune_all`
        true
    }

    /// The same for a row with one older version, which the newest one need not cover: its payload is
    /// copied to its places in `out`. The row stays owned. False, and nothing has changed, if it is
    /// not such a row.
    pub(crate) fn prune_one(
        &self,
        row: u32,
        live: &LiveSnapshots,
        out: &mut [u64],
        free: &mut FreeNodes,
    ) -> bool {
        // SAFETY: row numbers come from this table's indexes or pages.
        let slot = unsafe { self.slots.slot(row) };
        let (begin, meta) = (word(slot, 0).load(Relaxed), word(slot, 1).load(Relaxed));
        let number = (meta & CHAIN_MASK) as u32;
        if !all_read_newest(begin, live) || number == 0 {
            return false;
        }
        // SAFETY: chains hold nodes of this table.
        let node = unsafe { self.nodes.slot(number) };
        if word(node, 1).load(Relaxed) != 0 || word(node, 0).load(Relaxed) & TOMBSTONE != 0 {
            return false;
        }
        self.staged(number, out);
        // Unlinks, as in `prune`.
        word(slot, 1).store(meta & !CHAIN_MASK, Release);
        free.push(number);
        true
    }

    /// Frees the node of a version that was taken out.
    pub(crate) fn free(&self, pruned: &Pruned) {
        if pruned.walked {
            self.retired.retire(pruned.node);
        } else {
            self.nodes.release(pruned.node);
        }
    }

    /// Sees to it that nodes which wait for readers are freed soon.
    pub(crate) fn flush_waiting(&self) {
        self.retired.flush();
    }
}

/// True if this is a row, and everybody registered or to come reads its newest version: then nobody
/// can come to an older one (see `chain`).
fn all_read_newest(begin: u64, live: &LiveSnapshots) -> bool {
    let read = Timestamp(begin >> 1) <= live.oldest_registered;
    begin & TOMBSTONE == 0 && (read || planted::bug("pruned_visible_version"))
}

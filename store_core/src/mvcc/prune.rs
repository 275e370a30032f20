//! What taking versions out of a row's chain gave.

use super::live::Keeper;
use super::timeline::Timestamp;
use smallvec::SmallVec;

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

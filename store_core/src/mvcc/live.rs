//! Which timestamps are read: what decides whether a version may go.
//!
//! ```text
//! version N   [ begin ────────────── newer )          newer: begin of the next newer version
//! snapshots        │    │                   │   P     P: published, where new ones register
//! ```
//!
//! A version may go if no live snapshot reads inside its interval and the interval has ended by P.
//! So a chain never needs more versions than there are live snapshots, whatever their age. After
//! Böttcher et al., "Scalable garbage collection for in-memory MVCC systems" (VLDB 2019).

use super::timeline::Timestamp;
use crate::planted;
use smallvec::SmallVec;

/// The live snapshots as of one look at the registry.
#[derive(Clone, Debug)]
pub(crate) struct LiveSnapshots {
    /// Ascending, each once.
    timestamps: SmallVec<[u64; 8]>,
    /// Snapshots that are not in the list read this or something newer.
    published: Timestamp,
    /// The oldest timestamp that any registered or future snapshot reads, expired ones included.
    pub oldest_registered: Timestamp,
    /// What expired snapshots read that somebody still holds.
    expired: SmallVec<[u64; 2]>,
}

/// What keeps a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Nobody: it may go.
    None,
    /// The newest snapshot that sees it.
    Snapshot(u64),
    /// Snapshots to come: what superseded it is not published yet.
    Future,
}

impl LiveSnapshots {
    pub(super) fn new(published: Timestamp) -> Self {
        Self {
            timestamps: SmallVec::new(),
            published,
            oldest_registered: published,
            expired: SmallVec::new(),
        }
    }

    pub(super) fn add(&mut self, read: Timestamp, expired: bool) {
        self.oldest_registered = self.oldest_registered.min(read);
        if expired { self.expired.push(read.0) } else { self.timestamps.push(read.0) }
    }

    pub(super) fn sort(&mut self) {
        self.timestamps.sort_unstable();
        self.timestamps.dedup();
    }

    /// Snapshots that are registered from now on read this or something newer.
    pub(crate) fn published(&self) -> Timestamp {
        self.published
    }

    /// The timestamps read, ascending, each once.
    pub(crate) fn timestamps(&self) -> &[u64] {
        &self.timestamps
    }

    /// True if an expired snapshot may have shown a version of this interval to its user.
    pub(crate) fn expired_saw(&self, begin: Timestamp, newer: Timestamp) -> bool {
        self.expired.iter().any(|read| (begin.0..newer.0).contains(read))
    }

    /// True if a snapshot that is registered, or comes later, reads one of these timestamps; one that
    /// expired counts for as long as it is held.
    pub(crate) fn reads_in(&self, begin: Timestamp, end: Timestamp) -> bool {
        if planted::bug("ended_table_kept_for_older") {
            return self.oldest_registered < end;
        }
        let inside = |read: &u64| (begin.0..end.0).contains(read);
        self.published < end
            || self.timestamps.iter().any(inside)
            || self.expired.iter().any(inside)
    }

    /// True if an expired snapshot is held that reads less than this.
    pub(crate) fn expired_before(&self, newer: Timestamp) -> bool {
        self.expired.iter().any(|read| *read < newer.0)
    }

    /// True if an expired snapshot is held.
    pub(crate) fn has_expired(&self) -> bool {
        !self.expired.is_empty()
    }

    /// Who keeps a version that began at `begin` and was superseded at `newer`.
    pub(crate) fn keeper(&self, begin: Timestamp, newer: Timestamp) -> Keeper {
        if newer > self.published {
            return Keeper::Future;
        }
        let below = self.timestamps.partition_point(|read| *read < newer.0);
        let Some(newest) = below.checked_sub(1).map(|at| self.timestamps[at]) else {
            return Keeper::None;
        };
        let sees = newest >= begin.0;
        let sees = sees && !(planted::bug("pruned_visible_version") && newest == begin.0);
        if sees { Keeper::Snapshot(newest) } else { Keeper::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_kept_by_snapshots_inside_its_interval_only() {
        let mut live = LiveSnapshots::new(Timestamp(50));
        for (read, expired) in [(40, false), (20, false), (20, false), (10, true)] {
            live.add(Timestamp(read), expired);
        }
        live.sort();
        let keeper = |begin, newer| live.keeper(Timestamp(begin), Timestamp(newer));
        assert_eq!(keeper(5, 15), Keeper::None, "an expired one keeps nothing");
        assert_eq!(keeper(15, 20), Keeper::None, "ends where the snapshot begins");
        assert_eq!(keeper(20, 21), Keeper::Snapshot(20), "begins where the snapshot reads");
        assert_eq!(keeper(19, 50), Keeper::Snapshot(40));
        assert_eq!(keeper(21, 40), Keeper::None);
        assert_eq!(keeper(41, 50), Keeper::None);
        assert_eq!(keeper(41, 51), Keeper::Future);
        assert_eq!(live.oldest_registered, Timestamp(10));
        let saw = |begin, newer| live.expired_saw(Timestamp(begin), Timestamp(newer));
        assert!(saw(10, 11) && saw(5, 50) && !saw(5, 10) && !saw(11, 50));
        let reads = |begin, end| live.reads_in(Timestamp(begin), Timestamp(end));
        assert!(reads(10, 11) && reads(20, 21) && reads(40, 41) && reads(1, 50));
        assert!(!reads(1, 10) && !reads(11, 20) && !reads(21, 40) && !reads(41, 50));
        assert!(reads(41, 51), "one that comes may read what is published");
        assert!(live.expired_before(Timestamp(11)) && !live.expired_before(Timestamp(10)));
    }
}

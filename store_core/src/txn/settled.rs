//! Whether the entries of a table's indexes are those of its rows, one each, and nothing else: then
//! entries can be counted in place of rows.
//!
//! ```text
//! commit that adds entries   begin → rows and entries → live rows, its timestamp → end
//! count at snapshot s        state: nobody in between → newest <= s → entries = live rows?
//!                            → count the blocks' entries → state as before?
//! ```
//!
//! Every live row has the entry of its newest version, but in between. An entry more belongs to an
//! older version, to a deleted row, or to a unique value that is not committed: then there are more
//! entries than live rows. So if there are as many, and nothing was changed after the snapshot, the
//! snapshot sees a row for each. Nobody removes one of these entries before a commit that
//! deletes its row or gives it another value, and that begins here.
//!
//! Updates that no index notices are not told: they change neither entries nor whose they are.

use crate::index::ordered::OrderedIndex;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::sync::{AcqRel, Acquire, AtomicU64, Relaxed, Release, fence};

/// Changes under way are counted in these bits of the state, finished ones above: there are never
/// more at once than open transactions.
const UNDER_WAY: u64 = 0xFFFF;
const FINISHED: u64 = UNDER_WAY + 1;

/// What a table knows of it.
#[repr(align(128))]
#[derive(Default)]
pub(crate) struct Settled {
    state: AtomicU64,
    /// The newest commit that may have changed entries.
    newest: AtomicU64,
    /// Rows whose newest committed version is no tombstone.
    live_rows: AtomicU64,
}

impl Settled {
    /// Entries are about to be added, or entries to become those of older versions.
    pub(crate) fn begin(&self) {
        if planted::bug("settled_not_begun") {
            return;
        }
        self.state.fetch_add(1, Relaxed);
        // Who sees any of what follows sees the state changed: pairs with the fence in `count`.
        fence(Release);
    }

    /// They have been.
    pub(crate) fn end(&self) {
        let more = if planted::bug("settled_not_begun") { FINISHED } else { FINISHED - 1 };
        self.state.fetch_add(more, Release); // pairs with Acquire in `count`
    }

    /// Notes a commit, between `begin` and `end` if there are indexes.
    pub(crate) fn note(&self, at: Timestamp, rows_more: i64) {
        self.newest.fetch_max(at.0, AcqRel);
        self.add_rows(rows_more);
    }

    /// Notes so many live rows more, or less.
    pub(crate) fn add_rows(&self, more: i64) {
        self.live_rows.fetch_add(more.cast_unsigned(), Relaxed);
    }

    /// What `count` gives if it is how many of the index's rows the snapshot sees; `None` if only the
    /// rows themselves can tell.
    pub(crate) fn count(
        &self,
        at: Timestamp,
        index: &OrderedIndex,
        count: impl FnOnce() -> u64,
    ) -> Option<u64> {
        if planted::bug("unsettled_entries_counted") {
            return Some(count());
        }
        let state = self.state.load(Acquire);
        if state & UNDER_WAY != 0
            || self.newest.load(Relaxed) > at.0 && !planted::bug("settled_after_snapshot")
        {
            return None;
        }
        if index.len() != self.live_rows.load(Relaxed) {
            return None;
        }
        let counted = count();
        fence(Acquire); // pairs with the fence in `begin`
        let same = self.state.load(Relaxed) == state || planted::bug("settled_not_looked_again");
        same.then_some(counted)
    }
}

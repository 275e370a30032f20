//! Reading a row as a snapshot sees it: one attempt on its slot, then the chain.

use super::{
    CHAIN_MASK, HEADER_WORDS, Owner, TOMBSTONE, Versions, copy, give_up, owner_of, take, word,
};
use crate::error::Result;
use crate::mem::key_steps::KeyWords;
use crate::mem::layout::{Pick, PickedCell};
use crate::mem::{RowWords, prefetch};
use crate::mvcc::{Moment, Timestamp};
use crate::planted;
use crate::sync::{Acquire, AtomicU64, Relaxed, fence};
use std::marker::PhantomData;
use std::ops::Range;

const LINE_WORDS: usize = 8;
/// How much of a row is fetched ahead; the processor notices longer ones by itself.
const FETCHED_LINES: usize = 3;

impl Versions {
    /// Copies the row as the snapshot sees it; false if it is not there then. An error only if the
    /// snapshot was given up and the version it needs may be gone.
    ///
    /// Only the words in `range` (of key and payload together) are copied, to their places in `out`.
    #[inline(always)]
    pub(crate) fn read(
        &self,
        row: u32,
        snapshot: Moment,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> Result<bool> {
        // SAFETY: row numbers come from this table's indexes or pages.
        let slot = unsafe { self.slots.slot(row) };
        match newest_for(slot, snapshot.at) {
            ForSnapshot::Inline(begin) => {
                copy(slot, HEADER_WORDS, range, out);
                if is_unchanged(slot, begin) {
                    return Ok(true);
                }
            }
            ForSnapshot::Nothing => return Ok(false),
            ForSnapshot::Chain(_) => {}
        }
        self.read_chain(slot, snapshot, range, out)
    }

    /// A row's place in memory, to be read soon: asks the processor to fetch its cache lines.
    #[inline(always)]
    pub(crate) fn fetch(&self, row: u32) -> Fetched {
        let Fetched(slot) = self.place(row);
        let words = HEADER_WORDS + self.words;
        prefetch(slot);
        for line in 1..FETCHED_LINES {
            if words > line * LINE_WORDS {
                prefetch(slot.wrapping_add(line * LINE_WORDS));
            }
        }
        // The row may end in one line more than it has lines.
        prefetch(slot.wrapping_add(words.min(FETCHED_LINES * LINE_WORDS) - 1));
        Fetched(slot)
    }

    /// A row's place in memory.
    #[inline(always)]
    pub(crate) fn place(&self, row: u32) -> Fetched {
        // SAFETY: row numbers come from this table's indexes or pages.
        Fetched(unsafe { self.slots.slot(row) })
    }

    /// Copies the whole row if its newest version is the one that the snapshot sees and its key has
    /// the `wanted` words; false tells nothing.
    ///
    /// The less a read does, the sooner the processor sees the next one and waits for the memory of
    /// both at once.
    #[inline(always)]
    pub(crate) fn read_same<const MOST: usize>(
        &self,
        place: Fetched,
        snapshot: Moment,
        wanted: &KeyWords<MOST>,
        out: &mut RowWords,
    ) -> bool {
        self.read_version(place, snapshot, wanted, out).is_some()
    }

    /// The same; tells which version it was.
    #[inline(always)]
    pub(crate) fn read_version<const MOST: usize>(
        &self,
        Fetched(slot): Fetched,
        snapshot: Moment,
        wanted: &KeyWords<MOST>,
        out: &mut RowWords,
    ) -> Option<Seen<'_>> {
        let ForSnapshot::Inline(begin) = newest_for(slot, snapshot.at) else { return None };
        let words = slot.wrapping_add(HEADER_WORDS);
        // SAFETY: the slot holds as many words as a key has behind its header, and more follow it.
        if !unsafe { wanted.is_at(words) } {
            return None;
        }
        // SAFETY: the slot holds so many words behind its header.
        unsafe { out.load(words, self.words) };
        is_unchanged(slot, begin).then_some(Seen { slot, begin, _versions: PhantomData })
    }

    /// The same for some cells of the row: copies their words only.
    ///
    /// The picks are of this table's layout.
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "slot and picks are this table's")]
    pub(crate) fn read_cells<const MOST: usize, const CELLS: usize>(
        &self,
        Fetched(slot): Fetched,
        snapshot: Moment,
        wanted: &KeyWords<MOST>,
        picks: &[Pick; CELLS],
    ) -> Option<[PickedCell; CELLS]> {
        let ForSnapshot::Inline(begin) = newest_for(slot, snapshot.at) else { return None };
        let words = slot.wrapping_add(HEADER_WORDS);
        // SAFETY: the slot holds as many words as a key has behind its header, and more follow it.
        if !unsafe { wanted.is_at(words) } {
            return None;
        }
        // SAFETY: a row of the layout lies behind the header, and more words follow the slot.
        let cells = picks.each_ref().map(|pick| unsafe { pick.load(words) });
        is_unchanged(slot, begin).then_some(cells)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn read_chain(
        &self,
        slot: *const AtomicU64,
        snapshot: Moment,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> Result<bool> {
        let seen = self.walk_chain(slot, snapshot.at.0 * 2 + 1, range, out);
        if !planted::bug("gap_without_fence") {
            fence(Acquire); // a gap that was met: pairs with the unlinking in `prune`
        }
        self.timeline.check_kept(snapshot)?;
        Ok(seen)
    }

    fn walk_chain(
        &self,
        slot: *const AtomicU64,
        limit: u64,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> bool {
        let _pinned = self.epoch.pin(); // before the first link is read
        // Pairs with the link in `install`.
        let acquire = planted::order("chain_head_relaxed", Acquire);
        let mut node = word(slot, 1).load(acquire) & CHAIN_MASK;
        while node != 0 {
            // SAFETY: chains hold nodes of this table, and none met from here on is free before
            // the pin ends (see the module).
            let at = unsafe { self.nodes.slot(node as u32) };
            let begin = word(at, 0).load(Relaxed);
            if begin <= limit {
                if begin & TOMBSTONE != 0 {
                    return false;
                }
                let key = range.start.min(self.key_words)..range.end.min(self.key_words);
                copy(slot, HEADER_WORDS, &key, out);
                self.copy_node(at, range, out);
                return true;
            }
            if planted::bug("node_freed_without_epoch") {
                std::thread::yield_now(); // stand here for a while
            }
            node = word(at, 1).load(Relaxed);
        }
        false
    }
}

/// Where a snapshot's version of a row is.
pub(super) enum ForSnapshot {
    /// In the slot, if `begin` is this after it was copied.
    Inline(u64),
    /// In the chain, if anywhere: `begin` is this.
    Chain(u64),
    /// Nowhere: the row is deleted.
    Nothing,
}

#[inline(always)]
pub(super) fn newest_for(slot: *const AtomicU64, at: Timestamp) -> ForSnapshot {
    while planted::bug("reader_waits_for_owner") && owner_of(slot).0 != 0 {
        std::hint::spin_loop();
    }
    let begin = word(slot, 0).load(Acquire); // pairs with the stamp in `install`
    // One comparison: the bit of a tombstone, rotated to the top, makes it later than any snapshot.
    if begin.rotate_right(TOMBSTONE.count_ones()) <= at.0 {
        ForSnapshot::Inline(begin)
    } else if begin >> 1 > at.0 {
        ForSnapshot::Chain(begin)
    } else {
        ForSnapshot::Nothing
    }
}

/// True if what was copied of a slot is its version's. If not, `begin` is above the snapshot now, so
/// the version wanted is in the chain already.
#[inline(always)]
pub(super) fn is_unchanged(slot: *const AtomicU64, begin: u64) -> bool {
    if !planted::bug("read_without_fence") {
        fence(Acquire); // pairs with the fence in `install`
    }
    let same = word(slot, 0).load(Relaxed) == begin || planted::bug("failed_check_used");
    if !same && !planted::bug("chain_without_fence") {
        fence(Acquire);
    }
    same
}

/// The version of a row that was copied.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'v> {
    slot: *const AtomicU64,
    begin: u64,
    _versions: PhantomData<&'v Versions>,
}

impl Seen<'_> {
    /// Takes the row's owner word if this is its newest version still; false, and nothing has changed,
    /// if it is not, or if somebody owns the row.
    ///
    /// No two commits have one timestamp, so the row is the same one, too. While it is owned its
    /// newest version stays.
    #[inline(always)]
    pub(crate) fn own(self, me: Owner) -> bool {
        let meta = word(self.slot, 1);
        if take(meta, me).is_err() {
            return false;
        }
        // The last owner's stamp is seen: `take` acquires what `give_up` released.
        let same = word(self.slot, 0).load(Relaxed) == self.begin
            || planted::bug("newer_version_overwritten");
        if !same {
            give_up(meta);
        }
        same
    }
}

/// Where a row of a table is in memory, for as long as the table lives.
#[derive(Clone, Copy)]
pub(crate) struct Fetched(*const AtomicU64);

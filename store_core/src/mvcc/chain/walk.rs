//! Walking the slots of a table in memory order, as one snapshot sees them.
//!
//! The protocol is that of [`Versions::read`]: one attempt on the slot, then the chain. A walk
//! knows where the next slot is, so what is left of a read is `begin`, the words, and `begin`.
//!
//! Slots without a row are passed over without a look at a chain. A snapshot that was given up
//! may miss rows in this way, so whoever walks asks for the mark at the end of each page; the rows
//! it was given before are right.

use super::read::{ForSnapshot, is_unchanged, newest_for};
use super::{HEADER_WORDS, UNBORN, Versions, copy, word};
use crate::error::{Error, Result};
use crate::mem::wide::copy_words;
use crate::mvcc::{Moment, Timestamp};
use crate::planted;
use crate::sync::{Acquire, AtomicU64, Relaxed, fence};
use std::ops::Range;
use std::ptr::null;

/// The page after the last one.
const NO_PAGE: u32 = u32::MAX;

/// A place in a walk over all slots of a table.
///
/// It leads into the table's pages: whoever holds it holds the table and its store for as long.
pub(crate) struct Walk {
    /// The next slot, if any are left in its page.
    slot: *const AtomicU64,
    left: u32,
    /// Words from slot to slot.
    stride: usize,
    moment: Moment,
    /// The page after this one.
    next_page: u32,
    /// The first page that is not the walk's any more.
    end_page: u32,
}

// SAFETY: the pointers lead to slots of atomics, which every thread may read.
unsafe impl Send for Walk {}

impl Versions {
    /// Starts a walk; it stands before the first page.
    pub(crate) fn walk(&self, moment: Moment) -> Walk {
        let stride = self.slots.slot_bytes() as usize / size_of::<AtomicU64>();
        Walk { slot: null(), left: 0, stride, moment, next_page: 0, end_page: NO_PAGE }
    }

    /// Cuts the pages into so many parts of about the same size; the last one has those that will be
    /// added, too.
    pub(crate) fn page_parts(&self, parts: u32) -> Vec<Range<u32>> {
        let pages = u64::from(self.pages());
        let bound = |nth: u32| (pages * u64::from(nth) / u64::from(parts)) as u32;
        if planted::bug("parts_overlap") {
            return vec![0..NO_PAGE; parts as usize];
        }
        let end = |nth: u32| if nth + 1 < parts { bound(nth + 1) } else { NO_PAGE };
        (0..parts).map(|nth| bound(nth)..end(nth)).collect()
    }

    /// Copies a row as a walk's snapshot sees it, from its slot; see [`Versions::read`].
    #[inline(always)]
    pub(super) fn read_slot(
        &self,
        slot: *const AtomicU64,
        moment: Moment,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> Result<bool> {
        match look(slot, moment.at, |first| copy(first, 0, range, out)) {
            Look::Seen => Ok(true),
            Look::Unseen => Ok(false),
            Look::Chain => self.read_chain(slot, moment, range, out),
        }
    }
}

impl Walk {
    /// A walk that has come to its end.
    pub(crate) fn ended(moment: Moment) -> Self {
        Self { slot: null(), left: 0, stride: 0, moment, next_page: NO_PAGE, end_page: NO_PAGE }
    }

    /// Leaves a walk that stands before the first page these pages only.
    pub(crate) fn keep_pages(&mut self, pages: &Range<u32>) {
        (self.next_page, self.end_page) = (pages.start, pages.end);
    }

    /// At which moment it looks.
    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }

    /// True once there are no pages left.
    pub(crate) fn has_ended(&self) -> bool {
        self.next_page == NO_PAGE
    }

    /// How many rows the next page has room for; none if there is no page.
    pub(crate) fn page_rows(&self, versions: &Versions) -> u64 {
        let there = self.next_page < versions.pages();
        if there { versions.page_rows(self.next_page).len() as u64 } else { 0 }
    }

    /// Goes to the next page; false if there is none. An error if the snapshot was given up and
    /// rows may have been missing from the page before.
    pub(crate) fn turn_page(&mut self, versions: &Versions) -> Result<bool> {
        if self.has_ended() {
            return Ok(false);
        }
        // Slots that were empty: pairs with Release in `drop_row`.
        fence(Acquire);
        versions.timeline.check_kept(self.moment)?;
        if self.next_page >= versions.pages().min(self.end_page) {
            self.next_page = NO_PAGE;
            return Ok(false);
        }
        let rows = versions.page_rows(self.next_page);
        // SAFETY: the first slot of a page that is there.
        self.slot = unsafe { versions.slots.slot(rows.start) };
        let blank = versions.slots.is_blank(self.next_page);
        self.left = if blank { 0 } else { rows.len() as u32 };
        self.next_page += 1;
        Ok(true)
    }

    /// The page it walks.
    pub(crate) fn page(&self) -> u32 {
        self.next_page - 1
    }

    /// True if it has come to the end of its page.
    pub(crate) fn has_ended_page(&self) -> bool {
        self.left == 0
    }

    /// Goes to the end of its page, which holds nothing more for the caller.
    pub(crate) fn skip_page(&mut self) {
        self.left = 0;
    }

    /// Copies rows of this page that the snapshot sees, whole and one behind the other, until
    /// there is no room for one more or the page ends; gives the words written.
    pub(crate) fn fill(&mut self, versions: &Versions, out: &mut [u64]) -> Result<usize> {
        macro_rules! by_width {
            ($($width:literal)*) => {
                match versions.words {
                    $($width => self.fill_width::<$width>(versions, out),)*
                    words => self.fill_whole(versions, out, |from, room| {
                        copy(from, 0, &(0..words), room);
                    }),
                }
            };
        }
        by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    }

    /// [`Walk::fill`] for rows of this width, whose copying needs no loop.
    #[inline(never)]
    fn fill_width<const WORDS: usize>(
        &mut self,
        versions: &Versions,
        out: &mut [u64],
    ) -> Result<usize> {
        self.fill_whole(versions, out, |from, room| {
            let room: &mut [u64; WORDS] = room.try_into().expect("room for a row of this width");
            // SAFETY: a slot holds a row of this width.
            unsafe { copy_words(from, room.as_mut_ptr(), WORDS) };
        })
    }

    #[inline(always)]
    fn fill_whole(
        &mut self,
        versions: &Versions,
        out: &mut [u64],
        copy: impl Fn(*const AtomicU64, &mut [u64]),
    ) -> Result<usize> {
        let (moment, all) = (self.moment, 0..versions.words);
        self.fill_by(versions.words, out, copy, |slot, room| {
            versions.read_slot(slot, moment, &all, room)
        })
    }

    /// Copies so many words of each row: by `copy` where the row is in its slot, else by `read`, which
    /// says whether the snapshot sees one.
    #[inline(always)]
    pub(super) fn fill_by(
        &mut self,
        words: usize,
        out: &mut [u64],
        copy: impl Fn(*const AtomicU64, &mut [u64]),
        read: impl Fn(*const AtomicU64, &mut [u64]) -> Result<bool>,
    ) -> Result<usize> {
        let mut filled = 0;
        while self.left > 0 && filled + words <= out.len() {
            let slots = out[filled..].chunks_exact_mut(words).take(self.left as usize);
            // Rows in their places, as most are, one after another.
            let Walk { mut slot, stride, moment: Moment { at, .. }, .. } = *self;
            let mut rows = 0;
            for room in slots {
                if !matches!(look(slot, at, |from| copy(from, room)), Look::Seen) {
                    break;
                }
                slot = slot.wrapping_add(stride);
                rows += 1;
            }
            (self.slot, self.left) = (slot, self.left - rows);
            filled += rows as usize * words;
            // The slot after them, if there is room, whatever is in it.
            if let Some(room) = out.get_mut(filled..filled + words)
                && let Some(slot) = self.step()
            {
                match read(slot, room) {
                    Ok(seen) => filled += if seen { words } else { 0 },
                    Err(error) => return self.stop(filled, error),
                }
            }
        }
        Ok(filled)
    }

    /// The slot where the walk stands, unless the page has ended; the walk goes on behind it.
    #[inline(always)]
    fn step(&mut self) -> Option<*const AtomicU64> {
        self.left = self.left.checked_sub(1)?;
        let slot = self.slot;
        self.slot = slot.wrapping_add(self.stride);
        Some(slot)
    }

    /// Stops at the slot of the last step, which cannot be read: the rows found before it are given
    /// first, then it is looked at again.
    #[cold]
    fn stop(&mut self, filled: usize, error: Error) -> Result<usize> {
        if filled == 0 {
            return Err(error);
        }
        self.slot = self.slot.wrapping_sub(self.stride);
        self.left += 1;
        Ok(filled)
    }

    /// Like [`Walk::fill`], but only rows that match; see [`Walk::next`].
    #[inline(always)]
    pub(crate) fn fill_matching(
        &mut self,
        versions: &Versions,
        range: &Range<usize>,
        out: &mut [u64],
        quick: impl Fn(SlotWords) -> bool,
        wanted: impl Fn(&Self, &[u64], bool) -> bool,
    ) -> Result<usize> {
        let all = 0..versions.words;
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..filled + all.end) {
            let found = self.next(versions, range, room, &quick, &wanted);
            let whole = |found| Ok(found && (*range == all || self.copy_row(versions, room)?));
            match found.and_then(whole) {
                Ok(true) => filled += all.end,
                Ok(false) => break,
                Err(error) => return self.stop(filled, error),
            }
        }
        Ok(filled)
    }

    /// Copies the words in `range` of the next row in this page that the snapshot sees and that
    /// matches; false at the end of the page.
    ///
    /// What `quick` says of words in a slot, it says of a row; none that it refuses is copied.
    /// `wanted` looks at the copy, and is told whether `quick` was asked before.
    #[inline(always)]
    pub(crate) fn next(
        &mut self,
        versions: &Versions,
        range: &Range<usize>,
        out: &mut [u64],
        quick: impl Fn(SlotWords) -> bool,
        wanted: impl Fn(&Self, &[u64], bool) -> bool,
    ) -> Result<bool> {
        while let Some(slot) = self.step() {
            let mut passes = false;
            let found = match look(slot, self.moment.at, |words| passes = quick(SlotWords(words))) {
                Look::Seen if !passes => false,
                Look::Seen => {
                    let copied =
                        range.is_empty() || versions.read_slot(slot, self.moment, range, out)?;
                    copied && wanted(self, out, true)
                }
                Look::Unseen => false,
                Look::Chain => {
                    let all = 0..out.len();
                    versions.read_chain(slot, self.moment, &all, out)? && wanted(self, out, false)
                }
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Copies all words of the row that [`Walk::next`] gave last.
    fn copy_row(&self, versions: &Versions, out: &mut [u64]) -> Result<bool> {
        let slot = self.slot.wrapping_sub(self.stride);
        let seen = versions.read_slot(slot, self.moment, &(0..out.len()), out)?;
        assert!(seen, "a row that a snapshot sees stays visible to it");
        Ok(seen)
    }

    /// The number of the row that [`Walk::next`] gave last, or asks about.
    pub(crate) fn row(&self, versions: &Versions) -> u32 {
        versions.page_rows(self.next_page - 1).end - self.left - 1
    }

    /// Counts the rows of this page that the snapshot sees, and goes to its end.
    pub(crate) fn count_page(&mut self, versions: &Versions) -> Result<u64> {
        let mut count = 0;
        while let Some(slot) = self.step() {
            count += u64::from(versions.read_slot(slot, self.moment, &(0..0), &mut [])?);
        }
        Ok(count)
    }
}

/// The words of the row in a slot, while they may change: what they say counts once the walk has
/// found that they did not.
#[derive(Clone, Copy)]
pub(crate) struct SlotWords(*const AtomicU64);

impl SlotWords {
    /// A word of the row, key and payload together.
    #[inline(always)]
    pub(crate) fn get(self, at: usize) -> u64 {
        word(self.0, at).load(Relaxed)
    }
}

/// What one attempt on a slot gave.
enum Look {
    /// The version in the slot is the one the snapshot sees, and was copied.
    Seen,
    /// No version in this slot is.
    Unseen,
    /// If one is, then in the chain.
    Chain,
}

/// The attempt, as in [`Versions::read`].
#[inline(always)]
fn look(slot: *const AtomicU64, at: Timestamp, copy: impl FnOnce(*const AtomicU64)) -> Look {
    match newest_for(slot, at) {
        ForSnapshot::Inline(begin) => {
            copy(slot.wrapping_add(HEADER_WORDS));
            if is_unchanged(slot, begin) { Look::Seen } else { Look::Chain }
        }
        ForSnapshot::Chain(UNBORN) | ForSnapshot::Nothing => Look::Unseen,
        ForSnapshot::Chain(_) => Look::Chain,
    }
}

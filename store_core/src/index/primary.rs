//! The primary index: open addressing over words `hash 30 | mark 2 | row 32`, growing step by step.
//!
//! ```text
//! current table  [ word | 0 | word | DEAD | FROZEN | … ]  ──next──►  [ twice as many or more … ]
//! ```
//!
//! A reader probes the current table and then the next one, and never waits. Whoever inserts moves
//! a few words on. An inserter that finds its key absent in the old table freezes the empty word it
//! ended at, so the absence is permanent, and goes on in the next one: uniqueness rests on "the
//! first empty word", which is why DEAD words are not used again.
//!
//! Whoever searches or inserts has a registered snapshot, or is registered without one while a store is
//! opened (`Timeline::enter`), so a table that was left needs no epoch and a read no fence: it is freed
//! once everybody is gone who was registered when it was left (`mvcc::present`). Until then its words stay
//! as they are, for an inserter may stand at a frozen one.
//!
//! A word keeps the top 30 bits of its key's hash, and a key's search begins where its top bits say,
//! at the start of a cache line: so growing never looks at a row, and a row whose bits
//! differ is never fetched. A reader compares the eight words of a line without a branch between them:
//! how far a key lies from its place cannot be foreseen, and a wrong guess throws away all that the
//! processor had begun of the reads that follow.

use super::group::{GROUP_WORDS, HASH_SHIFT, MARKS, ROW, WORD_BITS, equal_hashes};
use crate::error::{Error, Kind, Result};
use crate::mem::budget::Holder;
use crate::mem::region::Region;
use crate::mem::{make_words, prefetch};
use crate::mvcc::{Present, Timeline};
use crate::planted;
use crate::sync::{
    AcqRel, Acquire, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Mutex, Relaxed, Release,
    Witness, capacity, pause,
};
use std::collections::VecDeque;
use std::ptr::null_mut;
use std::sync::Arc;

/// A word whose row is gone.
const DEAD: u64 = 1 << 33;
/// An empty word that stays empty.
const FROZEN: u64 = 1 << 32;
/// Words of the first table: one page of the kernel.
const WORDS_START: usize = capacity(512, 8);
/// Words of the largest table: their places must follow from 30 bits.
const WORDS_MAX: usize = 1 << 30;
/// Words an inserter moves while the index grows; a table is left long before the next is full.
const MOVE_STEPS: usize = capacity(64, 4);

/// What `insert` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// The row was entered.
    New,
    /// This row may have the same key.
    Found(u32),
}

/// The rows of a table by the hash of their key.
pub(crate) struct PrimaryIndex {
    current: AtomicPtr<Table>,
    timeline: Arc<Timeline>,
    holder: Holder,
    live: AtomicU64,
    /// How far the current table has been moved. Removal takes it too: a word must not be moved on
    /// while it is taken out.
    moving: Mutex<Moving>,
    /// How many tables wait to be freed, for those who only look.
    left: AtomicU32,
}

#[derive(Default)]
struct Moving {
    /// Words of the current table that were moved on.
    moved: usize,
    /// Tables that were left, with those who may be searching them, once that is known.
    left: VecDeque<(Option<Present>, *mut Table)>,
}

struct Table {
    mask: usize,
    /// Moves the top bits of a hash to where they count groups of words.
    shift: u32,
    words: Region,
    next: AtomicPtr<Table>,
    used: AtomicU64,
    /// Words that are still to be moved on to the next table.
    left: AtomicUsize,
    /// For the table itself and its words.
    bytes: Witness,
}

// SAFETY: the pointers lead to tables that live until no thread is pinned, and their words are
// atomics.
unsafe impl Send for PrimaryIndex {}
// SAFETY: as above.
unsafe impl Sync for PrimaryIndex {}

impl PrimaryIndex {
    pub(crate) fn new(timeline: Arc<Timeline>, holder: Holder) -> Result<Self> {
        let table = Table::boxed(WORDS_START, &holder)?;
        Ok(Self {
            current: AtomicPtr::new(table),
            timeline,
            holder,
            live: AtomicU64::new(0),
            moving: Mutex::new(Moving::default()),
            left: AtomicU32::new(0),
        })
    }

    /// Makes room for so many rows at once, while the index is empty and nobody else uses it; if that is
    /// refused the index grows with its rows.
    pub(crate) fn make_room(&self, rows: u64) {
        let words = (rows.saturating_mul(4) / 3).saturating_add(1).checked_next_power_of_two();
        let words = words.map_or(WORDS_MAX, |words| words.min(WORDS_MAX as u64) as usize);
        if words <= WORDS_START || self.len() > 0 {
            return;
        }
        if let Ok(table) = Table::boxed(words, &self.holder) {
            self.leave_for(table, &mut self.moving.lock());
        }
    }

    /// Goes on in another table; this one is freed later.
    fn leave_for(&self, next: *mut Table, moving: &mut Moving) {
        let left = self.current.swap(next, AcqRel);
        moving.moved = 0;
        moving.left.push_back((self.timeline.present(), left));
        self.left.store(moving.left.len() as u32, Relaxed);
    }

    /// Rows entered.
    pub(crate) fn len(&self) -> u64 {
        self.live.load(Relaxed)
    }

    /// The rows that may have a key with this hash, while the caller's snapshot lives.
    #[inline(always)]
    pub(crate) fn candidates(&self, hash: u64) -> Candidates<'_> {
        let table = self.table();
        Candidates { table, at: table.home(hash), hash, matches: None }
    }

    /// Looks at the group of words where the search for a hash begins, and mostly ends.
    #[inline(always)]
    pub(crate) fn first(&self, hash: u64) -> Option<u32> {
        let table = self.table();
        let group = table.home(hash);
        let matches = table.matches(group, hash);
        if matches == 0 {
            return None;
        }
        let at = group + first_of(matches);
        // Pairs with the exchange in `insert`. If the row went meanwhile, this says row 0, which is as
        // good as any: whoever asks compares the key.
        Some(table.word(at).load(Acquire) as u32)
    }

    /// Asks the processor to fetch the words where a key's search begins.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        let table = self.table();
        prefetch(table.word(table.home(hash)));
    }

    /// Enters a row unless one is there for which `same` holds.
    pub(crate) fn insert(
        &self,
        hash: u64,
        row: u32,
        mut same: impl FnMut(u32) -> bool,
    ) -> Result<Inserted> {
        self.grow()?;
        let mine = word_of(hash, row);
        let mut table = self.table();
        let mut at = table.home(hash);
        loop {
            let word = table.word(at).load(Acquire);
            if word == 0 {
                // Release: the row's key is written; pairs with Acquire in `find`.
                let order = planted::order("entered_relaxed", AcqRel);
                if table.following().is_some() {
                    if planted::bug("absence_not_frozen") {
                        table = table.following().expect("just seen");
                        at = table.home(hash);
                        continue;
                    }
                    let _ = table.word(at).compare_exchange(0, FROZEN, order, Acquire);
                } else if !self.admits(table) {
                    self.grow()?;
                    table = self.table();
                    at = table.home(hash);
                } else if table.word(at).compare_exchange(0, mine, order, Acquire).is_ok() {
                    return Ok(Inserted::New);
                } else {
                    self.was_refused(table);
                }
                continue;
            }
            if word == FROZEN {
                table = table.following().expect("words freeze only while a next table is there");
                at = table.home(hash);
                continue;
            }
            if (word ^ mine) >> HASH_SHIFT == 0
                && let Some(other) = row_of(word)
                && same(other)
            {
                return Ok(Inserted::Found(other));
            }
            at = (at + 1) & table.mask;
        }
    }

    /// Counts a word that is about to be entered; false if it must not be, because with it and what
    /// is still to be moved here no word would be left empty, and searches would not end.
    fn admits(&self, table: &Table) -> bool {
        self.live.fetch_add(1, Relaxed);
        let used = table.used.fetch_add(1, Relaxed) as usize;
        let admits = used + self.to_come(table) < table.mask;
        if planted::bug("admitted_always") {
            return true;
        }
        if !admits {
            self.was_refused(table);
        }
        admits
    }

    fn was_refused(&self, table: &Table) {
        table.used.fetch_sub(1, Relaxed);
        self.live.fetch_sub(1, Relaxed);
    }

    /// Words that may still be moved on to this table.
    fn to_come(&self, table: &Table) -> usize {
        let current = self.table();
        if std::ptr::eq(current, table) {
            return 0;
        }
        current.left.load(Relaxed).min(self.len() as usize)
    }

    /// Frees tables that nobody can be searching any more, if somebody else is not just about it.
    pub(crate) fn collect(&self) {
        if self.left.load(Relaxed) > 0
            && let Some(mut moving) = self.moving.try_lock()
        {
            self.free_left(&mut moving);
        }
    }

    /// Takes a row out. For its owner, when nobody can see it any more.
    pub(crate) fn remove(&self, hash: u64, row: u32) {
        let _moving = (!planted::bug("removed_while_moving")).then(|| self.moving.lock());
        let mine = word_of(hash, row);
        let mut table = Some(self.table());
        let mut removed = false;
        while let Some(here) = table {
            let mut at = here.home(hash);
            loop {
                let word = here.word(at).load(Acquire);
                if word == 0 || word == FROZEN {
                    break;
                }
                if word == mine {
                    here.word(at).store(DEAD, Release);
                    removed = true;
                    break;
                }
                at = (at + 1) & here.mask;
            }
            table = here.following();
        }
        assert!(removed, "every row that is removed was entered");
        self.live.fetch_sub(1, Relaxed);
    }

    #[inline(always)]
    fn table(&self) -> &Table {
        // SAFETY: a table is freed only when every snapshot that was registered when it was left is
        // gone, and the caller has one (or owns the store alone).
        unsafe { &*self.current.load(Acquire) } // pairs with the store in `grow`
    }

    /// Moves some words on if the table is filling up, and makes sure that the table which takes new
    /// rows has room for one more beside all that is still to be moved into it.
    ///
    /// Whoever moves may lose the processor half way while others insert: they wait for it here
    /// rather than fill the table it moves into.
    #[inline]
    fn grow(&self) -> Result<()> {
        let table = self.table();
        if table.following().is_none() && !table.is_filling() {
            return Ok(());
        }
        let mut attempt = 0;
        loop {
            self.move_some()?;
            let table = self.table();
            let target = table.following().unwrap_or(table);
            let used = target.used.load(Relaxed) as usize + self.to_come(target);
            if used * 10 < (target.mask + 1) * 9 {
                return Ok(());
            }
            pause(&mut attempt);
        }
    }

    #[cold]
    fn move_some(&self) -> Result<()> {
        let Some(mut moving) = self.moving.try_lock() else { return Ok(()) };
        self.free_left(&mut moving);
        let table = self.table();
        let next = match table.following() {
            Some(next) => next,
            None if !table.is_filling() => return Ok(()),
            None => {
                let wanted = (self.len() as usize + capacity(8, 0)) * 2;
                match Table::boxed(wanted.next_power_of_two(), &self.holder) {
                    // Pairs with Acquire in `following`.
                    Ok(next) => table.next.store(next, planted::order("next_relaxed", Release)),
                    // With room left the index may go on as it is; refuse before it is full.
                    Err(error) if table.is_nearly_full() => return Err(error),
                    Err(_) => return Ok(()),
                }
                moving.moved = 0;
                table.following().expect("just set")
            }
        };
        let end = (moving.moved + MOVE_STEPS).min(table.mask + 1);
        while moving.moved < end {
            let word = table.word(moving.moved).load(Acquire);
            if word == 0 {
                let _ = table.word(moving.moved).compare_exchange(0, FROZEN, AcqRel, Acquire);
                continue;
            }
            if row_of(word).is_some() {
                next.enter(word);
            }
            moving.moved += 1;
        }
        table.left.store(table.mask + 1 - moving.moved, Relaxed);
        if moving.moved > table.mask || planted::bug("left_before_moved") {
            self.leave_for(std::ptr::from_ref(next).cast_mut(), &mut moving);
        }
        Ok(())
    }

    /// Frees the tables that nobody can be reading any more.
    fn free_left(&self, moving: &mut Moving) {
        while let Some((present, table)) = moving.left.front_mut() {
            *present = present.take().or_else(|| self.timeline.present());
            let gone = present.as_mut().is_some_and(|present| present.are_gone(&self.timeline));
            if !gone && !planted::bug("table_freed_early") {
                return;
            }
            let table = *table;
            moving.left.pop_front();
            // SAFETY: everybody who was registered when the table was left is gone.
            let table = unsafe { Box::from_raw(table) };
            table.bytes.freed();
            drop(table);
            self.left.store(moving.left.len() as u32, Relaxed);
        }
    }
}

/// A search for a hash; see [`PrimaryIndex::candidates`].
pub(crate) struct Candidates<'a> {
    table: &'a Table,
    /// The first word of the group where the search is.
    at: usize,
    hash: u64,
    /// [`WORD_BITS`] for each word of the group with the hash that was not given yet.
    matches: Option<u32>,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let (table, group) = (self.table, self.at);
            let matches = self.matches.get_or_insert_with(|| table.matches(group, self.hash));
            while *matches != 0 {
                let at = group + first_of(*matches);
                *matches &= u32::MAX << ((at - group + 1) as u32 * WORD_BITS);
                // Pairs with the exchange in `insert`.
                let word = table.word(at).load(planted::order("found_relaxed", Acquire));
                if let Some(row) = row_of(word) {
                    return Some(row);
                }
            }
            if table.ends_in(group) {
                self.table = table.following()?;
                self.at = self.table.home(self.hash);
            } else {
                self.at = (group + GROUP_WORDS) & table.mask;
            }
            self.matches = None;
        }
    }
}

impl Table {
    fn boxed(words: usize, holder: &Holder) -> Result<*mut Self> {
        let words = words.max(WORDS_START);
        if words > WORDS_MAX {
            return Err(Error::new(Kind::OverBudget, "a table holds at most 600 million rows"));
        }
        let region = Region::map(words * 8, holder)?;
        // SAFETY: the region is fresh and that long.
        unsafe { make_words(region.start().cast(), words) };
        Ok(Box::into_raw(Box::new(Self {
            mask: words - 1,
            shift: 64 - words.trailing_zeros() + GROUP_WORDS.trailing_zeros(),
            words: region,
            next: AtomicPtr::new(null_mut()),
            used: AtomicU64::new(0),
            left: AtomicUsize::new(words),
            bytes: Witness::written(),
        })))
    }

    /// Where the search for a hash begins: the first word of a group.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        self.bytes.read();
        (hash >> self.shift) as usize * GROUP_WORDS
    }

    /// [`WORD_BITS`] for each word of the group with this hash.
    #[inline(always)]
    fn matches(&self, group: usize, hash: u64) -> u32 {
        // SAFETY: groups begin at multiples of their length, and so do tables end.
        unsafe { equal_hashes(self.word(group), hash) }
    }

    /// True if a search that came to this group need not look at the next one.
    fn ends_in(&self, group: usize) -> bool {
        let ends = |at| matches!(self.word(group + at).load(Acquire), 0 | FROZEN);
        (0..GROUP_WORDS).any(ends)
    }

    #[inline(always)]
    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at <= self.mask);
        // SAFETY: `at` is masked, and the region holds `mask + 1` zeroed words.
        unsafe { self.words.start().cast::<AtomicU64>().add(at).as_ref() }
    }

    #[inline(always)]
    fn following(&self) -> Option<&Self> {
        // SAFETY: tables are freed in the order they were left: the next one outlives this one.
        unsafe { self.next.load(Acquire).as_ref() }
    }

    /// Enters a word that is known to be absent.
    fn enter(&self, word: u64) {
        let mut at = self.home(word);
        while self.word(at).compare_exchange(0, word, AcqRel, Acquire).is_err() {
            at = (at + 1) & self.mask;
        }
        self.used.fetch_add(1, Relaxed);
    }

    fn is_filling(&self) -> bool {
        self.used.load(Relaxed) as usize * 4 >= (self.mask + 1) * 3
    }

    fn is_nearly_full(&self) -> bool {
        self.used.load(Relaxed) as usize * 10 >= (self.mask + 1) * 9
    }
}

/// The part of a hash, of so many: hashes that a search takes for equal are in the same one.
#[inline]
pub(crate) fn part_of(hash: u64, parts: usize) -> usize {
    let compared = hash >> HASH_SHIFT;
    ((u128::from(compared) * parts as u128) >> (64 - HASH_SHIFT)) as usize
}

/// The first word in its group that has bits.
#[inline(always)]
fn first_of(matches: u32) -> usize {
    (matches.trailing_zeros() / WORD_BITS) as usize
}

#[inline(always)]
fn word_of(hash: u64, row: u32) -> u64 {
    hash & !((1 << HASH_SHIFT) - 1) | ROW | u64::from(row)
}

#[inline(always)]
fn row_of(word: u64) -> Option<u32> {
    (word & MARKS == ROW).then_some(word as u32)
}

impl Drop for PrimaryIndex {
    fn drop(&mut self) {
        for (_, left) in self.moving.get_mut().left.drain(..) {
            // SAFETY: nobody else is left; each table was made by `Box::into_raw`.
            drop(unsafe { Box::from_raw(left) });
        }
        let mut table = self.current.load(Relaxed);
        while !table.is_null() {
            // SAFETY: nobody else is left; each table was made by `Box::into_raw`.
            let here = unsafe { Box::from_raw(table) };
            table = here.next.load(Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::budget::MemoryBudget;
    use crate::sync::join_all;

    fn timeline() -> Arc<Timeline> {
        Arc::new(Timeline::new(crate::mvcc::timeline::BEGINNING))
    }

    fn spread(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    }

    #[test]
    fn rows_are_found_while_the_index_grows_and_gone_when_removed() {
        let budget = MemoryBudget::new(64 << 20);
        let holder = budget.holder("index");
        let index = PrimaryIndex::new(timeline(), holder.clone()).unwrap();
        let hash = |row| spread(u64::from(row));
        for row in 0..50_000_u32 {
            let entered = index.insert(hash(row), row, |other| other == row).unwrap();
            assert_eq!(entered, Inserted::New);
            let probe = row / 2;
            let found = index.insert(hash(probe), 1 << 30, |other| other == probe);
            assert_eq!(found.unwrap(), Inserted::Found(probe));
        }
        for row in (0..50_000).step_by(2) {
            index.remove(hash(row), row);
        }
        for row in 0..50_000 {
            let found = index.candidates(hash(row)).find(|other| *other == row);
            assert_eq!(found.is_some(), row % 2 == 1);
        }
        assert_eq!(index.len(), 25_000);
    }

    #[test]
    fn of_two_threads_that_insert_one_key_one_wins() {
        let budget = MemoryBudget::new(64 << 20);
        let index = PrimaryIndex::new(timeline(), budget.holder("index")).unwrap();
        let key_of = |row: u32| u64::from(row % 20_000); // rows r and r + 20,000 have one key
        let hash = |row| spread(key_of(row));
        let wins = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let insert = |base| {
                for row in base..base + 20_000 {
                    let same = |other| key_of(other) == key_of(row);
                    if index.insert(hash(row), row, same).unwrap() == Inserted::New {
                        wins.fetch_add(1, Relaxed);
                    }
                }
            };
            join_all([0, 20_000].map(|base| scope.spawn(move || insert(base))));
        });
        assert_eq!((wins.load(Relaxed), index.len()), (20_000, 20_000));
    }
}

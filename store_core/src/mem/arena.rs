//! Arenas: slots of one size in pages of the pool, found by number.
//!
//! ```text
//! number     = page << shift | slot in page        (a page holds at most 2^shift slots)
//! directory  → [ page 0 | page 1 | … ]             replaced by a longer copy when full
//! page       → [ slot | slot | … ]                 stride words each
//! ```
//!
//! Numbers are sparse where a page holds fewer than 2^shift slots, so finding a slot takes no
//! division. The free slots of a page form a list through one of their own words, and the pages
//! with free slots are linked both ways. A slot's words are atomics: who may write which word when
//! is the business of `mvcc`.
//!
//! An empty page goes back to the pool, but for one that is kept, and its number is used again. If
//! nobody looks at a slot that was released it goes at once. Else the directory leads to a blank page
//! from then on, and the page itself stays until it is needed here again, or its owner says that nobody
//! is left on it ([`Arena::end_pages`]).

mod leaving;

use super::budget::Holder;
use super::make_words;
use super::page_pool::PagePool;
use super::wide::READ_WORDS;
use crate::error::{Error, Kind, Result};
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::sync::{
    Acquire, AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Mutex, Relaxed, Release, capacity,
};
use std::ops::Range;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

const WORD_BYTES: usize = 8;
/// Directory entries of a new arena.
const DIRECTORY_START: usize = capacity(8, 1);
/// Slots of a page at most: a model fills pages within a few steps.
const PAGE_SLOTS_MAX: usize = capacity(PAGE_BYTES, 4);
/// Words behind a slot that can be read, be they another slot's or nobody's.
pub(crate) const SLACK_WORDS: usize = READ_WORDS;
const SLACK_BYTES: usize = SLACK_WORDS * WORD_BYTES;
/// Ends a list of free slots or of pages.
const NONE: u32 = u32::MAX;

/// What an arena's slots look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotShape {
    /// Words of one slot.
    pub stride: usize,
    /// The word of a free slot that holds the number of the next one.
    pub link_word: usize,
    /// What a slot's first two words hold before its first use.
    pub fresh: [u64; 2],
    /// The first number handed out: 1 where 0 means "none".
    pub first: u32,
    /// Whether somebody may look at a slot that was released: then as long as it is free its first two
    /// words say so, and [`super::page_pool::BLANK_WORD`] must, too.
    pub read_when_free: bool,
}

/// Slots of one size, from the pool.
pub(crate) struct Arena {
    pool: Arc<PagePool>,
    holder: Holder,
    shape: SlotShape,
    slots_per_page: u32,
    shift: u32,
    /// The bits of a number that tell the slot in its page.
    slot_mask: u32,
    /// The first entry of the newest directory.
    directory: AtomicPtr<PageStart>,
    /// Slots handed back without the lock, linked through their link words: the first one's number,
    /// plus one.
    handed_back: AtomicU64,
    /// Pages that readers may walk. Release in `add_page`, Acquire in `pages`.
    pages: AtomicU32,
    /// Whether pages were left since somebody asked, for those who only look.
    has_left: AtomicBool,
    state: Mutex<State>,
}

/// Where a page begins; null for one that is not there.
type PageStart = AtomicPtr<AtomicU64>;

/// An entry for each page, and for as many to come.
type Directory = *mut [PageStart];

struct State {
    /// The first page with free slots.
    partial: u32,
    /// The slots of the newest page that were never used.
    fresh: Range<u32>,
    live: u64,
    pages: Vec<PageUse>,
    /// Numbers of pages that were given back.
    vacant: Vec<u32>,
    /// Pages that readers may still be on, though no number leads there.
    left: leaving::Left,
    /// The one empty page that is kept.
    spare: u32,
    /// The newest directory comes last. A reader may still hold one of those before: they add up to
    /// less than the last.
    directories: Vec<Directory>,
}

/// How a page is used.
struct PageUse {
    /// The first free slot.
    free: u32,
    live: u32,
    /// Neighbours in the list of pages with free slots.
    next: u32,
    previous: u32,
}

// SAFETY: the raw pointers lead to pages and directories that live as long as the arena.
unsafe impl Send for Arena {}
// SAFETY: as above; slots are atomics, the rest is behind the mutex.
unsafe impl Sync for Arena {}

impl Arena {
    /// An empty arena; it takes its first page with its first slot.
    pub(crate) fn new(pool: Arc<PagePool>, holder: Holder, shape: SlotShape) -> Result<Self> {
        let slots_per_page = (PAGE_BYTES - SLACK_BYTES) / (shape.stride * WORD_BYTES);
        let slots_per_page = slots_per_page.min(PAGE_SLOTS_MAX) as u32;
        if slots_per_page == 0 {
            return Err(Error::invalid(format!(
                "a row of {} bytes does not fit in a page of {PAGE_BYTES}",
                shape.stride * WORD_BYTES
            )));
        }
        let directory = directory_of(DIRECTORY_START);
        Ok(Self {
            pool,
            holder,
            shape,
            slots_per_page,
            shift: slots_per_page.next_power_of_two().trailing_zeros(),
            slot_mask: slots_per_page.next_power_of_two() - 1,
            directory: AtomicPtr::new(directory.cast()),
            handed_back: AtomicU64::new(0),
            pages: AtomicU32::new(0),
            has_left: AtomicBool::new(false),
            state: Mutex::new(State {
                partial: NONE,
                fresh: 0..0,
                live: 0,
                pages: Vec::new(),
                vacant: Vec::new(),
                left: leaving::Left::default(),
                spare: NONE,
                directories: vec![directory],
            }),
        })
    }

    /// A slot that nobody else uses. Its words hold what its last user left, but for the link word.
    pub(crate) fn allocate(&self) -> Result<u32> {
        self.take(|| self.pool.allocate(&self.holder))
    }

    /// A slot to delete a row with: also from the pages kept for that.
    pub(crate) fn allocate_urgent(&self) -> Result<u32> {
        self.take(|| self.pool.allocate_urgent(&self.holder))
    }

    /// Up to so many slots, at least one: more only if they need no new page.
    pub(crate) fn allocate_some(&self, most: usize, mut give: impl FnMut(u32)) -> Result<()> {
        let state = &mut self.state.lock();
        give(self.take_from(state, || self.pool.allocate(&self.holder))?);
        let mut left = most - 1;
        while left > 0 && state.partial != NONE {
            left -= self.take_run(state, left, &mut give);
        }
        for _ in 0..left.min(state.fresh.len()) {
            give(self.take_from(state, || unreachable!("there is a free slot"))?);
        }
        Ok(())
    }

    /// Up to so many free slots of the first page that has some; how many.
    fn take_run(&self, state: &mut State, most: usize, give: &mut impl FnMut(u32)) -> usize {
        let page = state.partial;
        let (mut number, mut count) = (state.pages[page as usize].free, 0);
        while count < most && number != NONE {
            give(number);
            // SAFETY: numbers in a list of free slots are slots of this arena.
            number = unsafe { self.word(number, self.shape.link_word) }.load(Relaxed) as u32;
            count += 1;
        }
        let used = &mut state.pages[page as usize];
        used.free = number;
        used.live += count as u32;
        state.live += count as u64;
        if number == NONE {
            state.unlink(page);
        }
        if state.spare == page {
            state.spare = NONE;
        }
        count
    }

    fn take(&self, page: impl FnOnce() -> Result<NonNull<u8>>) -> Result<u32> {
        self.take_from(&mut self.state.lock(), page)
    }

    fn take_from(
        &self,
        state: &mut State,
        page: impl FnOnce() -> Result<NonNull<u8>>,
    ) -> Result<u32> {
        let is_full = state.partial == NONE;
        let number = if is_full && (!state.fresh.is_empty() || !Self::revive(state)) {
            self.take_fresh(state, page)?
        } else {
            let page = state.partial;
            let number = state.pages[page as usize].free;
            // SAFETY: numbers in a list of free slots are slots of this arena.
            let next = unsafe { self.word(number, self.shape.link_word) }.load(Relaxed) as u32;
            state.pages[page as usize].free = next;
            if next == NONE {
                state.unlink(page);
            }
            number
        };
        let page = number >> self.shift;
        if state.spare == page {
            state.spare = NONE;
        }
        state.pages[page as usize].live += 1;
        state.live += 1;
        Ok(number)
    }

    /// Takes a slot back.
    pub(crate) fn release(&self, number: u32) {
        self.put(&mut self.state.lock(), &[number]);
    }

    /// Takes many slots back.
    pub(crate) fn release_all(&self, numbers: &[u32]) {
        if !numbers.is_empty() {
            let state = &mut self.state.lock();
            for numbers in numbers.chunk_by(|a, b| a >> self.shift == b >> self.shift) {
                self.put(state, numbers);
            }
        }
    }

    /// Takes slots of one page back.
    fn put(&self, state: &mut State, numbers: &[u32]) {
        let page = numbers[0] >> self.shift;
        let used = &mut state.pages[page as usize];
        let next = used.free;
        for number in numbers {
            // SAFETY: the caller owned the slot, so it is one of this arena.
            let link = unsafe { self.word(*number, self.shape.link_word) };
            link.store(u64::from(used.free), Relaxed);
            used.free = *number;
        }
        used.live -= numbers.len() as u32;
        let empty = used.live == 0;
        state.live -= numbers.len() as u64;
        if next == NONE {
            state.link(page);
        }
        let filling = !state.fresh.is_empty() && state.fresh.start >> self.shift == page;
        if empty && !filling {
            let surplus = std::mem::replace(&mut state.spare, page);
            if surplus != NONE {
                self.vacate(state, surplus);
            }
        }
    }

    /// Takes slots back without the lock, from whoever must not wait for it, and keeps them aside until
    /// somebody calls [`Arena::take_back`].
    pub(crate) fn hand_back(&self, numbers: &[u32]) {
        for number in numbers {
            let mut top = self.handed_back.load(Relaxed);
            loop {
                // SAFETY: the caller owned the slot, so it is one of this arena.
                unsafe { self.word(*number, self.shape.link_word) }.store(top, Relaxed);
                let mine = u64::from(*number) + 1;
                // Release: pairs with the swap in `take_back`.
                match self.handed_back.compare_exchange(top, mine, Release, Relaxed) {
                    Ok(_) => break,
                    Err(now) => top = now,
                }
            }
        }
    }

    /// Frees the slots that were handed back; how many they were.
    pub(crate) fn take_back(&self) -> u64 {
        if self.handed_back.load(Relaxed) == 0 {
            return 0;
        }
        // All at once, so that no slot can come back to the stack meanwhile.
        let mut next = self.handed_back.swap(0, Acquire);
        let mut count = 0;
        while let Some(number) = next.checked_sub(1) {
            let number = number as u32;
            // SAFETY: slots handed back are slots of this arena.
            next = unsafe { self.word(number, self.shape.link_word) }.load(Relaxed);
            self.release(number);
            count += 1;
        }
        count
    }

    /// Slots in use.
    pub(crate) fn live(&self) -> u64 {
        self.state.lock().live
    }

    /// Bytes of the slots that are not in use, and of all.
    pub(crate) fn slot_use(&self) -> (u64, u64) {
        let state = self.state.lock();
        let (pages, live) = ((state.pages.len() - state.vacant.len()) as u64, state.live);
        drop(state);
        let all = pages * u64::from(self.slots_per_page);
        (all.saturating_sub(live) * self.slot_bytes(), all * self.slot_bytes())
    }

    /// Bytes of a slot.
    pub(crate) fn slot_bytes(&self) -> u64 {
        (self.shape.stride * WORD_BYTES) as u64
    }

    /// Keeps the pages mapped for as long as the guard lives; `None` once the store has closed.
    pub(crate) fn hold_open(&self) -> Option<impl Drop + '_> {
        self.pool.hold_open()
    }

    /// Pages to walk with [`Arena::page_slots`].
    pub(crate) fn pages(&self) -> u32 {
        self.pages.load(Acquire) // pairs with Release in add_page
    }

    /// The numbers of a page's slots; some may never have been used.
    pub(crate) fn page_slots(&self, page: u32) -> Range<u32> {
        let first = page << self.shift;
        first.max(self.shape.first)..first + self.slots_per_page
    }

    /// The page of a slot.
    #[inline(always)]
    pub(crate) fn page_of(&self, number: u32) -> u32 {
        number >> self.shift
    }

    /// The first word of a slot.
    ///
    /// # Safety
    /// `number` came from this arena (or from [`Arena::page_slots`]); words beyond the stride are
    /// somebody else's.
    #[inline(always)]
    pub(crate) unsafe fn slot(&self, number: u32) -> *const AtomicU64 {
        let page = (number >> self.shift) as usize;
        let slot = (number & self.slot_mask) as usize;
        let directory = self.directory.load(Acquire); // pairs with Release in add_page
        // SAFETY: the number was handed out after its page was entered, and whoever passed it on
        // did so with Release, so this directory or a later one holds the page. Directories live as
        // long as the arena. Acquire pairs with Release in `add_page` and `vacate`, for those whose
        // number is older than the page that is there now.
        let start = unsafe { &*directory.add(page) }.load(Acquire);
        // SAFETY: the slot lies inside its page, as it would inside a blank one.
        unsafe { start.add(slot * self.shape.stride) }
    }

    /// One word of a slot.
    ///
    /// # Safety
    /// As for [`Arena::slot`], and `word` is below the stride.
    #[inline(always)]
    pub(crate) unsafe fn word(&self, number: u32, word: usize) -> &AtomicU64 {
        // SAFETY: the caller's promise.
        unsafe { &*self.slot(number).add(word) }
    }

    fn take_fresh(
        &self,
        state: &mut State,
        new_page: impl FnOnce() -> Result<NonNull<u8>>,
    ) -> Result<u32> {
        if state.fresh.is_empty() {
            let page = state.vacant.last().copied().unwrap_or(state.pages.len() as u32);
            self.add_page(state, page, new_page)?;
            state.fresh = self.page_slots(page);
        }
        let number = state.fresh.start;
        state.fresh.start += 1;
        Ok(number)
    }

    /// Enters a page under a number that is new or vacant.
    fn add_page(
        &self,
        state: &mut State,
        page: u32,
        new_page: impl FnOnce() -> Result<NonNull<u8>>,
    ) -> Result<()> {
        if u64::from(page + 1) << self.shift >= u64::from(NONE) {
            return Err(Error::new(Kind::OverBudget, "a table holds at most 4 billion rows"));
        }
        let start: NonNull<AtomicU64> = new_page()?.cast();
        // SAFETY: the page is ours alone and has that many words.
        unsafe { make_words(start, self.slots_per_page as usize * self.shape.stride) };
        for slot in 0..self.slots_per_page as usize {
            for (word, value) in self.shape.fresh.iter().enumerate() {
                // SAFETY: the page is ours alone and `slot` lies inside it.
                unsafe { &*start.as_ptr().add(slot * self.shape.stride + word) }
                    .store(*value, Relaxed);
            }
        }
        if page as usize == state.directory().len() {
            let longer = doubled(state.directory());
            // Pairs with Acquire in slot.
            self.directory.store(longer.cast(), planted::order("directory_relaxed", Release));
            state.directories.push(longer);
        }
        state.directory()[page as usize].store(start.as_ptr(), Release);
        if state.vacant.last() == Some(&page) {
            state.vacant.pop();
        } else {
            state.pages.push(PageUse { free: NONE, live: 0, next: NONE, previous: NONE });
            // Pairs with Acquire in pages.
            self.pages.store(page + 1, planted::order("pages_relaxed", Release));
        }
        Ok(())
    }
}

impl State {
    /// The newest directory.
    fn directory(&self) -> &[PageStart] {
        let newest = self.directories.last().copied().expect("an arena begins with a directory");
        // SAFETY: directories live as long as the arena.
        unsafe { &*newest }
    }

    /// Enters a page in the list of those with free slots.
    fn link(&mut self, page: u32) {
        let next = std::mem::replace(&mut self.partial, page);
        if next != NONE {
            self.pages[next as usize].previous = page;
        }
        let used = &mut self.pages[page as usize];
        (used.next, used.previous) = (next, NONE);
    }

    /// Takes a page out of that list.
    fn unlink(&mut self, page: u32) {
        let PageUse { next, previous, .. } = self.pages[page as usize];
        match previous {
            NONE => self.partial = next,
            _ => self.pages[previous as usize].next = next,
        }
        if next != NONE {
            self.pages[next as usize].previous = previous;
        }
    }
}

fn directory_of(pages: usize) -> Directory {
    let pages: Box<[PageStart]> = (0..pages).map(|_| AtomicPtr::new(null_mut())).collect();
    Box::into_raw(pages)
}

/// A copy with twice as many entries.
fn doubled(directory: &[PageStart]) -> Directory {
    let entries = directory.iter().map(|page| page.load(Relaxed));
    let entries = entries.chain(directory.iter().map(|_| null_mut()));
    let pages: Box<[PageStart]> = entries.map(AtomicPtr::new).collect();
    Box::into_raw(pages)
}

impl Drop for Arena {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        // What waits for an epoch may keep the arena beyond its store: then the pages are gone.
        if let Some(_open) = self.pool.hold_open() {
            for page in &state.directory()[..self.pages.load(Relaxed) as usize] {
                if let Some(start) = NonNull::new(page.load(Relaxed))
                    && !self.pool.is_blank(start.as_ptr().cast())
                {
                    self.pool.release(start.cast(), &self.holder);
                }
            }
            for page in state.left.pages.drain(..) {
                self.pool.release(page.start.cast(), &self.holder);
            }
        }
        for directory in state.directories.drain(..) {
            // SAFETY: made by `Box::into_raw` and dropped once.
            drop(unsafe { Box::from_raw(directory) });
        }
    }
}

#[cfg(test)]
mod tests;

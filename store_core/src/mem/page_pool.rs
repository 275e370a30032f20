//! Pages of one pool: all bulk memory of a store.
//!
//! ```text
//! address space  [ used | used | ready | used | returned | ready | never touched … ]
//!                  └ counted at its holder  └ counted at the pool     └ costs nothing
//! ```
//!
//! The address space is taken once without access and made writable in lumps as the budget grants
//! them, so a limit of the system on private memory sees only what is in use. A page given back is
//! kept ready up to a low-water mark; beyond it its memory returns to the system.
//!
//! A commit must not fail once its timestamp is taken, yet its index blocks need memory: it takes a
//! [`Promise`] first, and those pages stay ready for it.

use super::budget::Holder;
use super::region::Region;
use crate::error::{Error, Kind, Result};
use crate::options::{
    PAGE_BYTES, POOL_LUMP_PAGES, POOL_READY_PAGES, POOL_READY_SHARE, POOL_SPARE_PAGES,
};
use crate::planted;
use crate::sync::{
    Acquire, AtomicPtr, AtomicU64, Mutex, Relaxed, Release, RwLock, capacity, fence,
};
use rustix::mm::{Advice, MprotectFlags, madvise, mprotect};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// Every word of the blank page.
pub(crate) const BLANK_WORD: u64 = 0xFFFF << 48;
/// Words of the blank page: a model's pages have few.
const BLANK_WORDS: usize = capacity(PAGE_BYTES / size_of::<AtomicU64>(), 16);

/// All pages of a store.
pub(crate) struct PagePool {
    /// Gone when the store has closed: garbage that is dropped later finds nothing to free.
    space: RwLock<Option<Region>>,
    start: NonNull<u8>,
    pages_max: u32,
    state: Mutex<State>,
    holder: Holder,
    /// Pages handed out for commits beyond what was promised.
    overdrawn: AtomicU64,
    /// The page that stands for all that are gone, once one is.
    blank: AtomicPtr<u8>,
}

#[derive(Default)]
struct State {
    /// Writable pages counted at the pool.
    ready: Vec<u32>,
    /// Writable addresses without memory, counted nowhere.
    returned: Vec<u32>,
    /// Pages below this one have been made writable.
    opened: u32,
    /// Ready pages that are kept for commits under way.
    promised: usize,
}

// SAFETY: `start` is only an address; the pages behind it are handed out one owner at a time.
unsafe impl Send for PagePool {}
// SAFETY: as above; the lists are behind a mutex.
unsafe impl Sync for PagePool {}

/// Pages that stay ready until this is dropped.
#[must_use]
pub(crate) struct Promise<'a> {
    pool: &'a PagePool,
    pages: usize,
}

impl PagePool {
    /// A pool for as many pages as the budget grants now.
    pub(crate) fn new(holder: Holder) -> Result<Arc<Self>> {
        let bytes = holder.budget().limit();
        Self::with_room(holder, bytes)
    }

    /// Takes the address space for as many pages as the budget could ever grant, and some to spare.
    pub(crate) fn with_room(holder: Holder, bytes: u64) -> Result<Arc<Self>> {
        // Addresses beyond the budget cost nothing; they are for commits that must not fail.
        let pages_max = bytes as usize / PAGE_BYTES + POOL_SPARE_PAGES;
        let pages_max = pages_max.min(u32::MAX as usize);
        // One page more, so that the first page can start at a multiple of its size.
        let space = Region::address_space((pages_max + 1) * PAGE_BYTES)?;
        let slack = space.start().as_ptr().align_offset(PAGE_BYTES);
        // SAFETY: `slack` is below one page and the region is one page longer than the pool.
        let start = unsafe { space.start().add(slack) };
        Ok(Arc::new(Self {
            space: RwLock::new(Some(space)),
            start,
            pages_max: pages_max as u32,
            state: Mutex::new(State::default()),
            holder,
            overdrawn: AtomicU64::new(0),
            blank: AtomicPtr::new(null_mut()),
        }))
    }

    /// A page for this holder; its bytes are whatever its last user left.
    pub(crate) fn allocate(&self, holder: &Holder) -> Result<NonNull<u8>> {
        self.allocate_once(holder).or_else(|refusal| {
            if self.holder.budget().empty_caches() {
                self.allocate_once(holder)
            } else {
                Err(refusal)
            }
        })
    }

    fn allocate_once(&self, holder: &Holder) -> Result<NonNull<u8>> {
        let mut state = self.state.lock();
        let kept = if planted::bug("promise_not_kept") { 0 } else { state.promised };
        if state.ready.len() <= kept {
            self.make_ready(&mut state, 1)?;
        }
        Ok(self.hand_out(&mut state, holder))
    }

    /// A page for a cache, if one is to spare.
    pub(crate) fn allocate_spare(&self, holder: &Holder) -> Result<NonNull<u8>> {
        if !self.holder.budget().has_spare(PAGE_BYTES as u64, self.holder.used()) {
            return Err(none_to_spare());
        }
        self.allocate_once(holder)
    }

    /// A page for a commit that holds a promise: never fails while the promise was large enough.
    pub(crate) fn allocate_promised(&self, holder: &Holder) -> NonNull<u8> {
        let mut state = self.state.lock();
        if state.ready.is_empty() {
            // The estimate behind the promise was too small. Going over beats a half commit; the
            // peak in `stats` shows it.
            self.holder.force(PAGE_BYTES);
            self.overdrawn.fetch_add(1, Relaxed);
            self.open_pages(&mut state, 1).expect("address space is left for promised pages");
        }
        self.hand_out(&mut state, holder)
    }

    /// A page even if the budget is used up: from what is kept for deleting rows.
    pub(crate) fn allocate_urgent(&self, holder: &Holder) -> Result<NonNull<u8>> {
        self.allocate(holder).or_else(|refusal| {
            let mut state = self.state.lock();
            if state.ready.is_empty() {
                self.holder.take_urgent_in_pool(PAGE_BYTES).map_err(|_| refusal)?;
                let opened = self.open_pages(&mut state, 1);
                opened.inspect_err(|_| self.holder.give(PAGE_BYTES))?;
            }
            Ok(self.hand_out(&mut state, holder))
        })
    }

    /// Keeps this many pages ready until the promise is dropped.
    pub(crate) fn promise(&self, pages: usize) -> Result<Promise<'_>> {
        if pages == 0 {
            return Ok(Promise { pool: self, pages });
        }
        self.promise_once(pages).or_else(|refusal| {
            if self.holder.budget().empty_caches() {
                self.promise_once(pages)
            } else {
                Err(refusal)
            }
        })
    }

    fn promise_once(&self, pages: usize) -> Result<Promise<'_>> {
        let mut state = self.state.lock();
        let missing = (state.promised + pages).saturating_sub(state.ready.len());
        if missing > 0 {
            self.make_ready(&mut state, missing)?;
        }
        state.promised += pages;
        Ok(Promise { pool: self, pages })
    }

    /// Keeps pages ready for good, for [`PagePool::allocate_urgent`] and promises that fell short.
    pub(crate) fn keep_reserve(&self, pages: usize) -> Result<()> {
        self.promise(pages).map(std::mem::forget)
    }

    /// Takes a page back from its holder.
    pub(crate) fn release(&self, page: NonNull<u8>, holder: &Holder) {
        let mut state = self.state.lock();
        let number = self.number(page);
        if state.ready.len() < self.ready_max() + state.promised {
            holder.hand_over(&self.holder, PAGE_BYTES);
            state.ready.push(number);
            return;
        }
        self.give_back(&mut state, number, holder);
    }

    /// Returns a page's memory to the system.
    fn give_back(&self, state: &mut State, number: u32, holder: &Holder) {
        let page = self.page(number).as_ptr();
        // SAFETY: the page is whole, ours, and nobody uses it any more.
        let returned = unsafe { madvise(page.cast(), PAGE_BYTES, Advice::LinuxDontNeed) };
        debug_assert!(returned.is_ok(), "a page of the pool can be returned");
        state.returned.push(number);
        holder.give(PAGE_BYTES);
    }

    /// Returns every page that is ready and not promised to the system, for whoever was refused
    /// memory that is not pages; true if there was one.
    pub(crate) fn trim(&self) -> bool {
        let mut state = self.state.lock();
        let surplus = state.ready.len().saturating_sub(state.promised);
        for _ in 0..surplus {
            let number = state.ready.pop().expect("counted above");
            self.give_back(&mut state, number, &self.holder);
        }
        surplus > 0
    }

    /// The page that readers find in place of one that is gone: each word is [`BLANK_WORD`], for ever.
    pub(crate) fn blank(&self) -> Option<NonNull<u8>> {
        NonNull::new(self.blank.load(Acquire))
    }

    /// Makes a page that is to go the blank one, if there is none. Others may be reading it, and have seen
    /// that there is nothing.
    pub(crate) fn become_blank(&self, page: NonNull<u8>, holder: &Holder) -> bool {
        let _alone = self.state.lock();
        if self.blank().is_some() {
            return false;
        }
        // Whoever gets one of the new words finds that the row which he copies is gone. Pairs with the
        // fence after the copy in `Versions::read`.
        fence(Release);
        for at in 0..BLANK_WORDS {
            // SAFETY: the page has that many words, and nobody writes them any more.
            unsafe { page.cast::<AtomicU64>().add(at).as_ref() }.store(BLANK_WORD, Relaxed);
        }
        holder.hand_over(&self.holder, PAGE_BYTES);
        // Pairs with Acquire in `blank`.
        self.blank.store(page.as_ptr(), Release);
        true
    }

    /// True if a page is the blank one.
    #[inline]
    pub(crate) fn is_blank(&self, page: *const u8) -> bool {
        !page.is_null() && self.blank.load(Relaxed).cast_const() == page
    }

    /// Pages handed out beyond what was promised: 0 unless an estimate was wrong.
    pub(crate) fn overdrawn(&self) -> u64 {
        self.overdrawn.load(Relaxed)
    }

    /// The largest budget it has addresses for.
    pub(crate) fn room(&self) -> u64 {
        (self.pages_max as usize - POOL_SPARE_PAGES) as u64 * PAGE_BYTES as u64
    }

    /// Keeps the pages mapped for as long as the guard lives; `None` once the store has closed.
    ///
    /// Garbage of a closed store may be dropped by another thread, at any time.
    pub(crate) fn hold_open(&self) -> Option<impl Drop + '_> {
        let space = self.space.read();
        space.is_some().then_some(space)
    }

    /// Unmaps everything at once. Only when no handle of the store is left.
    pub(crate) fn close(&self) {
        self.space.write().take();
    }

    /// The low-water mark: pages kept ready beside the promised ones.
    fn ready_max(&self) -> usize {
        let pages = self.holder.budget().limit() as usize / PAGE_BYTES;
        POOL_READY_PAGES.max(pages / POOL_READY_SHARE)
    }

    /// Adds ready pages: a lump if the budget grants one, else just what is needed.
    fn make_ready(&self, state: &mut State, needed: usize) -> Result<()> {
        // Up to the end of a lump, so that the kernel can back each by one huge page.
        let fresh = needed.saturating_sub(state.returned.len());
        let end = (state.opened as usize + fresh).next_multiple_of(POOL_LUMP_PAGES);
        let room = (self.pages_max as usize).min(end) - state.opened as usize;
        let lump = if fresh == 0 { needed } else { needed.max(needed - fresh + room) };
        let granted = if self.holder.take_in_pool(lump * PAGE_BYTES).is_ok() {
            lump
        } else {
            self.holder.take_in_pool(needed * PAGE_BYTES)?;
            needed
        };
        self.open_pages(state, granted).inspect_err(|_| self.holder.give(granted * PAGE_BYTES))
    }

    /// Makes pages ready: returned ones first, then fresh ones by one call of the system.
    fn open_pages(&self, state: &mut State, count: usize) -> Result<()> {
        let fresh = count.saturating_sub(state.returned.len());
        if fresh > (self.pages_max - state.opened) as usize {
            return Err(Error::new(Kind::OverBudget, "every page of the pool is in use"));
        }
        if fresh > 0 {
            let first = self.page(state.opened).as_ptr();
            let access = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: the pages lie inside the address space of this pool, and nobody has used them.
            unsafe { mprotect(first.cast(), fresh * PAGE_BYTES, access) }.map_err(|error| {
                Error::new(Kind::OverBudget, format!("the system refused {fresh} pages: {error}"))
                    .caused_by(error)
            })?;
        }
        for _ in 0..count - fresh {
            state.ready.extend(state.returned.pop());
        }
        // The lowest page comes last, so that it is handed out first.
        state.ready.extend((state.opened..state.opened + fresh as u32).rev());
        state.opened += fresh as u32;
        Ok(())
    }

    fn hand_out(&self, state: &mut State, holder: &Holder) -> NonNull<u8> {
        let number = state.ready.pop().expect("a page was made ready above");
        self.holder.hand_over(holder, PAGE_BYTES);
        self.page(number)
    }

    fn page(&self, number: u32) -> NonNull<u8> {
        debug_assert!(number < self.pages_max);
        // SAFETY: page numbers stay below `pages_max`, and the address space covers them all.
        unsafe { self.start.add(number as usize * PAGE_BYTES) }
    }

    fn number(&self, page: NonNull<u8>) -> u32 {
        let offset = page.as_ptr() as usize - self.start.as_ptr() as usize;
        debug_assert!(offset.is_multiple_of(PAGE_BYTES));
        (offset / PAGE_BYTES) as u32
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        if self.pages == 0 {
            return;
        }
        let mut state = self.pool.state.lock();
        state.promised -= self.pages;
        while state.ready.len() > self.pool.ready_max() + state.promised {
            let number = state.ready.pop().expect("longer than the low-water mark");
            self.pool.give_back(&mut state, number, &self.pool.holder);
        }
    }
}

#[cold]
fn none_to_spare() -> Error {
    Error::new(Kind::OverBudget, "no memory to spare for a cache")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::budget::MemoryBudget;

    #[test]
    fn pages_are_reserved_reused_and_returned() {
        let budget = MemoryBudget::new(60 * PAGE_BYTES as u64);
        let root = budget.holder("store");
        let pool = PagePool::new(root.child("pool")).unwrap();
        let arena = root.child("arena");
        let pages: Vec<_> = (0..60).map(|_| pool.allocate(&arena).unwrap()).collect();
        assert_eq!(arena.used(), 60 * PAGE_BYTES as u64);
        assert_eq!(pool.allocate(&arena).unwrap_err().kind(), Kind::OverBudget);
        for page in pages {
            assert_eq!(page.as_ptr() as usize % PAGE_BYTES, 0);
            pool.release(page, &arena);
        }
        assert_eq!(arena.used(), 0);
        assert_eq!(budget.used(), (POOL_READY_PAGES * PAGE_BYTES) as u64);
    }

    #[test]
    fn promised_pages_stay_ready() {
        let budget = MemoryBudget::new(20 * PAGE_BYTES as u64);
        let root = budget.holder("store");
        let pool = PagePool::new(root.child("pool")).unwrap();
        let promise = pool.promise(5).unwrap();
        let taken = (0..20).take_while(|_| pool.allocate(&root).is_ok()).count();
        assert_eq!(taken, 15);
        pool.allocate_promised(&root);
        drop(promise);
        assert!(pool.allocate(&root).is_ok());
        let used = budget.used();
        assert!(pool.trim() && !pool.trim());
        assert_eq!(budget.used(), used - 3 * PAGE_BYTES as u64);
        assert!(pool.allocate(&root).is_ok());
    }
}

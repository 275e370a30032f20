//! Empty pages, which go back to the pool: at once, or when nobody can be on them any more.

use super::{Arena, NONE, State};
use crate::planted;
use crate::sync::{AtomicU64, Relaxed, Release};
use std::ptr::{NonNull, null_mut};

/// A page without a place, by its number.
pub(super) struct LeftPage {
    number: u32,
    pub(super) start: NonNull<AtomicU64>,
}

impl Arena {
    /// Gives an empty page back to the pool, or leaves it to those who may be on it.
    pub(super) fn vacate(&self, state: &mut State, page: u32) {
        let instead = match (self.shape.read_when_free, self.pool.blank()) {
            (false, _) => null_mut(),
            (true, Some(blank)) => blank.as_ptr().cast(),
            // There is no memory for that: the page is used again where it is.
            (true, None) => return,
        };
        if planted::bug("empty_pages_kept") {
            return;
        }
        state.unlink(page);
        state.pages[page as usize].free = NONE;
        // Release: pairs with Acquire in `slot`.
        let start = state.directory()[page as usize].swap(instead, Release);
        let start = NonNull::new(start).expect("a page with slots is entered");
        if self.shape.read_when_free && !planted::bug("page_freed_at_once") {
            state.left.push(LeftPage { number: page, start });
            self.newly_left.fetch_add(1, Relaxed);
        } else {
            state.vacant.push(page);
            self.pool.release(start.cast(), &self.holder);
        }
    }

    /// True if pages were left since [`Arena::take_left`].
    #[inline]
    pub(crate) fn has_left(&self) -> bool {
        self.newly_left.load(Relaxed) > 0
    }

    /// The numbers of the pages that were left since the last call, in order. Who follows one of them to a
    /// slot from now on comes to a blank page.
    pub(crate) fn take_left(&self) -> Vec<u32> {
        let state = self.state.lock();
        let new = self.newly_left.swap(0, Relaxed) as usize;
        let newest = &state.left[state.left.len() - new..];
        let mut numbers: Vec<u32> = newest.iter().map(|page| page.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Gives pages back that were left, by their numbers in order, as nobody is on them any more; the
    /// numbers are used again.
    pub(crate) fn end_pages(&self, numbers: &[u32]) {
        let state = &mut *self.state.lock();
        let ended = state.left.extract_if(.., |page| numbers.binary_search(&page.number).is_ok());
        for LeftPage { number, start } in ended {
            state.vacant.push(number);
            self.pool.release(start.cast(), &self.holder);
        }
    }

    /// True if a page is gone: its slots are blank.
    #[inline]
    pub(crate) fn is_blank(&self, page: u32) -> bool {
        // SAFETY: the number of a page that is there, or was.
        let start = unsafe { self.slot(page << self.shift) };
        self.pool.is_blank(start.cast())
    }
}

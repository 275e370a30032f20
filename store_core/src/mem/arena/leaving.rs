//! Empty pages, which go back to the pool: at once, or when nobody can be on them any more.

use super::{Arena, NONE, State};
use crate::planted;
use crate::sync::{AtomicU64, Relaxed, Release};
use std::ptr::{NonNull, null_mut};

/// A page without a place.
pub(super) struct LeftPage {
    /// Where it was.
    number: u32,
    pub(super) start: NonNull<AtomicU64>,
    /// The first of its slots, all of which are free.
    free: u32,
    /// Tells how often pages were left before.
    stamp: u64,
}

/// The pages that were left.
#[derive(Default)]
pub(super) struct Left {
    pub(super) pages: Vec<LeftPage>,
    stamp: u64,
    /// The newest stamp that somebody has asked for.
    taken: u64,
}

impl Arena {
    /// Gives an empty page back to the pool, or leaves it to those who may be on it.
    pub(super) fn vacate(&self, state: &mut State, page: u32) {
        if planted::bug("empty_pages_kept") {
            return;
        }
        state.unlink(page);
        let free = std::mem::replace(&mut state.pages[page as usize].free, NONE);
        let place = &state.directory()[page as usize];
        let start = NonNull::new(place.load(Relaxed)).expect("a page with slots is entered");
        let instead = match self.pool.blank() {
            _ if !self.shape.read_when_free => null_mut(),
            Some(blank) => blank.as_ptr(),
            None if self.pool.become_blank(start.cast(), &self.holder) => {
                state.vacant.push(page);
                return;
            }
            None => self.pool.blank().expect("another has become it").as_ptr(),
        };
        // Release: pairs with Acquire in `slot`.
        place.store(instead.cast(), Release);
        if self.shape.read_when_free && !planted::bug("page_freed_at_once") {
            state.left.stamp += 1;
            let stamp = state.left.stamp;
            state.left.pages.push(LeftPage { number: page, start, free, stamp });
            self.has_left.store(true, Relaxed);
        } else {
            state.vacant.push(page);
            self.pool.release(start.cast(), &self.holder);
        }
    }

    /// True if pages were left since [`Arena::take_left`].
    #[inline]
    pub(crate) fn has_left(&self) -> bool {
        self.has_left.load(Relaxed)
    }

    /// The stamps of the pages that were left since the last call, ascending. Who follows a number to one
    /// of their slots from now on comes to a blank page.
    pub(crate) fn take_left(&self) -> Vec<u64> {
        let left = &mut self.state.lock().left;
        self.has_left.store(false, Relaxed);
        let before = std::mem::replace(&mut left.taken, left.stamp);
        left.pages.iter().map(|page| page.stamp).filter(|stamp| *stamp > before).collect()
    }

    /// Gives pages back that were left and not used again since, by their stamps in order, as nobody is on
    /// them any more; their numbers are used again.
    pub(crate) fn end_pages(&self, stamps: &[u64]) {
        let state = &mut *self.state.lock();
        let is_ended = |page: &mut LeftPage| stamps.binary_search(&page.stamp).is_ok();
        for LeftPage { number, start, .. } in state.left.pages.extract_if(.., is_ended) {
            state.vacant.push(number);
            self.pool.release(start.cast(), &self.holder);
        }
    }

    /// Uses a page that was left where it was, if there is one: whoever is on it finds slots without rows,
    /// as on any page.
    pub(super) fn revive(state: &mut State) -> bool {
        let Some(LeftPage { number, start, free, .. }) = state.left.pages.pop() else {
            return false;
        };
        // Release: pairs with Acquire in `slot`.
        state.directory()[number as usize].store(start.as_ptr(), Release);
        state.pages[number as usize].free = free;
        state.link(number);
        true
    }

    /// True if a page is gone: its slots are blank.
    #[inline]
    pub(crate) fn is_blank(&self, page: u32) -> bool {
        // SAFETY: the number of a page that is there, or was.
        let start = unsafe { self.slot(page << self.shift) };
        self.pool.is_blank(start.cast())
    }
}

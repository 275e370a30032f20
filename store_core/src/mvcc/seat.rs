//! Seats: words of the registry that threads keep for reads of a single call.
//!
//! A snapshot takes a word by an exchange, which is a fence; a processor does not begin the next read's
//! wait for memory before that is over. Who only wants the newest row of a key sits down on a word of
//! its own instead: three plain stores, and no fence. The fence is on the other side: whoever looks at the
//! words makes every thread of the process pass one ([`heavy_fence`]), where others have seats.
//!
//! ```text
//! word   IDLE ──take_seat──► RESTING ──sit──► PENDING ─► timestamp ──rise──► RESTING … ──leave_seat──► IDLE
//! ```
//!
//! Such a fence costs a microsecond or more, so committers let one serve many looks: [`Timeline::look`].

use super::registry::{IDLE, PENDING, RESTING, Registry, SEATED};
use super::timeline::{Moment, Timeline, Timestamp};
use crate::planted;
use crate::sync::{
    AcqRel, Acquire, AtomicU64, Relaxed, Release, can_fence_heavily, fence_after_exchange,
    heavy_fence, light_fence,
};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Somebody who reads during one call; what the timestamp sees is kept until this is dropped.
#[must_use]
pub(crate) struct Sitting<'t> {
    word: &'t AtomicU64,
    place: usize,
    at: Timestamp,
}

/// A seat of this thread, until it ends or the store has.
struct Seat {
    registry: Arc<Registry>,
    place: usize,
}

thread_local! {
    /// Where this thread sat last: the address of a registry that is in `SEATS`, and its place there.
    static LAST: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    static SEATS: RefCell<Vec<Seat>> = const { RefCell::new(Vec::new()) };
}

impl Sitting<'_> {
    /// Who reads, and at which timestamp.
    #[inline(always)]
    pub(crate) fn moment(&self) -> Moment {
        Moment { at: self.at, place: self.place as u32 }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        LAST.set((0, 0));
        self.registry.leave_seat(self.place);
    }
}

impl Drop for Sitting<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: its reads come before any reuse; pairs with Acquire in `look`.
        self.word.store(RESTING, planted::order("rise_relaxed", Release));
    }
}

impl Timeline {
    /// Registers a read of this call at the newest timestamp, on this thread's seat. `None` if it has
    /// none and can get none, or sits there already: then a snapshot must do.
    #[inline]
    pub(crate) fn sit(&self) -> Option<Sitting<'_>> {
        let (registry, place) = LAST.get();
        let place = if registry == self.registry.address() { place } else { self.find_seat()? };
        self.sit_at(place)
    }

    /// The same on a seat that is the caller's.
    #[inline]
    pub(crate) fn sit_at(&self, place: usize) -> Option<Sitting<'_>> {
        let word = &self.registry.word(place).read;
        if word.load(Relaxed) != RESTING {
            return None;
        }
        // Release, as all stores to the word: the reads before come before its reuse.
        word.store(PENDING, Release);
        if !planted::bug("seat_without_fence") {
            light_fence(); // pairs with the heavy fence in `settle`
        }
        let at = self.published();
        word.store(at.0 | SEATED, Release);
        Some(Sitting { word, place, at })
    }

    /// Takes a seat, for as long as its thread lives.
    pub(crate) fn take_seat(&self) -> Option<usize> {
        self.registry.take_seat()
    }

    /// This thread's seat here, taken now if it has none.
    #[cold]
    #[inline(never)]
    fn find_seat(&self) -> Option<usize> {
        // One thread of the system plays all threads of a model.
        if cfg!(any(loom, shuttle)) || !can_fence_heavily() {
            return None;
        }
        let find = |seats: &RefCell<Vec<Seat>>| {
            let mut seats = seats.try_borrow_mut().ok()?;
            let known = seats.iter().find(|seat| Arc::ptr_eq(&seat.registry, &self.registry));
            let place = if let Some(seat) = known {
                seat.place
            } else {
                // Those of stores that have ended.
                seats.retain(|seat| Arc::strong_count(&seat.registry) > 1);
                let place = self.take_seat()?;
                seats.push(Seat { registry: Arc::clone(&self.registry), place });
                place
            };
            LAST.set((self.registry.address(), place));
            Some(place)
        };
        SEATS.try_with(find).ok().flatten() // none while the thread is ending
    }

    /// True if threads other than this one have seats.
    pub(super) fn others_have_seats(&self) -> bool {
        let mine = usize::from(LAST.get().0 == self.registry.address());
        // Acquire pairs with Release in `leave_seat`: who has left sits nowhere.
        self.registry.seats.load(Acquire) > mine
    }

    /// The newest timestamp of which it is certain that everybody who sits and reads less can be seen:
    /// at most `lag` behind `published`. `None` if that cannot be had.
    ///
    /// Who loaded `published` before the heavy fence has stored PENDING before it, and is seen after it.
    /// Who loads it later finds what the caller has found, or something newer.
    pub(super) fn settle(&self, published: u64, lag: u64) -> Option<u64> {
        let settled = self.settled.0.load(Acquire);
        if published.saturating_sub(settled) <= lag {
            return Some(if planted::bug("lag_ignored") { published } else { settled });
        }
        if !planted::bug("settled_without_fence") && !heavy_fence() {
            return None;
        }
        self.settled.0.fetch_max(published, AcqRel);
        Some(published)
    }
}

impl Registry {
    /// What tells registries apart while they live.
    #[inline(always)]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Takes a word to sit on.
    fn take_seat(&self) -> Option<usize> {
        let place = self.take().ok()?;
        let word = self.word(place);
        self.seats.fetch_add(1, AcqRel);
        // Pairs with the fence in `look`: who does not see the seat is not older than who sits there.
        fence_after_exchange();
        word.read.store(RESTING, Release);
        Some(place)
    }

    /// Gives it back.
    fn leave_seat(&self, place: usize) {
        let word = self.word(place);
        word.read.store(IDLE, Release);
        self.seats.fetch_sub(1, AcqRel);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::timeline::BEGINNING;
    use super::*;

    fn commit(timeline: &Timeline) -> Timestamp {
        let at = timeline.take();
        timeline.publish(at).expect("in turn");
        at
    }

    #[test]
    fn who_sits_holds_back_the_watermark_and_who_rose_does_not() {
        let timeline = Timeline::new(BEGINNING);
        let sitting = timeline.sit().expect("a seat");
        assert_eq!(sitting.at, BEGINNING);
        assert!(timeline.sit().is_none(), "one at a time");
        let newer = commit(&timeline);
        assert_eq!(timeline.advance_watermark(), BEGINNING);
        assert!(!timeline.expire_oldest(usize::MAX), "a read of one call is not given up");
        drop(sitting);
        assert_eq!(timeline.advance_watermark(), newer);
        assert_eq!(timeline.sit().expect("the same seat").at, newer);
        assert_eq!((timeline.registry.words().count(), timeline.open_snapshots().0), (1, 0));
    }

    #[test]
    fn a_thread_has_a_seat_in_each_store_and_gives_them_back() {
        let timelines = [Timeline::new(BEGINNING), Timeline::new(BEGINNING)];
        let seats = || timelines.each_ref().map(|timeline| timeline.registry.seats.load(Relaxed));
        std::thread::scope(|scope| {
            let sit = || {
                for _ in 0..3 {
                    for timeline in &timelines {
                        drop(timeline.sit().expect("a seat"));
                    }
                }
                assert_eq!(seats(), [1, 1]);
            };
            scope.spawn(sit).join().unwrap();
        });
        // The thread's ending may still be under way when it is joined.
        while seats() != [0, 0] {
            std::thread::yield_now();
        }
        drop(timelines[0].sit());
        assert_eq!(seats(), [1, 0]);
    }

    #[test]
    fn committers_settle_for_a_moment_before_while_others_have_seats() {
        let timeline = Timeline::new(BEGINNING);
        std::thread::scope(|scope| {
            let (go, wait) = std::sync::mpsc::channel();
            let (done, sat) = std::sync::mpsc::channel();
            let timeline = &timeline;
            scope.spawn(move || {
                let sitting = timeline.sit().expect("a seat");
                done.send(()).unwrap();
                wait.recv().unwrap();
                drop(sitting);
                done.send(()).unwrap();
                wait.recv().unwrap();
            });
            sat.recv().unwrap();
            commit(timeline);
            let newest = commit(timeline);
            let oldest = |live: Option<crate::mvcc::LiveSnapshots>| live.unwrap().oldest_registered;
            assert_eq!(oldest(timeline.live_snapshots()), BEGINNING);
            go.send(()).unwrap();
            sat.recv().unwrap();
            let newer = commit(timeline);
            assert_eq!(oldest(timeline.live_snapshots_soon()), newest, "settled before");
            assert_eq!(oldest(timeline.live_snapshots()), newer);
            go.send(()).unwrap();
        });
    }
}

//! The one commit clock: which timestamps are taken, published, and still read.
//!
//! *Published* is the newest timestamp a new snapshot may read, *watermark* the oldest that a live
//! one reads. Commits finish in any order; a ring of finished timestamps lets whoever can move
//! `published` over all that are done, in order. Each publishing its own in turn would be a convoy:
//! every waiter had to be scheduled in order.
//!
//! Registration against the watermark (fences, after the store-buffering pattern): a snapshot
//! stores PENDING, fences, loads `published`; the watermark is computed by loading `published`,
//! fencing, then looking at every word. If the snapshot's fence came first, its word is seen; if
//! the other's came first, the snapshot reads the same `published` or a later one.

use super::registry::{IDLE, PENDING, Registry};
use crate::error::{Error, Kind, Result};
use crate::options::SNAPSHOTS_MAX;
use crate::planted;
use crate::sync::{AcqRel, Acquire, AtomicBool, AtomicU64, Relaxed, Release, SeqCst, fence, pause};

/// A place in the commit order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub u64);

/// The first published timestamp of an empty store.
pub(crate) const BEGINNING: Timestamp = Timestamp(1);

#[repr(align(128))]
struct Padded(AtomicU64);

/// The clock, the ring, the published timestamp, the registered snapshots and the watermark.
pub(crate) struct Timeline {
    next: Padded,
    published: Padded,
    watermark: Padded,
    /// A place for each transaction that could be committing, and as many for changes of the
    /// schema, so that none is overwritten early.
    finished: Box<[AtomicU64]>,
    registry: Registry,
    /// A commit failed after it took its timestamp: nothing after it can ever be published.
    stuck: AtomicBool,
}

impl Timeline {
    /// A timeline whose newest commit is `start`.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self {
            next: Padded(AtomicU64::new(start.0)),
            published: Padded(AtomicU64::new(start.0)),
            watermark: Padded(AtomicU64::new(start.0)),
            finished: (0..2 * SNAPSHOTS_MAX).map(|_| AtomicU64::new(0)).collect(),
            registry: Registry::new(),
            stuck: AtomicBool::new(false),
        }
    }

    /// Sets the newest commit, while recovery is the only user.
    pub(crate) fn restart_at(&self, newest: Timestamp) {
        for word in [&self.next, &self.published, &self.watermark] {
            word.0.store(newest.0, Release);
        }
    }

    /// The newest timestamp a new snapshot may read.
    pub(crate) fn published(&self) -> Timestamp {
        Timestamp(self.published.0.load(Acquire)) // pairs with the swap in `publish`
    }

    /// The newest timestamp taken.
    pub(crate) fn newest(&self) -> Timestamp {
        Timestamp(self.next.0.load(Acquire))
    }

    /// The watermark as last computed: never above the oldest live snapshot.
    pub(crate) fn watermark(&self) -> Timestamp {
        Timestamp(self.watermark.0.load(Acquire)) // pairs with the swap in `advance_watermark`
    }

    /// Registers a snapshot: its place, and the timestamp it reads.
    pub(crate) fn register(&self) -> Result<(usize, Timestamp)> {
        let place = self.registry.take()?; // PENDING from here on
        if !planted::bug("register_without_fence") {
            fence(SeqCst); // pairs with the fence in `advance_watermark`
        }
        let published = self.published.0.load(Acquire); // pairs with the swap in `publish`
        self.registry.word(place).store(published, Release);
        Ok((place, Timestamp(published)))
    }

    /// Ends a snapshot; whatever only it could see may be reclaimed.
    pub(crate) fn unregister(&self, place: usize) {
        // Release: its reads come before any reuse; pairs with Acquire in `advance_watermark`.
        self.registry.word(place).store(IDLE, planted::order("unregister_relaxed", Release));
    }

    /// Marks a moment: a snapshot that reads a later timestamp has seen all that was done before.
    ///
    /// By a read-modify-write, so that whoever publishes next, and whoever registers after that,
    /// synchronises with this call.
    pub(crate) fn mark(&self) -> Timestamp {
        if planted::bug("mark_by_load") {
            return self.published();
        }
        Timestamp(self.published.0.fetch_add(0, AcqRel))
    }

    /// Raises the watermark to the oldest timestamp a live or future snapshot may read.
    pub(crate) fn advance_watermark(&self) -> Timestamp {
        let published = self.published.0.load(Acquire);
        if !planted::bug("watermark_without_fence") {
            fence(SeqCst); // pairs with the fence in `register`
        }
        let mut oldest = published;
        for word in self.registry.words() {
            match word.load(Acquire) {
                PENDING if planted::bug("pending_ignored") => {}
                PENDING => return self.watermark(),
                IDLE => {}
                read => oldest = oldest.min(read),
            }
        }
        if planted::bug("watermark_above_snapshots") {
            oldest = published;
        }
        let mut known = self.watermark.0.load(Acquire);
        while known < oldest {
            match self.watermark.0.compare_exchange(known, oldest, AcqRel, Acquire) {
                Ok(_) => return Timestamp(oldest),
                Err(now) => known = now,
            }
        }
        Timestamp(known)
    }

    /// Open snapshots and transactions, and the oldest timestamp one of them reads.
    pub(crate) fn open_snapshots(&self) -> (usize, Option<Timestamp>) {
        let reads: Vec<u64> = self
            .registry
            .words()
            .map(|word| word.load(Acquire))
            .filter(|read| *read != IDLE && *read != PENDING)
            .collect();
        (reads.len(), reads.iter().min().copied().map(Timestamp))
    }

    /// Takes the next timestamp. With a log: inside its critical section, so that both orders agree.
    pub(crate) fn take(&self) -> Timestamp {
        Timestamp(self.next.0.fetch_add(1, AcqRel) + 1)
    }

    /// Makes a finished commit visible and returns once it is: every later snapshot sees it.
    pub(crate) fn publish(&self, done: Timestamp) -> Result<()> {
        let ring = self.finished.len() as u64;
        // Pairs with Acquire below: who moves `published` over it has seen the installed rows.
        let release = planted::order("finished_relaxed", Release);
        self.finished[(done.0 % ring) as usize].store(done.0, release);
        if planted::bug("published_out_of_turn") {
            self.published.0.fetch_max(done.0, AcqRel);
        }
        let mut attempt = 0;
        loop {
            let published = self.published.0.load(Acquire);
            if published >= done.0 {
                return Ok(());
            }
            let next = published + 1;
            if self.finished[(next % ring) as usize].load(Acquire) == next {
                // AcqRel: passes on what the finished commits installed; pairs with `register`.
                let order = planted::order("published_relaxed", AcqRel);
                let _ = self.published.0.compare_exchange(published, next, order, Relaxed);
                continue;
            }
            if self.is_stuck() {
                return Err(Error::new(
                    Kind::Poisoned,
                    "an earlier commit failed: this store takes no more commits; reopen it",
                ));
            }
            pause(&mut attempt);
        }
    }

    /// True if a commit took a timestamp and will never finish: none after it can be published.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Relaxed)
    }

    /// Says that a commit took a timestamp and will never finish.
    pub(crate) fn give_up(&self) {
        self.stuck.store(true, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_published_in_order_by_whoever_can() {
        let timeline = Timeline::new(BEGINNING);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let taken = timeline.take();
                        timeline.publish(taken).unwrap();
                        assert!(timeline.published() >= taken);
                    }
                });
            }
        });
        assert_eq!(timeline.published(), Timestamp(8_001));
    }

    #[test]
    fn the_watermark_stays_below_every_live_snapshot() {
        let timeline = Timeline::new(BEGINNING);
        let (place, read) = timeline.register().unwrap();
        let taken = timeline.take();
        timeline.publish(taken).unwrap();
        assert_eq!((read, timeline.advance_watermark()), (BEGINNING, BEGINNING));
        assert_eq!(timeline.open_snapshots(), (1, Some(BEGINNING)));
        timeline.unregister(place);
        assert_eq!(timeline.advance_watermark(), taken);
    }

    #[test]
    fn too_many_snapshots_are_refused_not_fatal() {
        let timeline = Timeline::new(BEGINNING);
        let places: Vec<_> = (0..SNAPSHOTS_MAX).map(|_| timeline.register().unwrap().0).collect();
        assert_eq!(timeline.register().unwrap_err().kind(), Kind::Busy);
        timeline.unregister(places[77]);
        assert!(timeline.register().is_ok());
    }
}

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
//! the other's came first, the snapshot reads the same `published` or a later one. The same look
//! gives the list of all live snapshots (see `live`).

use super::live::LiveSnapshots;
use super::registry::{EXPIRED, IDLE, PENDING, RESTING, Registry, SEATED, now_ms};
use crate::error::{Error, Kind, Result};
use crate::mem::prefetch_to_write;
use crate::options::SNAPSHOTS_MAX;
use crate::planted;
use crate::sync::{
    AcqRel, Acquire, AtomicBool, AtomicU64, Relaxed, Release, SeqCst, capacity, fence,
    fence_after_exchange, pause,
};
use std::sync::Arc;
use std::time::Duration;

/// A place in the commit order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub u64);

impl Timestamp {
    /// A moment after every commit, and before what words of pages say that are gone: a read at it takes
    /// the newest version.
    pub(crate) const NEWEST: Self = Self((1 << 61) - 1);
}

/// Who reads, and at which timestamp: a registered snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub at: Timestamp,
    /// Its place in the registry.
    pub place: u32,
}

/// Somebody registered, until this is dropped.
#[must_use]
pub(crate) struct Entered<'t> {
    timeline: &'t Timeline,
    place: usize,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.timeline.unregister(self.place);
    }
}

/// Marks a timestamp in the ring whose commit may be published only when it is durable: its writer does
/// not wait for that.
const TICKET: u64 = 1 << 63;

/// The first published timestamp of an empty store.
pub(crate) const BEGINNING: Timestamp = Timestamp(1);

/// How many commits may be published before committers make others pass a fence again, who have seats. In
/// a virtual machine that may take 15 µs, an update less than one.
const SETTLED_EVERY: u64 = capacity(512, 1) as u64;

#[repr(align(128))]
pub(super) struct Padded(pub(super) AtomicU64);

/// The clock, the ring, the published timestamp, the registered snapshots and the watermark.
pub(crate) struct Timeline {
    next: Padded,
    published: Padded,
    watermark: Padded,
    /// Whoever sits and reads less is seen by everybody; see `settle`.
    pub(super) settled: Padded,
    /// A place for each transaction that could be committing, as many for those that were about to when
    /// the last ticket was given, for tickets, and for changes of the schema, so that none is
    /// overwritten early.
    finished: Box<[AtomicU64]>,
    /// The newest timestamp that is durable: the log's, if there is one.
    durable: Arc<AtomicU64>,
    /// Shared with the threads that have seats.
    pub(super) registry: Arc<Registry>,
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
            settled: Padded(AtomicU64::new(start.0)),
            finished: (0..4 * SNAPSHOTS_MAX).map(|_| AtomicU64::new(0)).collect(),
            durable: Arc::new(AtomicU64::new(start.0)),
            registry: Arc::new(Registry::new()),
            stuck: AtomicBool::new(false),
        }
    }

    /// Sets the newest commit, while recovery is the only user.
    pub(crate) fn restart_at(&self, newest: Timestamp) {
        for word in [&self.next, &self.published, &self.watermark, &self.settled] {
            word.0.store(newest.0, Release);
        }
    }

    /// Lets the clock go on at this timestamp, for the only one who takes any: none of those before it
    /// that were not taken will be.
    pub(crate) fn skip_to(&self, newest: Timestamp) {
        self.next.0.fetch_max(newest.0, AcqRel);
        // Read-modify-write, as in `publish`: who reads it has seen what was published before.
        self.published.0.fetch_max(newest.0, AcqRel);
    }

    /// Where the log says which commits are durable.
    pub(crate) fn durable(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.durable)
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
        Timestamp(self.watermark.0.load(Acquire)) // pairs with the maximum in `advance_watermark`
    }

    /// Registers a snapshot: its place, and the timestamp it reads.
    pub(crate) fn register(&self) -> Result<(usize, Timestamp)> {
        let place = self.registry.take()?; // PENDING from here on
        if !planted::bug("register_without_fence") {
            fence_after_exchange(); // pairs with the fence in `advance_watermark`
        }
        let published = self.published.0.load(Acquire); // pairs with the swap in `publish`
        let word = self.registry.word(place);
        word.since_ms.store(now_ms(), Relaxed);
        word.clones.store(0, Relaxed);
        word.read.store(published, Release);
        Ok((place, Timestamp(published)))
    }

    /// Counts one more holder of a registered snapshot.
    pub(crate) fn share(&self, place: usize) {
        self.registry.word(place).clones.fetch_add(1, Relaxed);
    }

    /// Counts one holder less; true for the last one, who is to end the snapshot.
    #[inline]
    pub(crate) fn is_last(&self, place: usize) -> bool {
        let clones = &self.registry.word(place).clones;
        // Nobody can clone what only the caller holds. Acquire pairs with Release below: the others'
        // reads come before the end.
        clones.load(Acquire) == 0 || clones.fetch_sub(1, AcqRel) == 0
    }

    /// Ends a snapshot; whatever only it could see may be reclaimed.
    pub(crate) fn unregister(&self, place: usize) {
        // Release: its reads come before any reuse; pairs with Acquire in `advance_watermark`.
        let release = planted::order("unregister_relaxed", Release);
        let word = self.registry.word(place);
        word.ended.store(word.ended.load(Relaxed).wrapping_add(1), release); // nobody else does
        word.read.store(IDLE, release);
    }

    /// Registers somebody who looks at rows while a store is opened, and has no use for a timestamp.
    pub(crate) fn enter(&self) -> Result<Entered<'_>> {
        let (place, _) = self.register()?;
        Ok(Entered { timeline: self, place })
    }

    /// Raises the watermark to the oldest timestamp a registered or future snapshot may read; expired
    /// ones hold it back as long as they are registered.
    pub(crate) fn advance_watermark(&self) -> Timestamp {
        let Some(live) = self.live_snapshots() else { return self.watermark() };
        let oldest = live.oldest_registered;
        self.watermark.0.fetch_max(oldest.0, AcqRel);
        oldest
    }

    /// The timestamps that live snapshots read; `None` while one is about to learn its own.
    pub(crate) fn live_snapshots(&self) -> Option<LiveSnapshots> {
        self.look(0)
    }

    /// The same for those who look often: as of a moment some commits ago, while others have seats.
    #[inline]
    pub(crate) fn live_snapshots_soon(&self) -> Option<LiveSnapshots> {
        self.look(SETTLED_EVERY)
    }

    /// True if everybody registered, expired or not, and everybody to come reads this or something newer;
    /// false, too, if that is not to be had without waiting.
    ///
    /// The caller knows that it is published, and has exchanged a word since.
    #[inline]
    pub(crate) fn all_read_from(&self, at: Timestamp) -> bool {
        if !planted::bug("watermark_without_fence") {
            fence_after_exchange(); // pairs with the fence in `register`
        }
        if self.others_have_seats() {
            let published = self.published.0.load(Acquire);
            if self.settle(published, SETTLED_EVERY).is_none_or(|settled| settled < at.0) {
                return false;
            }
        }
        self.registry.words().all(|word| match word.read.load(Acquire) {
            PENDING => planted::bug("pending_ignored"),
            IDLE | RESTING => true,
            read if read & SEATED != 0 && planted::bug("seats_ignored") => true,
            read => read & !(SEATED | EXPIRED) >= at.0 || planted::bug("watermark_above_snapshots"),
        })
    }

    /// True if [`Timeline::live_snapshots_soon`] shows a later moment than this, or may.
    #[inline]
    pub(crate) fn shows_later(&self, moment: Timestamp) -> bool {
        !self.others_have_seats() || {
            let settled = self.settled.0.load(Acquire);
            settled > moment.0 || self.published.0.load(Acquire) > settled + SETTLED_EVERY
        }
    }

    /// Looks at all words; at most `lag` commits may have been published after what is taken for the newest.
    fn look(&self, lag: u64) -> Option<LiveSnapshots> {
        let have_seats = self.others_have_seats();
        let mut published = self.published.0.load(Acquire);
        if have_seats {
            published = self.settle(published, lag)?;
        } else {
            if !planted::bug("watermark_without_fence") {
                fence(SeqCst); // pairs with the fence in `register`
            }
            // Who has taken a seat meanwhile may sit already.
            if self.others_have_seats() {
                published = self.settle(published, lag)?;
            }
        }
        let mut live = LiveSnapshots::new(Timestamp(published));
        for word in self.registry.words() {
            match word.read.load(Acquire) {
                PENDING if planted::bug("pending_ignored") => {}
                PENDING => return None,
                IDLE | RESTING => {}
                read if read & SEATED != 0 => {
                    if !planted::bug("seats_ignored") {
                        live.add(Timestamp(read & !SEATED), false);
                    }
                }
                read => live.add(Timestamp(read & !EXPIRED), read & EXPIRED != 0),
            }
        }
        live.sort();
        if planted::bug("watermark_above_snapshots") {
            live = LiveSnapshots::new(Timestamp(published));
        }
        Some(live)
    }

    /// Open snapshots and transactions, and the oldest of those that are not expired, with its age.
    pub(crate) fn open_snapshots(&self) -> (usize, Option<(Timestamp, Duration)>) {
        let mut open = 0;
        let mut oldest: Option<(u64, u64)> = None;
        for word in self.registry.words() {
            let read = word.read.load(Acquire);
            if matches!(read, IDLE | PENDING) || read & SEATED != 0 {
                continue;
            }
            open += 1;
            if read & EXPIRED == 0 && oldest.is_none_or(|oldest| read < oldest.0) {
                oldest = Some((read, word.since_ms.load(Relaxed)));
            }
        }
        (open, oldest.map(|(read, since)| (Timestamp(read), age(since))))
    }

    // ---- expiry

    /// Gives up the oldest live snapshot but that at the place `spared`: versions are not kept for
    /// it any more. True if there was one.
    ///
    /// The mark is set before anything is taken from it, and everybody who looks at the words
    /// afterwards ignores it: see `check_kept` for the other side.
    pub(crate) fn expire_oldest(&self, spared: usize) -> bool {
        let words = self.registry.words().enumerate().filter(|(place, _)| *place != spared);
        let live = words.map(|(_, word)| (word.read.load(Acquire), word));
        let oldest = live.filter(|(read, _)| *read != PENDING && read & (EXPIRED | SEATED) == 0);
        let Some((read, word)) = oldest.min_by_key(|(read, _)| *read) else { return false };
        // If it has ended meanwhile, it holds nothing back either.
        let _ = word.read.compare_exchange(read, read | EXPIRED, AcqRel, Relaxed);
        true
    }

    /// Refuses what a snapshot found, or did not find, if it was given up before.
    ///
    /// A reader asks *after* it looked. Whoever unlinks a version or an index entry that only this
    /// snapshot needs has seen the mark (in `live_snapshots`), and unlinks with Release; so a
    /// reader that met the gap with Acquire sees the mark here.
    pub(crate) fn check_kept(&self, moment: Moment) -> Result<()> {
        let word = self.registry.word(moment.place as usize);
        let expired = word.read.load(Acquire) == moment.at.0 | EXPIRED;
        if expired && !planted::bug("expiry_not_told") {
            return Err(too_old(moment.at, age(word.since_ms.load(Relaxed))));
        }
        Ok(())
    }

    /// Somebody is about to commit: has the processor fetch what all commits write, while it waits for the
    /// row as well.
    #[inline(always)]
    pub(crate) fn expect_commit(&self) {
        prefetch_to_write(&raw const self.next.0);
        prefetch_to_write(&raw const self.published.0);
    }

    /// Takes the next timestamp. With a log: inside its critical section, so that both orders agree.
    pub(crate) fn take(&self) -> Timestamp {
        Timestamp(self.next.0.fetch_add(1, AcqRel) + 1)
    }

    /// Makes a finished commit visible and returns once it is: every later snapshot sees it.
    #[inline]
    pub(crate) fn publish(&self, done: Timestamp) -> Result<()> {
        if self.publish_in_turn(done) {
            return Ok(());
        }
        self.finish(done);
        self.wait_published(done)
    }

    /// Publishes a finished commit if it is the next one; false, and nothing has changed, if it is not.
    ///
    /// Nobody else can publish it, as it is not marked in the ring: so commits that do not meet share
    /// one line of `published` and none of the ring. It asks by the exchange itself: a look before
    /// would fetch the line twice, once to read it and once to change it.
    #[inline]
    fn publish_in_turn(&self, done: Timestamp) -> bool {
        let before = done.0 - 1;
        // AcqRel: passes on what this commit installed, and those before it; pairs with `register`.
        let order = planted::order("published_relaxed", AcqRel);
        self.published.0.compare_exchange(before, done.0, order, Relaxed).is_ok()
    }

    /// Says that a commit is finished; somebody is to publish it.
    pub(crate) fn finish(&self, done: Timestamp) {
        let ring = self.finished.len() as u64;
        // Pairs with Acquire below: who moves `published` over it has seen the installed rows.
        let release = planted::order("finished_relaxed", Release);
        self.finished[place_in_ring(done.0, ring)].store(done.0, release);
        if planted::bug("published_out_of_turn") {
            self.published.0.fetch_max(done.0, AcqRel);
        }
    }

    /// The same for one that may be published only once it is durable.
    pub(crate) fn finish_with_ticket(&self, done: Timestamp) {
        let place = place_in_ring(done.0, self.finished.len() as u64);
        let ticket = if planted::bug("ticket_published_early") { 0 } else { TICKET };
        let release = planted::order("ticket_relaxed", Release); // as in `finish`
        self.finished[place].store(done.0 | ticket, release);
    }

    /// Publishes all up to this timestamp, waiting for those that have not finished yet.
    pub(crate) fn wait_published(&self, done: Timestamp) -> Result<()> {
        let mut attempt = 0;
        while !self.advance(done) {
            if self.is_stuck() {
                return Err(Error::new(
                    Kind::Poisoned,
                    "an earlier commit failed: this store takes no more commits; reopen it",
                ));
            }
            pause(&mut attempt);
        }
        Ok(())
    }

    /// Publishes what can be up to this timestamp; true if that is all.
    pub(crate) fn advance(&self, to: Timestamp) -> bool {
        let ring = self.finished.len() as u64;
        loop {
            let published = self.published.0.load(Acquire);
            if published >= to.0 {
                return true;
            }
            let next = published + 1;
            let mark = self.finished[place_in_ring(next, ring)].load(Acquire);
            // Acquire pairs with the log's Release, after the sync.
            let ready =
                mark == next || (mark == next | TICKET && self.durable.load(Acquire) >= next);
            if !ready {
                return false;
            }
            // AcqRel: passes on what the finished commits installed; pairs with `register`.
            let order = planted::order("published_relaxed", AcqRel);
            let _ = self.published.0.compare_exchange(published, next, order, Relaxed);
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

/// Where a timestamp is marked. Neighbours lie on different cache lines, as different threads mark
/// them.
fn place_in_ring(at: u64, ring: u64) -> usize {
    const LINE_WORDS: u64 = 8;
    debug_assert_eq!(ring % LINE_WORDS, 0);
    let (at, lines) = (at % ring, ring / LINE_WORDS);
    (at % lines * LINE_WORDS + at / lines) as usize
}

fn age(since_ms: u64) -> Duration {
    Duration::from_millis(now_ms().saturating_sub(since_ms))
}

#[cold]
fn too_old(at: Timestamp, age: Duration) -> Error {
    Error::new(
        Kind::SnapshotTooOld,
        format!(
            "snapshot {} is too old: it was taken {:.1} s ago, and the versions kept for open \
             snapshots took too much of the memory; read again at a new snapshot, keep them open \
             for a shorter time, or raise the memory option",
            at.0,
            age.as_secs_f64()
        ),
    )
    .detail(at.0.to_string())
    .detail(age.as_millis().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::join_all;

    #[test]
    fn a_snapshot_ends_with_its_last_holder() {
        let timeline = Timeline::new(BEGINNING);
        for _ in 0..3 {
            let (place, _) = timeline.register().unwrap();
            timeline.share(place);
            timeline.share(place);
            assert_eq!([(); 3].map(|()| timeline.is_last(place)), [false, false, true]);
            timeline.unregister(place);
        }
        let (place, _) = timeline.register().unwrap();
        assert!(timeline.is_last(place), "a word forgets who held it before");
    }

    #[test]
    fn commits_are_published_in_order_by_whoever_can() {
        let timeline = Timeline::new(BEGINNING);
        std::thread::scope(|scope| {
            let commit = || {
                for _ in 0..2_000 {
                    let taken = timeline.take();
                    timeline.publish(taken).unwrap();
                    assert!(timeline.published() >= taken);
                }
            };
            join_all((0..4).map(|_| scope.spawn(commit)));
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
        assert_eq!(timeline.open_snapshots().0, 1);
        assert_eq!(timeline.open_snapshots().1.unwrap().0, BEGINNING);
        timeline.unregister(place);
        assert_eq!(timeline.advance_watermark(), taken);
    }

    #[test]
    fn an_expired_snapshot_holds_back_the_watermark_only() {
        let timeline = Timeline::new(BEGINNING);
        let (old, at) = timeline.register().unwrap();
        timeline.publish(timeline.take()).unwrap();
        let (young, newer) = timeline.register().unwrap();
        let moment = |place: usize, at| Moment { at, place: place as u32 };
        assert!(timeline.expire_oldest(young));
        let live = timeline.live_snapshots().unwrap();
        assert_eq!(live.timestamps(), [newer.0]);
        assert!(live.expired_saw(at, newer));
        assert_eq!(timeline.watermark(), at);
        let error = timeline.check_kept(moment(old, at)).unwrap_err();
        assert_eq!(error.kind(), Kind::SnapshotTooOld);
        assert!(timeline.check_kept(moment(young, newer)).is_ok());
        assert!(!timeline.expire_oldest(young), "nobody else is left");
        timeline.unregister(old);
        assert_eq!(timeline.advance_watermark(), newer);
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

//! The clock: registering a snapshot against the watermark, and publishing commits in order.

use super::{Search, check, notices};
use crate::mvcc::timeline::{BEGINNING, Timeline, Timestamp};
use crate::sync::{AtomicU64, Relaxed};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// A clock, one version of each timestamp, and the plain memory of the first one's text.
struct Store {
    timeline: Timeline,
    versions: [AtomicU64; 2],
    text: UnsafeCell<u64>,
}

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            timeline: Timeline::new(BEGINNING),
            versions: [AtomicU64::new(0), AtomicU64::new(0)],
            text: UnsafeCell::new(1),
        })
    }

    /// Writes the version of the next timestamp and publishes it.
    fn commit(&self) -> u64 {
        let at = self.timeline.take();
        self.versions[at.0 as usize - 2].store(at.0, Relaxed);
        self.timeline.publish(at).expect("nobody gave up");
        at.0
    }

    /// The same by the ring, whether it is its turn or not, as commits with a log are published.
    fn commit_by_ring(&self) -> u64 {
        let at = self.timeline.take();
        self.versions[at.0 as usize - 2].store(at.0, Relaxed);
        self.timeline.finish(at);
        self.timeline.wait_published(at).expect("nobody gave up");
        at.0
    }

    /// Demands every version up to a timestamp.
    fn look(&self, read: u64) {
        for at in 2..=read {
            assert_eq!(self.versions[at as usize - 2].load(Relaxed), at, "read at {read}");
        }
    }
}

/// One commit and a reclaimer that overwrites what only the older snapshot could see, beside a
/// snapshot. The text is plain memory, so an end that is not released shows as well.
#[test]
fn what_a_snapshot_sees_is_kept() {
    check("what_a_snapshot_sees_is_kept", Search::Whole, || {
        let store = Store::new();
        let shared = Arc::clone(&store);
        let reader = thread::spawn(move || {
            let (place, read) = shared.timeline.register().expect("a word is free");
            shared.look(read.0);
            if read == BEGINNING {
                // SAFETY: the watermark cannot pass a snapshot that is registered.
                let text = shared.text.with(|text| unsafe { *text });
                assert_eq!(text, 1, "the version was reclaimed under its reader");
            }
            shared.timeline.unregister(place);
        });
        store.commit();
        if store.timeline.advance_watermark() > BEGINNING {
            // SAFETY: no snapshot reads at the beginning any more.
            store.text.with_mut(|text| unsafe { *text = 99 });
        }
        reader.join().unwrap();
        assert!(store.timeline.advance_watermark() > BEGINNING);
    });
}

#[test]
fn what_a_snapshot_sees_is_kept_or_noticed() {
    let bugs = [
        "register_without_fence",
        "watermark_without_fence",
        "pending_ignored",
        "watermark_above_snapshots",
        "unregister_relaxed",
        "published_relaxed",
    ];
    notices("models::timeline::what_a_snapshot_sees_is_kept", &bugs);
}

/// The same beside a read on a seat, while somebody commits and then reclaims.
fn beside_a_seat(name: &str, begin: fn(&Store), reclaim: fn(&Store)) {
    check(name, Search::Whole, move || {
        let store = Store::new();
        let seat = store.timeline.take_seat().expect("a word is free");
        store.commit();
        store.text.with_mut(|text| {
            // SAFETY: nobody else is there yet.
            unsafe { *text = 2 }
        });
        begin(&store);
        let shared = Arc::clone(&store);
        let reader = thread::spawn(move || {
            let sitting = shared.timeline.sit_at(seat).expect("it is free");
            let read = sitting.moment().at.0;
            shared.look(read);
            if read == 2 {
                // SAFETY: nobody goes past who sits.
                let text = shared.text.with(|text| unsafe { *text });
                assert_eq!(text, 2, "the version was reclaimed under its reader");
            }
            drop(sitting);
        });
        store.commit();
        reclaim(&store);
        reader.join().unwrap();
        assert_eq!(store.timeline.advance_watermark().0, 3);
    });
}

/// A committer who looks twice, the second time without a fence of its own.
#[test]
fn what_is_seen_from_a_seat_is_kept() {
    let begin = |store: &Store| {
        let settled = store.timeline.live_snapshots().expect("nobody sits");
        assert_eq!(settled.oldest_registered.0, 2);
    };
    beside_a_seat("what_is_seen_from_a_seat_is_kept", begin, |store| {
        let soon = |_| store.timeline.live_snapshots_soon();
        for live in [0, 1].map(soon).into_iter().flatten() {
            if live.oldest_registered.0 > 2 {
                // SAFETY: nobody who sits reads what was committed first.
                store.text.with_mut(|text| unsafe { *text = 99 });
            }
        }
        if store.timeline.advance_watermark().0 > 2 {
            // SAFETY: as above.
            store.text.with_mut(|text| unsafe { *text = 99 });
        }
    });
}

/// One who only asks whether all read what it has committed; nothing was settled before.
#[test]
fn what_is_seen_from_a_seat_is_kept_by_who_asks() {
    beside_a_seat(
        "what_is_seen_from_a_seat_is_kept_by_who_asks",
        |_| (),
        |store| {
            for _ in 0..2 {
                if store.timeline.all_read_from(Timestamp(3)) {
                    // SAFETY: nobody who sits reads what was committed first.
                    store.text.with_mut(|text| unsafe { *text = 99 });
                }
            }
        },
    );
}

#[test]
fn what_is_seen_from_a_seat_is_kept_by_who_asks_or_noticed() {
    let bugs = ["seat_without_fence", "pending_ignored", "seats_ignored", "rise_relaxed"];
    notices("models::timeline::what_is_seen_from_a_seat_is_kept_by_who_asks", &bugs);
}

#[test]
fn what_is_seen_from_a_seat_is_kept_or_noticed() {
    let bugs = [
        "seat_without_fence",
        "settled_without_fence",
        "lag_ignored",
        "pending_ignored",
        "rise_relaxed",
    ];
    notices("models::timeline::what_is_seen_from_a_seat_is_kept", &bugs);
}

/// Two commits finish in any order, whoever can publishes for the one that is marked in the ring, and a
/// reader looks.
#[test]
fn commits_are_published_in_order() {
    check("commits_are_published_in_order", Search::Preemptions(3), || {
        let store = Store::new();
        let (other, shared) = (Arc::clone(&store), Arc::clone(&store));
        let committer = thread::spawn(move || {
            let at = other.commit_by_ring();
            assert!(other.timeline.published().0 >= at, "acknowledged before it was visible");
            other.look(at);
        });
        let reader = thread::spawn(move || shared.look(shared.timeline.published().0));
        let at = store.commit();
        assert!(store.timeline.published().0 >= at, "acknowledged before it was visible");
        store.look(at);
        committer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(store.timeline.published().0, 3);
    });
}

#[test]
fn commits_are_published_in_order_or_noticed() {
    let bugs = ["finished_relaxed", "published_relaxed", "published_out_of_turn"];
    notices("models::timeline::commits_are_published_in_order", &bugs);
}

/// A commit that will never finish does not leave the next one waiting.
#[test]
fn nobody_waits_for_a_commit_that_gave_up() {
    check("nobody_waits_for_a_commit_that_gave_up", Search::Whole, || {
        let store = Store::new();
        store.timeline.take();
        let other = Arc::clone(&store);
        let waiter = thread::spawn(move || {
            let at = other.timeline.take();
            assert!(other.timeline.publish(at).is_err());
        });
        store.timeline.give_up();
        waiter.join().unwrap();
        assert_eq!(store.timeline.published(), BEGINNING);
    });
}

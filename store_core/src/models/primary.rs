//! The primary index: one key entered twice, growing, removing, and freeing a table that was left.
//!
//! Under loom a table begins with eight words, grows when six are used, and an insert moves four.

use super::{Search, check, holder, notices};
use crate::index::primary::{Inserted, PrimaryIndex};
use crate::mvcc::Timeline;
use crate::mvcc::timeline::BEGINNING;
use crate::sync::{AtomicU64, Relaxed};
use loom::thread;
use std::sync::Arc;

/// Rows of a model; row `r` has its key in `keys[r]`, written before the row is entered.
const ROWS: usize = 8;
/// So many keys that the next insert makes the next table.
const ALMOST: [u64; 6] = [0, 1, 4, 8, 9, 12];

struct Index {
    timeline: Arc<Timeline>,
    primary: PrimaryIndex,
    keys: [AtomicU64; ROWS],
}

/// Keys 0 to 15, spread evenly in order.
fn hash(key: u64) -> u64 {
    key << 60
}

impl Index {
    /// An index with these keys, as rows 0, 1 and so on.
    fn with(keys: &[u64]) -> Arc<Self> {
        let timeline = Arc::new(Timeline::new(BEGINNING));
        let primary = PrimaryIndex::new(Arc::clone(&timeline), holder(1 << 20));
        let primary = primary.expect("room for a table");
        let index = Self { timeline, primary, keys: std::array::from_fn(|_| AtomicU64::new(99)) };
        for (row, key) in keys.iter().enumerate() {
            assert_eq!(index.insert(*key, row as u32), Inserted::New);
        }
        Arc::new(index)
    }

    fn insert(&self, key: u64, row: u32) -> Inserted {
        self.keys[row as usize].store(key, Relaxed);
        let same = |other: u32| {
            let theirs = self.keys[other as usize].load(Relaxed);
            assert_ne!(theirs, 99, "a row was found before its key was written");
            theirs == key
        };
        self.primary.insert(hash(key), row, same).expect("room for a table")
    }

    /// The row of a key.
    fn find(&self, key: u64) -> Option<u32> {
        self.primary.candidates(hash(key)).find(|row| {
            let theirs = self.keys[*row as usize].load(Relaxed);
            assert_ne!(theirs, 99, "a row was found before its key was written");
            theirs == key
        })
    }
}

/// Two threads insert one key: one wins, and the other is told of its row.
fn race(before: &'static [u64]) -> impl Fn() + Send + Sync + 'static {
    move || {
        let index = Index::with(before);
        let shared = Arc::clone(&index);
        let other = thread::spawn(move || shared.insert(15, 6));
        let outcomes = [index.insert(15, 7), other.join().unwrap()];
        let won = match outcomes {
            [Inserted::New, Inserted::Found(7)] => 7,
            [Inserted::Found(6), Inserted::New] => 6,
            both => panic!("{both:?}"),
        };
        assert_eq!(index.find(15), Some(won));
        assert_eq!(index.primary.len(), before.len() as u64 + 1);
        for (row, key) in before.iter().enumerate() {
            assert_eq!(index.find(*key), Some(row as u32));
        }
    }
}

#[test]
fn of_two_equal_keys_one_is_entered() {
    check("of_two_equal_keys_one_is_entered", Search::Whole, race(&[0]));
}

#[test]
fn of_two_equal_keys_one_is_entered_or_noticed() {
    notices("models::primary::of_two_equal_keys_one_is_entered", &["entered_relaxed"]);
}

/// The same while the index fills up: one of the two makes the next table, either moves.
#[test]
fn of_two_equal_keys_one_is_entered_while_growing() {
    let search = Search::Preemptions(3);
    check("of_two_equal_keys_one_is_entered_while_growing", search, race(&ALMOST));
}

#[test]
fn of_two_equal_keys_one_is_entered_while_growing_or_noticed() {
    let test = "models::primary::of_two_equal_keys_one_is_entered_while_growing";
    notices(test, &["absence_not_frozen", "next_relaxed", "entered_relaxed"]);
}

/// A row is found with its key or not at all.
#[test]
fn a_row_is_found_with_its_key() {
    check("a_row_is_found_with_its_key", Search::Whole, || {
        let index = Index::with(&[0]);
        let shared = Arc::clone(&index);
        let reader = thread::spawn(move || assert!(matches!(shared.find(7), None | Some(1))));
        assert_eq!(index.insert(7, 1), Inserted::New);
        reader.join().unwrap();
    });
}

#[test]
fn a_row_is_found_with_its_key_or_noticed() {
    let bugs = ["found_relaxed", "entered_relaxed"];
    notices("models::primary::a_row_is_found_with_its_key", &bugs);
}

/// A reader finds keys that were there, in whichever table, while the index grows.
#[test]
fn a_key_is_found_while_the_index_grows() {
    check("a_key_is_found_while_the_index_grows", Search::Preemptions(3), || {
        let index = Index::with(&ALMOST);
        let shared = Arc::clone(&index);
        let reader = thread::spawn(move || {
            assert_eq!(shared.find(4), Some(2));
            assert_eq!(shared.find(12), Some(5));
            assert_eq!(shared.find(15), None);
        });
        assert_eq!(index.insert(13, 6), Inserted::New);
        assert_eq!(index.insert(14, 7), Inserted::New);
        reader.join().unwrap();
        assert_eq!([0, 4, 12, 13, 14].map(|key| index.find(key).is_some()), [true; 5]);
    });
}

#[test]
fn a_key_is_found_while_the_index_grows_or_noticed() {
    let bugs = ["next_relaxed", "left_before_moved"];
    notices("models::primary::a_key_is_found_while_the_index_grows", &bugs);
}

/// However many insert at once, a word stays empty: else the search for an absent key would not end.
#[test]
fn searches_end() {
    check("searches_end", Search::Preemptions(2), || {
        let index = Index::with(&ALMOST[..5]);
        let others: Vec<_> = [(13, 5), (14, 6)]
            .map(|(key, row)| {
                let shared = Arc::clone(&index);
                thread::spawn(move || assert_eq!(shared.insert(key, row), Inserted::New))
            })
            .into();
        assert_eq!(index.insert(15, 7), Inserted::New);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(index.find(3), None);
        assert_eq!([13, 14, 15].map(|key| index.find(key).is_some()), [true; 3]);
    });
}

#[test]
fn searches_end_or_it_is_noticed() {
    notices("models::primary::searches_end", &["admitted_always"]);
}

/// Removing beside an insert that moves words on: what is gone is gone in both tables.
#[test]
fn what_is_removed_is_not_moved_on() {
    check("what_is_removed_is_not_moved_on", Search::Preemptions(3), || {
        let index = Index::with(&ALMOST);
        let shared = Arc::clone(&index);
        let remover = thread::spawn(move || shared.primary.remove(hash(4), 2));
        assert_eq!(index.insert(13, 6), Inserted::New);
        remover.join().unwrap();
        assert_eq!(index.insert(14, 7), Inserted::New);
        assert_eq!(index.find(4), None, "a removed row came back");
        assert_eq!([0, 8, 12, 13, 14].map(|key| index.find(key).is_some()), [true; 5]);
        assert_eq!(index.primary.len(), 7);
    });
}

#[test]
fn what_is_removed_is_not_moved_on_or_noticed() {
    notices("models::primary::what_is_removed_is_not_moved_on", &["removed_while_moving"]);
}

/// A table is left and freed, while another thread moves the clock on and then reads.
#[test]
fn a_table_is_freed_after_its_readers() {
    check("a_table_is_freed_after_its_readers", Search::Whole, || {
        let index = Index::with(&[0, 1, 4, 8, 9, 12, 5]); // the next table is there, half is moved
        let shared = Arc::clone(&index);
        let grower = thread::spawn(move || {
            assert_eq!(shared.insert(13, 7), Inserted::New);
            shared.primary.collect();
        });
        let at = index.timeline.take();
        index.timeline.publish(at).expect("nobody gave up");
        let (place, _) = index.timeline.register().expect("a word is free");
        assert_eq!(index.find(4), Some(2));
        index.timeline.unregister(place);
        grower.join().unwrap();
        index.primary.collect();
        assert_eq!(index.find(4), Some(2));
    });
}

#[test]
fn a_table_is_freed_after_its_readers_or_noticed() {
    let bugs = [
        "table_freed_early",
        "pending_ignored",
        "register_without_fence",
        "watermark_without_fence",
        "unregister_relaxed",
    ];
    notices("models::primary::a_table_is_freed_after_its_readers", &bugs);
}

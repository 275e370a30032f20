//! Counting an index's entries in place of rows, beside commits and reclaim: `txn/settled.rs`.

use super::ordered::index_in;
use super::{Search, check, notices};
use crate::index::ordered::{KeyRange, OrderedIndex};
use crate::mem::epoch::Epoch;
use crate::mvcc::Timestamp;
use crate::sync::{Acquire, AtomicU64, Release};
use crate::txn::Settled;
use loom::thread;
use std::ops::Bound;
use std::sync::Arc;

/// Rows with a value below 25 at the timestamps 0 to 3.
const ROWS: [u64; 4] = [0, 1, 2, 1];

struct Table {
    index: Arc<OrderedIndex>,
    settled: Settled,
    published: AtomicU64,
}

impl Table {
    fn commit(&self, at: u64, value: u32, row: u32, rows_more: i64) {
        self.settled.begin();
        self.index.insert(&value.to_be_bytes(), row);
        self.settled.note(Timestamp(at), rows_more);
        self.settled.end();
        self.published.store(at, Release);
    }

    fn count_below_25(&self) -> u64 {
        let high = Bound::Excluded(25_u32.to_be_bytes().to_vec());
        self.index.count(&KeyRange { low: Bound::Unbounded, high })
    }
}

/// Row 10 is there. Row 20 is inserted; then row 10 gets the value 30, and its old entry goes.
#[test]
fn entries_are_counted_only_if_they_are_the_rows() {
    check("entries_are_counted_only_if_they_are_the_rows", Search::Preemptions(3), || {
        let epoch = Epoch::with_steps();
        // No block is freed meanwhile: that is for other models.
        let pinned = epoch.pin();
        let table = Table {
            index: index_in(epoch, &[10]),
            settled: Settled::default(),
            published: AtomicU64::new(1),
        };
        table.settled.note(Timestamp(1), 1);
        let table = Arc::new(table);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            let at = shared.published.load(Acquire);
            let count = || shared.count_below_25();
            if let Some(count) = shared.settled.count(Timestamp(at), &shared.index, count) {
                assert_eq!(count, ROWS[at as usize], "at {at}");
            }
        });
        table.commit(2, 20, 20, 1);
        table.commit(3, 30, 10, 0);
        assert!(table.index.remove(&10_u32.to_be_bytes(), 10));
        reader.join().unwrap();
        let told = table.settled.count(Timestamp(3), &table.index, || table.count_below_25());
        assert_eq!(told, Some(1));
        drop(pinned);
    });
}

#[test]
fn entries_are_counted_only_if_they_are_the_rows_or_noticed() {
    let bugs = [
        "unsettled_entries_counted",
        "settled_not_looked_again",
        "settled_not_begun",
        "settled_after_snapshot",
        "entries_counted_relaxed",
    ];
    notices("models::settled::entries_are_counted_only_if_they_are_the_rows", &bugs);
}

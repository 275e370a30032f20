//! Pages of rows that go back to the pool, and are used for something else, beside those who look at rows
//! that were there. A model's page has four slots.

use super::super::{Search, check, notices};
use super::{KEY, RECLAIMER, Table, WRITER};
use crate::mem::make_words;
use crate::mvcc::chain::Newest;
use crate::mvcc::timeline::BEGINNING;
use crate::options::PAGE_BYTES;
use loom::thread;
use std::sync::Arc;

/// Slots of a page.
const SLOTS: usize = 4;

impl Table {
    /// A row on a page of its own, and one whose going makes that page leave, once it is empty; another page
    /// is the blank one already.
    fn seed_alone(&self) -> (u32, u32) {
        let row = self.seed(KEY, BEGINNING);
        let others: Vec<_> = (1..4 * SLOTS).map(|_| self.take_slot()).collect();
        let last = others[2 * SLOTS - 2];
        others.iter().filter(|row| **row != last).for_each(|row| self.versions.drop_row(*row));
        (row, last)
    }

    fn take_slot(&self) -> u32 {
        self.versions.new_row(WRITER, &[0]).expect("room for a row")
    }

    fn delete(&self, row: u32) {
        let mut writer = self.begin(WRITER);
        writer.own(row).expect("nobody else writes");
        writer.commit(true);
    }

    /// Takes a deleted row out once nobody sees it, has its page leave, and uses the memory for something
    /// else if it may.
    fn reclaim_with_page(&self, row: u32, last: u32) {
        if self.reclaim(row) {
            self.versions.drop_row(last);
            self.versions.note_left_pages();
            self.versions.end_left_pages();
            let page = self.pool.allocate(&self.holder).expect("room for a page");
            // SAFETY: the page is ours, if the pool gave it rightly. Zeros are a version that all see.
            unsafe { make_words(page.cast(), PAGE_BYTES / size_of::<u64>() / 128) };
        }
    }
}

/// A row goes with its page beside one read.
#[test]
fn a_page_goes_only_unread() {
    check("a_page_goes_only_unread", Search::Preemptions(2), || {
        let table = Table::new(1);
        let (row, last) = table.seed_alone();
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            shared.read_at_snapshot(row, |at, found| {
                assert_eq!(found, (at == BEGINNING.0).then_some((KEY, at)));
            });
        });
        table.delete(row);
        table.reclaim_with_page(row, last);
        reader.join().unwrap();
    });
}

#[test]
fn a_page_goes_only_unread_or_noticed() {
    let bugs = [
        "page_freed_at_once",
        "page_freed_under_reader",
        "pending_ignored",
        "register_without_fence",
        "watermark_without_fence",
        "unregister_relaxed",
    ];
    notices("models::chain::pages::a_page_goes_only_unread", &bugs);
}

/// The same beside somebody without a snapshot, who wants to reclaim the row as well.
#[test]
fn a_page_goes_only_when_no_reclaimer_is_on_it() {
    check("a_page_goes_only_when_no_reclaimer_is_on_it", Search::Preemptions(2), || {
        let table = Table::new(1);
        let (row, last) = table.seed_alone();
        table.delete(row);
        let shared = Arc::clone(&table);
        let other = thread::spawn(move || {
            let _standing = shared.versions.stand();
            if shared.versions.own(row, RECLAIMER).is_ok() {
                let newest = shared.versions.newest(row);
                assert!(matches!(newest, Newest::Deleted(_)), "{newest:?}");
                shared.versions.disown(row);
            }
        });
        table.reclaim_with_page(row, last);
        other.join().unwrap();
    });
}

#[test]
fn a_page_goes_only_when_no_reclaimer_is_on_it_or_noticed() {
    let bugs = ["page_freed_at_once", "page_freed_without_epoch"];
    notices("models::chain::pages::a_page_goes_only_when_no_reclaimer_is_on_it", &bugs);
}

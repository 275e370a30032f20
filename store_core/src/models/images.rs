//! Images of pages beside commits that change them: `mvcc/images.rs`.

use super::chain::{KEY, Table};
use super::{Search, check, notices};
use crate::mem::column::ColumnValues;
use crate::mvcc::timeline::BEGINNING;
use crate::mvcc::{Look, Timestamp};
use loom::thread;
use std::sync::Arc;

/// The column of the payload, behind the key.
const COLUMN: usize = 1;

impl Table {
    /// A scan of one column at a registered snapshot, by an image if there is one; it makes one if it
    /// may. The values, and what a walk gives.
    fn scan(&self, at: Timestamp) -> (Vec<u64>, Vec<u64>) {
        let images = &self.versions.images;
        let scan = images.scan([COLUMN].into_iter().collect());
        let walked = || self.walk(at).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        let found = match images.look(0, at, &scan) {
            Look::Image(columns) => columns.values[0].words().to_vec(),
            Look::Nothing => walked(),
            Look::Make(changed) => {
                let values = walked();
                images.keep(0, changed, &scan, values.len(), |_, slab| {
                    ColumnValues::make(slab, (values.len(), 1), false, |words, _| {
                        words.copy_from_slice(&values);
                    })
                });
                values
            }
        };
        images.scanned(&scan);
        (found, walked())
    }

    /// So many scans at a snapshot taken now.
    fn scan_now(&self, times: usize) {
        let (place, at) = self.timeline.register().expect("a word is free");
        for _ in 0..times {
            let (found, walked) = self.scan(at);
            assert_eq!(found, walked, "by an image at {at:?}");
        }
        self.timeline.unregister(place);
    }
}

/// A commit of one row beside a scan of a page that has an image.
#[test]
fn an_image_is_not_older_than_its_reader() {
    check("an_image_is_not_older_than_its_reader", Search::Preemptions(2), || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        table.scan_now(2);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || shared.scan_now(1));
        super::chain::update(&table, row);
        reader.join().unwrap();
        table.scan_now(3);
    });
}

#[test]
fn an_image_is_not_older_than_its_reader_or_noticed() {
    let bugs = ["page_change_not_noted", "image_kept_for_ever", "published_before_install"];
    notices("models::images::an_image_is_not_older_than_its_reader", &bugs);
}

/// Two commits of two rows of a page, which may install in any order, beside scans that make images.
#[test]
fn commits_may_reach_a_page_in_any_order() {
    check("commits_may_reach_a_page_in_any_order", Search::Preemptions(2), || {
        let table = Table::new(1);
        let rows = [table.seed(KEY, BEGINNING), table.seed(KEY + 1, BEGINNING)];
        table.scan_now(1);
        let mut writers = [table.begin(super::chain::WRITER), table.begin(super::chain::OTHER)];
        writers.iter_mut().zip(rows).for_each(|(writer, row)| writer.own(row).expect("its own"));
        let [first, second] = writers.map(|writer| (table.timeline.take(), writer.into_owned()));
        let shared = Arc::clone(&table);
        let other = thread::spawn(move || shared.finish(second.0, &second.1, false));
        table.finish(first.0, &first.1, false);
        table.scan_now(2);
        other.join().unwrap();
        table.scan_now(1);
    });
}

#[test]
fn commits_may_reach_a_page_in_any_order_or_noticed() {
    let bugs = ["page_change_overwritten", "page_change_not_noted"];
    notices("models::images::commits_may_reach_a_page_in_any_order", &bugs);
}

/// Snapshots from before and after a commit, each with scans that make images and use them.
#[test]
fn an_image_is_not_newer_than_its_reader() {
    check("an_image_is_not_newer_than_its_reader", Search::Preemptions(3), || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        table.scan_now(1);
        let (place, old) = table.timeline.register().expect("a word is free");
        super::chain::update(&table, row);
        let shared = Arc::clone(&table);
        let newer = thread::spawn(move || shared.scan_now(2));
        let (found, walked) = table.scan(old);
        assert_eq!(found, walked, "by an image at {old:?}");
        newer.join().unwrap();
        let (found, walked) = table.scan(old);
        assert_eq!(found, walked, "by an image at {old:?}");
        table.timeline.unregister(place);
    });
}

#[test]
fn an_image_is_not_newer_than_its_reader_or_noticed() {
    notices(
        "models::images::an_image_is_not_newer_than_its_reader",
        &["image_newer_than_snapshot"],
    );
}

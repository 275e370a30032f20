//! Commits of one row each, which keep it until the version before has gone.

use super::super::{Search, check, notices};
use super::{KEY, RECLAIMER, Table, WRITER};
use crate::mvcc::Timestamp;
use crate::mvcc::chain::Newest;
use crate::mvcc::timeline::BEGINNING;
use loom::thread;
use std::sync::Arc;

impl Table {
    /// Updates a row as the commit of one row does: keeps it until the version before has gone, if it can.
    fn update_kept(&self, row: u32) -> Timestamp {
        let mut writer = self.begin(WRITER);
        while writer.own(row).is_err() {
            loom::thread::yield_now();
        }
        let (_, node) = writer.into_owned()[0];
        let Newest::Live(before) = self.versions.newest(row) else { panic!("it is live") };
        let at = self.timeline.take();
        self.versions.stage(node, &vec![at.0; self.words]);
        self.versions.install(row, node, at, false, &mut vec![0; self.words]);
        self.versions.pass_on(row, RECLAIMER);
        self.timeline.publish(at).expect("nobody gave up");
        if self.timeline.all_read_from(at) && self.versions.prune_replaced(row, node) {
            // SAFETY: no snapshot sees the version any more.
            self.texts[before.0 as usize].with_mut(|text| unsafe { *text = 99 });
            self.versions.free_one(node, 0);
        } else {
            self.versions.disown(row);
        }
        at
    }
}

/// Three commits, whose old versions go where nobody reads them, beside one read.
#[test]
fn a_replaced_version_goes_with_its_commit_only_unseen() {
    check("a_replaced_version_goes_with_its_commit_only_unseen", Search::Preemptions(2), || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            shared.read_at_snapshot(row, |at, found| assert_eq!(found, Some((KEY, at))));
        });
        for _ in 0..3 {
            table.update_kept(row);
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_replaced_version_goes_with_its_commit_only_unseen_or_noticed() {
    let bugs = [
        "watermark_above_snapshots",
        "pending_ignored",
        "register_without_fence",
        "watermark_without_fence",
        "unregister_relaxed",
        "published_relaxed",
    ];
    notices("models::chain::kept::a_replaced_version_goes_with_its_commit_only_unseen", &bugs);
}

//! Row slots and version chains: installing, owning, pruning and using nodes and rows again, beside
//! readers. The payload of every version is its own timestamp, so whatever a snapshot reads must be
//! the newest timestamp at or below it.

mod kept;
mod pages;

use super::{Search, check, holder, notices};
use crate::mem::Holder;
use crate::mem::epoch::Epoch;
use crate::mem::layout::Layout;
use crate::mem::page_pool::PagePool;
use crate::mvcc::chain::{Held, Newest, Owner};
use crate::mvcc::live::Keeper;
use crate::mvcc::timeline::{BEGINNING, Moment};
use crate::mvcc::{FreeNodes, Timeline, Timestamp, Versions};
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::{Kind, Schema, Type};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

pub(super) const WRITER: Owner = Owner(1);
pub(super) const OTHER: Owner = Owner(2);
const RECLAIMER: Owner = Owner(9);
pub(super) const KEY: u64 = 11;
/// Versions whose text a model can hold: one for each timestamp from the beginning on.
const TEXTS: usize = 5;

/// A clock and a table of one key word and some payload words.
pub(super) struct Table {
    pub(super) timeline: Arc<Timeline>,
    pub(super) versions: Versions,
    pool: Arc<PagePool>,
    holder: Holder,
    words: usize,
    /// The plain memory that a version with this timestamp refers to.
    texts: [UnsafeCell<u64>; TEXTS],
}

/// A transaction of the model: rows it owns, with a node for each.
pub(super) struct Writer<'a> {
    table: &'a Table,
    me: Owner,
    owned: Vec<(u32, u32)>,
}

impl Table {
    pub(super) fn new(columns: usize) -> Arc<Self> {
        let mut schema = Schema::builder("model").column("key", Type::Int64).key();
        for column in 0..columns {
            schema = schema.column(format!("c{column}"), Type::Int64).notnull();
        }
        let layout = Layout::new(&schema.build().expect("a valid schema"));
        let holder = holder(32 * PAGE_BYTES as u64);
        let pool = PagePool::new(holder.child("pool")).expect("address space");
        let timeline = Arc::new(Timeline::new(BEGINNING));
        let versions = Versions::new(&pool, &Epoch::new(), &timeline, &holder, &layout);
        Arc::new(Self {
            timeline,
            versions: versions.expect("rows fit in a page"),
            pool,
            holder,
            words: columns,
            texts: std::array::from_fn(|at| UnsafeCell::new(at as u64)),
        })
    }

    /// A row as if loaded at a timestamp.
    pub(super) fn seed(&self, key: u64, at: Timestamp) -> u32 {
        let row = self.versions.new_row(WRITER, &[key]).expect("room for a row");
        self.versions.stage_insert(row, &vec![at.0; self.words]);
        self.versions.install_insert(row, at);
        self.versions.disown(row);
        row
    }

    /// Key and payload at a snapshot; the payload's words must agree.
    fn read(&self, row: u32, at: Timestamp) -> Option<(u64, u64)> {
        let mut words = vec![0; 1 + self.words];
        let moment = Moment { at, place: 0 };
        let found = self.versions.read(row, moment, &(0..1 + self.words), &mut words);
        let found = found.expect("nobody is given up");
        assert!(!found || words[1..].iter().all(|word| *word == words[1]), "torn: {words:?}");
        found.then(|| (words[0], words[1]))
    }

    /// What a walk over all slots gives at a snapshot.
    pub(super) fn walk(&self, at: Timestamp) -> Vec<(u64, u64)> {
        let mut walk = self.versions.walk(Moment { at, place: 0 });
        let (mut found, mut words) = (Vec::new(), vec![0; 1 + self.words]);
        while walk.turn_page(&self.versions).expect("nobody is given up") {
            while walk.fill(&self.versions, &mut words).expect("nobody is given up") > 0 {
                assert!(words[1..].iter().all(|word| *word == words[1]), "torn: {words:?}");
                found.push((words[0], words[1]));
            }
        }
        found
    }

    pub(super) fn begin(&self, me: Owner) -> Writer<'_> {
        Writer { table: self, me, owned: Vec::new() }
    }

    /// What a registered snapshot does with a row, text and all.
    fn read_at_snapshot(&self, row: u32, check: impl FnOnce(u64, Option<(u64, u64)>)) {
        let (place, at) = self.timeline.register().expect("a word is free");
        let found = self.read(row, at);
        if let Some((_, version)) = found {
            // SAFETY: the text is overwritten only when no snapshot can see the version.
            let text = self.texts[version as usize].with(|text| unsafe { *text });
            assert_eq!(text, version, "the text went before its reader");
        }
        check(at.0, found);
        self.timeline.unregister(place);
    }

    /// Takes out of a row what nobody sees, as the engine does, and overwrites the texts. True if
    /// the whole row went.
    fn reclaim(&self, row: u32) -> bool {
        let Some(live) = self.timeline.live_snapshots() else { return false };
        if self.versions.own(row, RECLAIMER).is_err() {
            return false;
        }
        let newest = self.versions.newest(row);
        let pruning = self.versions.prune(row, &live);
        let mut words = vec![0; 1 + self.words];
        for pruned in &pruning.dropped {
            if pruned.live {
                self.versions.copy_pruned(pruned, &mut words);
                // SAFETY: no snapshot sees the version any more.
                self.texts[words[1] as usize].with_mut(|text| unsafe { *text = 99 });
            }
            self.versions.free(pruned);
        }
        let unseen = |at| live.keeper(Timestamp(0), at) == Keeper::None;
        let gone = matches!(newest, Newest::Deleted(at) if unseen(at));
        if gone {
            self.versions.drop_row(row);
        } else {
            self.versions.disown(row);
        }
        gone
    }
}

impl Table {
    /// The same for a row all of whose older versions can go at once, with or without a look at the
    /// text of the one it has.
    fn reclaim_at_once(&self, row: u32, covered: bool) {
        let Some(live) = self.timeline.live_snapshots() else { return };
        if self.versions.own(row, RECLAIMER).is_err() {
            return;
        }
        let (mut words, mut free) = (vec![0; 1 + self.words], FreeNodes::new());
        if covered && self.versions.prune_all(row, &live, &[], None, &mut free).is_some() {
            return self.versions.free_all(&free, 0); // the row is given up
        }
        if !covered && self.versions.prune_one(row, &live, &mut words, &mut free) {
            // SAFETY: no snapshot sees the version any more.
            self.texts[words[1] as usize].with_mut(|text| unsafe { *text = 99 });
            self.versions.free_all(&free, 0);
        }
        self.versions.disown(row);
    }
}

impl Writer<'_> {
    pub(super) fn own(&mut self, row: u32) -> Result<(), Held> {
        self.table.versions.own(row, self.me)?;
        self.owned.push((row, self.table.versions.new_node(0).expect("room for a node")));
        Ok(())
    }

    /// Its rows, for [`Table::finish`].
    pub(super) fn into_owned(self) -> Vec<(u32, u32)> {
        self.owned
    }

    /// Installs the timestamp as every owned row's payload, or tombstones, and publishes.
    fn commit(self, delete: bool) -> Timestamp {
        let timeline = &self.table.timeline;
        let at = timeline.take();
        if planted::bug("published_before_install") {
            timeline.publish(at).expect("nobody gave up");
        }
        self.table.finish(at, &self.owned, delete);
        at
    }
}

impl Table {
    /// The part of a commit behind its timestamp.
    pub(super) fn finish(&self, at: Timestamp, owned: &[(u32, u32)], delete: bool) {
        let mut room = vec![0; self.words];
        for (row, node) in owned {
            self.versions.stage(*node, &vec![at.0; self.words]);
            self.versions.install(*row, *node, at, delete, &mut room);
        }
        for (row, _) in owned {
            self.versions.disown(*row);
        }
        // By the ring, whether it is its turn or not, as commits with a log are published.
        self.timeline.finish(at);
        self.timeline.wait_published(at).expect("nobody gave up");
    }
}

pub(super) fn update(table: &Table, row: u32) -> Timestamp {
    let mut writer = table.begin(WRITER);
    writer.own(row).expect("nobody else writes");
    writer.commit(false)
}

/// One install of two words beside one read, of the slot and of the chain.
#[test]
fn a_row_is_never_read_half_written() {
    check("a_row_is_never_read_half_written", Search::Whole, || {
        let table = Table::new(2);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            let at = shared.timeline.published();
            assert_eq!(shared.read(row, at), Some((KEY, at.0)));
        });
        update(&table, row);
        reader.join().unwrap();
    });
}

#[test]
fn a_row_is_never_read_half_written_or_noticed() {
    let bugs = [
        "failed_check_used",
        "read_without_fence",
        "install_without_fence",
        "chain_without_fence",
        "stamp_relaxed",
        "linked_after_begin",
        "begin_after_payload",
        "published_before_install",
    ];
    notices("models::chain::a_row_is_never_read_half_written", &bugs);
}

/// One install of two words beside a walk over the slots.
#[test]
fn a_walk_gives_no_row_half_written() {
    check("a_walk_gives_no_row_half_written", Search::Whole, || {
        let table = Table::new(2);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            let at = shared.timeline.published();
            assert_eq!(shared.walk(at), [(KEY, at.0)]);
        });
        update(&table, row);
        reader.join().unwrap();
    });
}

#[test]
fn a_walk_gives_no_row_half_written_or_noticed() {
    let bugs = [
        "failed_check_used",
        "read_without_fence",
        "install_without_fence",
        "stamp_relaxed",
        "linked_after_begin",
        "begin_after_payload",
    ];
    notices("models::chain::a_walk_gives_no_row_half_written", &bugs);
}

/// Two installs in a row beside one read: the link that the reader follows may be the later one.
#[test]
fn two_installs_beside_a_read() {
    check("two_installs_beside_a_read", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            let at = shared.timeline.published();
            assert_eq!(shared.read(row, at), Some((KEY, at.0)));
        });
        update(&table, row);
        update(&table, row);
        reader.join().unwrap();
    });
}

#[test]
fn two_installs_beside_a_read_or_noticed() {
    let bugs = ["link_relaxed", "chain_head_relaxed", "chain_without_fence"];
    notices("models::chain::two_installs_beside_a_read", &bugs);
}

/// Update, cut, and an update that uses the node again, beside a registered snapshot.
#[test]
fn nodes_are_used_again_only_unseen() {
    check("nodes_are_used_again_only_unseen", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            shared.read_at_snapshot(row, |at, found| assert_eq!(found, Some((KEY, at))));
        });
        update(&table, row);
        table.reclaim(row);
        update(&table, row);
        reader.join().unwrap();
    });
}

#[test]
fn nodes_are_used_again_only_unseen_or_noticed() {
    let bugs = [
        "pruned_visible_version",
        "watermark_above_snapshots",
        "pending_ignored",
        "register_without_fence",
        "watermark_without_fence",
        "unregister_relaxed",
    ];
    notices("models::chain::nodes_are_used_again_only_unseen", &bugs);
}

/// The same where the only older version goes in one step.
#[test]
fn only_older_versions_go_at_once_only_unseen() {
    check("only_older_versions_go_at_once_only_unseen", Search::Preemptions(2), || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            shared.read_at_snapshot(row, |at, found| assert_eq!(found, Some((KEY, at))));
        });
        update(&table, row);
        table.reclaim_at_once(row, false);
        update(&table, row);
        table.reclaim_at_once(row, true);
        update(&table, row);
        reader.join().unwrap();
    });
}

#[test]
fn only_older_versions_go_at_once_only_unseen_or_noticed() {
    let bugs = [
        "pruned_visible_version",
        "watermark_above_snapshots",
        "pending_ignored",
        "register_without_fence",
        "watermark_without_fence",
        "unregister_relaxed",
    ];
    notices("models::chain::only_older_versions_go_at_once_only_unseen", &bugs);
}

/// A version between two that stay is taken out, and its node is used again, beside a walk to the
/// one below. An older snapshot keeps that, so the walk goes through the node.
#[test]
fn nodes_are_taken_out_under_a_walk() {
    check("nodes_are_taken_out_under_a_walk", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let (place, oldest) = table.timeline.register().expect("a word is free");
        update(&table, row); // its node holds the beginning
        update(&table, row); // its node holds version 2, which nobody sees
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            assert_eq!(shared.read(row, oldest), Some((KEY, oldest.0)));
        });
        assert!(!table.reclaim(row));
        update(&table, row);
        reader.join().unwrap();
        assert_eq!(table.read(row, oldest), Some((KEY, oldest.0)));
        table.timeline.unregister(place);
        table.reclaim(row);
        table.versions.flush_waiting();
        assert_eq!((table.versions.nodes(), table.versions.waiting_nodes()), (0, 0));
    });
}

#[test]
fn nodes_are_taken_out_under_a_walk_or_noticed() {
    let bugs = ["node_freed_without_epoch", "pruned_visible_version"];
    notices("models::chain::nodes_are_taken_out_under_a_walk", &bugs);
}

/// A snapshot is given up and what it reads is taken out: it reads the right version or is told.
#[test]
fn who_is_given_up_is_told() {
    check("who_is_given_up_is_told", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let (place, at) = table.timeline.register().expect("a word is free");
        update(&table, row);
        let (other, _) = table.timeline.register().expect("a word is free"); // keeps version 2
        update(&table, row);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            let (moment, mut words) = (Moment { at, place: place as u32 }, [0; 2]);
            match shared.versions.read(row, moment, &(0..2), &mut words) {
                Ok(found) => assert_eq!((found, words), (true, [KEY, at.0])),
                Err(error) => assert_eq!(error.kind(), Kind::SnapshotTooOld),
            }
        });
        assert!(table.timeline.expire_oldest(usize::MAX), "there is one");
        table.reclaim(row);
        reader.join().unwrap();
        [place, other].into_iter().for_each(|place| table.timeline.unregister(place));
    });
}

#[test]
fn who_is_given_up_is_told_or_noticed() {
    let bugs = ["expiry_not_told", "gap_without_fence"];
    notices("models::chain::who_is_given_up_is_told", &bugs);
}

/// Delete, reclaim and a new row of another key in the same slot, beside a registered snapshot.
#[test]
fn rows_are_used_again_only_unseen() {
    check("rows_are_used_again_only_unseen", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reader = thread::spawn(move || {
            shared.read_at_snapshot(row, |at, found| match at {
                1 => assert_eq!(found, Some((KEY, 1))),
                2 => assert_eq!(found, None),
                _ => assert_eq!(found, Some((2 * KEY, at))),
            });
        });
        let mut writer = table.begin(WRITER);
        writer.own(row).expect("nobody else writes");
        writer.commit(true);
        if table.reclaim(row) {
            let at = table.timeline.take();
            assert_eq!(table.seed(2 * KEY, at), row);
            table.timeline.publish(at).expect("nobody gave up");
        }
        reader.join().unwrap();
    });
}

#[test]
fn rows_are_used_again_only_unseen_or_noticed() {
    let bugs = ["pruned_visible_version", "pending_ignored", "watermark_without_fence"];
    notices("models::chain::rows_are_used_again_only_unseen", &bugs);
}

/// Two rows of one transaction, another transaction beside it, and a snapshot.
#[test]
fn a_snapshot_sees_both_rows_or_none() {
    check("a_snapshot_sees_both_rows_or_none", Search::Preemptions(2), || {
        let table = Table::new(1);
        let rows = [11, 12, 13].map(|key| table.seed(key, BEGINNING));
        let (first, second) = (Arc::clone(&table), Arc::clone(&table));
        let other = thread::spawn(move || {
            let mut writer = first.begin(OTHER);
            writer.own(rows[2]).expect("nobody else writes it");
            writer.commit(false);
        });
        let reader = thread::spawn(move || {
            let at = second.timeline.published();
            let seen = [rows[0], rows[1]].map(|row| second.read(row, at).map(|row| row.1));
            assert_eq!(seen[0], seen[1], "at {at:?}");
        });
        let mut writer = table.begin(WRITER);
        writer.own(rows[0]).expect("nobody else writes it");
        writer.own(rows[1]).expect("nobody else writes it");
        writer.commit(false);
        other.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_snapshot_sees_both_rows_or_none_or_noticed() {
    let bugs = [
        "published_before_install",
        "published_out_of_turn",
        "finished_relaxed",
        "published_relaxed",
    ];
    notices("models::chain::a_snapshot_sees_both_rows_or_none", &bugs);
}

/// Reads a row and adds one, unless somebody else was faster; says how many were added.
fn increment(table: &Table, row: u32, me: Owner) -> u64 {
    let at = table.timeline.published();
    let (_, before) = table.read(row, at).expect("the row is there");
    let mut writer = table.begin(me);
    if writer.own(row).is_err() {
        return 0;
    }
    let known = table.versions.newest(row);
    if !matches!(known, Newest::Live(begin) if begin <= at)
        && !planted::bug("newer_version_overwritten")
    {
        table.versions.disown(row);
        return 0;
    }
    let mut newest = [0; 2];
    table.versions.copy_newest(row, &mut newest);
    assert!(newest[1] == before || planted::bug("newer_version_overwritten"));
    // Increments follow each other, so the timestamp is the count.
    let (_, node) = writer.owned[0];
    let installed = table.timeline.take();
    table.versions.stage(node, &[before + 1]);
    table.versions.install(row, node, installed, false, &mut [0]);
    table.versions.disown(row);
    table.timeline.publish(installed).expect("nobody gave up");
    1
}

/// First updater wins: as many increments as committed, and an owner sees what the last one did.
#[test]
fn no_increment_is_lost() {
    check("no_increment_is_lost", Search::Whole, || {
        let table = Table::new(1);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let other = thread::spawn(move || increment(&shared, row, OTHER));
        let added = increment(&table, row, WRITER) + other.join().unwrap();
        assert!(added >= 1, "both lost");
        let seen = table.read(row, table.timeline.published());
        assert_eq!(seen, Some((KEY, BEGINNING.0 + added)), "an increment was lost");
    });
}

#[test]
fn no_increment_is_lost_or_noticed() {
    let bugs = ["owner_ignored", "newer_version_overwritten", "own_relaxed"];
    notices("models::chain::no_increment_is_lost", &bugs);
}

/// Own, install, disown; then the reclaimer owns and looks, without a snapshot that would order it
/// behind the commit.
#[test]
fn an_owner_sees_what_the_last_one_did() {
    check("an_owner_sees_what_the_last_one_did", Search::Whole, || {
        let table = Table::new(2);
        let row = table.seed(KEY, BEGINNING);
        let shared = Arc::clone(&table);
        let reclaimer = thread::spawn(move || {
            if shared.versions.own(row, RECLAIMER).is_ok() {
                let Newest::Live(begin) = shared.versions.newest(row) else { panic!("it is live") };
                let mut words = [0; 3];
                shared.versions.copy_newest(row, &mut words);
                assert_eq!(words[1..], [begin.0; 2], "begun at {begin:?}");
                shared.versions.disown(row);
            }
        });
        let mut writer = table.begin(WRITER);
        if writer.own(row).is_ok() {
            writer.commit(false);
        }
        reclaimer.join().unwrap();
        assert_eq!(table.versions.owner(row), Owner(0));
    });
}

#[test]
fn an_owner_sees_what_the_last_one_did_or_noticed() {
    let bugs = ["own_relaxed", "disown_relaxed", "owner_ignored"];
    notices("models::chain::an_owner_sees_what_the_last_one_did", &bugs);
}

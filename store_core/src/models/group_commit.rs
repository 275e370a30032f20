//! Group commit on a device of the model: whoever waits returns only after a sync of its bytes,
//! nobody waits for ever (loom calls that a deadlock), and a failed sync wakes and refuses all.

use super::{Search, check, holder, notices};
use crate::durability::Lag;
use crate::error::Kind;
use crate::mvcc::Timestamp;
use crate::mvcc::timeline::{BEGINNING, Timeline};
use crate::sync::{AtomicU64, Relaxed};
use crate::wal::{
    Appended, Device, DeviceFile, HashedPayload, LogStart, Lsn, OpenMode, RecordKind, Wait, Wal,
    WalOptions,
};
use loom::thread;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The log's header block: frames stand behind it.
const HEADER_BYTES: u64 = 4096;

/// Nothing may be acknowledged before it is durable but what has a ticket.
const LAG: Lag = Lag { delay: Duration::ZERO, bytes: 0 };

/// One file in memory; the model sees how much of it is synced.
#[derive(Debug)]
struct Disk {
    written: std::sync::atomic::AtomicU64,
    synced: AtomicU64,
    fails: AtomicBool,
}

#[derive(Clone, Debug)]
struct Handle(Arc<Disk>);

impl DeviceFile for Handle {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.iter().any(|byte| *byte != 0) {
            self.0.written.fetch_max(offset + bytes.len() as u64, SeqCst);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.fails.load(SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.synced.store(self.0.written.load(SeqCst), Relaxed);
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
}

impl Device for Handle {
    fn open(&self, _: &str, _: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        Ok(Box::new(self.clone()))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }

    fn describe(&self) -> String {
        "the model's disk".to_owned()
    }
}

struct Log {
    wal: Wal,
    disk: Arc<Disk>,
    timeline: Timeline,
    /// What the commits with tickets have installed.
    installed: AtomicU64,
}

impl Log {
    /// `room` bytes are made at once in the file; a batch of `pending` bytes is full.
    fn new(room: u64, pending: usize) -> Arc<Self> {
        let (written, synced) = (0.into(), AtomicU64::new(0));
        let disk = Arc::new(Disk { written, synced, fails: AtomicBool::new(false) });
        let start = LogStart { lsn: Lsn::ZERO, timestamp: BEGINNING.0, wall: 0 };
        let timeline = Timeline::new(BEGINNING);
        let options = WalOptions {
            preallocate_bytes: room,
            pending_bytes_max: pending,
            ..WalOptions::default()
        };
        let wal = Wal::create(
            Arc::new(Handle(Arc::clone(&disk))),
            start,
            options,
            holder(1 << 20),
            timeline.durable(),
        );
        let wal = wal.expect("the disk works");
        Arc::new(Self { wal, disk, timeline, installed: AtomicU64::new(0) })
    }

    fn append(&self) -> Lsn {
        self.append_for(Wait::Writer).end
    }

    fn append_for(&self, wait: Wait) -> Appended {
        let payload = HashedPayload::new(b"row");
        let sequence = || self.timeline.take().0;
        self.wal.append(RecordKind::Commit, &payload, wait, sequence).expect("the log works")
    }

    /// What the store's thread for the log does, until it is told to end.
    fn look_after(&self) {
        let mut seen = 0;
        while let Some(durable) = self.wal.sync_later(LAG, seen) {
            seen = durable;
            self.timeline.wait_published(Timestamp(durable)).expect("nobody gave up");
        }
    }

    /// Appends a record and waits; true if it is durable.
    fn commit(&self) -> bool {
        let end = self.append();
        match self.wal.wait_durable(end) {
            Ok(()) => {
                self.demand_synced(end);
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Poisoned);
                false
            }
        }
    }

    fn demand_synced(&self, end: Lsn) {
        let synced = self.disk.synced.load(Relaxed);
        assert!(synced >= HEADER_BYTES + end.0, "up to {end} acknowledged, {synced} synced");
    }
}

/// Two commits and one who only looks how far the log is durable.
#[test]
fn what_is_acknowledged_was_synced() {
    check("what_is_acknowledged_was_synced", Search::Preemptions(2), || {
        let log = Log::new(1 << 16, 1 << 16);
        let (first, second) = (Arc::clone(&log), Arc::clone(&log));
        let other = thread::spawn(move || first.commit());
        let looker = thread::spawn(move || {
            let durable = second.wal.durable();
            if durable > Lsn::ZERO {
                second.demand_synced(durable);
            }
        });
        assert!(log.commit());
        assert!(other.join().unwrap());
        looker.join().unwrap();
        assert_eq!(log.wal.durable(), log.wal.end());
    });
}

#[test]
fn what_is_acknowledged_was_synced_or_noticed() {
    let bugs = [
        "sync_skipped",
        "durable_beyond_batch",
        "durable_relaxed",
        "two_leaders",
        "followers_forgotten",
    ];
    notices("models::group_commit::what_is_acknowledged_was_synced", &bugs);
}

/// The same through full batches and a file that must be extended: more reasons to lead.
#[test]
fn whoever_leads_hands_on() {
    check("whoever_leads_hands_on", Search::Preemptions(2), || {
        let log = Log::new(96, 1);
        let shared = Arc::clone(&log);
        let other = thread::spawn(move || shared.commit());
        let end = log.append();
        assert!(log.commit());
        log.wal.wait_durable(end).expect("the log works");
        assert!(other.join().unwrap());
        assert_eq!(log.wal.durable(), log.wal.end());
    });
}

#[test]
fn whoever_leads_hands_on_or_noticed() {
    let bugs = ["followers_forgotten", "two_leaders"];
    notices("models::group_commit::whoever_leads_hands_on", &bugs);
}

/// A failed sync: nobody is told that a record is durable, and nobody waits on.
#[test]
fn a_failed_sync_wakes_and_refuses_all() {
    check("a_failed_sync_wakes_and_refuses_all", Search::Preemptions(2), || {
        let log = Log::new(1 << 16, 1 << 16);
        log.disk.fails.store(true, SeqCst);
        let ends = [log.append(), log.append(), log.append()];
        let wait = |end| {
            let log = Arc::clone(&log);
            thread::spawn(move || log.wal.wait_durable(end).is_err())
        };
        let others = [wait(ends[0]), wait(ends[1])];
        assert!(log.wal.wait_durable(ends[2]).is_err(), "acknowledged after a failed sync");
        for other in others {
            assert!(other.join().unwrap(), "acknowledged after a failed sync");
        }
        assert!(log.wal.is_poisoned());
        assert_eq!(log.wal.durable(), Lsn::ZERO);
    });
}

#[test]
fn a_failed_sync_wakes_and_refuses_all_or_noticed() {
    let bugs = ["sync_failure_ignored", "followers_forgotten"];
    notices("models::group_commit::a_failed_sync_wakes_and_refuses_all", &bugs);
}

/// A commit with a ticket beside one that waits: it is published only after a sync of its bytes and
/// with what it installed, though its writer waits for nothing.
#[test]
fn what_has_a_ticket_is_published_when_it_is_synced() {
    let search = Search::Preemptions(2);
    check("what_has_a_ticket_is_published_when_it_is_synced", search, || {
        let log = Log::new(1 << 16, 1 << 16);
        let (looks_after, other) = (Arc::clone(&log), Arc::clone(&log));
        let thread = thread::spawn(move || looks_after.look_after());
        let at = Timestamp(BEGINNING.0 + 1);
        let reader = thread::spawn(move || {
            if other.timeline.published() >= at {
                assert_eq!(other.installed.load(Relaxed), 1, "published half written");
                other.demand_synced(Lsn::ZERO.plus(1));
            }
        });
        let ticket = log.append_for(Wait::Ticket);
        log.installed.store(1, Relaxed);
        log.timeline.finish_with_ticket(at);
        log.timeline.wait_published(at).expect("nobody gave up");
        log.demand_synced(ticket.end);
        reader.join().unwrap();
        log.wal.stop_threads();
        thread.join().unwrap();
    });
}

#[test]
fn what_has_a_ticket_is_published_when_it_is_synced_or_noticed() {
    let bugs = [
        "ticket_published_early",
        "ticket_relaxed",
        "durable_timestamp_relaxed",
        "later_forgotten",
        "sync_skipped",
    ];
    notices("models::group_commit::what_has_a_ticket_is_published_when_it_is_synced", &bugs);
}

/// Three who wait, one of whom leads: whoever is woken returns or leads the next batch.
#[test]
fn of_those_who_wait_one_leads_the_next_batch() {
    let search = Search::Preemptions(2);
    check("of_those_who_wait_one_leads_the_next_batch", search, || {
        let log = Log::new(1 << 16, 1 << 16);
        let commit = || {
            let log = Arc::clone(&log);
            thread::spawn(move || log.commit())
        };
        let others = [commit(), commit()];
        assert!(log.commit());
        for other in others {
            assert!(other.join().unwrap());
        }
    });
}

#[test]
fn of_those_who_wait_one_leads_the_next_batch_or_noticed() {
    let bugs = ["next_leader_forgotten", "followers_forgotten"];
    notices("models::group_commit::of_those_who_wait_one_leads_the_next_batch", &bugs);
}

/// A commit that nobody waits for is acknowledged only as far ahead of the disk as is allowed.
#[test]
fn an_asynchronous_commit_stays_within_its_bounds() {
    let search = Search::Preemptions(2);
    check("an_asynchronous_commit_stays_within_its_bounds", search, || {
        let log = Log::new(1 << 16, 1 << 16);
        let looks_after = Arc::clone(&log);
        let thread = thread::spawn(move || looks_after.look_after());
        let commit = log.append_for(Wait::Nobody);
        log.wal.wait_behind(commit.end, LAG).expect("the disk works");
        log.demand_synced(commit.end);
        log.wal.stop_threads();
        thread.join().unwrap();
    });
}

#[test]
fn an_asynchronous_commit_stays_within_its_bounds_or_noticed() {
    let bugs = ["lag_unbounded", "sync_skipped"];
    notices("models::group_commit::an_asynchronous_commit_stays_within_its_bounds", &bugs);
}

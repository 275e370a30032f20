//! Group commit on a device of the model: whoever waits returns only after a sync of its bytes,
//! nobody waits for ever (loom calls that a deadlock), and a failed sync wakes and refuses all.

use super::{Search, check, holder, notices};
use crate::error::Kind;
use crate::sync::{AtomicU64, Relaxed};
use crate::wal::{
    Device, DeviceFile, HashedPayload, LogStart, Lsn, OpenMode, RecordKind, Wal, WalOptions,
};
use loom::thread;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

/// The log's header block: frames stand behind it.
const HEADER_BYTES: u64 = 4096;

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
    clock: std::sync::atomic::AtomicU64,
}

impl Log {
    /// `room` bytes are made at once in the file; a batch of `pending` bytes is full.
    fn new(room: u64, pending: usize) -> Arc<Self> {
        let (written, synced) = (0.into(), AtomicU64::new(0));
        let disk = Arc::new(Disk { written, synced, fails: AtomicBool::new(false) });
        let start = LogStart { lsn: Lsn::ZERO, timestamp: 0, wall: 0 };
        let options = WalOptions {
            preallocate_bytes: room,
            pending_bytes_max: pending,
            ..WalOptions::default()
        };
        let wal = Wal::create(Arc::new(Handle(Arc::clone(&disk))), start, options, holder(1 << 20));
        Arc::new(Self { wal: wal.expect("the disk works"), disk, clock: 0.into() })
    }

    fn append(&self) -> Lsn {
        let payload = HashedPayload::new(b"row");
        let sequence = || self.clock.fetch_add(1, SeqCst) + 1;
        self.wal.append(RecordKind::Commit, &payload, sequence).expect("the log works").end
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

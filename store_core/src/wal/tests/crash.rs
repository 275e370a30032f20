//! Loss of power at every operation, in the middle of recovery too (invariant I6).

use super::*;
use crate::error::Kind;
use crate::sim_device::{EIO, Failure, Fault, Operation, SimDevice};

/// What the log must hold: every acknowledged record, and of the others a prefix.
#[derive(Clone, Debug, Default)]
struct History {
    from: Lsn,
    written: Vec<(Lsn, u64)>,
    acknowledged: usize,
    next: u64,
}

impl History {
    /// Opens the log, checks what is in it, and goes on with it for a while.
    fn session(&mut self, device: &SimDevice, steps: u64) -> Result<()> {
        let (found, report) = read(device, self.from)?;
        assert!(found.len() >= self.acknowledged, "{} of {self:?}", found.len());
        assert!(self.written.starts_with(&found), "{found:?} is no prefix of {self:?}");
        (self.acknowledged, self.written) = (found.len(), found);
        let wal = create(device, report.next_start())?;
        for step in 0..steps {
            self.next += 1;
            let start = wal.end();
            let end = commit(&wal, report.last_timestamp + step + 1, &payload(self.next))?;
            self.written.push((start, self.next));
            if step % 3 == 2 {
                wal.wait_durable(end)?;
                self.acknowledged = self.written.len();
            }
            if step % 5 == 4 {
                self.checkpoint(&wal, step == 9)?;
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self, wal: &Wal, remove: bool) -> Result<()> {
        let from = wal.roll(|| ())?;
        self.acknowledged = self.written.len();
        if remove {
            (self.from, self.acknowledged) = (from, 0);
            self.written.retain(|(lsn, _)| *lsn >= from);
            wal.remove_before(from)?;
        }
        Ok(())
    }
}

/// Crashes a session after `stop` operations, then sessions on what is left; false if it ended.
fn crash_at(stop: u64) -> bool {
    let device = SimDevice::new();
    let mut first = History::default();
    device.stop_at(stop);
    let outcome = first.session(&device, 13);
    for seed in 0..5 {
        let seed = stop * 5 + seed;
        let mut history = first.clone();
        let mut device = device.crash(seed);
        // The second and third power cut hit recovery itself, or what follows it.
        for stop in [seed % 17, seed % 29] {
            device.stop_at(stop);
            let interrupted = history.session(&device, 4);
            assert!(interrupted.is_err() || device.operations() <= stop);
            device = device.crash(seed ^ stop);
        }
        for round in 0..2 {
            history
                .session(&device, 5)
                .unwrap_or_else(|fault| panic!("stop {stop}, seed {seed}, round {round}: {fault}"));
            // A process that dies leaves its writes to the system; the power goes later.
            if round == 1 {
                device = device.crash(seed);
                history.session(&device, 0).unwrap();
            }
        }
    }
    outcome.is_err()
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_any_operation() {
    let mut stop = 0;
    while crash_at(stop) {
        stop += 1;
    }
    assert!(stop > 40, "only {stop} operations");
}

/// After a failed sync reads show bytes that no further sync would bring to the disk.
#[test]
fn what_was_replayed_after_a_failed_sync_survives_a_crash() {
    for seed in 0..20 {
        let device = SimDevice::new();
        let wal = create(&device, BIRTH).unwrap();
        wal.wait_durable(commit(&wal, 1, &payload(1)).unwrap()).unwrap();
        let failure = Failure::Errno(EIO);
        device.fail(Fault { operation: Some(Operation::Sync), after: 0, forever: false, failure });
        let end = commit(&wal, 2, &payload(2)).unwrap();
        assert_eq!(wal.wait_durable(end).unwrap_err().kind(), Kind::Poisoned);
        drop(wal);
        let (found, report) = read(&device, Lsn::ZERO).unwrap();
        assert_eq!(found.len(), 2);
        drop(create(&device, report.next_start()).unwrap());
        assert_eq!(read(&device.crash(seed), Lsn::ZERO).unwrap().0, found);
    }
}

/// Replay believes what a dead process left in the system's cache, so it has to sync it.
#[test]
fn what_was_replayed_survives_a_later_crash() {
    for seed in 0..20 {
        let device = SimDevice::new();
        let mut history = History::default();
        history.session(&device, 2).unwrap();
        let (found, report) = read(&device, Lsn::ZERO).unwrap();
        assert_eq!(found.len(), 0, "nothing was written yet");
        let options = WalOptions { preallocate_bytes: 64 << 10, ..small() };
        let start = report.next_start();
        let wal =
            Wal::create(Arc::new(device.clone()), start, options, holder(), clock_word()).unwrap();
        for number in 1..20 {
            wal.append_fragment(&HashedPayload::new(&payload(number))).unwrap();
        }
        drop(wal);
        let (found, report) = read(&device, Lsn::ZERO).unwrap();
        assert!(found.len() > 5);
        drop(create(&device, report.next_start()).unwrap());
        assert_eq!(read(&device.crash(seed), Lsn::ZERO).unwrap().0, found);
    }
}

//! What the log does when the device refuses, fails or panics.

use super::*;
use crate::error::Kind;
use crate::sim_device::{EIO, Failure, Fault, Operation, SimDevice};

fn once(operation: Operation, failure: Failure) -> Fault {
    Fault { operation: Some(operation), after: 0, forever: false, failure }
}

/// A failed sync or write must stop the log for good, though the device would work again (I7).
#[test]
fn a_failed_sync_or_write_poisons() {
    for operation in [Operation::Sync, Operation::Write] {
        let device = SimDevice::new();
        let wal = create(&device, BIRTH).unwrap();
        let first = commit(&wal, 1, &payload(1)).unwrap();
        wal.wait_durable(first).unwrap();
        let second = commit(&wal, 2, &payload(2)).unwrap();
        device.fail(once(operation, Failure::Errno(EIO)));
        assert_eq!(wal.wait_durable(second).unwrap_err().kind(), Kind::Poisoned);
        assert!(wal.is_poisoned());
        assert_eq!(wal.wait_durable(second).unwrap_err().kind(), Kind::Poisoned);
        assert_eq!(commit(&wal, 3, b"x").unwrap_err().kind(), Kind::Poisoned);
        assert_eq!(wal.roll(|| ()).unwrap_err().kind(), Kind::Poisoned);
        assert_eq!(wal.durable(), first);
        // What the failed sync brought to the device is there, and was not acknowledged.
        let (found, _) = read(&device.crash(1), Lsn::ZERO).unwrap();
        assert!([(Lsn::ZERO, 1), (first, 2)].starts_with(&found) && !found.is_empty(), "{found:?}");
    }
}

#[test]
fn a_failed_sync_while_making_room_poisons() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    device.fail(once(Operation::Sync, Failure::Errno(EIO)));
    assert_eq!(commit(&wal, 1, &[0; 5000]).unwrap_err().kind(), Kind::Poisoned);
    assert!(wal.is_poisoned());
}

/// No space is not a broken log: nothing is sequenced, and commits go on when space is back.
#[test]
fn a_full_disk_refuses_until_there_is_space() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    device.set_capacity(Some(8192));
    let mut sequenced = 0;
    let refusal = loop {
        match commit(&wal, sequenced + 1, &payload(sequenced)) {
            Ok(_) => sequenced += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.kind(), Kind::NoSpace, "{refusal}");
    assert!(sequenced > 0 && !wal.is_poisoned());
    wal.wait_durable(wal.end()).unwrap();
    let end = wal.end();
    let unsequenced =
        wal.append(RecordKind::Commit, &HashedPayload::new(&[0; 9000]), Wait::Writer, || {
            unreachable!("sequenced without space")
        });
    assert_eq!((unsequenced.unwrap_err().kind(), wal.end()), (Kind::NoSpace, end));
    assert_eq!(wal.roll(|| ()).unwrap_err().kind(), Kind::NoSpace);
    device.set_capacity(None);
    commit(&wal, sequenced + 1, &payload(sequenced)).unwrap();
    wal.roll(|| ()).unwrap();
    assert_eq!(read(&device.crash(2), Lsn::ZERO).unwrap().0.len() as u64, sequenced + 1);
}

#[test]
fn a_refused_roll_goes_on_in_the_old_file() {
    for operation in [Operation::Create, Operation::Write] {
        let device = SimDevice::new();
        let wal = create(&device, BIRTH).unwrap();
        wal.wait_durable(commit(&wal, 1, &payload(1)).unwrap()).unwrap();
        device.fail(once(operation, Failure::Errno(EIO)));
        assert_eq!(wal.roll(|| ()).unwrap_err().kind(), Kind::Io);
        wal.wait_durable(commit(&wal, 2, &payload(2)).unwrap()).unwrap();
        assert_eq!(file_names(&device).len(), 1);
        assert_eq!(read(&device, Lsn::ZERO).unwrap().0.len(), 2);
    }
}

/// After a rename that may have happened, writing on in the old file would lose commits.
#[test]
fn a_roll_of_unknown_outcome_poisons() {
    for operation in [Operation::Rename, Operation::SyncDirectory] {
        let device = SimDevice::new();
        let wal = create(&device, BIRTH).unwrap();
        wal.wait_durable(commit(&wal, 1, &payload(1)).unwrap()).unwrap();
        device.fail(once(operation, Failure::Errno(EIO)));
        assert_eq!(wal.roll(|| ()).unwrap_err().kind(), Kind::Io);
        assert_eq!(commit(&wal, 2, b"x").unwrap_err().kind(), Kind::Poisoned);
        for seed in 0..8 {
            assert_eq!(read(&device.crash(seed), Lsn::ZERO).unwrap().0.len(), 1);
        }
    }
}

#[test]
fn a_panicking_leader_wakes_the_others_with_an_error() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    let end = commit(&wal, 1, &payload(1)).unwrap();
    device.set_sync_delay(std::time::Duration::from_millis(20));
    device.fail(once(Operation::Sync, Failure::Panic));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| wal.wait_durable(end))).collect();
        waiters.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let panicked = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(panicked, 1);
    for outcome in outcomes.into_iter().flatten() {
        assert_eq!(outcome.unwrap_err().kind(), Kind::Poisoned);
    }
    assert!(wal.is_poisoned());
}

#[test]
fn a_panic_while_rolling_frees_those_who_append() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    commit(&wal, 1, &payload(1)).unwrap();
    device.fail(once(Operation::Rename, Failure::Panic));
    std::thread::scope(|scope| {
        assert!(scope.spawn(|| wal.roll(|| ())).join().is_err());
    });
    assert_eq!(commit(&wal, 2, b"x").unwrap_err().kind(), Kind::Poisoned);
}

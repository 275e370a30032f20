//! I7: after a failed sync nothing more is acknowledged, reads go on, reopening is right.

use crate::history::{History, Workload, device, open, state_of};
use std::time::Duration;
use store_core::{Kind, ValueRef};
use store_tests::memory::wait_until_within;
use store_tests::sim_device::{EIO, Failure, Fault, Operation, SimDevice};

const WORKLOAD: Workload = Workload { seed: 3, steps: 30, text_bytes: 60, stubborn: true };

/// Fails one operation of this kind; the next one would succeed. True if it came to that.
fn fail_once(operation: Operation, after: u64) -> bool {
    let device = device();
    let failure = Failure::Errno(EIO);
    device.fail(Fault { operation: Some(operation), after, forever: false, failure });
    let what = format!("{operation:?} {after} fails");
    let mut history = History::new();
    let mut outcome = Ok(());
    match open(&device) {
        Err(error) => outcome = Err(error),
        Ok(store) => {
            outcome = outcome.and(history.run(&store, WORKLOAD));
            // Reads go on, and show what was acknowledged and nothing else.
            assert_eq!(state_of(&store), *history.acknowledged_state(), "{what}");
            let poisoned = store.stats().poisoned; // by a checkpoint's new log file, perhaps
            assert!(poisoned || !history.poisoned, "{what}");
            if poisoned {
                assert_eq!(store.checkpoint().unwrap_err().kind(), Kind::Poisoned, "{what}");
            }
        }
    }
    let failed = outcome.is_err();
    device.heal();
    for seed in 0..3 {
        history.verify(&device.crash(seed), &format!("{what}, crash {seed}"));
    }
    history.verify(&device, &what);
    failed
}

#[test]
fn a_failed_sync_stops_the_store_for_good() {
    let device = device();
    let mut history = History::new();
    history.run(&open(&device).unwrap(), WORKLOAD).unwrap();
    let syncs = device.syncs();
    let mut failures = 0;
    for after in 0..syncs {
        failures += u64::from(fail_once(Operation::Sync, after));
    }
    println!("{failures} of {syncs} failed syncs were met");
    assert!(failures >= syncs - 2, "{failures} of {syncs}");
}

#[test]
fn a_failed_sync_of_names_is_no_loss() {
    let failures: u64 =
        (0..20).map(|after| u64::from(fail_once(Operation::SyncDirectory, after))).sum();
    assert!(failures > 3, "{failures}");
}

#[test]
fn a_failed_write_or_rename_is_no_loss() {
    for operation in [Operation::Write, Operation::Rename, Operation::Create, Operation::SetLen] {
        for after in (0..40).step_by(3) {
            fail_once(operation, after);
        }
    }
}

/// Room in the log is made by a thread when nobody needs it yet. A sync that fails there is met by the
/// next commit, not lost.
#[test]
fn a_failed_sync_of_room_made_ahead_stops_the_store() {
    const GROWTH: u64 = 1 << 20;
    let device = SimDevice::small(GROWTH);
    let store = open(&device).unwrap();
    let mut history = History::new();
    history.run(&store, Workload { steps: 3, ..WORKLOAD }).unwrap();
    let table = store.open_table("a").unwrap();
    let text = "x".repeat(20_000);
    let row = |id: i64| -> [ValueRef<'_>; 3] { [id.into(), id.into(), (&text).into()] };
    device.set_sync_delay(Duration::from_millis(20)); // so that the thread is still at it below
    let mut id = 1_000;
    // Noted when half of the room is used, begun with the next commit, and done in pieces.
    while store.stats().wal_end < GROWTH / 2 + 60_000 {
        id += 1;
        store.write(|txn| table.insert(txn, &row(id))).unwrap();
    }
    let failure = Failure::Errno(EIO);
    device.fail(Fault { operation: Some(Operation::Sync), after: 0, forever: false, failure });
    let failed = || !device.is_waiting_to_fail();
    wait_until_within(Duration::from_secs(5), "nobody syncs room made ahead", failed);
    let error = store.write(|txn| table.insert(txn, &row(0))).unwrap_err();
    assert_eq!(error.kind(), Kind::Poisoned, "{error}");
}

#[test]
fn a_commit_after_a_failed_sync_is_refused() {
    let device = device();
    let store = open(&device).unwrap();
    let mut history = History::new();
    let workload = Workload { steps: 3, ..WORKLOAD };
    history.run(&store, workload).unwrap();
    let failure = Failure::Errno(EIO);
    device.fail(Fault { operation: Some(Operation::Sync), after: 0, forever: false, failure });
    let table = store.open_table("a").unwrap();
    let row = [99_i64.into(), 1_i64.into(), "x".into()];
    for _ in 0..3 {
        let error = store.write(|txn| table.insert(txn, &row)).unwrap_err();
        assert_eq!(error.kind(), Kind::Poisoned, "{error}");
        assert!(table.get(&store.snapshot().unwrap(), &[99_i64.into()]).unwrap().is_none());
    }
    drop((store, table));
    device.heal();
    let store = open(&device).unwrap();
    let table = store.open_table("a").unwrap();
    store.write(|txn| table.upsert(txn, &row).map(drop)).unwrap();
}

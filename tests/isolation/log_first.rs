//! I8: nothing is visible before the log has it, durable.

use crate::{StopAtEnd, accounts, is_stopped};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{Store, Table};
use store_tests::gate::GateDevice;
use store_tests::rows::{assert_sound, drain, int, matching};
use store_tests::sim_device::SimDevice;

fn set(store: &Store, table: &Table, value: i64) -> store_core::Result<()> {
    store.write(|txn| table.update(txn, &[1_i64.into()], &[("value", value.into())]).map(drop))
}

fn value(store: &Store, table: &Table) -> i64 {
    let snapshot = store.snapshot().unwrap();
    let row = table.get(&snapshot, &[1_i64.into()]).unwrap().unwrap();
    int(&row.to_values()[2])
}

#[test]
fn a_commit_is_invisible_until_it_is_durable() {
    let gate = GateDevice::default();
    let store = Store::options().memory(64 << 20).open_on(Arc::new(gate.clone())).unwrap();
    let table = accounts(&store, "t");
    store.write(|txn| table.insert(txn, &[1_i64.into(), 1.into(), 10.into()])).unwrap();
    gate.close();
    let acknowledged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| {
            let result = store.write(|txn| {
                table.update(txn, &[1_i64.into()], &[("value", 20.into()), ("place", 2.into())])?;
                table.insert(txn, &[2_i64.into(), 2.into(), 20.into()])
            });
            acknowledged.store(true, Ordering::Relaxed);
            result
        });
        let stands = gate.wait_for_somebody();
        let seen = {
            let snapshot = store.snapshot().unwrap();
            let scan = matching(&table, &snapshot, Predicate::all());
            let sorted = drain(table.query(&snapshot).sort(&["value"]).unwrap().run().unwrap());
            let by_place = matching(&table, &snapshot, column("place").eq(2));
            let keys = [1_i64, 2].map(|id| table.get(&snapshot, &[id.into()]).unwrap().is_some());
            (scan, sorted, by_place.len(), keys)
        };
        let early = acknowledged.load(Ordering::Relaxed);
        gate.open_gate(); // before any assertion, or the scope would never end
        assert!(stands, "a commit syncs before it returns");
        assert!(!early, "acknowledged before it was durable");
        assert_eq!(seen.0.len(), 1, "by scan");
        assert_eq!(int(&seen.0[0][2]), 10, "by scan");
        assert_eq!(seen.0, seen.1, "by index order");
        assert_eq!((seen.2, seen.3), (0, [true, false]), "by index and key");
        commit.join().unwrap().unwrap();
    });
    assert_eq!(value(&store, &table), 20);
}

#[test]
fn what_a_reader_saw_survives_the_loss_of_power() {
    let device = SimDevice::new();
    let store = Store::options().memory(32 << 20).open_on(Arc::new(device.clone())).unwrap();
    let table = accounts(&store, "t");
    store.write(|txn| table.insert(txn, &[1_i64.into(), 1.into(), 0.into()])).unwrap();
    device.set_sync_delay(Duration::from_millis(1));
    let (next, stop) = (AtomicI64::new(1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_stopped(&stop) {
                    let _ = set(&store, &table, next.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        let mut last = 0;
        for seed in 0..40 {
            while value(&store, &table) == last {
                std::thread::yield_now();
            }
            let snapshot = store.snapshot().unwrap();
            last = value(&store, &table);
            let after = device.crash(seed);
            let found = Store::options().memory(32 << 20).open_on(Arc::new(after)).unwrap();
            let timestamp = found.recovery().unwrap().timestamp;
            assert!(
                timestamp >= snapshot.timestamp(),
                "seed {seed}: a reader saw commit {}, the disk has {timestamp}",
                snapshot.timestamp()
            );
            assert_sound(&found);
        }
    });
}

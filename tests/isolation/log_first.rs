//! I8: nothing is visible before the log has it, durable.

use crate::{StopAtEnd, accounts, is_stopped};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{Durability, Kind, Store, Table, TxnOptions};
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
fn a_commit_with_a_ticket_is_invisible_until_it_is_durable() {
    let gate = GateDevice::default();
    let store = Store::options().memory(64 << 20).open_on(Arc::new(gate.clone())).unwrap();
    let table = accounts(&store, "t");
    store.write(|txn| table.insert(txn, &[1_i64.into(), 1.into(), 10.into()])).unwrap();
    gate.close();
    let commit = |value: i64| {
        let mut txn = store.begin()?;
        table.update(&mut txn, &[1_i64.into()], &[("value", value.into())])?;
        txn.commit_ticket()
    };
    let ticket = commit(20).unwrap();
    let stands = gate.wait_for_somebody();
    let (seen, early) = (value(&store, &table), ticket.is_durable());
    let second = commit(30).map(drop);
    // An asynchronous commit comes after it in the order: it cannot be seen before.
    let async_waits = std::thread::scope(|scope| {
        let after = scope.spawn(|| {
            let level = TxnOptions::new().durability(Durability::Async);
            store.write_with(level, |txn| table.insert(txn, &[2_i64.into(), 1.into(), 1.into()]))
        });
        std::thread::sleep(Duration::from_millis(30));
        let waits = !after.is_finished();
        gate.open_gate(); // before any assertion, or the scope would never end
        after.join().unwrap().unwrap();
        waits
    });
    assert!(stands, "a ticket is synced though nobody waits");
    assert_eq!((seen, early), (10, false), "visible before it was durable");
    assert_eq!(second.unwrap_err().kind(), Kind::Conflict, "its row is taken until then");
    assert!(async_waits, "visible out of turn");
    assert_eq!(ticket.wait().unwrap(), ticket.timestamp());
    assert_eq!(value(&store, &table), 20);
    assert!(ticket.is_durable() && store.is_durable(ticket.lsn()));
    let beyond = store.stats().wal_end + 1;
    assert_eq!(store.wait_durable(beyond).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn many_tickets_are_visible_after_one_wait() {
    let store = Store::options().memory(64 << 20);
    let store = store.open_on(Arc::new(SimDevice::new())).unwrap();
    let table = accounts(&store, "t");
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (store, table) = (&store, &table);
            scope.spawn(move || {
                for round in 0..20 {
                    let commit = |nth: i64| {
                        let id = thread * 10_000 + round * 100 + nth;
                        let mut txn = store.begin().unwrap();
                        table.insert(&mut txn, &[id.into(), 1.into(), id.into()]).unwrap();
                        txn.commit_ticket().unwrap()
                    };
                    let last = (0..100).map(commit).fold(None, |_, ticket| Some(ticket)).unwrap();
                    store.wait_durable(last.lsn()).unwrap();
                    let snapshot = store.snapshot().unwrap();
                    assert!(snapshot.timestamp() >= last.timestamp());
                    let ids = (0..100).map(|nth| thread * 10_000 + round * 100 + nth);
                    let there = |id: i64| table.get(&snapshot, &[id.into()]).unwrap().is_some();
                    assert!(ids.into_iter().all(there), "not visible after the wait");
                }
            });
        }
    });
    assert_sound(&store);
}

#[test]
fn tickets_nobody_waits_for_become_visible() {
    let store = Store::options().memory(64 << 20);
    let store = store.open_on(Arc::new(SimDevice::new())).unwrap();
    let table = accounts(&store, "t");
    // More than the clock has places for at once.
    let mut last = 0;
    for id in 0..20_000_i64 {
        let mut txn = store.begin().unwrap();
        table.insert(&mut txn, &[id.into(), 1.into(), id.into()]).unwrap();
        last = txn.commit_ticket().unwrap().timestamp();
    }
    let began = std::time::Instant::now();
    while store.snapshot().unwrap().timestamp() < last {
        assert!(began.elapsed() < Duration::from_secs(20), "forgotten");
        std::thread::yield_now();
    }
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

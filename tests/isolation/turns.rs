//! Retries: who loses a row waits for its outcome, in a queue, and gets it.

use crate::{accounts, store};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use store_core::{Isolation, Kind, Result, Store, Table, Txn, TxnOptions};
use store_tests::rows::{assert_sound, int};
use store_tests::sim_device::SimDevice;

const THREADS: i64 = 8;

fn with_one_row(store: &Store) -> Table {
    let table = accounts(store, "t");
    store.write(|txn| table.insert(txn, &[0_i64.into(), 0.into(), 0_i64.into()])).unwrap();
    table
}

fn add_one(table: &Table, txn: &mut Txn) -> Result<bool> {
    let row = table.get(txn, &[0_i64.into()])?.expect("the row is there");
    let value = int(&row.to_values()[2]);
    table.update(txn, &[0_i64.into()], &[("value", (value + 1).into())])
}

/// Every thread adds to one row; how many attempts that took.
fn contend(store: &Store, options: TxnOptions, rounds: i64) -> u64 {
    let table = with_one_row(store);
    let attempts = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let work = |txn: &mut Txn| {
                        attempts.fetch_add(1, Ordering::Relaxed);
                        add_one(&table, txn)
                    };
                    store.write_with(options, work).unwrap();
                }
            });
        }
    });
    let snapshot = store.snapshot().unwrap();
    let row = table.get(&snapshot, &[0_i64.into()]).unwrap().unwrap();
    assert_eq!(int(&row.to_values()[2]), THREADS * rounds);
    assert_sound(store);
    attempts.into_inner()
}

/// Without turns eight threads would need dozens of attempts each; four retries are enough.
#[test]
fn everybody_gets_a_row_that_all_want_after_few_attempts() {
    let attempts = contend(&store(), TxnOptions::new().retries(4), 500);
    println!("{attempts} attempts for {} commits", THREADS * 500);
    let serializable = TxnOptions::new().isolation(Isolation::Serializable).retries(4);
    contend(&store(), serializable, 200);
}

/// The owner of the row waits for its sync meanwhile: nobody may spend retries on that.
#[test]
fn a_commit_that_waits_for_its_sync_costs_others_one_retry() {
    let device = SimDevice::new();
    let store = Store::options().memory(32 << 20).open_on(Arc::new(device)).unwrap();
    contend(&store, TxnOptions::new().retries(4), 100);
}

/// The row is free, but its turn is that of one who lost it before.
#[test]
fn who_waited_comes_before_newcomers() {
    let store = store();
    let table = with_one_row(&store);
    let key = [0_i64.into()];
    let mut holder = store.begin().unwrap();
    assert!(table.lock(&mut holder, &key).unwrap());
    let (again, go_on) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut attempts = 0;
            let work = |txn: &mut Txn| {
                attempts += 1;
                if attempts == 2 {
                    again.wait();
                    go_on.wait();
                }
                add_one(&table, txn)
            };
            store.write(work).unwrap();
            attempts
        });
        while !waiter.is_finished() && store.stats().conflicts == 0 {
            std::thread::yield_now();
        }
        drop(holder);
        again.wait();
        let newcomer = store.write_with(TxnOptions::new().retries(0), |txn| add_one(&table, txn));
        go_on.wait();
        assert_eq!(newcomer.map_err(|error| error.kind()), Err(Kind::Conflict));
        assert_eq!(waiter.join().unwrap(), 2);
    });
    assert!(store.write(|txn| add_one(&table, txn)).unwrap());
}

#[test]
fn a_row_that_is_never_given_up_ends_in_a_conflict() {
    let store = store();
    let table = with_one_row(&store);
    let mut holder = store.begin().unwrap();
    assert!(table.lock(&mut holder, &[0_i64.into()]).unwrap());
    let error = store.write_with(TxnOptions::new().retries(2), |txn| add_one(&table, txn));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.details(), ["t", "0"]);
    drop(holder);
    assert!(store.write(|txn| add_one(&table, txn)).unwrap());
}

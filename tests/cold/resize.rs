//! Stores whose memory budget changes while they are open.

use crate::{MIB, flights, key, put, row, store};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store_core::{Kind, Store, Table};
use store_tests::rows::assert_sound;

fn assert_rows(store: &Store, table: &Table, rows: i64) {
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.count(&snapshot).unwrap(), rows as u64);
    for nth in (0..rows).step_by(61) {
        let found = table.get(&snapshot, &[(&*key(nth)).into()]).unwrap();
        assert_eq!(found.unwrap().to_values(), row(nth), "{nth}");
    }
    drop(snapshot);
    assert_sound(store);
}

/// Writes rows until one is refused; says how many went in.
fn fill(store: &Store, table: &Table, from: i64) -> i64 {
    for nth in from.. {
        let cells = row(nth);
        let cells: Vec<_> = cells.iter().map(Into::into).collect();
        if let Err(error) = store.write(|txn| table.insert(txn, &cells)) {
            assert_eq!(error.kind(), Kind::OverBudget, "{error}");
            return nth;
        }
    }
    unreachable!()
}

#[test]
fn a_full_store_takes_more_when_it_is_given_more() {
    let store = Store::options().memory(8 * MIB).open_in_memory().unwrap();
    let table = flights(&store);
    let first = fill(&store, &table, 0);
    store.set_memory(32 * MIB).unwrap();
    let second = fill(&store, &table, first);
    let stats = store.stats();
    assert!(second > 2 * first, "{first} rows, then {second}\n{stats:#?}");
    assert_eq!(stats.memory_limit, 32 * MIB);
    assert!(stats.memory_peak <= 32 * MIB, "{}", stats.memory_peak);
    // What is kept for deleting is there at the new size, too.
    store.write(|txn| table.delete(txn, &[(&*key(second - 1)).into()])).unwrap();
    assert_rows(&store, &table, second - 1);
}

#[test]
fn a_budget_below_what_is_held_is_refused_and_changes_nothing() {
    let store = Store::options().memory(32 * MIB).open_in_memory().unwrap();
    let table = flights(&store);
    let rows = fill(&store, &table, 0);
    let error = store.set_memory(16 * MIB).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget);
    assert!(error.to_string().contains("more than the 16777216 it is to have"), "{error}");
    assert_eq!(store.stats().memory_limit, 32 * MIB);
    for bytes in [0, MIB, u64::MAX] {
        let error = store.set_memory(bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::OverBudget, "{error}");
    }
    assert_eq!(store.stats().memory_limit, 32 * MIB);
    assert_rows(&store, &table, rows);
    // Rows that went make room.
    for nth in 0..rows {
        store.write(|txn| table.delete(txn, &[(&*key(nth)).into()])).unwrap();
    }
    store.set_memory(16 * MIB).unwrap();
    assert!(store.stats().memory_used <= 16 * MIB);
    put(&store, &table, 0..rows / 4);
    assert_rows(&store, &table, rows / 4);
}

#[test]
fn rows_leave_memory_when_it_becomes_less() {
    let (store, place) = store(64 * MIB);
    let table = flights(&store);
    let rows = 250_000;
    put(&store, &table, 0..rows);
    assert!(store.stats().memory_used > 24 * MIB);
    store.set_memory(20 * MIB).unwrap_or_else(|error| panic!("{error}\n{:#?}", store.stats()));
    let stats = store.stats();
    assert!(stats.memory_used <= 20 * MIB && stats.memory_limit == 20 * MIB, "{stats:#?}");
    assert!(stats.frozen_rows > 0, "{stats:#?}");
    assert_rows(&store, &table, rows);
    put(&store, &table, rows..rows + 50_000);
    assert!(store.stats().memory_used <= 20 * MIB);
    drop((table, store));
    let store = Store::options().memory(20 * MIB).freeze(true).open(place.path()).unwrap();
    assert_rows(&store, &store.open_table("flights").unwrap(), rows + 50_000);
}

#[test]
fn the_budget_changes_beside_writers_and_readers() {
    let (store, _place) = store(24 * MIB);
    let table = flights(&store);
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let from = written.load(Ordering::Relaxed) as i64;
                put(&store, &table, from..from + 1_000);
                written.fetch_add(1_000, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let least = written.load(Ordering::Relaxed);
                let count = table.count(&store.snapshot().unwrap()).unwrap();
                assert!(count >= least, "{count} of {least}");
            }
        });
        let (mut fell, mut refused) = (0, 0);
        for turn in 0..40 {
            let bytes = [48, 24, 40, 20][turn % 4] * MIB;
            let before = store.stats().memory_limit;
            match store.set_memory(bytes) {
                Ok(()) => fell += u64::from(bytes < before),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::OverBudget, "{error}");
                    assert_eq!(store.stats().memory_limit, before);
                    refused += 1;
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        done.store(true, Ordering::Relaxed);
        assert!(fell > 0, "{refused} refused");
    });
    assert!(store.stats().memory_peak <= 48 * MIB);
    assert_rows(&store, &table, written.into_inner() as i64);
}

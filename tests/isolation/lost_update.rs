//! I5: of two concurrent transactions that write one row at most one commits; the other gets
//! `Conflict` at once, can do nothing more, and leaves nothing behind.

use crate::{accounts, store};
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};
use store_core::{Error, Kind, Store, Table, Txn};
use store_tests::rows::{assert_sound, int};

fn value(store: &Store, table: &Table, id: i64) -> Option<i64> {
    let snapshot = store.snapshot().unwrap();
    table.get(&snapshot, &[id.into()]).unwrap().map(|row| int(&row.to_values()[2]))
}

fn set(table: &Table, txn: &mut Txn, id: i64, value: i64) -> Result<bool, Error> {
    table.update(txn, &[id.into()], &[("value", value.into())])
}

fn with_two_rows() -> (Store, Table) {
    let store = store();
    let table = accounts(&store, "t");
    for id in 0..2_i64 {
        store.write(|txn| table.insert(txn, &[id.into(), 0.into(), 0.into()])).unwrap();
    }
    (store, table)
}

#[test]
fn the_second_writer_of_a_row_loses_at_once() {
    let (store, table) = with_two_rows();
    let (mut first, mut second) = (store.begin().unwrap(), store.begin().unwrap());
    set(&table, &mut first, 0, 1).unwrap();
    set(&table, &mut second, 1, 2).unwrap();
    let error = set(&table, &mut second, 0, 2).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.is_retryable() && second.is_doomed());
    // Doomed: every call says so until rollback.
    let key = [1_i64.into()];
    assert_eq!(set(&table, &mut second, 1, 3).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(table.delete(&mut second, &key).unwrap_err().kind(), Kind::Conflict);
    let row = [5_i64.into(), 0.into(), 0.into()];
    assert_eq!(table.insert(&mut second, &row).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(second.savepoint().unwrap_err().kind(), Kind::Conflict);
    assert_eq!(second.commit().unwrap_err().kind(), Kind::Conflict);
    first.commit().unwrap();
    assert_eq!((value(&store, &table, 0), value(&store, &table, 1)), (Some(1), Some(0)));
    assert_eq!(store.stats().conflicts, 1);
}

#[test]
fn a_write_after_a_newer_commit_loses() {
    let (store, table) = with_two_rows();
    let mut late = store.begin().unwrap();
    store.write(|txn| set(&table, txn, 0, 10)).unwrap();
    assert_eq!(set(&table, &mut late, 0, 20).unwrap_err().kind(), Kind::Conflict);
    late.rollback();
    // The same for a delete of an updated row, and an update of a deleted one.
    let mut late = store.begin().unwrap();
    store.write(|txn| set(&table, txn, 0, 11)).unwrap();
    assert_eq!(table.delete(&mut late, &[0_i64.into()]).unwrap_err().kind(), Kind::Conflict);
    late.rollback();
    let mut late = store.begin().unwrap();
    store.write(|txn| table.delete(txn, &[0_i64.into()])).unwrap();
    assert_eq!(set(&table, &mut late, 0, 20).unwrap_err().kind(), Kind::Conflict);
    late.rollback();
    // And for an insert of a key that was inserted meanwhile, or deleted after the snapshot.
    let mut late = store.begin().unwrap();
    let row = [0_i64.into(), 0.into(), 7.into()];
    store.write(|txn| table.insert(txn, &row)).unwrap();
    assert_eq!(table.insert(&mut late, &row).unwrap_err().kind(), Kind::Conflict);
    late.rollback();
    assert_eq!(value(&store, &table, 0), Some(7));
    assert_sound(&store);
}

#[test]
fn a_rolled_back_writer_frees_the_row() {
    let (store, table) = with_two_rows();
    let mut first = store.begin().unwrap();
    set(&table, &mut first, 0, 1).unwrap();
    table.insert(&mut first, &[9_i64.into(), 0.into(), 0.into()]).unwrap();
    first.rollback();
    store.write(|txn| set(&table, txn, 0, 2)).unwrap();
    store.write(|txn| table.insert(txn, &[9_i64.into(), 0.into(), 5.into()])).unwrap();
    assert_eq!((value(&store, &table, 0), value(&store, &table, 9)), (Some(2), Some(5)));
    assert_sound(&store);
}

#[test]
fn concurrent_increments_all_count() {
    const THREADS: i64 = 4;
    const ROUNDS: i64 = 2_000;
    let (store, table) = with_two_rows();
    let (won, lost) = (AtomicI64::new(0), AtomicI64::new(0));
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    let mut txn = store.begin().unwrap();
                    let row = table.get(&txn, &[0_i64.into()]).unwrap().unwrap().to_values();
                    std::thread::yield_now(); // another one may come between read and write
                    let outcome = set(&table, &mut txn, 0, int(&row[2]) + 1)
                        .and_then(|found| txn.commit().map(|_| assert!(found)));
                    match outcome {
                        Ok(()) => won.fetch_add(1, Ordering::Relaxed),
                        Err(error) if error.kind() == Kind::Conflict => {
                            lost.fetch_add(1, Ordering::Relaxed)
                        }
                        Err(error) => panic!("{error}"),
                    };
                }
            });
        }
    });
    let (won, lost) = (won.into_inner(), lost.into_inner());
    assert_eq!(won + lost, THREADS * ROUNDS);
    assert!(won > 0);
    assert_eq!(value(&store, &table, 0), Some(won), "{lost} lost");
    assert_sound(&store);
}

#[test]
fn one_of_many_inserts_of_a_key_wins() {
    const THREADS: usize = 4;
    let (store, table) = with_two_rows();
    for round in 0..300_i64 {
        let won = AtomicI64::new(0);
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS as i64 {
                let (store, table, won, start) = (&store, &table, &won, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut txn = store.begin().unwrap();
                    let row = [(100 + round % 5).into(), 0.into(), thread.into()];
                    match table.insert(&mut txn, &row).and_then(|()| txn.commit()) {
                        Ok(_) => drop(won.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => {
                            let lost = matches!(error.kind(), Kind::Conflict | Kind::Duplicate);
                            assert!(lost, "{error}");
                        }
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1, "round {round}");
        store.write(|txn| table.delete(txn, &[(100 + round % 5).into()])).unwrap();
    }
    assert_sound(&store);
}

#[test]
fn write_skew_is_possible_and_stated() {
    // Snapshot isolation prevents lost updates, not write skew: both read two rows and each
    // writes another one.
    let (store, table) = with_two_rows();
    let (mut first, mut second) = (store.begin().unwrap(), store.begin().unwrap());
    let both = |txn: &Txn| {
        (0..2_i64)
            .map(|id| int(&table.get(txn, &[id.into()]).unwrap().unwrap().to_values()[2]))
            .sum::<i64>()
    };
    assert_eq!((both(&first), both(&second)), (0, 0));
    set(&table, &mut first, 0, 1).unwrap();
    set(&table, &mut second, 1, 1).unwrap();
    first.commit().unwrap();
    second.commit().unwrap();
    assert_eq!((value(&store, &table, 0), value(&store, &table, 1)), (Some(1), Some(1)));
}

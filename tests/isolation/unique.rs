//! Unique indexes under races: of many inserts of one value exactly one commits.

use crate::{StopAtEnd, is_stopped, store};
use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store_core::query::Predicate;
use store_core::{Kind, Schema, Store, Table, Type, Value};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, matching};

const THREADS: u64 = 4;

fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("code", Type::Int64)
        .unique()
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

#[test]
fn one_of_many_inserts_of_a_value_wins() {
    let store = store();
    let table = table(&store);
    for round in 0..400_i64 {
        let won = AtomicU64::new(0);
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS as i64 {
                let (store, table, won, start) = (&store, &table, &won, &start);
                scope.spawn(move || {
                    start.wait();
                    let id = round * 10 + thread;
                    // Retried until it wins or finds the winner: both may lose one race.
                    match store.write(|txn| table.insert(txn, &[id.into(), 7_i64.into()])) {
                        Ok(()) => drop(won.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => assert_eq!(error.kind(), Kind::Duplicate, "{error}"),
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1, "round {round}");
        let rows = matching(&table, &store.snapshot().unwrap(), Predicate::all());
        assert_eq!(rows.len(), 1, "round {round}");
        // A delete frees the value.
        let id = int(&rows[0][0]);
        assert!(store.write(|txn| table.delete(txn, &[id.into()])).unwrap());
    }
    assert_sound(&store);
}

#[test]
fn values_stay_unique_while_rows_change_them() {
    const CODES: u64 = 12;
    let store = store();
    let table = table(&store);
    let stop = AtomicBool::new(false);
    let changed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (store, table, stop, changed) = (&store, &table, &stop, &changed);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !is_stopped(stop) {
                    let (id, code) = (random.below(10) as i64, random.below(CODES) as i64);
                    let mut txn = store.begin().unwrap();
                    let outcome = match random.below(3) {
                        0 => table.delete(&mut txn, &[id.into()]).map(drop),
                        1 => table.upsert(&mut txn, &[id.into(), Value::Null.as_ref()]).map(drop),
                        _ => table.upsert(&mut txn, &[id.into(), code.into()]).map(drop),
                    };
                    match outcome.and_then(|()| txn.commit()) {
                        Ok(_) => drop(changed.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => {
                            let lost = matches!(error.kind(), Kind::Conflict | Kind::Duplicate);
                            assert!(lost, "{error}");
                        }
                    }
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        let mut rounds = 0;
        while rounds < 2_000 || changed.load(Ordering::Relaxed) < 2_000 {
            rounds += 1;
            let rows = matching(&table, &store.snapshot().unwrap(), Predicate::all());
            let codes: Vec<_> = rows.iter().filter(|row| row[1] != Value::Null).collect();
            let distinct: HashSet<i64> = codes.iter().map(|row| int(&row[1])).collect();
            assert_eq!(distinct.len(), codes.len(), "{rows:?}");
        }
    });
    assert_sound(&store);
}

#[test]
fn a_value_moves_between_rows_in_one_transaction() {
    let store = store();
    let table = table(&store);
    store.write(|txn| table.insert(txn, &[1_i64.into(), 7_i64.into()])).unwrap();
    // Taken from a deleted row, and from a row that got another value.
    let write = store.write(|txn| {
        table.delete(txn, &[1_i64.into()])?;
        table.insert(txn, &[2_i64.into(), 7_i64.into()])?;
        table.update(txn, &[2_i64.into()], &[("code", 8_i64.into())])?;
        table.insert(txn, &[3_i64.into(), 7_i64.into()])
    });
    write.unwrap();
    let again = store.write(|txn| table.insert(txn, &[4_i64.into(), 8_i64.into()]));
    assert_eq!(again.unwrap_err().kind(), Kind::Duplicate);
    // Not freed by a delete that is rolled back, nor before it is committed.
    let mut deleting = store.begin().unwrap();
    table.delete(&mut deleting, &[2_i64.into()]).unwrap();
    let mut other = store.begin().unwrap();
    let error = table.insert(&mut other, &[4_i64.into(), 8_i64.into()]).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    drop((deleting, other));
    let again = store.write(|txn| table.insert(txn, &[4_i64.into(), 8_i64.into()]));
    assert_eq!(again.unwrap_err().kind(), Kind::Duplicate);
    assert_sound(&store);
}

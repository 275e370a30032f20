//! I5, I10: increments are never lost, and a sum that does not fit changes nothing.

use crate::{accounts, store};
use store_core::{Isolation, Kind, Schema, Store, Table, TxnOptions, Value, ValueRef};
use store_tests::rows::assert_sound;

fn numbers() -> (Store, Table) {
    let store = store();
    let schema = "id int64 key, small int16, wide int64 index, half float32, whole float64, \
                  name text, day date";
    let table = store.create_table(Schema::parse("t", schema).unwrap()).unwrap();
    let row = [1.into(), 0.into(), 0.into(), 0.5.into(), 0.5.into(), "x".into(), ValueRef::Null];
    store.write(|txn| table.insert(txn, &row)).unwrap();
    (store, table)
}

fn row(store: &Store, table: &Table) -> Vec<Value> {
    table.get(&store.snapshot().unwrap(), &[1.into()]).unwrap().unwrap().to_values()
}

#[test]
fn concurrent_increments_all_count() {
    for isolation in [Isolation::Snapshot, Isolation::Serializable] {
        let store = store();
        let table = accounts(&store, "t");
        store.write(|txn| table.insert(txn, &[1_i64.into(), 0.into(), ValueRef::Null])).unwrap();
        let options = TxnOptions::new().isolation(isolation).retries(u32::MAX);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        let key = [1_i64.into()];
                        let add = |txn: &mut store_core::Txn| {
                            table.incr_columns(txn, &key, &[1, 2], &[1.into(), 2.into()])
                        };
                        let sums = store.write_with(options, add).unwrap().unwrap();
                        assert_eq!(sums.len(), 2);
                    }
                });
            }
        });
        let snapshot = store.snapshot().unwrap();
        let found = table.get(&snapshot, &[1_i64.into()]).unwrap().unwrap();
        assert_eq!(found.to_values()[1..], [1_000.into(), 2_000.into()]);
        assert_sound(&store);
    }
}

#[test]
fn a_sum_is_the_transactions_own_at_once() {
    let (store, table) = numbers();
    let mut txn = store.begin().unwrap();
    for wanted in 1..=3_i64 {
        let sum = table.incr(&mut txn, &[1.into()], "small", 1.into()).unwrap();
        assert_eq!(sum, Some(wanted.into()));
    }
    assert_eq!(table.incr(&mut txn, &[1.into()], "half", 1.into()).unwrap(), Some(1.5_f32.into()));
    assert_eq!(
        table.incr(&mut txn, &[1.into()], "whole", (-1).into()).unwrap(),
        Some((-0.5).into())
    );
    assert_eq!(table.incr(&mut txn, &[2.into()], "small", 1.into()).unwrap(), None);
    assert_eq!(row(&store, &table)[1], 0.into());
    txn.commit().unwrap();
    assert_eq!(row(&store, &table)[1..5], [3.into(), 0.into(), 1.5_f32.into(), (-0.5).into()]);
}

#[test]
fn what_cannot_be_added_is_refused_and_changes_nothing() {
    let (store, table) = numbers();
    let before = row(&store, &table);
    let mut txn = store.begin().unwrap();
    let mut refuse = |column: &str, amount: ValueRef<'_>, kind, words: &str| {
        let error = table.incr(&mut txn, &[1.into()], column, amount).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refuse(
        "small",
        32_768.into(),
        Kind::Type,
        "column \"small\" of `t`: 0 + 32768 is out of range",
    );
    refuse("small", 1.5.into(), Kind::Type, "give an integer");
    refuse("whole", "1".into(), Kind::Type, "give a number");
    refuse("whole", ValueRef::Null, Kind::Type, "NULL cannot be added");
    refuse("name", 1.into(), Kind::Type, "text is no number");
    refuse("day", 1.into(), Kind::Type, "date is no number");
    refuse("id", 1.into(), Kind::Invalid, "part of the key");
    refuse("speed", 1.into(), Kind::NotFound, "no column \"speed\"");
    let key = [1.into()];
    // The second sum does not fit: the first is not kept either.
    let both = table.incr_columns(&mut txn, &key, &[2, 1], &[5.into(), (-32_769).into()]);
    assert_eq!(both.unwrap_err().kind(), Kind::Type);
    let twice = table.incr_columns(&mut txn, &key, &[1, 1], &[1.into(), 1.into()]);
    assert!(twice.unwrap_err().to_string().contains("named twice"));
    assert_eq!(
        table.incr_columns(&mut txn, &key, &[9], &[1.into()]).unwrap_err().kind(),
        Kind::Invalid
    );
    assert!(table.incr(&mut txn, &["x".into()], "small", 1.into()).is_err());
    assert_eq!((txn.writes(), txn.is_doomed()), (0, false));
    txn.commit().unwrap();
    assert_eq!(row(&store, &table), before);
    assert_sound(&store);
}

#[test]
fn of_two_that_add_to_one_row_the_second_loses_at_once() {
    let (store, table) = numbers();
    let (mut one, mut two) = (store.begin().unwrap(), store.begin().unwrap());
    assert!(table.incr(&mut one, &[1.into()], "wide", 1.into()).unwrap().is_some());
    let error = table.incr(&mut two, &[1.into()], "wide", 1.into()).unwrap_err();
    assert_eq!((error.kind(), two.is_doomed()), (Kind::Conflict, true));
}

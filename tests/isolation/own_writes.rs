//! A transaction sees its own writes by every path, others do not; savepoints take them back.

use crate::{accounts, store};
use store_core::query::{Predicate, column};
use store_core::{Kind, Reader, Store, Table, Txn};
use store_tests::rows::{assert_sound, drain, int, matching};

fn filled() -> (Store, Table) {
    let store = store();
    let table = accounts(&store, "t");
    let write = store.write(|txn| {
        (0..100_i64).try_for_each(|id| {
            table.insert(txn, &[id.into(), (id as i32).into(), (id * 10).into()])
        })
    });
    write.unwrap();
    (store, table)
}

/// The ids of rows, in the order they come.
fn ids<R: Reader>(table: &Table, reader: &R, filter: Predicate, sort: &[&str]) -> Vec<i64> {
    let query = table.query(reader).filter(filter).sort(sort).unwrap();
    drain(query.run().unwrap()).iter().map(|row| int(&row[0])).collect()
}

fn change(table: &Table, txn: &mut Txn) {
    table.insert(txn, &[200_i64.into(), 3.into(), 1.into()]).unwrap();
    table.update(txn, &[3_i64.into()], &[("place", 50.into())]).unwrap();
    table.update(txn, &[50_i64.into()], &[("place", 3.into()), ("value", 2_i64.into())]).unwrap();
    assert!(table.delete(txn, &[4_i64.into()]).unwrap());
    // Written twice, and written and deleted, and deleted and inserted anew.
    table.update(txn, &[50_i64.into()], &[("value", 5_i64.into())]).unwrap();
    table.insert(txn, &[201_i64.into(), 3.into(), 3.into()]).unwrap();
    assert!(table.delete(txn, &[201_i64.into()]).unwrap());
    assert!(table.delete(txn, &[5_i64.into()]).unwrap());
    table.insert(txn, &[5_i64.into(), 3.into(), 4.into()]).unwrap();
}

fn assert_changed<R: Reader>(table: &Table, reader: &R) {
    let place = |place: i32| column("place").eq(place);
    assert_eq!(ids(table, reader, place(3), &["value"]), [200, 5, 50], "by index, sorted");
    assert_eq!(ids(table, reader, place(3), &["-value"]), [50, 5, 200], "by index, descending");
    assert_eq!(ids(table, reader, place(50), &["id"]), [3], "by index");
    assert_eq!(ids(table, reader, place(4), &["id"]), Vec::<i64>::new(), "deleted");
    assert_eq!(ids(table, reader, place(5), &["id"]), Vec::<i64>::new(), "moved");
    let lowest = table.query(reader).sort(&["value"]).unwrap().limit(4).run().unwrap();
    let lowest: Vec<i64> = drain(lowest).iter().map(|row| int(&row[0])).collect();
    assert_eq!(lowest, [0, 200, 5, 50], "the first of an order");
    assert_eq!(table.count(reader).unwrap(), 100);
    assert!(table.get(reader, &[4_i64.into()]).unwrap().is_none());
    assert!(table.get(reader, &[201_i64.into()]).unwrap().is_none());
    assert_eq!(int(&table.get(reader, &[5_i64.into()]).unwrap().unwrap().to_values()[2]), 4);
    assert_eq!(matching(table, reader, column("value").lt(6)).len(), 4, "by scan or index");
}

fn assert_unchanged<R: Reader>(table: &Table, reader: &R) {
    let all: Vec<i64> = (0..100).collect();
    assert_eq!(ids(table, reader, Predicate::all(), &["place"]), all);
    assert_eq!(ids(table, reader, Predicate::all(), &["value"]), all);
    assert_eq!(ids(table, reader, column("place").eq(3), &["id"]), [3]);
    assert!(all.iter().all(|id| table.exists(reader, &[(*id).into()]).unwrap()));
}

#[test]
fn own_writes_are_seen_and_nobody_elses() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    change(&table, &mut txn);
    assert_changed(&table, &txn);
    assert_unchanged(&table, &store.snapshot().unwrap());
    assert_unchanged(&table, &store.begin().unwrap());
    let before = store.snapshot().unwrap();
    txn.commit().unwrap();
    assert_changed(&table, &store.snapshot().unwrap());
    assert_unchanged(&table, &before);
    assert_sound(&store);
}

#[test]
fn rollback_leaves_no_trace() {
    let (store, table) = filled();
    let before = store.stats().tables.remove(0);
    for _ in 0..50 {
        let mut txn = store.begin().unwrap();
        change(&table, &mut txn);
        txn.rollback();
    }
    let after = store.stats().tables.remove(0);
    assert_unchanged(&table, &store.snapshot().unwrap());
    assert_eq!((after.rows, after.old_versions), (before.rows, before.old_versions));
    assert_eq!(after.indexes[0].entries, before.indexes[0].entries);
    assert_sound(&store);
}

#[test]
fn savepoints_nest() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    let outer = txn.savepoint().unwrap();
    table.delete(&mut txn, &[0_i64.into()]).unwrap();
    change(&table, &mut txn);
    let inner = txn.savepoint().unwrap();
    for id in [5_i64, 50, 200, 7] {
        table
            .update(&mut txn, &[id.into()], &[("value", 9_999.into()), ("place", 9.into())])
            .unwrap();
    }
    table.insert(&mut txn, &[201_i64.into(), 9.into(), 9_999.into()]).unwrap();
    assert!(table.delete(&mut txn, &[200_i64.into()]).unwrap());
    let innermost = txn.savepoint().unwrap();
    table.delete(&mut txn, &[5_i64.into()]).unwrap();
    txn.release(innermost).unwrap();
    txn.rollback_to(inner).unwrap();
    table.insert(&mut txn, &[0_i64.into(), 0.into(), 0.into()]).unwrap();
    assert_changed(&table, &txn);
    let late = txn.savepoint().unwrap();
    txn.rollback_to(outer).unwrap();
    assert_unchanged(&table, &txn);
    let error = txn.rollback_to(late).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "it was ended with the one around it");
    change(&table, &mut txn);
    txn.commit().unwrap();
    assert_changed(&table, &store.snapshot().unwrap());
    assert_sound(&store);
}

#[test]
fn a_row_deleted_and_inserted_in_one_transaction_is_one_row() {
    let (store, table) = filled();
    let old = store.snapshot().unwrap();
    for round in 0..20_i64 {
        let write = store.write(|txn| {
            for id in 0..100_i64 {
                assert!(table.delete(txn, &[id.into()])?);
                assert!(!table.delete(txn, &[id.into()])?);
                assert!(!table.exists(txn, &[id.into()])?);
                table.insert(txn, &[id.into(), (round as i32).into(), round.into()])?;
            }
            Ok(())
        });
        write.unwrap();
        let snapshot = store.snapshot().unwrap();
        let found = ids(&table, &snapshot, column("place").eq(round as i32), &["id"]);
        assert_eq!(found.len(), 100);
        assert_eq!(table.count(&snapshot).unwrap(), 100);
        assert_sound(&store);
    }
    assert_unchanged(&table, &old);
}

//! I10: updates and deletes by a predicate, and of many rows, are one statement each: all of it or
//! nothing, and no row is met again after its own change.

use crate::{accounts, store};
use std::sync::atomic::{AtomicUsize, Ordering};
use store_core::query::{Predicate, column};
use store_core::{
    Isolation, Kind, Query, Reader, Result, Schema, Store, Table, TxnOptions, Value, ValueRef,
};
use store_tests::rows::{assert_sound, int, matching};

const ROWS: i64 = 100;
const SERIALIZABLE: TxnOptions = TxnOptions::new().isolation(Isolation::Serializable);

fn filled() -> (Store, Table) {
    let store = store();
    let table = accounts(&store, "t");
    let rows: Vec<[ValueRef<'_>; 3]> =
        (0..ROWS).map(|id| [id.into(), id.into(), id.into()]).collect();
    store.write(|txn| table.insert_many(txn, &rows)).unwrap();
    (store, table)
}

fn all<R: Reader>(table: &Table, reader: &R) -> Vec<Vec<Value>> {
    let mut rows = matching(table, reader, Predicate::all());
    rows.sort_by_key(|row| int(&row[0]));
    rows
}

/// One question by key, by index and by scan, with how the plan begins.
fn ways() -> [(&'static str, Predicate); 4] {
    [
        ("key", column("id").in_values((20..40_i64).collect::<Vec<_>>())),
        ("index", column("place").between(20, 39)),
        ("index", column("value").ge(20_i64).and(column("value").lt(40_i64))),
        ("scan", column("id").between(20_i64, 39_i64)),
    ]
}

#[test]
fn a_row_is_changed_once_though_its_change_puts_it_ahead_of_the_walk() {
    for (way, predicate) in ways() {
        let (store, table) = filled();
        let mut txn = store.begin().unwrap();
        let why = table.query(&txn).filter(predicate.clone()).explain().unwrap();
        assert!(why.starts_with(way), "{why}");
        // Ahead in both indexes, and still true for the key's predicates.
        let changes = [("place", 39.into()), ("value", 39_i64.into())];
        let changed = table.update_where(&mut txn, &predicate, &changes).unwrap();
        assert_eq!((changed, txn.writes()), (20, 20), "{why}");
        for seen in [all(&table, &txn), {
            txn.commit().unwrap();
            all(&table, &store.snapshot().unwrap())
        }] {
            for row in seen {
                let id = int(&row[0]);
                let wanted = if (20..40).contains(&id) { 39 } else { id };
                assert_eq!((int(&row[1]), int(&row[2])), (wanted, wanted), "row {id}: {why}");
            }
        }
        assert_sound(&store);
    }
}

#[test]
fn rows_are_found_as_the_transaction_sees_them() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    // Another commit, unseen: it is neither found nor in the way.
    let late = [1_000_i64.into(), 30.into(), 30_i64.into()];
    store.write(|other| table.insert(other, &late)).unwrap();
    table.insert(&mut txn, &[200_i64.into(), 30.into(), 0_i64.into()]).unwrap();
    assert!(table.delete(&mut txn, &[31_i64.into()]).unwrap());
    table.update(&mut txn, &[32_i64.into()], &[("place", 90.into())]).unwrap();
    table.update(&mut txn, &[95_i64.into()], &[("place", 33.into())]).unwrap();
    assert!(table.lock(&mut txn, &[34_i64.into()]).unwrap());
    // 30, 33 and 34, and the own ones 200 and 95.
    let here = || column("place").between(30, 34);
    let changed = table.update_where(&mut txn, &here(), &[("value", 7_i64.into())]).unwrap();
    assert_eq!(changed, 5);
    let sevens = matching(&table, &txn, column("value").eq(7_i64));
    let mut ids: Vec<i64> = sevens.iter().map(|row| int(&row[0])).collect();
    ids.sort_unstable();
    assert_eq!(ids, [7, 30, 33, 34, 95, 200]);
    assert_eq!(table.delete_where(&mut txn, &here()).unwrap(), 5);
    assert_eq!(table.delete_where(&mut txn, &here()).unwrap(), 0);
    txn.commit().unwrap();
    let left = matching(&table, &store.snapshot().unwrap(), here());
    assert_eq!(left.len(), 1, "what came meanwhile: {left:?}");
    assert_sound(&store);
}

#[test]
fn sort_limit_and_offset_say_which_rows() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    let top = |query: Query<'_>| -> Result<()> {
        assert_eq!(query.sort(&["-value"])?.offset(2).limit(3).count()?, 3);
        Ok(())
    };
    top(table.query(&txn)).unwrap();
    let deleted = table
        .delete_found(&mut txn, |query| Ok(query.sort(&["-value"])?.offset(2).limit(3)))
        .unwrap();
    assert_eq!(deleted, 3);
    let changed = table
        .update_found(&mut txn, |query| Ok(query.sort(&["id"])?.limit(2)), &[2], &[(-5_i64).into()])
        .unwrap();
    assert_eq!(changed, 2);
    let unsorted = table.delete_found(&mut txn, |query| {
        Ok(query.filter(column("id").between(10_i64, 19_i64)).offset(4).limit(4))
    });
    assert_eq!(unsorted.unwrap(), 4);
    txn.commit().unwrap();
    let rows = all(&table, &store.snapshot().unwrap());
    let ids: Vec<i64> = rows.iter().map(|row| int(&row[0])).collect();
    assert!(ids.ends_with(&[93, 94, 98, 99]), "{ids:?}");
    assert_eq!(ids.len(), 93);
    assert_eq!(ids.iter().filter(|id| (10..20).contains(*id)).count(), 6);
    assert_eq!((int(&rows[0][2]), int(&rows[1][2]), int(&rows[2][2])), (-5, -5, 2));
    assert_sound(&store);
}

fn with_codes() -> (Store, Table) {
    let store = store();
    let schema = "id int64 key, place int32 index, code int64 unique, text text notnull";
    let table = store.create_table(Schema::parse("t", schema).unwrap()).unwrap();
    let rows: Vec<[ValueRef<'_>; 4]> =
        (0..ROWS).map(|id| [id.into(), 1.into(), id.into(), "text".into()]).collect();
    store.write(|txn| table.insert_many(txn, &rows)).unwrap();
    (store, table)
}

#[test]
fn a_refused_row_is_named_and_nothing_of_the_statement_stays() {
    let (store, table) = with_codes();
    let long = "a text that is longer than its cell";
    for own_before in [false, true] {
        let mut txn = store.begin().unwrap();
        if own_before {
            let change = [("place", 5.into()), ("text", long.into())];
            table.update(&mut txn, &[3_i64.into()], &change).unwrap();
        }
        let before = all(&table, &txn);
        let some = || column("id").lt(50_i64);
        // The first row takes the value, the second cannot.
        let error = table
            .update_where(&mut txn, &some(), &[("code", 7_000.into()), ("text", long.into())])
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Duplicate, "{error}");
        assert!(error.to_string().contains("row "), "{error}");
        assert_eq!(all(&table, &txn), before, "{error}");
        for (change, kind) in [
            (("text", ValueRef::Null), Kind::NotNull),
            (("place", (1_i64 << 40).into()), Kind::Type),
            (("id", 5.into()), Kind::Invalid),
            (("speed", 5.into()), Kind::NotFound),
        ] {
            let error = table.update_where(&mut txn, &some(), &[change]).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(all(&table, &txn), before, "{error}");
        }
        let unknown = table.update_where(&mut txn, &column("speed").eq(1), &[]).unwrap_err();
        assert_eq!(unknown.kind(), Kind::NotFound);
        assert!(!txn.is_doomed());
        txn.commit().unwrap();
        assert_eq!(all(&table, &store.snapshot().unwrap()), before);
        assert_sound(&store);
    }
    // The value that was refused with the others is free.
    let free = [("code", 7_000.into())];
    assert!(store.write(|txn| table.update(txn, &[99_i64.into()], &free)).unwrap());
}

#[test]
fn many_rows_are_inserted_and_upserted_or_none_is() {
    let (store, table) = with_codes();
    let row = |id: i64, code: i64| -> [ValueRef<'_>; 4] {
        [id.into(), 2.into(), code.into(), "new".into()]
    };
    let mut txn = store.begin().unwrap();
    table.insert(&mut txn, &row(500, 500)).unwrap();
    let before = all(&table, &txn);
    let wrong: [(Kind, [ValueRef<'_>; 4]); 4] = [
        (Kind::Duplicate, row(501, 500)),
        (Kind::NotNull, [700_i64.into(), 1.into(), 700.into(), ValueRef::Null]),
        (Kind::Type, [700_i64.into(), "x".into(), 700.into(), "".into()]),
        (Kind::NotNull, [ValueRef::Null, 1.into(), 700.into(), "".into()]),
    ];
    for (kind, bad) in wrong {
        let rows: Vec<_> = (0..20).map(|nth| row(600 + nth, 600 + nth)).chain([bad]).collect();
        for error in [
            table.insert_many(&mut txn, &rows).unwrap_err(),
            table.upsert_many(&mut txn, &rows).unwrap_err(),
        ] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().starts_with("row 20: "), "{error}");
            assert_eq!(all(&table, &txn), before, "{error}");
        }
    }
    let short: Vec<&[ValueRef<'_>]> = vec![&[]];
    assert!(table.insert_many(&mut txn, &short).unwrap_err().to_string().starts_with("row 0: "));
    let twice = [row(800, 800), row(800, 801)];
    let error = table.insert_many(&mut txn, &twice).unwrap_err();
    assert!(error.to_string().starts_with("row 1: "), "{error}");
    assert_eq!(table.upsert_many(&mut txn, &[row(800, 800), row(800, 801), row(5, 5)]).unwrap(), 1);
    assert!(!txn.is_doomed());
    txn.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let code = |id: i64| int(&table.get(&snapshot, &[id.into()]).unwrap().unwrap().to_values()[2]);
    assert_eq!((code(800), code(5), table.count(&snapshot).unwrap()), (801, 5, 102));
    assert_sound(&store);
}

#[test]
fn a_conflict_in_the_middle_leaves_nothing_of_the_statement() {
    for delete in [false, true] {
        let (store, table) = filled();
        let (mut late, mut first) = (store.begin().unwrap(), store.begin().unwrap());
        assert!(table.update(&mut late, &[90_i64.into()], &[("value", 1_i64.into())]).unwrap());
        assert!(table.update(&mut first, &[20_i64.into()], &[("value", 7_i64.into())]).unwrap());
        let some = column("id").lt(40_i64);
        let error = if delete {
            table.delete_where(&mut late, &some).unwrap_err()
        } else {
            table.update_where(&mut late, &some, &[("place", 1.into())]).unwrap_err()
        };
        assert_eq!((error.kind(), late.is_doomed()), (Kind::Conflict, true), "{error}");
        assert!(error.to_string().contains("row 20 of `t`"), "{error}");
        assert_eq!((late.writes(), store.stats().conflicts), (1, 1));
        // The rows of the call are free at once.
        let mut other = store.begin().unwrap();
        assert!(table.lock(&mut other, &[0_i64.into()]).unwrap());
        drop((other, first, late));
        assert_sound(&store);
    }
}

#[test]
fn the_predicate_counts_as_read_by_a_serializable_transaction() {
    for (id, place) in [(1_000_i64, 25), (1_000, 75)] {
        for delete in [false, true] {
            let (store, table) = filled();
            let mut one = store.begin_with(SERIALIZABLE).unwrap();
            let range = column("place").between(20, 29);
            let changed = if delete {
                table.delete_where(&mut one, &range).unwrap()
            } else {
                table.update_where(&mut one, &range, &[("value", 0_i64.into())]).unwrap()
            };
            assert_eq!(changed, 10);
            let row = [id.into(), place.into(), 0_i64.into()];
            store.write_with(SERIALIZABLE, |txn| table.insert(txn, &row)).unwrap();
            // A phantom in the range, or a row beside it.
            assert_eq!(one.commit().is_err(), place == 25);
        }
    }
}

#[test]
fn of_many_that_change_a_row_if_it_is_free_one_does() {
    let (store, table) = filled();
    let free = column("value").eq(5_i64);
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let (store, table, free, taken) = (&store, &table, &free, &taken);
            scope.spawn(move || {
                let change = [("value", (100 + thread).into())];
                let took = store.write(|txn| table.update_if(txn, &[5_i64.into()], free, &change));
                taken.fetch_add(usize::from(took.unwrap()), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(taken.load(Ordering::Relaxed), 1);
    let mut txn = store.begin().unwrap();
    let change = [("value", 0_i64.into())];
    assert!(!table.update_if(&mut txn, &[5_i64.into()], &free, &change).unwrap());
    assert!(!table.update_if(&mut txn, &[(-1_i64).into()], &free, &change).unwrap());
    assert_eq!(txn.writes(), 0);
    let null = table.update_if(&mut txn, &[6_i64.into()], &free.not(), &[("id", 1.into())]);
    assert_eq!(null.unwrap_err().kind(), Kind::Invalid);
    let unknown = table.update_if(&mut txn, &[6_i64.into()], &column("speed").is_null(), &change);
    assert_eq!(unknown.unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn who_may_not_write_is_told_though_no_row_matches() {
    let (store, table) = filled();
    let mut reader = store.begin_with(TxnOptions::new().read_only()).unwrap();
    let none = || column("id").lt(0_i64);
    let change = [("value", 0_i64.into())];
    let refused = [
        table.update_where(&mut reader, &none(), &change).map(drop),
        table.delete_where(&mut reader, &none()).map(drop),
        table.update_if(&mut reader, &[(-1_i64).into()], &none(), &change).map(drop),
        table.insert_many::<[ValueRef<'_>; 3]>(&mut reader, &[[1.into(); 3]]),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), Kind::ReadOnly);
    }
    let mut stranger = crate::store().begin().unwrap();
    let foreign = [
        table.update_where(&mut stranger, &none(), &change).map(drop),
        table.delete_where(&mut stranger, &none()).map(drop),
        table.update_if(&mut stranger, &[1_i64.into()], &none(), &change).map(drop),
        table.incr(&mut stranger, &[1_i64.into()], "value", 1.into()).map(drop),
        table.insert_many::<[ValueRef<'_>; 3]>(&mut stranger, &[]),
    ];
    for foreign in foreign {
        assert_eq!(foreign.unwrap_err().kind(), Kind::Invalid);
    }
}

#[test]
fn a_full_budget_refuses_updates_whole_and_lets_rows_be_deleted() {
    let store = Store::options().memory(4 << 20).open_in_memory().unwrap();
    let schema = Schema::parse("t", "id int64 key, place int32 index, text text").unwrap();
    let table = store.create_table(schema).unwrap();
    let text = "x".repeat(400);
    let (mut rows, mut step) = (0_i64, 1_000);
    while step > 0 {
        let fill: Vec<[ValueRef<'_>; 3]> =
            (rows..rows + step).map(|id| [id.into(), 1.into(), text.as_str().into()]).collect();
        match store.write(|txn| table.insert_many(txn, &fill)) {
            Ok(()) => rows += step,
            Err(error) => {
                assert_eq!(error.kind(), Kind::OverBudget, "{error}");
                step /= 4;
            }
        }
    }
    let before = table.count(&store.snapshot().unwrap()).unwrap();
    assert_eq!(before, rows as u64);
    let longer = "y".repeat(4_000);
    let mut txn = store.begin().unwrap();
    let error = table
        .update_where(&mut txn, &Predicate::all(), &[("text", longer.as_str().into())])
        .unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget, "{error}");
    assert_eq!((txn.writes(), txn.is_doomed()), (0, false));
    drop(txn);
    let untouched = matching(&table, &store.snapshot().unwrap(), column("text").eq(longer));
    assert!(untouched.is_empty());
    let mut left = rows;
    while left > 0 {
        let some = column("id").ge(left - 300);
        let deleted = store.write(|txn| table.delete_where(txn, &some)).unwrap();
        assert_eq!(deleted as i64, left.min(300));
        left -= deleted as i64;
    }
    assert_sound(&store);
}

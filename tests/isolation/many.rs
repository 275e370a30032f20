//! I10: an update of many rows is one statement: it does what updates one by one do, or nothing.

use crate::{accounts, store};
use store_core::query::Predicate;
use store_core::{Isolation, Kind, Reader, Schema, Store, Table, TxnOptions, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, matching};

const ROWS: i64 = 100;
const PLACE: usize = 1;
const VALUE: usize = 2;

fn filled() -> (Store, Table) {
    let store = store();
    let table = accounts(&store, "t");
    let write = store.write(|txn| {
        (0..ROWS).try_for_each(|id| table.insert(txn, &[id.into(), id.into(), id.into()]))
    });
    write.unwrap();
    (store, table)
}

fn keys(ids: impl IntoIterator<Item = i64>) -> Vec<[ValueRef<'static>; 1]> {
    ids.into_iter().map(|id| [id.into()]).collect()
}

fn all<R: Reader>(table: &Table, reader: &R) -> Vec<Vec<Value>> {
    let mut rows = matching(table, reader, Predicate::all());
    rows.sort_by_key(|row| int(&row[0]));
    rows
}

fn value<R: Reader>(table: &Table, reader: &R, id: i64) -> i64 {
    int(&table.get(reader, &[id.into()]).unwrap().unwrap().to_values()[VALUE])
}

#[test]
fn rows_that_are_there_change_and_the_others_are_not_counted() {
    let (store, table) = filled();
    // The last of some chunks, missing ones, and one key twice: its last values count.
    let ids: Vec<i64> = (0..40).chain([1_000, 7, -1]).collect();
    let cells: Vec<[ValueRef<'_>; 1]> = (500..543_i64).map(|value| [value.into()]).collect();
    let found =
        store.write(|txn| table.update_many(txn, &keys(ids.clone()), &[VALUE], &cells)).unwrap();
    assert_eq!(found, 41);
    let snapshot = store.snapshot().unwrap();
    for id in 0..ROWS {
        let wanted = match id {
            7 => 541,
            ..40 => 500 + id,
            _ => id,
        };
        assert_eq!(value(&table, &snapshot, id), wanted, "row {id}");
    }
    let none: [[ValueRef<'_>; 1]; 0] = [];
    assert_eq!(store.write(|txn| table.update_many(txn, &none, &[VALUE], &none)).unwrap(), 0);
    assert_sound(&store);
}

#[test]
fn own_writes_are_changed_and_deleted_rows_are_not_found() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    table.insert(&mut txn, &[200_i64.into(), 0.into(), 0_i64.into()]).unwrap();
    table.update(&mut txn, &[5_i64.into()], &[("place", 77.into())]).unwrap();
    assert!(table.delete(&mut txn, &[6_i64.into()]).unwrap());
    assert!(table.lock(&mut txn, &[8_i64.into()]).unwrap());
    let found = table.update_many(&mut txn, &keys([5, 6, 200, 8]), &[VALUE], &[[9_i64.into()]; 4]);
    assert_eq!(found.unwrap(), 3);
    for seen in [all(&table, &txn), {
        txn.commit().unwrap();
        all(&table, &store.snapshot().unwrap())
    }] {
        let row = |id: i64| seen.iter().find(|row| int(&row[0]) == id).map(|row| row[1..].to_vec());
        assert_eq!(row(5).unwrap(), [77.into(), 9_i64.into()]);
        assert_eq!(row(200).unwrap(), [0.into(), 9_i64.into()]);
        assert_eq!(row(8).unwrap(), [8.into(), 9_i64.into()]);
        assert!(row(6).is_none());
    }
    assert_sound(&store);
}

/// Refusals at the 20th key, and what the message must hold beside its position.
#[test]
fn a_refused_row_is_named_and_nothing_of_the_call_stays() {
    let store = store();
    let schema =
        "id int64 key, place int32 index, value int64 notnull, code int64 unique, text text";
    let table = store.create_table(Schema::parse("t", schema).unwrap()).unwrap();
    let long = "a text that is longer than its cell";
    let insert = |id: i64| [id.into(), 1.into(), 1_i64.into(), id.into(), long.into()];
    store.write(|txn| (0..ROWS).try_for_each(|id| table.insert(txn, &insert(id)))).unwrap();
    let columns = [1, 2, 3, 4];
    let good = |id: i64| vec![2.into(), 2_i64.into(), (id + 1_000).into(), "other".into()];
    let wrong: [(Kind, usize, ValueRef<'_>); 4] = [
        (Kind::NotNull, 1, ValueRef::Null),
        (Kind::Type, 0, (1_i64 << 40).into()),
        (Kind::Type, 3, "a\0b".into()),
        (Kind::Duplicate, 2, 50_i64.into()),
    ];
    for own_before in [false, true] {
        for (kind, at, cell) in wrong {
            let mut txn = store.begin().unwrap();
            if own_before {
                let change = [("code", 5_000_i64.into()), ("text", long.into())];
                table.update(&mut txn, &[3_i64.into()], &change).unwrap();
            }
            let before = all(&table, &txn);
            let mut cells: Vec<Vec<ValueRef<'_>>> = (0..30).map(good).collect();
            cells[20][at] = cell;
            let error = table.update_many(&mut txn, &keys(0..30), &columns, &cells).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().starts_with("key 20: "), "{error}");
            assert!(!txn.is_doomed());
            assert_eq!(all(&table, &txn), before, "{error}");
            // Others may write the rows that were given up.
            store.write(|txn| table.lock(txn, &[0_i64.into()])).unwrap();
            txn.commit().unwrap();
            assert_eq!(all(&table, &store.snapshot().unwrap()), before, "{error}");
            assert_sound(&store);
        }
    }
    // The values that were refused with the others are free.
    let free = [("code", 1_001_i64.into())];
    assert!(store.write(|txn| table.update(txn, &[99_i64.into()], &free)).unwrap());
}

#[test]
fn wrong_shapes_are_told_with_their_position() {
    let (store, table) = filled();
    let before = all(&table, &store.snapshot().unwrap());
    let mut txn = store.begin().unwrap();
    let good = || -> (Vec<Vec<ValueRef<'_>>>, Vec<Vec<ValueRef<'_>>>) {
        ((0..20_i64).map(|id| vec![id.into()]).collect(), vec![vec![5_i64.into()]; 20])
    };
    let mut refuse = |kind, place: &str, columns: &[usize], keys: &[_], cells: &[_]| {
        let error = table
            .update_many::<Vec<ValueRef<'_>>, Vec<ValueRef<'_>>>(&mut txn, keys, columns, cells);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(place), "{error}");
        assert_eq!(all(&table, &txn), before, "{error}");
    };
    let (keys, cells) = good();
    refuse(Kind::Invalid, "19 rows of new values for 20 keys", &[VALUE], &keys, &cells[1..]);
    refuse(Kind::Invalid, "part of the key", &[VALUE, 0], &keys, &cells);
    refuse(Kind::Invalid, "none at position 3", &[3], &keys, &cells);
    refuse(Kind::Invalid, "key 0: 1 values for 2 columns", &[PLACE, VALUE], &keys, &cells);
    let (mut keys, mut cells) = good();
    cells[17].push(1.into());
    refuse(Kind::Invalid, "key 17: 2 values", &[VALUE], &keys, &cells);
    keys[18].push(1.into());
    cells[17].pop();
    refuse(Kind::Invalid, "key 18: ", &[VALUE], &keys, &cells);
    keys[18] = vec!["text".into()];
    refuse(Kind::Type, "key 18: ", &[VALUE], &keys, &cells);
    assert!(!txn.is_doomed());
    drop(txn);
    let read_only = TxnOptions::new().read_only();
    let mut reader = store.begin_with(read_only).unwrap();
    let (keys, cells) = good();
    let error = table.update_many(&mut reader, &keys, &[VALUE], &cells).unwrap_err();
    assert_eq!(error.kind(), Kind::ReadOnly);
}

#[test]
fn a_conflict_in_the_middle_leaves_nothing_of_the_call() {
    for committed in [false, true] {
        let (store, table) = filled();
        let (mut late, mut first) = (store.begin().unwrap(), store.begin().unwrap());
        table.update(&mut late, &[90_i64.into()], &[("value", 1_i64.into())]).unwrap();
        assert!(table.update(&mut first, &[20_i64.into()], &[("value", 7_i64.into())]).unwrap());
        let first = if committed { first.commit().map(|_| None).unwrap() } else { Some(first) };
        let update = table.update_many(&mut late, &keys(0..40), &[VALUE], &[[3_i64.into()]; 40]);
        let error = update.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.is_retryable() && late.is_doomed());
        assert!(error.to_string().starts_with("key 20: "), "{error}");
        assert_eq!((late.writes(), store.stats().conflicts), (1, 1));
        // The rows of the call are free at once; the row written before is still owned.
        let mut other = store.begin().unwrap();
        assert!(table.lock(&mut other, &[0_i64.into()]).unwrap());
        assert!(table.lock(&mut other, &[90_i64.into()]).is_err());
        drop((other, first));
        assert_eq!(late.commit().unwrap_err().kind(), Kind::Conflict);
        let wanted = |id| if committed && id == 20 { 7 } else { id };
        let snapshot = store.snapshot().unwrap();
        assert!((0..ROWS).all(|id| value(&table, &snapshot, id) == wanted(id)));
        assert_sound(&store);
    }
}

#[test]
fn savepoints_around_it_take_it_back() {
    let (store, table) = filled();
    let mut txn = store.begin().unwrap();
    let cells = |value: i64| vec![[ValueRef::from(value)]; 30];
    table.update_many(&mut txn, &keys(0..30), &[VALUE], &cells(1)).unwrap();
    let before = all(&table, &txn);
    let mark = txn.savepoint().unwrap();
    table.update_many(&mut txn, &keys(20..50), &[VALUE], &cells(2)).unwrap();
    assert_eq!((value(&table, &txn, 25), value(&table, &txn, 49)), (2, 2));
    txn.rollback_to(mark).unwrap();
    assert_eq!(all(&table, &txn), before);
    txn.commit().unwrap();
    assert_eq!(all(&table, &store.snapshot().unwrap()), before);
    assert_sound(&store);
}

#[test]
fn the_keys_count_as_read_by_a_serializable_transaction() {
    let serializable = TxnOptions::new().isolation(Isolation::Serializable);
    for inserted in [1_000_i64, 2_000] {
        let (store, table) = filled();
        let mut one = store.begin_with(serializable).unwrap();
        let cells = [[5_i64.into()]; 2];
        assert_eq!(table.update_many(&mut one, &keys([1, 1_000]), &[VALUE], &cells).unwrap(), 1);
        let row = [inserted.into(), 0.into(), 0_i64.into()];
        store.write_with(serializable, |txn| table.insert(txn, &row)).unwrap();
        assert_eq!(one.commit().is_err(), inserted == 1_000, "{inserted}");
    }
}

#[test]
fn many_at_once_and_one_by_one_are_the_same() {
    let (store, table) = filled();
    let mut random = Random::new(11);
    for round in 0..200_i64 {
        let count = random.below(70) as usize;
        let ids: Vec<i64> = (0..count).map(|_| random.below(120) as i64).collect();
        let cells: Vec<[ValueRef<'_>; 2]> = ids
            .iter()
            .map(|id| [(id + round).into(), (random.below(1_000) as i64).into()])
            .collect();
        let columns = [PLACE, VALUE];
        let mut one_by_one = store.begin().unwrap();
        let mut found = 0;
        for (id, cells) in ids.iter().zip(&cells) {
            let is_found =
                table.update_columns(&mut one_by_one, &[(*id).into()], &columns, cells).unwrap();
            found += usize::from(is_found);
        }
        let wanted = all(&table, &one_by_one);
        one_by_one.rollback();
        let mut many = store.begin().unwrap();
        let updated = table.update_many(&mut many, &keys(ids), &columns, &cells);
        assert_eq!(updated.unwrap(), found);
        assert_eq!(all(&table, &many), wanted);
        many.commit().unwrap();
        assert_eq!(all(&table, &store.snapshot().unwrap()), wanted);
    }
    assert_sound(&store);
}

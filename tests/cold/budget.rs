//! Stores that hold more rows than their memory does.

use crate::{MIB, flights, key, put, row, store};
use store_core::query::{Aggregate, column};
use store_core::{Store, Table, Value};
use store_tests::rows::assert_sound;

/// Everything that a reader can ask, beside what it must be.
fn assert_whole(store: &Store, table: &Table, rows: i64) {
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.count(&snapshot).unwrap(), rows as u64);
    for nth in (0..rows).step_by(97).chain([rows - 1]) {
        let found = table.get(&snapshot, &[(&*key(nth)).into()]).unwrap();
        assert_eq!(found.unwrap().to_values(), row(nth), "{nth}");
    }
    assert!(table.get(&snapshot, &["UAL9999999".into()]).unwrap().is_none());
    let sum = [Aggregate::sum("altitude"), Aggregate::count()];
    let groups = table.query(&snapshot).aggregate::<&str>(&[], &sum).unwrap();
    let expected: i64 = (0..rows).filter(|nth| nth % 11 != 0).map(|nth| nth * 7 % 40_000).sum();
    assert_eq!(groups.rows()[0], [Value::Int(expected), Value::Int(rows)]);
    let low = table.query(&snapshot).filter(column("altitude").lt(70)).count().unwrap();
    let is_low = |nth: &i64| nth % 11 != 0 && nth * 7 % 40_000 < 70;
    assert_eq!(low, (0..rows).filter(is_low).count() as u64);
    let query = table.query(&snapshot).sort(&["-id"]).unwrap().limit(3);
    let mut cursor = query.run().unwrap();
    for nth in (rows - 3..rows).rev() {
        assert_eq!(cursor.next().unwrap().unwrap().get(0).to_string(), key(nth));
    }
}

#[test]
fn a_store_takes_many_times_its_memory_and_stays_within_it() {
    let (store, place) = store(16 * MIB);
    let table = flights(&store);
    let rows = 350_000; // some 35 MB in memory
    put(&store, &table, 0..rows);
    let stats = store.stats();
    assert!(stats.memory_peak <= stats.memory_limit, "{stats:#?}");
    assert!(stats.frozen_rows > rows as u64 / 2 && stats.freeze_error.is_none(), "{stats:#?}");
    assert_whole(&store, &table, rows);
    assert_sound(&store);
    // Updates of rows wherever they are.
    for nth in (0..rows).step_by(1_999) {
        let low = [("altitude", 69.into())];
        let updated = store.write(|txn| table.update(txn, &[(&*key(nth)).into()], &low));
        assert!(updated.unwrap_or_else(|error| panic!("{error}\n{:#?}", store.stats())));
    }
    let at = |store: &Store, table: &Table, nth: i64| {
        let snapshot = store.snapshot().unwrap();
        table.get(&snapshot, &[(&*key(nth)).into()]).unwrap().unwrap().at(1).to_owned()
    };
    assert_eq!(at(&store, &table, 1_999), Value::Int(69));
    store.checkpoint().unwrap();
    put(&store, &table, (0..rows).step_by(1_999));
    drop((table, store));
    let store = Store::options().memory(16 * MIB).freeze(true).open(place.path()).unwrap();
    let table = store.open_table("flights").unwrap();
    assert_whole(&store, &table, rows);
    let stats = store.stats();
    assert!(stats.memory_peak <= stats.memory_limit, "{stats:#?}");
    // Deleted rows are gone wherever they were, and may come again.
    let deleted =
        store.write(|txn| table.delete_where(txn, &column("seen").lt(Value::Timestamp(500_000))));
    assert_eq!(deleted.unwrap(), 500);
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), rows as u64 - 500);
    put(&store, &table, 0..500);
    assert_whole(&store, &table, rows);
    assert_sound(&store);
}

#[test]
fn rows_go_cold_by_the_column_that_says_so() {
    let (store, _place) = store(16 * MIB);
    let schema =
        store_core::Schema::parse("t", "id int64 key, at int64 property cold greatest, text text");
    let table = store.create_table(schema.unwrap()).unwrap();
    let text = "of twenty-four letters..";
    let rows = 400_000;
    for part in 0..rows / 200 {
        store
            .write(|txn| {
                (part * 200..(part + 1) * 200).try_for_each(|id: i64| {
                    table.insert(txn, &[id.into(), (id * 7_919 % rows).into(), text.into()])
                })
            })
            .unwrap_or_else(|error| panic!("{part}: {error}\n{:#?}", store.stats()));
    }
    let stats = store.stats();
    // The others stay: room that rows leave in the pages of their table is room.
    assert!((100_000..350_000).contains(&stats.frozen_rows), "{stats:#?}");
    assert!(stats.memory_peak <= stats.memory_limit, "{stats:#?}");
    // What is brought back was cold.
    let thawed = |low, high| table.thaw(&column("at").between(low, high)).unwrap();
    let (greatest, least) = (thawed(397_000, 399_999), thawed(0, 2_999));
    assert!(greatest > least + 1_500, "{greatest} and {least} of 3000");
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), rows as u64);
    assert_sound(&store);
}

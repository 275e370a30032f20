//! Merges of segments: rows are where they were for every reader, whatever comes and goes meanwhile.

use crate::{MIB, flights, key, put, row, store};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store_core::query::{Aggregate, Predicate, column};
use store_core::{ColumnSpec, IndexSpec, Kind, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::memory::wait_until;
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, int};
use tempfile::TempDir;

/// A store whose segments are merged by whoever freezes.
fn by_hand() -> (Store, TempDir) {
    let place = tempfile::tempdir().unwrap();
    (Store::options().memory(64 * MIB).open(place.path()).unwrap(), place)
}

fn segments(store: &Store) -> usize {
    store.stats().tables[0].cold_segments
}

fn between(low: i64, high: i64) -> Predicate {
    column("seen").between(Value::Timestamp(low * 1_000), Value::Timestamp(high * 1_000))
}

/// Freezes the rows from one number to another.
fn freeze(table: &Table, low: i64, high: i64) {
    table.freeze(&between(low, high), |_| true).unwrap();
}

fn all(table: &Table, reader: &impl store_core::Reader) -> Vec<Vec<Value>> {
    drain(table.query(reader).sort(&["id"]).unwrap().run().unwrap())
}

#[test]
fn segments_become_few_and_rows_stay() {
    let (store, place) = by_hand();
    let table = flights(&store);
    put(&store, &table, 0..8_000);
    let expected = all(&table, &store.snapshot().unwrap());
    for nth in 0..16 {
        freeze(&table, nth * 500, nth * 500 + 499);
    }
    assert!(store.stats().merges >= 4, "{:#?}", store.stats());
    assert!(store.stats().merged_rows >= 8_000);
    assert_eq!(store.stats().tables[0].cold_rows, 8_000);
    assert_eq!(all(&table, &store.snapshot().unwrap()), expected, "beside those that are over");
    store.checkpoint().unwrap();
    assert!(segments(&store) <= 4, "{} segments", segments(&store));
    assert_eq!(all(&table, &store.snapshot().unwrap()), expected);
    for nth in [0, 499, 500, 3_777, 7_999] {
        let snapshot = store.snapshot().unwrap();
        let found = table.get(&snapshot, &[key(nth).as_str().into()]).unwrap();
        assert_eq!(found.unwrap().to_values(), row(nth));
    }
    assert_sound(&store);
    let files = std::fs::read_dir(place.path()).unwrap();
    let cold = files
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("cold-"));
    assert!(cold.count() <= 4, "files of merged segments are removed by a checkpoint");
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    let table = store.open_table("flights").unwrap();
    assert_eq!(all(&table, &store.snapshot().unwrap()), expected);
}

/// The merge is in the log only: opening does it again.
#[test]
fn a_merge_is_done_again_from_the_log() {
    let (store, place) = by_hand();
    let table = flights(&store);
    put(&store, &table, 0..4_000);
    freeze(&table, 0, 999);
    freeze(&table, 1_000, 1_999);
    store.checkpoint().unwrap();
    // One row goes to memory before the merge, and one after it.
    table.thaw(&between(77, 77)).unwrap();
    freeze(&table, 2_000, 2_999);
    freeze(&table, 3_000, 3_999);
    assert_eq!(store.stats().merges, 1);
    table.thaw(&between(2_500, 2_500)).unwrap();
    table.thaw(&between(78, 78)).unwrap();
    let expected = all(&table, &store.snapshot().unwrap());
    assert_eq!(expected.len(), 4_000);
    assert_eq!(store.stats().tables[0].cold_rows, 3_997);
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    let table = store.open_table("flights").unwrap();
    assert_eq!(all(&table, &store.snapshot().unwrap()), expected);
    assert_eq!(store.stats().tables[0].cold_rows, 3_997);
    assert_sound(&store);
    store.checkpoint().unwrap();
    assert_eq!(segments(&store), 1);
}

#[test]
fn a_snapshot_from_before_a_merge_and_its_writer_go_on() {
    let (store, _place) = by_hand();
    let table = flights(&store);
    put(&store, &table, 0..4_000);
    (0..3).for_each(|nth| freeze(&table, nth * 1_000, nth * 1_000 + 999));
    let snapshot = store.snapshot().unwrap();
    let expected = all(&table, &snapshot);
    let mut txn = store.begin().unwrap();
    let five = key(5);
    assert!(table.get(&txn, &[five.as_str().into()]).unwrap().is_some());
    freeze(&table, 3_000, 3_999);
    assert_eq!(store.stats().merges, 1);
    // It found the row in a segment that is over, and writes it where it is now.
    let changed = table.update(&mut txn, &[five.as_str().into()], &[("remark", "new".into())]);
    assert!(changed.unwrap());
    // The transaction sees the row in one place only, and inserting its key again is refused as ever.
    assert_eq!(table.count(&txn).unwrap(), 4_000);
    let six = row(6);
    let cells: Vec<ValueRef<'_>> = six.iter().map(Value::as_ref).collect();
    assert_eq!(table.insert(&mut txn, &cells).unwrap_err().kind(), Kind::Duplicate);
    txn.commit().unwrap();
    assert_eq!(all(&table, &snapshot), expected, "an old snapshot sees what it saw");
    drop(snapshot);
    let now = store.snapshot().unwrap();
    let found = table.get(&now, &[five.as_str().into()]).unwrap().unwrap();
    assert_eq!(found.at(2).to_owned(), Value::Text("new".into()));
    assert_eq!(table.count(&now).unwrap(), 4_000);
    drop(now);
    // A row that was thawed since the merge is still the same one for a writer from before it.
    let mut before = store.begin().unwrap();
    assert!(table.get(&before, &[key(9).as_str().into()]).unwrap().is_some());
    table.thaw(&between(9, 9)).unwrap();
    assert!(
        table.update(&mut before, &[key(9).as_str().into()], &[("remark", "x".into())]).unwrap()
    );
    before.commit().unwrap();
    assert_sound(&store);
}

#[test]
fn a_segment_that_is_mostly_gone_is_written_again() {
    let (store, _place) = by_hand();
    let table = flights(&store);
    put(&store, &table, 0..5_000);
    freeze(&table, 0, 4_999);
    let before = store.stats().tables[0].cold_bytes;
    store.write(|txn| table.delete_where(txn, &between(1_000, 4_899))).unwrap();
    put(&store, &table, 5_000..5_010);
    freeze(&table, 5_000, 5_009);
    assert_eq!(store.stats().merges, 1);
    store.checkpoint().unwrap();
    let stats = &store.stats().tables[0];
    assert_eq!(stats.cold_rows, 1_110);
    assert!(stats.cold_bytes < before / 2, "{} of {before}", stats.cold_bytes);
    assert_sound(&store);
}

#[test]
fn columns_that_came_and_went_are_merged_as_they_are_now() {
    let (store, place) = by_hand();
    let table = flights(&store);
    put(&store, &table, 0..2_000);
    freeze(&table, 0, 999);
    freeze(&table, 1_000, 1_999);
    let stops = ColumnSpec::new("stops", Type::Int32).default(3);
    table.add_column(&stops).unwrap();
    table.drop_index("altitude").unwrap();
    table.drop_column("altitude").unwrap();
    let insert = |nth: i64| {
        let seen = ValueRef::Timestamp(nth * 1_000);
        let id = key(nth);
        store
            .write(|txn| table.insert(txn, &[id.as_str().into(), "r".into(), seen, nth.into()]))
            .unwrap();
    };
    (2_000..2_100).for_each(insert);
    freeze(&table, 2_000, 2_049);
    freeze(&table, 2_050, 2_099);
    assert_eq!(store.stats().merges, 1);
    let check = |store: &Store, table: &Table| {
        let wanted = [Aggregate::sum("stops"), Aggregate::count()];
        let snapshot = store.snapshot().unwrap();
        let sums = table.query(&snapshot).aggregate::<&str>(&[], &wanted).unwrap();
        let expected = 2_000 * 3 + (2_000..2_100).sum::<i64>();
        assert_eq!(sums.rows()[0], [Value::Int(expected), Value::Int(2_100)]);
        assert_sound(store);
    };
    check(&store, &table);
    store.checkpoint().unwrap();
    assert_eq!(segments(&store), 1);
    check(&store, &table);
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    check(&store, &store.open_table("flights").unwrap());
}

/// The threads that freeze and merge hold nothing that a change of the table waits for.
#[test]
fn an_index_is_made_at_once_after_merges() {
    let (store, _place) = store(64 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..4_000);
    (0..4).for_each(|nth| freeze(&table, nth * 1_000, nth * 1_000 + 999));
    wait_until("the thread merges", || store.stats().merges > 0);
    table
        .create_index(&IndexSpec::on(&["seen"]).unique().patience(Duration::from_secs(2)))
        .unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.query(&snapshot).filter(between(10, 19)).index("seen").count().unwrap(), 10);
}

/// Entries of indexes are merged with the rows: a value is found in few blocks, and stays unique.
#[test]
fn indexes_lead_to_rows_of_merged_segments() {
    let (store, place) = by_hand();
    let schema = Schema::builder("things")
        .column("id", Type::Int64)
        .key()
        .column("n", Type::Int64)
        .unique()
        .column("name", Type::Text)
        .index_of_nocase(&["name"], false);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let cells = |id: i64| {
        [Value::Int(id), Value::Int(id * 7_919 % 40_000), Value::Text(format!("Row {}", id % 999))]
    };
    let insert = |store: &Store, table: &Table, id: i64, cells: [Value; 3]| {
        let cells: Vec<ValueRef<'_>> = cells.iter().map(Value::as_ref).collect();
        store.write(|txn| table.insert(txn, &cells)).map_err(|error| (id, error.kind()))
    };
    for some in (0..40_000).collect::<Vec<_>>().chunks(500) {
        let put = |txn: &mut store_core::Txn| {
            some.iter().try_for_each(|id| {
                let cells = cells(*id);
                let cells: Vec<ValueRef<'_>> = cells.iter().map(Value::as_ref).collect();
                table.insert(txn, &cells)
            })
        };
        store.write(put).unwrap();
    }
    for quarter in 0..4 {
        let some = column("id").between(quarter * 10_000, quarter * 10_000 + 9_999);
        table.freeze(&some, |_| true).unwrap();
    }
    assert_eq!(store.stats().merges, 1);
    // Some leave, so numbers of rows change in the next merge.
    store.write(|txn| table.delete_where(txn, &column("id").between(100, 24_999))).unwrap();
    insert(&store, &table, 50_000, cells(50_000)).unwrap();
    table.freeze(&Predicate::all(), |_| true).unwrap();
    assert_eq!(store.stats().merges, 2);
    store.checkpoint().unwrap();
    let check = |store: &Store, table: &Table| {
        let looks = || store.stats().cold_blocks_found + store.stats().cold_blocks_read;
        let snapshot = store.snapshot().unwrap();
        for id in [0, 99, 25_000, 31_111, 39_999, 50_000] {
            let before = looks();
            let Value::Int(n) = cells(id)[1] else { unreachable!() };
            let found = drain(table.query(&snapshot).filter(column("n").eq(n)).run().unwrap());
            assert_eq!(found, [cells(id).to_vec()]);
            assert!(looks() - before <= 6, "{} blocks", looks() - before);
            let mut twin = cells(60_000);
            twin[1] = Value::Int(n);
            assert_eq!(insert(store, table, id, twin), Err((id, Kind::Duplicate)));
        }
        for name in ["row 7", "ROW 998", "Row 99", "row 1000"] {
            let named = column("name").ilike(name);
            let expected = (0..100).chain(25_000..40_000).chain([50_000]);
            let expected = expected.filter(|id| format!("row {}", id % 999) == name.to_lowercase());
            let found = table.query(&snapshot).filter(named).index("name nocase").count();
            assert_eq!(found.unwrap(), expected.count() as u64, "{name}");
        }
        // The value of a row that was deleted is free.
        let mut again = cells(100);
        again[0] = Value::Int(70_000);
        insert(store, table, 100, again).unwrap();
        assert!(store.write(|txn| table.delete(txn, &[70_000.into()])).unwrap());
        assert_sound(store);
    };
    check(&store, &table);
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    check(&store, &store.open_table("things").unwrap());
}

/// What others do while segments are merged by a thread.
#[test]
fn rows_come_and_go_while_they_are_merged() {
    let (store, place) = store(64 * MIB);
    let table = flights(&store);
    let done = AtomicBool::new(false);
    let mut model: BTreeMap<i64, i64> = BTreeMap::new();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (store, table, done) = (&store, &table, &done);
        scope.spawn(move || {
            let mut random = Random::new(3);
            while !done.load(Ordering::Relaxed) {
                let low = random.below(20_000) as i64;
                freeze(table, low, low + 700);
                if random.once_in(20) {
                    store.checkpoint().unwrap();
                }
            }
        });
        scope.spawn(move || {
            let mut random = Random::new(4);
            while !done.load(Ordering::Relaxed) {
                let low = random.below(20_000) as i64;
                table.thaw(&between(low, low + 30)).unwrap();
                // Rows, counted in two ways, are as many.
                let snapshot = store.snapshot().unwrap();
                let counted = table.count(&snapshot).unwrap() as usize;
                assert_eq!(all(table, &snapshot).len(), counted);
            }
        });
        let mut random = Random::new(5);
        while store.stats().merges < 12 && began.elapsed() < Duration::from_secs(60) {
            let nth = random.below(20_000) as i64;
            let value = random.below(1_000) as i64;
            let name = key(nth);
            let known = model.contains_key(&nth);
            store
                .write(|txn| {
                    if known && value < 300 {
                        assert!(table.delete(txn, &[name.as_str().into()])?, "{nth} is missing");
                        return Ok(());
                    }
                    if known {
                        let change = [("altitude", value.into())];
                        assert!(table.update(txn, &[name.as_str().into()], &change)?, "{nth}");
                        return Ok(());
                    }
                    let mut cells = row(nth);
                    cells[1] = Value::Int(value);
                    let cells: Vec<ValueRef<'_>> = cells.iter().map(Value::as_ref).collect();
                    table.insert(txn, &cells)
                })
                .unwrap();
            if known && value < 300 {
                model.remove(&nth)
            } else {
                model.insert(nth, value)
            };
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(store.stats().merges >= 12, "{:#?}", store.stats());
    assert_sound(&store);
    check(&store, &table, &model);
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    check(&store, &store.open_table("flights").unwrap(), &model);
}

/// The altitudes of the flights must be these.
fn check(store: &Store, table: &Table, model: &BTreeMap<i64, i64>) {
    let rows = all(table, &store.snapshot().unwrap());
    let found: Vec<(Value, i64)> = rows.iter().map(|row| (row[0].clone(), int(&row[1]))).collect();
    let expected: Vec<(Value, i64)> =
        model.iter().map(|(nth, value)| (Value::Text(key(*nth)), *value)).collect();
    assert_eq!(found, expected);
}

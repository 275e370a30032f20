//! Faults that were found by reading the code or by the model, each kept as its shortest story.

use crate::store;
use std::sync::Barrier;
use store_core::ingest::{Format, IngestMode, IngestOptions, OnError, Source};
use store_core::query::column;
use store_core::{Kind, Schema, Store, Table, Type, Value};
use store_tests::rows::assert_sound;

/// Two unique columns beside the key.
fn unique_table(store: &Store) -> Table {
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    let schema = schema.column("v", Type::Int64).unique().column("w", Type::Int64).unique();
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let rows = [[1_i64, 1, 1], [2, 2, 2]];
    let insert = |txn: &mut store_core::Txn| {
        rows.iter().try_for_each(|row| table.insert(txn, &row.map(Into::into)))
    };
    store.write(insert).unwrap();
    table
}

/// A hash table that was left was emptied at once: an inserter that stood at one of its frozen
/// words entered its row there, where nobody would ever look.
#[test]
fn no_row_is_lost_while_small_indexes_grow() {
    const THREADS: i64 = 8;
    let store = store();
    for round in 0..150 {
        let schema = Schema::builder(format!("t{round}")).column("id", Type::Int64).key();
        let table = store.create_table(schema.build().unwrap()).unwrap();
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (table, start, store) = (&table, &start, &store);
                scope.spawn(move || {
                    start.wait();
                    for id in thread * 100..thread * 100 + 80 {
                        store.write(|txn| table.insert(txn, &[id.into()])).unwrap();
                    }
                });
            }
        });
        let snapshot = store.snapshot().unwrap();
        for thread in 0..THREADS {
            for id in thread * 100..thread * 100 + 80 {
                assert!(table.exists(&snapshot, &[id.into()]).unwrap(), "row {id} is lost");
            }
        }
    }
}

/// A refused insert after a delete took the entry of a value that the savepoint brought back.
#[test]
fn a_unique_value_that_a_savepoint_brings_back_is_guarded() {
    let store = store();
    let table = unique_table(&store);
    let mut txn = store.begin().unwrap();
    assert!(table.update(&mut txn, &[1_i64.into()], &[("v", 77_i64.into())]).unwrap());
    let mark = txn.savepoint().unwrap();
    assert!(table.delete(&mut txn, &[1_i64.into()]).unwrap());
    let refused = table.insert(&mut txn, &[1_i64.into(), 77_i64.into(), 2_i64.into()]);
    assert_eq!(refused.unwrap_err().kind(), Kind::Duplicate);
    txn.rollback_to(mark).unwrap();
    check_guarded(&store, &table, txn);
}

/// Going back over two savepoints, the inner one's value being the outer one's too.
#[test]
fn a_unique_value_of_an_outer_savepoint_is_guarded() {
    let store = store();
    let table = unique_table(&store);
    let mut txn = store.begin().unwrap();
    let set = |txn: &mut store_core::Txn, value: i64| {
        assert!(table.update(txn, &[1_i64.into()], &[("v", value.into())]).unwrap());
    };
    set(&mut txn, 77);
    let outer = txn.savepoint().unwrap();
    set(&mut txn, 88);
    let inner = txn.savepoint().unwrap();
    set(&mut txn, 77);
    txn.rollback_to(inner).unwrap();
    txn.rollback_to(outer).unwrap();
    check_guarded(&store, &table, txn);
}

/// Nobody else may take the value 77 that this transaction holds.
fn check_guarded(store: &Store, table: &Table, txn: store_core::Txn) {
    let mut other = store.begin().unwrap();
    let taken = table.insert(&mut other, &[3_i64.into(), 77_i64.into(), 3_i64.into()]);
    assert_eq!(taken.unwrap_err().kind(), Kind::Conflict);
    drop(other);
    txn.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.query(&snapshot).filter(column("v").eq(77)).count().unwrap(), 1);
    assert_sound(store);
    assert!(store.stats().tables[0].indexes.iter().all(|index| index.entries <= 3));
}

/// Replacing deleted the old row and then reported the new one as refused.
#[test]
fn a_row_refused_by_replace_leaves_the_old_one() {
    let store = store();
    let table = unique_table(&store);
    let mut options = IngestOptions::new(Format::Tsv);
    options.mode = IngestMode::Replace;
    options.on_error = OnError::Collect;
    let source = Source::from_reader("rows", &b"1\t9\t2\n5\t50\t50\n"[..]).unwrap();
    let report = table.ingest(source, options).unwrap();
    assert_eq!((report.rows_loaded, report.rows_rejected), (1, 1));
    let snapshot = store.snapshot().unwrap();
    let kept = table.get(&snapshot, &[1_i64.into()]).unwrap().expect("the old row stays");
    assert_eq!(kept.to_values(), [1_i64, 1, 1].map(Value::from));
    assert_eq!(table.count(&snapshot).unwrap(), 3);
}

/// A full store said "delete rows" and then refused every delete.
#[test]
fn rows_can_be_deleted_from_a_full_store() {
    let store = Store::options().memory(8 << 20).open_in_memory().unwrap();
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    let schema = schema.column("v", Type::Int64).index().column("x", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let text = "a text that is longer than a cell";
    let insert =
        |id: i64| store.write(|txn| table.insert(txn, &[id.into(), id.into(), text.into()]));
    let full = (0..).find_map(|id| insert(id).err().map(|error| (id, error)));
    let (rows, error) = full.expect("a budget ends");
    assert_eq!(error.kind(), Kind::OverBudget);
    for id in 0..rows {
        let deleted = store.write(|txn| table.delete(txn, &[id.into()]));
        assert!(deleted.unwrap_or_else(|error| panic!("row {id} of {rows}: {error}")));
    }
    assert!(insert(rows).is_ok(), "the space can be used again");
    let stats = store.stats();
    assert!(stats.memory_peak <= stats.memory_limit, "{} bytes at most", stats.memory_peak);
    assert_sound(&store);
}

/// An ingest held its first snapshot to its end, and with it a version of every row that it replaced.
#[test]
fn an_ingest_keeps_nothing_for_itself() {
    let store = store();
    let table = unique_table(&store);
    let open = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let (seen, looked_at) = (std::rc::Rc::clone(&open), store.clone());
    let mut options = IngestOptions::new(Format::Tsv);
    (options.mode, options.batch_rows) = (IngestMode::Upsert, 2);
    options.progress = Some(Box::new(move |_| {
        seen.borrow_mut().push(looked_at.stats().snapshots);
        true
    }));
    let rows = b"11\t11\t11\n12\t12\t12\n11\t21\t21\n12\t22\t22\n11\t31\t31\n12\t32\t32\n";
    table.ingest(Source::from_reader("rows", &rows[..]).unwrap(), options).unwrap();
    let open = open.borrow();
    assert!(open.len() >= 3 && open.iter().all(|snapshots| *snapshots == 0), "{open:?}");
}

//! Indexes that come and go while their table is in use (I9).

use crate::indexes::{churn, compare, ids, table};
use crate::{Pace, StopAtEnd, is_stopped, store};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{IndexSpec, Kind, Reader, Schema, Store, Table, Type, Value};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, int, matching};

/// `id` key, `code`, `note`: no index yet.
fn plain(store: &Store, rows: i64) -> Table {
    let schema = Schema::builder("plain")
        .column("id", Type::Int64)
        .key()
        .column("code", Type::Int64)
        .column("note", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let insert = |id: i64| {
        store.write(|txn| table.insert(txn, &[id.into(), id.into(), "a note that is long".into()]))
    };
    (0..rows).for_each(|id| insert(id).unwrap());
    table
}

fn set_code(store: &Store, table: &Table, id: i64, code: i64) -> store_core::Result<bool> {
    store.write(|txn| table.update(txn, &[id.into()], &[("code", code.into())]))
}

fn explain<R: Reader>(table: &Table, reader: &R, code: i64) -> String {
    table.query(reader).filter(column("code").eq(code)).explain().unwrap()
}

fn with_code<R: Reader>(table: &Table, reader: &R, code: i64) -> Vec<i64> {
    ids(&matching(table, reader, column("code").eq(code)))
}

/// Makes and drops an index in turns until told to stop; how often it was made.
fn come_and_go(table: &Table, spec: &IndexSpec, name: &str, stop: &AtomicBool) -> u64 {
    let mut made = 0;
    while !is_stopped(stop) {
        match table.create_index(spec) {
            Ok(()) => made += 1,
            // Another thread changes indexes, too.
            Err(error) => assert_eq!(error.kind(), Kind::Busy, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(made % 4));
        while let Err(error) = table.drop_index(name) {
            if error.kind() == Kind::NotFound {
                break;
            }
            assert_eq!(error.kind(), Kind::Busy, "{error}");
        }
    }
    made
}

#[test]
fn indexes_that_come_and_go_agree_with_a_scan_at_every_snapshot() {
    let store = store();
    let table = table(&store);
    table.drop_index("a").unwrap();
    table.drop_index("a+b").unwrap();
    let pace = Pace::default();
    let made = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for seed in 1..3 {
            let (store, table, pace) = (&store, &table, &pace);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while pace.may_write(60) {
                    churn(store, table, &mut random);
                }
            });
        }
        for (columns, name) in [(&["a"][..], "a"), (&["a", "b"], "a+b")] {
            let (table, pace, made) = (&table, &pace, &made);
            let spec = IndexSpec::on(columns);
            scope.spawn(move || {
                let count = come_and_go(table, &spec, name, &pace.stop);
                made.fetch_add(count, Ordering::Relaxed);
            });
        }
        let _stop = StopAtEnd(&pace.stop);
        let mut random = Random::new(100);
        let mut old = store.snapshot().unwrap();
        for round in 0..150 {
            pace.looked();
            compare(&table, &store.snapshot().unwrap(), &mut random);
            compare(&table, &old, &mut random);
            assert_sound(&store);
            if round % 5 == 4 {
                old = store.snapshot().unwrap();
            }
        }
    });
    assert!(made.into_inner() > 20, "indexes were made while rows churned");
    assert_sound(&store);
}

#[test]
fn a_writer_from_before_the_index_is_waited_for() {
    let store = store();
    let table = plain(&store, 400);
    let mut txn = store.begin().unwrap();
    assert!(table.update(&mut txn, &[7_i64.into()], &[("code", 1_000_i64.into())]).unwrap());
    let made = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            table.create_index(&IndexSpec::on(&["code"])).unwrap();
            made.store(true, Ordering::Relaxed);
        });
        std::thread::sleep(Duration::from_millis(100));
        let waited = !is_stopped(&made);
        assert!(table.schema().indexes.is_empty() || !waited, "shown before it is complete");
        // Those who come now need not wait, and their values are in the index.
        assert!(set_code(&store, &table, 8, 2_000).unwrap());
        txn.commit().unwrap();
        maker.join().unwrap();
        let snapshot = store.snapshot().unwrap();
        assert!(explain(&table, &snapshot, 1_000).starts_with("index `code`"));
        assert_eq!(with_code(&table, &snapshot, 1_000), [7]);
        assert_eq!(with_code(&table, &snapshot, 2_000), [8]);
        assert!(waited, "made while a writer that does not know of it was open");
    });
    assert_sound(&store);
}

#[test]
fn snapshots_from_before_the_index_do_without_it() {
    let store = store();
    let table = plain(&store, 400);
    let before = store.snapshot().unwrap();
    assert!(set_code(&store, &table, 7, 1_000).unwrap());
    let idle = store.begin().unwrap();
    table.create_index(&IndexSpec::on(&["code"])).unwrap();
    assert_eq!(with_code(&table, &before, 7), [7], "{}", explain(&table, &before, 7));
    assert!(explain(&table, &before, 7).starts_with("scan"));
    let after = store.snapshot().unwrap();
    assert!(explain(&table, &after, 7).starts_with("index"));
    assert_eq!(with_code(&table, &after, 7), [0; 0]);
    assert_eq!(with_code(&table, &after, 1_000), [7]);
    let asked =
        |snapshot| table.query(snapshot).filter(column("code").eq(7)).index("code").explain();
    assert!(asked(&after).unwrap().ends_with("as asked"));
    let refused = asked(&before).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    assert!(refused.to_string().contains("was made after this snapshot"), "{refused}");
    // A transaction that had not written to the table yet is not waited for, and writes the index.
    let mut idle = idle;
    table.update(&mut idle, &[9_i64.into()], &[("code", 3_000_i64.into())]).unwrap();
    assert_eq!(with_code(&table, &idle, 3_000), [9]);
    idle.commit().unwrap();
    assert_eq!(with_code(&table, &store.snapshot().unwrap(), 3_000), [9]);
    drop(before);
    assert_sound(&store);
}

#[test]
fn a_transaction_means_the_same_indexes_from_its_first_write_on() {
    let store = store();
    let table = plain(&store, 100);
    table.create_index(&IndexSpec::on(&["note"])).unwrap();
    table.create_index(&IndexSpec::on(&["code"]).unique()).unwrap();
    let mut txn = store.begin().unwrap();
    table.update(&mut txn, &[1_i64.into()], &[("code", 500_i64.into())]).unwrap();
    // Its second index is the first of the list now.
    table.drop_index("note").unwrap();
    let savepoint = txn.savepoint().unwrap();
    table.update(&mut txn, &[1_i64.into()], &[("code", 501_i64.into())]).unwrap();
    table.update(&mut txn, &[2_i64.into()], &[("note", "new".into())]).unwrap();
    let twice = table.update(&mut txn, &[3_i64.into()], &[("code", 4_i64.into())]).unwrap_err();
    assert_eq!(twice.kind(), Kind::Duplicate);
    txn.rollback_to(savepoint).unwrap();
    table.update(&mut txn, &[5_i64.into()], &[("code", 502_i64.into())]).unwrap();
    txn.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    for (code, rows) in [(1, vec![]), (500, vec![1]), (501, vec![]), (502, vec![5])] {
        assert!(explain(&table, &snapshot, code).starts_with("index `code`"));
        assert_eq!(with_code(&table, &snapshot, code), rows, "{code}");
    }
    table.create_index(&IndexSpec::on(&["note"])).unwrap();
    assert_sound(&store);
}

// ---- unique

#[test]
fn rows_with_equal_values_refuse_a_unique_index_and_are_named() {
    let store = store();
    let table = plain(&store, 3_000);
    assert!(set_code(&store, &table, 2_345, 17).unwrap());
    let before = index_bytes(&store);
    let error = table.create_index(&IndexSpec::on(&["code"]).unique()).unwrap_err();
    assert_eq!(error.kind(), Kind::Duplicate);
    assert_eq!(error.details(), ["plain", "17", "code"]);
    let text = error.to_string();
    assert!(text.contains(" 17 and 2345 ") || text.contains(" 2345 and 17 "), "{text}");
    assert_nothing_left(&store, &table, before);
    // Nobody checks values any more.
    assert!(set_code(&store, &table, 2_346, 17).unwrap());
    // NULLs never collide.
    for id in 0..3_000_i64 {
        let null = Value::Null;
        store
            .write(|txn| table.update(txn, &[id.into()], &[("code", null.as_ref())]))
            .map(|found| assert!(found))
            .unwrap();
    }
    table.create_index(&IndexSpec::on(&["code"]).unique()).unwrap();
    assert!(table.schema().index("code").unwrap().unique);
    assert_sound(&store);
}

#[test]
fn a_value_written_twice_while_a_unique_index_is_made_is_found() {
    let store = store();
    let table = plain(&store, 500);
    let before = index_bytes(&store);
    // Committed before any row is in the index: no writer can see that the value is there.
    let write = &mut |entered: u64| {
        assert!(entered > 0 || set_code(&store, &table, 400, 3).unwrap());
        true
    };
    let error = table.create_index_with(&IndexSpec::on(&["code"]).unique(), write).unwrap_err();
    assert_eq!(error.kind(), Kind::Duplicate, "{error}");
    assert_nothing_left(&store, &table, before);
    assert!(set_code(&store, &table, 400, 400).unwrap());
    // Written before, committed after.
    let mut open = None;
    let write = &mut |entered: u64| {
        if entered == 0 {
            let mut txn = store.begin().unwrap();
            table.update(&mut txn, &[400_i64.into()], &[("code", 3_i64.into())]).unwrap();
            open = Some(txn);
        }
        true
    };
    let spec = IndexSpec::on(&["code"]).unique().patience(Duration::from_millis(50));
    let error = table.create_index_with(&spec, write).unwrap_err();
    assert_eq!(error.kind(), Kind::Busy, "{error}");
    open.unwrap().commit().unwrap();
    // What a thread has replaced itself it frees with later work.
    assert_nothing_left(&store, &table, before + (4 << 16));
    assert_eq!(with_code(&table, &store.snapshot().unwrap(), 3), [3, 400]);
}

#[test]
fn no_value_is_there_twice_once_a_unique_index_is_made_under_load() {
    let store = store();
    let table = plain(&store, 300);
    let stop = AtomicBool::new(false);
    let (made, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (store, table, stop) = (&store, &table, &stop);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !is_stopped(stop) {
                    let (id, code) = (random.below(300) as i64, random.below(100_000) as i64);
                    // Mostly its own value; else one of a few that another row may have.
                    let code = if random.once_in(200) { code % 40 } else { code * 1_000 + id };
                    match set_code(store, table, id, code) {
                        Ok(found) => assert!(found),
                        Err(error) => assert!(
                            error.kind() == Kind::Duplicate || error.is_retryable(),
                            "{error}"
                        ),
                    }
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        for _ in 0..300 {
            let enough =
                made.load(Ordering::Relaxed) >= 20 && refused.load(Ordering::Relaxed) >= 20;
            if enough {
                break;
            }
            match table.create_index(&IndexSpec::on(&["code"]).unique()) {
                Ok(()) => {
                    made.fetch_add(1, Ordering::Relaxed);
                    for _ in 0..3 {
                        assert_unique(&table, &store.snapshot().unwrap());
                    }
                    table.drop_index("code").unwrap();
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Duplicate, "{error}");
                    refused.fetch_add(1, Ordering::Relaxed);
                    let mut codes = std::collections::HashSet::new();
                    let rows = matching(&table, &store.snapshot().unwrap(), Predicate::all());
                    for row in rows.iter().filter(|row| !codes.insert(int(&row[1]))) {
                        let id = int(&row[0]);
                        let _ = set_code(&store, &table, id, 1_000_000_000 + id);
                    }
                }
            }
        }
    });
    assert!(made.into_inner() > 0, "no index was made at all");
    assert_sound(&store);
}

fn assert_unique<R: Reader>(table: &Table, reader: &R) {
    let mut codes: Vec<i64> =
        drain(table.query(reader).run().unwrap()).iter().map(|row| int(&row[1])).collect();
    let rows = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), rows, "a value is there twice");
}

// ---- failures, and dropping

/// The table is as it was, and its memory too once upkeep has come by.
fn assert_nothing_left(store: &Store, table: &Table, bytes: u64) {
    assert!(table.schema().indexes.is_empty());
    assert!(table.stats().indexes.is_empty());
    for _ in 0..2_000 {
        if index_bytes(store) <= bytes {
            return assert_sound(store);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} bytes are held, {bytes} were before", index_bytes(store));
}

/// Bytes held for the blocks of indexes, and for making them.
fn index_bytes(store: &Store) -> u64 {
    let holders = store.stats().holders;
    let of_indexes = |path: &str| path.ends_with("/indexes") || path.ends_with("/index build");
    holders.iter().filter(|holder| of_indexes(&holder.path)).map(|holder| holder.bytes).sum()
}

#[test]
fn a_build_that_fails_leaves_nothing() {
    let store = store();
    let table = plain(&store, 30_000);
    let before = index_bytes(&store);
    let spec = IndexSpec::on(&["code", "note"]).name("both");
    for stop_at in [0, 30_000] {
        let progress = &mut |entered: u64| entered < stop_at;
        let error = table.create_index_with(&spec, progress).unwrap_err();
        assert_eq!(
            (error.kind(), error.details()),
            (Kind::Cancelled, &["plain".to_owned(), "both".to_owned()][..])
        );
        assert_nothing_left(&store, &table, before);
    }
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        table.create_index_with(&spec, &mut |entered| entered == 0 || panic!("on purpose"))
    }));
    assert!(panicked.is_err());
    assert_nothing_left(&store, &table, before);
    // A writer that does not end in time.
    let mut txn = store.begin().unwrap();
    table.delete(&mut txn, &[1_i64.into()]).unwrap();
    let error = table.create_index(&spec.clone().patience(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), Kind::Busy, "{error}");
    drop(txn);
    assert_nothing_left(&store, &table, before);
    // Two at once on one table.
    let mut inner = None;
    table
        .create_index_with(&spec, &mut |_| {
            inner = Some(table.create_index(&IndexSpec::on(&["note"])).unwrap_err().kind());
            true
        })
        .unwrap();
    assert_eq!(inner, Some(Kind::Busy));
    assert_sound(&store);
}

#[test]
fn an_index_that_does_not_fit_in_the_budget_is_refused() {
    let store = Store::options().memory(6 << 20).open_in_memory().unwrap();
    let schema = Schema::builder("t").column("id", Type::Int64).key().column("b", Type::Bytes);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let mut rows = 0_i64;
    // Values of 900 bytes, until two thirds of the memory are used.
    while store.stats().memory_used < 4 << 20 {
        let bytes = vec![(rows % 251) as u8; 900];
        store.write(|txn| table.insert(txn, &[rows.into(), (&bytes[..]).into()])).unwrap();
        rows += 1;
    }
    let before = index_bytes(&store);
    let error = table.create_index(&IndexSpec::on(&["b"])).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget, "{error}");
    assert!(error.to_string().contains("index `b`"), "{error}");
    assert_nothing_left(&store, &table, before);
    assert_eq!(store.stats().overdrawn_pages, 0);
    // The store goes on.
    store.write(|txn| table.delete(txn, &[0_i64.into()])).unwrap();
    table.create_index(&IndexSpec::on(&["id"]).name("by_id")).unwrap();
    assert_sound(&store);
}

#[test]
fn long_values_are_entered_in_several_batches() {
    let store = Store::options().memory(256 << 20).open_in_memory().unwrap();
    let table = plain(&store, 3_000);
    let note = "long ".repeat(900);
    for from in (0..3_000_i64).step_by(500) {
        let write = store.write(|txn| {
            for id in from..from + 500 {
                let note = format!("{id:05} {note}");
                table.update(txn, &[id.into()], &[("note", (&note).into())])?;
            }
            Ok(())
        });
        write.unwrap();
    }
    let mut entered = Vec::new();
    let progress = &mut |rows| {
        entered.push(rows);
        true
    };
    table.create_index_with(&IndexSpec::on(&["note"]).unique(), progress).unwrap();
    assert!(entered.len() > 3 && entered.is_sorted(), "{entered:?}");
    assert_eq!((entered[0], entered.last()), (0, Some(&3_000)));
    let snapshot = store.snapshot().unwrap();
    let found = table.query(&snapshot).filter(column("note").range("01000", "01010")).run();
    assert_eq!(ids(&drain(found.unwrap())), (1_000..1_010).collect::<Vec<_>>());
    assert_sound(&store);
}

#[test]
fn a_value_too_long_for_an_index_refuses_it() {
    let store = store();
    let table = plain(&store, 100);
    let long = "x".repeat(9_000);
    let write = |note: &str| {
        store.write(|txn| table.update(txn, &[5_i64.into()], &[("note", note.into())]))
    };
    assert!(write(&long).unwrap());
    let error = table.create_index(&IndexSpec::on(&["note"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("9000 bytes is too long"), "{error}");
    assert!(write("short").unwrap());
    table.create_index(&IndexSpec::on(&["note"])).unwrap();
    assert_eq!(write(&long).unwrap_err().kind(), Kind::Invalid);
    let insert = [100_i64.into(), 1_i64.into(), (&long).into()];
    let refused = store.write(|txn| table.insert(txn, &insert)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    assert_sound(&store);
}

#[test]
fn who_walks_an_index_that_is_dropped_goes_on() {
    let store = store();
    let table = plain(&store, 5_000);
    let before = index_bytes(&store);
    table.create_index(&IndexSpec::on(&["code"])).unwrap();
    assert!(index_bytes(&store) > before);
    let snapshot = store.snapshot().unwrap();
    let mut walk = table.query(&snapshot).filter(column("code").lt(1_000)).run().unwrap();
    for id in 0..300 {
        assert_eq!(walk.next().unwrap().unwrap().get(0), id.into());
    }
    table.drop_index("code").unwrap();
    assert!(table.schema().indexes.is_empty());
    assert!(explain(&table, &snapshot, 3).starts_with("scan"));
    // What is written now is not in the index that goes, and this walk does not need it.
    for id in 0..1_000 {
        assert!(set_code(&store, &table, id, 7_000).unwrap());
    }
    for id in 300..1_000 {
        assert_eq!(walk.next().unwrap().unwrap().get(0), id.into());
    }
    assert!(walk.next().unwrap().is_none());
    drop(walk);
    drop(snapshot);
    assert_nothing_left(&store, &table, before);
    assert_eq!(table.drop_index("code").unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn memory_does_not_grow_with_indexes_that_come_and_go() {
    let store = store();
    let table = plain(&store, 5_000);
    let make = || {
        table.create_index(&IndexSpec::on(&["code"])).unwrap();
        table.drop_index("code").unwrap();
    };
    make();
    let before = index_bytes(&store);
    (0..50).for_each(|_| make());
    assert_nothing_left(&store, &table, before);
}

#[test]
fn an_index_that_makes_no_sense_is_refused() {
    let store = store();
    let table = plain(&store, 10);
    table.create_index(&IndexSpec::on(&["code"])).unwrap();
    let kind = |spec: IndexSpec| table.create_index(&spec).unwrap_err().kind();
    let none: [&str; 0] = [];
    assert_eq!(kind(IndexSpec::on(&none)), Kind::Invalid);
    assert_eq!(kind(IndexSpec::on(&["nothing"])), Kind::NotFound);
    assert_eq!(kind(IndexSpec::on(&["id", "id"])), Kind::Invalid);
    assert_eq!(kind(IndexSpec::on(&["id"]).name("a/b")), Kind::Invalid);
    assert_eq!(kind(IndexSpec::on(&["id"]).name("code")), Kind::Duplicate);
    assert_eq!(kind(IndexSpec::on(&["code"]).name("again").unique()), Kind::Duplicate);
    let schema = Schema::builder("keyless").column("a", Type::Int64).build().unwrap();
    let keyless = store.create_table(schema).unwrap();
    let error = keyless.create_index(&IndexSpec::on(&["_row"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    store.close().unwrap();
    assert_eq!(kind(IndexSpec::on(&["note"])), Kind::Closed);
    assert_eq!(table.drop_index("code").unwrap_err().kind(), Kind::Closed);
}

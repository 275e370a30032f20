//! Scans walk the pages themselves, many rows a step: whatever stands in the slots, they give each
//! row of their moment once and whole.

use crate::{StopAtEnd, is_stopped, store};
use std::sync::atomic::{AtomicBool, Ordering};
use store_core::query::{Predicate, column};
use store_core::{Kind, Reader, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::rows::{drain, int, matching, unbatched};

/// Columns besides the key: rows of each way to copy one, up to more words than a row on the stack
/// has.
const WIDTHS: [usize; 8] = [1, 2, 5, 8, 13, 20, 30, 50];
/// So few that a scan meets rows that are being written.
const HOT_ROWS: i64 = 40;

/// `id` and columns that all hold one number; the last may be NULL and never is.
fn numbers(store: &Store, columns: usize) -> Table {
    let mut schema = Schema::builder(format!("t{columns}")).column("id", Type::Int64).key();
    for at in 0..columns {
        schema = schema.column(format!("c{at}"), Type::Int64);
        if at + 1 < columns {
            schema = schema.notnull();
        }
    }
    store.create_table(schema.build().unwrap()).unwrap()
}

fn write(
    store: &Store,
    table: &Table,
    columns: usize,
    ids: &(impl Iterator<Item = i64> + Clone),
    to: i64,
) {
    let write = store.write(|txn| {
        for id in ids.clone() {
            let mut row = vec![ValueRef::Int(to); columns + 1];
            row[0] = ValueRef::Int(id);
            table.upsert(txn, &row)?;
        }
        Ok(())
    });
    write.unwrap();
}

/// The ids a scan gives, in order of their number; every row is whole and holds this number.
fn ids<R: Reader>(table: &Table, reader: &R, filter: &Predicate, number: i64) -> Vec<i64> {
    let mut rows = matching(table, reader, filter.clone());
    let names: Vec<&str> = table.schema().visible_columns().map(|column| &*column.name).collect();
    let mut some = vec![names[0], names[names.len() - 1], names[names.len() / 2]];
    some.truncate(names.len());
    for columns in [&names, &some] {
        let batches = table.query(reader).filter(filter.clone()).batches(columns).unwrap();
        let mut batched = unbatched(batches, columns.len()).unwrap();
        let id = |row: &Vec<Value>| int(&row[0]);
        rows.sort_unstable_by_key(id);
        batched.sort_unstable_by_key(id);
        assert_eq!(batched.len(), rows.len());
        assert!(rows.iter().zip(&batched).all(|(row, batched)| row[..2] == batched[..2]));
        assert!(batched.iter().all(|row| row[1..].iter().all(|cell| int(cell) == number)));
    }
    let id = |row: &Vec<Value>| {
        assert!(row[1..].iter().all(|cell| int(cell) == number), "torn: {row:?}");
        int(&row[0])
    };
    let mut ids: Vec<i64> = rows.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_scan_gives_no_row_half_written() {
    for columns in WIDTHS {
        let store = store();
        let table = numbers(&store, columns);
        write(&store, &table, columns, &(0..HOT_ROWS), 0);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1.. {
                    if is_stopped(&stop) {
                        break;
                    }
                    write(&store, &table, columns, &(0..HOT_ROWS), number);
                }
            });
            let _stop = StopAtEnd(&stop);
            let (mut newest, all) = (0, (0..HOT_ROWS).collect::<Vec<_>>());
            for _ in 0..1_500 {
                let snapshot = store.snapshot().unwrap();
                let row = table.get(&snapshot, &[0.into()]).unwrap().unwrap();
                let number = int(&row.to_values()[1]);
                assert!(number >= newest, "time ran backwards");
                newest = number;
                assert_eq!(ids(&table, &snapshot, &Predicate::all(), number), all);
                let last = format!("c{}", columns - 1);
                assert_eq!(ids(&table, &snapshot, &column(&last).eq(number), number), all);
                let other = column(&last).gt(number).or(column("c0").ne(number));
                assert_eq!(table.query(&snapshot).filter(other).count().unwrap(), 0);
                let other = column("c0").lt(number);
                assert_eq!(table.query(&snapshot).filter(other).count().unwrap(), 0);
                assert_eq!(table.count(&snapshot).unwrap(), all.len() as u64);
            }
            assert!(newest > 0, "the writer never ran");
        });
        stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_scan_passes_over_what_its_moment_does_not_see() {
    for columns in WIDTHS {
        let store = store();
        let table = numbers(&store, columns);
        let empty = store.snapshot().unwrap();
        write(&store, &table, columns, &(0..3_000), 1);
        let before = store.snapshot().unwrap();
        let delete = store.write(|txn| {
            for id in (0..3_000).filter(|id| id % 3 == 0 || (1_000..2_000).contains(id)) {
                assert!(table.delete(txn, &[id.into()])?);
            }
            Ok(())
        });
        delete.unwrap();
        write(&store, &table, columns, &((0..3_000).step_by(7)), 1);
        write(&store, &table, columns, &(3_000..3_010), 1);
        let after = store.snapshot().unwrap();
        let kept =
            |id: &i64| (id % 3 != 0 && !(1_000..2_000).contains(id)) || id % 7 == 0 || *id >= 3_000;
        let kept: Vec<i64> = (0..3_010).filter(kept).collect();
        let all: Vec<i64> = (0..3_000).collect();
        for (snapshot, expected) in [(&empty, &vec![]), (&before, &all), (&after, &kept)] {
            for filter in [Predicate::all(), column("c0").eq(1), column("c0").ne(7)] {
                assert_eq!(ids(&table, snapshot, &filter, 1), *expected);
                let count = table.query(snapshot).filter(filter).count().unwrap();
                assert_eq!(count, expected.len() as u64);
            }
            let late = column("id").ge(2_500).and(column("c0").eq(1));
            let found = ids(&table, snapshot, &late, 1);
            assert!(found.iter().eq(expected.iter().filter(|id| **id >= 2_500)));
            for (offset, limit) in [(0, 1), (1, 20), (900, 700), (10, u64::MAX), (5_000, 1)] {
                let query = table.query(snapshot).offset(offset).limit(limit);
                let given = drain(query.run().unwrap()).len() as u64;
                assert_eq!(given, (expected.len() as u64).saturating_sub(offset).min(limit));
            }
        }
    }
}

#[test]
fn a_scan_in_a_transaction_sees_its_own_rows_once() {
    for columns in WIDTHS {
        let store = store();
        let table = numbers(&store, columns);
        write(&store, &table, columns, &(0..500), 1);
        let mut txn = store.begin().unwrap();
        assert_eq!(table.count(&txn).unwrap(), 500);
        let row = |id: i64, number: i64| {
            let mut row = vec![ValueRef::Int(number); columns + 1];
            row[0] = ValueRef::Int(id);
            row
        };
        for id in 0..100 {
            table.upsert(&mut txn, &row(id, 2)).unwrap();
            table.insert(&mut txn, &row(1_000 + id, 2)).unwrap();
            assert!(table.delete(&mut txn, &[(200 + id).into()]).unwrap());
        }
        assert!(table.lock(&mut txn, &[400.into()]).unwrap());
        write(&store, &table, columns, &(450..460), 3); // of another, after its snapshot
        let own: Vec<i64> = (0..100).chain(1_000..1_100).collect();
        let others: Vec<i64> = (100..200).chain(300..500).collect();
        for filter in [column("c0").eq(2), column("c0").ne(1), column("c0").ge(2)] {
            assert_eq!(table.query(&txn).filter(filter.clone()).count().unwrap(), 200);
            assert_eq!(ids(&table, &txn, &filter, 2), own);
        }
        assert_eq!(ids(&table, &txn, &column("c0").le(1), 1), others);
        assert_eq!(matching(&table, &txn, Predicate::all()).len(), 500);
        assert_eq!(table.count(&txn).unwrap(), 500);
        let sorted = table.query(&txn).sort(&["-id"]).unwrap().limit(150).run().unwrap();
        let sorted: Vec<i64> = drain(sorted).iter().map(|row| int(&row[0])).collect();
        assert!(sorted.into_iter().eq((1_000..1_100).rev().chain((450..500).rev())));
    }
}

#[test]
fn a_scan_at_a_snapshot_that_was_given_up_misses_no_row_in_silence() {
    let store = Store::options().memory(8 << 20).open_in_memory().unwrap();
    let table = numbers(&store, 5);
    write(&store, &table, 5, &(0..2_000), 0);
    let ballast = numbers(&store, 4);
    write(&store, &ballast, 4, &(0..20_000), 0);
    let snapshot = store.snapshot().unwrap();
    let mut snapshots = Vec::new();
    let mut open = table.query(&snapshot).run().unwrap();
    assert!(open.next().unwrap().is_some());
    let delete = store
        .write(|txn| (0..2_000_i64).try_for_each(|id| table.delete(txn, &[id.into()]).map(drop)));
    delete.unwrap();
    let scan = || {
        let (mut rows, mut count) = (table.query(&snapshot).run()?, 0);
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok::<_, store_core::Error>(count)
    };
    let mut given_up = false;
    for round in 1..40 {
        // Old versions for the snapshot: of rows it sees, one each.
        for first in (0..20_000).step_by(100) {
            write(&store, &ballast, 4, &(first..first + 100), round);
        }
        let batched = || {
            let batches = table.query(&snapshot).batches(&["c1"])?;
            unbatched(batches, 1).map(|rows| rows.len() as u64)
        };
        for counted in [scan(), table.count(&snapshot), batched()] {
            match counted {
                Ok(count) => assert_eq!(count, 2_000),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::SnapshotTooOld, "{error}");
                    given_up = true;
                }
            }
        }
        if given_up {
            break;
        }
        snapshots.push(store.snapshot().unwrap());
    }
    assert!(given_up, "the memory was never full");
    let mut left = 1;
    let ended = loop {
        match open.next() {
            Ok(Some(row)) => assert_eq!(row.get(1), ValueRef::Int(0)),
            Ok(None) => break None,
            Err(error) => break Some(error.kind()),
        }
        left += 1;
    };
    assert!(left < 2_000 && ended == Some(Kind::SnapshotTooOld), "{left} rows, {ended:?}");
}

//! I9: at every snapshot an index leads to exactly the rows that a full scan finds.

use crate::{Pace, StopAtEnd, store};
use store_core::query::{Predicate, column};
use store_core::{Schema, Snapshot, Store, Table, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, int};

const KEYS: u64 = 1_500;
const VALUES: u64 = 400;

/// `a` and `b` are indexed alone and together; `name` is an indexed text of any length.
pub(crate) fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("a", Type::Int32)
        .index()
        .column("b", Type::Int64)
        .column("name", Type::Text)
        .index()
        .index_of(&["a", "b"], false)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

pub(crate) fn churn(store: &Store, table: &Table, random: &mut Random) {
    let outcome = store.write(|txn| {
        for _ in 0..=random.below(8) {
            let id = random.below(KEYS) as i64;
            let (a, b) = (random.below(VALUES) as i32, random.below(5) as i64);
            let a = if random.once_in(10) { None } else { Some(a) };
            let name =
                format!("{:03}{}", random.below(VALUES), "-".repeat(random.below(20) as usize));
            let cells: [ValueRef<'_>; 4] = [id.into(), a.into(), b.into(), (&name).into()];
            match random.below(4) {
                0 => drop(table.delete(txn, &[id.into()])?),
                1 => drop(table.update(txn, &[id.into()], &[("a", a.into())])?),
                _ => drop(table.upsert(txn, &cells)?),
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        assert!(error.is_retryable(), "{error}");
    }
}

pub(crate) fn ids(rows: &[Vec<Value>]) -> Vec<i64> {
    let mut ids: Vec<i64> = rows.iter().map(|row| int(&row[0])).collect();
    ids.sort_unstable();
    ids
}

/// Asks by index, and filters the rows of a scan by hand.
pub(crate) fn compare(table: &Table, snapshot: &Snapshot, random: &mut Random) {
    let all = drain(table.query(snapshot).run().unwrap());
    let by_order = drain(table.query(snapshot).sort(&["a"]).unwrap().run().unwrap());
    assert_eq!(ids(&by_order), ids(&all), "the whole index");
    for _ in 0..6 {
        let low = random.below(VALUES) as i32;
        let high = low + random.below(12) as i32;
        let in_range = |row: &Vec<Value>| matches!(row[1], Value::Int(a) if a >= i64::from(low) && a <= i64::from(high));
        let expected: Vec<_> = all.iter().filter(|row| in_range(row)).cloned().collect();
        assert_asked(table, snapshot, &column("a").between(low, high), &expected);
        let name = format!("{low:03}");
        let next = format!("{:03}", low + 1);
        let named = |row: &Vec<Value>| matches!(&row[3], Value::Text(t) if *t >= name && *t < next);
        let expected: Vec<_> = all.iter().filter(|row| named(row)).cloned().collect();
        assert_asked(table, snapshot, &column("name").range(&name, &next), &expected);
        let both = |row: &Vec<Value>| row[1] == Value::Int(low.into()) && row[2] == Value::Int(2);
        let expected: Vec<_> = all.iter().filter(|row| both(row)).cloned().collect();
        assert_asked(table, snapshot, &column("a").eq(low).and(column("b").eq(2)), &expected);
    }
    let expected: Vec<_> = all.iter().filter(|row| row[1] == Value::Null).cloned().collect();
    assert_asked(table, snapshot, &column("a").is_null(), &expected);
}

fn assert_asked(table: &Table, snapshot: &Snapshot, asked: &Predicate, expected: &[Vec<Value>]) {
    let query = table.query(snapshot).filter(asked.clone());
    let why = query.explain().unwrap();
    assert_eq!(ids(&drain(query.run().unwrap())), ids(expected), "{asked}: {why}");
    let counted = table.query(snapshot).filter(asked.clone()).count().unwrap();
    assert_eq!(counted, expected.len() as u64, "count of {asked}: {why}");
}

#[test]
fn index_and_scan_agree_while_rows_churn() {
    let store = store();
    let table = table(&store);
    let pace = Pace::default();
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
        let _stop = StopAtEnd(&pace.stop);
        let mut random = Random::new(100);
        let mut old = store.snapshot().unwrap();
        for round in 0..100 {
            pace.looked();
            compare(&table, &store.snapshot().unwrap(), &mut random);
            compare(&table, &old, &mut random);
            assert_sound(&store);
            if round % 10 == 9 {
                old = store.snapshot().unwrap();
            }
        }
    });
    assert_sound(&store);
}

#[test]
fn no_entry_is_lost_when_threads_insert_side_by_side() {
    const THREADS: i64 = 4;
    const ROWS: i64 = 6_000;
    let store = store();
    let table = table(&store);
    let (store, table) = (&store, &table);
    std::thread::scope(|scope| {
        let insert = |thread: i64| {
            for at in (0..ROWS).step_by(10) {
                let write = store.write(|txn| {
                    for id in at..at + 10 {
                        let (a, b) = ((id as i32).into(), thread.into());
                        table.insert(txn, &[(id * THREADS + thread).into(), a, b, "n".into()])?;
                    }
                    Ok(())
                });
                write.unwrap();
            }
        };
        // Neighbouring values from all threads, so that they meet in the same blocks.
        let writers: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || insert(thread))).collect();
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let snapshot = store.snapshot().unwrap();
            let walked = drain(table.query(&snapshot).sort(&["a"]).unwrap().run().unwrap());
            let scanned = drain(table.query(&snapshot).run().unwrap());
            assert_eq!(ids(&walked), ids(&scanned), "walk against scan");
        }
    });
    assert_sound(store);
}

#[test]
fn a_row_with_several_versions_in_a_range_comes_once() {
    let store = store();
    let table = table(&store);
    let row = |a: i32| [1_i64.into(), a.into(), 0_i64.into(), "n".into()];
    store.write(|txn| table.insert(txn, &row(0))).unwrap();
    let mut held = Vec::new();
    for a in 1..10 {
        held.push((store.snapshot().unwrap(), a - 1));
        store.write(|txn| table.upsert(txn, &row(a)).map(drop)).unwrap();
    }
    for id in 2..200_i64 {
        let filler = [id.into(), 1_000.into(), 0_i64.into(), "n".into()];
        store.write(|txn| table.insert(txn, &filler)).unwrap();
    }
    for (snapshot, a) in &held {
        let query = table.query(snapshot).filter(column("a").between(0, 20));
        assert!(query.explain().unwrap().starts_with("index"));
        let rows = drain(query.run().unwrap());
        assert_eq!(rows.iter().map(|row| int(&row[1])).collect::<Vec<_>>(), [i64::from(*a)]);
        assert_eq!(table.query(snapshot).filter(column("a").le(20)).count().unwrap(), 1);
    }
    assert_sound(&store);
}

//! I3: what a live snapshot can see is kept; what none can see goes, and its memory with it.

use crate::{StopAtEnd, is_stopped, store};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use store_core::query::{Predicate, column};
use store_core::{Schema, Snapshot, Store, Table, Txn, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, matching};

const ROWS: i64 = 200;

/// `id` key, `tag` indexed, `text` always longer than a cell.
fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("tag", Type::Int64)
        .index()
        .column("text", Type::Text)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

fn text(id: i64, tag: i64) -> String {
    format!("the long text of row {id} with tag {tag}: {}", "x".repeat(100 + (tag % 50) as usize))
}

fn insert(store: &Store, table: &Table, id: i64, tag: i64) {
    let text = text(id, tag);
    let cells: [ValueRef<'_>; 3] = [id.into(), tag.into(), (&text).into()];
    store.write(|txn| table.upsert(txn, &cells).map(drop)).unwrap();
}

/// Updates, deletes and re-inserts at random.
fn churn(store: &Store, table: &Table, random: &mut Random, tag: i64) {
    let id = random.below(ROWS as u64) as i64;
    if random.once_in(4) {
        store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
    }
    if !random.once_in(6) {
        insert(store, table, id, tag);
    }
}

fn image(table: &Table, snapshot: &Snapshot) -> Vec<Vec<Value>> {
    let mut rows = matching(table, snapshot, Predicate::all());
    rows.sort_by_key(|row| store_tests::rows::int(&row[0]));
    rows
}

/// The same rows by every path.
fn assert_image(table: &Table, snapshot: &Snapshot, expected: &[Vec<Value>]) {
    assert_eq!(image(table, snapshot), expected, "by scan");
    let mut sorted = drain(table.query(snapshot).sort(&["tag"]).unwrap().run().unwrap());
    sorted.sort_by_key(|row| store_tests::rows::int(&row[0]));
    assert_eq!(sorted, expected, "by index order");
    for row in expected {
        let found = table.get(snapshot, &[row[0].as_ref()]).unwrap();
        assert_eq!(found.unwrap().to_values(), *row, "by key");
        let tag = store_tests::rows::int(&row[1]);
        assert!(matching(table, snapshot, column("tag").eq(tag)).contains(row), "by index");
    }
}

#[test]
fn a_snapshot_keeps_its_rows_while_everything_changes() {
    let store = store();
    let table = table(&store);
    for id in 0..ROWS {
        insert(&store, &table, id, id);
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 1..3_u64 {
            let (store, table, stop) = (&store, &table, &stop);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let mut tag = 10_000 * seed as i64;
                // Bounded: a snapshot that lives on makes every later version one it must walk past.
                while !is_stopped(stop) && tag < 10_000 * seed as i64 + 3_000 {
                    tag += 1;
                    churn(store, table, &mut random, tag);
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        // Snapshots of different ages, some ended between others that live on.
        let mut held: Vec<(Snapshot, Vec<Vec<Value>>)> = Vec::new();
        let mut random = Random::new(99);
        for _ in 0..40 {
            let snapshot = store.snapshot().unwrap();
            let rows = image(&table, &snapshot);
            held.push((snapshot, rows));
            if held.len() > 5 {
                drop(held.swap_remove(random.below(5) as usize));
            }
            for (snapshot, rows) in &held {
                assert_image(&table, snapshot, rows);
            }
        }
    });
    assert_sound(&store);
}

#[test]
fn memory_falls_back_once_the_old_snapshot_is_gone() {
    let store = store();
    let table = table(&store);
    for id in 0..ROWS {
        insert(&store, &table, id, id);
    }
    let mut random = Random::new(7);
    let values_bytes = || {
        let held = store.stats().holders;
        held.iter().filter(|holder| holder.path.contains("values")).map(|h| h.bytes).sum::<u64>()
    };
    let before = (values_bytes(), store.stats().tables[0].bytes);
    let old = store.snapshot().unwrap();
    for tag in 0..20_000 {
        churn(&store, &table, &mut random, tag);
    }
    let during = (values_bytes(), store.stats().tables[0].old_versions);
    assert!(during.1 <= ROWS as u64 + 100, "one for each row the snapshot sees: {during:?}");
    assert!(during.0 <= 4 * before.0, "{before:?}, {during:?}");
    drop(old);
    // Committers take the garbage away, a bounded step each.
    for tag in 0..3_000 {
        churn(&store, &table, &mut random, tag);
    }
    let settle = |id| insert(&store, &table, id, 0);
    (0..ROWS).cycle().take(1_000).for_each(settle);
    for id in 0..ROWS {
        store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
    }
    // The last versions wait for a commit after them.
    for _ in 0..200 {
        insert(&store, &table, -1, 0);
        store.write(|txn| table.delete(txn, &[(-1_i64).into()])).unwrap();
    }
    // A few nodes may still wait for whoever reads a chain just now.
    let start = Instant::now();
    while store.stats().tables[0].old_versions > 2 && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let stats = store.stats().tables.remove(0);
    assert!(stats.old_versions <= 2, "{stats:?}");
    assert!(stats.garbage_rows <= 2, "{stats:?}");
    assert!(stats.indexes[0].entries <= 2, "no entry without a version: {stats:?}");
    assert!(values_bytes() <= before.0, "{} bytes of values, {} before", values_bytes(), before.0);
    assert_sound(&store);
}

/// A row whose unique value changes several times in each of many transactions; the entries left.
fn entries_after(change: impl Fn(&Table, &mut Txn, i64) -> store_core::Result<()>) -> u64 {
    let store = store();
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("code", Type::Int64)
        .unique()
        .build();
    let table = store.create_table(schema.unwrap()).unwrap();
    store.write(|txn| table.insert(txn, &[1_i64.into(), 0_i64.into()])).unwrap();
    for round in 1..100_i64 {
        store.write(|txn| change(&table, txn, round * 10)).unwrap();
    }
    for _ in 0..50 {
        store.write(|txn| table.upsert(txn, &[1_i64.into(), 5_i64.into()]).map(drop)).unwrap();
    }
    assert_sound(&store);
    store.stats().tables[0].indexes[0].entries
}

fn set(table: &Table, txn: &mut Txn, code: i64) -> store_core::Result<()> {
    table.upsert(txn, &[1_i64.into(), code.into()]).map(drop)
}

#[test]
fn entries_of_values_that_never_were_committed_go_too() {
    let several = |table: &Table, txn: &mut Txn, code| {
        (0..3).try_for_each(|step| set(table, txn, code + step))
    };
    assert_eq!(entries_after(several), 1, "after several values in one transaction");
    let deleted = |table: &Table, txn: &mut Txn, code| {
        set(table, txn, code)?;
        set(table, txn, code + 1)?;
        table.delete(txn, &[1_i64.into()]).map(drop)
    };
    assert_eq!(entries_after(deleted), 1, "after a delete of what the transaction wrote");
}

#[test]
fn entries_of_values_under_a_savepoint_go_too() {
    let undone = |table: &Table, txn: &mut Txn, code| {
        set(table, txn, code)?;
        let mark = txn.savepoint()?;
        set(table, txn, code + 1)?;
        txn.rollback_to(mark)
    };
    assert_eq!(entries_after(undone), 1, "after a rollback to a savepoint");
    let released = |table: &Table, txn: &mut Txn, code| {
        let mark = txn.savepoint()?;
        set(table, txn, code)?;
        set(table, txn, code + 1)?;
        txn.release(mark)
    };
    assert_eq!(entries_after(released), 1, "after the release of a savepoint");
}

/// Rows and commits of [`cursors_stay_right_while_a_hundred_thousand_commits_pass`].
const WALKED_ROWS: i64 = 2_000;
const COMMITS_A_ROW: i64 = 50;

/// Goal: a cursor holds nothing but its snapshot between two rows, so whatever is committed then, it
/// gives the rows of its moment, each once: by a scan, by an index whose every entry moves, and sorted.
#[test]
fn cursors_stay_right_while_a_hundred_thousand_commits_pass() {
    let store = Store::in_memory().unwrap();
    let schema = Schema::parse("t", "id int64 key, tag int32 index, n int64").unwrap();
    let table = store.create_table(schema).unwrap();
    let set = |id: i64, tag: i64, n: i64| {
        let row: [ValueRef<'_>; 3] = [id.into(), tag.into(), n.into()];
        store.write(|txn| table.upsert(txn, &row).map(drop)).unwrap();
    };
    (0..WALKED_ROWS).for_each(|id| set(id, id % 20, id));
    let snapshot = store.snapshot().unwrap();
    let walk = column("tag").ge(-1_000_000);
    let mut cursors = [
        table.query(&snapshot).run().unwrap(),
        table.query(&snapshot).filter(walk).index("tag").run().unwrap(),
        table.query(&snapshot).sort(&["tag"]).unwrap().run().unwrap(),
        table.query(&snapshot).sort(&["-tag"]).unwrap().limit(5_000).run().unwrap(),
    ];
    let mut seen = [const { Vec::<(i64, i64)>::new() }; 4];
    let mut random = Random::new(7);
    for step in 0..WALKED_ROWS {
        for (cursor, seen) in cursors.iter_mut().zip(&mut seen) {
            let row = cursor.next().unwrap().expect("a row for every step");
            let cells: Vec<Value> = row.values().map(ValueRef::to_owned).collect();
            let [Value::Int(id), Value::Int(tag), Value::Int(n)] = cells[..] else {
                panic!("{cells:?}")
            };
            assert_eq!((tag, n), (id % 20, id), "row {id} is of another moment");
            seen.push((tag, id));
        }
        for commit in 0..COMMITS_A_ROW {
            let id = random.below(WALKED_ROWS as u64) as i64;
            if commit == 0 {
                store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
            } else {
                set(id, random.below(40) as i64 - 10, -1 - step);
            }
        }
    }
    assert!(cursors.iter_mut().all(|cursor| cursor.next().unwrap().is_none()));
    let mut all: Vec<(i64, i64)> = (0..WALKED_ROWS).map(|id| (id % 20, id)).collect();
    all.sort_unstable();
    assert_eq!(seen[2], all);
    all.sort_by_key(|(tag, id)| (-tag, *id));
    assert_eq!(seen[3], all);
    for seen in &mut seen[..2] {
        seen.sort_by_key(|(tag, id)| (-tag, *id));
        assert_eq!(*seen, all);
    }
    assert_sound(&store);
}

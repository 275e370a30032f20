//! Pages of rows that are empty serve others, once nobody who may look at them is left.

use crate::{StopAtEnd, is_stopped, store};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store_core::query::Predicate;
use store_core::{Kind, Reader, Schema, Store, Table, Type, ValueRef};
use store_tests::memory::wait_until;
use store_tests::rows::{assert_sound, int, matching};

/// Rows of 104 bytes, of which a page holds some 600.
const COLUMNS: usize = 10;
/// Rows of a round: several pages.
const ROUND: i64 = 3_000;

fn table(store: &Store, name: &str) -> Table {
    let mut schema = Schema::builder(name).column("id", Type::Int64).key();
    for nth in 0..COLUMNS {
        schema = schema.column(format!("c{nth}"), Type::Int64).notnull();
    }
    store.create_table(schema.build().unwrap()).unwrap()
}

/// A row whose columns all follow from its key.
fn cells(id: i64) -> [ValueRef<'static>; COLUMNS + 1] {
    std::array::from_fn(|nth| ValueRef::Int(id * (nth as i64 + 1)))
}

fn insert(store: &Store, table: &Table, ids: impl Iterator<Item = i64>) {
    let ids: Vec<i64> = ids.collect();
    for part in ids.chunks(1_000) {
        let written = store
            .write(|txn| part.iter().try_for_each(|id| table.insert(txn, &cells(*id)).map(drop)));
        written.unwrap();
    }
}

fn delete_all(store: &Store, table: &Table) {
    store.write(|txn| table.delete_where(txn, &Predicate::all()).map(drop)).unwrap();
}

/// Bytes of a table's row pages.
fn row_bytes(store: &Store, name: &str) -> u64 {
    let path = format!("/{name}/rows");
    let holders = store.stats().holders.into_iter();
    holders.filter(|holder| holder.path.ends_with(&path)).map(|holder| holder.bytes).sum()
}

#[test]
fn the_memory_of_rows_that_went_serves_another_table() {
    let store = store();
    let tables = ["one", "other"].map(|name| (name, table(&store, name)));
    // Either fits, both do not.
    for round in 0..2 {
        for (name, table) in &tables {
            insert(&store, table, round * 200_000..(round + 1) * 200_000);
            let most = row_bytes(&store, name);
            assert!(most > 16 << 20, "{most} bytes of rows");
            for first in (0..200_000).step_by(20_000) {
                let ids = round * 200_000 + first..round * 200_000 + first + 20_000;
                let deleted = store.write(|txn| {
                    ids.clone().try_for_each(|id| table.delete(txn, &[id.into()]).map(drop))
                });
                deleted.unwrap();
            }
            // Though nobody commits any more.
            wait_until("the pages go", || row_bytes(&store, name) < most / 50);
        }
    }
    assert_sound(&store);
}

#[test]
fn pages_wait_for_the_snapshot_that_may_look_at_them() {
    let store = store();
    let table = table(&store, "t");
    insert(&store, &table, 0..ROUND * 10);
    let full = row_bytes(&store, "t");
    let snapshot = store.snapshot().unwrap();
    delete_all(&store, &table);
    assert_eq!(table.query(&snapshot).count().unwrap(), ROUND as u64 * 10);
    assert_eq!(row_bytes(&store, "t"), full);
    drop(snapshot);
    wait_until("the pages go", || row_bytes(&store, "t") < full / 10);
    insert(&store, &table, 0..ROUND * 10);
    assert_eq!(row_bytes(&store, "t"), full, "the numbers of pages are used again");
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.query(&snapshot).count().unwrap(), ROUND as u64 * 10);
    assert_sound(&store);
}

#[test]
fn rows_that_were_never_committed_leave_their_room_behind() {
    let store = store();
    let (table, other) = (table(&store, "t"), other(&store));
    insert(&store, &table, 0..ROUND);
    delete_all(&store, &table);
    wait_until("the pages go", || row_bytes(&store, "t") < 200_000);
    insert(&store, &table, 0..10);
    let mut most = 0;
    for round in 0..50 {
        let refused = store.write(|txn| {
            (10..ROUND).chain(5..6).try_for_each(|id| table.insert(txn, &cells(id)).map(drop))
        });
        assert_eq!(refused.unwrap_err().kind(), Kind::Duplicate);
        let bytes = row_bytes(&store, "t");
        most = if round < 2 { bytes.max(most) } else { most };
        assert!(bytes <= most, "{bytes} bytes after {round} rounds, {most} after two");
    }
    // And others find it: if not the first who is refused, as he may look at the pages, then the next.
    let ids = 0..1_600_000_i64;
    for first in ids.step_by(10_000) {
        let filled = store.write(|txn| {
            (first..first + 10_000)
                .try_for_each(|id| other.insert(txn, &[id.into(), 1.into()]).map(drop))
        });
        if filled.is_err() {
            wait_until("what nobody uses is given back", || row_bytes(&store, "t") < 200_000);
            return;
        }
    }
    panic!("64 MiB are full before");
}

#[test]
fn readers_of_one_moment_who_overlap_do_not_hold_pages_back() {
    let store = store();
    let table = table(&store, "t");
    insert(&store, &table, 0..ROUND * 10);
    let full = row_bytes(&store, "t");
    delete_all(&store, &table);
    // Somebody reads at any time, and nobody commits.
    let reader = RefCell::new(store.snapshot().unwrap());
    wait_until("the pages go", || {
        let next = store.snapshot().unwrap();
        assert_eq!(table.query(&next).count().unwrap(), 0);
        drop(reader.replace(next));
        row_bytes(&store, "t") < full / 10
    });
    drop(reader);
    let lookup = table.lookup(["c0"]).unwrap();
    insert(&store, &table, 0..ROUND * 10);
    delete_all(&store, &table);
    wait_until("the pages go", || {
        let found = lookup.get_newest(&[1.into()], |_| ()).unwrap();
        assert!(found.is_none());
        row_bytes(&store, "t") < full / 10
    });
}

/// Every row that a reader sees at all is one of the only round there is.
fn read_round<R: Reader>(table: &Table, reader: &R) {
    let rows = matching(table, reader, Predicate::all());
    assert_eq!(rows.len(), ROUND as usize, "a round is there as a whole");
    let least = rows.iter().map(|row| int(&row[0])).min().unwrap();
    for row in &rows {
        let id = int(&row[0]);
        assert!((least..least + ROUND).contains(&id), "of another round");
        for (nth, value) in row.iter().enumerate() {
            assert_eq!(int(value), id * (nth as i64 + 1), "column {nth} of row {id}");
        }
    }
    for id in (least..least + ROUND).step_by(97) {
        let row = table.get(reader, &[id.into()]).unwrap().expect("it is there");
        assert_eq!(int(&row.to_values()[COLUMNS]), id * (COLUMNS as i64 + 1));
    }
}

#[test]
fn readers_find_their_rows_while_pages_come_and_go() {
    let store = store();
    let (table, other) = (table(&store, "t"), other(&store));
    insert(&store, &table, 0..ROUND);
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_stopped(&stop) {
                    let snapshot = store.snapshot().unwrap();
                    read_round(&table, &snapshot);
                    read_round(&table, &snapshot);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        let mut round = 0;
        while round < 60 || reads.load(Ordering::Relaxed) < 20 {
            round += 1;
            let turned = store.write(|txn| {
                table.delete_where(txn, &Predicate::all())?;
                let ids = round * ROUND..(round + 1) * ROUND;
                ids.clone().try_for_each(|id| table.insert(txn, &cells(id)).map(drop))
            });
            turned.unwrap();
            // Rows of another size go where they were.
            delete_all(&store, &other);
            let filled = store.write(|txn| {
                (0..2 * ROUND)
                    .try_for_each(|id| other.insert(txn, &[id.into(), (-id).into()]).map(drop))
            });
            filled.unwrap();
        }
    });
    assert_sound(&store);
}

fn other(store: &Store) -> Table {
    let schema = Schema::builder("other").column("id", Type::Int64).key();
    store.create_table(schema.column("number", Type::Int64).build().unwrap()).unwrap()
}

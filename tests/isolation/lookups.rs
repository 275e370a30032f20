//! Prepared reads by key: what holds for other reads holds for them, also for those that take no
//! snapshot (I2, I3).

use crate::{StopAtEnd, is_stopped, store};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use store_core::{ColumnSpec, Kind, Lookup, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::rows::{assert_sound, int};

const COLUMNS: usize = 12;

/// `id`, integers, and at the positions 3 and 11 texts too long for a cell.
fn wide(store: &Store) -> Table {
    let mut schema = Schema::builder("wide").column("id", Type::Int64).key();
    for at in 0..COLUMNS {
        let ty = if is_text(at) { Type::Text } else { Type::Int64 };
        schema = schema.column(format!("c{at}"), ty);
    }
    store.create_table(schema.build().unwrap()).unwrap()
}

const fn is_text(column: usize) -> bool {
    column == 3 || column == 11
}

fn long(number: i64) -> String {
    format!("{number:020};").repeat(2 + number as usize % 5)
}

fn write(store: &Store, table: &Table, id: i64, number: i64) {
    let text = long(number);
    let cell = |at| if is_text(at) { ValueRef::Text(&text) } else { number.into() };
    let mut cells = vec![id.into()];
    cells.extend((0..COLUMNS).map(cell));
    store.write(|txn| table.upsert(txn, &cells).map(drop)).unwrap();
}

/// The number that all columns hold.
fn number_of(cells: store_core::Cells<'_, 4>) -> i64 {
    let number = int(&cells.get(0).to_owned());
    let text = Value::Text(long(number));
    let held = [1, 2, 3].map(|nth| cells.get(nth).to_owned());
    assert_eq!(held, [text.clone(), number.into(), text], "torn");
    number
}

fn lookup(table: &Table) -> Lookup<4> {
    table.lookup(["c0", "c3", "c7", "c11"]).unwrap()
}

#[test]
fn a_lookup_gives_no_row_half_written() {
    let store = store();
    let table = wide(&store);
    let (written, stop) = (AtomicI64::new(0), AtomicBool::new(false));
    write(&store, &table, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                write(&store, &table, 0, number);
                written.store(number, Ordering::Release);
                if is_stopped(&stop) {
                    break;
                }
            }
        });
        let _stop = StopAtEnd(&stop);
        let (lookup, key) = (lookup(&table), [ValueRef::Int(0)]);
        for _ in 0..200_000 {
            let before = written.load(Ordering::Acquire);
            let newest = lookup.get_newest(&key, number_of).unwrap().unwrap();
            let snapshot = store.snapshot().unwrap();
            let seen = lookup.get(&snapshot, &key, number_of).unwrap().unwrap();
            assert!(before <= newest && newest <= seen, "time ran backwards");
            assert_eq!(lookup.get(&snapshot, &key, number_of).unwrap(), Some(seen));
        }
    });
    assert_sound(&store);
}

/// The one who looks dawdles, while the text that it looks at is replaced again and again.
#[test]
fn what_a_lookup_shows_stays_while_it_is_looked_at() {
    let store = store();
    let table = wide(&store);
    let (next, stop) = (AtomicI64::new(1), AtomicBool::new(false));
    write(&store, &table, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_stopped(&stop) {
                write(&store, &table, 0, next.fetch_add(1, Ordering::Relaxed));
            }
        });
        let _stop = StopAtEnd(&stop);
        let (lookup, key) = (lookup(&table), [ValueRef::Int(0)]);
        for _ in 0..300 {
            let looked = lookup.get_newest(&key, |cells| {
                let first = number_of(cells);
                let until = next.load(Ordering::Relaxed) + 150;
                let began = Instant::now();
                while next.load(Ordering::Relaxed) < until
                    && began.elapsed() < Duration::from_millis(50)
                {
                    std::thread::yield_now();
                }
                assert_eq!(number_of(cells), first, "it changed under the one who looks at it");
            });
            looked.unwrap().expect("the row is there");
        }
    });
    assert_sound(&store);
}

/// Another thread that reads without snapshots holds old versions back for a moment only, though it
/// keeps its place.
#[test]
fn readers_without_snapshots_leave_no_old_versions() {
    let store = store();
    let table = wide(&store);
    (0..50).for_each(|id| write(&store, &table, id, 0));
    let (stop, reads) = (AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let lookup = lookup(&table);
            while !is_stopped(&stop) {
                let id = reads.fetch_add(1, Ordering::Relaxed) % 50;
                lookup.get_newest(&[id.into()], number_of).unwrap().unwrap();
            }
        });
        let _stop = StopAtEnd(&stop);
        let mut most = 0;
        for number in 1..20_000 {
            write(&store, &table, number % 50, number);
            most = most.max(table.stats().old_versions);
            if number % 100 == 0 {
                // A reader that the system does not let run holds back what it reads: wait until it has read a row.
                let seen = reads.load(Ordering::Relaxed);
                while reads.load(Ordering::Relaxed) < seen + 2 && !reader.is_finished() {
                    std::thread::yield_now();
                }
            }
        }
        // One fence serves 64 commits, and what was in the queue then is looked at soon.
        assert!(most < 1_000, "{most} old versions");
        let began = Instant::now();
        while table.stats().old_versions > 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "old versions stay");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert_sound(&store);
}

#[test]
fn a_lookup_within_a_lookup_and_beside_a_transaction_sees_what_is_committed() {
    let store = store();
    let table = wide(&store);
    (0..2).for_each(|id| write(&store, &table, id, id));
    let (lookup, keys) = (lookup(&table), [[ValueRef::Int(0)], [ValueRef::Int(1)]]);
    let seen = lookup.get_newest(&keys[0], |outer| {
        assert_eq!(number_of(outer), 0);
        write(&store, &table, 0, 5);
        assert_eq!(number_of(outer), 0, "it stays");
        let inner = |key| lookup.get_newest(key, number_of).unwrap();
        (inner(&keys[0]), inner(&keys[1]))
    });
    assert_eq!(seen.unwrap(), Some((Some(5), Some(1))));
    let mut txn = store.begin().unwrap();
    table.update(&mut txn, &keys[0], &[("c0", 9.into()), ("c7", 9.into())]).unwrap();
    assert_eq!(lookup.get_newest(&keys[0], number_of).unwrap(), Some(5));
    let own = lookup.get(&txn, &keys[0], |cells| [0, 2].map(|nth| int(&cells.get(nth).to_owned())));
    assert_eq!(own.unwrap(), Some([9, 9]), "a transaction sees its own writes");
    drop(txn);
    assert_eq!(lookup.get_newest(&[2.into()], number_of).unwrap(), None);
    let wrong = lookup.get_newest(&["two".into()], number_of).unwrap_err();
    assert_eq!(wrong.kind(), Kind::Type);
    store.close().unwrap();
    let closed = lookup.get_newest(&keys[0], number_of).unwrap_err();
    assert_eq!(closed.kind(), Kind::Closed);
}

/// A lookup finds its columns by their names where they lie elsewhere, and says so where one is not.
#[test]
fn lookups_find_their_columns_after_a_change_of_columns() {
    let store = store();
    let table = wide(&store);
    write(&store, &table, 0, 7);
    let (before, old) = (store.snapshot().unwrap(), lookup(&table));
    table.drop_column("c1").unwrap();
    table.add_column(&ColumnSpec::new("d", Type::Int64).notnull().default(3)).unwrap();
    write_through(&store, &table);
    let (after, key) = (store.snapshot().unwrap(), [ValueRef::Int(0)]);
    let new = store.open_table("wide").unwrap();
    for lookup in [&old, &lookup(&new)] {
        assert_eq!(lookup.get(&before, &key, number_of).unwrap(), Some(7));
        assert_eq!(lookup.get(&after, &key, number_of).unwrap(), Some(8));
        assert_eq!(lookup.get_newest(&key, number_of).unwrap(), Some(8));
        let mut found = Vec::new();
        lookup
            .get_many(&before, &[key, [1.into()]], |_, cells| found.push(cells.map(number_of)))
            .unwrap();
        assert_eq!(found, [Some(7), None]);
    }
    let added = new.lookup(["d"]).unwrap();
    assert_eq!(added.get_newest(&key, |cells| int(&cells.get(0).to_owned())).unwrap(), Some(3));
    assert_eq!(added.get(&before, &key, |_| ()).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(new.lookup(["c1"]).unwrap_err().kind(), Kind::NotFound);
}

/// Gives the row another number, in the columns that are left.
fn write_through(store: &Store, table: &Table) {
    let text = long(8);
    let cells = |at| if is_text(at) { ValueRef::Text(&text) } else { 8.into() };
    let names: Vec<String> = [0, 3, 7, 11].iter().map(|at| format!("c{at}")).collect();
    let changes: Vec<(&str, ValueRef<'_>)> =
        names.iter().zip([0, 3, 7, 11]).map(|(name, at)| (name.as_str(), cells(at))).collect();
    assert!(store.write(|txn| table.update(txn, &[0.into()], &changes)).unwrap());
}

//! Scans of some columns of quiet pages read images of them: these show what the rows themselves would,
//! at every snapshot, and their memory is anybody's who needs it.

use crate::{StopAtEnd, is_stopped};
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use store_core::query::{Aggregate, Predicate, column};
use store_core::{Kind, Reader, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{drain, int, unbatched};

/// Rows of some ten pages.
const ROWS: i64 = 6_000;
/// Scans until a page that does not change has an image, and one that uses it.
const SCANS: usize = 3;

fn store(mebibytes: u64) -> Store {
    Store::options().memory(mebibytes << 20).open_in_memory().unwrap()
}

/// `id`, a whole number, a float and a text that may be NULL.
fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("whole", Type::Int32)
        .column("float", Type::Float64)
        .column("text", Type::Text);
    store.create_table(schema.build().unwrap()).unwrap()
}

/// A row of this number; every third text and fifth float is NULL.
fn write(table: &Table, txn: &mut store_core::Txn, id: i64, number: i64) -> store_core::Result<()> {
    let text = format!("a text of some length, {}", number % 7);
    let float = if number % 5 == 0 { ValueRef::Null } else { ValueRef::Float64(number as f64) };
    let text = if number % 3 == 0 { ValueRef::Null } else { ValueRef::Text(&text) };
    table.upsert(txn, &[id.into(), number.into(), float, text]).map(drop)
}

fn fill(store: &Store, table: &Table, ids: &(impl Iterator<Item = i64> + Clone)) {
    store.write(|txn| ids.clone().try_for_each(|id| write(table, txn, id, id))).unwrap();
}

/// Bytes of the store's images.
fn image_bytes(store: &Store) -> u64 {
    let holders = store.stats().holders.into_iter();
    holders.filter(|holder| holder.path.ends_with("/column images")).map(|line| line.bytes).sum()
}

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<String> {
    rows.sort_unstable_by_key(|row| int(&row[0]));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// Scans by columns, counts and sums some times; all of it is what the rows give. How many rows.
fn look<R: Reader>(table: &Table, reader: &R, times: usize) -> usize {
    let filters = [Predicate::all(), column("whole").ge(1_000), column("float").lt(4_000.0)];
    let mut seen = 0;
    for filter in filters {
        let query = || table.query(reader).filter(filter.clone());
        let rows = drain(query().run().unwrap());
        let (count, total) = (rows.len(), rows.iter().map(|row| int(&row[1])).sum::<i64>());
        let rows = sorted(rows);
        for columns in [&["id", "whole", "float", "text"][..], &["id", "whole"]] {
            for _ in 0..times {
                let batches = query().batches(columns).unwrap();
                let found = sorted(unbatched(batches, columns.len()).unwrap());
                let whole = |(row, found): (&String, &String)| {
                    *row == *found || row.starts_with(found.trim_end_matches(']'))
                };
                assert_eq!(found.len(), rows.len());
                assert!(rows.iter().zip(&found).all(whole), "{rows:?} {found:?}");
            }
        }
        assert_eq!(query().count().unwrap(), count as u64);
        let sums = query().aggregate::<&str>(&[], &[Aggregate::sum("whole")]).unwrap();
        let sum = match &sums.rows()[0][0] {
            Value::Null => 0,
            sum => int(sum),
        };
        assert_eq!(sum, total);
        seen = seen.max(count);
    }
    seen
}

#[test]
fn images_show_what_the_rows_do_at_every_snapshot() {
    let store = store(64);
    let table = table(&store);
    fill(&store, &table, &(0..ROWS));
    let mut random = Random::new(17);
    let mut snapshots = vec![];
    for round in 0..12 {
        let snapshot = store.snapshot().unwrap();
        look(&table, &snapshot, SCANS);
        assert!(image_bytes(&store) > 0, "no image was made");
        snapshots.push(snapshot);
        // Some pages change, by updates, deletes, and inserts in slots of rows that went.
        let first = random.below(ROWS as u64) as i64;
        let write = store.write(|txn| {
            for id in (first..first + 1_500).step_by(1 + round) {
                match random.below(3) {
                    0 => table.delete(txn, &[id.into()]).map(drop)?,
                    _ => write(&table, txn, id, ROWS + random.below(9_000) as i64)?,
                }
            }
            Ok(())
        });
        write.unwrap();
        // The older ones do without what was made for newer ones, and the other way about.
        look(&table, &store.snapshot().unwrap(), 1);
        look(&table, random.pick(&snapshots), SCANS);
        if round % 3 == 2 {
            drop(snapshots.remove(random.below(snapshots.len() as u64) as usize));
        }
        let mut txn = store.begin().unwrap();
        look(&table, &txn, 1);
        write_own(&table, &mut txn, first);
        look(&table, &txn, SCANS);
    }
    for snapshot in &snapshots {
        look(&table, snapshot, SCANS);
    }
}

/// Rows of a transaction that is not committed: an update, an insert, a delete.
fn write_own(table: &Table, txn: &mut store_core::Txn, first: i64) {
    write(table, txn, first, 5_001).unwrap();
    write(table, txn, 2 * ROWS + 1, 5_002).unwrap();
    table.delete(txn, &[(first + 1).into()]).unwrap();
}

/// Commits of one page, the one long on its way, the other short, in any order; each moves an amount
/// between two rows, so that the sum stays.
#[test]
fn an_image_is_never_older_than_its_reader() {
    let store = store(64);
    let table = table(&store);
    fill(&store, &table, &(0..ROWS));
    let sum = |reader: &store_core::Snapshot| {
        let sums = table.query(reader).aggregate::<&str>(&[], &[Aggregate::sum("whole")]).unwrap();
        int(&sums.rows()[0][0])
    };
    let (all, stop) = (ROWS * (ROWS - 1) / 2, AtomicBool::new(false));
    let together = Barrier::new(2);
    let transfer = |rounds: i64, places: [i64; 2], others: std::ops::Range<i64>| {
        for round in 1..=rounds {
            together.wait();
            let write = store.write(|txn| {
                let number = |id: i64, by: i64| (id, id + by);
                for (id, number) in [number(places[0], round), number(places[1], -round)] {
                    table
                        .upsert(txn, &[id.into(), number.into(), ValueRef::Null, ValueRef::Null])?;
                }
                others.clone().try_for_each(|id| write(&table, txn, id, id))
            });
            write.unwrap();
            std::thread::sleep(Duration::from_micros(500)); // quiet, for images
        }
    };
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !is_stopped(&stop) {
                let snapshot = store.snapshot().unwrap();
                for _ in 0..SCANS {
                    assert_eq!(sum(&snapshot), all, "part of a transfer is missing");
                }
                looks += 1;
            }
            looks
        });
        // A page has less than a thousand rows: the first rows of each are in one, the others in others.
        let long = scope.spawn(|| transfer(150, [1, ROWS - 1], ROWS - 900..ROWS - 800));
        transfer(150, [2, ROWS - 2], 0..0);
        long.join().unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    look(&table, &store.snapshot().unwrap(), SCANS);
    assert!(image_bytes(&store) > 0);
}

#[test]
fn one_scan_makes_no_image_and_pages_that_change_get_none() {
    let store = store(64);
    let table = table(&store);
    fill(&store, &table, &(0..ROWS));
    let scan = || {
        let snapshot = store.snapshot().unwrap();
        let batches = table.query(&snapshot).batches(&["whole", "text"]).unwrap();
        assert_eq!(unbatched(batches, 2).unwrap().len(), ROWS as usize);
    };
    scan();
    for _ in 0..5 {
        fill(&store, &table, &(0..ROWS).step_by(50));
        scan();
    }
    assert_eq!(image_bytes(&store), 0, "of a page that changes between scans");
    scan();
    let made = image_bytes(&store);
    assert!(made > 0);
    scan();
    assert_eq!(image_bytes(&store), made);
    // An image that nobody used before its page changed is made later the next time.
    fill(&store, &table, &(0..ROWS).step_by(50));
    (0..2).for_each(|_| scan());
    assert!(image_bytes(&store) > 0, "it was used");
}

#[test]
fn images_make_room_for_rows_before_anybody_is_refused() {
    let rows_until_full = |scans: bool| {
        let store = store(8);
        let table = table(&store);
        fill(&store, &table, &(0..ROWS));
        let old = store.snapshot().unwrap();
        let mut most = 0;
        for first in (ROWS..).step_by(500) {
            let snapshot = store.snapshot().unwrap();
            for _ in 0..if scans { SCANS } else { 0 } {
                let batches = table.query(&snapshot).batches(&["id", "whole", "float"]).unwrap();
                assert_eq!(unbatched(batches, 3).unwrap().len(), first as usize);
            }
            most = most.max(image_bytes(&store));
            let insert = store
                .write(|txn| (first..first + 500).try_for_each(|id| write(&table, txn, id, id)));
            match insert {
                Ok(()) => assert_eq!(store.stats().snapshots_expired, 0),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::OverBudget, "{error}");
                    assert_eq!(image_bytes(&store), 0, "somebody was refused before they went");
                    look(&table, &old, 1);
                    return (first, most);
                }
            }
        }
        unreachable!("8 MiB hold no more rows");
    };
    let ((plain, none), (scanned, images)) = (rows_until_full(false), rows_until_full(true));
    assert!(none == 0 && images > 0, "{none} {images}");
    assert_eq!(scanned, plain, "images took memory from rows");
}

#[test]
fn images_make_room_for_sorts_and_go_with_their_table() {
    let store = store(16);
    let (table, other) = (table(&store), {
        let schema = Schema::builder("other").column("id", Type::Int64).key().build();
        store.create_table(schema.unwrap()).unwrap()
    });
    fill(&store, &table, &(0..30_000));
    let snapshot = store.snapshot().unwrap();
    (0..SCANS).for_each(|_| {
        let batches = table.query(&snapshot).batches(&["id", "whole", "text"]).unwrap();
        assert_eq!(unbatched(batches, 3).unwrap().len(), 30_000);
    });
    assert!(image_bytes(&store) > 1 << 20);
    // A batch keeps its image though the store lets go of it.
    let mut batches = table.query(&snapshot).batches(&["whole"]).unwrap();
    let first = batches.next().unwrap().unwrap().ints(0).unwrap().to_vec();
    let filled = (0..).step_by(1_000).find(|first| {
        let fill = store.write(|txn| {
            (*first..first + 1_000_i64).try_for_each(|id| other.insert(txn, &[id.into()]).map(drop))
        });
        fill.is_err()
    });
    assert!(filled.is_some());
    let held = batches.next().unwrap().unwrap().len();
    assert!(held > 0 && !first.is_empty());
    drop(batches);
    assert_eq!(image_bytes(&store), 0);
    drop(snapshot);
    let dropped = store.drop_table("t");
    dropped.unwrap();
    let gone = || store.stats().holders.iter().all(|line| !line.path.contains("/t/column images"));
    assert!((0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        gone()
    }));
}

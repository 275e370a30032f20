//! I4: a reader takes no lock and waits for no writer. Counts, not times: everything a reader does
//! here comes to its end while writers stand still in the middle of their work.

use crate::{accounts, store};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{Store, Table, Txn};
use store_tests::gate::GateDevice;
use store_tests::rows::{drain, int, matching, sum};

const ROWS: i64 = 1_000;
/// A reader that has not finished by then waits for somebody.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs on a thread of its own, which stays behind if it hangs: the process ends anyway.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, result) = channel();
    std::thread::spawn(move || drop(done.send(work())));
    result
}

fn fill(store: &Store) -> Table {
    let table = accounts(store, "t");
    let write = store.write(|txn| {
        (0..ROWS).try_for_each(|id| table.insert(txn, &[id.into(), (id as i32).into(), 1.into()]))
    });
    write.unwrap();
    table
}

/// Reads every row by key, index and scan, some with a snapshot each; returns how many.
fn read_everything(store: &Store, table: &Table) -> u64 {
    let mut read = 0;
    for round in 0..3 {
        let snapshot = store.snapshot().unwrap();
        for id in 0..ROWS {
            let fresh = store.snapshot().unwrap();
            let row = table.get(if round == 0 { &fresh } else { &snapshot }, &[id.into()]);
            assert_eq!(int(&row.unwrap().unwrap().to_values()[2]), 1);
            let by_index = matching(table, &snapshot, column("place").eq(id as i32));
            assert_eq!(sum(&by_index, 2), 1);
            read += 2;
        }
        let rows = matching(table, &snapshot, Predicate::all());
        let sorted = drain(table.query(&snapshot).sort(&["place"]).unwrap().run().unwrap());
        assert_eq!((sum(&rows, 2), sum(&sorted, 2)), (ROWS, ROWS));
        assert_eq!(table.count(&snapshot).unwrap(), ROWS as u64);
        read += 3 * ROWS as u64;
    }
    read
}

#[test]
fn a_reader_finishes_while_a_thousand_writers_stand_still() {
    let store = store();
    let table = fill(&store);
    // Each owns a row, half of them with an update and half with a delete, and does not go on.
    let stopped: Vec<Txn> = (0..ROWS)
        .map(|id| {
            let mut txn = store.begin().unwrap();
            if id % 2 == 0 {
                table.update(&mut txn, &[id.into()], &[("value", 50.into())]).unwrap();
            } else {
                assert!(table.delete(&mut txn, &[id.into()]).unwrap());
            }
            txn
        })
        .collect();
    let reader = apart({
        let (store, table) = (store.clone(), table.clone());
        move || read_everything(&store, &table)
    });
    let read = reader.recv_timeout(PATIENCE).expect("the reader waits for a writer");
    assert_eq!(read, 5 * 3 * ROWS as u64);
    drop(stopped);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(sum(&matching(&table, &snapshot, Predicate::all()), 2), ROWS);
}

#[test]
fn a_reader_finishes_while_a_commit_waits_for_the_disk() {
    let gate = GateDevice::default();
    let store = Store::options().memory(64 << 20).open_on(Arc::new(gate.clone())).unwrap();
    let table = fill(&store);
    gate.close();
    let commit = apart({
        let (store, table) = (store.clone(), table.clone());
        move || {
            let change = [("value", 50.into()), ("place", 7.into())];
            store.write(|txn| {
                (0..ROWS).try_for_each(|id| table.update(txn, &[id.into()], &change).map(drop))
            })
        }
    });
    assert!(gate.wait_for_somebody(), "a commit syncs");
    // Every row has a new version now that nobody may see yet.
    let reader = apart({
        let (store, table) = (store.clone(), table.clone());
        move || read_everything(&store, &table)
    });
    let read = reader.recv_timeout(PATIENCE);
    gate.open_gate();
    assert_eq!(read.expect("the reader waits for the commit"), 5 * 3 * ROWS as u64);
    commit.recv_timeout(PATIENCE).unwrap().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(sum(&matching(&table, &snapshot, Predicate::all()), 2), 50 * ROWS);
}

#[test]
fn a_writer_finishes_while_readers_stand_still() {
    let store = store();
    let table = fill(&store);
    let snapshots: Vec<_> = (0..1_000).map(|_| store.snapshot().unwrap()).collect();
    let mut cursors: Vec<_> =
        snapshots.iter().map(|snapshot| table.query(snapshot).run().unwrap()).collect();
    for cursor in &mut cursors {
        cursor.next().unwrap().unwrap();
    }
    for id in 0..ROWS {
        store.write(|txn| table.update(txn, &[id.into()], &[("value", 2.into())])).unwrap();
    }
    for cursor in cursors {
        assert_eq!(sum(&drain(cursor), 2), ROWS - 1, "at its own snapshot");
    }
}

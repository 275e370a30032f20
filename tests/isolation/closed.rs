//! After `close`: what is open reads on, nothing new begins.

use crate::{accounts, store};
use store_core::Kind;
use store_tests::rows::matching;

#[test]
fn a_closed_store_refuses_new_work_and_lets_readers_finish() {
    let store = store();
    let table = accounts(&store, "t");
    for id in 0..100_i64 {
        store.write(|txn| table.insert(txn, &[id.into(), 1.into(), id.into()])).unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    let mut cursor = table.query(&snapshot).sort(&["-value"]).unwrap().run().unwrap();
    cursor.next().unwrap().unwrap();
    store.close().unwrap();
    let mut left = 0;
    while cursor.next().unwrap().is_some() {
        left += 1;
    }
    assert_eq!(left, 99);
    let rows = matching(&table, &snapshot, store_core::query::column("value").lt(10));
    assert_eq!(rows.len(), 10);
    let kinds = [
        store.begin().map(drop).unwrap_err().kind(),
        store.snapshot().map(drop).unwrap_err().kind(),
        store.open_table("t").map(drop).unwrap_err().kind(),
        store.write(|_| Ok(())).unwrap_err().kind(),
        store.checkpoint().unwrap_err().kind(),
    ];
    assert_eq!(kinds, [Kind::Closed; 5]);
}

#[test]
fn a_directory_is_free_once_its_last_handle_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let open = || store_core::Store::options().memory(32 << 20).open(place.path());
    let store = open().unwrap();
    let table = accounts(&store, "t");
    store.write(|txn| table.insert(txn, &[1_i64.into(), 1.into(), 1.into()])).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(open().map(drop).unwrap_err().kind(), Kind::Busy);
    store.close().unwrap();
    drop((store, table, snapshot));
    let store = open().unwrap();
    let table = store.open_table("t").unwrap();
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 1);
}

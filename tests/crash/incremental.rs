//! A checkpoint writes the tables that have changed, and takes over the segments of the others.

use crate::history::{device, open, state_of};
use std::collections::BTreeSet;
use store_core::{Schema, Store, Type};
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;

fn put(store: &Store, name: &str, id: i64) {
    let table = store.open_table(name).unwrap_or_else(|_| {
        let schema = Schema::builder(name).column("id", Type::Int64).key();
        let schema = schema.column("value", Type::Int64).index().column("text", Type::Text);
        store.create_table(schema.build().unwrap()).unwrap()
    });
    store.write(|txn| table.insert(txn, &[id.into(), (id * 2).into(), "x".into()])).unwrap();
}

/// Names of segments; the table's number comes first.
fn segments(device: &SimDevice) -> BTreeSet<String> {
    device.contents().into_keys().filter(|name| name.starts_with("table-")).collect()
}

#[test]
fn a_checkpoint_writes_the_tables_that_have_changed() {
    let place = device();
    let store = open(&place).unwrap();
    for name in ["a", "b", "c"] {
        put(&store, name, 1);
    }
    store.checkpoint().unwrap();
    let first = segments(&place);
    assert_eq!(first.len(), 3);
    store.checkpoint().unwrap();
    assert_eq!(segments(&place), first, "nothing has changed");
    // An index is no change of the rows; nor is what was rolled back.
    let table = store.open_table("a").unwrap();
    table.create_index(&store_core::IndexSpec::on(&["text"])).unwrap();
    let mut txn = store.begin().unwrap();
    table.delete(&mut txn, &[1_i64.into()]).unwrap();
    txn.rollback();
    put(&store, "b", 2);
    store.checkpoint().unwrap();
    let second = segments(&place);
    assert_eq!(second.intersection(&first).count(), 2, "{first:?} {second:?}");
    let state = state_of(&store);
    drop((store, table));
    // After opening, what the log changed counts, and nothing else.
    let place = place.crash(3);
    let store = open(&place).unwrap();
    assert_eq!(state_of(&store), state);
    store.checkpoint().unwrap();
    assert_eq!(segments(&place), second);
    put(&store, "c", 2);
    drop(store);
    let place = place.crash(4);
    let store = open(&place).unwrap();
    store.checkpoint().unwrap();
    let third = segments(&place);
    assert_eq!(third.intersection(&second).count(), 2, "{second:?} {third:?}");
    let state = state_of(&store);
    assert_eq!(state["c"].rows.len(), 2);
    drop(store);
    let store = open(&place.crash(5)).unwrap();
    assert_sound(&store);
    assert_eq!(state_of(&store), state);
}

#[test]
fn a_checkpoint_that_failed_leaves_the_tables_to_the_next() {
    for after in 0..40 {
        let place = device();
        let store = open(&place).unwrap();
        // One that does not change comes first: its segment stays in force whatever becomes of the others.
        put(&store, "0", 1);
        put(&store, "a", 1);
        put(&store, "b", 1);
        store.checkpoint().unwrap();
        put(&store, "a", 2);
        put(&store, "b", 2);
        let used: u64 = place.contents().values().map(|bytes| bytes.len() as u64).sum();
        place.set_capacity(Some(used + after * 500));
        let failed = store.checkpoint().is_err();
        place.set_capacity(None);
        if failed {
            assert_eq!(state_of(&open(&place.crash(after)).unwrap()), state_of(&store), "{after}");
        }
        store.checkpoint().unwrap();
        let state = state_of(&store);
        drop(store);
        assert_eq!(state_of(&open(&place.crash(after)).unwrap()), state, "{after}");
        if !failed {
            assert!(after > 2, "no checkpoint failed");
            return;
        }
    }
    panic!("every checkpoint failed");
}

//! Failures of the model, each kept as the shortest story that shows it.

use std::sync::Arc;
use store_core::{Schema, Store, Type};
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;

fn open(device: &SimDevice) -> Store {
    Store::options().memory(32 << 20).open_on(Arc::new(device.clone())).unwrap()
}

/// The log had a delete of a row that was deleted already, and replay refused the whole store.
#[test]
fn a_row_inserted_over_a_tombstone_and_deleted_again_is_not_logged() {
    let device = SimDevice::new();
    let store = open(&device);
    let schema = Schema::builder("t").column("id", Type::Int64).key().column("a", Type::Int64);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    store.write(|txn| table.insert(txn, &[1_i64.into(), 1_i64.into()])).unwrap();
    let keeps_the_tombstone = store.snapshot().unwrap();
    store.write(|txn| table.delete(txn, &[1_i64.into()])).unwrap();
    let write = store.write(|txn| {
        table.insert(txn, &[1_i64.into(), 2_i64.into()])?;
        assert!(table.delete(txn, &[1_i64.into()])?);
        table.insert(txn, &[2_i64.into(), 2_i64.into()])
    });
    write.unwrap();
    drop((keeps_the_tombstone, table, store));
    let store = open(&device);
    let table = store.open_table("t").unwrap();
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 1);
    assert_sound(&store);
}

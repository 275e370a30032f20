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

/// The log left out an update from -0.0 to 0.0, because the two compare equal.
#[test]
fn an_update_of_a_zero_s_sign_is_durable() {
    let device = SimDevice::new();
    let store = open(&device);
    let schema = Schema::builder("t").column("id", Type::Int64).key().column("f", Type::Float64);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    store.write(|txn| table.insert(txn, &[1_i64.into(), (-0.0_f64).into()])).unwrap();
    store.write(|txn| table.update(txn, &[1_i64.into()], &[("f", 0.0_f64.into())])).unwrap();
    drop((table, store));
    let store = open(&device);
    let table = store.open_table("t").unwrap();
    let snapshot = store.snapshot().unwrap();
    let row = table.get(&snapshot, &[1_i64.into()]).unwrap().unwrap();
    assert_eq!(format!("{:?}", row.at(1)), "Float64(0.0)");
}

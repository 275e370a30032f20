//! What cannot be frozen, and cold segments that are damaged or missing.

use crate::{MIB, flights, key, put, row, store};
use std::path::PathBuf;
use store_core::query::Predicate;
use store_core::{Kind, Store, Value, ValueRef};
use tempfile::TempDir;

fn segments(place: &TempDir) -> Vec<PathBuf> {
    let files = std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path());
    let is_cold = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("cold-");
    files.filter(is_cold).collect()
}

#[test]
fn a_store_without_files_is_refused_with_a_reason() {
    let memory = Store::options().memory(16 * MIB).open_in_memory().unwrap();
    let table = flights(&memory);
    let error = table.freeze(&Predicate::all(), |_| true).unwrap_err();
    assert!(
        error.kind() == Kind::Unsupported && error.to_string().contains("directory"),
        "{error}"
    );
}

#[test]
fn a_key_that_is_cold_is_a_duplicate() {
    let (store, _place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..2_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    let again = row(7);
    let cells: Vec<ValueRef<'_>> = again.iter().map(Value::as_ref).collect();
    let insert = || store.write(|txn| table.insert(txn, &cells));
    assert_eq!(insert().unwrap_err().kind(), Kind::Duplicate);
    assert!(store.write(|txn| table.delete(txn, &[(&*key(7)).into()])).unwrap());
    insert().unwrap();
    assert_eq!(insert().unwrap_err().kind(), Kind::Duplicate);
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 2_000);
}

#[test]
fn a_freeze_that_is_told_to_end_leaves_every_row_somewhere() {
    let (store, _place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..5_000);
    let error = table.freeze(&Predicate::all(), |rows| rows < 2_000).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    let stats = table.stats();
    assert_eq!(stats.cold_rows, 2_048);
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 5_000);
    assert_eq!(table.freeze(&Predicate::all(), |_| true).unwrap().rows, 5_000 - 2_048);
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 5_000);
}

#[test]
fn a_segment_whose_rows_are_all_back_goes_with_the_checkpoint_that_knows() {
    let (store, place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..2_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(segments(&place).len(), 1);
    assert_eq!(table.thaw(&Predicate::all()).unwrap(), 2_000);
    assert_eq!(table.stats().cold_rows, 0);
    store.checkpoint().unwrap();
    assert_eq!((segments(&place).len(), table.stats().cold_segments), (0, 0));
    drop((table, store));
    let store = Store::options().memory(32 * MIB).open(place.path()).unwrap();
    let table = store.open_table("flights").unwrap();
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 2_000);
}

#[test]
fn damage_is_an_error_where_it_is_read_and_a_fault_of_a_check() {
    let (store, place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..5_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    store.checkpoint().unwrap();
    let [path] = &segments(&place)[..] else { panic!("one segment") };
    let mut bytes = std::fs::read(path).unwrap();
    bytes[300] ^= 4; // in the first block
    std::fs::write(path, &bytes).unwrap();
    let snapshot = store.snapshot().unwrap();
    let error = table.get(&snapshot, &[(&*key(3)).into()]).map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("cold-"), "{error}");
    let last = table.exists(&snapshot, &[(&*key(4_999)).into()]).unwrap();
    assert!(last, "other blocks are read");
    let report = store.check().unwrap();
    assert!(report.faults.iter().any(|fault| fault.contains("cold-")), "{report:?}");
    drop((snapshot, table, store));
    let out = tempfile::tempdir().unwrap();
    let saved = out.path().join("saved");
    let report = Store::options().memory(64 * MIB).salvage(place.path(), &saved).unwrap();
    assert!(report.losses.iter().any(|loss| loss.contains("cold rows")), "{report:?}");
    let store = Store::options().memory(64 * MIB).open(&saved).unwrap();
    let rows = store.open_table("flights").unwrap().count(&store.snapshot().unwrap()).unwrap();
    assert!((4_000..5_000).contains(&rows), "{rows}");
    drop(store);
    std::fs::remove_file(path).unwrap();
    let error = Store::options().memory(32 * MIB).open(place.path()).unwrap_err();
    assert!(error.kind() == Kind::Corrupt && error.to_string().contains("missing"), "{error}");
}

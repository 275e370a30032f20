//! What verifies of a damaged store is saved, and what does not is said.

use crate::history::{History, State, Workload, open, state_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use store_core::{
    Device, Kind, OpenMode, Result, SalvageReport, Schema, Store, Type, Value, ValueRef,
};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int};
use store_tests::sim_device::SimDevice;

fn salvage(from: &SimDevice) -> Result<(SalvageReport, State)> {
    let to = SimDevice::new();
    let (from, target): (Arc<dyn Device>, Arc<dyn Device>) =
        (Arc::new(from.clone()), Arc::new(to.clone()));
    let report = Store::options().memory(64 << 20).salvage_on(&from, &target)?;
    let store = open(&to.crash(1)).unwrap();
    assert_sound(&store);
    Ok((report, state_of(&store)))
}

fn damaged(device: &SimDevice, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> SimDevice {
    let copy = device.crash(0);
    let mut bytes = copy.contents()[name].clone();
    change(&mut bytes);
    let file = copy.open(name, OpenMode::Truncate).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.sync_all().unwrap();
    copy
}

fn shown(table: &str, row: &[Value]) -> String {
    format!("{table}: {row:?}")
}

/// A store with a checkpoint and some log behind it.
fn worked() -> (SimDevice, History) {
    let device = SimDevice::new();
    let mut history = History::new();
    let store = open(&device).unwrap();
    let workload = Workload { seed: 4, steps: 24, text_bytes: 60, stubborn: false };
    history.run(&store, workload).unwrap();
    (device, history)
}

#[test]
fn a_sound_store_is_saved_whole() {
    let (device, history) = worked();
    let (report, state) = salvage(&device).unwrap();
    assert_eq!((&report.losses[..], report.losses_unlisted), (&[][..], 0));
    assert_eq!(state, *history.acknowledged_state());
    let rows: usize = state.values().map(|table| table.rows.len()).sum();
    assert_eq!(report.tables.iter().map(|(_, rows)| *rows as usize).sum::<usize>(), rows);
    assert!(report.records > 0);
}

#[test]
fn whatever_byte_is_damaged_the_rest_is_saved_and_the_loss_is_said() {
    let (device, history) = worked();
    let whole = history.acknowledged_state();
    let tried: BTreeSet<_> = history
        .states
        .iter()
        .flat_map(|state| state.iter())
        .flat_map(|(name, table)| table.rows.values().map(move |row| shown(name, row)))
        .collect();
    let (mut lossy, mut same) = (0, 0);
    for (name, bytes) in device.contents() {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for at in (0..used).step_by(1 + used / 60) {
            let broken = damaged(&device, &name, |bytes| bytes[at] ^= 1 << (at % 8));
            let (report, state) = salvage(&broken).unwrap();
            for (table, rows) in state.iter().map(|(name, table)| (name, &table.rows)) {
                let known = |row: &Vec<Value>| tried.contains(&shown(table, row));
                assert!(
                    rows.values().all(known),
                    "{name}, byte {at}: a row that was never written"
                );
            }
            if report.losses.is_empty() {
                assert_eq!(state, *whole, "{name}, byte {at}: lost without a word");
                same += 1;
            } else {
                lossy += 1;
            }
        }
    }
    println!("{lossy} with losses, {same} without");
    assert!(lossy > 60, "{lossy} with losses, {same} without");
}

/// Some thousand rows in a segment of several blocks.
fn rows_in_blocks() -> SimDevice {
    let device = SimDevice::new();
    let store = open(&device).unwrap();
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    let schema = schema.column("value", Type::Int64).unique().column("text", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    for first in (0..6_000_i64).step_by(500) {
        store
            .write(|txn| {
                (first..first + 500).try_for_each(|id| {
                    // Nothing that packs well, so that there are blocks enough.
                    let mut random = Random::new(id.cast_unsigned());
                    let text = format!("{:x}{:x}", random.number(), random.number());
                    let cells: [ValueRef<'_>; 3] = [id.into(), (id * 3).into(), (&text).into()];
                    table.insert(txn, &cells)
                })
            })
            .unwrap();
    }
    store.checkpoint().unwrap();
    device
}

#[test]
fn a_damaged_block_costs_its_own_rows_only() {
    let device = rows_in_blocks();
    let contents = device.contents();
    let (name, bytes) = contents.iter().find(|(name, _)| name.starts_with("table-")).unwrap();
    for (at, what) in [
        (bytes.len() / 2, "the bytes of a block"),
        (50, "the first block's header"),
        (bytes.len() - 20, "the footer"),
    ] {
        let (report, state) = salvage(&damaged(&device, name, |bytes| bytes[at] ^= 4)).unwrap();
        let rows = state["t"].rows.len();
        let least = if what == "the footer" { 6_000 } else { 3_000 };
        assert!((least..=6_000).contains(&rows), "{what}: {rows}");
        assert!(!report.losses.is_empty() || rows == 6_000, "{what}: {report:?}");
        assert!(report.losses.iter().all(|loss| loss.contains(name.as_str())), "{report:?}");
    }
    let cut = damaged(&device, name, |bytes| bytes.truncate(bytes.len() * 3 / 4));
    let (report, state) = salvage(&cut).unwrap();
    let rows = state["t"].rows.len();
    assert!((3_000..6_000).contains(&rows), "{rows}: {report:?}");
    let gone = device.crash(0);
    gone.remove(name).unwrap();
    gone.sync_directory().unwrap();
    let (report, state) = salvage(&gone).unwrap();
    assert!(state["t"].rows.is_empty());
    assert!(report.losses[0].starts_with("6000 rows of `t`"), "{report:?}");
}

#[test]
fn rows_that_lost_the_change_between_them_both_stay() {
    let device = SimDevice::new();
    let store = open(&device).unwrap();
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    let schema = schema.column("value", Type::Int64).unique().column("text", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let row =
        |id: i64, value: i64| -> [ValueRef<'static>; 3] { [id.into(), value.into(), "x".into()] };
    store.write(|txn| table.insert(txn, &row(1, 10))).unwrap();
    let before = device.contents();
    store.write(|txn| table.update(txn, &[1_i64.into()], &[("value", 20_i64.into())])).unwrap();
    store.write(|txn| table.insert(txn, &row(2, 10))).unwrap();
    store.write(|txn| table.update(txn, &[7_i64.into()], &[("value", 1_i64.into())])).unwrap();
    let after = device.contents();
    let (name, bytes) = after.iter().find(|(name, _)| name.starts_with("wal-")).unwrap();
    let changed = (0..bytes.len()).find(|at| before[name][*at] != bytes[*at]).unwrap();
    drop((store, table));
    // The update of row 1 is lost, so both rows have the value 10.
    let broken = damaged(&device, name, |bytes| bytes[changed + 50] ^= 1);
    let refused = open(&broken).unwrap_err();
    assert_eq!(refused.kind(), Kind::Corrupt, "{refused}");
    let (report, state) = salvage(&broken).unwrap();
    let values: Vec<i64> = state["t"].rows.values().map(|row| int(&row[1])).collect();
    assert_eq!(values, [10, 10]);
    assert!(report.losses.iter().any(|loss| loss.contains("is not unique any more")), "{report:?}");
    assert_eq!(state["t"].indexes.len(), 1);
}

#[test]
fn salvage_of_no_store_or_of_one_in_use_is_refused() {
    let empty = salvage(&SimDevice::new()).unwrap_err();
    assert_eq!(empty.kind(), Kind::NotFound, "{empty}");
    let device = SimDevice::new();
    let _store = open(&device).unwrap();
    let busy = salvage(&device).unwrap_err();
    assert_eq!(busy.kind(), Kind::Busy, "{busy}");
}

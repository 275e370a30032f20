//! Copies of a store in use: at one commit, whole or no store at all, taken up again where they ended.

use crate::history::{History, State, Workload, open, state_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use store_core::query::Predicate;
use store_core::{BackupReport, Device, Kind, OpenMode, Result, Schema, Store, Type};
use store_tests::rows::{assert_sound, int, matching, sum};
use store_tests::sim_device::SimDevice;

fn worked(seed: u64) -> (SimDevice, Store, History) {
    let device = SimDevice::new();
    let store = open(&device).unwrap();
    let mut history = History::new();
    let workload = Workload { seed, steps: 24, text_bytes: 80, stubborn: false };
    history.run(&store, workload).unwrap();
    (device, store, history)
}

/// Writes a row to a table of its own.
fn add_late(store: &Store, id: i64) {
    let table = store.open_table("late").unwrap_or_else(|_| {
        let schema = Schema::builder("late").column("id", Type::Int64).key().build().unwrap();
        store.create_table(schema).unwrap()
    });
    store.write(|txn| table.insert(txn, &[id.into()])).unwrap();
}

fn segments(place: &SimDevice) -> BTreeSet<String> {
    place.contents().into_keys().filter(|name| name.starts_with("table-")).collect()
}

fn device(sim: &SimDevice) -> Arc<dyn Device> {
    Arc::new(sim.clone())
}

fn back_up(store: &Store, to: &SimDevice) -> Result<BackupReport> {
    store.backup_on(&device(to), &mut |_| true)
}

fn opened(copy: &SimDevice) -> State {
    let store = open(copy).unwrap();
    assert_sound(&store);
    state_of(&store)
}

#[test]
fn a_backup_opens_as_the_store_it_was_taken_of() {
    for seed in 0..8 {
        let (_device, store, history) = worked(seed);
        let copy = SimDevice::new();
        let report = back_up(&store, &copy).unwrap();
        assert_eq!(report.timestamp, store.stats().published, "{report:?}");
        assert!(report.files >= 2 && report.bytes > 4096, "{report:?}");
        assert_eq!(opened(&copy.crash(seed)), *history.acknowledged_state());
        // The copy is a store of its own, and so goes on.
        let store = open(&copy).unwrap();
        add_late(&store, 9_999);
        store.checkpoint().unwrap();
        drop(store);
        assert!(opened(&copy.crash(seed))["late"].rows.contains_key(&9_999));
    }
}

#[test]
fn a_store_without_files_is_backed_up() {
    let store = Store::in_memory().unwrap();
    let mut history = History::new();
    let workload = Workload { seed: 3, steps: 24, text_bytes: 80, stubborn: false };
    history.run(&store, workload).unwrap();
    let copy = SimDevice::new();
    let report = back_up(&store, &copy).unwrap();
    assert!(report.files >= 1 && report.timestamp > 0, "{report:?}");
    assert_eq!(opened(&copy.crash(1)), *history.acknowledged_state());
}

#[test]
fn a_backup_has_whole_transactions_and_all_acknowledged_before() {
    const ACCOUNTS: i64 = 20;
    let device = SimDevice::new();
    let store = open(&device).unwrap();
    let schema = Schema::builder("accounts").column("id", Type::Int64).key();
    let schema = schema.column("amount", Type::Int64).index().build().unwrap();
    let accounts = store.create_table(schema).unwrap();
    for id in 0..ACCOUNTS {
        store.write(|txn| accounts.insert(txn, &[id.into(), 100_i64.into()])).unwrap();
    }
    let (stop, moved) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (store, accounts, stop, moved) = (&store, &accounts, &stop, &moved);
            scope.spawn(move || {
                let mut step = thread;
                while !stop.load(SeqCst) {
                    step += 2;
                    let (from, to) = (step % ACCOUNTS, (step * 7 + 1) % ACCOUNTS);
                    store
                        .write(|txn| {
                            accounts.incr(txn, &[from.into()], "amount", (-1_i64).into())?;
                            accounts.incr(txn, &[to.into()], "amount", 1_i64.into())
                        })
                        .unwrap();
                    moved.fetch_add(1, SeqCst);
                }
            });
        }
        for round in 0..6 {
            let before = store.snapshot().unwrap().timestamp();
            if round % 2 == 1 {
                store.checkpoint().unwrap();
            }
            let copy = SimDevice::new();
            let report = back_up(&store, &copy).unwrap();
            assert!(report.timestamp >= before, "{report:?}, {before} was acknowledged");
            let copied = open(&copy).unwrap();
            assert_sound(&copied);
            let table = copied.open_table("accounts").unwrap();
            let rows = matching(&table, &copied.snapshot().unwrap(), Predicate::all());
            assert_eq!((rows.len() as i64, sum(&rows, 1)), (ACCOUNTS, 100 * ACCOUNTS));
            assert_eq!(copied.stats().published, report.timestamp);
        }
        stop.store(true, SeqCst);
    });
    assert!(moved.load(SeqCst) > 0);
}

#[test]
fn a_checkpoint_beside_a_backup_leaves_the_files_it_copies() {
    let (sim, store, _) = worked(5);
    let copy = SimDevice::new();
    let mut id = 5_000;
    add_late(&store, id);
    let before = state_of(&store);
    let mut beside = |_| {
        id += 1;
        add_late(&store, id);
        store.checkpoint().unwrap();
        true
    };
    store.backup_on(&device(&copy), &mut beside).unwrap();
    assert_eq!(opened(&copy), before);
    // What stayed for the copy's sake goes with the next checkpoint.
    let files = |device: &SimDevice| device.contents().len();
    let with_old = files(&sim);
    store.checkpoint().unwrap();
    assert!(files(&sim) < with_old, "{:?}", sim.contents().keys());
    let state = state_of(&store);
    drop(store);
    assert_eq!(opened(&sim.crash(2)), state);
}

#[test]
fn a_backup_that_ended_is_no_store_and_is_taken_up_again() {
    let (sim, store, _) = worked(6);
    store.checkpoint().unwrap();
    let copy = SimDevice::new();
    let mut steps = 0;
    let ended = store.backup_on(&device(&copy), &mut |progress| {
        assert!(progress.bytes <= progress.bytes_total);
        steps += 1;
        steps < 3
    });
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    let refused = open(&copy).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid, "{refused}");
    assert!(refused.to_string().contains("unfinished backup"), "{refused}");
    let other = back_up(&worked(7).1, &copy).unwrap_err();
    assert!(other.to_string().contains("of another store"), "{other}");
    let report = back_up(&store, &copy).unwrap();
    assert!(report.files_kept >= 1, "{report:?}");
    assert_eq!(opened(&copy), state_of(&store));
    // A newer checkpoint has other files: those of the first try go that it has not.
    add_late(&store, 1);
    store.checkpoint().unwrap();
    let copy = SimDevice::new();
    let until_the_log = &mut |_| segments(&copy) != segments(&sim);
    assert!(store.backup_on(&device(&copy), until_the_log).is_err());
    let first = segments(&copy);
    add_late(&store, 7_777);
    store.checkpoint().unwrap();
    let report = back_up(&store, &copy).unwrap();
    assert_eq!(segments(&copy), segments(&sim));
    assert_eq!(report.files_kept as usize, first.len() - 1, "{report:?}");
    assert_eq!(opened(&copy), state_of(&store));
}

#[test]
fn the_power_may_go_at_every_operation_of_a_backup() {
    let (_device, store, history) = worked(9);
    for stop in 0.. {
        let copy = SimDevice::new();
        copy.stop_at(stop);
        let ended = back_up(&store, &copy);
        for seed in 0..4 {
            let found = copy.crash(seed * 31 + stop);
            match open(&found) {
                Ok(store) if store.tables().is_empty() => {
                    // Nothing had been written, so opening made one.
                    assert!(ended.is_err(), "an empty store after a backup that succeeded");
                }
                Ok(store) => assert_eq!(state_of(&store), *history.acknowledged_state(), "{stop}"),
                Err(error) => {
                    assert!(ended.is_err(), "operation {stop}: {error}");
                    assert_eq!(error.kind(), Kind::Invalid, "operation {stop}: {error}");
                    back_up(&store, &found).unwrap();
                    assert_eq!(opened(&found), *history.acknowledged_state(), "{stop}");
                }
            }
        }
        if ended.is_ok() {
            assert!(stop > 15, "only {stop} operations");
            return;
        }
    }
}

#[test]
fn a_backup_to_a_full_device_goes_on_when_there_is_room() {
    let (_device, store, history) = worked(10);
    let bytes = back_up(&store, &SimDevice::new()).unwrap().bytes;
    for room in [0, 100, bytes / 2, bytes] {
        let copy = SimDevice::new();
        copy.set_capacity(Some(room));
        let refused = back_up(&store, &copy).unwrap_err();
        assert_eq!(refused.kind(), Kind::NoSpace, "{room}: {refused}");
        copy.set_capacity(None);
        back_up(&store, &copy).unwrap();
        assert_eq!(opened(&copy), *history.acknowledged_state());
    }
}

#[test]
fn a_backup_is_refused_where_something_else_is() {
    let (source, store, _) = worked(11);
    let refused = |place: &SimDevice| back_up(&store, place).unwrap_err();
    assert_eq!(refused(&source).kind(), Kind::Busy, "its own place");
    let other = SimDevice::new();
    drop(open(&other).unwrap());
    let error = refused(&other);
    assert!(error.to_string().contains("a store already"), "{error}");
    let other = SimDevice::new();
    other.open("notes", OpenMode::CreateNew).unwrap();
    let error = refused(&other);
    assert!(error.to_string().contains("other files, such as notes"), "{error}");
    assert_eq!(other.contents().len(), 1);
}

#[test]
fn a_damaged_segment_is_not_taken_for_a_copy() {
    let (source, store, _) = worked(12);
    store.checkpoint().unwrap();
    let contents = source.contents();
    let (name, bytes) = contents.iter().find(|(name, _)| name.starts_with("table-")).unwrap();
    let file = source.open(name, OpenMode::Write).unwrap();
    let at = bytes.len() / 2;
    file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    let copy = SimDevice::new();
    let error = back_up(&store, &copy).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert!(error.to_string().contains(name.as_str()), "{error}");
    file.write_all_at(&[bytes[at]], at as u64).unwrap();
    back_up(&store, &copy).unwrap();
    let copied = open(&copy).unwrap();
    let rows =
        matching(&copied.open_table("a").unwrap(), &copied.snapshot().unwrap(), Predicate::all());
    assert!(rows.iter().all(|row| int(&row[0]) >= 0));
    assert_eq!(state_of(&copied), state_of(&store));
}

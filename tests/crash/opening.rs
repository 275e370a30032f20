//! Opening by several threads: what is opened does not depend on how many these are, nor does what is
//! said of damage, nor whether it fits in memory.

use crate::history::device;
use std::collections::BTreeMap;
use store_core::query::Predicate;
use store_core::{
    ColumnSpec, Device, Durability, IndexSpec, Kind, OpenMode, Result, Schema, Store, Table, Type,
    ValueRef,
};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, matching};
use store_tests::sealed::FileKind;
use store_tests::sim_device::SimDevice;

const MEMORY: u64 = 256 << 20;
const LONG: &str = "a text that is much too long to have a place in a cell of two words";

fn open(place: &SimDevice, memory: u64, threads: u32) -> Result<Store> {
    let options = Store::options().memory(memory).threads(threads).durability(Durability::None);
    options.checkpoint_bytes(0).open_on(std::sync::Arc::new(place.clone()))
}

/// The rows and the indexes of every table, in words.
fn state_of(store: &Store) -> BTreeMap<String, Vec<String>> {
    let snapshot = store.snapshot().unwrap();
    let words = |name: String| {
        let table = store.open_table(&name).unwrap();
        let rows = matching(&table, &snapshot, Predicate::all());
        let mut words: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        words.extend(table.schema().indexes.iter().map(|index| format!("{index:?}")));
        words.sort_unstable();
        (name, words)
    };
    store.tables().into_iter().map(words).collect()
}

/// Keys of texts, of two columns, and none; values that repeat; texts long and short.
fn tables(store: &Store) -> [Table; 3] {
    let make = |name: &str, columns: &str| {
        store.create_table(Schema::parse(name, columns).unwrap()).unwrap()
    };
    [
        make("texts", "name text key, value int64 index, note text"),
        make("pairs", "a int64, b text, value int64 index, note text index, key(a, b)"),
        make("hidden", "value int64 index, note text"),
    ]
}

fn name(id: u64) -> String {
    if id.is_multiple_of(3) { format!("{LONG} {id}") } else { format!("n{id}") }
}

fn note(random: &mut Random) -> Option<String> {
    match random.below(4) {
        0 => None,
        1 => Some(format!("{LONG} {}", random.below(1_000))),
        _ => Some(format!("{}", random.below(1_000))),
    }
}

/// Writes rows of the first two tables, some of them there already, and removes some; a row more in the
/// third.
fn commit(store: &Store, tables: &[Table; 3], ids: u64, changes: u64, random: &mut Random) {
    let mut txn = store.begin().unwrap();
    for _ in 0..changes {
        let id = random.below(ids);
        let (name, note, value) = (name(id), note(random), random.below(1 << 40) as i64);
        let note = note.as_deref().map_or(ValueRef::Null, ValueRef::from);
        let (key, pair) = ([(&*name).into()], [((id % 7) as i64).into(), (&*name).into()]);
        match random.below(8) {
            0 => drop(tables[0].delete(&mut txn, &key)),
            1 => drop(tables[1].delete(&mut txn, &pair)),
            2 => drop(tables[0].update(&mut txn, &key, &[("value", value.into())])),
            3 => drop(tables[1].update(&mut txn, &pair, &[("note", note)])),
            4 | 5 => drop(tables[0].upsert(&mut txn, &[key[0], value.into(), note])),
            _ => drop(tables[1].upsert(&mut txn, &[pair[0], pair[1], value.into(), note])),
        }
    }
    tables[2].insert(&mut txn, &[(changes as i64).into(), ValueRef::Null]).unwrap();
    txn.commit().unwrap();
}

/// A store whose checkpoint has some blocks a table, and whose log has much of everything behind it.
fn fill(place: &SimDevice, seed: u64) -> Store {
    let mut random = Random::new(seed);
    let store = open(place, MEMORY, 1).unwrap();
    let tables = tables(&store);
    for _ in 0..6 {
        commit(&store, &tables, 12_000, 4_000, &mut random);
    }
    store.checkpoint().unwrap();
    for round in 0..4 {
        for _ in 0..300 {
            commit(&store, &tables, 12_000, 3, &mut random);
            // The same few rows again and again: their changes must stay in order.
            commit(&store, &tables, 20, 6, &mut random);
        }
        let spec = ColumnSpec::new("more", Type::Int32).default(round);
        tables[round as usize % 2].add_column(&spec).unwrap();
        commit(&store, &tables, 12_000, 200, &mut random);
        tables[round as usize % 2].drop_column("more").unwrap();
    }
    tables[1].create_index(&IndexSpec::on(&["a", "value"])).unwrap();
    commit(&store, &tables, 30_000, 20_000, &mut random); // in fragments
    commit(&store, &tables, 20, 6, &mut random);
    store
}

#[test]
fn any_number_of_threads_opens_the_same_store() {
    for seed in 0..2 {
        let place = device();
        let store = fill(&place, seed);
        let state = state_of(&store);
        drop(store);
        let mut told = None;
        for threads in [1, 2, 3, 5, 8] {
            let copy = place.crash(seed);
            let store = open(&copy, MEMORY, threads).unwrap();
            assert!(state_of(&store) == state, "seed {seed}, {threads} threads: other rows");
            assert_sound(&store);
            let report = store.recovery().unwrap();
            let numbers = [
                report.checkpoint_rows,
                report.records,
                report.log_rows,
                report.index_entries,
                report.timestamp,
            ];
            assert!(numbers[0] > 10_000 && numbers[2] > 20_000, "{numbers:?}");
            assert_eq!(*told.get_or_insert(numbers), numbers, "seed {seed}, {threads} threads");
            // Hidden keys go on where they were, and rows can be changed.
            let hidden = store.open_table("hidden").unwrap();
            let before = hidden.count(&store.snapshot().unwrap()).unwrap();
            store.write(|txn| hidden.insert(txn, &[1_i64.into(), ValueRef::Null])).unwrap();
            assert_eq!(hidden.count(&store.snapshot().unwrap()).unwrap(), before + 1);
        }
    }
}

/// One thread reads all in order: what it meets first is what any number of threads must say.
#[test]
fn damage_is_the_same_error_for_any_number_of_threads() {
    let place = device();
    drop(fill(&place, 7));
    let mut random = Random::new(11);
    let files: Vec<(String, Vec<u8>)> = place.contents().into_iter().collect();
    for kind in [FileKind::Segment, FileKind::Log] {
        let of_kind = |file: &&(String, Vec<u8>)| FileKind::of(&file.0) == Some(kind);
        let files: Vec<_> = files.iter().filter(of_kind).collect();
        let mut refused = 0;
        for round in 0..30 {
            let copy = place.crash(round);
            let (name, bytes) = files[random.below(files.len() as u64) as usize];
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
            let mut at = random.below(used);
            for _ in 0..1 + random.below(2) {
                let file = copy.open(name, OpenMode::Write).unwrap();
                file.write_all_at(&[bytes[at as usize] ^ 0x10], at).unwrap();
                file.sync_all().unwrap();
                at = (at + 70_000).min(used); // in another block
            }
            let said = [1, 2, 6].map(|threads| {
                let opened = open(&copy.crash(0), MEMORY, threads);
                opened.map(|store| store.recovery().unwrap().timestamp).map_err(|error| {
                    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
                    assert!(error.to_string().contains(&**name), "{error}");
                    error.to_string()
                })
            });
            assert_eq!(said[0], said[1], "{name} at {at}");
            assert_eq!(said[0], said[2], "{name} at {at}");
            refused += u32::from(said[0].is_err());
        }
        assert!(refused > 15, "{kind:?}: {refused} refused");
    }
}

/// What the threads hold besides the rows must not be why a store does not fit.
#[test]
fn what_opens_with_one_thread_opens_with_many() {
    const STEP: u64 = 128 << 10;
    let place = device();
    let store = open(&place, MEMORY, 1).unwrap();
    let schema = Schema::parse("t", "id int64 key, note text").unwrap();
    let table = store.create_table(schema).unwrap();
    let note = "n".repeat(700);
    let fill = |ids: std::ops::Range<i64>| {
        for first in ids.clone().step_by(1_000) {
            let rows: Vec<[ValueRef<'_>; 2]> = (first..ids.end.min(first + 1_000))
                .map(|id| [id.into(), (&*note).into()])
                .collect();
            store.write(|txn| table.insert_many(txn, &rows)).unwrap();
        }
    };
    fill(0..40_000);
    store.checkpoint().unwrap();
    fill(40_000..60_000);
    drop((table, store));
    let opens = |memory: u64, threads| match open(&place.crash(1), memory, threads) {
        Ok(store) => store.recovery().unwrap().checkpoint_rows == 40_000,
        Err(error) => {
            assert_eq!(error.kind(), Kind::OverBudget, "{error}");
            false
        }
    };
    let (mut small, mut large) = ((32 << 20) / STEP, (128 << 20) / STEP);
    assert!(opens(large * STEP, 1) && !opens(small * STEP, 1));
    while large - small > 1 {
        let middle = small.midpoint(large);
        *(if opens(middle * STEP, 1) { &mut large } else { &mut small }) = middle;
    }
    for steps in large..large + 6 {
        assert!(opens(steps * STEP, 8), "{} bytes are enough for one thread", steps * STEP);
    }
}

/// A store that was never checkpointed has all its rows in its only log file.
#[test]
fn a_young_store_without_its_log_is_corrupt() {
    let place = device();
    let store = open(&place, MEMORY, 1).unwrap();
    let table = store.create_table(Schema::parse("t", "id int64 key").unwrap()).unwrap();
    store.write(|txn| table.insert(txn, &[1_i64.into()])).unwrap();
    store.close().unwrap();
    drop((table, store));
    let logs: Vec<String> = place
        .contents()
        .into_keys()
        .filter(|name| FileKind::of(name) == Some(FileKind::Log))
        .collect();
    assert!(!logs.is_empty());
    for name in logs {
        place.remove(&name).unwrap();
    }
    let error = open(&place, MEMORY, 1).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert!(error.to_string().contains("the log from position 0 is missing"), "{error}");
}

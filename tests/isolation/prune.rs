//! I3: versions between live snapshots go, whatever the age of the oldest one; nobody who reads
//! meanwhile notices.

use crate::{StopAtEnd, is_stopped, store};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use store_core::query::{Predicate, column};
use store_core::{Schema, Snapshot, Stats, Store, Table, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, matching, sum};

/// `id` key, `tag` indexed, `name` within a cell, `text` always longer than one.
fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("tag", Type::Int64)
        .index()
        .column("name", Type::Text)
        .column("text", Type::Text)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

/// Writes a row that can be told from every other version of every other row.
fn write(store: &Store, table: &Table, id: i64, tag: i64) {
    let (name, text) = (name(id, tag), text(id, tag));
    let cells: [ValueRef<'_>; 4] = [id.into(), tag.into(), (&name).into(), (&text).into()];
    store.write(|txn| table.upsert(txn, &cells).map(drop)).unwrap();
}

fn name(id: i64, tag: i64) -> String {
    format!("{id}/{tag}")
}

fn text(id: i64, tag: i64) -> String {
    format!("the long text of row {id} with tag {tag}")
}

fn expected(id: i64, tag: i64) -> Vec<Value> {
    vec![id.into(), tag.into(), name(id, tag).into(), text(id, tag).into()]
}

/// The snapshot sees this version of the row, by key, by scan and by index, and no other one.
fn assert_sees(table: &Table, snapshot: &Snapshot, id: i64, tag: i64) {
    let row = table.get(snapshot, &[id.into()]).unwrap().expect("the row is kept");
    assert_eq!(row.to_values(), expected(id, tag), "by key");
    assert_eq!(matching(table, snapshot, column("id").eq(id)), [expected(id, tag)]);
    assert_eq!(matching(table, snapshot, column("tag").eq(tag)), [expected(id, tag)], "by index");
    let all = matching(table, snapshot, column("tag").range(0, 1_000_000_000));
    assert!(all.contains(&expected(id, tag)), "by a walk along the index");
}

/// The stats once there are few old versions: while the system keeps whoever looks at the row from
/// running, each commit leaves one more.
fn with_few_versions(store: &Store) -> Stats {
    let start = Instant::now();
    loop {
        let stats = store.stats();
        if stats.tables[0].old_versions < 100 {
            return stats;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", stats.tables[0]);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_hot_row_keeps_one_version_for_each_open_snapshot() {
    const UPDATES: i64 = 200_000;
    const EVERY: i64 = 20_000;
    let store = store();
    let table = table(&store);
    write(&store, &table, 1, 0);
    let mut held = vec![(store.snapshot().unwrap(), 0)];
    let mut used = 0;
    for tag in 1..=UPDATES {
        write(&store, &table, 1, tag);
        if tag % EVERY == 0 {
            let stats = with_few_versions(&store);
            let table_stats = &stats.tables[0];
            assert!(table_stats.garbage_rows <= 2, "one row in the queues: {table_stats:?}");
            assert!(table_stats.indexes[0].entries <= held.len() as u64 + 2, "{table_stats:?}");
            if tag == EVERY {
                used = stats.memory_used;
            }
            assert!(stats.memory_used <= used + (1 << 20), "{} from {used}", stats.memory_used);
            held.push((store.snapshot().unwrap(), tag));
            for (snapshot, tag) in &held {
                assert_sees(&table, snapshot, 1, *tag);
            }
        }
    }
    assert_sound(&store);
    // Some in the middle go, and their versions, but nobody else's.
    for at in [7, 4, 1] {
        drop(held.remove(at));
        write(&store, &table, 1, UPDATES + at as i64);
        for (snapshot, tag) in &held {
            assert_sees(&table, snapshot, 1, *tag);
        }
    }
    assert_sound(&store);
}

#[test]
fn rows_held_for_a_snapshot_are_looked_at_again_when_it_goes() {
    const ROWS: i64 = 500;
    let store = store();
    let table = table(&store);
    (0..ROWS).for_each(|id| write(&store, &table, id, id));
    let old = store.snapshot().unwrap();
    (0..ROWS).for_each(|id| write(&store, &table, id, 1_000 + id));
    let middle = store.snapshot().unwrap();
    (0..ROWS).for_each(|id| write(&store, &table, id, 2_000 + id));
    let versions = || store.stats().tables[0].old_versions;
    assert!(versions() >= 2 * ROWS as u64, "{}", versions());
    // Commits elsewhere take the garbage away, a bounded step each.
    let help = |snapshot: &Snapshot, first: i64, most: u64| {
        (0..200).for_each(|tag| write(&store, &table, -1, 10_000 + tag));
        // Or upkeep has taken some of it, and is about to be done.
        let start = Instant::now();
        while versions() >= most && start.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(2));
        }
        (0..ROWS).for_each(|id| assert_sees_by_key(&table, snapshot, id, first + id));
    };
    drop(old);
    help(&middle, 1_000, ROWS as u64 + 100);
    assert!(versions() < ROWS as u64 + 100, "{}", versions());
    let young = store.snapshot().unwrap();
    drop(middle);
    help(&young, 2_000, 100);
    assert!(versions() < 100, "{}", versions());
    assert_sound(&store);
}

fn assert_sees_by_key(table: &Table, snapshot: &Snapshot, id: i64, tag: i64) {
    let row = table.get(snapshot, &[id.into()]).unwrap().expect("the row is kept");
    assert_eq!(row.to_values(), expected(id, tag));
}

#[test]
fn memory_falls_back_without_another_commit() {
    const ROWS: i64 = 1_000;
    let store = store();
    let table = table(&store);
    (0..ROWS).for_each(|id| write(&store, &table, id, id));
    let before = store.stats().tables.remove(0);
    let held: Vec<Snapshot> = (1..5)
        .map(|round| {
            let snapshot = store.snapshot().unwrap();
            (0..ROWS).for_each(|id| write(&store, &table, id, round * 10_000 + id));
            snapshot
        })
        .collect();
    assert!(store.stats().tables[0].old_versions >= 4 * ROWS as u64);
    drop(held);
    let start = Instant::now();
    loop {
        let now = store.stats().tables.remove(0);
        if now.old_versions == 0 && now.garbage_rows == 0 && now.version_bytes == 0 {
            assert_eq!(now.indexes[0].entries, ROWS as u64);
            assert!(now.value_bytes <= before.value_bytes + 10 * ROWS as u64, "{now:?}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "nobody reclaims: {now:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_sound(&store);
}

/// A snapshot, and every row as it saw them first.
struct Memory {
    snapshot: Snapshot,
    rows: Vec<Vec<Value>>,
}

const ACCOUNTS: i64 = 8;
const TOTAL: i64 = 1_000 * ACCOUNTS;

fn rows_of(table: &Table, snapshot: &Snapshot) -> Vec<Vec<Value>> {
    let mut rows = matching(table, snapshot, Predicate::all());
    rows.sort_by_key(|row| int(&row[0]));
    rows
}

impl Memory {
    fn new(store: &Store, table: &Table) -> Self {
        let snapshot = store.snapshot().unwrap();
        let rows = rows_of(table, &snapshot);
        assert_eq!((rows.len() as i64, sum(&rows, 1)), (ACCOUNTS, TOTAL));
        Self { snapshot, rows }
    }

    fn recall(&self, table: &Table, random: &mut Random) {
        for row in &self.rows {
            let found = table.get(&self.snapshot, &[row[0].as_ref()]).unwrap();
            assert_eq!(found.expect("the row is kept").to_values(), *row);
        }
        if random.once_in(4) {
            assert_eq!(rows_of(table, &self.snapshot), self.rows);
            let by_index = matching(table, &self.snapshot, column("tag").range(-TOTAL, 2 * TOTAL));
            assert_eq!((by_index.len() as i64, sum(&by_index, 1)), (ACCOUNTS, TOTAL));
        }
    }
}

/// Moves an amount between two rows; names and texts tell whose row it is.
fn transfer(store: &Store, table: &Table, random: &mut Random) {
    let (from, to) = (random.below(ACCOUNTS as u64) as i64, random.below(ACCOUNTS as u64) as i64);
    let amount = random.below(20) as i64;
    let result = store.write(|txn| {
        for (id, change) in [(from, -amount), (to, amount)] {
            let row = table.get(txn, &[id.into()])?.expect("accounts stay");
            let tag = int(&row.to_values()[1]) + change;
            drop(row);
            let (name, text) = (name(id, tag), text(id, tag));
            let changes = [("tag", tag.into()), ("name", (&name).into()), ("text", (&text).into())];
            table.update(txn, &[id.into()], &changes)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        assert!(error.is_retryable(), "{error}");
    }
}

#[test]
fn what_a_snapshot_saw_once_it_sees_again_while_rows_churn() {
    let store = store();
    let table = table(&store);
    (0..ACCOUNTS).for_each(|id| write(&store, &table, id, 1_000));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 1..3 {
            let (store, table, stop) = (&store, &table, &stop);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !is_stopped(stop) {
                    transfer(store, table, &mut random);
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        let readers: Vec<_> = (10..12)
            .map(|seed| {
                let (store, table) = (&store, &table);
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    let mut held: Vec<Memory> = Vec::new();
                    for _ in 0..400 {
                        held.push(Memory::new(store, table));
                        if held.len() > 6 {
                            drop(held.swap_remove(random.below(6) as usize));
                        }
                        for memory in &held {
                            memory.recall(table, &mut random);
                        }
                    }
                })
            })
            .collect();
        let failed = readers.into_iter().find_map(|reader| reader.join().err());
        if let Some(panic) = failed {
            std::panic::resume_unwind(panic);
        }
    });
    assert_sound(&store);
}

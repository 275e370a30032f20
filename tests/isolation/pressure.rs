//! What happens when old versions fill the memory: pruning first, then the oldest snapshots, and
//! writers last.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store_core::query::column;
use store_core::{Kind, Schema, Snapshot, Store, Table, Type, ValueRef};
use store_tests::memory::{table_bytes, wait_until};
use store_tests::rows::{assert_sound, int, matching};

fn store(mebibytes: u64) -> Store {
    Store::options().memory(mebibytes << 20).open_in_memory().unwrap()
}

fn numbers(store: &Store) -> Table {
    numbers_named(store, "t")
}

fn numbers_named(store: &Store, name: &str) -> Table {
    let schema = Schema::builder(name)
        .column("id", Type::Int64)
        .key()
        .column("round", Type::Int64)
        .column("square", Type::Int64)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

fn texts(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("round", Type::Int64)
        .index()
        .column("text", Type::Text)
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

/// Gives every row a new version, a hundred a transaction.
fn update_all(
    store: &Store,
    table: &Table,
    rows: Range<i64>,
    round: i64,
) -> store_core::Result<()> {
    for first in rows.clone().step_by(100) {
        store.write(|txn| {
            for id in first..rows.end.min(first + 100) {
                let cells: [ValueRef<'_>; 3] = [id.into(), round.into(), (round * round).into()];
                table.upsert(txn, &cells)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn text(id: i64, round: i64) -> String {
    format!("row {id} in round {round}: {}", "x".repeat(400))
}

fn update_texts(store: &Store, table: &Table, rows: i64, round: i64) -> store_core::Result<()> {
    for id in 0..rows {
        let text = text(id, round);
        let cells: [ValueRef<'_>; 3] = [id.into(), round.into(), (&text).into()];
        store.write(|txn| table.upsert(txn, &cells).map(drop))?;
    }
    Ok(())
}

/// Every row of the snapshot is of this round, or it was given up; true if it was not.
fn reads_its_round(table: &Table, snapshot: &Snapshot, rows: i64, round: i64) -> bool {
    let counted = table.query(snapshot).filter(column("round").eq(round)).count();
    let read = (0..rows).step_by(97).try_for_each(|id| {
        let row = table.get(snapshot, &[id.into()])?.expect("no row is ever deleted");
        assert_eq!(int(&row.to_values()[1]), round);
        Ok::<_, store_core::Error>(())
    });
    match counted.and_then(|count| read.map(|()| count)) {
        Ok(count) => {
            assert_eq!(count, rows as u64);
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::SnapshotTooOld, "{error}");
            assert_eq!(error.details()[0], snapshot.timestamp().to_string());
            assert!(error.is_retryable());
            false
        }
    }
}

#[test]
fn old_snapshots_are_given_up_before_a_writer_is_refused() {
    const ROWS: i64 = 10_000;
    const ROUNDS: i64 = 100;
    let store = store(8);
    let table = numbers(&store);
    update_all(&store, &table, 0..ROWS, 0).unwrap();
    update_all(&store, &table, 0..ROWS, 1).unwrap();
    let none_left = || store.stats().tables[0].old_versions == 0;
    wait_until("the first round's versions go", none_left);
    let start = table_bytes(&store);
    let mut held = Vec::new();
    for round in 2..2 + ROUNDS {
        held.push((store.snapshot().unwrap(), round - 1));
        update_all(&store, &table, 0..ROWS, round).expect("a writer is refused last");
    }
    let kept: Vec<bool> = held
        .iter()
        .map(|(snapshot, round)| reads_its_round(&table, snapshot, ROWS, *round))
        .collect();
    let first_kept = kept.iter().position(|kept| *kept).expect("not all were given up");
    assert!(first_kept > 50, "{first_kept} given up, though 8 MiB hold few rounds");
    assert!(kept[first_kept..].iter().all(|kept| *kept), "the oldest go first: {kept:?}");
    assert!(kept.len() - first_kept >= 3, "no more than needed: {kept:?}");
    let stats = store.stats();
    assert_eq!(stats.snapshots_expired, first_kept as u64);
    assert_eq!(stats.oldest_snapshot, Some(held[first_kept].0.timestamp()));
    drop(held);
    wait_until("all old versions go", none_left);
    // A page that the nodes' arena keeps, and the room of the queues of garbage.
    let kept = 128 << 10;
    wait_until("memory falls back", || table_bytes(&store) <= start + start / 20 + kept);
    assert_sound(&store);
}

#[test]
fn what_a_given_up_snapshot_has_shown_stays() {
    const ROWS: i64 = 4_800;
    let store = store(8);
    let (table, filler) = (texts(&store), numbers_named(&store, "filler"));
    update_texts(&store, &table, ROWS, 0).unwrap();
    let old = store.snapshot().unwrap();
    let show = |id: i64| (id, table.get(&old, &[id.into()]).unwrap().unwrap());
    let shown: Vec<_> = (0..ROWS).step_by(10).map(show).collect();
    update_texts(&store, &table, ROWS, 1).unwrap();
    for first in (0_i64..).step_by(100) {
        update_all(&store, &filler, first..first + 100, 0).expect("the snapshot goes first");
        if store.stats().snapshots_expired > 0 {
            break;
        }
    }
    // Only what it may have shown is kept, nothing of what comes after.
    for round in 2..40 {
        update_texts(&store, &table, 500, round).unwrap();
    }
    let error = table.get(&old, &[7.into()]).unwrap_err();
    assert_eq!(error.kind(), Kind::SnapshotTooOld);
    for absent in [table.exists(&old, &[ROWS.into()]), table.count(&old).map(|_| true)] {
        assert_eq!(absent.unwrap_err().kind(), Kind::SnapshotTooOld, "an absent row may be a gap");
    }
    let by_index = table.query(&old).filter(column("round").eq(0)).run();
    let by_index = by_index.and_then(|mut cursor| cursor.next().map(|row| row.is_some()));
    assert_eq!(by_index.unwrap_err().kind(), Kind::SnapshotTooOld);
    for (id, row) in &shown {
        assert_eq!(row.get("text").unwrap().to_string(), text(*id, 0));
    }
    drop(shown);
    drop(old);
    wait_until("its long values go with it", || {
        let stats = table.stats();
        let row_bytes = text(ROWS, 40).len() as u64;
        stats.old_versions == 0 && stats.value_bytes < ROWS as u64 * row_bytes
    });
    assert_sound(&store);
}

/// Reads a few rows, by key and along the index; what is read must be of the snapshot's round.
fn read_some(
    table: &Table,
    snapshot: &Snapshot,
    rows: i64,
    round: i64,
    first: i64,
) -> store_core::Result<()> {
    for id in (first..rows).step_by(331) {
        let row = table.get(snapshot, &[id.into()])?.expect("no row is ever deleted");
        assert_eq!(row.get("text")?.to_string(), text(id, round));
    }
    let mut cursor = table.query(snapshot).filter(column("round").eq(round)).run()?;
    let mut seen = 0;
    while let Some(row) = cursor.next()? {
        assert_eq!(row.get(2).to_string(), text(int(&row.get(0).to_owned()), round));
        seen += 1;
    }
    assert_eq!(seen, rows);
    Ok(())
}

/// Stores a number when dropped, so that helpers stop when a check fails too.
struct StoreAtEnd<'a>(&'a AtomicI64, i64);

impl Drop for StoreAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Relaxed);
    }
}

/// A snapshot that sees all rows of one round, if the writer was not at work just then.
fn of_one_round(
    store: &Store,
    table: &Table,
    published: &AtomicI64,
    rows: i64,
) -> Option<(Snapshot, i64)> {
    let round = published.load(Ordering::Relaxed);
    let snapshot = store.snapshot().unwrap();
    let seen = table.query(&snapshot).filter(column("round").eq(round)).count();
    (seen.ok()? == rows as u64).then_some((snapshot, round))
}

#[test]
fn who_reads_while_his_snapshot_is_given_up_sees_his_rows_or_is_told() {
    const ROWS: i64 = 1_500;
    const ROUNDS: i64 = 40;
    let store = store(8);
    let table = texts(&store);
    update_texts(&store, &table, ROWS, 0).unwrap();
    let published = AtomicI64::new(0);
    let told = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for first in 0..2 {
            let mut held = Some((store.snapshot().unwrap(), 0));
            let (store, table, published, told) = (&store, &table, &published, &told);
            scope.spawn(move || {
                let is_over = || published.load(Ordering::Relaxed) >= ROUNDS;
                while !is_over() {
                    let Some((snapshot, round)) = held.take() else {
                        held = of_one_round(store, table, published, ROWS);
                        continue;
                    };
                    let reads =
                        (first..).map(|at| read_some(table, &snapshot, ROWS, round, at % 331));
                    for error in reads.take_while(|_| !is_over()).filter_map(Result::err).take(1) {
                        assert_eq!(error.kind(), Kind::SnapshotTooOld, "{error}");
                        told.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let mut held = Vec::new();
        let _over = StoreAtEnd(&published, ROUNDS);
        for round in 1..=ROUNDS {
            held.push(store.snapshot().unwrap());
            if held.len() > 7 {
                drop(held.remove(0));
            }
            // What a given-up snapshot has shown stays while it is held: then writers wait for that.
            while let Err(error) = update_texts(&store, &table, ROWS, round) {
                assert_eq!(error.kind(), Kind::OverBudget, "{error}");
                held.clear();
                std::thread::sleep(Duration::from_millis(1));
            }
            published.store(round, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert!(told.into_inner() > 0, "nobody was given up");
    assert_sound(&store);
}

#[test]
fn a_transaction_that_was_given_up_writes_nothing_more() {
    const ROWS: i64 = 10_000;
    let store = store(8);
    let table = numbers(&store);
    update_all(&store, &table, 0..ROWS, 0).unwrap();
    let mut old = store.begin().unwrap();
    table.insert(&mut old, &[(-1_i64).into(), 0.into(), 0.into()]).unwrap();
    let mut held = Vec::new();
    for round in 1..40 {
        held.push(store.snapshot().unwrap());
        update_all(&store, &table, 0..ROWS, round).unwrap();
    }
    let cells: [ValueRef<'_>; 3] = [(-2_i64).into(), 0.into(), 0.into()];
    assert_eq!(table.insert(&mut old, &cells).unwrap_err().kind(), Kind::SnapshotTooOld);
    assert_eq!(old.commit().unwrap_err().kind(), Kind::SnapshotTooOld);
    drop(held);
    let snapshot = store.snapshot().unwrap();
    assert!(matching(&table, &snapshot, column("id").lt(0)).is_empty());
    assert_sound(&store);
}

#[test]
fn a_store_full_of_rows_gives_up_no_snapshot() {
    let store = store(8);
    let table = numbers(&store);
    update_all(&store, &table, 0..100, 0).unwrap();
    let snapshot = store.snapshot().unwrap();
    update_all(&store, &table, 0..100, 1).unwrap();
    let error = (1..1_000).try_for_each(|step| update_all(&store, &table, 0..step * 1_000, 2));
    assert_eq!(error.unwrap_err().kind(), Kind::OverBudget, "rows fill the memory");
    assert!(reads_its_round(&table, &snapshot, 100, 0));
    assert_eq!(store.stats().snapshots_expired, 0);
    assert_sound(&store);
}

#[test]
fn a_large_transaction_gives_up_no_snapshot_for_what_it_writes_itself() {
    const ROWS: i64 = 40_000;
    let store = store(8);
    let table = numbers(&store);
    update_all(&store, &table, 0..ROWS, 0).unwrap();
    let snapshot = store.snapshot().unwrap();
    let error = store.write(|txn| {
        for round in 1_i64.. {
            for id in 0..ROWS {
                table.upsert(txn, &[id.into(), round.into(), 0.into()])?;
            }
            for id in ROWS * round..ROWS * (round + 1) {
                table.upsert(txn, &[id.into(), 0.into(), 0.into()])?;
            }
        }
        Ok(())
    });
    assert_eq!(error.unwrap_err().kind(), Kind::OverBudget);
    assert!(reads_its_round(&table, &snapshot, ROWS, 0));
    assert_eq!(store.stats().snapshots_expired, 0);
    assert_sound(&store);
}

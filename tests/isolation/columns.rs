//! Columns that come and go, and tables that are dropped, while others use them (I1, I3, I9).

use crate::{Pace, StopAtEnd, is_stopped, store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store_core::ingest::{Format, IngestOptions, OnError, Source};
use store_core::query::{Predicate, column};
use store_core::{
    ColumnSpec, IndexSpec, Isolation, Kind, Reader, Schema, Store, Table, Txn, TxnOptions, Type,
    Value, ValueRef,
};
use store_tests::memory::{table_bytes, wait_until, wait_until_within};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, int, matching, sum};
use store_tests::sim_device::SimDevice;

/// Many times what upkeep needs; a planted bug is noticed well within a minute.
const UPKEEP_PATIENCE: Duration = Duration::from_secs(10);
const LONG: &str = "a note that is too long to stand in its cell";

/// `id` key, `value` indexed, `note`.
fn plain(store: &Store, rows: i64) -> Table {
    let schema = Schema::parse("plain", "id int64 key, value int64 index, note text").unwrap();
    let table = store.create_table(schema).unwrap();
    let rows: Vec<[ValueRef<'_>; 3]> =
        (0..rows).map(|id| [id.into(), id.into(), LONG.into()]).collect();
    for rows in rows.chunks(1_000) {
        store.write(|txn| table.insert_many(txn, rows)).unwrap();
    }
    table
}

fn all<R: Reader>(table: &Table, reader: &R) -> Vec<Vec<Value>> {
    matching(table, reader, Predicate::all())
}

fn names<R: Reader>(table: &Table, reader: &R) -> Vec<String> {
    let schema = table.schema_at(reader).unwrap();
    schema.visible_columns().map(|column| column.name.clone()).collect()
}

fn squawk() -> ColumnSpec {
    ColumnSpec::new("squawk", Type::Int32).notnull().default(2_000)
}

#[test]
fn an_old_snapshot_sees_the_old_columns_and_a_new_one_the_new() {
    let store = store();
    let table = plain(&store, 300);
    let before = store.snapshot().unwrap();
    let mut open = table.query(&before).sort(&["value"]).unwrap().run().unwrap();
    assert_eq!(open.next().unwrap().unwrap().values().count(), 3);
    table.add_column(&squawk()).unwrap();
    store.write(|txn| table.update(txn, &[7.into()], &[("squawk", 7.into())])).unwrap();
    let between = store.snapshot().unwrap();
    let opened = store.open_table("plain").unwrap();
    table.drop_column("note").unwrap();
    let after = store.snapshot().unwrap();
    for table in [&table, &opened, &store.open_table("plain").unwrap()] {
        assert_eq!(names(table, &before), ["id", "value", "note"]);
        assert_eq!(names(table, &between), ["id", "value", "note", "squawk"]);
        assert_eq!(names(table, &after), ["id", "value", "squawk"]);
        let row = |id: i64| table.get(&before, &[id.into()]).unwrap().unwrap().to_values();
        assert_eq!(row(7), [7.into(), 7.into(), LONG.into()]);
        let row = |id: i64| table.get(&between, &[id.into()]).unwrap().unwrap().to_values();
        assert_eq!(row(7), [7.into(), 7.into(), LONG.into(), 7.into()]);
        assert_eq!(row(8), [8.into(), 8.into(), LONG.into(), 2_000.into()]);
        let row = |id: i64| table.get(&after, &[id.into()]).unwrap().unwrap().to_values();
        assert_eq!(row(8), [8.into(), 8.into(), 2_000.into()]);
        for reader in [&before, &between, &after] {
            assert_eq!(all(table, reader).len(), 300);
            let found = matching(table, reader, column("value").between(10, 19));
            assert_eq!((found.len(), sum(&found, 0)), (10, 145));
            let query = || table.query(reader).filter(column("value").eq(10));
            assert!(query().explain().unwrap().starts_with("index `value`"));
            assert_eq!(query().count().unwrap(), 1);
        }
        assert!(table.query(&before).filter(column("squawk").eq(7)).run().is_err());
        assert!(table.query(&after).filter(column("note").eq(LONG)).run().is_err());
        assert_eq!(table.schema().visible_len(), 3);
    }
    assert_eq!(drain(open).len(), 299, "a cursor from before goes on");
    assert_sound(&store);
}

#[test]
fn a_writer_from_before_the_change_is_waited_for() {
    let store = store();
    let table = plain(&store, 100);
    let mut txn = store.begin().unwrap();
    assert!(table.update(&mut txn, &[7.into()], &[("value", 1_000.into())]).unwrap());
    let hasty = squawk().patience(Duration::from_millis(20));
    let busy = table.add_column(&hasty).unwrap_err();
    assert_eq!(busy.kind(), Kind::Busy, "{busy}");
    assert!(busy.to_string().contains("`plain` has to wait until"), "{busy}");
    let (changed, written) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let changer = scope.spawn(|| {
            table.add_column(&squawk()).unwrap();
            changed.store(true, Ordering::Relaxed);
        });
        std::thread::sleep(Duration::from_millis(60));
        let newcomer = scope.spawn(|| {
            // Waits for the change, and is run again then: there is the new column.
            let mut tries = 0;
            let write = |txn: &mut Txn| {
                tries += 1;
                table.update(txn, &[8.into()], &[("value", 2_000.into())])?;
                table.update(txn, &[8.into()], &[("squawk", 8.into())])
            };
            store.write(write).unwrap();
            assert_eq!(tries, 2);
            written.store(true, Ordering::Relaxed);
        });
        std::thread::sleep(Duration::from_millis(60));
        assert!(!is_stopped(&changed) && !is_stopped(&written));
        // Nobody waits for it who reads, or writes elsewhere.
        assert_eq!(all(&table, &store.snapshot().unwrap()).len(), 100);
        assert!(table.update(&mut txn, &[9.into()], &[("value", 1_001.into())]).unwrap());
        let mark = txn.savepoint().unwrap();
        assert_eq!(table.delete_where(&mut txn, &column("id").lt(50)).unwrap(), 50);
        txn.rollback_to(mark).unwrap();
        txn.commit().unwrap();
        changer.join().unwrap();
        newcomer.join().unwrap();
    });
    let snapshot = store.snapshot().unwrap();
    let row = |id: i64| table.get(&snapshot, &[id.into()]).unwrap().unwrap().to_values();
    assert_eq!((&row(7)[1], &row(9)[1]), (&1_000.into(), &1_001.into()));
    assert_eq!((&row(7)[3], &row(8)[3]), (&2_000.into(), &8.into()));
    assert_sound(&store);
}

#[test]
fn a_transaction_from_before_the_change_reads_on_and_may_not_write() {
    let store = store();
    let table = plain(&store, 10);
    let mut txn = store.begin().unwrap();
    assert_eq!(names(&table, &txn).len(), 3);
    table.add_column(&squawk()).unwrap();
    assert_eq!(all(&table, &txn)[0].len(), 3);
    let error = table.update(&mut txn, &[7.into()], &[("value", 1.into())]).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("the columns of `plain` were changed"), "{error}");
    assert!(txn.is_doomed());
    drop(txn);
    // What is run again comes to the new columns.
    let mut tries = 0;
    store
        .write(|txn| {
            tries += 1;
            if tries == 1 {
                table.drop_column("squawk")?;
            }
            table.update(txn, &[7.into()], &[("value", 1.into())])
        })
        .unwrap();
    assert_eq!(tries, 2);
}

#[test]
fn who_read_the_table_before_its_change_cannot_commit_as_if_it_had_not_been() {
    let store = store();
    let table = plain(&store, 10);
    let other = store.create_table(Schema::parse("other", "id int64 key").unwrap()).unwrap();
    let serializable = TxnOptions::new().isolation(Isolation::Serializable);
    for change in [true, false] {
        let mut reader = store.begin_with(serializable).unwrap();
        let mut stranger = store.begin_with(serializable).unwrap();
        assert_eq!(all(&table, &reader).len(), 10);
        if change {
            table.add_column(&squawk()).unwrap();
        } else {
            store.drop_table("plain").unwrap();
        }
        other.insert(&mut reader, &[i64::from(change).into()]).unwrap();
        other.insert(&mut stranger, &[(i64::from(change) + 2).into()]).unwrap();
        stranger.commit().unwrap();
        let error = reader.commit().unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        assert!(error.to_string().contains("`plain`"), "{error}");
    }
}

#[test]
fn what_is_refused_or_cancelled_leaves_nothing() {
    let store = Store::options().memory(8 << 20).open_in_memory().unwrap();
    let table = plain(&store, 20_000);
    let used = |what: &str| {
        let stats = store.stats();
        assert!(stats.ended_tables.is_empty(), "{what}");
        stats.tables[0].bytes
    };
    let before = (used("before"), table_bytes(&store));
    let check = |what: &str, error: store_core::Error, kind: Kind| {
        assert_eq!(error.kind(), kind, "{what}: {error}");
        wait_until(what, || table_bytes(&store) <= before.1 + (64 << 10));
        assert!(used(what) <= before.0, "{what}");
        assert_eq!(table.schema().visible_len(), 3);
        store.write(|txn| table.update(txn, &[1.into()], &[("value", 1.into())])).unwrap();
    };
    let mut seen = Vec::new();
    let cancelled = table.add_column_with(&squawk(), &mut |rows| {
        seen.push(rows);
        rows == 0
    });
    check("cancelled", cancelled.unwrap_err(), Kind::Cancelled);
    assert_eq!(seen, [0, 20_000]);
    let wide = ColumnSpec::new("wide", Type::Text).notnull().default("w".repeat(2_000));
    check("too large", table.add_column(&wide).unwrap_err(), Kind::OverBudget);
    for (name, kind) in
        [("id", Kind::Invalid), ("value", Kind::Invalid), ("nobody", Kind::NotFound)]
    {
        check(name, table.drop_column(name).unwrap_err(), kind);
    }
    assert_sound(&store);
}

#[test]
fn twenty_changes_leave_the_memory_where_it_was() {
    let store = store();
    let table = plain(&store, 5_000);
    let old_handle = store.open_table("plain").unwrap();
    table.create_index(&IndexSpec::on(&["note"])).unwrap();
    let held = store.snapshot().unwrap();
    let before = table_bytes(&store);
    table.add_column(&squawk()).unwrap();
    let stats = store.stats();
    assert_eq!(stats.ended_tables.len(), 1, "kept for a snapshot");
    assert!(stats.holders.iter().any(|holder| holder.path.contains("plain (changed at")));
    assert!(table_bytes(&store) > before * 3 / 2);
    table.drop_column("squawk").unwrap();
    drop(held);
    let back = |what: &str| {
        wait_until_within(UPKEEP_PATIENCE, what, || {
            table_bytes(&store) <= before * 21 / 20 && store.stats().ended_tables.is_empty()
        });
    };
    back("a held snapshot ended");
    for round in 0..10 {
        table.add_column(&squawk()).unwrap();
        store.write(|txn| table.update(txn, &[round.into()], &[("note", "n".into())])).unwrap();
        table.drop_column("squawk").unwrap();
        back("changes");
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(all(&old_handle, &snapshot), all(&table, &snapshot));
    assert_eq!(all(&table, &snapshot).len(), 5_000);
    drop(snapshot);
    assert_sound(&store);
    store.drop_table("plain").unwrap();
    wait_until("the table was dropped", || table_bytes(&store) == 0);
}

/// A snapshot from before many changes keeps the first table, and none of those it cannot see.
#[test]
fn an_old_snapshot_keeps_no_table_that_begins_after_it() {
    let store = store();
    let table = plain(&store, 2_000);
    let one = table_bytes(&store);
    let held = store.snapshot().unwrap();
    for _ in 0..5 {
        table.add_column(&squawk()).unwrap();
        table.drop_column("squawk").unwrap();
    }
    let inside = store.snapshot().unwrap();
    table.add_column(&squawk()).unwrap();
    let few = |what: &str, ended: usize| {
        wait_until_within(UPKEEP_PATIENCE, what, || {
            store.stats().ended_tables.len() == ended
                && table_bytes(&store) <= one * (ended as u64 + 1) * 3 / 2
        });
    };
    few("two snapshots see two tables", 2);
    assert_eq!(all(&table, &held), all(&table, &inside));
    assert_eq!(names(&table, &held), ["id", "value", "note"]);
    assert_eq!(all(&table, &store.snapshot().unwrap()).len(), 2_000);
    drop(held);
    few("the older one ended", 1);
    assert_eq!(all(&table, &inside).len(), 2_000);
    drop(inside);
    few("both ended", 0);
    assert_sound(&store);
}

#[test]
fn a_dropped_table_is_read_by_older_snapshots_only() {
    let store = store();
    let table = plain(&store, 100);
    let before = store.snapshot().unwrap();
    let mut waiting = store.begin().unwrap();
    store.drop_table("plain").unwrap();
    let again = store.create_table(Schema::parse("plain", "id int64 key").unwrap()).unwrap();
    assert_eq!(all(&table, &before).len(), 100);
    let conflict = table.delete(&mut waiting, &[1.into()]).unwrap_err();
    assert_eq!(conflict.kind(), Kind::Conflict, "{conflict}");
    let now = store.snapshot().unwrap();
    let gone = |result: store_core::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.to_string().contains("table `plain` was dropped"), "{error}");
    };
    gone(table.get(&now, &[1.into()]).map(drop));
    gone(table.count(&now).map(drop));
    gone(table.schema_at(&now).map(drop));
    gone(store.write(|txn| table.delete(txn, &[1.into()])).map(drop));
    gone(table.add_column(&squawk()));
    gone(table.create_index(&IndexSpec::on(&["note"])));
    gone(table.query(&now).aggregate::<&str>(&[], &[]).map(drop));
    assert_eq!(table.stats().rows, 0);
    assert_eq!(again.count(&now).unwrap(), 0);
    assert_eq!(store.drop_table("nobody").unwrap_err().kind(), Kind::NotFound);
    drop((waiting, before, now));
    store.drop_table("plain").unwrap();
    assert!(store.tables().is_empty());
    wait_until("both are gone", || table_bytes(&store) == 0);
}

#[test]
fn hidden_keys_go_on_where_they_were() {
    let device = SimDevice::new();
    let open = || Store::options().memory(64 << 20).open_on(Arc::new(device.clone())).unwrap();
    let store = open();
    let table = store.create_table(Schema::parse("t", "a text").unwrap()).unwrap();
    let insert = |store: &Store, table: &Table, cells: &[ValueRef<'_>]| {
        store.write(|txn| table.insert(txn, cells)).unwrap();
    };
    insert(&store, &table, &["one".into()]);
    insert(&store, &table, &["two".into()]);
    store.write(|txn| table.delete(txn, &[2.into()])).unwrap();
    table.add_column(&ColumnSpec::parse("b int16 default 5").unwrap()).unwrap();
    insert(&store, &table, &["three".into(), ValueRef::Null]);
    table.drop_column("a").unwrap();
    let expected: [(i64, Value); 2] = [(1, 5.into()), (3, Value::Null)];
    let found = |store: &Store| -> Vec<(i64, Value)> {
        let (table, snapshot) = (store.open_table("t").unwrap(), store.snapshot().unwrap());
        let mut cursor = table.query(&snapshot).sort(&["_row"]).unwrap().run().unwrap();
        let mut rows = Vec::new();
        while let Some(row) = cursor.next().unwrap() {
            rows.push((int(&row.get(1).to_owned()), row.get(0).to_owned()));
        }
        rows
    };
    assert_eq!(found(&store), expected);
    drop((table, store));
    let store = open();
    assert_eq!(found(&store), expected);
    let ids: Vec<u32> =
        store.open_table("t").unwrap().schema().columns.iter().map(|column| column.id).collect();
    store.checkpoint().unwrap();
    store.open_table("t").unwrap().add_column(&ColumnSpec::new("a", Type::Text)).unwrap();
    let columns = store.open_table("t").unwrap().schema().columns.clone();
    assert!(!ids.contains(&columns[1].id) && columns[1].id > 3, "{columns:?}");
}

/// Rows between which amounts are moved; behind them each writer counts what it has moved.
const ACCOUNTS: i64 = 60;
const ROWS: i64 = ACCOUNTS + 4;

/// Moves an amount from one row to another, and says so in whatever column is there besides; how
/// often, which the writer's own row counts.
fn transfer(store: &Store, table: &Table, random: &mut Random, writer: u64) -> i64 {
    let [from, to] = [0; 2].map(|_| random.below(ACCOUNTS as u64) as i64);
    let amount = random.below(20) as i64;
    let moved = store.write(|txn| {
        table.incr(txn, &[from.into()], "value", (-amount).into())?;
        if table.schema_at(txn)?.column_position("squawk").is_ok() {
            table.update(txn, &[to.into()], &[("squawk", (amount as i32).into())])?;
        }
        table.incr(txn, &[(ACCOUNTS + writer as i64).into()], "value", 1.into())?;
        table.incr(txn, &[to.into()], "value", amount.into())
    });
    if let Err(error) = &moved {
        let known = matches!(error.kind(), Kind::Conflict | Kind::OverBudget);
        assert!(known, "{error}");
    }
    i64::from(moved.is_ok())
}

/// The sum of the accounts.
fn sum_of_accounts(rows: &[Vec<Value>]) -> i64 {
    let accounts = rows.iter().filter(|row| int(&row[0]) < ACCOUNTS);
    accounts.map(|row| int(&row[1])).sum()
}

fn look<R: Reader>(table: &Table, reader: &R, total: i64) {
    let columns = names(table, reader);
    let rows = all(table, reader);
    assert_eq!((rows.len() as i64, sum_of_accounts(&rows)), (ROWS, total));
    assert!(rows.iter().all(|row| row.len() == columns.len() && row[2] == LONG.into()));
    let by_index = table.query(reader).index("value").sort(&["value"]).unwrap().run().unwrap();
    let by_index = drain(by_index);
    assert_eq!((by_index.len() as i64, sum_of_accounts(&by_index)), (ROWS, total));
    if columns.len() > 3 {
        assert!(rows.iter().all(|row| row[3] != Value::Null));
    }
    for id in [0, ACCOUNTS] {
        let row = table.get(reader, &[id.into()]).unwrap().unwrap();
        assert_eq!(row.to_values().len(), columns.len());
    }
}

/// A writer's row has counted what it has moved.
fn assert_counted<R: Reader>(table: &Table, reader: &R, writer: u64, moved: i64) {
    let row = ACCOUNTS + writer as i64;
    let found = table.get(reader, &[row.into()]).unwrap().unwrap().to_values();
    assert_eq!(int(&found[1]), row + moved, "writer {writer}");
}

/// Changes again when old snapshots hold too many tables as they were.
fn patiently(change: impl Fn() -> store_core::Result<()>) {
    while let Err(error) = change() {
        assert_eq!(error.kind(), Kind::OverBudget, "{error}");
        std::thread::yield_now();
    }
}

#[test]
fn columns_that_come_and_go_lose_nothing_at_any_snapshot() {
    let store = store();
    let table = plain(&store, ROWS);
    let total = sum_of_accounts(&all(&table, &store.snapshot().unwrap()));
    let (pace, changes) = (Pace::default(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 1..4 {
            let (store, table, pace) = (&store, &table, &pace);
            scope.spawn(move || {
                let (mut random, mut moved) = (Random::new(writer), 0);
                while pace.may_write(60) {
                    moved += transfer(store, table, &mut random, writer);
                }
                assert_counted(table, &store.snapshot().unwrap(), writer, moved);
            });
        }
        let (changer, pace, changes) = (table.clone(), &pace, &changes);
        scope.spawn(move || {
            while !is_stopped(&pace.stop) {
                patiently(|| changer.add_column(&squawk()));
                patiently(|| changer.drop_column("squawk"));
                changes.fetch_add(2, Ordering::Relaxed);
            }
        });
        let _stop = StopAtEnd(&pace.stop);
        let mut old = (store.snapshot().unwrap(), store.open_table("plain").unwrap());
        for round in 0..500 {
            pace.looked();
            look(&table, &store.snapshot().unwrap(), total);
            look(&table, &store.begin().unwrap(), total);
            look(&table, &old.0, total);
            look(&old.1, &old.0, total);
            look(&old.1, &store.snapshot().unwrap(), total);
            assert_sound(&store);
            if round % 7 == 6 {
                old = (store.snapshot().unwrap(), store.open_table("plain").unwrap());
            }
        }
    });
    let changes = changes.into_inner();
    assert!(changes > 20, "{changes} changes");
    assert_sound(&store);
}

#[test]
fn changes_beside_checkpoints_survive_the_loss_of_power() {
    let device = SimDevice::new();
    let open = |device: &SimDevice| {
        Store::options().memory(64 << 20).open_on(Arc::new(device.clone())).unwrap()
    };
    let store = open(&device);
    let table = plain(&store, ROWS);
    let total = sum_of_accounts(&all(&table, &store.snapshot().unwrap()));
    let (stop, checkpoints) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 1..3 {
            let (store, table, stop) = (&store, &table, &stop);
            scope.spawn(move || {
                let (mut random, mut moved) = (Random::new(writer), 0);
                while !is_stopped(stop) {
                    moved += transfer(store, table, &mut random, writer);
                }
                assert_counted(table, &store.snapshot().unwrap(), writer, moved);
            });
        }
        scope.spawn(|| {
            while !is_stopped(&stop) {
                store.checkpoint().unwrap();
                checkpoints.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _stop = StopAtEnd(&stop);
        for round in 0..20 {
            table.add_column(&squawk()).unwrap();
            // What is acknowledged now is found, whatever else is lost.
            let left = open(&device.crash(round));
            let found = left.open_table("plain").unwrap();
            look(&found, &left.snapshot().unwrap(), total);
            assert_eq!(found.schema().visible_len(), 4);
            assert_sound(&left);
            table.drop_column("squawk").unwrap();
        }
    });
    assert!(checkpoints.into_inner() > 3);
    let last = all(&table, &store.snapshot().unwrap());
    drop((table, store));
    let left = open(&device.crash(99));
    assert_eq!(all(&left.open_table("plain").unwrap(), &left.snapshot().unwrap()), last);
}

#[test]
fn a_load_ends_when_the_columns_change_under_it() {
    let store = store();
    let table = plain(&store, 0);
    let lines: Vec<String> = (0..100).map(|id| format!("{id}\t{id}\tnote\n")).collect();
    let source =
        Source::from_reader("rows.tsv", std::io::Cursor::new(lines.concat().into_bytes())).unwrap();
    let mut options = IngestOptions::new(Format::Tsv);
    (options.batch_rows, options.on_error) = (10, OnError::Skip);
    let changer = table.clone();
    options.progress = Some(Box::new(move |progress| {
        if progress.rows_loaded == 30 {
            changer.drop_column("note").unwrap();
        }
        true
    }));
    let error = table.ingest(source, options).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert!(error.to_string().contains("the columns of `plain`"), "{error}");
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 30);
}

//! Readers and writers beside freezes and thaws: sums that stay, snapshots that do not change.

use crate::{MIB, flights, key, put, row, store};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store_core::query::{Aggregate, Predicate, column};
use store_core::{Isolation, Schema, Store, Table, TxnOptions, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain};

const ACCOUNTS: i64 = 3_000;

fn accounts(store: &Store) -> Table {
    let schema = Schema::builder("accounts")
        .column("id", Type::Int64)
        .key()
        .column("amount", Type::Int64)
        .index()
        .column("note", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let note = ValueRef::Text("a note that is longer than a cell");
    store
        .write(|txn| {
            (0..ACCOUNTS).try_for_each(|id| table.insert(txn, &[id.into(), 100.into(), note]))
        })
        .unwrap();
    table
}

fn sum<R: store_core::Reader>(table: &Table, reader: &R) -> (i64, i64) {
    let wanted = [Aggregate::sum("amount"), Aggregate::count()];
    let groups = table.query(reader).aggregate::<&str>(&[], &wanted).unwrap();
    match &groups.rows()[0][..] {
        [Value::Int(sum), Value::Int(count)] => (*sum, *count),
        other => panic!("{other:?}"),
    }
}

/// Moves an amount between two accounts, by key or by a predicate.
fn transfer(store: &Store, table: &Table, random: &mut Random, level: Isolation) {
    let from = random.below(ACCOUNTS as u64) as i64;
    let to = random.below(ACCOUNTS as u64) as i64;
    let by_where = random.once_in(4);
    store
        .write_with(TxnOptions::new().isolation(level), |txn| {
            if by_where {
                let before = table.get(txn, &[from.into()])?.unwrap().at(1).to_owned();
                let Value::Int(before) = before else { panic!("{before:?}") };
                let id = column("id").eq(from);
                assert_eq!(table.update_where(txn, &id, &[("amount", (before - 1).into())])?, 1);
            } else {
                table.incr(txn, &[from.into()], "amount", (-1).into())?.unwrap();
            }
            if random.once_in(5) {
                // The row goes, and comes again with the rest.
                let row = table.get(txn, &[to.into()])?.unwrap().to_values();
                assert!(table.delete(txn, &[to.into()])?);
                assert!(table.get(txn, &[to.into()])?.is_none());
                let Value::Int(amount) = row[1] else { panic!("{row:?}") };
                table.insert(txn, &[to.into(), (amount + 1).into(), row[2].as_ref()])
            } else {
                table.incr(txn, &[to.into()], "amount", 1.into()).map(drop)
            }
        })
        .unwrap();
}

/// Tells the other threads to end.
struct End<'d>(&'d AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn sums_stay_while_rows_come_and_go() {
    let (store, place) = store(32 * MIB);
    let table = accounts(&store);
    let (done, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (store, table, done, rounds) = (&store, &table, &done, &rounds);
        for thread in 0..2_u64 {
            scope.spawn(move || {
                let mut random = Random::new(thread + 1);
                while !done.load(Ordering::Relaxed) {
                    let serializable = random.once_in(3);
                    let level =
                        if serializable { Isolation::Serializable } else { Isolation::Snapshot };
                    transfer(store, table, &mut random, level);
                }
            });
        }
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let snapshot = store.snapshot().unwrap();
                assert_eq!(sum(table, &snapshot), (100 * ACCOUNTS, ACCOUNTS));
                let rows = drain(table.query(&snapshot).run().unwrap());
                let total: i64 = rows.iter().map(|row| store_tests::rows::int(&row[1])).sum();
                assert_eq!((total, rows.len() as i64), (100 * ACCOUNTS, ACCOUNTS));
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also if this thread fails, or the others would go on for ever.
        let _end = End(done);
        let mut random = Random::new(9);
        for _ in 0..60 {
            let low = random.below(ACCOUNTS as u64) as i64;
            let some = column("id").between(low, low + 900);
            table.freeze(&some, |_| true).unwrap();
            if random.once_in(3) {
                table.thaw(&column("id").between(low, low + 100)).unwrap();
            }
            if random.once_in(10) {
                store.checkpoint().unwrap();
            }
        }
    });
    assert!(rounds.load(Ordering::Relaxed) > 0 && store.stats().tables[0].cold_rows > 0);
    assert_sound(&store);
    drop((table, store));
    let store = Store::options().memory(32 * MIB).open(place.path()).unwrap();
    let table = store.open_table("accounts").unwrap();
    assert_eq!(sum(&table, &store.snapshot().unwrap()), (100 * ACCOUNTS, ACCOUNTS));
    assert_sound(&store);
}

#[test]
fn a_snapshot_sees_the_same_before_and_after_and_a_cursor_goes_on() {
    let (store, _place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..5_000);
    let before = store.snapshot().unwrap();
    let mut cursor = table.query(&before).run().unwrap();
    for _ in 0..100 {
        cursor.next().unwrap().unwrap();
    }
    let report = table.freeze(&Predicate::all(), |_| true).unwrap();
    assert_eq!((report.rows, report.rows_kept, report.segments), (5_000, 0, 1));
    let frozen = store.snapshot().unwrap();
    store.write(|txn| table.delete_where(txn, &column("id").lt(&*key(1_000)))).unwrap();
    let after = store.snapshot().unwrap();
    assert_eq!(table.thaw(&column("id").lt(&*key(3_000))).unwrap(), 2_000);
    for (snapshot, count) in [(&before, 5_000), (&frozen, 5_000), (&after, 4_000)] {
        let rows = drain(table.query(snapshot).sort(&["id"]).unwrap().run().unwrap());
        assert_eq!(rows.len(), count);
        for (found, nth) in rows.iter().zip(5_000 - count as i64..) {
            assert_eq!(found[..], row(nth));
        }
        assert_eq!(table.count(snapshot).unwrap(), count as u64);
    }
    let mut rest = 0;
    while cursor.next().unwrap().is_some() {
        rest += 1;
    }
    assert_eq!(rest, 4_900);
    drop(cursor);
    drop((before, frozen, after));
    assert_sound(&store);
}

#[test]
fn a_serializable_reader_of_cold_rows_loses_to_whoever_changed_one() {
    let (store, _place) = store(32 * MIB);
    let table = flights(&store);
    put(&store, &table, 0..2_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    let serializable = || TxnOptions::new().isolation(Isolation::Serializable);
    for by_key in [true, false] {
        let mut reader = store.begin_with(serializable()).unwrap();
        if by_key {
            assert!(table.get(&reader, &[(&*key(7)).into()]).unwrap().is_some());
        } else {
            // The row leaves this range: only as it was, cold, did it lie there.
            let seen = column("seen").between(Value::Timestamp(7_000), Value::Timestamp(8_000));
            assert_eq!(table.query(&reader).filter(seen).count().unwrap(), 2);
        }
        let away = [("seen", ValueRef::Timestamp(-1))];
        store.write(|txn| table.update(txn, &[(&*key(7)).into()], &away)).unwrap();
        table.update(&mut reader, &[(&*key(9)).into()], &[("altitude", 1.into())]).unwrap();
        assert_eq!(reader.commit().unwrap_err().kind(), store_core::Kind::Conflict);
        put(&store, &table, 7..8);
        table.freeze(&Predicate::all(), |_| true).unwrap();
    }
    // Rows that only move are no change.
    let mut reader = store.begin_with(serializable()).unwrap();
    assert_eq!(table.query(&reader).count().unwrap(), 2_000);
    table.thaw(&column("id").lt(&*key(50))).unwrap();
    table.update(&mut reader, &[(&*key(9)).into()], &[("altitude", 1.into())]).unwrap();
    reader.commit().unwrap();
}

//! The whole engine in memory, in many random schedules: every operation on an atomic and every
//! lock is a point where shuttle may let another thread go on.
//!
//! Memory is sequentially consistent here: this finds wrong orders of steps, across all pieces at
//! once, and no missing fence. Epochs and the skip list are the stand-ins that loom has, too.

use super::{check_schedules, notices};
use crate::query::column;
use crate::{Kind, Schema, Snapshot, Store, Table, Type, Value};
use shuttle::thread;

const ACCOUNTS: i64 = 3;
const VALUE: i64 = 100;
const WRITERS: i64 = 2;
const TRANSFERS: i64 = 2;
/// Snapshots of the reader, so that some fall into the moment in which a commit becomes visible.
const LOOKS: usize = 12;

fn accounts() -> (Store, Table) {
    let store = Store::options().memory(8 << 20).open_in_memory().expect("8 MiB");
    let schema = Schema::builder("accounts").column("id", Type::Int64).key();
    let schema = schema.column("value", Type::Int64).index().build().expect("a valid schema");
    let table = store.create_table(schema).expect("a new table");
    let mut txn = store.begin().expect("a free place");
    for id in 0..ACCOUNTS {
        table.insert(&mut txn, &[id.into(), VALUE.into()]).expect("a new key");
    }
    txn.commit().expect("room for three rows");
    (store, table)
}

fn int(value: Value) -> i64 {
    let Value::Int(value) = value else { panic!("{value:?} is no integer") };
    value
}

/// Moves one from an account to another; `None` if somebody else was faster. Every other transfer
/// deletes an account and inserts it again.
fn transfer(store: &Store, table: &Table, from: i64, to: i64) -> Option<()> {
    let mut txn = store.begin().expect("a free place");
    let mut work = || {
        for (id, by) in [(from, -1), (to, 1)] {
            let row = table.get(&txn, &[id.into()])?.expect("no account is ever gone");
            let value = int(row.at(1).to_owned()) + by;
            if from < to && by < 0 {
                table.delete(&mut txn, &[id.into()])?;
                table.insert(&mut txn, &[id.into(), value.into()])?;
            } else {
                table.update(&mut txn, &[id.into()], &[("value", value.into())])?;
            }
        }
        Ok::<_, crate::Error>(())
    };
    match work() {
        Ok(()) => txn.commit().map(drop).map_err(|error| assert_eq!(error.kind(), Kind::Conflict)),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Conflict, "{error}");
            txn.rollback();
            Err(())
        }
    }
    .ok()
}

/// The sum must be the same at every moment, by key.
fn demand_sum_by_key(table: &Table, snapshot: &Snapshot) {
    let by_key = (0..ACCOUNTS).map(|id| {
        let row = table.get(snapshot, &[id.into()]).expect("a sound table");
        int(row.expect("no account is ever gone").at(1).to_owned())
    });
    assert_eq!(by_key.sum::<i64>(), ACCOUNTS * VALUE, "by key");
}

/// And by every other path.
fn demand_sum(table: &Table, snapshot: &Snapshot) {
    demand_sum_by_key(table, snapshot);
    let queries = [
        ("by scan", table.query(snapshot)),
        ("by index", table.query(snapshot).filter(column("value").gt(0))),
        ("in order", table.query(snapshot).sort(&["-value"]).expect("a column")),
    ];
    for (path, query) in queries {
        let (mut cursor, mut sum, mut rows) = (query.run().expect("a sound table"), 0, 0);
        while let Some(row) = cursor.next().expect("a sound table") {
            (sum, rows) = (sum + int(row.get(1).to_owned()), rows + 1);
        }
        assert_eq!((rows, sum), (ACCOUNTS, ACCOUNTS * VALUE), "{path}");
    }
}

fn transfers_beside_a_reader() {
    let (store, table) = accounts();
    let writer = |number: i64| {
        let (store, table) = (store.clone(), table.clone());
        thread::spawn(move || {
            let pairs = (0..TRANSFERS).map(|at| (number + at, number + at + 1));
            pairs.filter_map(|(a, b)| transfer(&store, &table, a % ACCOUNTS, b % ACCOUNTS)).count()
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let reader = {
        let (store, table) = (store.clone(), table.clone());
        thread::spawn(move || {
            for _ in 0..LOOKS {
                demand_sum_by_key(&table, &store.snapshot().expect("a free place"));
            }
            demand_sum(&table, &store.snapshot().expect("a free place"));
        })
    };
    let committed: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    reader.join().unwrap();
    assert!(committed > 0, "of two writers one always wins");
    demand_sum(&table, &store.snapshot().expect("a free place"));
    let report = store.check().expect("memory for a check");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[test]
fn the_sum_is_kept() {
    check_schedules("the_sum_is_kept", transfers_beside_a_reader);
}

#[test]
fn the_sum_is_kept_or_noticed() {
    let bugs = ["published_between_rows", "published_before_install", "owner_ignored"];
    notices("models::engine::the_sum_is_kept", &bugs);
}

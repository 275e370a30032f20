//! Serializable transactions: whoever read what was changed since cannot commit; all others can.

use crate::{accounts, store};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use store_core::query::{Predicate, column};
use store_core::{Isolation, Kind, Result, Store, Table, Txn, TxnOptions};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int};

const SERIALIZABLE: TxnOptions = TxnOptions::new().isolation(Isolation::Serializable);

fn with_rows(rows: i64) -> (Store, Table) {
    let store = store();
    let table = accounts(&store, "t");
    let insert = |txn: &mut Txn| {
        (0..rows).try_for_each(|id| table.insert(txn, &[id.into(), id.into(), 1_i64.into()]))
    };
    store.write(insert).unwrap();
    (store, table)
}

fn begin(store: &Store) -> Txn {
    store.begin_with(SERIALIZABLE).unwrap()
}

fn set(table: &Table, txn: &mut Txn, id: i64, value: i64) -> Result<bool> {
    table.update(txn, &[id.into()], &[("value", value.into())])
}

fn value(table: &Table, txn: &Txn, id: i64) -> Option<i64> {
    table.get(txn, &[id.into()]).unwrap().map(|row| int(&row.to_values()[2]))
}

fn conflicts<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    error.to_string()
}

#[test]
fn of_two_that_read_what_the_other_writes_one_commits() {
    let (store, table) = with_rows(2);
    let (mut one, mut two) = (begin(&store), begin(&store));
    assert_eq!((value(&table, &one, 1), value(&table, &two, 0)), (Some(1), Some(1)));
    set(&table, &mut one, 0, 0).unwrap();
    set(&table, &mut two, 1, 0).unwrap();
    let at = one.commit().unwrap();
    let why = conflicts(two.commit());
    assert!(why.contains("row 0 of `t`") && why.contains(&at.to_string()), "{why}");
    assert_eq!(store.stats().conflicts, 1);
    // At the other level both do: the test above is about validation, not about chance.
    let (mut one, mut two) = (store.begin().unwrap(), store.begin().unwrap());
    assert_eq!((value(&table, &one, 1), value(&table, &two, 0)), (Some(1), Some(0)));
    set(&table, &mut one, 0, 5).unwrap();
    set(&table, &mut two, 1, 5).unwrap();
    one.commit().unwrap();
    two.commit().unwrap();
}

/// Every way to read a range, each with a row that comes into it and one that leaves it.
#[test]
fn phantoms_count_on_every_path() {
    type Ask = fn(&Table, &Txn) -> usize;
    fn all(table: &Table, txn: &Txn, filter: Predicate) -> usize {
        let mut cursor = table.query(txn).filter(filter).run().unwrap();
        let mut rows = 0;
        while cursor.next().unwrap().is_some() {
            rows += 1;
        }
        rows
    }
    let asks: [(&str, Ask); 7] = [
        ("count by index", |table, txn| {
            table.query(txn).filter(column("place").eq(3)).count().unwrap() as usize
        }),
        ("equal by index", |table, txn| all(table, txn, column("place").eq(3))),
        ("range by index", |table, txn| all(table, txn, column("place").range(3, 4))),
        ("scan", |table, txn| {
            all(table, txn, column("place").eq(3).or(column("place").eq(1_000_000)))
        }),
        ("key", |table, txn| all(table, txn, column("id").eq(3))),
        ("key that is absent", |table, txn| usize::from(value(table, txn, 100).is_some()) + 1),
        ("first by sort", |table, txn| {
            let query = table.query(txn).filter(column("place").eq(3)).sort(&["-value"]).unwrap();
            let mut cursor = query.limit(1).run().unwrap();
            usize::from(cursor.next().unwrap().is_some())
        }),
    ];
    let place = |txn: &mut Txn, table: &Table, id: i64, to: i64| {
        table.update(txn, &[id.into()], &[("place", to.into())])
    };
    for (way, ask) in asks {
        for change in ["comes", "leaves", "is inserted", "is deleted", "elsewhere"] {
            if way.starts_with("key") && matches!(change, "comes") {
                continue; // keys do not change
            }
            let (store, table) = with_rows(10);
            let mut reader = begin(&store);
            assert_eq!(ask(&table, &reader), 1, "{way}");
            set(&table, &mut reader, 9, 7).unwrap();
            let other = store.write(|txn| match change {
                "comes" => place(txn, &table, 5, 3),
                "leaves" => place(txn, &table, 3, 5),
                "is inserted" if way == "key" => Ok(true),
                "is inserted" => {
                    table.insert(txn, &[100_i64.into(), 3.into(), 1_i64.into()]).map(|()| true)
                }
                "is deleted" => table.delete(txn, &[3_i64.into()]),
                _ => set(&table, txn, 8, 8),
            });
            assert!(other.unwrap());
            let unread = change == "elsewhere"
                || (way == "key" && change == "is inserted")
                || (way == "key that is absent" && change != "is inserted");
            let result = reader.commit();
            assert_eq!(result.is_ok(), unread, "{way}, a row {change}: {result:?}");
        }
    }
}

#[test]
fn keys_that_were_not_found_count() {
    let (store, table) = with_rows(2);
    let mut statements: Vec<Txn> = (0..3).map(|_| begin(&store)).collect();
    let row = |id: i64| [id.into(), 0.into(), 0_i64.into()];
    assert!(!set(&table, &mut statements[0], 50, 1).unwrap());
    assert!(!table.delete(&mut statements[1], &[50_i64.into()]).unwrap());
    assert!(!table.exists(&statements[2], &[50_i64.into()]).unwrap());
    store.write(|txn| table.insert(txn, &row(50))).unwrap();
    for (nth, mut txn) in statements.into_iter().enumerate() {
        table.insert(&mut txn, &row(60 + nth as i64)).unwrap();
        conflicts(txn.commit());
    }
    // A refused insert is a read: who goes on believes that the key is there.
    let mut txn = begin(&store);
    assert_eq!(table.insert(&mut txn, &row(50)).unwrap_err().kind(), Kind::Duplicate);
    store.write(|txn| table.delete(txn, &[50_i64.into()])).unwrap();
    table.insert(&mut txn, &row(70)).unwrap();
    conflicts(txn.commit());
}

#[test]
fn readers_never_abort_and_readers_may_not_write() {
    let (store, table) = with_rows(3);
    let quiet = begin(&store);
    let reader = store.begin_with(SERIALIZABLE.read_only()).unwrap();
    let mut plain = store.begin_with(TxnOptions::new().read_only()).unwrap();
    for txn in [&quiet, &reader, &plain] {
        assert_eq!(table.count(txn).unwrap(), 3);
    }
    for write in [
        set(&table, &mut plain, 0, 9),
        table.delete(&mut plain, &[0_i64.into()]),
        table.lock(&mut plain, &[0_i64.into()]),
        table.insert(&mut plain, &[9_i64.into(), 0.into(), 0_i64.into()]).map(|()| true),
    ] {
        assert_eq!(write.unwrap_err().kind(), Kind::ReadOnly);
    }
    store.write(|txn| table.delete(txn, &[1_i64.into()])).unwrap();
    for txn in [quiet, reader, plain] {
        assert_eq!(table.count(&txn).unwrap(), 3);
        txn.commit().unwrap();
    }
}

#[test]
fn a_commit_that_changed_nothing_that_was_read_disturbs_nobody() {
    let (store, table) = with_rows(4);
    let other = accounts(&store, "other");
    let mut txn = begin(&store);
    assert_eq!(table.query(&txn).filter(column("place").le(1)).count().unwrap(), 2);
    set(&table, &mut txn, 0, 5).unwrap();
    store.write(|txn| set(&table, txn, 3, 5)).unwrap();
    store.write(|txn| other.insert(txn, &[0_i64.into(), 0.into(), 0_i64.into()])).unwrap();
    // Rolled back, or inserted and deleted again: nothing happened.
    let mut gone = store.begin().unwrap();
    table.insert(&mut gone, &[20_i64.into(), 1.into(), 1_i64.into()]).unwrap();
    gone.rollback();
    let insert_and_delete = |txn: &mut Txn| {
        table.insert(txn, &[21_i64.into(), 1.into(), 1_i64.into()])?;
        table.delete(txn, &[21_i64.into()])
    };
    store.write(insert_and_delete).unwrap();
    txn.commit().unwrap();
}

#[test]
fn a_transaction_that_reads_more_than_it_can_remember_still_notices() {
    let (store, table) = with_rows(0);
    let mut txn = begin(&store);
    for id in 0..100_000_i64 {
        assert!(!table.exists(&txn, &[id.into()]).unwrap());
    }
    table.insert(&mut txn, &[(-1_i64).into(), 0.into(), 0_i64.into()]).unwrap();
    store.write(|txn| table.insert(txn, &[99_999_i64.into(), 0.into(), 0_i64.into()])).unwrap();
    conflicts(txn.commit());
    assert_sound(&store);
}

#[test]
fn a_locked_row_is_the_owner_s_until_the_end() {
    let (store, table) = with_rows(3);
    let key = [1_i64.into()];
    let mut owner = store.begin().unwrap();
    assert!(table.lock(&mut owner, &key).unwrap() && table.lock(&mut owner, &key).unwrap());
    assert!(!table.lock(&mut owner, &[50_i64.into()]).unwrap());
    assert_eq!(table.query(&owner).filter(column("place").eq(1)).count().unwrap(), 1);
    conflicts(store.write_with(TxnOptions::new().retries(0), |txn| set(&table, txn, 1, 2)));
    assert_eq!(value(&table, &store.begin().unwrap(), 1), Some(1), "readers go on");
    // Written after all, taken back, and given up: as before.
    let before = owner.savepoint().unwrap();
    set(&table, &mut owner, 1, 7).unwrap();
    assert_eq!(value(&table, &owner, 1), Some(7));
    owner.rollback_to(before).unwrap();
    assert_eq!(value(&table, &owner, 1), Some(1));
    let before = store.stats();
    owner.commit().unwrap();
    assert_eq!(store.stats().commits, before.commits, "nothing was written");
    store.write(|txn| set(&table, txn, 1, 3)).unwrap();
    // A lock and a write; a lock that a newer version refuses.
    let mut late = store.begin().unwrap();
    store
        .write(|txn| {
            table.lock(txn, &key)?;
            set(&table, txn, 1, 4)
        })
        .unwrap();
    conflicts(table.lock(&mut late, &key));
    drop(late);
    let mut deleter = store.begin().unwrap();
    assert!(table.lock(&mut deleter, &key).unwrap() && table.delete(&mut deleter, &key).unwrap());
    deleter.commit().unwrap();
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 2);
    assert_sound(&store);
}

/// Money moves from whoever has enough together with a second account: write skew would let the sum
/// of a pair fall below zero.
fn race(options: TxnOptions, threads: u64, rounds: u64) -> (Store, Table, i64) {
    let (store, table) = with_rows(8);
    let worst = AtomicI64::new(0);
    let commits = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (store, table, worst, commits) = (&store, &table, &worst, &commits);
            scope.spawn(move || {
                let mut random = Random::new(thread + 1);
                for _ in 0..rounds {
                    let pair = random.below(4) as i64 * 2;
                    let from = pair + random.below(2) as i64;
                    let put = random.once_in(2);
                    let work = |txn: &mut Txn| -> Result<i64> {
                        let two = [value(table, txn, pair), value(table, txn, pair + 1)];
                        let sum = two[0].unwrap() + two[1].unwrap();
                        std::thread::yield_now();
                        let own = value(table, txn, from).unwrap();
                        if put {
                            set(table, txn, from, own + 1)?;
                        } else if sum >= 1 {
                            set(table, txn, from, own - 1)?;
                        }
                        Ok(sum)
                    };
                    if let Ok(sum) = store.write_with(options, work) {
                        worst.fetch_min(sum, Ordering::Relaxed);
                        commits.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(commits.into_inner() > threads * rounds / 4, "most transactions commit in the end");
    (store, table, worst.into_inner())
}

#[test]
fn the_sum_of_two_never_falls_below_zero_while_all_are_serializable() {
    let (store, table, worst) = race(SERIALIZABLE, 4, 3_000);
    assert!(worst >= 0, "a pair was at {worst}");
    let snapshot = store.snapshot().unwrap();
    for pair in 0..4_i64 {
        let sum: i64 = (0..2)
            .map(|nth| {
                let row = table.get(&snapshot, &[(pair * 2 + nth).into()]).unwrap().unwrap();
                int(&row.to_values()[2])
            })
            .sum();
        assert!(sum >= 0, "pair {pair} ends at {sum}");
    }
    assert_sound(&store);
}

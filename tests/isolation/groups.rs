//! Aggregates by groups: of one moment, on several threads, within the budget.

use crate::{StopAtEnd, accounts, is_stopped, store};
use std::sync::atomic::AtomicBool;
use store_core::query::{Aggregate, column};
use store_core::{Kind, Schema, Store, Type, Value, ValueRef};

const ACCOUNTS: i64 = 3_000;
const PLACES: i64 = 7;

#[test]
fn sums_of_several_threads_are_those_of_one_moment() {
    let store = store();
    let table = accounts(&store, "accounts");
    let fill = store.write(|txn| {
        (0..ACCOUNTS).try_for_each(|id| {
            table.insert(txn, &[id.into(), ((id % PLACES) as i32).into(), 100_i64.into()])
        })
    });
    fill.unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_i64.. {
                if is_stopped(&stop) {
                    break;
                }
                // From one account to another, of the same place or not.
                let moved = store.write(|txn| {
                    for (id, by) in [(round % ACCOUNTS, -1), (round * 31 % ACCOUNTS, 1)] {
                        let row = table.get(txn, &[id.into()])?.map(|row| row.to_values());
                        let Some(Value::Int(value)) = row.map(|row| row[2].clone()) else {
                            panic!()
                        };
                        table.update(txn, &[id.into()], &[("value", (value + by).into())])?;
                    }
                    Ok(())
                });
                moved.unwrap();
            }
        });
        let _stop = StopAtEnd(&stop);
        let wanted = [Aggregate::sum("value"), Aggregate::count(), Aggregate::count_distinct("id")];
        for round in 0..200 {
            let snapshot = store.snapshot().unwrap();
            let query = table.query(&snapshot).threads(1 + round % 4);
            let all = query.aggregate::<&str>(&[], &wanted).unwrap();
            assert_eq!(
                all.rows(),
                [vec![(100 * ACCOUNTS).into(), ACCOUNTS.into(), ACCOUNTS.into()]]
            );
            let query = table.query(&snapshot).threads(1 + round % 4);
            let by = query.aggregate(&["place"], &wanted).unwrap();
            let of = |nth: usize| -> i64 {
                by.rows().iter().map(|row| store_tests::rows::int(&row[nth])).sum()
            };
            assert_eq!(
                (by.rows().len(), of(1), of(2)),
                (PLACES as usize, 100 * ACCOUNTS, ACCOUNTS)
            );
        }
    });
}

#[test]
fn groups_beyond_the_budget_are_refused_and_leave_nothing() {
    let store = Store::options().memory(8 << 20).open_in_memory().unwrap();
    let schema = Schema::builder("t").column("id", Type::Int64).key().column("half", Type::Int64);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    for first in (0..70_000).step_by(1_000) {
        let write = store.write(|txn| {
            (first..first + 1_000_i64)
                .try_for_each(|id| table.insert(txn, &[id.into(), (id / 2).into()]))
        });
        write.unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    let before = store.stats().memory_used;
    for threads in [1, 3] {
        let many = table.query(&snapshot).threads(threads);
        let refused = many.aggregate(&["id"], &[Aggregate::count()]).unwrap_err();
        assert_eq!(refused.kind(), Kind::OverBudget, "{refused}");
        let many = table.query(&snapshot).threads(threads);
        let refused = many.aggregate::<&str>(&[], &[Aggregate::count_distinct("id")]).unwrap_err();
        assert_eq!(refused.kind(), Kind::OverBudget, "{refused}");
        assert!(store.stats().memory_peak <= 8 << 20);
    }
    assert_eq!(store.stats().memory_used, before);
    let few = table.query(&snapshot).filter(column("id").lt(1_000));
    let few = few.sort(&["-half"]).unwrap().offset(1).limit(2);
    let few = few.aggregate(&["half"], &[Aggregate::max("id")]).unwrap();
    assert_eq!(few.rows(), [vec![498.into(), 997.into()], vec![497.into(), 995.into()]]);
    assert!(store.stats().memory_used > before, "a result is counted");
    drop(few);
    assert_eq!(store.stats().memory_used, before);
}

#[test]
fn a_transaction_groups_its_own_rows_too() {
    let store = store();
    let table = accounts(&store, "accounts");
    let rows = [(1, 7, 10), (2, 7, 20), (3, 8, 30)];
    let cells = |(id, place, value): (i64, i64, i64)| -> [ValueRef<'static>; 3] {
        [id.into(), place.into(), value.into()]
    };
    let fill = store.write(|txn| rows.iter().try_for_each(|row| table.insert(txn, &cells(*row))));
    fill.unwrap();
    let mut txn = store.begin().unwrap();
    table.insert(&mut txn, &cells((4, 9, 40))).unwrap();
    table.update(&mut txn, &[1_i64.into()], &[("place", 8.into())]).unwrap();
    table.delete(&mut txn, &[2_i64.into()]).unwrap();
    let sums = table.query(&txn).threads(4).aggregate(&["place"], &[Aggregate::sum("value")]);
    let expected: [Vec<Value>; 2] = [vec![8.into(), 40.into()], vec![9.into(), 40.into()]];
    assert_eq!(sums.unwrap().rows(), expected);
}

#[test]
fn what_cannot_be_grouped_says_why() {
    let store = store();
    let table = accounts(&store, "accounts");
    let snapshot = store.snapshot().unwrap();
    let ask = |by: &[&str], wanted: &[Aggregate], sort: &[&str]| {
        let query = table.query(&snapshot).sort(sort).unwrap();
        query.aggregate(by, wanted).unwrap_err().to_string()
    };
    let count = Aggregate::count();
    assert!(ask(&["nowhere"], std::slice::from_ref(&count), &[]).contains("nowhere"));
    assert!(ask(&[], &[], &[]).contains("name an aggregate"));
    assert!(
        ask(&["place"], std::slice::from_ref(&count), &["value"]).contains("they are place, count")
    );
    let twice = [count.clone(), count.clone()];
    assert!(ask(&[], &twice, &[]).contains("two results are called \"count\""));
    let none = table.query(&snapshot).aggregate(&["place"], std::slice::from_ref(&count)).unwrap();
    assert!(none.rows().is_empty(), "no row, no group");
    let none = table.query(&snapshot).aggregate::<&str>(&[], &[count, Aggregate::avg("value")]);
    assert_eq!(none.unwrap().rows(), [vec![0.into(), Value::Null]]);
}

//! I1: a snapshot sees all of a transaction's writes or none, through every access path.

use crate::{Pace, StopAtEnd, accounts, store};
use store_core::query::{Predicate, column};
use store_core::{Snapshot, Store, Table};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain, int, matching, sum};

const ROWS: i64 = 24;
const PLACES: i32 = 24;
const VALUE: i64 = 1_000;
const ROUNDS: usize = 2_500;

/// Moves value between a row of each table; half of the time the rows change place too.
fn transfer(store: &Store, tables: &[Table; 2], random: &mut Random) {
    let keys = [random.below(ROWS as u64) as i64, random.below(ROWS as u64) as i64];
    let amount = random.below(50) as i64 - 25;
    let places = [random.below(PLACES as u64) as i32, random.below(PLACES as u64) as i32];
    let moves = random.once_in(2);
    let outcome = store.write(|txn| {
        for (at, sign) in [(0, 1), (1, -1)] {
            let key = [keys[at].into()];
            let value = match tables[at].get(txn, &key)?.unwrap().at(2).to_owned() {
                store_core::Value::Int(value) => value + sign * amount,
                other => panic!("{other:?}"),
            };
            let mut changes = vec![("value", value.into())];
            if moves {
                changes.push(("place", places[at].into()));
            }
            tables[at].update(txn, &key, &changes)?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        assert!(error.is_retryable(), "{error}");
    }
}

/// The sum of both tables by one access path.
fn total(tables: &[Table; 2], read: impl Fn(&Table) -> i64) -> i64 {
    tables.iter().map(read).sum()
}

fn by_scan(table: &Table, snapshot: &Snapshot) -> i64 {
    let query = table.query(snapshot);
    assert!(query.explain().unwrap().starts_with("scan"));
    let rows = drain(query.run().unwrap());
    assert_eq!(rows.len() as i64, ROWS, "rows of a scan");
    sum(&rows, 2)
}

fn by_key(table: &Table, snapshot: &Snapshot) -> i64 {
    (0..ROWS)
        .map(|id| int(&table.get(snapshot, &[id.into()]).unwrap().unwrap().to_values()[2]))
        .sum()
}

fn by_index(table: &Table, snapshot: &Snapshot) -> i64 {
    let mut rows = Vec::new();
    for place in 0..PLACES {
        rows.extend(matching(table, snapshot, column("place").eq(place)));
    }
    assert_eq!(rows.len() as i64, ROWS, "rows by the index on place");
    sum(&rows, 2)
}

fn by_index_order(table: &Table, snapshot: &Snapshot) -> i64 {
    let rows = drain(table.query(snapshot).sort(&["-value"]).unwrap().run().unwrap());
    assert_eq!(rows.len() as i64, ROWS, "rows in the order of the index on value");
    assert!(rows.is_sorted_by(|a, b| int(&a[2]) >= int(&b[2])));
    sum(&rows, 2)
}

#[test]
fn a_snapshot_sees_whole_transactions_by_every_path() {
    let store = store();
    let tables = [accounts(&store, "a"), accounts(&store, "b")];
    let fill = store.write(|txn| {
        for id in 0..ROWS {
            tables[0].insert(txn, &[id.into(), (id as i32).into(), VALUE.into()])?;
            tables[1].insert(txn, &[id.into(), (id as i32).into(), VALUE.into()])?;
        }
        Ok(())
    });
    fill.unwrap();
    let expected = 2 * ROWS * VALUE;
    let pace = Pace::default();
    std::thread::scope(|scope| {
        for seed in 1..3 {
            let (store, tables, pace) = (&store, &tables, &pace);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while pace.may_write(100) {
                    transfer(store, tables, &mut random);
                }
            });
        }
        let _stop = StopAtEnd(&pace.stop);
        for round in 0..ROUNDS {
            pace.looked();
            // The shortest read first: the moment after the snapshot shows the most.
            let snapshot = store.snapshot().unwrap();
            assert_eq!(total(&tables, |t| by_key(t, &snapshot)), expected, "keys, round {round}");
            let snapshot = store.snapshot().unwrap();
            assert_eq!(total(&tables, |t| by_scan(t, &snapshot)), expected, "scan, round {round}");
            let snapshot = store.snapshot().unwrap();
            assert_eq!(
                total(&tables, |t| by_index(t, &snapshot)),
                expected,
                "index, round {round}"
            );
            let of = |t: &Table| by_index_order(t, &snapshot);
            assert_eq!(total(&tables, of), expected, "index order, round {round}");
            assert_eq!(total(&tables, |t| by_key(t, &snapshot)), expected, "again, round {round}");
        }
    });
    assert_sound(&store);
}

#[test]
fn rows_appear_and_vanish_together() {
    let store = store();
    let tables = [accounts(&store, "a"), accounts(&store, "b")];
    let pace = Pace::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_i64.. {
                if !pace.may_write(20) {
                    return;
                }
                // One transaction inserts ten rows in each table, the next one deletes them.
                let write = store.write(|txn| {
                    for id in 0..10_i64 {
                        for table in &tables {
                            if round % 2 == 0 {
                                let place = (id as i32).into();
                                table.insert(txn, &[id.into(), place, round.into()])?;
                            } else {
                                assert!(table.delete(txn, &[id.into()])?);
                            }
                        }
                    }
                    Ok(())
                });
                write.unwrap();
            }
        });
        let _stop = StopAtEnd(&pace.stop);
        for _ in 0..30_000 {
            pace.looked();
            let snapshot = store.snapshot().unwrap();
            let counts: Vec<usize> =
                tables.iter().map(|t| matching(t, &snapshot, Predicate::all()).len()).collect();
            assert!(counts == [0, 0] || counts == [10, 10], "{counts:?}");
            let sorted = drain(tables[1].query(&snapshot).sort(&["value"]).unwrap().run().unwrap());
            assert_eq!(sorted.len(), counts[1], "by index");
            let values: Vec<i64> = sorted.iter().map(|row| int(&row[2])).collect();
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "of one round: {values:?}");
        }
    });
    assert_sound(&store);
}

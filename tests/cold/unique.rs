//! Unique indexes over rows in memory and cold ones: no value has two rows, wherever they are, and nobody
//! is refused a value that no row has (invariant I10).

use crate::{MIB, store};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store_core::query::{Predicate, column};
use store_core::{IndexSpec, Kind, Result, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain};

/// Rows that have numbers and tags; both are unique, the tags whatever their case.
fn members(store: &Store) -> Table {
    let schema = Schema::builder("members")
        .column("id", Type::Int64)
        .key()
        .column("number", Type::Int32)
        .unique()
        .column("tag", Type::Text)
        .unique_nocase()
        .column("note", Type::Text);
    store.create_table(schema.build().unwrap()).unwrap()
}

fn insert(store: &Store, table: &Table, id: i64, number: Option<i64>, tag: &str) -> Result<()> {
    let number = number.map_or(ValueRef::Null, ValueRef::Int);
    let note = ValueRef::Text("a note that is longer than a cell");
    store.write(|txn| table.insert(txn, &[id.into(), number, tag.into(), note]))
}

fn fill(store: &Store, table: &Table, ids: std::ops::Range<i64>) {
    let ids: Vec<i64> = ids.collect();
    for some in ids.chunks(100) {
        let put = |txn: &mut store_core::Txn| {
            some.iter().try_for_each(|id| {
                let number = if id % 5 == 0 { ValueRef::Null } else { (id * 3).into() };
                let tag = format!("Tag {id}");
                table.insert(txn, &[(*id).into(), number, (&*tag).into(), (&*tag).into()])
            })
        };
        store.write(put).unwrap();
    }
}

fn kind(result: Result<impl Sized>) -> Option<Kind> {
    result.err().map(|error| error.kind())
}

fn freeze(table: &Table) -> u64 {
    table.freeze(&Predicate::all(), |_| true).unwrap().rows
}

#[test]
fn a_cold_row_has_its_value_for_itself() {
    let (store, place) = store(32 * MIB);
    let table = members(&store);
    fill(&store, &table, 0..3_000);
    assert_eq!(freeze(&table), 3_000);
    let refused = |store: &Store, table: &Table| {
        let error = insert(store, table, 9_000, Some(21), "new").unwrap_err();
        assert_eq!(error.kind(), Kind::Duplicate);
        let words = error.to_string();
        assert!(words.contains("unique index `number`") && words.contains("21"), "{words}");
        assert_eq!(kind(insert(store, table, 9_000, None, "tAG 8")), Some(Kind::Duplicate));
        let to_tag = [("tag", ValueRef::Text("TAG 8"))];
        let update = |id: i64| store.write(|txn| table.update(txn, &[id.into()], &to_tag));
        assert_eq!(kind(update(9)), Some(Kind::Duplicate));
        assert_eq!(kind(update(8)), None, "it has that value itself");
    };
    refused(&store, &table);
    assert_eq!(table.stats().cold_rows, 2_998, "those that were to be written came back");
    insert(&store, &table, 9_000, None, "Tag of nobody").unwrap();
    // What a row gave up another may have.
    store.write(|txn| table.update(txn, &[7.into()], &[("number", 1.into())])).unwrap();
    insert(&store, &table, 9_001, Some(21), "t 9001").unwrap();
    assert!(store.write(|txn| table.delete(txn, &[11.into()])).unwrap());
    insert(&store, &table, 9_002, Some(33), "tag 11").unwrap();
    assert_eq!(kind(insert(&store, &table, 11, Some(33), "x")), Some(Kind::Duplicate));
    // In one transaction: gone, and taken by another row.
    store
        .write(|txn| {
            assert!(table.delete(txn, &[12.into()])?);
            table.insert(txn, &[9_003.into(), 36.into(), "tag 12".into(), ValueRef::Null])
        })
        .unwrap();
    freeze(&table);
    assert_eq!(kind(insert(&store, &table, 9_004, Some(36), "y")), Some(Kind::Duplicate));
    drop((table, store));
    let store = Store::options().memory(32 * MIB).open(place.path()).unwrap();
    let table = store.open_table("members").unwrap();
    assert_eq!(kind(insert(&store, &table, 9_004, Some(36), "y")), Some(Kind::Duplicate));
    assert_eq!(kind(insert(&store, &table, 9_004, None, "TAG 2999")), Some(Kind::Duplicate));
    insert(&store, &table, 9_004, None, "y").unwrap();
    assert_eq!(table.thaw(&Predicate::all()).unwrap(), 3_002);
    assert_eq!(kind(insert(&store, &table, 9_005, Some(36), "z")), Some(Kind::Duplicate));
    assert_sound(&store);
}

#[test]
fn a_value_that_was_frozen_after_a_snapshot_is_a_duplicate_if_it_was_there_and_else_a_conflict() {
    let (store, _place) = store(32 * MIB);
    let table = members(&store);
    fill(&store, &table, 0..2_000);
    let note = ValueRef::Null;
    let mut old = store.begin().unwrap();
    let mut older = store.begin().unwrap();
    insert(&store, &table, 5_000, Some(50_000), "late").unwrap();
    freeze(&table);
    let there = table.insert(&mut old, &[6_000.into(), 21.into(), "a".into(), note]);
    assert_eq!(kind(there), Some(Kind::Duplicate));
    let late = table.insert(&mut older, &[6_000.into(), 50_000.into(), "b".into(), note]);
    assert_eq!(kind(late), Some(Kind::Conflict));
    drop((old, older));
    // Rows that only went back to memory since are no news.
    let mut before = store.begin().unwrap();
    table.thaw(&Predicate::all()).unwrap();
    let moved = table.insert(&mut before, &[6_000.into(), 24.into(), "c".into(), note]);
    assert_eq!(kind(moved), Some(Kind::Duplicate));
}

/// A transaction that brought a row back itself, after its snapshot, hears of it as of any other.
#[test]
fn a_value_of_a_row_that_was_moved_after_the_snapshot_is_a_duplicate() {
    let (store, _place) = store(32 * MIB);
    let table = members(&store);
    fill(&store, &table, 0..100);
    freeze(&table);
    let mut txn = store.begin().unwrap();
    let taken = table.get(&txn, &[7.into()]).unwrap().unwrap().at(1).to_owned();
    assert!(table.update(&mut txn, &[7.into()], &[("tag", "moved".into())]).unwrap());
    let change = [("number", taken.as_ref())];
    assert_eq!(kind(table.update(&mut txn, &[8.into()], &change)), Some(Kind::Duplicate));
    let mut other = store.begin().unwrap();
    table.thaw(&column("id").eq(9)).unwrap();
    let nine = table.get(&other, &[9.into()]).unwrap().unwrap().at(1).to_owned();
    let change = [("number", nine.as_ref())];
    assert_eq!(kind(table.update(&mut other, &[10.into()], &change)), Some(Kind::Duplicate));
    txn.commit().unwrap();
}

#[test]
fn a_lookup_of_a_value_that_is_not_there_reads_no_block() {
    let (store, _place) = store(32 * MIB);
    let table = members(&store);
    for part in 0..4 {
        fill(&store, &table, part * 5_000..(part + 1) * 5_000);
        freeze(&table);
    }
    let looks = || {
        let stats = store.stats();
        stats.cold_blocks_found + stats.cold_blocks_read
    };
    let before = looks();
    fill(&store, &table, 50_000..51_000);
    // Two filters of values and one of keys, in four segments, each of which passes one in a hundred.
    assert!(looks() - before < 400, "{}", looks() - before);
}

#[test]
fn an_index_made_over_cold_rows_is_unique_if_they_are() {
    let (store, _place) = store(32 * MIB);
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("a", Type::Int64)
        .column("b", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let put = |id: i64, a: ValueRef<'_>, b: &str| {
        store.write(|txn| table.upsert(txn, &[id.into(), a, b.into()]).map(drop))
    };
    let first = |txn: &mut store_core::Txn| {
        (0..3_000_i64).try_for_each(|id| {
            let a = if id % 10 == 0 { ValueRef::Null } else { id.into() };
            table.insert(txn, &[id.into(), a, (&*format!("b{id}")).into()])
        })
    };
    store.write(first).unwrap();
    table.freeze(&column("id").lt(1_500), |_| true).unwrap();
    put(10_000, 7.into(), "B7").unwrap(); // as a cold one, but for the case
    let make = |column: &str, nocase: bool| {
        let spec = IndexSpec::on(&[column]).name("u").unique();
        table.create_index(&if nocase { spec.nocase() } else { spec })
    };
    let error = make("a", false).unwrap_err();
    assert_eq!(error.kind(), Kind::Duplicate);
    assert!(error.to_string().contains('7'), "{error}");
    assert_eq!(kind(make("b", true)), Some(Kind::Duplicate));
    make("b", false).unwrap();
    assert_eq!(kind(put(10_001, 1.into(), "b9")), Some(Kind::Duplicate));
    assert_eq!(kind(put(10_001, 1.into(), "b1999")), Some(Kind::Duplicate));
    table.drop_index("u").unwrap();
    table.freeze(&Predicate::all(), |_| true).unwrap();
    // Two cold rows.
    assert_eq!(kind(make("a", false)), Some(Kind::Duplicate));
    store.write(|txn| table.delete(txn, &[10_000.into()])).unwrap();
    make("a", false).unwrap();
    assert_eq!(kind(put(10_001, 8.into(), "x")), Some(Kind::Duplicate));
    assert_eq!(kind(put(10_001, 2_001.into(), "x")), Some(Kind::Duplicate));
    put(10_001, ValueRef::Null, "x").unwrap();
    put(10_002, 10_002.into(), "x").unwrap();
    // The name goes on with another column: no section of the old one may be asked.
    table.freeze(&Predicate::all(), |_| true).unwrap();
    table.drop_index("u").unwrap();
    assert_eq!(kind(make("b", false)), Some(Kind::Duplicate));
    store.write(|txn| table.delete(txn, &[10_002.into()])).unwrap();
    make("b", false).unwrap();
    put(10_003, 8.into(), "y").unwrap();
    assert_eq!(kind(put(10_004, 9.into(), "x")), Some(Kind::Duplicate));
    assert_sound(&store);
}

#[test]
fn a_column_newer_than_its_cold_rows_is_unique_if_it_is_null_there() {
    let (store, _place) = store(32 * MIB);
    let table = members(&store);
    fill(&store, &table, 0..2_000);
    freeze(&table);
    let badge = store_core::ColumnSpec::new("badge", Type::Int64);
    table.add_column(&badge).unwrap();
    let table = store.open_table("members").unwrap();
    table.create_index(&IndexSpec::on(&["badge"]).unique()).unwrap();
    let set = |id: i64| {
        store.write(|txn| table.update(txn, &[id.into()], &[("badge", 5.into())]).map(drop))
    };
    set(3).unwrap();
    assert_eq!(kind(set(4)), Some(Kind::Duplicate));
    freeze(&table);
    assert_eq!(kind(set(5)), Some(Kind::Duplicate));
    let level = store_core::ColumnSpec::new("level", Type::Int64).default(1_i64);
    table.add_column(&level).unwrap();
    let table = store.open_table("members").unwrap();
    let error = table.create_index(&IndexSpec::on(&["level"]).unique());
    assert_eq!(kind(error), Some(Kind::Duplicate), "all rows have the default");
}

/// What the store should have: numbers by id.
type Model = BTreeMap<i64, Option<i64>>;

fn expected(model: &Model, id: i64, number: Option<i64>, is_new: bool) -> Option<Kind> {
    let taken = model.iter().any(|(of, has)| *of != id && has.is_some() && *has == number);
    (taken || is_new && model.contains_key(&id)).then_some(Kind::Duplicate)
}

fn step(store: &Store, table: &Table, model: &mut Model, random: &mut Random) {
    let id = random.below(400) as i64;
    let number = (!random.once_in(8)).then(|| random.below(300) as i64);
    match random.below(10) {
        0..4 => {
            let wanted = expected(model, id, number, true);
            let tag = format!("t{id}");
            assert_eq!(
                kind(insert(store, table, id, number, &tag)),
                wanted,
                "insert {id} {number:?}"
            );
            if wanted.is_none() {
                model.insert(id, number);
            }
        }
        4..8 => {
            let cell = number.map_or(ValueRef::Null, ValueRef::Int);
            let update = store.write(|txn| table.update(txn, &[id.into()], &[("number", cell)]));
            if model.contains_key(&id) {
                let wanted = expected(model, id, number, false);
                assert_eq!(kind(update), wanted, "update {id} {number:?}");
                if wanted.is_none() {
                    model.insert(id, number);
                }
            } else {
                assert!(!update.unwrap());
            }
        }
        _ => {
            let deleted = store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
            assert_eq!(deleted, model.remove(&id).is_some());
        }
    }
}

fn check(table: &Table, store: &Store, model: &Model) {
    let snapshot = store.snapshot().unwrap();
    let rows = drain(table.query(&snapshot).sort(&["id"]).unwrap().run().unwrap());
    let found: Model = rows
        .iter()
        .map(|row| match (&row[0], &row[1]) {
            (Value::Int(id), Value::Int(number)) => (*id, Some(*number)),
            (Value::Int(id), _) => (*id, None),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, *model);
    for number in (0..300).step_by(7) {
        let wanted = model.values().filter(|has| **has == Some(number)).count() as u64;
        let query = table.query(&snapshot).filter(column("number").eq(number)).index("number");
        assert_eq!(query.count().unwrap(), wanted, "{number}");
    }
}

#[test]
fn random_writes_between_moves_are_refused_as_a_model_refuses_them() {
    for seed in 1..=4 {
        let (mut store, place) = store(32 * MIB);
        let mut table = members(&store);
        let (mut model, mut random) = (Model::new(), Random::new(seed));
        for round in 0..60 {
            (0..40).for_each(|_| step(&store, &table, &mut model, &mut random));
            let low = random.below(400) as i64;
            let some = column("id").between(low, low + 150);
            match random.below(8) {
                0..4 => drop(table.freeze(&some, |_| true).unwrap()),
                4..6 => drop(table.thaw(&some).unwrap()),
                6 => {
                    table.drop_index("number").unwrap();
                    freeze(&table);
                    table.create_index(&IndexSpec::on(&["number"]).unique()).unwrap();
                }
                _ => {
                    if random.once_in(2) {
                        store.checkpoint().unwrap();
                    }
                    drop((table, store));
                    store = Store::options().memory(32 * MIB).open(place.path()).unwrap();
                    table = store.open_table("members").unwrap();
                }
            }
            if round % 10 == 9 {
                println!("seed {seed}, round {round}: {:?}", table.stats().cold_rows);
                check(&table, &store, &model);
            }
        }
        assert_sound(&store);
    }
}

/// Tells the other threads to end.
struct End<'d>(&'d AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const WRITERS: i64 = 4;
const VALUES: i64 = 120;

/// What a thread did with a value that all want, or with one of its own.
fn want(store: &Store, table: &Table, held: &mut BTreeMap<i64, i64>, id: i64, number: i64) -> bool {
    let own = number >= VALUES;
    let outcome = insert(store, table, id, Some(number), &format!("t{id}"));
    match outcome {
        Ok(()) => {
            assert!(held.insert(number, id).is_none(), "{number} has two rows");
            true
        }
        Err(error) => {
            // Who is refused too often by conflicts has learnt nothing.
            let refused = matches!(error.kind(), Kind::Duplicate | Kind::Conflict);
            assert!(refused, "{error}");
            let spurious = own && error.kind() == Kind::Duplicate && !held.contains_key(&number);
            assert!(!spurious, "nobody has {number}: {error}");
            false
        }
    }
}

fn contend(store: &Store, table: &Table, thread: i64, done: &AtomicBool, owners: &Owners) -> u64 {
    let mut random = Random::new(thread as u64 + 40);
    let (mut held, mut next, mut taken) = (BTreeMap::new(), 0, 0);
    while !done.load(Ordering::Relaxed) {
        let own = random.once_in(2);
        let number =
            random.below(VALUES as u64) as i64 + if own { (thread + 1) * VALUES } else { 0 };
        if held.contains_key(&number) && random.once_in(3) {
            let id = held[&number];
            owners.give_up(number, id);
            let deleted = store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
            assert!(deleted, "the row of {number} was this thread's");
            held.remove(&number);
            continue;
        }
        // Of those that move with the number, some give it to another row at once.
        next += 1;
        let id = thread + WRITERS * next;
        if want(store, table, &mut held, id, number) {
            owners.take(number, id);
            taken += 1;
        }
    }
    taken
}

/// Which row has each value that somebody was given, until it is about to be given up.
#[derive(Default)]
struct Owners(Mutex<BTreeMap<i64, i64>>);

impl Owners {
    fn take(&self, number: i64, id: i64) {
        let before = self.0.lock().unwrap().insert(number, id);
        assert!(before.is_none(), "{number} is row {before:?} and row {id}");
    }

    fn give_up(&self, number: i64, id: i64) {
        assert_eq!(self.0.lock().unwrap().remove(&number), Some(id));
    }
}

#[test]
fn no_value_has_two_rows_while_rows_move_under_those_who_want_it() {
    let (store, place) = store(64 * MIB);
    let table = members(&store);
    let (done, owners, taken) = (AtomicBool::new(false), Owners::default(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (store, table, done, owners, taken) = (&store, &table, &done, &owners, &taken);
        for thread in 0..WRITERS {
            scope.spawn(move || {
                let _end = End(done);
                taken.fetch_add(contend(store, table, thread, done, owners), Ordering::Relaxed);
            });
        }
        let _end = End(done);
        let mut random = Random::new(77);
        for round in 0..500 {
            if done.load(Ordering::Relaxed) {
                break;
            }
            let number = random.below(VALUES as u64) as i64;
            let some = match random.below(3) {
                0 => column("number").between(number, number + 30),
                1 => column("number").ge(number),
                _ => Predicate::all(),
            };
            table.freeze(&some, |_| true).unwrap();
            if random.once_in(2) {
                table.thaw(&column("number").between(number, number + 60)).unwrap();
            }
            if round % 30 == 29 {
                store.checkpoint().unwrap();
            }
        }
    });
    assert!(taken.load(Ordering::Relaxed) > 500, "{taken:?}");
    let twins = |store: &Store, table: &Table| {
        let snapshot = store.snapshot().unwrap();
        let rows = drain(table.query(&snapshot).run().unwrap());
        let mut numbers: Vec<Value> = rows.iter().map(|row| row[1].clone()).collect();
        let count = numbers.len();
        numbers.sort_by(|a, b| a.as_ref().order(b.as_ref()));
        numbers.dedup();
        assert_eq!((numbers.len(), count), (owners.0.lock().unwrap().len(), count));
    };
    twins(&store, &table);
    assert_sound(&store);
    drop((table, store));
    let store = Store::options().memory(64 * MIB).open(place.path()).unwrap();
    let table = store.open_table("members").unwrap();
    twins(&store, &table);
    assert_sound(&store);
}

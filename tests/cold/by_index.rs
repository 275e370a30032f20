//! Cold rows by an index: what is found is what a look at every row finds, and few blocks are read for it
//! (invariant I13).

use crate::{MIB, store};
use std::collections::BTreeMap;
use store_core::query::{Predicate, column};
use store_core::{IndexSpec, Kind, Schema, Store, Table, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, drain};

type Model = BTreeMap<i64, Vec<Value>>;

fn things(store: &Store) -> Table {
    let schema = Schema::builder("things")
        .column("id", Type::Int64)
        .key()
        .column("small", Type::Int32)
        .index()
        .column("name", Type::Text)
        .index()
        .column("price", Type::Float64)
        .column("seen", Type::Timestamp)
        .notnull()
        .index_of_nocase(&["name"], false)
        .index_of(&["small", "name"], false)
        .index_of(&["price", "seen"], false);
    store.create_table(schema.build().unwrap()).unwrap()
}

fn thing(id: i64, random: &mut Random) -> Vec<Value> {
    let names = ["ab", "AB", "Abc", "b", "bravo and some more text", "B a", "", "ä", "Ä"];
    let null =
        |random: &mut Random, value: Value| if random.once_in(9) { Value::Null } else { value };
    let small = Value::Int(random.below(40) as i64 - 20);
    let name = Value::Text(format!("{}{}", random.pick(&names), random.below(4)));
    let price = Value::Float64(random.below(100) as f64 / 4.0 - 9.0);
    vec![
        Value::Int(id),
        null(random, small),
        null(random, name),
        null(random, price),
        Value::Timestamp(random.below(50) as i64),
    ]
}

fn put(
    store: &Store,
    table: &Table,
    model: &mut Model,
    ids: std::ops::Range<i64>,
    random: &mut Random,
) {
    let rows: Vec<Vec<Value>> = ids.map(|id| thing(id, random)).collect();
    for some in rows.chunks(100) {
        let put = |txn: &mut store_core::Txn| {
            some.iter().try_for_each(|row| {
                let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
                table.upsert(txn, &cells).map(drop)
            })
        };
        store.write(put).unwrap();
    }
    for row in rows {
        let Value::Int(id) = row[0] else { panic!("{row:?}") };
        model.insert(id, row);
    }
}

/// A predicate, and the index that is to be asked.
fn question(random: &mut Random) -> (Predicate, &'static str) {
    let small = random.below(44) as i64 - 22;
    let name = format!("{}{}", random.pick(&["ab", "AB", "b", "B a", "ä", "q"]), random.below(4));
    match random.below(14) {
        0 => (column("small").eq(small), "small"),
        1 => (column("small").between(small, small + 3), "small"),
        2 => (column("small").lt(-17), "small"),
        3 => (column("small").is_null(), "small"),
        4 => (column("small").eq(small).or(column("small").is_null()), "small"),
        5 => (column("small").in_values([small, small + 5, small + 9]), "small"),
        6 => (column("name").eq(&*name), "name"),
        7 => (column("name").ge(&*name).and(column("name").lt("b2")), "name"),
        8 => (column("name").like("ab%"), "name"),
        9 => (column("name").ilike(name), "name nocase"),
        10 => (column("small").eq(small).and(column("name").eq(&*name)), "small+name"),
        11 => (column("small").eq(small).and(column("name").gt(&*name)), "small+name"),
        12 => (column("price").between(1.0, 2.5), "price+seen"),
        _ => {
            let seen = column("seen").le(Value::Timestamp(20));
            (column("price").in_values([0.5, 3.0, -9.0]).and(seen), "price+seen")
        }
    }
}

/// Asks by the index, by the planner's choice and with a sort, and compares with all rows.
fn ask(store: &Store, table: &Table, model: &Model, random: &mut Random) {
    let (predicate, index) = question(random);
    let snapshot = store.snapshot().unwrap();
    let filter = predicate.clone();
    let all = drain(table.query(&snapshot).sort(&["id"]).unwrap().run().unwrap());
    assert!(all.iter().eq(model.values()), "a scan finds other rows");
    // What matches is told by rows that were never frozen.
    let memory = Store::options().memory(32 * MIB).open_in_memory().unwrap();
    let plain = Schema::builder("things")
        .column("id", Type::Int64)
        .key()
        .column("small", Type::Int32)
        .column("name", Type::Text)
        .column("price", Type::Float64)
        .column("seen", Type::Timestamp);
    let plain = memory.create_table(plain.build().unwrap()).unwrap();
    let write = |txn: &mut store_core::Txn| {
        model.values().try_for_each(|row| {
            let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
            plain.insert(txn, &cells)
        })
    };
    memory.write(write).unwrap();
    let there = memory.snapshot().unwrap();
    for order in [vec!["id"], vec!["small", "id"], vec!["-name", "id"]] {
        let wanted = plain.query(&there).filter(filter.clone()).sort(&order).unwrap();
        let wanted = drain(wanted.run().unwrap());
        for by in [Some(index), None] {
            let query = table.query(&snapshot).filter(filter.clone()).sort(&order).unwrap();
            let query = if let Some(by) = by { query.index(by) } else { query };
            let found = drain(query.run().unwrap());
            assert_eq!(found, wanted, "{predicate:?} by {by:?}, sorted by {order:?}");
        }
        let query = table.query(&snapshot).filter(filter.clone()).sort(&order).unwrap();
        let few = drain(query.index(index).limit(5).run().unwrap());
        assert_eq!(few, wanted[..wanted.len().min(5)], "{predicate:?}, the first five");
        let count = table.query(&snapshot).filter(filter.clone()).index(index).count().unwrap();
        assert_eq!(count, wanted.len() as u64, "{predicate:?}");
    }
}

#[test]
fn ranges_of_an_index_are_those_of_a_scan_wherever_rows_are() {
    for seed in 1..=4 {
        let (mut store, place) = store(48 * MIB);
        let mut table = things(&store);
        let (mut model, mut random) = (Model::new(), Random::new(seed));
        put(&store, &table, &mut model, 0..1_500, &mut random);
        for round in 0..12 {
            let low = random.below(1_500) as i64;
            let some = column("id").between(low, low + 700);
            match random.below(4) {
                0..3 => drop(table.freeze(&some, |_| true).unwrap()),
                _ => drop(table.thaw(&some).unwrap()),
            }
            if round % 4 == 1 {
                let from = random.below(1_400) as i64;
                put(&store, &table, &mut model, from..from + 40, &mut random);
                let gone = column("id").between(from + 60, from + 65);
                store.write(|txn| table.delete_where(txn, &gone)).unwrap();
                model.retain(|id, _| !(from + 60..=from + 65).contains(id));
            }
            if round == 6 {
                drop((table, store));
                store = Store::options().memory(48 * MIB).open(place.path()).unwrap();
                table = store.open_table("things").unwrap();
            }
            (0..4).for_each(|_| ask(&store, &table, &model, &mut random));
        }
        assert!(table.stats().cold_segments > 1);
        assert_sound(&store);
    }
}

fn numbers(store: &Store, rows: i64) -> Table {
    let schema = Schema::builder("numbers")
        .column("id", Type::Int64)
        .key()
        .column("n", Type::Int64)
        .index()
        .column("text", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let ids: Vec<i64> = (0..rows).collect();
    for some in ids.chunks(500) {
        let put = |txn: &mut store_core::Txn| {
            some.iter().try_for_each(|id| {
                // No two blocks are alike in their range of `n`: zones tell nothing.
                let n = id.wrapping_mul(7_919) % rows;
                table.insert(txn, &[(*id).into(), n.into(), (&*format!("row number {id}")).into()])
            })
        };
        store.write(put).unwrap();
    }
    table
}

fn blocks_for(store: &Store, look: impl FnOnce()) -> u64 {
    let looks = || {
        let stats = store.stats();
        stats.cold_blocks_found + stats.cold_blocks_read
    };
    let before = looks();
    look();
    looks() - before
}

#[test]
fn a_value_of_an_index_is_found_in_few_blocks() {
    let (store, _place) = store(64 * MIB);
    let table = numbers(&store, 40_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    let snapshot = store.snapshot().unwrap();
    let one = || table.query(&snapshot).filter(column("n").eq(12_345));
    assert!(one().explain().unwrap().contains("index `n`"), "{}", one().explain().unwrap());
    let by_index = blocks_for(&store, || assert_eq!(drain(one().run().unwrap()).len(), 1));
    let all = blocks_for(&store, || {
        let query = table.query(&snapshot).filter(column("text").eq("row number 7"));
        assert_eq!(query.count().unwrap(), 1);
    });
    assert!(all > 30 && by_index <= 4, "{by_index} of {all} blocks");
    // Each block once, however many of its rows are wanted.
    let some = || table.query(&snapshot).filter(column("n").between(1_000, 3_999)).index("n");
    let by_index = blocks_for(&store, || assert_eq!(drain(some().run().unwrap()).len(), 3_000));
    assert!(by_index < 2 * all, "{by_index} of {all} blocks");
}

#[test]
fn an_index_made_after_a_freeze_leads_to_what_was_frozen_before_as_well() {
    let (store, _place) = store(64 * MIB);
    let table = numbers(&store, 6_000);
    table.freeze(&column("id").lt(3_000), |_| true).unwrap();
    table.drop_index("n").unwrap();
    // Another index of the same name: the old section must not be asked for it.
    table.create_index(&IndexSpec::on(&["text"]).name("n")).unwrap();
    table.freeze(&column("id").lt(5_000), |_| true).unwrap();
    let snapshot = store.snapshot().unwrap();
    for id in [0, 7, 2_999, 3_000, 4_999, 5_000, 5_999] {
        let text = column("text").eq(format!("row number {id}"));
        let found = drain(table.query(&snapshot).filter(text).index("n").run().unwrap());
        assert_eq!(found.len(), 1, "{id}");
    }
    let some = column("text").between("row number 290", "row number 291");
    let found = table.query(&snapshot).filter(some).index("n").count().unwrap();
    assert_eq!(found, 1 + 10 + 1, "290, 2900 to 2909 and 291");
}

#[test]
fn damage_in_a_section_is_an_error_where_it_is_read_and_a_fault_of_a_check() {
    let (store, place) = store(64 * MIB);
    let table = numbers(&store, 5_000);
    table.freeze(&Predicate::all(), |_| true).unwrap();
    store.checkpoint().unwrap();
    drop((table, store));
    let files = std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path());
    let path = files.filter(|path| path.to_string_lossy().contains("cold-")).last().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let (mut refused, mut opened) = (0, 0);
    for at in (0..sound.len()).step_by(sound.len() / 150) {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let open = Store::options().memory(64 * MIB).open(place.path());
        let store = match open {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt, "{error}");
                continue;
            }
        };
        opened += 1;
        let (table, snapshot) = (store.open_table("numbers").unwrap(), store.snapshot().unwrap());
        match table.query(&snapshot).filter(column("n").eq(77)).index("n").count() {
            Ok(count) => assert_eq!(count, 1, "a bit at {at}"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt, "{error}");
                refused += 1;
            }
        }
        assert!(!store.check().unwrap().faults.is_empty(), "a bit at {at}");
    }
    assert!(refused > 0 && opened > 100, "{refused} of {opened}");
}

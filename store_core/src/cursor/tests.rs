//! Counting entries in place of rows.

use crate::query::{Predicate, column};
use crate::{IndexSpec, Reader, Schema, Store, Table, Type, Value};

fn table(store: &Store) -> Table {
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    let schema = schema.column("a", Type::Int32).index().column("code", Type::Int64).unique();
    let schema = schema.column("note", Type::Text).index_of(&["note", "a"], false);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    for id in 0..500_i64 {
        let a = if id % 50 == 0 { None } else { Some((id % 100) as i32) };
        let note = ["x", "y"][id as usize % 2];
        store
            .write(|txn| table.insert(txn, &[id.into(), a.into(), id.into(), note.into()]))
            .unwrap();
    }
    table
}

/// What the index tells, which must be what reading the rows gives.
fn told<R: Reader>(table: &Table, reader: &R, asked: &Predicate) -> Option<u64> {
    let query = || table.query(reader).filter(asked.clone());
    let read = query().run().unwrap().count_all().unwrap();
    let told = query().count_entries().unwrap();
    assert_eq!(told.unwrap_or(read), read, "{asked}");
    assert_eq!(query().count().unwrap(), read, "{asked}");
    told
}

#[test]
fn an_index_tells_what_its_ranges_hold() {
    let store = Store::in_memory().unwrap();
    let table = table(&store);
    let snapshot = store.snapshot().unwrap();
    let a = || column("a");
    let many: Vec<i32> = (0..300).collect();
    let (note, id) = (|| column("note"), || column("id"));
    for (asked, count) in [
        (Predicate::all(), 500),
        (a().eq(7), 5),
        (a().between(10, 19), 50),
        (a().gt(97), 10),
        (a().lt(2), 5),
        (a().is_null(), 10),
        (a().is_not_null(), 490),
        (a().ge(90).and(a().lt(95)), 25),
        (a().in_values([1, 2, 1_000]), 10),
        (note().eq("x").and(a().le(10)), 25),
        (note().eq("x").and(a().is_null()), 10),
        (note().ge("y"), 250),
        (column("code").range(100_i64, 200_i64), 100),
        (a().ne(7), 485),
        (a().eq(7).or(a().gt(97)), 15),
        (a().eq(7).or(a().is_null()), 15),
        (note().in_values(["x", "y"]).and(a().in_values([2, 3])), 10),
        (a().in_values(many), 490),
        (a().lt(7).and(note().eq("x").or(note().eq("y"))), 30),
    ] {
        assert_eq!(told(&table, &snapshot, &asked), Some(count), "{asked}");
    }
    for asked in [
        id().lt(10_i64), // no index
        a().eq(7).and(a().is_null()),
        a().eq(7).or(a().eq(8)).or(note().eq("x")),
        a().eq(7).and(id().lt(10_i64)),
        note().eq("x").and(a().eq(1)).or(note().eq("y").and(a().eq(2))),
        a().in_values((0..2_000).map(|a| 2 * a)), // too many: read as one range
        note().like("x%"),
        note().ge("x").and(a().eq(7)), // the first column is not fixed
    ] {
        assert_eq!(told(&table, &snapshot, &asked), None, "{asked}");
    }
    let counted = table.query(&snapshot).filter(a().eq(7)).offset(2).limit(9).count();
    assert_eq!(counted.unwrap(), 3);
}

#[test]
fn an_index_tells_nothing_of_what_is_not_settled() {
    let store = Store::in_memory().unwrap();
    let table = table(&store);
    let asked = || column("a").eq(7);
    let set = |id: i64, a: i32| {
        store.write(|txn| table.update(txn, &[id.into()], &[("a", a.into())])).unwrap()
    };
    let before = store.snapshot().unwrap();
    assert!(set(7, 8));
    // Two entries of one row, until nobody sees the old one.
    assert_eq!(told(&table, &before, &asked()), None);
    assert_eq!(told(&table, &store.snapshot().unwrap(), &asked()), None);
    drop(before);
    let settled = || {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while told(&table, &store.snapshot().unwrap(), &asked()).is_none() {
            assert!(std::time::Instant::now() < until, "it never settles");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        told(&table, &store.snapshot().unwrap(), &asked())
    };
    assert_eq!(settled(), Some(4));
    // Changes that no index notices do not matter, nor do older snapshots then.
    let before = store.snapshot().unwrap();
    assert!(store.write(|txn| table.delete(txn, &[107_i64.into()])).unwrap());
    assert_eq!(told(&table, &before, &asked()), None);
    drop(before);
    assert_eq!(settled(), Some(3));
    // A value that is not committed is in its unique index, and in no other.
    let mut txn = store.begin().unwrap();
    table.update(&mut txn, &[1_i64.into()], &[("code", 5_000_i64.into())]).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(told(&table, &snapshot, &column("code").gt(400_i64)), None);
    assert_eq!(told(&table, &snapshot, &asked()), Some(3));
    assert_eq!(told(&table, &txn, &asked()), None, "it has writes of its own");
    txn.rollback();
    assert_eq!(told(&table, &snapshot, &column("code").gt(400_i64)), Some(99));
    // An index made now, and rows that come back.
    table.create_index(&IndexSpec::on(&["a", "id"])).unwrap();
    table.drop_index("a").unwrap();
    assert_eq!(settled(), Some(3));
    let row = [107_i64.into(), 7_i32.into(), 107_i64.into(), "z".into()];
    store.write(|txn| table.insert(txn, &row)).unwrap();
    assert_eq!(settled(), Some(4));
}

#[test]
fn rows_that_recovery_brings_back_are_counted() {
    let place = tempfile::tempdir().unwrap();
    let open = || Store::options().memory(64 << 20).open(place.path()).unwrap();
    let store = open();
    let made = table(&store);
    store.checkpoint().unwrap();
    assert!(store.write(|txn| made.delete(txn, &[3_i64.into()])).unwrap());
    drop((made, store));
    let store = open();
    let table = store.open_table("t").unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(told(&table, &snapshot, &Predicate::all()), Some(499));
    assert_eq!(told(&table, &snapshot, &column("a").lt(5)), Some(19));
}

/// Keys whose ties lie close together, so that whole keys must decide: of letters, of other characters,
/// and of numbers with and without a sign.
fn keys(ty: Type, count: i64) -> Vec<Value> {
    let key = |at: i64| match ty {
        Type::Text if at % 3 == 0 => format!("AAL{}", at * 7919 % 1_000_003).into(),
        Type::Text if at % 3 == 1 => format!("a common beginning {}", at * 7919 % 1009).into(),
        Type::Text => format!("{}é-{at}\u{1}", ["", "zz", "y", "~"][at as usize % 4]).into(),
        Type::Float64 => Value::Float64((at as f64 - 40.0) * 1e3),
        Type::Int64 if at % 2 == 0 => (at - count / 2).into(),
        _ => ((at - 30) << 40).into(),
    };
    (0..count).map(key).collect()
}

#[test]
fn a_limited_sort_gives_the_first_rows_whatever_ties_there_are() {
    for ty in [Type::Text, Type::Int64, Type::Float64] {
        let store = Store::in_memory().unwrap();
        let schema = Schema::builder("t").column("id", ty).key();
        let schema = schema.column("a", Type::Int32).index().column("b", Type::Text).index();
        let schema = schema.column("c", Type::Int64).column("d", Type::Float64).index();
        let table = store.create_table(schema.build().unwrap()).unwrap();
        for (at, id) in keys(ty, 900).iter().enumerate() {
            let a = (at % 7 > 0).then_some(at as i32 % 3 - 1);
            let b = (at % 5 > 0).then_some(["x", "yy", "long enough"][at % 3]);
            let (c, d) = ((at % 11 > 0).then_some(at as i64 % 2), at as f64 * 0.1 % 7.0);
            let row = [id.as_ref(), a.into(), b.into(), c.into(), d.into()];
            store.write(|txn| table.insert(txn, &row)).unwrap();
        }
        let snapshot = store.snapshot().unwrap();
        let first_keys = |word: &str, limit: Option<u64>, offset: u64| {
            let query = table.query(&snapshot).sort(&[word]).unwrap().offset(offset);
            let query = if let Some(limit) = limit { query.limit(limit) } else { query };
            let (mut rows, mut keys) = (query.run().unwrap(), Vec::new());
            while let Some(row) = rows.next().unwrap() {
                keys.push(row.get(0).to_owned());
            }
            keys
        };
        for word in ["a", "-a", "a nulls first", "-a nulls first", "b", "-b", "c", "-c", "d", "-d"]
        {
            let all = first_keys(word, None, 0); // whole keys, every row of them
            assert_eq!(all.len(), 900);
            let shapes =
                [(1, 0), (10, 0), (8, 20), (10, 250), (300, 3), (700, 450), (0, 5), (9, 899)];
            for (limit, offset) in shapes {
                let wanted: Vec<Value> = all.iter().skip(offset).take(limit).cloned().collect();
                let found = first_keys(word, Some(limit as u64), offset as u64);
                assert_eq!(found, wanted, "{ty} {word}, limit {limit} offset {offset}");
            }
        }
        let way = table.query(&snapshot).sort(&["-a"]).unwrap().explain().unwrap();
        assert!(way.ends_with("in the order of the sort"), "{way}");
    }
}

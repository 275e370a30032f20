//! What a caller may do with a query besides asking it: end it, have it analysed, go on behind it.

use std::cell::Cell;
use store_core::query::{Predicate, column};
use store_core::{Kind, Query, Schema, Snapshot, Store, Table, Value};

const ROWS: i64 = 20_000;

fn store() -> (Store, Table, Snapshot) {
    let store = Store::options().memory(64 << 20).open(":memory:").unwrap();
    let schema = Schema::parse("t", "id int64 key, a int64 index, name text index nocase").unwrap();
    let table = store.create_table(schema).unwrap();
    let row =
        |id: i64| [id.into(), (id % 100).into(), if id % 2 == 0 { "Even" } else { "odd" }.into()];
    store.write(|txn| (0..ROWS).try_for_each(|id| table.insert(txn, &row(id)))).unwrap();
    let snapshot = store.snapshot().unwrap();
    (store, table, snapshot)
}

fn parse(text: &str) -> Predicate {
    Predicate::parse(text).unwrap()
}

/// Every way in which a query reads many rows before its caller sees one, or none.
fn long_ones<'s>(table: &Table, snapshot: &'s Snapshot) -> Vec<(&'static str, Query<'s>)> {
    let query = |filter: &str| table.query(snapshot).filter(parse(filter));
    vec![
        ("a scan that finds nothing", query("id < -1 or id > 99999")),
        ("a scan that tests bits", query("id < 0").index("a").sort(&["a"]).unwrap()),
        ("a scan by pattern", query("name ~ 'x'")),
        ("a sorted scan", query("true").sort(&["-id"]).unwrap()),
        ("an index", query("a != 200 and name ~ 'x'").index("a")),
        ("an index in its order", query("name ~ 'x'").sort(&["a"]).unwrap()),
    ]
}

#[test]
fn a_query_asks_about_every_so_many_rows_whether_to_go_on() {
    let (_store, table, snapshot) = store();
    for (what, query) in long_ones(&table, &snapshot) {
        let asked = Cell::new(0);
        let mut cursor = query
            .poll(1000, || {
                asked.set(asked.get() + 1);
                true
            })
            .run()
            .unwrap();
        cursor.next().unwrap();
        // Late by up to a page of rows each time.
        assert!((5..=20).contains(&asked.get()), "{what}: asked {} times", asked.get());
    }
    let asked = Cell::new(0);
    // A count that no index tells.
    let count = table.query(&snapshot).filter(parse("id >= 0")).poll(1000, || {
        asked.set(asked.get() + 1);
        true
    });
    assert_eq!(count.count().unwrap(), ROWS as u64);
    assert!((5..=20).contains(&asked.get()), "a count: asked {} times", asked.get());
}

#[test]
fn a_query_ends_when_it_should_not_go_on() {
    let (_store, table, snapshot) = store();
    for (what, query) in long_ones(&table, &snapshot) {
        let left = Cell::new(3);
        let query = query.poll(100, || {
            left.set(left.get() - 1);
            left.get() > 0
        });
        let outcome = query.run().and_then(|mut cursor| cursor.next().map(|row| row.is_some()));
        let error = outcome.expect_err(what);
        assert_eq!((error.kind(), left.get()), (Kind::Cancelled, 0), "{what}: {error}");
        assert!(error.to_string().contains("rows were looked at"), "{error}");
    }
    let count = |filter| table.query(&snapshot).filter(parse(filter)).poll(1, || false).count();
    assert_eq!(count("id >= 0").unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(
        count("a is not null").unwrap(),
        ROWS as u64,
        "the index tells, no row is looked at"
    );
}

#[test]
fn another_thread_ends_what_has_begun_and_nothing_else() {
    let (store, table, snapshot) = store();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut counts = 0;
            loop {
                match table.query(&snapshot).filter(parse("name ~ 'x'")).count() {
                    Ok(count) => counts += u64::from(count == 0),
                    Err(error) => return (counts, error.kind()),
                }
            }
        });
        while !reader.is_finished() {
            store.interrupt();
            std::thread::yield_now();
        }
        assert_eq!(reader.join().unwrap().1, Kind::Cancelled);
    });
    assert_eq!(table.query(&snapshot).count().unwrap(), ROWS as u64);
    store.write(|txn| table.delete(txn, &[1_i64.into()]).map(drop)).unwrap();
}

#[test]
fn an_analysis_says_what_was_read_and_matched() {
    let (_store, table, snapshot) = store();
    let analyze = |query: Query<'_>| {
        let found = query.analyze().unwrap();
        let shown = found.to_string();
        assert!(shown.starts_with(&found.way) && shown.ends_with(" ms"), "{shown}");
        (found.rows_read, found.rows_matched, found.rows_given)
    };
    let query = |filter: &str| table.query(&snapshot).filter(parse(filter));
    let all = ROWS as u64;
    assert_eq!(analyze(query("id = 7")), (1, 1, 1));
    assert_eq!(analyze(query("id in (7, 9, -1) and a = 9")), (2, 1, 1));
    assert_eq!(analyze(query("a = 7 and name match 'ODD'")), (200, 200, 200));
    assert_eq!(analyze(query("a in (7, 8) and name match 'odd'").index("a")), (400, 200, 200));
    assert_eq!(analyze(query("a >= 10 and id >= 0").limit(3)).1, 3);
    assert_eq!(analyze(query("name ~ 'd$'")), (all, all / 2, all / 2));
    assert_eq!(analyze(query("true").sort(&["-id"]).unwrap().limit(5)), (all, all, 5));
    assert_eq!(analyze(query("true").offset(all - 1)), (all, all, 1));
    let (read, _, given) = analyze(query("true").sort(&["a"]).unwrap().limit(5));
    assert!(read < 1000 && given == 5, "the index gives its order: {read}");
    assert_eq!(analyze(query("a < 3 and a > 5")), (0, 0, 0));
}

#[test]
fn a_place_must_be_one_of_the_order() {
    let (_store, table, snapshot) = store();
    let fault = |query: Query<'_>| {
        let error = query.count().unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    let place = |values: &[i64]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
    let query = || table.query(&snapshot);
    assert!(fault(query().after(place(&[1]))).contains("give the query a sort"));
    let sorted = || query().sort(&["-a"]).unwrap();
    assert_eq!(
        fault(sorted().after(place(&[1]))),
        "a place in this order has 2 values, not 1: a, id"
    );
    assert_eq!(sorted().after(place(&[1, 19_801])).count().unwrap(), 1 + 200);
    let why = sorted().after(place(&[1, 19_801])).explain().unwrap();
    assert!(why.contains("index `a`"), "{why}");
    let mistyped = sorted().after(vec![Value::from("x"), Value::Int(1)]).count();
    assert_eq!(mistyped.unwrap_err().kind(), Kind::Type);
}

#[test]
fn lists_of_many_values_walk_the_index_point_by_point() {
    let (_store, table, snapshot) = store();
    let some = column("a").in_values((0..50).map(|nth| nth * 1000)).and(column("id").lt(50));
    let found = table.query(&snapshot).filter(some).analyze().unwrap();
    assert_eq!((found.rows_read, found.rows_matched), (200, 1), "{}", found.way);
    assert!(found.way.contains("in 50 ranges"), "{}", found.way);
}

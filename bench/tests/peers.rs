//! `make test-peers`: random queries, asked of the store and of SQLite in the same words.
//!
//! `STORE_PEER_QUERIES` sets how many, `STORE_PEER_SEED` the first seed; a failure prints the seed of
//! its table and the query. What the two do not mean alike is left out: NaN, folding of case, a
//! backslash or `^` in a glob.

#[path = "../../tests/support/random.rs"]
mod random;

use random::Random;
use rusqlite::Connection;
use store_core::{Store, Table, Value};

/// Queries of one table.
const OF_A_TABLE: u64 = 250;
const COLUMNS: [(&str, Kind); 5] = [
    ("id", Kind::Whole),
    ("a", Kind::Whole),
    ("b", Kind::Float),
    ("c", Kind::Text),
    ("d", Kind::Text),
];
const TEXTS: [&str; 12] = ["", "a", "A", "ab", "aB", "abc", "b%", "b_", "é", "éa", "日本", "z*?"];
const STORE_SCHEMA: &str = "id int64 key, a int64 index, b float64 index, c text index, d text, \
                            index(c, a), index(d) nocase, index(a, b, c)";
const PEER_SCHEMA: &str =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT);
                           PRAGMA case_sensitive_like = ON;";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Float,
    Text,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn value(kind: Kind, random: &mut Random) -> Value {
    let small = random.below(9) as i64 - 4;
    match kind {
        Kind::Whole => Value::Int(if random.once_in(30) { i64::MAX - 1 } else { small }),
        Kind::Float if random.once_in(20) => Value::Float64(-0.0),
        Kind::Float => Value::Float64(small as f64 / 4.0),
        Kind::Text => Value::from(*random.pick(&TEXTS)),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(kind: Kind, random: &mut Random) -> String {
    if random.once_in(20) {
        return "NULL".to_owned();
    }
    match kind {
        // A fraction beside whole numbers, a whole number beside fractions.
        Kind::Whole | Kind::Float => {
            let quarters = random.below(33) as f64 - 16.0;
            let whole = format!("{}", quarters.trunc());
            if random.once_in(2) { whole } else { format!("{:?}", quarters / 4.0) }
        }
        Kind::Text => quoted(random.pick::<&str>(&TEXTS)),
    }
}

fn pattern(pieces: &[&str], random: &mut Random) -> String {
    let pattern: String = (0..random.below(4)).map(|_| *random.pick(pieces)).collect();
    quoted(&pattern)
}

fn test(random: &mut Random) -> String {
    let (name, kind) = *random.pick(&COLUMNS);
    let not = if random.once_in(3) { "NOT " } else { "" };
    let op = *random.pick(&["=", "!=", "<>", "<", "<=", ">", ">="]);
    let (low, high) = (literal(kind, random), literal(kind, random));
    match random.below(12) {
        0 => format!("{name} IS {not}NULL"),
        1 | 2 => format!("{name} {not}BETWEEN {low} AND {high}"),
        3 | 4 => {
            let list: Vec<String> = (0..random.below(5)).map(|_| literal(kind, random)).collect();
            format!("{name} {not}IN ({})", list.join(", "))
        }
        5 | 6 if kind == Kind::Text => {
            format!("{name} {not}LIKE {}", pattern(&["a", "A", "b", "%", "_", "é"], random))
        }
        7 if kind == Kind::Text => {
            let pattern = pattern(&["b", "!%", "!_", "%", "!!"], random);
            format!("{name} {not}LIKE {pattern} ESCAPE '!'")
        }
        8 | 9 if kind == Kind::Text => {
            format!("{name} {not}GLOB {}", pattern(&["a", "b", "*", "?", "[a-c]", "é"], random))
        }
        10 if kind != Kind::Text => format!("{not}{name}"),
        11 => format!("{low} {op} {name}"),
        _ => format!("{name} {op} {low}"),
    }
}

fn condition(depth: u32, random: &mut Random) -> String {
    if depth == 0 || random.once_in(3) {
        return test(random);
    }
    let word = *random.pick(&[" AND ", " OR "]);
    let parts: Vec<String> =
        (0..2 + random.below(2)).map(|_| condition(depth - 1, random)).collect();
    let not = if random.once_in(5) { "NOT " } else { "" };
    format!("{not}({})", parts.join(word))
}

/// The store's words for an order, and SQL's.
fn order(random: &mut Random) -> (Vec<String>, String) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..random.below(3) {
        let (name, _) = *random.pick(&COLUMNS);
        let (down, first) = (random.once_in(2), random.once_in(3));
        let nulls = if first { "first" } else { "last" };
        ours.push(format!("{name} {} nulls {nulls}", if down { "desc" } else { "asc" }));
        theirs.push(format!("{name} {} NULLS {nulls}", if down { "DESC" } else { "ASC" }));
    }
    theirs.push("id".to_owned());
    // No order at all would leave it open which rows a limit keeps.
    ours.push("id".to_owned());
    (ours, theirs.join(", "))
}

/// The same rows in both.
fn fill(random: &mut Random) -> (Store, Table, Connection) {
    let store = Store::options().memory(32 << 20).open(":memory:").unwrap();
    let schema = store_core::Schema::parse("t", STORE_SCHEMA).unwrap();
    let table = store.create_table(schema).unwrap();
    let peer = Connection::open_in_memory().unwrap();
    peer.execute_batch(PEER_SCHEMA).unwrap();
    let mut insert = peer.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?)").unwrap();
    let mut txn = store.begin().unwrap();
    for id in 0..20 + random.below(60) as i64 {
        let cell = |(_, kind): &(&str, Kind), random: &mut Random| {
            if random.once_in(6) { Value::Null } else { value(*kind, random) }
        };
        let mut row = vec![Value::Int(id - 5)];
        row.extend(COLUMNS[1..].iter().map(|column| cell(column, random)));
        let cells: Vec<_> = row.iter().map(Value::as_ref).collect();
        table.insert(&mut txn, &cells).unwrap();
        let theirs = row.iter().map(|value| match value {
            Value::Int(value) => (*value).into(),
            Value::Float64(value) => (*value).into(),
            Value::Text(text) => text.clone().into(),
            _ => rusqlite::types::Value::Null,
        });
        insert.execute(rusqlite::params_from_iter(theirs)).unwrap();
    }
    drop(insert);
    txn.commit().unwrap();
    (store, table, peer)
}

#[test]
fn the_store_and_sqlite_give_the_same_rows() {
    let (queries, first) = (number("STORE_PEER_QUERIES", 100_000), number("STORE_PEER_SEED", 1));
    let mut rows = 0;
    for seed in first..first + queries.div_ceil(OF_A_TABLE) {
        let mut random = Random::new(seed);
        let (store, table, peer) = fill(&mut random);
        let snapshot = store.snapshot().unwrap();
        for _ in 0..OF_A_TABLE {
            let filter = condition(3, &mut random);
            let (ours, theirs) = order(&mut random);
            let limit = if random.once_in(2) { random.below(12) } else { 1000 };
            let offset = if random.once_in(3) { random.below(6) } else { 0 };
            let sql = format!(
                "SELECT id FROM t WHERE {filter} ORDER BY {theirs} LIMIT {limit} OFFSET {offset}"
            );
            let place = format!("STORE_PEER_SEED={seed}: {sql}");
            let predicate = store_core::query::Predicate::parse(&filter)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let query = table.query(&snapshot).filter(predicate).sort(&ours).unwrap();
            let mut cursor = query.limit(limit).offset(offset).run().unwrap();
            let mut found = Vec::new();
            while let Some(row) = cursor.next().unwrap() {
                found.push(row.field::<i64>(0).unwrap());
            }
            let mut statement =
                peer.prepare(&sql).unwrap_or_else(|error| panic!("{place}: {error}"));
            let expected: Vec<i64> =
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert_eq!(found, expected, "{place}");
            rows += found.len();
        }
    }
    println!("{queries} queries gave {rows} rows alike");
    assert!(rows as u64 > queries, "few rows matched: the test says little");
}

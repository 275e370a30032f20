//! Random questions of random tables, by every way to the rows, against an evaluation of its own.
//!
//! `STORE_QUERY_PREDICATES` and `STORE_QUERIES` set how many are asked, `STORE_QUERY_SEED` the first
//! seed; a failure prints the seed of its table and the question.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod conditions;
mod controls;
mod patterns;
mod values;
mod world;

use conditions::Condition;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use store_core::query::Predicate;
use store_core::{Query, Schema, Value};
use store_tests::random::Random;
use store_tests::rows::{int, unbatched};
use values::order;
use world::{MOMENTS, Moment, World, keys};

/// Questions asked of one table.
const OF_A_WORLD: u64 = 40;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Asks this many questions, some of each of many tables.
fn ask_all(questions: u64, mut ask: impl FnMut(&World, &mut Random, &str)) {
    let first = number("STORE_QUERY_SEED", 1);
    for seed in first..first + questions.div_ceil(OF_A_WORLD) {
        let mut random = Random::new(seed);
        let world = World::new(&mut random);
        let place = format!("STORE_QUERY_SEED={seed}, {}", world.schema());
        for _ in 0..OF_A_WORLD {
            ask(&world, &mut random, &place);
        }
    }
}

/// A condition, and its predicate; mostly as its text is read back.
fn random_condition(schema: &Schema, random: &mut Random) -> (Condition, Predicate) {
    let condition = match random.below(4) {
        0 => Condition::random_ranges(schema, random),
        depth => Condition::random(schema, depth as u32 - 1, random),
    };
    let built = condition.predicate(schema);
    let predicate = match random.below(3) {
        0 => built,
        _ => Predicate::parse(&built.to_string()).unwrap_or_else(|error| panic!("{error}")),
    };
    (condition, predicate)
}

fn matching(world: &World, moment: Moment, condition: &Condition) -> Vec<i64> {
    let rows = world.rows(moment).iter();
    rows.filter(|(_, row)| condition.truth(row) == Some(true)).map(|(key, _)| *key).collect()
}

#[test]
fn random_predicates_find_the_same_rows_by_every_way() {
    let mut ways: BTreeMap<String, u64> = BTreeMap::new();
    let mut matched = 0;
    ask_all(number("STORE_QUERY_PREDICATES", 20_000), |world, random, place| {
        let (condition, predicate) = random_condition(world.schema(), random);
        let moment = *random.pick(&MOMENTS);
        let expected = matching(world, moment, &condition);
        matched += expected.len();
        for (way, query) in world.ways(moment, &predicate, |query| query) {
            let word = way.split([':', ' ']).next().unwrap_or_default();
            *ways.entry(word.to_owned()).or_default() += 1;
            let mut found = keys(query);
            found.sort_unstable();
            assert_eq!(found, expected, "{place}: {moment:?} by {way}: {predicate}");
        }
        // By columns, until there are images of the pages.
        for _ in 0..3 {
            let (way, query) = world.ways(moment, &predicate, |query| query).swap_remove(0);
            let rows = unbatched(query.batches(&["id", "c0"]).unwrap(), 2).unwrap();
            let mut found: Vec<i64> = rows.iter().map(|row| int(&row[0])).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{place}: {moment:?} batches by {way}: {predicate}");
        }
        let mut ways = world.ways(moment, &predicate, |query| query);
        let (way, query) = ways.swap_remove(random.below(ways.len() as u64) as usize);
        let counted = query.count().unwrap();
        assert_eq!(
            counted,
            expected.len() as u64,
            "{place}: {moment:?} count by {way}: {predicate}"
        );
    });
    println!("{matched} rows, ways {ways:?}");
    assert!(2 * ways["index"] > ways["planned"], "few were asked by an index: {ways:?}");
}

/// Everything about a query but its filter.
struct Shape<'w> {
    sort: &'w [String],
    limit: Option<u64>,
    offset: u64,
}

impl Shape<'_> {
    fn of<'q>(&self, query: Query<'q>) -> Query<'q> {
        let query = query.sort(self.sort).unwrap().offset(self.offset);
        if let Some(limit) = self.limit { query.limit(limit) } else { query }
    }
}

/// One column of an order: its position, descending, NULL first.
type By = (usize, bool, bool);

fn random_sort(schema: &Schema, random: &mut Random) -> Vec<By> {
    let mut sort: Vec<By> = Vec::new();
    for _ in 0..random.below(4) {
        let at = random.below(schema.visible_len() as u64) as usize;
        if sort.iter().all(|by| by.0 != at) {
            sort.push((at, random.once_in(2), random.once_in(4)));
        }
    }
    sort
}

fn words(schema: &Schema, sort: &[By]) -> Vec<String> {
    let word = |(at, descending, first): &By| {
        let minus = if *descending { "-" } else { "" };
        let nulls = if *first { " nulls first" } else { "" };
        format!("{minus}{}{nulls}", schema.columns[*at].name)
    };
    sort.iter().map(word).collect()
}

fn compare(sort: &[By], a: &[Value], b: &[Value]) -> Ordering {
    let by = |(at, descending, first): &By| match (&a[*at], &b[*at]) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) if *first => Ordering::Less,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) if *first => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (a, b) if *descending => order(b, a),
        (a, b) => order(a, b),
    };
    let ordered = sort.iter().map(by).find(|order| order.is_ne());
    ordered.unwrap_or_else(|| order(&a[0], &b[0]))
}

#[test]
fn pages_behind_one_another_are_the_whole() {
    let mut pages = 0;
    ask_all(number("STORE_QUERIES", 5_000) / 5, |world, random, place| {
        let schema = world.schema();
        let (condition, predicate) = random_condition(schema, random);
        let (moment, mut sort) = (*random.pick(&MOMENTS), random_sort(schema, random));
        if sort.is_empty() {
            sort.push((0, random.once_in(2), false));
        }
        let words = words(schema, &sort);
        let mut expected = matching(world, moment, &condition);
        let rows = world.rows(moment);
        expected.sort_by(|a, b| compare(&sort, &rows[a], &rows[b]));
        let columns =
            sort.iter().map(|by| by.0).chain((sort.iter().all(|by| by.0 != 0)).then_some(0));
        let columns: Vec<usize> = columns.collect();
        let limit = 1 + random.below(9);
        let shape = Shape { sort: &words, limit: Some(limit), offset: 0 };
        let (mut found, mut last): (Vec<i64>, Option<Vec<Value>>) = (Vec::new(), None);
        loop {
            // Another way for each page.
            let mut ways = world.ways(moment, &predicate, |query| query.sort(&words).unwrap());
            let (way, query) = ways.swap_remove(random.below(ways.len() as u64) as usize);
            let query = match &last {
                Some(place) => shape.of(query).after(place.clone()),
                None => shape.of(query),
            };
            let mut cursor =
                query.run().unwrap_or_else(|error| panic!("{place} by {way}: {error}"));
            let before = found.len();
            while let Some(row) = cursor.next().unwrap() {
                found.push(store_tests::rows::int(&row.get(0).to_owned()));
                last = Some(columns.iter().map(|at| row.get(*at).to_owned()).collect());
            }
            pages += 1;
            if found.len() - before < limit as usize {
                break;
            }
        }
        assert_eq!(found, expected, "{place}: {moment:?}: {predicate} sort {words:?} by {limit}");
    });
    assert!(pages > 1000, "only {pages} pages: the test says little");
}

#[test]
fn random_queries_give_the_same_rows_in_the_same_order_by_every_way() {
    let mut served = 0;
    ask_all(number("STORE_QUERIES", 5_000), |world, random, place| {
        let schema = world.schema();
        let (condition, predicate) = random_condition(schema, random);
        let moment = *random.pick(&MOMENTS);
        let sort = random_sort(schema, random);
        let words = words(schema, &sort);
        let limit = random.once_in(2).then(|| random.below(12));
        let offset = if random.once_in(3) { random.below(6) } else { 0 };
        let shape = Shape { sort: &words, limit, offset };
        let mut all = matching(world, moment, &condition);
        let rows = world.rows(moment);
        all.sort_by(|a, b| compare(&sort, &rows[a], &rows[b]));
        let after = all.iter().skip(offset as usize);
        let expected: Vec<i64> = after.take(limit.unwrap_or(u64::MAX) as usize).copied().collect();
        for (way, query) in world.ways(moment, &predicate, |query| shape.of(query)) {
            let asked = format!(
                "{place}: {moment:?} by {way}: {predicate} sort {words:?} {limit:?} +{offset}"
            );
            served += u64::from(way.contains("in the order of the sort"));
            let mut found = keys(query);
            if sort.is_empty() {
                assert_eq!(found.len(), expected.len(), "{asked}");
                found.sort_unstable();
                let strays = found.iter().filter(|key| !all.contains(key)).count();
                let twice = found.windows(2).filter(|pair| pair[0] == pair[1]).count();
                assert_eq!((strays, twice), (0, 0), "{asked}: {found:?} of {all:?}");
            } else {
                assert_eq!(found, expected, "{asked}");
            }
        }
    });
    assert!(served > 50, "only {served} orders were served by an index: the test says little");
}

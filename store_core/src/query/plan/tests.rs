//! Which path is chosen, and that no matching row is ever outside it.

use super::{AccessPath, KeyRange, Plan, PlanInput, RANGES_MAX, after, plan};
use crate::query::testing::{NAMES, Rng, random_predicate, random_row, schema};
use crate::query::{Filter, NullsOrder, Predicate, SortKey, column};
use crate::schema::Schema;
use crate::value::{Type, Value, encode_key};
use std::ops::Bound;

const SMALL: usize = 0;
const NAME_SMALL: usize = 3;

fn entry(schema: &Schema, index: usize, row: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for at in &schema.indexes[index].columns {
        let column = &schema.columns[*at];
        encode_key(row[*at].as_ref(), column.ty, column.notnull, &mut out).unwrap();
    }
    out
}

fn choose_for(
    filter: &Filter,
    sort: &[SortKey],
    estimate: &dyn Fn(usize, &KeyRange) -> u64,
) -> Plan {
    let schema = schema();
    let input = PlanInput {
        filter,
        schema: &schema,
        sort,
        serves: &|_| true,
        estimates: estimate,
        table_rows: 1000,
        overlay: false,
    };
    plan(&input)
}

fn choose(text: &str, sort: &[SortKey], entries: u64) -> Plan {
    let filter = Predicate::parse(text).unwrap().bind(&schema()).unwrap();
    choose_for(&filter, sort, &|_, _| entries)
}

fn ranges(plan: &Plan) -> &[KeyRange] {
    match &plan.path {
        AccessPath::Index { ranges, .. } => ranges,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_matching_row_lies_in_the_path_chosen() {
    let schema = schema();
    let mut by_index = 0;
    for seed in 0..1500 {
        let mut rng = Rng::seeded(seed);
        let parts = (0..2).map(|_| random_predicate(&mut rng, 1)).collect();
        let filter = Predicate::And(parts).bind(&schema).unwrap();
        let sort = if rng.chance(50) { vec![] } else { vec![SortKey::ascending(rng.below(7))] };
        let favoured = rng.below(schema.indexes.len());
        let plan = choose_for(&filter, &sort, &|index, _| if index == favoured { 3 } else { 100 });
        by_index += usize::from(matches!(plan.path, AccessPath::Index { .. }));
        for _ in 0..40 {
            let row = random_row(&mut rng);
            if !filter.matches(&row[..]) {
                continue;
            }
            let reached = match &plan.path {
                AccessPath::Empty => false,
                AccessPath::Key(key) => key[..] == row[..1],
                AccessPath::Keys(keys) => keys.iter().any(|key| key[..] == row[..1]),
                AccessPath::Scan => true,
                AccessPath::Index { index, ranges, .. } => {
                    let mut entry = entry(&schema, *index, &row);
                    entry.extend(rng.next().to_be_bytes()); // a row number stands behind the cells
                    ranges.iter().filter(|range| range.contains(&entry)).count() == 1
                }
            };
            assert!(reached, "{row:?} outside {plan:?} of {filter:?}");
        }
    }
    assert!(by_index > 200, "only {by_index} plans used an index: the test says little");
}

#[test]
fn ranges_of_one_column_hold_exactly_the_rows_in_bounds() {
    let schema = schema();
    for seed in 0..800 {
        let mut rng = Rng::seeded(seed);
        let part = || Predicate::parse("small > -100").unwrap(); // makes the index usable
        let filter = random_predicate(&mut rng, 0).and(part()).bind(&schema).unwrap();
        let plan = choose_for(&filter, &[], &|index, _| if index == SMALL { 0 } else { 900 });
        let AccessPath::Index { index: SMALL, ranges, .. } = &plan.path else { continue };
        for _ in 0..40 {
            let row = random_row(&mut rng);
            let inside = filter.bounds(1).contains(row[1].as_ref());
            let entry = entry(&schema, SMALL, &row);
            let reached = ranges.iter().any(|range| range.contains(&entry));
            assert_eq!(reached, inside, "{row:?} {plan:?}");
        }
    }
}

#[test]
fn a_fixed_key_beats_every_index() {
    assert_eq!(choose("id = 3 and small = 1", &[], 0).path, AccessPath::Key(vec![Value::Int(3)]));
    let listed = choose("id in (3, 1, 3)", &[], 0);
    assert_eq!(listed.path, AccessPath::Keys(vec![vec![Value::Int(1)], vec![Value::Int(3)]]));
    assert_eq!(listed.reason, "key: 2 keys are listed");
}

#[test]
fn a_contradiction_reads_nothing() {
    assert_eq!(choose("small > 3 and small < 2", &[], 0).path, AccessPath::Empty);
    assert_eq!(choose("id = 3 and small = null", &[], 0).path, AccessPath::Empty);
}

#[test]
fn an_index_is_used_only_when_it_saves_rows() {
    let plan = choose("small > 2", &[], 250);
    assert!(matches!(plan.path, AccessPath::Index { index: SMALL, .. }));
    assert_eq!(plan.reason, "index `small`: about 250 of 1000 rows");
    let plan = choose("small > 2", &[], 251);
    assert_eq!(plan.path, AccessPath::Scan);
    assert_eq!(plan.reason, "scan: index `small` would read about 251 of 1000 rows");
    assert_eq!(choose("single > 2", &[], 0).reason, "scan: no index fits, 1000 rows");
}

#[test]
fn the_index_with_the_fewest_entries_wins() {
    let filter = Predicate::parse("small > 2 and price < 1").unwrap().bind(&schema()).unwrap();
    for favoured in [0, 1] {
        let plan = choose_for(&filter, &[], &|index, _| if index == favoured { 5 } else { 90 });
        assert!(matches!(plan.path, AccessPath::Index { index, .. } if index == favoured));
    }
}

#[test]
fn an_equality_prefix_is_followed_by_a_range() {
    let filter = Predicate::parse("name = 'a' and small >= 2").unwrap().bind(&schema()).unwrap();
    let plan = choose_for(&filter, &[], &|index, _| if index == NAME_SMALL { 1 } else { 50 });
    let mut low = Vec::new();
    encode_key("a".into(), Type::Text, false, &mut low).unwrap();
    let mut high = low.clone();
    encode_key(2_i64.into(), Type::Int16, false, &mut low).unwrap();
    high.push(2); // NULL
    let expected = KeyRange { low: Bound::Included(low), high: Bound::Excluded(high) };
    assert_eq!(ranges(&plan), [expected]);
}

#[test]
fn points_are_ranges_of_their_own_up_to_a_limit() {
    assert_eq!(ranges(&choose("small in (1, 3, 5)", &[], 1)).len(), 3);
    let many = column("small").in_values(0..=RANGES_MAX as i32).bind(&schema()).unwrap();
    assert_eq!(ranges(&choose_for(&many, &[], &|_, _| 1)).len(), 1);
}

#[test]
fn a_sort_is_served_only_where_the_walk_has_its_nulls_right() {
    let served = |text: &str, sort: SortKey| match choose(text, &[sort], 900).path {
        AccessPath::Index { descending, serves_sort: true, .. } => Some(descending),
        _ => None,
    };
    let first = |key: SortKey| SortKey { nulls: NullsOrder::First, ..key };
    assert_eq!(served("true", SortKey::ascending(1)), Some(false));
    assert_eq!(served("true", SortKey::descending(1)), None);
    assert_eq!(served("true", first(SortKey::descending(1))), Some(true));
    assert_eq!(served("true", first(SortKey::ascending(1))), None);
    assert_eq!(served("small is not null", SortKey::descending(1)), Some(true));
    assert_eq!(served("small < 3", first(SortKey::ascending(1))), Some(false));
    assert_eq!(served("true", SortKey::ascending(6)), None); // not a leading column
    assert_eq!(served("true", SortKey::ascending(3)), None); // no index
}

#[test]
fn an_overlay_takes_the_order_away_but_not_the_index() {
    let filter = Predicate::parse("small > 2").unwrap().bind(&schema()).unwrap();
    let schema = schema();
    let input = PlanInput {
        filter: &filter,
        schema: &schema,
        sort: &[SortKey::ascending(1)],
        serves: &|_| true,
        estimates: &|_, _| 1,
        table_rows: 1000,
        overlay: true,
    };
    let path = plan(&input).path;
    assert!(matches!(path, AccessPath::Index { serves_sort: false, descending: false, .. }));
}

#[test]
fn a_walk_that_serves_the_sort_meets_rows_in_its_order() {
    let schema = schema();
    for seed in 0..400 {
        let mut rng = Rng::seeded(seed);
        let filter = random_predicate(&mut rng, 1).bind(&schema).unwrap();
        let key = SortKey {
            column: rng.below(NAMES.len()),
            descending: rng.chance(50),
            nulls: if rng.chance(50) { NullsOrder::First } else { NullsOrder::Last },
        };
        let plan = choose_for(&filter, &[key], &|_, _| 900);
        let AccessPath::Index { index, descending, serves_sort: true, ranges } = plan.path else {
            continue;
        };
        let mut rows: Vec<_> = (0..40).map(|_| random_row(&mut rng)).collect();
        rows.sort_by_cached_key(|row| entry(&schema, index, row));
        let reached = |row: &&Vec<Value>| {
            let entry = entry(&schema, index, row);
            ranges.iter().any(|range| range.contains(&entry)) && filter.matches(&row[..])
        };
        let mut met: Vec<_> = rows.iter().filter(reached).collect();
        if descending {
            met.reverse();
        }
        let sorted =
            met.is_sorted_by(|a, b| crate::query::compare_rows(&[key], &a[..], &b[..]).is_le());
        assert!(sorted, "{key:?} {filter:?}");
    }
}

#[test]
fn text_too_long_for_the_index_leaves_it_unused() {
    let filter = column("name").eq("x".repeat(10_000)).bind(&schema()).unwrap();
    assert_eq!(choose_for(&filter, &[], &|_, _| 0).path, AccessPath::Scan);
}

#[test]
fn the_end_of_a_prefix_lies_past_all_that_begin_with_it() {
    assert_eq!(after(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(after(&[1, 0xFF]), Some(vec![2]));
    assert_eq!(after(&[0xFF, 0xFF]), None);
    assert_eq!(after(&[]), None);
    assert!(KeyRange::all().contains(b"anything"));
}

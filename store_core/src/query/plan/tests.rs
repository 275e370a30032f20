//! Which path is chosen, and that no matching row is ever outside it.

use super::ranges::after;
use super::{AccessPath, KeyRange, Plan, PlanInput, RANGES_MAX, plan};
use crate::query::testing::{NAMES, Rng, random_predicate, random_row, schema};
use crate::query::{Filter, NullsOrder, Predicate, SortKey, column};
use crate::schema::Schema;
use crate::value::{Type, Value, encode_key, fold};
use std::ops::Bound;

const SMALL: usize = 0;
const NAME_SMALL: usize = 3;
const NAME_NOCASE: usize = 5;

fn entry(schema: &Schema, index: usize, row: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for at in &schema.indexes[index].columns {
        let column = &schema.columns[*at];
        let folded = match &row[*at] {
            Value::Text(text) if schema.indexes[index].nocase => Value::from(&*fold(text)),
            value => value.clone(),
        };
        encode_key(folded.as_ref(), column.ty, column.notnull, &mut out).unwrap();
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
        hint: None,
        overlay: false,
    };
    plan(&input).unwrap()
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
    assert_eq!(listed.reason.to_string(), "key: 2 keys are listed");
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
    assert_eq!(plan.reason.to_string(), "index `small`: about 250 of 1000 rows");
    let plan = choose("small > 2", &[], 251);
    assert_eq!(plan.path, AccessPath::Scan);
    assert_eq!(plan.reason.to_string(), "scan: index `small` would read about 251 of 1000 rows");
    assert_eq!(choose("single > 2", &[], 0).reason.to_string(), "scan: no index fits, 1000 rows");
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
fn or_of_ranges_on_one_column_is_several_ranges() {
    assert_eq!(
        ranges(&choose("small < -2 or small between 1 and 2 or small > 3", &[], 1)).len(),
        3
    );
    assert_eq!(ranges(&choose("small != 1", &[], 1)).len(), 2);
    assert_eq!(ranges(&choose("small is null or small = 1", &[], 1)).len(), 2);
    assert_eq!(choose("small < 1 or price > 2", &[], 1).path, AccessPath::Scan);
}

#[test]
fn lists_of_several_columns_are_combined() {
    let near = |text: &str| {
        let filter = Predicate::parse(text).unwrap().bind(&schema()).unwrap();
        choose_for(&filter, &[], &|index, _| if index == NAME_SMALL { 1 } else { 250 })
    };
    let plan = near("name in ('a', 'b') and small in (1, 2, 3)");
    assert_eq!(ranges(&plan).len(), 6);
    assert_eq!(plan.reason.to_string(), "index `name+small`: about 6 of 1000 rows in 6 ranges");
    assert_eq!(ranges(&near("name in ('a', 'b') and (small < 1 or small > 3)")).len(), 4);
    assert_eq!(ranges(&near("(name = 'a' or name is null) and small > 3")).len(), 2);
}

#[test]
fn a_pattern_with_a_beginning_walks_what_begins_so() {
    let index_of = |text: &str| {
        let filter = Predicate::parse(text).unwrap().bind(&schema()).unwrap();
        let narrow = |range: &KeyRange| matches!(&range.low, Bound::Included(low) if low.len() > 1);
        let estimate = |index, range: &KeyRange| if narrow(range) { index as u64 } else { 900 };
        match choose_for(&filter, &[], &estimate).path {
            AccessPath::Index { index, ranges, .. } => {
                Some((schema().indexes[index].name.clone(), ranges))
            }
            _ => None,
        }
    };
    let prefix = |text: &str| {
        let mut low = vec![1];
        low.extend(text.as_bytes());
        Some(KeyRange { high: Bound::Excluded(after(&low).unwrap()), low: Bound::Included(low) })
    };
    for (text, index, range) in [
        ("name glob 'ab*'", "name", prefix("ab")),
        ("name like 'Ab_c%'", "name", prefix("Ab")),
        ("name ~ '^aB'", "name", prefix("aB")),
        ("name match '12*'", "name", prefix("12")),
        ("name match 'aB*'", "name nocase", prefix("ab")),
        ("name ilike 'aÉ%'", "name nocase", prefix(&fold("aé"))),
        ("name ~* '^A.c'", "name nocase", prefix("a")),
    ] {
        let (found, ranges) = index_of(text).unwrap();
        assert_eq!(found, index, "{text}");
        // A bound of text ends where the next text begins: its cell has an end mark more.
        let ends = |range: &KeyRange| {
            let (Bound::Included(low), Bound::Excluded(high)) = (&range.low, &range.high) else {
                panic!("{range:?}")
            };
            (low[..low.len() - 2].to_vec(), high[..high.len() - 2].to_vec())
        };
        let (low, high) = ends(&ranges[0]);
        let Some(KeyRange { low: Bound::Included(wanted), high: Bound::Excluded(after) }) = range
        else {
            panic!("a range has two ends")
        };
        assert_eq!((low, high), (wanted, after), "{text}");
    }
    assert_eq!(index_of("name match '*a'"), None);
    assert_eq!(index_of("name not like 'a%'"), None);
    let exact = Predicate::parse("name = 'aB'").unwrap().bind(&schema()).unwrap();
    let plan = choose_for(&exact, &[], &|index, _| if index == NAME_NOCASE { 0 } else { 9 });
    assert!(
        plan.reason.to_string().starts_with("index `name nocase`: about 0 "),
        "{}",
        plan.reason
    );
}

#[test]
fn an_index_without_case_serves_no_sort_of_its_text() {
    let sorted = |text: &str, column: usize| {
        let filter = Predicate::parse(text).unwrap().bind(&schema()).unwrap();
        let only = |index: usize, _: &KeyRange| if index >= NAME_NOCASE { 1 } else { 300 };
        match choose_for(&filter, &[SortKey::ascending(column)], &only).path {
            AccessPath::Index { index, serves_sort, .. } => (index, serves_sort),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sorted("name match 'a*'", 4), (NAME_NOCASE, false));
    let behind_fixed_text = NAME_NOCASE + 1;
    assert_eq!(sorted("note match 'a' and name match 'b'", 1), (behind_fixed_text, true));
}

fn hinted(text: &str, sort: &[SortKey], hint: usize) -> crate::Result<Plan> {
    let schema = schema();
    let filter = Predicate::parse(text).unwrap().bind(&schema).unwrap();
    plan(&PlanInput {
        filter: &filter,
        schema: &schema,
        sort,
        serves: &|_| true,
        estimates: &|_, _| 900,
        table_rows: 1000,
        hint: Some(hint),
        overlay: false,
    })
}

#[test]
fn a_hint_is_followed_if_the_index_says_anything() {
    let found = hinted("id = 3 and small > 1", &[], SMALL).unwrap();
    assert_eq!(found.reason.to_string(), "index `small`: about 900 of 1000 rows, as asked");
    let sorted = hinted("true", &[SortKey::ascending(1)], SMALL).unwrap();
    assert!(sorted.reason.to_string().ends_with("rows, in the order of the sort, as asked"));
    for (text, index, column) in
        [("price > 1", SMALL, "small"), ("name < 'a' and small = 1", NAME_NOCASE, "name")]
    {
        let error = hinted(text, &[], index);
        if text.starts_with("price") {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Invalid);
            assert!(
                error.to_string().contains(&format!("says anything of \"{column}\"")),
                "{error}"
            );
        } else {
            assert!(error.is_ok(), "it excludes NULL at least");
        }
    }
}

#[test]
fn a_walk_that_serves_a_sort_has_its_nulls_where_they_are_asked_for() {
    let served = |text: &str, sort: SortKey| match choose(text, &[sort], 900).path {
        AccessPath::Index { descending, serves_sort: true, .. } => Some(descending),
        _ => None,
    };
    let first = |key: SortKey| SortKey { nulls: NullsOrder::First, ..key };
    assert_eq!(served("true", SortKey::ascending(1)), Some(false));
    assert_eq!(served("true", SortKey::descending(1)), Some(true));
    assert_eq!(served("true", first(SortKey::descending(1))), Some(true));
    assert_eq!(served("true", first(SortKey::ascending(1))), Some(false));
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
        hint: None,
        overlay: true,
    };
    let path = plan(&input).unwrap().path;
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
        let mut met = Vec::new();
        for range in &ranges {
            let reached = |row: &&Vec<Value>| range.contains(&entry(&schema, index, row));
            met.extend(rows.iter().filter(reached).filter(|row| filter.matches(&row[..])));
        }
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

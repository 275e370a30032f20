//! Joins whose sides do not fit.

use super::{Draw, LIMITS, Place, ROW_BYTES, Row, batch_of, sorted, take};
use std::collections::BTreeMap;
use store_core::{Result, Type, ValueRef};
use store_etl::batch::{Batch, Field};
use store_etl::operator::HashOptions;
use store_etl::operator::join::{Join, JoinBuild, JoinKind, JoinStats};

const KINDS: [JoinKind; 6] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
];

/// Rows of so many keys, of which one has this share of a hundred, and some are NULL.
fn rows(seed: u64, count: usize, keys: u64, heavy: u64) -> Vec<Row> {
    let mut draw = Draw(seed);
    let one = |nth: usize, draw: &mut Draw| {
        let key = if draw.below(100) < heavy { 1 } else { draw.below(keys) as i64 };
        let is_null = draw.below(50) == 0;
        vec![(!is_null).then_some(key), Some(nth as i64)]
    };
    (0..count).map(|nth| one(nth, &mut draw)).collect()
}

/// Left key, left value, right key, right value; of semi and anti joins the left ones.
fn naive(left: &[Row], right: &[Row], kind: JoinKind) -> Vec<Row> {
    let mut partners: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in right {
        if let Some(key) = row[0] {
            partners.entry(key).or_default().push(row);
        }
    }
    let mut found = Vec::new();
    let mut met = std::collections::BTreeSet::new();
    for row in left {
        let own = row[0].and_then(|key| partners.get(&key));
        match (kind, own) {
            (JoinKind::Semi, Some(_)) | (JoinKind::Anti, None) => found.push(row.clone()),
            (JoinKind::Semi, None) | (JoinKind::Anti, Some(_)) => {}
            (_, Some(own)) => {
                met.insert(row[0]);
                found.extend(own.iter().map(|other| [&row[..], &other[..]].concat()));
            }
            (JoinKind::Left | JoinKind::Full, None) => {
                found.push([&row[..], &[None, None]].concat());
            }
            (_, None) => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let lonely = right.iter().filter(|row| !met.contains(&row[0]));
        found.extend(lonely.map(|row| [&[None, None], &row[..]].concat()));
    }
    found
}

fn run(
    place: &Place,
    left: &[Row],
    right: &[Row],
    kind: JoinKind,
) -> Result<(Vec<Row>, JoinStats)> {
    let of = |a: &str, b: &str| [Field::new(a, Type::Int64), Field::new(b, Type::Int64)];
    let (left_fields, right_fields) = (of("a", "x"), of("b", "y"));
    let plan = Join::bind(&left_fields, &right_fields, &[(0, 0)], kind, None)?;
    let mut out = Batch::new(plan.fields());
    let options = HashOptions::within(place.memory, ROW_BYTES);
    let mut build = JoinBuild::new(plan, options, Some(place.spill()), &place.holder)?;
    for some in right.chunks(700) {
        build.push(&batch_of(&right_fields, some))?;
    }
    let mut joined = build.finish()?;
    let mut found = Vec::new();
    for some in left.chunks(700) {
        let batch = batch_of(&left_fields, some);
        joined.begin(&batch);
        while joined.next(&batch, &mut out, &LIMITS)? {
            take(&mut out, &mut found);
        }
    }
    while joined.rest(&mut out, &LIMITS)? {
        take(&mut out, &mut found);
    }
    take(&mut out, &mut found);
    Ok((found, joined.stats()))
}

/// The same for rows that have a text of some length besides, if their key is this one.
fn run_wide(
    place: &Place,
    [left, right]: [&[Row]; 2],
    kind: JoinKind,
    (key, text): (i64, &str),
) -> Result<(Vec<Row>, JoinStats)> {
    let of = |[a, b, c]: [&str; 3]| {
        [Field::new(a, Type::Int64), Field::new(b, Type::Int64), Field::new(c, Type::Text)]
    };
    let (left_fields, right_fields) = (of(["a", "x", "s"]), of(["b", "y", "t"]));
    let batch = |fields: &[Field], rows: &[Row]| {
        let mut batch = Batch::new(fields);
        for row in rows {
            let cell = |cell: Option<i64>| cell.map_or(ValueRef::Null, ValueRef::Int);
            let own = if row[0] == Some(key) { text } else { "" };
            batch.push_row(&[cell(row[0]), cell(row[1]), own.into()]).unwrap();
        }
        batch
    };
    let plan = Join::bind(&left_fields, &right_fields, &[(0, 0)], kind, None)?;
    let mut out = Batch::new(plan.fields());
    let options = HashOptions::within(place.memory, ROW_BYTES);
    let mut build = JoinBuild::new(plan, options, Some(place.spill()), &place.holder)?;
    for some in right.chunks(700) {
        build.push(&batch(&right_fields, some))?;
    }
    let mut joined = build.finish()?;
    let mut found = Vec::new();
    for some in left.chunks(700) {
        let batch = batch(&left_fields, some);
        joined.begin(&batch);
        while joined.next(&batch, &mut out, &LIMITS)? {
            take(&mut out, &mut found);
        }
    }
    while joined.rest(&mut out, &LIMITS)? {
        take(&mut out, &mut found);
    }
    take(&mut out, &mut found);
    // The texts are no numbers.
    let numbers = found.into_iter().map(|row| vec![row[0], row[1], row[3], row[4]]).collect();
    Ok((numbers, joined.stats()))
}

fn check(left: &[Row], right: &[Row]) -> JoinStats {
    let mut all = JoinStats::default();
    for kind in KINDS {
        let place = Place::new(130 << 10);
        let (found, stats) = run(&place, left, right, kind).unwrap();
        place.check();
        assert!(sorted(found) == sorted(naive(left, right, kind)), "{kind:?} {stats:?}");
        all.spill_bytes += stats.spill_bytes;
        all.nested += stats.nested;
    }
    all
}

#[test]
fn sides_that_do_not_fit_join_as_in_a_nested_loop() {
    let (left, right) = (rows(1, 9000, 12_000, 0), rows(2, 12_000, 12_000, 0));
    assert!(check(&left, &right).spill_bytes > 0);
    assert!(check(&right, &left).spill_bytes > 0);
}

#[test]
fn a_heavy_key_joins_block_by_block() {
    let (left, right) = (rows(3, 7000, 50, 0), rows(4, 7000, 9000, 95));
    // One row in fifty of the left ones has the heavy key, and nearly all right ones have it.
    assert!(check(&left[..300], &right).spill_bytes > 0);
    let few: Vec<Row> = rows(5, 4500, 1 << 40, 0);
    let heavy: Vec<Row> = (0..9000).map(|nth| vec![Some(1), Some(nth)]).collect();
    let both = [&heavy[..4500], &few[..]].concat();
    let place = Place::new(130 << 10);
    for kind in [JoinKind::Semi, JoinKind::Anti] {
        let (found, stats) = run(&place, &both, &heavy, kind).unwrap();
        assert!(sorted(found) == sorted(naive(&both, &heavy, kind)), "{kind:?} {stats:?}");
        assert!(stats.nested > 0, "{stats:?}");
    }
}

/// Rows of other keys share the partition of a heavy one. They have a partner in one of the blocks that
/// the heavy side is loaded in, and must not have lost it when all have passed.
#[test]
fn a_partner_met_in_one_block_is_remembered_in_the_next() {
    let side = |seed: u64, heavy: usize| -> Vec<Row> {
        let mut rows: Vec<Row> = (0..heavy as i64).map(|nth| vec![Some(-1), Some(nth)]).collect();
        rows.extend((0..10_000).map(|nth| vec![Some(nth), Some(1_000_000 + nth)]));
        let mut draw = Draw(seed);
        for at in (1..rows.len()).rev() {
            rows.swap(at, draw.below(at as u64 + 1) as usize);
        }
        rows
    };
    let text = "x".repeat(100);
    for (of_left, of_right) in [(900, 950), (950, 900)] {
        let (left, right) = (side(21, of_left), side(22, of_right));
        for kind in [JoinKind::Left, JoinKind::Right, JoinKind::Full] {
            let place = Place::new(130 << 10);
            let sides = [&left[..], &right[..]];
            let (found, stats) = run_wide(&place, sides, kind, (-1, &text)).unwrap();
            place.check();
            assert!(stats.nested > 0, "{stats:?}");
            assert!(sorted(found) == sorted(naive(&left, &right, kind)), "{kind:?} {stats:?}");
        }
    }
}

#[test]
fn null_never_meets_null() {
    let nulls: Vec<Row> = (0..40).map(|nth| vec![None, Some(nth)]).collect();
    check(&nulls, &nulls);
}

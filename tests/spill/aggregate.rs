//! Aggregates whose groups do not fit.

use super::{Draw, LIMITS, Place, ROW_BYTES, Row, batch_of, sorted, take};
use std::collections::BTreeMap;
use store_core::query::Function as Of;
use store_core::{Kind, Result, Type, ValueRef};
use store_etl::batch::{Batch, Field};
use store_etl::operator::HashOptions;
use store_etl::operator::aggregate::{AggregateStats, Aggregation, Aggregator, Call, Function};

fn fields() -> [Field; 2] {
    [Field::new("k", Type::Int64), Field::new("v", Type::Int32)]
}

fn rows(seed: u64, count: usize, groups: u64) -> Vec<Row> {
    let mut draw = Draw(seed);
    let one = |draw: &mut Draw| {
        let key = if draw.below(2) == 0 { 7 } else { draw.below(groups) as i64 };
        let value = draw.below(1000) as i64;
        vec![(key != 3).then_some(key), (value % 10 > 0).then_some(value)]
    };
    (0..count).map(|_| one(&mut draw)).collect()
}

/// Key, rows, values, sum, least, first and last.
fn naive(rows: &[Row]) -> Vec<Row> {
    let mut groups: BTreeMap<Option<i64>, Vec<Option<i64>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row[0]).or_default().push(row[1]);
    }
    let one = |(key, values): (Option<i64>, Vec<Option<i64>>)| {
        let known: Vec<i64> = values.iter().flatten().copied().collect();
        let sum = (!known.is_empty()).then(|| known.iter().sum());
        let counts = [Some(values.len() as i64), Some(known.len() as i64)];
        let ends = [values[0], values[values.len() - 1]];
        [&[key], &counts[..], &[sum, known.iter().min().copied()], &ends].concat()
    };
    groups.into_iter().map(one).collect()
}

fn run(place: &Place, rows: &[Row], between: impl Fn()) -> Result<(Vec<Row>, AggregateStats)> {
    let call = |function, column, name: &str| Call::new(function, column, name);
    let calls = vec![
        call(Function::Table(Of::Count), None, "n"),
        call(Function::Table(Of::Count), Some(1), "values"),
        call(Function::Table(Of::Sum), Some(1), "sum"),
        call(Function::Table(Of::Min), Some(1), "min"),
        call(Function::First, Some(1), "first"),
        call(Function::Last, Some(1), "last"),
    ];
    let plan = Aggregation::bind(&fields(), &[0], calls)?;
    let mut out = Batch::new(plan.fields());
    let options = HashOptions::within(place.memory, ROW_BYTES);
    let mut aggregator = Aggregator::new(plan, options, Some(place.spill()), &place.holder)?;
    for some in rows.chunks(900) {
        aggregator.push(&batch_of(&fields(), some))?;
    }
    between();
    let mut groups = aggregator.finish()?;
    let mut found = Vec::new();
    while groups.next(&mut out, &LIMITS)? {
        take(&mut out, &mut found);
    }
    take(&mut out, &mut found);
    Ok((found, groups.stats()))
}

#[test]
fn groups_that_do_not_fit_are_those_of_a_naive_computation() {
    for (seed, count, groups) in [(1, 60_000, 30_000), (2, 90_000, 90_000), (3, 30_000, 200)] {
        let rows = rows(seed, count, groups);
        let place = Place::new(220 << 10);
        let (found, stats) = run(&place, &rows, || ()).unwrap();
        place.check();
        assert!(groups < 1000 || stats.spill_bytes > 0, "{stats:?}");
        // Every row is in one group, and nothing else is.
        assert_eq!(found.iter().filter_map(|row| row[1]).sum::<i64>(), count as i64);
        assert!(sorted(found) == sorted(naive(&rows)), "seed {seed}");
    }
}

#[test]
fn a_damaged_page_of_groups_is_an_error_and_nothing_stays() {
    let rows = rows(4, 60_000, 30_000);
    for at in [50, 90, 130, 400, 2000] {
        let place = Place::new(220 << 10);
        let flip = || {
            place.change_files(|path| {
                let mut bytes = std::fs::read(path).unwrap();
                bytes[at] ^= 16;
                std::fs::write(path, bytes).unwrap();
            });
        };
        assert_eq!(run(&place, &rows, flip).unwrap_err().kind(), Kind::Corrupt, "at {at}");
        place.check();
    }
}

/// Sums, means and deviations of floats that differ in size, bit by bit.
fn float_groups(memory: usize, rows: &[(i64, f64)]) -> (BTreeMap<i64, [u64; 3]>, u64) {
    let fields = [Field::new("k", Type::Int64), Field::new("x", Type::Float64)];
    let calls = [Of::Sum, Of::Avg, Of::Stddev]
        .map(|function| Call::new(Function::Table(function), Some(1), function.name()));
    let plan = Aggregation::bind(&fields, &[0], calls.to_vec()).unwrap();
    let mut out = Batch::new(plan.fields());
    let place = Place::new(memory);
    let options = HashOptions::within(place.memory, ROW_BYTES);
    let mut aggregator =
        Aggregator::new(plan, options, Some(place.spill()), &place.holder).unwrap();
    for some in rows.chunks(900) {
        let mut batch = Batch::new(&fields);
        for (key, value) in some {
            batch.push_row(&[(*key).into(), (*value).into()]).unwrap();
        }
        aggregator.push(&batch).unwrap();
    }
    let mut groups = aggregator.finish().unwrap();
    let mut found = BTreeMap::new();
    let mut more = true;
    while more {
        out.clear();
        more = groups.next(&mut out, &LIMITS).unwrap();
        for row in 0..out.rows() {
            let bits = |column| match out.cell(row, column) {
                ValueRef::Float64(value) => value.to_bits(),
                // The deviation of a single value.
                ValueRef::Null => u64::MAX,
                other => panic!("{other:?}"),
            };
            let ValueRef::Int(key) = out.cell(row, 0) else { panic!("no key") };
            found.insert(key, [1, 2, 3].map(bits));
        }
    }
    let spilled = groups.stats().spill_bytes;
    drop(groups);
    place.check();
    (found, spilled)
}

#[test]
fn floats_come_to_the_same_bits_whatever_is_put_aside() {
    let mut draw = Draw(9);
    let mut one = |_| {
        let value = (draw.below(2_000_000) as f64 - 1e6) * 0.01;
        (draw.below(20_000) as i64, value * 10_f64.powi(draw.below(30) as i32 - 15))
    };
    let rows: Vec<(i64, f64)> = (0..100_000).map(&mut one).collect();
    let (wanted, spilled) = float_groups(32 << 20, &rows);
    assert_eq!(spilled, 0);
    for memory in [1 << 20, 220 << 10] {
        let (found, spilled) = float_groups(memory, &rows);
        assert!(spilled > 0);
        assert!(found == wanted, "within {memory} bytes");
    }
    let mut backwards = rows;
    backwards.reverse();
    assert!(float_groups(32 << 20, &backwards).0 == wanted, "in another order");
}

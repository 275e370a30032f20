//! Against a computation that keeps every row.

use super::*;
use store_core::segment::SegmentCodec;
use store_core::{Decimal, Kind};

fn fields() -> Vec<Field> {
    vec![
        Field::new("k", Type::Int32),
        Field::new("name", Type::Text),
        Field::new("f", Type::Float64),
        Field::new("i", Type::Int64),
        Field::new("d", Type::decimal(20, 3).unwrap()),
        Field::new("t", Type::Text),
        Field { name: "always".into(), ty: Type::Int16, nullable: false },
    ]
}

/// Rows of so many groups; one of them has half of all rows.
fn rows(draw: &mut Draw, count: usize, groups: u64) -> Rows {
    let or_null = |draw: &mut Draw, value: Value| {
        if draw.below(8) == 0 { Value::Null } else { value }
    };
    let one = |draw: &mut Draw| -> Vec<Value> {
        let group = if draw.below(2) == 0 { 0 } else { draw.below(groups) };
        let key = if group % 17 == 3 { Value::Null } else { Value::Int(group as i64 % 1000 - 500) };
        let name = match group % 5 {
            0 => Value::Null,
            1 => Value::from("NULL"),
            2 => Value::from(""),
            3 => Value::from("a".repeat(group as usize / 1000 % 7)),
            _ => Value::from(format!("name {}", group / 1000)),
        };
        let float = Value::Float64(draw.below(1000) as f64 / 8.0 - 50.0);
        let int = Value::Int(draw.below(1 << 30) as i64 - (1 << 29));
        let units = i128::from(draw.below(1 << 30)) - (1 << 29);
        let decimal = Value::Decimal(Decimal::new(units, 3).unwrap());
        let text = Value::from("xyz".repeat(draw.below(5) as usize) + &draw.below(9).to_string());
        vec![
            key,
            name,
            or_null(draw, float),
            or_null(draw, int),
            or_null(draw, decimal),
            or_null(draw, text),
            Value::Int(draw.below(100) as i64),
        ]
    };
    (0..count).map(|_| one(draw)).collect()
}

fn hashed_calls() -> Vec<Call> {
    let call = |function, column, name: &str| Call::new(function, column, name);
    vec![
        call(table(Of::Count), None, "n"),
        call(table(Of::Count), Some(2), "n_f"),
        call(table(Of::Sum), Some(2), "sum_f"),
        call(table(Of::Avg), Some(2), "avg_f"),
        call(table(Of::Min), Some(2), "min_f"),
        call(table(Of::Max), Some(2), "max_f"),
        call(table(Of::Stddev), Some(2), "sd_f"),
        call(table(Of::VariancePop), Some(3), "var_i"),
        call(table(Of::Sum), Some(3), "sum_i"),
        call(table(Of::Avg), Some(3), "avg_i"),
        call(table(Of::Min), Some(3), "min_i"),
        call(table(Of::Sum), Some(4), "sum_d"),
        call(table(Of::Max), Some(4), "max_d"),
        call(Function::First, Some(3), "first_i"),
        call(Function::Last, Some(4), "last_d"),
        call(table(Of::Sum), Some(6), "sum_a"),
        call(table(Of::Count), Some(5), "n_t"),
    ]
}

fn sorted_calls() -> Vec<Call> {
    let call = |function, column, name: &str| Call::new(function, column, name);
    let mut calls = vec![
        call(table(Of::CountDistinct), Some(3), "distinct_i"),
        call(table(Of::CountDistinct), Some(5), "distinct_t"),
        call(Function::Median, Some(2), "median_f"),
        call(Function::Median, Some(4), "median_d"),
        call(Function::Median, Some(6), "median_a"),
        call(table(Of::Min), Some(5), "min_t"),
        call(table(Of::Max), Some(5), "max_t"),
        call(Function::First, Some(5), "first_t"),
        call(Function::Last, Some(5), "last_t"),
    ];
    calls.extend(hashed_calls());
    calls
}

/// The numbers of a column, as floats.
fn floats(rows: &[&Vec<Value>], column: usize) -> Vec<f64> {
    let number = |row: &&Vec<Value>| match &row[column] {
        Value::Int(value) => Some(*value as f64),
        Value::Float64(value) => Some(*value),
        Value::Decimal(value) => Some(value.to_f64()),
        _ => None,
    };
    rows.iter().filter_map(number).collect()
}

fn float(value: Option<f64>) -> Value {
    value.map_or(Value::Null, Value::Float64)
}

/// One call over the rows of one group, kept whole.
fn naive_call(call: &Call, rows: &[&Vec<Value>]) -> Value {
    let Some(column) = call.column else { return Value::Int(rows.len() as i64) };
    let known: Vec<&Value> =
        rows.iter().map(|row| &row[column]).filter(|value| **value != Value::Null).collect();
    let numbers = floats(rows, column);
    let count = numbers.len() as f64;
    let mean = || numbers.iter().sum::<f64>() / count;
    let squares = || numbers.iter().map(|x| (x - mean()) * (x - mean())).sum::<f64>();
    let ordered = || {
        let mut all = known.clone();
        all.sort_by(|a, b| a.as_ref().order(b.as_ref()));
        all
    };
    let units = |value: &Value| match value {
        Value::Int(value) => i128::from(*value),
        Value::Decimal(value) => value.units(),
        _ => 0,
    };
    let total: i128 = known.iter().map(|value| units(value)).sum();
    if known.is_empty() && !matches!(call.function, Function::First | Function::Last) {
        let counts = matches!(call.function, Function::Table(Of::Count | Of::CountDistinct));
        return if counts { Value::Int(0) } else { Value::Null };
    }
    match (call.function, column) {
        (Function::Table(Of::Count), _) => Value::Int(known.len() as i64),
        (Function::Table(Of::CountDistinct), _) => {
            let mut all = ordered();
            all.dedup();
            Value::Int(all.len() as i64)
        }
        (Function::Table(Of::Sum), 2) => float(Some(numbers.iter().sum())),
        (Function::Table(Of::Sum), 6) => Value::Int(total as i64),
        (Function::Table(Of::Sum), 3) => Value::Decimal(Decimal::new(total, 0).unwrap()),
        (Function::Table(Of::Sum), _) => Value::Decimal(Decimal::new(total, 3).unwrap()),
        (Function::Table(Of::Avg), _) => float(Some(mean())),
        (Function::Table(Of::Min), _) => (*ordered()[0]).clone(),
        (Function::Table(Of::Max), _) => (*ordered()[known.len() - 1]).clone(),
        (Function::Table(Of::Stddev), _) => {
            float((count > 1.0).then(|| (squares() / (count - 1.0)).sqrt()))
        }
        (Function::Table(Of::VariancePop), _) => float(Some(squares() / count)),
        (Function::First, _) => rows[0][column].clone(),
        (Function::Last, _) => rows[rows.len() - 1][column].clone(),
        (Function::Median, _) => {
            let mut all = numbers.clone();
            all.sort_by(f64::total_cmp);
            float(Some(f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2])))
        }
        _ => unreachable!("no test calls it"),
    }
}

fn naive(rows: &[Vec<Value>], keys: usize, calls: &[Call]) -> BTreeMap<String, Vec<Value>> {
    let mut groups: BTreeMap<String, Vec<&Vec<Value>>> = BTreeMap::new();
    for row in rows {
        groups.entry(shown(&row[..keys])).or_default().push(row);
    }
    let result =
        |rows: &Vec<&Vec<Value>>| calls.iter().map(|call| naive_call(call, rows)).collect();
    groups.iter().map(|(key, rows)| (key.clone(), result(rows))).collect()
}

/// Equal, or floats of the same size within 1e-12; a mean of decimals as the float of it.
fn close(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Float64(value) => Some(*value),
        Value::Decimal(value) => Some(value.to_f64()),
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(x), Some(y)) if matches!((a, b), (Value::Decimal(_), Value::Decimal(_))) => {
            a == b || (x - y).abs() == 0.0
        }
        (Some(x), Some(y)) => (x - y).abs() <= 1e-9 + 1e-12 * x.abs().max(y.abs()) * 1e3,
        _ => a == b,
    }
}

fn check(
    found: &[Vec<Value>],
    expected: &BTreeMap<String, Vec<Value>>,
    keys: usize,
    calls: &[Call],
) {
    let found = by_key(found, keys);
    assert_eq!(found.len(), expected.len(), "as many groups");
    for (key, results) in expected {
        let got = found.get(key).unwrap_or_else(|| panic!("group {key} is missing"));
        for (nth, (got, result)) in got.iter().zip(results).enumerate() {
            assert!(close(got, result), "{key}: {} is {got:?}, not {result:?}", calls[nth].name);
        }
    }
}

#[test]
fn groups_are_those_of_a_naive_computation_whatever_the_memory() {
    let codecs = [SegmentCodec::Raw, SegmentCodec::Lz4];
    let (mut levels, mut spilled, mut resident) = (0, 0, 0);
    for seed in 0..24 {
        let mut draw = Draw(seed);
        let count = [0, 1, 500, 6000, 20_000][draw.below(5) as usize];
        let groups = [1, 40, 3000, 30_000][draw.below(4) as usize];
        let rows = rows(&mut draw, count, groups);
        let memory = [250 << 10, 300 << 10, 4 << 20][draw.below(3) as usize];
        let keys: &[usize] = if draw.below(6) == 0 { &[] } else { &[0, 1] };
        let batch = 1 + draw.below(1500) as usize;
        let run = RunOptions { codec: codecs[seed as usize % 2], ..RunOptions::default() };
        let how = How { batch, run, ..How::within(memory) };
        let calls = hashed_calls();
        let (found, stats) = aggregate(&fields(), keys, &calls, &rows, how).unwrap();
        let mut expected = naive(&rows, keys.len(), &calls);
        if keys.is_empty() && rows.is_empty() {
            expected.insert(String::new(), calls.iter().map(naive_call_of_none).collect());
        }
        check(&found, &expected, keys.len(), &calls);
        levels = levels.max(stats.levels);
        spilled += u64::from(stats.spill_bytes > 0);
        resident += u64::from(stats.spill_bytes == 0 && stats.partitioned_rows > 0);
    }
    assert!(levels >= 1 && spilled >= 2 && resident >= 1, "{levels} {spilled} {resident}");
}

fn naive_call_of_none(call: &Call) -> Value {
    let counts = matches!(call.function, Function::Table(Of::Count | Of::CountDistinct));
    if counts { Value::Int(0) } else { Value::Null }
}

#[test]
fn values_that_are_sorted_come_out_as_a_naive_computation_has_them() {
    for seed in 0..12 {
        let mut draw = Draw(100 + seed);
        let count = [0, 3, 700, 9000][draw.below(4) as usize];
        let rows = rows(&mut draw, count, [1, 50, 4000][seed as usize % 3]);
        let keys: &[usize] = if seed % 4 == 0 { &[] } else { &[0, 1] };
        let how = How { batch: 1 + draw.below(900) as usize, ..How::within(1 << 20) };
        let calls = sorted_calls();
        let (found, _) = aggregate(&fields(), keys, &calls, &rows, how).unwrap();
        let mut expected = naive(&rows, keys.len(), &calls);
        if keys.is_empty() && rows.is_empty() {
            expected.insert(String::new(), calls.iter().map(naive_call_of_none).collect());
        }
        check(&found, &expected, keys.len(), &calls);
    }
}

#[test]
fn partitions_are_taken_apart_three_times_and_more() {
    let mut draw = Draw(7);
    let rows: Rows = (0..200_000)
        .map(|nth: i64| vec![Value::Int(nth / 2 % 100_000), Value::Int(draw.below(1000) as i64)])
        .collect();
    let input = [Field::new("k", Type::Int64), Field::new("v", Type::Int64)];
    let calls = [
        Call::new(table(Of::Count), None, "n"),
        Call::new(table(Of::Sum), Some(1), "s"),
        Call::new(Function::First, Some(1), "f"),
        Call::new(Function::Last, Some(1), "l"),
    ];
    let (found, stats) = aggregate(&input, &[0], &calls, &rows, How::within(250 << 10)).unwrap();
    assert!(stats.levels >= 3, "{stats:?}");
    check(&found, &naive(&rows, 1, &[]), 1, &[]);
    let expected =
        sorted(&aggregate(&input, &[0], &calls, &rows, How::within(64 << 20)).unwrap().0);
    assert!(sorted(&found) == expected, "another result");
}

#[test]
fn keys_that_hashes_do_not_tell_apart_are_sorted() {
    let rows: Rows =
        (0..6000).map(|nth: i64| vec![Value::Int(nth % 2000), Value::Int(nth)]).collect();
    let input = [Field::new("k", Type::Int64), Field::new("v", Type::Int64)];
    let calls = [Call::new(table(Of::Count), None, "n"), Call::new(Function::Last, Some(1), "l")];
    let how = How { hash_mask: 0, ..How::within(250 << 10) };
    let (found, stats) = aggregate(&input, &[0], &calls, &rows, how).unwrap();
    assert!(stats.sorted_parts > 0, "{stats:?}");
    let (expected, stats) = aggregate(&input, &[0], &calls, &rows, How::within(8 << 20)).unwrap();
    assert_eq!(stats.sorted_parts, 0);
    assert!(sorted(&found) == sorted(&expected));
}

#[test]
fn too_little_memory_is_refused_with_what_is_enough() {
    let input = [Field::new("k", Type::Int64)];
    let calls = [Call::new(table(Of::Count), None, "n")];
    let error = aggregate(&input, &[0], &calls, &[], How::within(20 << 10)).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget);
    let least: usize = error.details()[0].parse().unwrap();
    let (mut all, mut seen) = (Vec::new(), 0);
    for nth in 0..5000 {
        all.push(vec![Value::Int(nth)]);
    }
    for memory in [least, least + 4096, least + 100_000] {
        seen += aggregate(&input, &[0], &calls, &all, How::within(memory)).unwrap().0.len();
    }
    assert_eq!(seen, 15_000);
    assert!(aggregate(&input, &[0], &calls, &all, How::within(least - 1)).is_err());
}

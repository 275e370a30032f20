//! Aggregates by groups, asked of the store and computed from the model's rows.

use crate::world::{Key, Rows};
use std::collections::{BTreeMap, BTreeSet};
use store_core::query::{Aggregate, Predicate};
use store_core::{Reader, Table, Type, Value};
use store_tests::random::Random;

/// What a function gives for some values that are not NULL, computed the plain way.
fn plain(function: &str, values: &[&Value]) -> Value {
    let order = |a: &&&Value, b: &&&Value| a.as_ref().order(b.as_ref());
    let number = |value: &&Value| match value {
        Value::Int(value) => *value as f64,
        Value::Float32(value) => f64::from(*value),
        Value::Float64(value) => *value,
        other => panic!("{other:?} is no number"),
    };
    match function {
        "count" => return Value::Int(values.len() as i64),
        "count_distinct" => {
            let keys = values.iter().map(|value| Key(vec![(*value).clone()]));
            let different: BTreeSet<Key> = keys.collect();
            return Value::Int(different.len() as i64);
        }
        _ if values.is_empty() => return Value::Null,
        "min" => return (*values.iter().min_by(order).unwrap()).clone(),
        "max" => return (*values.iter().max_by(order).unwrap()).clone(),
        _ => {}
    }
    let count = values.len() as f64;
    let sum: f64 = values.iter().map(number).sum();
    match function {
        "sum" if matches!(values[0], Value::Int(_)) => {
            let sum = values.iter().map(|value| match value {
                Value::Int(value) => i128::from(*value),
                other => panic!("{other:?} among integers"),
            });
            Value::Int(i64::try_from(sum.sum::<i128>()).expect("asked of small numbers only"))
        }
        "sum" => Value::Float64(sum),
        "avg" => Value::Float64(sum / count),
        _ => {
            let mean = sum / count;
            let squares: f64 = values.iter().map(|value| (number(value) - mean).powi(2)).sum();
            Value::Float64(squares / count)
        }
    }
}

fn assert_near(found: &Value, expected: &Value, asked: &str) {
    let (Value::Float64(a), Value::Float64(b)) = (found, expected) else {
        assert!(found.as_ref().order(expected.as_ref()).is_eq(), "{asked}: {found:?} {expected:?}");
        return;
    };
    // A variance near 3 of values near 2^31 loses half of its digits, more or less by their order.
    let near = (a - b).abs() <= 1e-7 * b.abs().max(1.0);
    let odd = !a.is_finite() && !b.is_finite(); // infinities and NaN as they were added
    assert!(near || odd, "{asked}: {a} {b}");
}

/// Asks for random aggregates by random columns; rows that match are given.
pub fn ask_groups<R: Reader>(
    table: &Table,
    reader: &R,
    predicate: &Predicate,
    rows: &[&Vec<Value>],
    all: &Rows,
    random: &mut Random,
) {
    let schema = table.schema();
    let mut by: Vec<usize> = Vec::new();
    for _ in 0..random.below(3) {
        let column = random.below(schema.visible_len() as u64) as usize;
        if !by.contains(&column) {
            by.push(column);
        }
    }
    let column = random.below(schema.visible_len() as u64) as usize;
    let (name, ty) = (&schema.columns[column].name, schema.columns[column].ty);
    let mut functions = vec!["count", "count_distinct", "min", "max"];
    let large = |value: &Value| match value {
        Value::Int(value) => value.unsigned_abs() > 1 << 40,
        Value::Float32(value) => value.abs() > 1e9,
        Value::Float64(value) => value.abs() > 1e9,
        _ => false,
    };
    let is_number =
        matches!(ty, Type::Int16 | Type::Int32 | Type::Int64 | Type::Float32 | Type::Float64);
    if is_number && !all.values().any(|row| large(&row[column])) {
        functions.extend(["sum", "avg", "var_pop"]);
    }
    let text: Vec<String> =
        functions.iter().map(|function| format!("{function}({name:?})")).collect();
    let mut wanted = Aggregate::parse_list(&text.join(", ")).unwrap();
    wanted.push(Aggregate::count().named("rows"));
    let names: Vec<&str> = by.iter().map(|at| schema.columns[*at].name.as_str()).collect();
    let asked = format!("{text:?} by {names:?} where {predicate}");
    let query = table.query(reader).filter(predicate.clone()).threads(1 + random.below(3) as u32);
    let found = query.aggregate(&names, &wanted).unwrap();

    let mut groups: BTreeMap<Key, Vec<&Value>> = BTreeMap::new();
    if by.is_empty() {
        groups.insert(Key(Vec::new()), Vec::new());
    }
    for row in rows {
        let key = Key(by.iter().map(|at| row[*at].clone()).collect());
        groups.entry(key).or_default().push(&row[column]);
    }
    assert_eq!(found.rows().len(), groups.len(), "{asked}");
    for (row, (key, values)) in found.rows().iter().zip(&groups) {
        assert!(Key(row[..by.len()].to_vec()) == *key, "{asked}: {row:?} {key:?}");
        let known: Vec<&Value> =
            values.iter().copied().filter(|value| **value != Value::Null).collect();
        for (found, function) in row[by.len()..].iter().zip(&functions) {
            assert_near(found, &plain(function, &known), &asked);
        }
        assert_eq!(row[row.len() - 1], Value::Int(values.len() as i64), "{asked}");
    }
}

//! Conditions on rows: what they mean, told as plainly as possible, and the predicates they make.

use crate::patterns::Written;
use crate::values::{order, value};
use std::cmp::Ordering;
use store_core::query::{Literal, Op, Predicate, column};
use store_core::{Schema, Type, Value};
use store_tests::random::Random;

#[derive(Clone, Debug)]
pub enum Condition {
    Compare(usize, Op, Value),
    /// A number written out, which need not be one of the column's type.
    Number(usize, Op, f64),
    Range(usize, Value, Value),
    Between(usize, Value, Value),
    In(usize, Vec<Value>),
    IsNull(usize),
    IsNotNull(usize),
    True(usize),
    False(usize),
    Matches(usize, Written),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

const OPS: [Op; 6] = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];

impl Condition {
    pub fn random(schema: &Schema, depth: u32, random: &mut Random) -> Self {
        if depth > 0 && random.once_in(2) {
            let mut some = || {
                (0..2 + random.below(2)).map(|_| Self::random(schema, depth - 1, random)).collect()
            };
            let parts: Vec<Self> = some();
            return match random.below(5) {
                0 => Self::Not(Box::new(Self::And(parts))),
                1 | 2 => Self::And(parts),
                _ => Self::Or(parts),
            };
        }
        Self::random_test(schema, random)
    }

    /// Half of all ORs are of one column, as an index likes them.
    pub fn random_ranges(schema: &Schema, random: &mut Random) -> Self {
        let at = random.below(schema.visible_len() as u64) as usize;
        let parts = (0..2 + random.below(3)).map(|_| Self::test_of(schema, at, random)).collect();
        Self::Or(parts)
    }

    fn random_test(schema: &Schema, random: &mut Random) -> Self {
        let at = random.below(schema.visible_len() as u64) as usize;
        Self::test_of(schema, at, random)
    }

    fn test_of(schema: &Schema, at: usize, random: &mut Random) -> Self {
        let ty = schema.columns[at].ty;
        let number =
            matches!(ty, Type::Int16 | Type::Int32 | Type::Int64 | Type::Float32 | Type::Float64);
        let mut some = || if random.once_in(25) { Value::Null } else { value(ty, random) };
        let (a, b) = (some(), some());
        match random.below(16) {
            0 => Self::Range(at, a, b),
            1 => Self::Between(at, a, b),
            2 | 3 => {
                let values = (0..random.below(5)).map(|_| value(ty, random)).collect();
                Self::In(at, values)
            }
            4 => Self::IsNull(at),
            5 => Self::IsNotNull(at),
            6 if number || ty == Type::Bool => Self::True(at),
            7 if number || ty == Type::Bool => Self::False(at),
            6..12 if ty == Type::Text => Self::Matches(at, Written::random(random)),
            8 | 9 if number => {
                Self::Number(at, *random.pick(&OPS), (random.below(17) as f64 - 8.0) / 4.0)
            }
            _ => Self::Compare(at, *random.pick(&OPS), a),
        }
    }

    /// As the store takes it.
    pub fn predicate(&self, schema: &Schema) -> Predicate {
        let name = |at: &usize| column(&schema.columns[*at].name);
        let all = |parts: &[Self]| parts.iter().map(|part| part.predicate(schema)).collect();
        match self {
            Self::Compare(at, op, value) => compare(schema, *at, *op, value.clone().into()),
            Self::Number(at, op, number) => {
                compare(schema, *at, *op, Literal::Number(format!("{number:?}")))
            }
            Self::Range(at, low, high) => name(at).range(low.clone(), high.clone()),
            Self::Between(at, low, high) => name(at).between(low.clone(), high.clone()),
            Self::In(at, values) => name(at).in_values(values.clone()),
            Self::IsNull(at) => name(at).is_null(),
            Self::IsNotNull(at) => name(at).is_not_null(),
            Self::True(at) => name(at).is_true(),
            Self::False(at) => name(at).is_false(),
            Self::Matches(at, written) => name(at).matches_pattern(written.pattern()),
            Self::And(parts) => Predicate::And(all(parts)),
            Self::Or(parts) => Predicate::Or(all(parts)),
            Self::Not(inner) => inner.predicate(schema).not(),
        }
    }

    /// SQL's truth for a row; `None` is unknown.
    pub fn truth(&self, row: &[Value]) -> Option<bool> {
        let to = |at: &usize, value: &Value| match (&row[*at], value) {
            (Value::Null, _) | (_, Value::Null) => None,
            (cell, value) => Some(order(cell, value)),
        };
        let nonzero = |at: &usize| match &row[*at] {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            value => Some(as_number(value) != 0.0),
        };
        match self {
            Self::Compare(at, op, value) => to(at, value).map(|order| holds(*op, order)),
            Self::Number(at, op, number) => match &row[*at] {
                Value::Null => None,
                value => {
                    Some(holds(*op, order(&Value::Float64(as_number(value)), &(*number).into())))
                }
            },
            Self::Range(at, low, high) => {
                both(to(at, low).map(Ordering::is_ge), to(at, high).map(Ordering::is_lt))
            }
            Self::Between(at, low, high) => {
                both(to(at, low).map(Ordering::is_ge), to(at, high).map(Ordering::is_le))
            }
            Self::In(at, values) => {
                let found = values.iter().map(|value| to(at, value).map(Ordering::is_eq));
                found.fold(Some(false), either)
            }
            Self::IsNull(at) => Some(row[*at] == Value::Null),
            Self::IsNotNull(at) => Some(row[*at] != Value::Null),
            Self::True(at) => nonzero(at),
            Self::False(at) => nonzero(at).map(|truth| !truth),
            Self::Matches(at, written) => match &row[*at] {
                Value::Text(text) => Some(written.fits(text)),
                _ => None,
            },
            Self::And(parts) => parts.iter().map(|part| part.truth(row)).fold(Some(true), both),
            Self::Or(parts) => parts.iter().map(|part| part.truth(row)).fold(Some(false), either),
            Self::Not(inner) => inner.truth(row).map(|truth| !truth),
        }
    }
}

fn compare(schema: &Schema, at: usize, op: Op, value: Literal) -> Predicate {
    Predicate::Compare { column: schema.columns[at].name.clone(), op, value }
}

/// Exact for the numbers here but the ends of int64, which no written number comes near.
fn as_number(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Float32(value) => f64::from(*value),
        Value::Float64(value) => *value,
        other => panic!("{other:?} is no number"),
    }
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order == Ordering::Equal,
        Op::Ne => order != Ordering::Equal,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
    }
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    both(a.map(|a| !a), b.map(|b| !b)).map(|truth| !truth)
}

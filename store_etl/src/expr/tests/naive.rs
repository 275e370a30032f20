//! An evaluator that is as plain as can be: one row, one value, exact numbers as decimals.

use std::cmp::Ordering;
use store_core::query::{Arithmetic, Expr, ExprKind, Literal, Negated, Op};
use store_core::{Decimal, Value, ValueRef};

/// A value without a width: whole numbers and decimals are one kind.
#[derive(Clone, Debug)]
pub enum Plain {
    Null,
    Bool(bool),
    Exact(Decimal),
    Float(f64),
    Text(String),
}

/// An error of the row, of whatever kind.
#[derive(Debug)]
pub struct Failed;

impl Plain {
    pub fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Bool(bit) => Self::Bool(bit),
            ValueRef::Int(value) => Self::Exact(value.into()),
            ValueRef::Float32(value) => Self::Float(value.into()),
            ValueRef::Float64(value) => Self::Float(value),
            other => match other.as_decimal() {
                Some(value) => Self::Exact(value),
                None => Self::Text(other.to_string()),
            },
        }
    }

    /// Equal for the purpose of a test: the same number, the same float bit for bit but for NaNs.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Exact(a), Self::Exact(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
            }
            // A branch of another kind made the whole a float.
            (Self::Exact(a), Self::Float(b)) | (Self::Float(b), Self::Exact(a)) => {
                a.to_f64().to_bits() == b.to_bits() || a.to_f64() == *b
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Exact(value) => value.to_f64(),
            Self::Float(value) => *value,
            other => panic!("{other:?} is no number"),
        }
    }
}

pub fn eval(expr: &Expr, cell: &dyn Fn(&str) -> Plain) -> Result<Plain, Failed> {
    let run = |expr: &Expr| eval(expr, cell);
    Ok(match &expr.kind {
        ExprKind::Column(name) => cell(name),
        ExprKind::Literal(literal) => match literal {
            Literal::Text(text) => Plain::Text(text.clone()),
            Literal::Number(text) if text.contains('e') => Plain::Float(text.parse().unwrap()),
            Literal::Number(text) => Plain::Exact(text.parse().unwrap()),
            Literal::Value(Value::Bool(bit)) => Plain::Bool(*bit),
            _ => Plain::Null,
        },
        ExprKind::Negate(inner) => match run(inner)? {
            Plain::Exact(value) => {
                exact(Decimal::new(-value.units(), value.scale()).ok(), value.scale() == 0)?
            }
            Plain::Float(value) => Plain::Float(-value),
            _ => Plain::Null,
        },
        ExprKind::Arithmetic(op, a, b) => arithmetic(*op, &run(a)?, &run(b)?)?,
        ExprKind::Compare(op, a, b) => compare(*op, &run(a)?, &run(b)?),
        ExprKind::And(list) => {
            let mut all = Some(true);
            for part in list {
                match truth(&run(part)?) {
                    Some(false) => return Ok(Plain::Bool(false)),
                    None => all = None,
                    Some(true) => {}
                }
            }
            from_truth(all)
        }
        ExprKind::Or(list) => {
            let mut any = Some(false);
            for part in list {
                match truth(&run(part)?) {
                    Some(true) => return Ok(Plain::Bool(true)),
                    None => any = None,
                    Some(false) => {}
                }
            }
            from_truth(any)
        }
        ExprKind::Not(inner) => from_truth(truth(&run(inner)?).map(|bit| !bit)),
        ExprKind::IsNull(inner, negated) => {
            Plain::Bool(matches!(run(inner)?, Plain::Null) != (*negated == Negated::Yes))
        }
        ExprKind::IsTruth(inner, wanted, negated) => {
            Plain::Bool((truth(&run(inner)?) == Some(*wanted)) != (*negated == Negated::Yes))
        }
        ExprKind::In(inner, list, negated) => {
            let value = run(inner)?;
            let mut any = Some(false);
            for part in list {
                match truth(&compare(Op::Eq, &value, &run(part)?)) {
                    Some(true) => any = Some(true),
                    None if any == Some(false) => any = None,
                    _ => {}
                }
            }
            from_truth(any.map(|bit| bit != (*negated == Negated::Yes)))
        }
        ExprKind::Case { whens, otherwise, .. } => {
            for when in whens {
                if truth(&run(&when.when)?) == Some(true) {
                    return run(&when.then);
                }
            }
            otherwise.as_ref().map_or(Ok(Plain::Null), |expr| run(expr))?
        }
        ExprKind::Call(name, list) => match name.as_str() {
            "coalesce" => {
                for part in list {
                    match run(part)? {
                        Plain::Null => {}
                        value => return Ok(value),
                    }
                }
                Plain::Null
            }
            "length" => text(&run(&list[0])?)
                .map_or(Plain::Null, |text| Plain::Exact((text.chars().count() as i64).into())),
            "upper" => {
                text(&run(&list[0])?).map_or(Plain::Null, |text| Plain::Text(text.to_uppercase()))
            }
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    })
}

fn text(value: &Plain) -> Option<&str> {
    if let Plain::Text(text) = value { Some(text) } else { None }
}

fn truth(value: &Plain) -> Option<bool> {
    match value {
        Plain::Bool(bit) => Some(*bit),
        _ => None,
    }
}

fn from_truth(truth: Option<bool>) -> Plain {
    truth.map_or(Plain::Null, Plain::Bool)
}

/// Whole numbers of the tests' columns are int64 whatever their size, decimals have 38 digits.
fn exact(value: Option<Decimal>, whole: bool) -> Result<Plain, Failed> {
    let value = value.ok_or(Failed)?;
    if whole && i64::try_from(value.units()).is_err() {
        return Err(Failed);
    }
    Ok(Plain::Exact(value))
}

fn arithmetic(op: Arithmetic, a: &Plain, b: &Plain) -> Result<Plain, Failed> {
    match (a, b) {
        (Plain::Null, _) | (_, Plain::Null) => Ok(Plain::Null),
        (Plain::Text(a), Plain::Text(b)) => Ok(Plain::Text(format!("{a}{b}"))),
        (Plain::Exact(a), Plain::Exact(b)) if op != Arithmetic::Divide => {
            let whole = a.scale() == 0 && b.scale() == 0;
            let scale = a.scale().max(b.scale());
            let wide = |value: &Decimal| value.rescaled(scale).map(Decimal::units).ok_or(Failed);
            let (units, scale) = match op {
                Arithmetic::Add => (wide(a)?.checked_add(wide(b)?), scale),
                Arithmetic::Subtract => (wide(a)?.checked_sub(wide(b)?), scale),
                Arithmetic::Multiply => (a.units().checked_mul(b.units()), a.scale() + b.scale()),
                _ => (wide(a)?.checked_rem(wide(b)?), scale),
            };
            exact(Decimal::new(units.ok_or(Failed)?, scale).ok(), whole)
        }
        (a, b) => {
            let zero = matches!((a, b), (Plain::Exact(_), Plain::Exact(_))) && b.float() == 0.0;
            let (a, b) = (a.float(), b.float());
            if zero {
                return Err(Failed);
            }
            Ok(Plain::Float(match op {
                Arithmetic::Add => a + b,
                Arithmetic::Subtract => a - b,
                Arithmetic::Multiply => a * b,
                Arithmetic::Divide => a / b,
                _ => a % b,
            }))
        }
    }
}

fn compare(op: Op, a: &Plain, b: &Plain) -> Plain {
    let order = match (a, b) {
        (Plain::Null, _) | (_, Plain::Null) => return Plain::Null,
        (Plain::Bool(a), Plain::Bool(b)) => a.cmp(b),
        (Plain::Text(a), Plain::Text(b)) => a.cmp(b),
        (Plain::Exact(a), Plain::Exact(b)) => a.cmp(b),
        (a, b) => {
            let (a, b) = (a.float(), b.float());
            match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(&b).unwrap(),
                (a, b) => a.cmp(&b),
            }
        }
    };
    Plain::Bool(match op {
        Op::Eq => order == Ordering::Equal,
        Op::Ne => order != Ordering::Equal,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
    })
}

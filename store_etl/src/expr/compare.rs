//! Comparisons of columns of one type, lists and patterns.

use super::vector::{Side, Vector, both_valid};
use crate::batch::{Bitmap, Column, Values};
use std::cmp::Ordering;
use store_core::query::{Op, TextMatcher};
use store_core::{Type, Value, ValueRef};

/// Compares cells of one type; unknown where a side is NULL.
pub(super) fn compare(op: Op, ty: Type, a: &Vector<'_>, b: &Vector<'_>, rows: usize) -> Column {
    let null = |vector: &Vector<'_>| matches!(vector, Vector::Constant(_, value) if value.as_ref().is_null());
    if null(a) || null(b) {
        let (bits, valid) = (Bitmap::filled(rows, false), Bitmap::filled(rows, false));
        return Column::made(Type::Bool, Values::Bool(bits), Some(valid));
    }
    let valid = both_valid(a.valid(), b.valid());
    let bits = fixed(op, ty, a, b, rows).unwrap_or_else(|| match ty {
        Type::Text => {
            let order = |row| a.text(row).as_bytes().cmp(b.text(row).as_bytes());
            let asked = |row| valid.as_ref().is_none_or(|valid| valid.get(row));
            Bitmap::from_fn(rows, |row| asked(row) && accepts(op, order(row)))
        }
        _ => Bitmap::from_fn(rows, |row| accepts(op, a.get(row).order(b.get(row)))),
    });
    Column::made(Type::Bool, Values::Bool(bits), valid)
}

/// The types whose values lie in vectors of numbers.
fn fixed(op: Op, ty: Type, a: &Vector<'_>, b: &Vector<'_>, rows: usize) -> Option<Bitmap> {
    Some(match ty {
        Type::Int16 => ordered(op, a.int16s()?, b.int16s()?, rows),
        Type::Int32 => ordered(op, a.int32s()?, b.int32s()?, rows),
        Type::Date => ordered(op, a.days()?, b.days()?, rows),
        Type::Int64 | Type::Timestamp => ordered(op, a.int64s()?, b.int64s()?, rows),
        Type::Decimal { .. } => ordered(op, a.decimals()?, b.decimals()?, rows),
        Type::Float64 => {
            let (a, b) = (a.float64s()?, b.float64s()?);
            Bitmap::from_fn(rows, |row| accepts(op, order_floats(a.get(row), b.get(row))))
        }
        Type::Float32 => {
            let (a, b) = (a.float32s()?, b.float32s()?);
            let order = |row| order_floats(a.get(row).into(), b.get(row).into());
            Bitmap::from_fn(rows, |row| accepts(op, order(row)))
        }
        _ => return None,
    })
}

/// A loop for each operator, so that none has to be chosen inside.
fn ordered<T: Copy + Ord>(op: Op, a: Side<'_, T>, b: Side<'_, T>, rows: usize) -> Bitmap {
    match op {
        Op::Eq => Bitmap::from_fn(rows, |row| a.get(row) == b.get(row)),
        Op::Ne => Bitmap::from_fn(rows, |row| a.get(row) != b.get(row)),
        Op::Lt => Bitmap::from_fn(rows, |row| a.get(row) < b.get(row)),
        Op::Le => Bitmap::from_fn(rows, |row| a.get(row) <= b.get(row)),
        Op::Gt => Bitmap::from_fn(rows, |row| a.get(row) > b.get(row)),
        Op::Ge => Bitmap::from_fn(rows, |row| a.get(row) >= b.get(row)),
    }
}

/// NaN equals itself and is greater than every number; zeros are equal.
fn order_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

const fn accepts(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
    }
}

/// Equal to one of the values, which are sorted.
pub(super) fn is_in(inner: &Vector<'_>, values: &[Value], unknown: bool, rows: usize) -> Column {
    let found =
        |cell: ValueRef<'_>| values.binary_search_by(|value| value.as_ref().order(cell)).is_ok();
    let (mut bits, mut valid) = (Bitmap::new(), Bitmap::new());
    for row in 0..rows {
        let cell = inner.get(row);
        let hit = !cell.is_null() && found(cell);
        bits.push(hit);
        valid.push(hit || !(unknown || cell.is_null() && !values.is_empty()));
    }
    // `x in ()` is false, for NULL too.
    Column::made(Type::Bool, Values::Bool(bits), (!valid.is_full()).then_some(valid))
}

/// Whether texts match.
pub(super) fn matches(inner: &Vector<'_>, matcher: &TextMatcher, rows: usize) -> Column {
    if let Vector::Constant(_, value) = inner
        && value.as_ref().is_null()
    {
        let (bits, valid) = (Bitmap::filled(rows, false), Bitmap::filled(rows, false));
        return Column::made(Type::Bool, Values::Bool(bits), Some(valid));
    }
    let valid = inner.valid().cloned();
    let asked = |row| valid.as_ref().is_none_or(|valid| valid.get(row));
    let bits = Bitmap::from_fn(rows, |row| asked(row) && matcher.matches(inner.text(row)));
    Column::made(Type::Bool, Values::Bool(bits), valid)
}

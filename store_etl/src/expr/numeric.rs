//! Arithmetic: of whole columns, checked; a result that does not fit is told from a flag, and only then is
//! its row looked for.

use super::eval::{Active, Evaluated, Evaluation, asked, first_fault};
use super::types::{digits, is_float};
use super::vector::{Side, Vector, both_valid, map2};
use crate::batch::{Bitmap, Column, Texts, Values};
use store_core::query::Arithmetic;
use store_core::{Decimal, Error, Type, ValueRef};

/// Beyond what 38 digits hold.
const BEYOND: u128 = 10_u128.pow(Decimal::DIGITS_MAX as u32);

pub(super) fn power_of_ten(digits: u8) -> i128 {
    10_i128.pow(u32::from(digits.min(Decimal::DIGITS_MAX)))
}

pub(super) const fn fits(units: i128) -> bool {
    units.unsigned_abs() < BEYOND
}

pub(super) fn arithmetic(
    run: &mut Evaluation,
    op: Arithmetic,
    ty: Type,
    [a, b]: [&Vector<'_>; 2],
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    if [a, b].iter().any(|side| matches!(side, Vector::Constant(_, v) if v.as_ref().is_null())) {
        return null_column(ty, rows);
    }
    let valid = both_valid(a.valid(), b.valid());
    if op == Arithmetic::Join {
        return join(run, a, b, valid.as_ref(), rows);
    }
    if op == Arithmetic::Divide {
        return divide(a, b, valid, rows, active);
    }
    if let (Some(a), Some(b)) = (a.float64s(), b.float64s()) {
        let values = map2(rows, a, b, |a, b| match op {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            _ => a % b,
        });
        return Ok(Column::made(ty, Values::Float64(values), valid));
    }
    if let (Some(x), Some(y)) = (a.decimals(), b.decimals()) {
        let scales = [scale(vector_type(a)), scale(vector_type(b))];
        return decimals(op, ty, [x, y], scales, valid, active, rows);
    }
    match (ty, a.int64s(), b.int64s()) {
        (Type::Int64, Some(a), Some(b)) => integers(op, [a, b], valid, active, rows),
        _ => dates(op, ty, [a, b], valid, active, rows),
    }
}

pub(super) fn null_column(ty: Type, rows: usize) -> Evaluated<Column> {
    let mut column = Column::new(ty);
    for _ in 0..rows {
        column.push_null()?;
    }
    Ok(column)
}

fn vector_type(vector: &Vector<'_>) -> Type {
    match vector {
        Vector::Constant(ty, _) => *ty,
        Vector::Borrowed(column) => column.ty(),
        Vector::Made(column) => column.ty(),
    }
}

fn scale(ty: Type) -> u8 {
    digits(ty).map_or(0, |(_, scale)| scale)
}

fn integers(
    op: Arithmetic,
    [a, b]: [Side<'_, i64>; 2],
    valid: Option<Bitmap>,
    active: Active<'_>,
    rows: usize,
) -> Evaluated<Column> {
    let checked = |a: i64, b: i64| match op {
        Arithmetic::Add => a.overflowing_add(b),
        Arithmetic::Subtract => a.overflowing_sub(b),
        Arithmetic::Multiply => a.overflowing_mul(b),
        _ if b == 0 => (0, true),
        _ => (a.wrapping_rem(b), false), // the least integer % -1 is 0
    };
    let any = std::cell::Cell::new(false);
    let values = map2(rows, a, b, |a, b| {
        let (value, fails) = checked(a, b);
        any.set(any.get() | fails);
        value
    });
    if any.get() {
        first_fault(rows, valid.as_ref(), active, |row| {
            let (a, b) = (a.get(row), b.get(row));
            checked(a, b).1.then(|| refusal(op, a, b, b == 0, Type::Int64))
        })?;
    }
    Ok(Column::made(Type::Int64, Values::Int64(values), valid))
}

fn refusal(
    op: Arithmetic,
    a: impl std::fmt::Display,
    b: impl std::fmt::Display,
    zero: bool,
    ty: Type,
) -> Error {
    let symbol = op.symbol();
    if zero && matches!(op, Arithmetic::Divide | Arithmetic::Remainder) {
        return Error::type_mismatch(format!("{a} {symbol} {b}: division by zero"));
    }
    Error::type_mismatch(format!("{a} {symbol} {b} is out of range for {ty}"))
}

/// The product. Most units fit in a word, and two words need no look for overflow.
#[inline(always)]
fn times(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

fn decimals(
    op: Arithmetic,
    ty: Type,
    [a, b]: [Side<'_, i128>; 2],
    scales: [u8; 2],
    valid: Option<Bitmap>,
    active: Active<'_>,
    rows: usize,
) -> Evaluated<Column> {
    let wide = scale(ty);
    // A product has the digits of both sides; else both are brought to the wider scale.
    let factors = match op {
        Arithmetic::Multiply => (1, 1),
        _ => (power_of_ten(wide - scales[0]), power_of_ten(wide - scales[1])),
    };
    let computed = |a: i128, b: i128| -> Option<i128> {
        let (a, b) = (times(a, factors.0)?, times(b, factors.1)?);
        let value = match op {
            Arithmetic::Add => a.checked_add(b)?,
            Arithmetic::Subtract => a.checked_sub(b)?,
            Arithmetic::Multiply => times(a, b)?,
            _ => a.checked_rem(b)?,
        };
        fits(value).then_some(value)
    };
    let any = std::cell::Cell::new(false);
    let values = map2(rows, a, b, |a, b| {
        computed(a, b).unwrap_or_else(|| {
            any.set(true);
            0
        })
    });
    if any.get() {
        let shown =
            |units, scale| Decimal::new(units, scale).map_or(String::new(), |d| d.to_string());
        first_fault(rows, valid.as_ref(), active, |row| {
            let (a, b) = (a.get(row), b.get(row));
            let failed = computed(a, b).is_none();
            failed.then(|| refusal(op, shown(a, scales[0]), shown(b, scales[1]), b == 0, ty))
        })?;
    }
    Ok(Column::made(ty, Values::Decimal(values), valid))
}

/// A date and days, or two dates.
fn dates(
    op: Arithmetic,
    ty: Type,
    [a, b]: [&Vector<'_>; 2],
    valid: Option<Bitmap>,
    active: Active<'_>,
    rows: usize,
) -> Evaluated<Column> {
    if let (Type::Int64, Some(a), Some(b)) = (ty, a.days(), b.days()) {
        let values = map2(rows, a, b, |a, b| i64::from(a) - i64::from(b));
        return Ok(Column::made(ty, Values::Int64(values), valid));
    }
    let (((Some(day), Some(days)), _) | (_, (Some(day), Some(days)))) =
        ((a.days(), b.int64s()), (b.days(), a.int64s()))
    else {
        return Err(Error::type_mismatch("no such operator for these types").into());
    };
    let computed = |day: i32, days: i64| {
        let days = if op == Arithmetic::Subtract { days.checked_neg()? } else { days };
        i64::from(day).checked_add(days).and_then(|sum| i32::try_from(sum).ok())
    };
    first_fault(rows, valid.as_ref(), active, |row| {
        let (day, days) = (day.get(row), days.get(row));
        let shown = ValueRef::Date(day);
        computed(day, days).is_none().then(|| refusal(op, shown, days, false, ty))
    })?;
    let values = map2(rows, day, days, |day, days| computed(day, days).unwrap_or_default());
    Ok(Column::made(ty, Values::Int32(values), valid))
}

/// Division gives a float. That of exact numbers by zero is an error.
fn divide(
    a: &Vector<'_>,
    b: &Vector<'_>,
    valid: Option<Bitmap>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    if let (Some(a), Some(b)) = (a.float64s(), b.float64s()) {
        let values = map2(rows, a, b, |a, b| a / b);
        return Ok(Column::made(Type::Float64, Values::Float64(values), valid));
    }
    let (mut values, mut fails) = (Vec::with_capacity(rows), false);
    for row in 0..rows {
        let (a, b) = (as_float(a.get(row)), as_float(b.get(row)));
        fails |= b == 0.0;
        values.push(a / b);
    }
    if fails {
        first_fault(rows, valid.as_ref(), active, |row| {
            let zero = as_float(b.get(row)) == 0.0;
            zero.then(|| refusal(Arithmetic::Divide, a.get(row), b.get(row), true, Type::Float64))
        })?;
    }
    Ok(Column::made(Type::Float64, Values::Float64(values), valid))
}

/// The nearest float.
pub(super) fn as_float(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Int(value) => value as f64,
        ValueRef::Float32(value) => value.into(),
        ValueRef::Float64(value) => value,
        ValueRef::Decimal(..) => value.as_decimal().map_or(0.0, Decimal::to_f64),
        _ => 0.0,
    }
}

fn join(
    run: &mut Evaluation,
    a: &Vector<'_>,
    b: &Vector<'_>,
    valid: Option<&Bitmap>,
    rows: usize,
) -> Evaluated<Column> {
    let mut texts = Texts::<String>::default();
    for row in 0..rows {
        if !asked(row, valid, None) {
            texts.push("")?;
            continue;
        }
        let (a, b) = (a.text(row), b.text(row));
        run.charge(a.len() + b.len())?;
        texts.push_with(|out| {
            out.push_str(a);
            out.push_str(b);
        })?;
    }
    Ok(Column::made(Type::Text, Values::Text(texts), valid.cloned()))
}

/// `-x` of an int64, a float64 or a decimal.
pub(super) fn negate(
    ty: Type,
    inner: &Vector<'_>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    if matches!(inner, Vector::Constant(_, value) if value.as_ref().is_null()) {
        return null_column(ty, rows);
    }
    let valid = inner.valid().cloned();
    if let Some(side) = inner.float64s().filter(|_| is_float(ty)) {
        let values = (0..rows).map(|row| -side.get(row)).collect();
        return Ok(Column::made(ty, Values::Float64(values), valid));
    }
    if let Some(side) = inner.decimals() {
        let values = (0..rows).map(|row| -side.get(row)).collect(); // 38 digits either way
        return Ok(Column::made(ty, Values::Decimal(values), valid));
    }
    let Some(side) = inner.int64s() else {
        return Err(Error::type_mismatch("no operator - for this type").into());
    };
    first_fault(rows, valid.as_ref(), active, |row| {
        let value = side.get(row);
        let message = || Error::type_mismatch(format!("-({value}) is out of range for {ty}"));
        value.checked_neg().is_none().then(message)
    })?;
    let values = (0..rows).map(|row| side.get(row).wrapping_neg()).collect();
    Ok(Column::made(ty, Values::Int64(values), valid))
}

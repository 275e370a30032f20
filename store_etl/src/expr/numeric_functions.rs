//! abs, round, floor, ceil.

use super::cast::rescaled;
use super::eval::{Active, Evaluated, first_fault};
use super::numeric::{fits, null_column, power_of_ten};
use super::vector::Vector;
use crate::batch::{Column, Values};
use store_core::{Decimal, Error, Type};

/// Which way a number is rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rounding {
    /// To the nearest, halves away from zero.
    Nearest,
    Down,
    Up,
}

/// The type of a number rounded to so many digits after the point.
pub(super) fn rounded_type(ty: Type, digits: i64) -> Type {
    match ty {
        Type::Decimal { precision, scale } => {
            let kept = digits.clamp(0, scale.into()) as u8;
            // Rounding up may take a digit more.
            super::types::decimal((precision - scale + 1).min(Decimal::DIGITS_MAX), kept)
        }
        ty => ty,
    }
}

pub(super) fn abs(
    ty: Type,
    inner: &Vector<'_>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    let valid = inner.valid().cloned();
    if let Some(side) = inner.float64s() {
        let values = (0..rows).map(|row| side.get(row).abs()).collect();
        return Ok(Column::made(ty, Values::Float64(values), valid));
    }
    if let Some(side) = inner.decimals() {
        let values = (0..rows).map(|row| side.get(row).abs()).collect();
        return Ok(Column::made(ty, Values::Decimal(values), valid));
    }
    let Some(side) = inner.int64s() else { return null_column(ty, rows) };
    first_fault(rows, valid.as_ref(), active, |row| {
        let value = side.get(row);
        let message = || Error::type_mismatch(format!("abs({value}) is out of range for {ty}"));
        value.checked_abs().is_none().then(message)
    })?;
    let values = (0..rows).map(|row| side.get(row).wrapping_abs()).collect();
    Ok(Column::made(ty, Values::Int64(values), valid))
}

pub(super) fn round(
    rounding: Rounding,
    digits: i64,
    ty: Type,
    inner: &Vector<'_>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    let valid = inner.valid().cloned();
    if let Some(side) = inner.float64s() {
        let values = (0..rows).map(|row| round_float(side.get(row), rounding, digits)).collect();
        return Ok(Column::made(ty, Values::Float64(values), valid));
    }
    let from = match inner {
        Vector::Constant(ty, _) => *ty,
        other => other.column().map_or(ty, Column::ty),
    };
    let scale = |ty| if let Type::Decimal { scale, .. } = ty { scale } else { 0 };
    let exact = |units: i128| round_units(units, scale(from), scale(ty), rounding, digits);
    let refused = |shown: String| {
        Error::type_mismatch(format!("{shown} rounded to {digits} digits is out of range for {ty}"))
    };
    if let Some(side) = inner.decimals() {
        let shown =
            |units| Decimal::new(units, scale(from)).map_or(String::new(), |d| d.to_string());
        first_fault(rows, valid.as_ref(), active, |row| {
            let units = side.get(row);
            exact(units).is_none().then(|| refused(shown(units)))
        })?;
        let values = (0..rows).map(|row| exact(side.get(row)).unwrap_or_default()).collect();
        return Ok(Column::made(ty, Values::Decimal(values), valid));
    }
    let Some(side) = inner.int64s() else { return null_column(ty, rows) };
    let whole = |value: i64| exact(value.into()).and_then(|units| i64::try_from(units).ok());
    first_fault(rows, valid.as_ref(), active, |row| {
        let value = side.get(row);
        whole(value).is_none().then(|| refused(value.to_string()))
    })?;
    let values = (0..rows).map(|row| whole(side.get(row)).unwrap_or_default()).collect();
    Ok(Column::made(ty, Values::Int64(values), valid))
}

/// Units rounded to `digits` after the point, in units of the result's scale.
fn round_units(units: i128, from: u8, to: u8, rounding: Rounding, digits: i64) -> Option<i128> {
    let dropped = i64::from(from) - digits;
    if dropped <= 0 {
        return rescaled(units, from, to);
    }
    // Beyond 38 digits everything rounds to nothing, or up to more than there is.
    let Ok(dropped) = u8::try_from(dropped.min(64)) else { return None };
    let rounded = if dropped > Decimal::DIGITS_MAX {
        let away = match rounding {
            Rounding::Nearest => false,
            Rounding::Down => units < 0,
            Rounding::Up => units > 0,
        };
        return if away { None } else { Some(0) };
    } else {
        let one = power_of_ten(dropped);
        match rounding {
            Rounding::Nearest => rescaled(units, dropped, 0)?,
            Rounding::Down => units.div_euclid(one),
            Rounding::Up => -((-units).div_euclid(one)),
        }
    };
    // Now in units of 10^-digits; a negative count of digits leaves zeros before the point.
    let scaled = if digits >= 0 {
        rescaled(rounded, digits as u8, to)?
    } else {
        let zeros = u8::try_from(-digits).ok().filter(|zeros| *zeros <= Decimal::DIGITS_MAX)?;
        rescaled(rounded.checked_mul(power_of_ten(zeros))?, 0, to)?
    };
    fits(scaled).then_some(scaled)
}

fn round_float(value: f64, rounding: Rounding, digits: i64) -> f64 {
    let rounded = |value: f64| match rounding {
        Rounding::Nearest => value.round(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
    };
    if digits == 0 {
        return rounded(value);
    }
    let digits = digits.clamp(-400, 400) as i32;
    // By the power that is exact: 0.1 is none.
    let scaled = if digits > 0 {
        let power = 10_f64.powi(digits);
        rounded(value * power) / power
    } else {
        let power = 10_f64.powi(-digits);
        rounded(value / power) * power
    };
    if scaled.is_finite() {
        scaled
    } else if digits > 0 {
        value
    } else {
        0.0_f64.copysign(value)
    }
}

//! CAST, and the conversions that binding puts in.
//!
//! | from | to | |
//! |---|---|---|
//! | text | any | read as ingest reads it; an error if it is none |
//! | any | text | as output writes it |
//! | numbers | numbers | range-checked; what has no place after the point is rounded, halves away from zero |
//! | bool | integers | 0 and 1; back, all but 0 is true |
//! | date | timestamp | its midnight; back, the day it lies in |
//! | text | bytes | its UTF-8; back, if it is that |

use super::calendar::DAY_US;
use super::eval::{Active, Evaluated, Evaluation, Fault, asked};
use super::numeric::{as_float, fits, power_of_ten};
use super::types::{a, is_integer, is_number};
use super::vector::Vector;
use crate::batch::{Column, Values};
use store_core::value::{parse_value, write_value};
use store_core::{Decimal, Error, Result, Type, ValueRef};

/// Refuses a conversion that there is none for.
pub(super) fn check(from: Type, to: Type) -> Result<()> {
    let known = from == to
        || from == Type::Text
        || to == Type::Text
        || is_number(from) && is_number(to)
        || matches!((from, to), (Type::Date, Type::Timestamp) | (Type::Timestamp, Type::Date))
        || from == Type::Bool && is_integer(to)
        || to == Type::Bool && is_integer(from);
    if known {
        Ok(())
    } else {
        Err(Error::type_mismatch(format!("cannot make {} of {}", a(to), a(from))))
    }
}

pub(super) fn cast(
    run: &mut Evaluation,
    inner: &Vector<'_>,
    from: Type,
    to: Type,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    if let Some(column) = widened(inner, to) {
        return Ok(column);
    }
    let mut column = Column::new(to);
    let mut text = Vec::new();
    let valid = inner.valid();
    for row in 0..rows {
        let cell = inner.get(row);
        if cell.is_null() || !asked(row, valid, active) {
            column.push_null()?;
            continue;
        }
        let made = if to == Type::Text {
            text.clear();
            write_value(cell, &mut text);
            run.charge(text.len())?;
            parse_value(&text, Type::Text)
        } else {
            convert(cell, from, to)
        };
        let made = made.map_err(|error| Fault::Row { row, error })?;
        column.push(made)?;
    }
    Ok(column)
}

/// Conversions that cannot fail, as loops over the values.
fn widened(inner: &Vector<'_>, to: Type) -> Option<Column> {
    let column = inner.column()?;
    let valid = column.valid().cloned();
    let values = match (column.values(), to) {
        (Values::Int16(v), Type::Int64) => Values::Int64(v.iter().map(|n| i64::from(*n)).collect()),
        (Values::Int32(v), Type::Int64) => Values::Int64(v.iter().map(|n| i64::from(*n)).collect()),
        (Values::Int16(v), Type::Int32) => Values::Int32(v.iter().map(|n| i32::from(*n)).collect()),
        (Values::Int16(v), Type::Float64) => {
            Values::Float64(v.iter().map(|n| f64::from(*n)).collect())
        }
        (Values::Int32(v), Type::Float64) => {
            Values::Float64(v.iter().map(|n| f64::from(*n)).collect())
        }
        (Values::Int64(v), Type::Float64) => Values::Float64(v.iter().map(|n| *n as f64).collect()),
        (Values::Float32(v), Type::Float64) => {
            Values::Float64(v.iter().map(|n| f64::from(*n)).collect())
        }
        _ => return None,
    };
    Some(Column::made(to, values, valid))
}

/// One value in another type.
fn convert(value: ValueRef<'_>, from: Type, to: Type) -> Result<ValueRef<'_>> {
    let out_of_range = || Error::type_mismatch(format!("{value} is out of range for {to}"));
    Ok(match (value, to) {
        (ValueRef::Text(text), _) => return parse_value(text.as_bytes(), to),
        (ValueRef::Bool(bit), _) if is_integer(to) => ValueRef::Int(bit.into()),
        (ValueRef::Int(number), Type::Bool) => ValueRef::Bool(number != 0),
        (ValueRef::Date(days), Type::Timestamp) => {
            let micros = i64::from(days).checked_mul(DAY_US).ok_or_else(out_of_range)?;
            ValueRef::Timestamp(micros)
        }
        (ValueRef::Timestamp(micros), Type::Date) => {
            ValueRef::Date(i32::try_from(micros.div_euclid(DAY_US)).map_err(|_| out_of_range())?)
        }
        (_, Type::Float64) => ValueRef::Float64(as_float(value)),
        (_, Type::Float32) => {
            let (wide, short) = (as_float(value), as_float(value) as f32);
            if short.is_infinite() && wide.is_finite() {
                return Err(out_of_range());
            }
            ValueRef::Float32(short)
        }
        (_, Type::Decimal { precision, scale }) => {
            let units = units_of(value, scale).ok_or_else(out_of_range)?;
            if units.unsigned_abs() >= power_of_ten(precision).unsigned_abs() || !fits(units) {
                return Err(out_of_range());
            }
            Decimal::new(units, scale)?.into()
        }
        _ if is_integer(to) && is_number(from) => {
            let units = units_of(value, 0).ok_or_else(out_of_range)?;
            let number = i64::try_from(units).map_err(|_| out_of_range())?;
            ValueRef::Int(number).coerce(to).map_err(|_| out_of_range())?
        }
        _ => return Err(Error::type_mismatch(format!("cannot make {} of {}", a(to), a(from)))),
    })
}

/// A number as units of `10^-scale`, rounded; `None` if they are too many.
fn units_of(value: ValueRef<'_>, scale: u8) -> Option<i128> {
    match value {
        ValueRef::Int(value) => i128::from(value).checked_mul(power_of_ten(scale)),
        ValueRef::Decimal(units, own) => rescaled(units.get(), own, scale),
        ValueRef::Float32(_) | ValueRef::Float64(_) => {
            let number = as_float(value);
            let scaled = (number * power_of_ten(scale) as f64).round();
            // Floats beyond 2^53 are whole, so comparing with 10^38 as a float is exact enough.
            (number.is_finite() && scaled.abs() < 1e38).then_some(scaled as i128)
        }
        _ => None,
    }
}

/// Units of one scale in another; halves are rounded away from zero.
pub(super) fn rescaled(units: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return units.checked_mul(power_of_ten(to - from));
    }
    let one = power_of_ten(from - to);
    let (whole, rest) = (units / one, units % one);
    let up = rest.unsigned_abs() * 2 >= one.unsigned_abs();
    Some(if up { whole + units.signum() } else { whole })
}

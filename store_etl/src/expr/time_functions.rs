//! Functions of dates and timestamps, in UTC. Weeks begin on Monday.

use super::calendar::{Civil, DAY_US, civil, days, iso_week, weekday};
use super::eval::{Active, Evaluated, first_fault};
use super::numeric::{as_float, null_column};
use super::vector::Vector;
use crate::batch::{Column, Values};
use store_core::{Error, Result, Type, ValueRef};

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3600 * SECOND_US;

/// What `date_trunc` cuts down to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
}

const UNITS: [(&str, Unit); 12] = [
    ("microsecond", Unit::Microsecond),
    ("millisecond", Unit::Millisecond),
    ("second", Unit::Second),
    ("minute", Unit::Minute),
    ("hour", Unit::Hour),
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("quarter", Unit::Quarter),
    ("year", Unit::Year),
    ("decade", Unit::Decade),
    ("century", Unit::Century),
];

/// What `date_part` takes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Piece {
    Year,
    Quarter,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    /// Sunday is 0.
    Dow,
    /// Monday is 1.
    Isodow,
    Doy,
    /// Of ISO 8601.
    Week,
    Isoyear,
    /// Seconds since 1970.
    Epoch,
}

const PIECES: [(&str, Piece); 15] = [
    ("year", Piece::Year),
    ("quarter", Piece::Quarter),
    ("month", Piece::Month),
    ("day", Piece::Day),
    ("hour", Piece::Hour),
    ("minute", Piece::Minute),
    ("second", Piece::Second),
    ("millisecond", Piece::Millisecond),
    ("microsecond", Piece::Microsecond),
    ("dow", Piece::Dow),
    ("isodow", Piece::Isodow),
    ("doy", Piece::Doy),
    ("week", Piece::Week),
    ("isoyear", Piece::Isoyear),
    ("epoch", Piece::Epoch),
];

fn named<T: Copy>(name: &str, table: &[(&str, T)]) -> Result<T> {
    let lower = name.to_ascii_lowercase();
    let found = table.iter().find(|(known, _)| *known == lower);
    found.map(|(_, unit)| *unit).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        Error::invalid(format!("no unit \"{name}\": there are {names}"))
    })
}

impl Unit {
    pub fn from_name(name: &str, ty: Type) -> Result<Self> {
        let unit = named(name, &UNITS)?;
        if ty == Type::Date && unit.clock_us().is_some() && unit != Self::Day {
            return Err(Error::invalid(format!("a date has no {name}: cast it to timestamp")));
        }
        Ok(unit)
    }

    /// Its length, if it always has the same.
    const fn clock_us(self) -> Option<i64> {
        Some(match self {
            Self::Microsecond => 1,
            Self::Millisecond => 1000,
            Self::Second => SECOND_US,
            Self::Minute => 60 * SECOND_US,
            Self::Hour => HOUR_US,
            Self::Day => DAY_US,
            _ => return None,
        })
    }

    /// The first day of the unit that a day lies in.
    fn first_day(self, of: i64) -> i64 {
        let Civil { year, month, .. } = civil(of);
        match self {
            Self::Week => of - weekday(of),
            Self::Month => days(year, month, 1),
            Self::Quarter => days(year, (month - 1) / 3 * 3 + 1, 1),
            Self::Year => days(year, 1, 1),
            Self::Decade => days(year.div_euclid(10) * 10, 1, 1),
            Self::Century => days((year - 1).div_euclid(100) * 100 + 1, 1, 1),
            _ => of,
        }
    }

    /// The beginning of the unit that a moment lies in; `None` if it is before the first moment.
    fn first_moment(self, of: i64) -> Option<i64> {
        match self.clock_us() {
            Some(us) => of.checked_sub(of.rem_euclid(us)),
            None => self.first_day(of.div_euclid(DAY_US)).checked_mul(DAY_US),
        }
    }
}

impl Piece {
    pub fn from_name(name: &str) -> Result<Self> {
        named(name, &PIECES)
    }

    fn of(self, micros: i128) -> i64 {
        let day_us = i128::from(DAY_US);
        let (day, clock) = (micros.div_euclid(day_us) as i64, micros.rem_euclid(day_us) as i64);
        let date = civil(day);
        match self {
            Self::Year => date.year,
            Self::Quarter => (date.month - 1) / 3 + 1,
            Self::Month => date.month,
            Self::Day => date.day,
            Self::Hour => clock / HOUR_US,
            Self::Minute => clock / (60 * SECOND_US) % 60,
            Self::Second => clock / SECOND_US % 60,
            // As in PostgreSQL and DuckDB, with the seconds of the minute.
            Self::Millisecond => clock / 1000 % 60_000,
            Self::Microsecond => clock % (60 * SECOND_US),
            Self::Dow => (weekday(day) + 1) % 7,
            Self::Isodow => weekday(day) + 1,
            Self::Doy => day - days(date.year, 1, 1) + 1,
            Self::Week => iso_week(day).1,
            Self::Isoyear => iso_week(day).0,
            Self::Epoch => 0, // a float, made elsewhere
        }
    }
}

pub(super) fn truncate(
    unit: Unit,
    ty: Type,
    inner: &Vector<'_>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    let valid = inner.valid().cloned();
    let early = |shown: ValueRef<'_>| {
        Error::type_mismatch(format!("the {unit:?} of {shown} begins before the first {ty}"))
    };
    if ty == Type::Date {
        let Some(side) = inner.days() else { return null_column(ty, rows) };
        let first = |day: i32| i32::try_from(unit.first_day(day.into())).ok();
        first_fault(rows, valid.as_ref(), active, |row| {
            let day = side.get(row);
            first(day).is_none().then(|| early(ValueRef::Date(day)))
        })?;
        let values = (0..rows).map(|row| first(side.get(row)).unwrap_or_default()).collect();
        return Ok(Column::made(ty, Values::Int32(values), valid));
    }
    let Some(side) = inner.int64s() else { return null_column(ty, rows) };
    let mut fails = false;
    let values = (0..rows).map(|row| {
        let first = unit.first_moment(side.get(row));
        fails |= first.is_none();
        first.unwrap_or_default()
    });
    let values = values.collect();
    if fails {
        first_fault(rows, valid.as_ref(), active, |row| {
            let moment = side.get(row);
            unit.first_moment(moment).is_none().then(|| early(ValueRef::Timestamp(moment)))
        })?;
    }
    Ok(Column::made(ty, Values::Int64(values), valid))
}

pub(super) fn part(piece: Piece, inner: &Vector<'_>, rows: usize) -> Evaluated<Column> {
    let ty = if piece == Piece::Epoch { Type::Float64 } else { Type::Int64 };
    let valid = inner.valid().cloned();
    let is_null = matches!(inner, Vector::Constant(_, value) if value.as_ref().is_null());
    if is_null {
        return null_column(ty, rows);
    }
    let micros = |row| match inner.get(row) {
        ValueRef::Date(days) => i128::from(days) * i128::from(DAY_US),
        ValueRef::Timestamp(micros) => micros.into(),
        _ => 0,
    };
    if piece == Piece::Epoch {
        let values = (0..rows).map(|row| micros(row) as f64 / SECOND_US as f64).collect();
        return Ok(Column::made(ty, Values::Float64(values), valid));
    }
    let values = (0..rows).map(|row| piece.of(micros(row))).collect();
    Ok(Column::made(ty, Values::Int64(values), valid))
}

/// Seconds since 1970 as a moment, to the nearest microsecond.
pub(super) fn to_timestamp(
    inner: &Vector<'_>,
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    let ty = Type::Timestamp;
    let valid = inner.valid().cloned();
    let micros = |row| -> Option<i64> {
        let value = inner.get(row);
        match value {
            ValueRef::Int(seconds) => seconds.checked_mul(SECOND_US),
            ValueRef::Decimal(units, scale) => {
                let micros = super::cast::rescaled(units.get(), scale, 6);
                micros.and_then(|micros| i64::try_from(micros).ok())
            }
            _ => {
                let micros = (as_float(value) * SECOND_US as f64).round();
                (micros.abs() < i64::MAX as f64).then_some(micros as i64)
            }
        }
    };
    if matches!(inner, Vector::Constant(_, value) if value.as_ref().is_null()) {
        return null_column(ty, rows);
    }
    first_fault(rows, valid.as_ref(), active, |row| {
        let shown = || Error::type_mismatch(format!("{} seconds is no timestamp", inner.get(row)));
        micros(row).is_none().then(shown)
    })?;
    let values = (0..rows).map(|row| micros(row).unwrap_or_default()).collect();
    Ok(Column::made(ty, Values::Int64(values), valid))
}

//! What is known of an aggregate after some of its rows.

use super::sum::{FloatSum, Moments, decimal_mean, quotient};
use super::{BoundAggregate, Function};
use crate::error::{Error, Kind, Result};
use crate::value::{Decimal, Type, Value, ValueRef, encode_key};
use std::cmp::Ordering;
use std::collections::HashSet;

/// Bytes that a value in a set takes besides its own, about.
const SET_ENTRY_BYTES: usize = 40;
/// Digits after the point that the mean of decimals has more than they.
const MEAN_DIGITS: u8 = 6;

/// An aggregate of the rows added so far.
#[derive(Clone, Debug)]
pub(crate) struct State {
    function: Function,
    ty: Type,
    /// Values that are not NULL; rows, if there is no column.
    count: u64,
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    Nothing,
    Ints(i128),
    /// Units of the column's scale.
    Decimals(i128, u8),
    Floats(FloatSum),
    Moments(Moments),
    /// The best value so far, and how others must compare with it to be better.
    Best(Value, Ordering),
    /// The encoded values, and the bytes they hold.
    Set(HashSet<Box<[u8]>>, usize),
}

impl State {
    /// That of no rows.
    pub(crate) fn new(aggregate: &BoundAggregate) -> Self {
        let BoundAggregate { function, ty, .. } = *aggregate;
        let is_float = matches!(ty, Type::Float32 | Type::Float64);
        let inner = match function {
            Function::Count => Inner::Nothing,
            Function::CountDistinct => Inner::Set(HashSet::new(), 0),
            Function::Sum | Function::Avg if is_float => Inner::Floats(FloatSum::default()),
            Function::Sum | Function::Avg => match ty {
                Type::Decimal { scale, .. } => Inner::Decimals(0, scale),
                _ => Inner::Ints(0),
            },
            Function::Min => Inner::Best(Value::Null, Ordering::Less),
            Function::Max => Inner::Best(Value::Null, Ordering::Greater),
            _ => Inner::Moments(Moments::default()),
        };
        Self { function, ty, count: 0, inner }
    }

    /// Adds rows without a column.
    pub(crate) fn add_rows(&mut self, rows: u64) {
        self.count += rows;
    }

    /// Adds a value; NULL adds nothing.
    pub(crate) fn add(&mut self, value: ValueRef<'_>) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        self.count += 1;
        match (&mut self.inner, value) {
            (Inner::Nothing, _) => {}
            (Inner::Ints(sum), ValueRef::Int(value)) => *sum += i128::from(value),
            (Inner::Decimals(sum, _), ValueRef::Decimal(units, _)) => {
                *sum = sum.checked_add(units.get()).ok_or_else(too_large)?;
            }
            (Inner::Floats(sum), value) => sum.add(float(value)),
            (Inner::Moments(moments), value) => moments.merge(Moments::of(float(value))),
            (Inner::Best(best, wanted), value) => {
                if *best == Value::Null || value.order(best.as_ref()) == *wanted {
                    *best = value.to_owned();
                }
            }
            (Inner::Set(set, bytes), value) => {
                let mut key = Vec::new();
                encode_key(value, self.ty, true, &mut key)?;
                if !set.contains(&key[..]) {
                    *bytes += key.len() + SET_ENTRY_BYTES;
                    set.insert(key.into_boxed_slice());
                }
            }
            (Inner::Ints(_) | Inner::Decimals(..), _) => {
                unreachable!("a column of numbers holds nothing else")
            }
        }
        Ok(())
    }

    /// Adds whole numbers; those marked are NULL.
    pub(crate) fn add_ints(&mut self, values: &[i64], nulls: Option<&[bool]>) -> Result<()> {
        let known = Known { values, nulls };
        match &mut self.inner {
            Inner::Ints(sum) => *sum += sum_of(known),
            Inner::Moments(moments) => {
                moments.merge(Moments::of_all(known.iter().map(|value| value as f64)));
            }
            Inner::Nothing => {}
            Inner::Best(best, wanted)
                if matches!(self.ty, Type::Int16 | Type::Int32 | Type::Int64) =>
            {
                let least = *wanted == Ordering::Less;
                let found = if least { known.iter().min() } else { known.iter().max() };
                if let Some(found) = found.map(Value::Int)
                    && (*best == Value::Null || found.as_ref().order(best.as_ref()) == *wanted)
                {
                    *best = found;
                }
            }
            _ => return known.iter().try_for_each(|value| self.add(int_as(self.ty, value))),
        }
        self.count += known.count();
        Ok(())
    }

    /// Adds floats; those marked are NULL.
    pub(crate) fn add_floats(&mut self, values: &[f64], nulls: Option<&[bool]>) -> Result<()> {
        let known = Known { values, nulls };
        match &mut self.inner {
            Inner::Floats(sum) => known.iter().for_each(|value| sum.add(value)),
            Inner::Moments(moments) => moments.merge(Moments::of_all(known.iter())),
            Inner::Nothing => {}
            _ => return known.iter().try_for_each(|value| self.add(float_as(self.ty, value))),
        }
        self.count += known.count();
        Ok(())
    }

    /// Adds the rows of another part.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        self.count += other.count;
        match (&mut self.inner, other.inner) {
            (Inner::Ints(sum), Inner::Ints(more)) => *sum += more,
            (Inner::Decimals(sum, _), Inner::Decimals(more, _)) => {
                *sum = sum.checked_add(more).ok_or_else(too_large)?;
            }
            (Inner::Floats(sum), Inner::Floats(more)) => sum.merge(more),
            (Inner::Moments(moments), Inner::Moments(more)) => moments.merge(more),
            (Inner::Best(best, wanted), Inner::Best(other, _)) => {
                let is_better =
                    *best == Value::Null || other.as_ref().order(best.as_ref()) == *wanted;
                if other != Value::Null && is_better {
                    *best = other;
                }
            }
            (Inner::Set(set, bytes), Inner::Set(more, _)) => {
                for key in more {
                    let size = key.len() + SET_ENTRY_BYTES;
                    *bytes += if set.insert(key) { size } else { 0 };
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Bytes it holds besides itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.inner {
            Inner::Best(Value::Text(text), _) => text.len(),
            Inner::Best(Value::Bytes(bytes), _) => bytes.len(),
            Inner::Set(_, bytes) => *bytes,
            _ => 0,
        }
    }

    /// The result.
    pub(crate) fn finish(self) -> Result<Value> {
        let count = self.count;
        let float = |value: Option<f64>| value.map_or(Value::Null, Value::Float64);
        Ok(match (self.function, self.inner) {
            (Function::Count, _) => Value::Int(count.cast_signed()),
            (Function::CountDistinct, Inner::Set(set, _)) => Value::Int(set.len() as i64),
            (_, Inner::Best(best, _)) => best,
            (_, _) if count == 0 => Value::Null,
            (Function::Sum, Inner::Ints(sum)) => match i64::try_from(sum) {
                Ok(sum) => Value::Int(sum),
                Err(_) => Value::Decimal(Decimal::new(sum, 0)?),
            },
            (Function::Sum, Inner::Decimals(sum, scale)) => {
                Value::Decimal(Decimal::new(sum, scale).map_err(|_| too_large())?)
            }
            (Function::Avg, Inner::Decimals(sum, scale)) => {
                Value::Decimal(mean(sum, count, scale)?)
            }
            (Function::Sum, Inner::Floats(sum)) => Value::Float64(sum.total()),
            (Function::Avg, Inner::Ints(sum)) => Value::Float64(quotient(sum, count)),
            (Function::Avg, Inner::Floats(sum)) => Value::Float64(sum.total() / count as f64),
            (Function::Stddev, Inner::Moments(all)) => float(all.variance(1).map(f64::sqrt)),
            (Function::StddevPop, Inner::Moments(all)) => float(all.variance(0).map(f64::sqrt)),
            (Function::Variance, Inner::Moments(all)) => float(all.variance(1)),
            (Function::VariancePop, Inner::Moments(all)) => float(all.variance(0)),
            _ => unreachable!("a state is made for its function"),
        })
    }
}

/// Values of which some may be NULL.
#[derive(Clone, Copy)]
struct Known<'v, T> {
    values: &'v [T],
    nulls: Option<&'v [bool]>,
}

impl<'v, T: Copy> Known<'v, T> {
    fn iter(self) -> impl Iterator<Item = T> + Clone + 'v {
        let nulls = self.nulls;
        let known = move |at: &usize| nulls.is_none_or(|nulls| !nulls[*at]);
        (0..self.values.len()).filter(known).map(move |at| self.values[at])
    }

    fn count(self) -> u64 {
        let nulls = self.nulls.map_or(0, |nulls| nulls.iter().filter(|null| **null).count());
        (self.values.len() - nulls) as u64
    }
}

/// The sum of whole numbers, where NULL is 0.
fn sum_of(known: Known<'_, i64>) -> i128 {
    // Halves, so that most additions are of one word: a batch has far fewer than 2^31 rows.
    let low = |value: &i64| *value & 0xFFFF_FFFF;
    let (lows, highs) = known
        .values
        .iter()
        .fold((0_i64, 0_i64), |(lows, highs), value| (lows + low(value), highs + (value >> 32)));
    (i128::from(highs) << 32) + i128::from(lows)
}

fn float(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Int(value) => value as f64,
        ValueRef::Float32(value) => f64::from(value),
        ValueRef::Float64(value) => value,
        other => other.as_decimal().expect("the column's type was checked").to_f64(),
    }
}

fn int_as(ty: Type, value: i64) -> ValueRef<'static> {
    match ty {
        Type::Bool => ValueRef::Bool(value != 0),
        Type::Date => ValueRef::Date(value as i32),
        Type::Timestamp => ValueRef::Timestamp(value),
        _ => ValueRef::Int(value),
    }
}

fn float_as(ty: Type, value: f64) -> ValueRef<'static> {
    if ty == Type::Float32 { ValueRef::Float32(value as f32) } else { ValueRef::Float64(value) }
}

/// The mean of decimals, with up to [`MEAN_DIGITS`] more digits than they have, rounded half away from
/// zero; fewer where all of them together would be too many.
fn mean(sum: i128, count: u64, scale: u8) -> Result<Decimal> {
    let (whole, rest) = (sum / i128::from(count), sum % i128::from(count));
    let with_digits = |more| decimal_mean(whole, rest, count, scale, more);
    (0..=MEAN_DIGITS).rev().find_map(with_digits).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::new(
        Kind::Type,
        "the sum of these decimals has more than 38 digits: sum fewer rows, or ask for avg and count",
    )
}

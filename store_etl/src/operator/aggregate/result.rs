//! The results of a group: from its states into a row.

use super::exact;
use super::layout::u64_at;
use super::state::{SUM_IN_MOMENTS, float_at, float_of_rank, int_at, wide_at};
use crate::batch::Column;
use store_core::query::{decimal_mean, quotient};
use store_core::{Decimal, Error, Inet, Kind, Mac, Result, Type, Value, ValueRef};

/// How a result comes of a group's states. Places are those of states; `known` is that of the count of
/// values that are not NULL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Count(usize),
    Sum {
        known: usize,
        whole: Whole,
        ty: Type,
    },
    Mean {
        known: usize,
        whole: Whole,
        ty: Type,
    },
    Best {
        known: usize,
        at: usize,
        ty: Type,
    },
    /// `taken` is 1 for a sample's, `root` for a standard deviation.
    Deviation {
        at: usize,
        taken: u64,
        root: bool,
    },
    End {
        at: usize,
        ty: Type,
    },
    /// That of a section, by its number.
    Section(usize),
}

/// A sum.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whole {
    Int(usize),
    Float(usize),
    /// In units of so many digits after the point.
    Decimal(usize, u8),
}

impl Outcome {
    /// Adds the result to its column. `sections` are the results of sections.
    #[inline]
    pub fn push(&self, states: &[u8], sections: &[Value], column: &mut Column) -> Result<()> {
        let is_known = |known: usize| u64_at(states, known) > 0;
        let value = match *self {
            Self::Count(at) => ValueRef::Int(int_at(states, at)),
            Self::Sum { known, whole, ty } if is_known(known) => whole.sum(states, ty)?,
            Self::Mean { known, whole, ty } if is_known(known) => {
                whole.mean(states, u64_at(states, known), ty)?
            }
            Self::Best { known, at, ty } if is_known(known) => best(states, at, ty)?,
            Self::Deviation { at, taken, root } => {
                let count = u64_at(states, at);
                match count.checked_sub(taken).filter(|divisor| *divisor > 0) {
                    None => ValueRef::Null,
                    Some(divisor) => {
                        let sums = &states[at + SUM_IN_MOMENTS..];
                        let variance = exact::squared_distances(sums, count) / divisor as f64;
                        ValueRef::Float64(if root { variance.sqrt() } else { variance })
                    }
                }
            }
            Self::End { at, ty } if states[at + 8] == 0 => plain(states, at + 16, ty)?,
            Self::Section(nth) => sections.get(nth).map_or(ValueRef::Null, Value::as_ref),
            _ => ValueRef::Null,
        };
        column.push(value)
    }
}

impl Whole {
    fn sum(self, states: &[u8], ty: Type) -> Result<ValueRef<'static>> {
        match (self, ty) {
            (Self::Float(at), _) => Ok(ValueRef::Float64(exact::total(&states[at..]))),
            (Self::Int(at), Type::Int64) => {
                let sum = i64::try_from(wide_at(states, at)).map_err(|_| {
                    Error::new(
                        Kind::Type,
                        "the sum of these whole numbers is beyond int64: sum CAST(column AS int64), whose \
                         sums are decimals",
                    )
                })?;
                Ok(ValueRef::Int(sum))
            }
            (Self::Int(at), _) => {
                Ok(Decimal::new(wide_at(states, at), 0).map_err(|_| too_large())?.into())
            }
            (Self::Decimal(at, scale), _) => {
                let (low, high) = wide_sum(states, at);
                let fits = high == (low.cast_signed() >> 127) as i64;
                let sum = fits.then(|| Decimal::new(low.cast_signed(), scale).ok()).flatten();
                Ok(sum.ok_or_else(too_large)?.into())
            }
        }
    }

    fn mean(self, states: &[u8], count: u64, ty: Type) -> Result<ValueRef<'static>> {
        match self {
            Self::Float(at) => Ok(ValueRef::Float64(exact::total(&states[at..]) / count as f64)),
            Self::Int(at) => Ok(ValueRef::Float64(quotient(wide_at(states, at), count))),
            Self::Decimal(at, scale) => {
                let Type::Decimal { scale: to, .. } = ty else { return Err(too_large()) };
                let (low, high) = wide_sum(states, at);
                let (whole, rest) = divide(low, high, count);
                let mean = decimal_mean(whole, rest, count, scale, to - scale);
                Ok(mean.ok_or_else(too_large)?.into())
            }
        }
    }
}

/// The words of a sum of 192 bits.
fn wide_sum(states: &[u8], at: usize) -> (u128, i64) {
    (wide_at(states, at).cast_unsigned(), int_at(states, at + 16))
}

/// Divides a number of 192 bits, rounding towards zero: the whole, which must have 128, and the rest.
fn divide(low: u128, high: i64, count: u64) -> (i128, i128) {
    let negative = high < 0;
    let (low, high) = if negative {
        let (low, carry) = (!low).overflowing_add(1);
        (low, (!high).cast_unsigned().wrapping_add(u64::from(carry)))
    } else {
        (low, high.cast_unsigned())
    };
    let (mut rest, divisor) = (u128::from(high) % u128::from(count), u128::from(count));
    let mut whole = 0_u128;
    for word in [low >> 64, low & u128::from(u64::MAX)] {
        let part = (rest << 64) | word;
        whole = (whole << 64) | (part / divisor);
        rest = part % divisor;
    }
    let sign = |value: u128| if negative { -value.cast_signed() } else { value.cast_signed() };
    (sign(whole), sign(rest))
}

/// A least or greatest value.
fn best(states: &[u8], at: usize, ty: Type) -> Result<ValueRef<'static>> {
    Ok(match ty {
        Type::Float64 => ValueRef::Float64(float_of_rank(int_at(states, at))),
        Type::Float32 => ValueRef::Float32(float_of_rank(int_at(states, at)) as f32),
        _ => plain(states, at, ty)?,
    })
}

/// A value as it lies in a record.
pub(super) fn plain(bytes: &[u8], at: usize, ty: Type) -> Result<ValueRef<'static>> {
    Ok(match ty {
        Type::Bool => ValueRef::Bool(int_at(bytes, at) != 0),
        Type::Float64 => ValueRef::Float64(float_at(bytes, at)),
        Type::Float32 => ValueRef::Float32(float_at(bytes, at) as f32),
        Type::Date => ValueRef::Date(int_at(bytes, at) as i32),
        Type::Timestamp => ValueRef::Timestamp(int_at(bytes, at)),
        Type::Decimal { scale, .. } => Decimal::new(wide_at(bytes, at), scale)?.into(),
        Type::Inet => {
            let bits = (wide_at(bytes, at) ^ i128::MIN).cast_unsigned();
            ValueRef::Inet(Inet::from_octets(bits.to_be_bytes()))
        }
        Type::Mac => {
            let [_, _, octets @ ..] = int_at(bytes, at).to_be_bytes();
            ValueRef::Mac(Mac::from_octets(octets))
        }
        _ => ValueRef::Int(int_at(bytes, at)),
    })
}

#[cold]
fn too_large() -> Error {
    Error::new(
        Kind::Type,
        "the sum of these numbers has more than 38 digits: sum fewer rows, or cast them to float64",
    )
}

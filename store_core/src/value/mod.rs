//! Values and their types: what a cell holds, in every face of the store.
//!
//! | type | holds | in a row |
//! |---|---|---|
//! | bool | true, false | 1 byte |
//! | int16 int32 int64 | integers, range-checked, never wrapped | 2, 4, 8 bytes |
//! | float32 float64 | IEEE 754; NaN sorts last, −0.0 equals 0.0 | 4, 8 bytes |
//! | text | valid UTF-8, compared by bytes | 16 bytes, longer ones beside the row |
//! | bytes | any bytes | as text |
//! | date | days since 1970-01-01 | 4 bytes |
//! | timestamp | microseconds since 1970-01-01T00:00:00Z | 8 bytes |
//! | decimal(p,s) | numbers of up to p digits, s of them after the point, exact | 8 bytes up to 18 digits, 16 beyond |
//! | inet | IPv4 and IPv6 addresses | 16 bytes |
//! | mac | addresses of network cards | 8 bytes |

mod add;
mod address;
mod calendar;
mod column_type;
mod compare;
mod decimal;
mod encode;
mod fold;
mod format;
mod number;
mod parse;
mod squeeze;

pub use address::{Inet, Mac};
pub use column_type::Type;
pub use decimal::{Decimal, DecimalUnits};
pub(crate) use number::{Number, power_of_ten};

pub use encode::{KEY_BYTES_MAX, encode_key, encode_text_key};
pub(crate) use encode::{encoded_rank, encoded_width, float32_bits, float64_bits};
pub(crate) use fold::{fold, is_caseless, strip_folded};
pub use format::write_value;
pub(crate) use parse::decode_hex;
pub use parse::{parse_value, parse_value_into};
pub(crate) use squeeze::{squeeze_integer, squeeze_text};

use crate::error::{Error, Result};
use decimal::Misfit;
use std::net::IpAddr;

/// A cell's value, owned.
///
/// ```
/// use store_core::{Type, Value, ValueRef};
/// let value = Value::from("KAUS");
/// assert_eq!(value.as_ref(), ValueRef::Text("KAUS"));
/// assert!(Value::from(40_000).as_ref().coerce(Type::Int16).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[non_exhaustive]
pub enum Value {
    /// No value; not the empty string.
    Null,
    /// A bool.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A 32-bit float.
    Float32(f32),
    /// A 64-bit float.
    Float64(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970, UTC.
    Timestamp(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// An internet address.
    Inet(Inet),
    /// The address of a network card.
    Mac(Mac),
}

/// A cell's value, borrowed from whoever holds the row.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// No value; not the empty string.
    Null,
    /// A bool.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A 32-bit float.
    Float32(f32),
    /// A 64-bit float.
    Float64(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970, UTC.
    Timestamp(i64),
    /// An exact decimal number, in its two parts, which pack with the other variants: without its
    /// point, and how many digits stand after it. [`ValueRef::as_decimal`] joins them.
    Decimal(DecimalUnits, u8),
    /// An internet address.
    Inet(Inet),
    /// The address of a network card.
    Mac(Mac),
}

/// Rows are read by the million through these: a word for what it is and two for the value.
const _: () = assert!(size_of::<ValueRef<'_>>() == 24);

impl Value {
    /// The value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Float32(value) => ValueRef::Float32(*value),
            Self::Float64(value) => ValueRef::Float64(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Bytes(value) => ValueRef::Bytes(value),
            Self::Date(value) => ValueRef::Date(*value),
            Self::Timestamp(value) => ValueRef::Timestamp(*value),
            Self::Decimal(value) => (*value).into(),
            Self::Inet(value) => ValueRef::Inet(*value),
            Self::Mac(value) => ValueRef::Mac(*value),
        }
    }
}

impl ValueRef<'_> {
    /// A copy that owns its bytes.
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float32(value) => Value::Float32(value),
            Self::Float64(value) => Value::Float64(value),
            Self::Text(value) => Value::Text(value.to_owned()),
            Self::Bytes(value) => Value::Bytes(value.to_owned()),
            Self::Date(value) => Value::Date(value),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Decimal(units, scale) => Value::Decimal(Decimal::joined(units, scale)),
            Self::Inet(value) => Value::Inet(value),
            Self::Mac(value) => Value::Mac(value),
        }
    }

    /// The decimal, if it is one.
    #[inline]
    pub const fn as_decimal(self) -> Option<Decimal> {
        match self {
            Self::Decimal(units, scale) => Some(Decimal::joined(units, scale)),
            _ => None,
        }
    }

    /// True for NULL.
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same value as a column of this type holds it.
    ///
    /// Integers are range-checked and become floats where the column is one and the number
    /// survives; a float64 becomes a float32 if it stays finite. Decimals, integers and floats become
    /// decimals of the column's digits if they are that exactly. Nothing else converts.
    pub fn coerce(self, ty: Type) -> Result<Self> {
        Ok(match (ty, self) {
            (_, Self::Null)
            | (Type::Bool, Self::Bool(_))
            | (Type::Int64, Self::Int(_))
            | (Type::Float32, Self::Float32(_))
            | (Type::Float64, Self::Float64(_))
            | (Type::Text, Self::Text(_))
            | (Type::Bytes, Self::Bytes(_))
            | (Type::Date, Self::Date(_))
            | (Type::Timestamp, Self::Timestamp(_))
            | (Type::Inet, Self::Inet(_))
            | (Type::Mac, Self::Mac(_)) => self,
            (Type::Int16, Self::Int(value)) if i16::try_from(value).is_ok() => self,
            (Type::Int32, Self::Int(value)) if i32::try_from(value).is_ok() => self,
            (Type::Float64, Self::Int(value)) if (value as f64) as i128 == i128::from(value) => {
                Self::Float64(value as f64)
            }
            (Type::Float32, Self::Int(value)) if (value as f32) as i128 == i128::from(value) => {
                Self::Float32(value as f32)
            }
            (Type::Float64, Self::Float32(value)) => Self::Float64(f64::from(value)),
            (Type::Float32, Self::Float64(value))
                if !value.is_finite() || (value as f32).is_finite() =>
            {
                Self::Float32(value as f32)
            }
            (Type::Decimal { precision, scale }, _) => {
                self.to_decimal(ty, precision, scale)?.into()
            }
            _ => return Err(self.mismatch(ty)),
        })
    }

    fn to_decimal(self, ty: Type, precision: u8, scale: u8) -> Result<Decimal> {
        let fitted = match self {
            Self::Decimal(units, own) => Decimal::joined(units, own).fit(precision, scale),
            Self::Int(value) => Decimal::from(value).fit(precision, scale),
            Self::Float32(value) => Decimal::from_float(value.into(), precision, scale),
            Self::Float64(value) => Decimal::from_float(value, precision, scale),
            _ => return Err(self.mismatch(ty)),
        };
        fitted.map_err(|misfit| match (misfit, self) {
            (Misfit::Scale, Self::Float32(_) | Self::Float64(_)) => Error::type_mismatch(format!(
                "the float {self} is not exactly a {ty}: give a decimal, or text"
            )),
            _ => misfit.into_error(&self.to_string(), ty),
        })
    }

    fn mismatch(self, ty: Type) -> Error {
        let what = match self {
            Self::Int(value) if matches!(ty, Type::Int16 | Type::Int32) => {
                return Error::type_mismatch(format!("{value} is out of range for {ty}"));
            }
            Self::Null => "NULL",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Float32(_) | Self::Float64(_) => "a float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Timestamp(_) => "a timestamp",
            Self::Decimal(..) => "a decimal",
            Self::Inet(_) => "an inet",
            Self::Mac(_) => "a mac",
        };
        Error::type_mismatch(format!("{what} does not fit the type {ty}"))
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => { $(
        impl From<$from> for Value {
            fn from($value: $from) -> Self { $make }
        }
    )* };
}

value_from! {
    bool => |value| Self::Bool(value);
    i16 => |value| Self::Int(i64::from(value));
    i32 => |value| Self::Int(i64::from(value));
    i64 => |value| Self::Int(value);
    f32 => |value| Self::Float32(value);
    f64 => |value| Self::Float64(value);
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    Vec<u8> => |value| Self::Bytes(value);
    &[u8] => |value| Self::Bytes(value.to_owned());
    Decimal => |value| Self::Decimal(value);
    Inet => |value| Self::Inet(value);
    IpAddr => |value| Self::Inet(value.into());
    Mac => |value| Self::Mac(value);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a, T: Into<ValueRef<'a>>> From<Option<T>> for ValueRef<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(ValueRef::Null, Into::into)
    }
}

macro_rules! value_ref_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => { $(
        impl<'a> From<$from> for ValueRef<'a> {
            fn from($value: $from) -> Self { $make }
        }
    )* };
}

value_ref_from! {
    bool => |value| ValueRef::Bool(value);
    i16 => |value| ValueRef::Int(i64::from(value));
    i32 => |value| ValueRef::Int(i64::from(value));
    i64 => |value| ValueRef::Int(value);
    f32 => |value| ValueRef::Float32(value);
    f64 => |value| ValueRef::Float64(value);
    &'a str => |value| ValueRef::Text(value);
    &'a String => |value| ValueRef::Text(value);
    &'a [u8] => |value| ValueRef::Bytes(value);
    Decimal => |value| {
        let (units, scale) = value.parts();
        ValueRef::Decimal(units, scale)
    };
    Inet => |value| ValueRef::Inet(value);
    IpAddr => |value| ValueRef::Inet(value.into());
    Mac => |value| ValueRef::Mac(value);
    &'a Value => |value| value.as_ref();
}

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

mod calendar;
mod compare;
mod encode;
mod fold;
mod format;
mod parse;

pub(crate) use encode::encoded_width;
pub use encode::{KEY_BYTES_MAX, encode_key};
pub(crate) use fold::{fold, is_caseless, strip_folded};
pub use format::write_value;
pub use parse::parse_value;
pub(crate) use parse::{decode_hex, parse_value_into};

use crate::error::{Error, Result};
use std::fmt;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bincode::Encode, bincode::Decode)]
#[non_exhaustive]
pub enum Type {
    /// True or false.
    Bool,
    /// 16-bit integer.
    Int16,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Bytes,
    /// Days since 1970.
    Date,
    /// Microseconds since 1970, UTC.
    Timestamp,
}

/// Each type with its name and its aliases.
const TYPE_NAMES: [(Type, &str, &[&str]); 10] = [
    (Type::Bool, "bool", &["boolean"]),
    (Type::Int16, "int16", &["short"]),
    (Type::Int32, "int32", &["int", "integer"]),
    (Type::Int64, "int64", &["long", "wide", "bigint"]),
    (Type::Float32, "float32", &["float", "real"]),
    (Type::Float64, "float64", &["double"]),
    (Type::Text, "text", &["varchar", "varstring", "string", "utf8", "char", "fixedstring"]),
    (Type::Bytes, "bytes", &["blob", "binary"]),
    (Type::Date, "date", &[]),
    (Type::Timestamp, "timestamp", &["datetime"]),
];

impl Type {
    /// The type of this name or alias, in any case.
    pub fn from_name(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        for (ty, own, aliases) in TYPE_NAMES {
            if own == lower || aliases.contains(&lower.as_str()) {
                return Ok(ty);
            }
        }
        let names: Vec<&str> = TYPE_NAMES.iter().map(|entry| entry.1).collect();
        Err(Error::invalid(format!("unknown type \"{name}\": must be {}", names.join(", "))))
    }

    /// The type's name.
    pub fn name(self) -> &'static str {
        TYPE_NAMES.iter().find(|entry| entry.0 == self).map_or("?", |entry| entry.1)
    }

    /// True for the types whose values may be longer than a cell.
    pub const fn is_long(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
}

/// A cell's value, borrowed from whoever holds the row.
#[derive(Clone, Copy, Debug, PartialEq)]
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
}

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
        }
    }

    /// True for NULL.
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same value as a column of this type holds it.
    ///
    /// Integers are range-checked and become floats where the column is one and the number
    /// survives; a float64 becomes a float32 if it stays finite. Nothing else converts.
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
            | (Type::Timestamp, Self::Timestamp(_)) => self,
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
            _ => return Err(self.mismatch(ty)),
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
    &'a Value => |value| value.as_ref();
}

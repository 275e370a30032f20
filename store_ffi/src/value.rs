//! Values: what C passes in and gets back.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::panic::guard;
use crate::status::store_status;
use store_core::value::parse_value;
use store_core::{Decimal, Error, Inet, Mac, Result, Type, ValueRef};

/// The type of a column. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum store_type {
    /// A type that this header does not know.
    STORE_TYPE_UNKNOWN = 0,
    /// True or false.
    STORE_TYPE_BOOL = 1,
    /// 16-bit integer.
    STORE_TYPE_INT16 = 2,
    /// 32-bit integer.
    STORE_TYPE_INT32 = 3,
    /// 64-bit integer.
    STORE_TYPE_INT64 = 4,
    /// 32-bit float.
    STORE_TYPE_FLOAT32 = 5,
    /// 64-bit float.
    STORE_TYPE_FLOAT64 = 6,
    /// UTF-8 text.
    STORE_TYPE_TEXT = 7,
    /// Any bytes.
    STORE_TYPE_BYTES = 8,
    /// Days since 1970-01-01.
    STORE_TYPE_DATE = 9,
    /// Microseconds since 1970-01-01T00:00:00Z.
    STORE_TYPE_TIMESTAMP = 10,
    /// Exact decimal numbers; store_table_column_digits tells of how many digits.
    STORE_TYPE_DECIMAL = 11,
    /// Internet addresses, IPv4 and IPv6.
    STORE_TYPE_INET = 12,
    /// Addresses of network cards, six bytes.
    STORE_TYPE_MAC = 13,
}

impl From<Type> for store_type {
    fn from(ty: Type) -> Self {
        match ty {
            Type::Bool => Self::STORE_TYPE_BOOL,
            Type::Int16 => Self::STORE_TYPE_INT16,
            Type::Int32 => Self::STORE_TYPE_INT32,
            Type::Int64 => Self::STORE_TYPE_INT64,
            Type::Float32 => Self::STORE_TYPE_FLOAT32,
            Type::Float64 => Self::STORE_TYPE_FLOAT64,
            Type::Text => Self::STORE_TYPE_TEXT,
            Type::Bytes => Self::STORE_TYPE_BYTES,
            Type::Date => Self::STORE_TYPE_DATE,
            Type::Timestamp => Self::STORE_TYPE_TIMESTAMP,
            Type::Decimal { .. } => Self::STORE_TYPE_DECIMAL,
            Type::Inet => Self::STORE_TYPE_INET,
            Type::Mac => Self::STORE_TYPE_MAC,
            _ => Self::STORE_TYPE_UNKNOWN,
        }
    }
}

/// Which member of a store_value counts. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum store_value_kind {
    /// No value; not the empty text.
    STORE_VALUE_NULL = 0,
    /// `integer`: 0 or 1.
    STORE_VALUE_BOOL = 1,
    /// `integer`: fits columns of int16, int32, int64, checked, and floats and decimals that hold it
    /// exactly.
    STORE_VALUE_INT64 = 2,
    /// `real`: fits columns of float32 and float64, and decimals that hold it exactly: 0.5, not 0.1.
    STORE_VALUE_DOUBLE = 3,
    /// `bytes`: UTF-8.
    STORE_VALUE_TEXT = 4,
    /// `bytes`: any.
    STORE_VALUE_BYTES = 5,
    /// `integer`: days since 1970-01-01.
    STORE_VALUE_DATE = 6,
    /// `integer`: microseconds since 1970-01-01T00:00:00Z.
    STORE_VALUE_TIMESTAMP = 7,
    /// `units` and `scale`: fits columns of decimals that hold it exactly.
    STORE_VALUE_DECIMAL = 8,
    /// `inet`.
    STORE_VALUE_INET = 9,
    /// `mac`.
    STORE_VALUE_MAC = 10,
}

/// Bytes with their length, borrowed. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct store_bytes {
    /// The first byte; may be NULL if there is none.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// A decimal number without its point: high * 2^64 + low, at most 38 digits.
///
/// In memory these are the bytes of an __int128, for compilers that have one. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct store_units {
    /// The lower 64 bits.
    pub low: u64,
    /// The upper 64 bits, with the sign: -1 for a small negative number.
    pub high: i64,
}

/// A decimal number: its units divided by 10^scale. 12.50 is 1250 of scale 2. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct store_decimal {
    /// The number without its point.
    pub units: store_units,
    /// How many digits stand after the point, 0 to 38.
    pub scale: i32,
}

/// An internet address in network order, as in a struct in6_addr: an IPv4 address a.b.c.d is
/// ::ffff:a.b.c.d, its last four bytes. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct store_inet {
    /// The bytes.
    pub bytes: [u8; 16],
}

/// The address of a network card in network order. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct store_mac {
    /// The bytes.
    pub bytes: [u8; 6],
}

/// What a store_value holds. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub union store_value_data {
    /// For BOOL, INT64, DATE and TIMESTAMP.
    pub integer: i64,
    /// For DOUBLE.
    pub real: f64,
    /// For TEXT and BYTES.
    pub bytes: store_bytes,
    /// For DECIMAL, beside `scale`.
    pub units: store_units,
    /// For INET.
    pub inet: store_inet,
    /// For MAC.
    pub mac: store_mac,
}

/// A value: given to a call, or got from one.
///
/// Bytes are borrowed: those given must live until the call returns, those got say until when.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct store_value {
    /// One of store_value_kind.
    pub kind: i32,
    /// For DECIMAL: how many digits stand after the point. Else it says nothing.
    pub scale: i32,
    /// The value.
    pub data: store_value_data,
}

/// A column's name with a value for it. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct store_cell {
    /// The column's name: UTF-8.
    pub name: store_bytes,
    /// Its value.
    pub value: store_value,
}

impl store_value {
    fn integer(kind: store_value_kind, integer: i64) -> Self {
        Self::of(kind, store_value_data { integer })
    }

    fn real(real: f64) -> Self {
        Self::of(store_value_kind::STORE_VALUE_DOUBLE, store_value_data { real })
    }

    fn bytes(kind: store_value_kind, data: *const u8, len: usize) -> Self {
        let bytes = store_bytes { data, len };
        Self::of(kind, store_value_data { bytes })
    }

    fn decimal(value: store_decimal) -> Self {
        let data = store_value_data { units: value.units };
        let value_of = Self::of(store_value_kind::STORE_VALUE_DECIMAL, data);
        Self { scale: value.scale, ..value_of }
    }

    fn of(kind: store_value_kind, data: store_value_data) -> Self {
        Self { kind: kind as i32, scale: 0, data }
    }

    /// NULL.
    pub(crate) fn null() -> Self {
        Self::integer(store_value_kind::STORE_VALUE_NULL, 0)
    }

    /// Lends a value; its bytes live as long as whoever holds the row.
    pub(crate) fn lend(value: ValueRef<'_>) -> Self {
        use store_value_kind as kind;
        match value {
            ValueRef::Bool(value) => Self::integer(kind::STORE_VALUE_BOOL, i64::from(value)),
            ValueRef::Int(value) => Self::integer(kind::STORE_VALUE_INT64, value),
            ValueRef::Float32(value) => Self::real(f64::from(value)),
            ValueRef::Float64(value) => Self::real(value),
            ValueRef::Text(text) => Self::bytes(kind::STORE_VALUE_TEXT, text.as_ptr(), text.len()),
            ValueRef::Bytes(bytes) => {
                Self::bytes(kind::STORE_VALUE_BYTES, bytes.as_ptr(), bytes.len())
            }
            ValueRef::Date(days) => Self::integer(kind::STORE_VALUE_DATE, i64::from(days)),
            ValueRef::Timestamp(micros) => Self::integer(kind::STORE_VALUE_TIMESTAMP, micros),
            ValueRef::Decimal(units, scale) => {
                Self::decimal(store_decimal { units: units.get().into(), scale: scale.into() })
            }
            ValueRef::Inet(address) => {
                Self::of(kind::STORE_VALUE_INET, store_value_data { inet: address.into() })
            }
            ValueRef::Mac(address) => {
                Self::of(kind::STORE_VALUE_MAC, store_value_data { mac: address.into() })
            }
            _ => Self::null(),
        }
    }

    /// The caller's value, checked.
    pub(crate) fn read(&self) -> Result<ValueRef<'_>> {
        const KINDS: [(i32, store_value_kind); 11] = [
            (0, store_value_kind::STORE_VALUE_NULL),
            (1, store_value_kind::STORE_VALUE_BOOL),
            (2, store_value_kind::STORE_VALUE_INT64),
            (3, store_value_kind::STORE_VALUE_DOUBLE),
            (4, store_value_kind::STORE_VALUE_TEXT),
            (5, store_value_kind::STORE_VALUE_BYTES),
            (6, store_value_kind::STORE_VALUE_DATE),
            (7, store_value_kind::STORE_VALUE_TIMESTAMP),
            (8, store_value_kind::STORE_VALUE_DECIMAL),
            (9, store_value_kind::STORE_VALUE_INET),
            (10, store_value_kind::STORE_VALUE_MAC),
        ];
        Ok(match args::choice(self.kind, &KINDS, "kind of a value")? {
            store_value_kind::STORE_VALUE_NULL => ValueRef::Null,
            store_value_kind::STORE_VALUE_BOOL => ValueRef::Bool(self.as_bool()?),
            store_value_kind::STORE_VALUE_INT64 => ValueRef::Int(self.as_integer()),
            // SAFETY: the kind says that this member counts; any bits are a double.
            store_value_kind::STORE_VALUE_DOUBLE => ValueRef::Float64(unsafe { self.data.real }),
            store_value_kind::STORE_VALUE_TEXT => {
                let bytes = self.as_bytes();
                let data = if bytes.len == 0 { c"".as_ptr().cast() } else { bytes.data };
                ValueRef::Text(args::text(data, bytes.len, "text of a value")?)
            }
            store_value_kind::STORE_VALUE_BYTES => {
                let bytes = self.as_bytes();
                ValueRef::Bytes(args::slice(bytes.data, bytes.len, "bytes of a value")?)
            }
            store_value_kind::STORE_VALUE_DATE => {
                let days = self.as_integer();
                let days = i32::try_from(days)
                    .map_err(|_| Error::type_mismatch(format!("{days} days is no date")))?;
                ValueRef::Date(days)
            }
            store_value_kind::STORE_VALUE_TIMESTAMP => ValueRef::Timestamp(self.as_integer()),
            store_value_kind::STORE_VALUE_DECIMAL => {
                // SAFETY: the kind says that this member counts; any bits are two integers.
                let units = unsafe { self.data.units };
                Decimal::try_from(store_decimal { units, scale: self.scale })?.into()
            }
            store_value_kind::STORE_VALUE_INET => {
                // SAFETY: the kind says that this member counts; any bytes are an address.
                ValueRef::Inet(Inet::from_octets(unsafe { self.data.inet }.bytes))
            }
            store_value_kind::STORE_VALUE_MAC => {
                // SAFETY: as above.
                ValueRef::Mac(Mac::from_octets(unsafe { self.data.mac }.bytes))
            }
        })
    }

    fn as_integer(&self) -> i64 {
        // SAFETY: the kind says that this member counts; any bits are an integer.
        unsafe { self.data.integer }
    }

    fn as_bytes(&self) -> store_bytes {
        // SAFETY: the kind says that this member counts; any bits are a pointer and a length.
        unsafe { self.data.bytes }
    }

    fn as_bool(&self) -> Result<bool> {
        match self.as_integer() {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::invalid(format!("{other} is no bool: must be 0 or 1"))),
        }
    }
}

// What a failed call leaves in its place.

impl store_decimal {
    pub(crate) const EMPTY: Self = Self { units: store_units { low: 0, high: 0 }, scale: 0 };
}

impl store_inet {
    pub(crate) const EMPTY: Self = Self { bytes: [0; 16] };
}

impl store_mac {
    pub(crate) const EMPTY: Self = Self { bytes: [0; 6] };
}

impl From<i128> for store_units {
    fn from(units: i128) -> Self {
        Self { low: units as u64, high: (units >> 64) as i64 }
    }
}

impl From<Decimal> for store_decimal {
    fn from(value: Decimal) -> Self {
        Self { units: value.units().into(), scale: value.scale().into() }
    }
}

impl TryFrom<store_decimal> for Decimal {
    type Error = Error;

    fn try_from(value: store_decimal) -> Result<Self> {
        let units = i128::from(value.units.high) << 64 | i128::from(value.units.low);
        let scale = u8::try_from(value.scale).map_err(|_| {
            Error::invalid(format!("a decimal of scale {}: must be 0 to 38", value.scale))
        })?;
        Self::new(units, scale)
    }
}

impl From<Inet> for store_inet {
    fn from(address: Inet) -> Self {
        Self { bytes: address.octets() }
    }
}

impl From<Mac> for store_mac {
    fn from(address: Mac) -> Self {
        Self { bytes: address.octets() }
    }
}

/// The caller's values, checked.
pub(crate) fn read_values<'a>(
    values: *const store_value,
    len: usize,
    name: &str,
) -> Result<Vec<ValueRef<'a>>> {
    args::slice(values, len, name)?.iter().map(store_value::read).collect()
}

/// Makes the value NULL. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_null() -> store_value {
    store_value::null()
}

/// Makes a bool: 0 or 1. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_bool(value: i32) -> store_value {
    store_value::integer(store_value_kind::STORE_VALUE_BOOL, i64::from(value))
}

/// Makes an integer, for columns of any width: checked when it is used. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_int64(value: i64) -> store_value {
    store_value::integer(store_value_kind::STORE_VALUE_INT64, value)
}

/// Makes a float. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_double(value: f64) -> store_value {
    store_value::real(value)
}

/// Makes a text of UTF-8, which stays the caller's: checked when it is used. Thread-safe. Since
/// 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_text(text: *const u8, len: usize) -> store_value {
    store_value::bytes(store_value_kind::STORE_VALUE_TEXT, text, len)
}

/// Makes a value of bytes, which stay the caller's. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_bytes(bytes: *const u8, len: usize) -> store_value {
    store_value::bytes(store_value_kind::STORE_VALUE_BYTES, bytes, len)
}

/// Makes a date: days since 1970-01-01. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_date(days: i32) -> store_value {
    store_value::integer(store_value_kind::STORE_VALUE_DATE, i64::from(days))
}

/// Makes a timestamp: microseconds since 1970-01-01T00:00:00Z. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_timestamp(micros: i64) -> store_value {
    store_value::integer(store_value_kind::STORE_VALUE_TIMESTAMP, micros)
}

/// Makes a decimal: checked when it is used. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_decimal(value: store_decimal) -> store_value {
    store_value::decimal(value)
}

/// Makes an internet address. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_inet(address: store_inet) -> store_value {
    store_value::of(store_value_kind::STORE_VALUE_INET, store_value_data { inet: address })
}

/// Makes the address of a network card. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_value_mac(address: store_mac) -> store_value {
    store_value::of(store_value_kind::STORE_VALUE_MAC, store_value_data { mac: address })
}

/// Reads a text as a value of a type, one of store_type: what store_row_show writes and more. A
/// decimal gets the digits after the point that the text has. Text and bytes stay the caller's.
///
/// STORE_TYPE: the text is none of the type. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_value_parse(
    r#type: i32,
    text: *const u8,
    len: usize,
    value_out: *mut store_value,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(value_out, "value_out", store_value::null())?;
        let text = args::text(text, len, "text")?;
        let value = match args::choice(r#type, &TYPES, "type")? {
            Type::Decimal { .. } => text.parse::<Decimal>()?.into(),
            ty => parse_value(text.as_bytes(), ty)?,
        };
        out.set(store_value::lend(value));
        Ok(())
    })
}

/// The types of values in text, by their number.
const TYPES: [(i32, Type); 13] = [
    (1, Type::Bool),
    (2, Type::Int16),
    (3, Type::Int32),
    (4, Type::Int64),
    (5, Type::Float32),
    (6, Type::Float64),
    (7, Type::Text),
    (8, Type::Bytes),
    (9, Type::Date),
    (10, Type::Timestamp),
    (11, Type::Decimal { precision: Decimal::DIGITS_MAX, scale: 0 }),
    (12, Type::Inet),
    (13, Type::Mac),
];

/// Makes a cell: a column's name, which stays the caller's, with a value. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_cell_of(
    name: *const u8,
    name_len: usize,
    value: store_value,
) -> store_cell {
    store_cell { name: store_bytes { data: name, len: name_len }, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store_core::Kind;

    #[test]
    fn values_survive_the_round_trip() {
        for value in [
            ValueRef::Null,
            ValueRef::Bool(true),
            ValueRef::Int(i64::MIN),
            ValueRef::Float64(-0.5),
            ValueRef::Text("é"),
            ValueRef::Text(""),
            ValueRef::Bytes(b"\0\xff"),
            ValueRef::Date(-1),
            ValueRef::Timestamp(i64::MAX),
            "-0.05".parse::<Decimal>().unwrap().into(),
            Decimal::new(10_i128.pow(38) - 1, 38).unwrap().into(),
            Decimal::new(1 - 10_i128.pow(38), 0).unwrap().into(),
            ValueRef::Inet("2001:db8::fe".parse().unwrap()),
            ValueRef::Mac(Mac::from_octets([1, 2, 3, 4, 5, 255])),
        ] {
            assert_eq!(store_value::lend(value).read().unwrap(), value);
        }
    }

    #[test]
    fn a_value_is_as_long_as_before_it_held_decimals() {
        assert_eq!((size_of::<store_value>(), align_of::<store_value>()), (24, 8));
        assert!(TYPES.iter().all(|(number, ty)| *number == store_type::from(*ty) as i32));
    }

    #[test]
    fn bad_values_are_errors() {
        let kind_of = |value: store_value| value.read().unwrap_err().kind();
        assert_eq!(kind_of(store_value { kind: 11, ..store_value_null() }), Kind::Invalid);
        assert_eq!(kind_of(store_value { kind: -1, ..store_value_null() }), Kind::Invalid);
        assert_eq!(kind_of(store_value_bool(2)), Kind::Invalid);
        assert_eq!(kind_of(store_value_text(std::ptr::null(), 1)), Kind::Invalid);
        assert_eq!(kind_of(store_value_text(b"\xff".as_ptr(), 1)), Kind::Invalid);
        assert_eq!(kind_of(store_value_bytes(b"".as_ptr(), usize::MAX)), Kind::Invalid);
        let units = store_units { low: 0, high: i64::MAX };
        assert_eq!(kind_of(store_value_decimal(store_decimal { units, scale: 2 })), Kind::Type);
        let units = store_units { low: 1, high: 0 };
        for (scale, kind) in [(39, Kind::Type), (-1, Kind::Invalid), (256, Kind::Invalid)] {
            assert_eq!(kind_of(store_value_decimal(store_decimal { units, scale })), kind);
        }
        let date = store_value { kind: 6, ..store_value_int64(i64::MAX) };
        assert_eq!(kind_of(date), Kind::Type);
    }
}

//! The types of columns, by name.

use super::number::DIGITS_MAX;
use crate::error::{Error, Result};
use std::fmt;
use std::mem::discriminant;

/// Digits of a `decimal` that names none: as in `DuckDB`, and small enough for a word.
const BARE_DECIMAL: Type = Type::Decimal { precision: 18, scale: 3 };
/// Decimals of so many digits take one word of a row, longer ones two.
const WORD_DIGITS_MAX: u8 = 18;

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
    /// Exact decimal numbers; see [`Type::decimal`].
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most all of them.
        scale: u8,
    },
    /// Internet addresses, IPv4 and IPv6.
    Inet,
    /// Addresses of network cards, six bytes.
    Mac,
}

/// Each type with its name and its aliases.
const TYPE_NAMES: [(Type, &str, &[&str]); 13] = [
    (Type::Bool, "bool", &["boolean"]),
    (Type::Int16, "int16", &["short"]),
    (Type::Int32, "int32", &["int", "integer"]),
    (Type::Int64, "int64", &["long", "wide", "bigint"]),
    (Type::Float32, "float32", &["float", "real"]),
    (Type::Float64, "float64", &["double"]),
    (BARE_DECIMAL, "decimal", &["numeric"]),
    (Type::Text, "text", &["varchar", "varstring", "string", "utf8", "char", "fixedstring"]),
    (Type::Bytes, "bytes", &["blob", "binary"]),
    (Type::Date, "date", &[]),
    (Type::Timestamp, "timestamp", &["datetime"]),
    (Type::Inet, "inet", &[]),
    (Type::Mac, "mac", &[]),
];

impl Type {
    /// The type of this name or alias, in any case; a decimal may name its digits.
    ///
    /// ```
    /// use store_core::Type;
    /// assert_eq!(Type::from_name("BIGINT")?, Type::Int64);
    /// assert_eq!(Type::from_name("numeric(10, 2)")?, Type::decimal(10, 2)?);
    /// assert_eq!(Type::from_name("decimal(10)")?, Type::decimal(10, 0)?);
    /// assert_eq!(Type::from_name("decimal")?, Type::decimal(18, 3)?);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        let (word, digits) = match lower.split_once('(') {
            Some((word, digits)) => (word.trim_end(), Some(digits)),
            None => (lower.as_str(), None),
        };
        let known =
            TYPE_NAMES.iter().find(|(_, own, aliases)| *own == word || aliases.contains(&word));
        match (known, digits) {
            (Some((ty, ..)), None) => Ok(*ty),
            (Some((BARE_DECIMAL, ..)), Some(digits)) => decimal_of(name, digits),
            (Some((ty, ..)), Some(_)) => {
                Err(Error::invalid(format!("bad type \"{name}\": {ty} has no digits to choose")))
            }
            (None, _) => {
                let names: Vec<&str> = TYPE_NAMES.iter().map(|entry| entry.1).collect();
                let names = names.join(", ");
                Err(Error::invalid(format!("unknown type \"{name}\": must be {names}")))
            }
        }
    }

    /// Decimals of `precision` digits, 1 to 38, with `scale` of them after the point.
    pub fn decimal(precision: u8, scale: u8) -> Result<Self> {
        let ty = Self::Decimal { precision, scale };
        ty.check().map(|()| ty)
    }

    /// Refuses digits that no decimal can have.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Decimal { precision, scale }
                if !(1..=DIGITS_MAX).contains(&precision) || scale > precision =>
            {
                Err(bad_decimal(&self.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// The type's name, without a decimal's digits; `to_string` has them.
    pub fn name(self) -> &'static str {
        let same = |entry: &&(Self, &str, &[&str])| discriminant(&entry.0) == discriminant(&self);
        TYPE_NAMES.iter().find(same).map_or("?", |entry| entry.1)
    }

    /// True for the types whose values may be longer than a cell.
    pub const fn is_long(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }

    /// True for the types whose cells take two words of a row.
    #[inline]
    pub(crate) const fn is_wide(self) -> bool {
        match self {
            Self::Text | Self::Bytes | Self::Inet => true,
            Self::Decimal { precision, .. } => precision > WORD_DIGITS_MAX,
            _ => false,
        }
    }
}

/// Reads what follows the opening parenthesis of a decimal.
fn decimal_of(name: &str, digits: &str) -> Result<Type> {
    let numbers = digits.trim_end().strip_suffix(')');
    let mut numbers = numbers.unwrap_or_default().split(',').map(|number| number.trim().parse());
    match (numbers.next(), numbers.next().unwrap_or(Ok(0)), numbers.next()) {
        (Some(Ok(precision)), Ok(scale), None) => Type::decimal(precision, scale),
        _ => Err(bad_decimal(name)),
    }
}

fn bad_decimal(name: &str) -> Error {
    Error::invalid(format!(
        "bad type \"{name}\": must be decimal(PRECISION,SCALE), 1 to {DIGITS_MAX} digits and how \
         many of them stand after the point"
    ))
}

/// The name [`Type::from_name`] reads, with the digits of a decimal.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            _ => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for (ty, name, aliases) in TYPE_NAMES {
            assert_eq!(Type::from_name(&ty.to_string()).unwrap(), ty);
            for alias in aliases.iter().chain([&name]) {
                assert_eq!(Type::from_name(&alias.to_uppercase()).unwrap(), ty);
            }
        }
        assert_eq!(Type::decimal(38, 38).unwrap().to_string(), "decimal(38,38)");
        assert_eq!(Type::decimal(38, 38).unwrap().name(), "decimal");
    }

    #[test]
    fn digits_out_of_range_are_refused() {
        for name in [
            "decimal(0)",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(10,-1)",
            "decimal(300,2)",
            "decimal()",
            "decimal(10,2",
            "decimal(10,2)x",
            "decimal(1,2,3)",
            "numeric(a,b)",
        ] {
            let error = Type::from_name(name).unwrap_err().to_string();
            assert!(error.contains("must be decimal(PRECISION,SCALE), 1 to 38"), "{error}");
        }
        let error = Type::from_name("varchar(20)").unwrap_err().to_string();
        assert_eq!(error, "bad type \"varchar(20)\": text has no digits to choose");
        assert!(Type::decimal(5, 6).is_err());
    }
}

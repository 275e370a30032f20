//! The unbound predicate: a tree of tests on named columns, as users build it.

use super::pattern::{Case, Pattern};
use crate::value::{Decimal, Inet, Mac, Value, ValueRef, write_value};
use std::fmt;
use std::net::IpAddr;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Op {
    /// The operator written so: `= == != <> < <= > >=`.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" | "==" => Self::Eq,
            "!=" | "<>" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            _ => return None,
        })
    }

    /// How it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// The operator that holds exactly when this one does not.
    #[must_use]
    pub const fn inverse(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    /// The operator that holds with the sides exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            same => same,
        }
    }
}

/// A value in a predicate, before its column's type is known.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// Text that is parsed as the column's type.
    Text(String),
    /// A value that is coerced to the column's type.
    Value(Value),
    /// An SQL number: compared exactly with any numeric column, `1.5` with an integer one too.
    Number(String),
}

/// A condition on a row: a tree of tests on named columns.
///
/// ```
/// use store_core::query::{Predicate, column};
/// let built = column("altitude").gt(10_000).and(column("origin").is_not_null());
/// assert_eq!(built.to_string(), "altitude > 10000 AND origin IS NOT NULL");
/// assert_eq!(Predicate::parse("x in (1, 2)")?.to_string(), "x IN (1, 2)");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Predicate {
    /// A column against a value.
    Compare {
        /// The column's name.
        column: String,
        /// How they are compared, the column on the left.
        op: Op,
        /// The value on the right.
        value: Literal,
    },
    /// `low <= column < high`.
    Range {
        /// The column's name.
        column: String,
        /// The lower end, in the range.
        low: Literal,
        /// The upper end, not in the range.
        high: Literal,
    },
    /// `low <= column <= high`.
    Between {
        /// The column's name.
        column: String,
        /// The lower end, in the range.
        low: Literal,
        /// The upper end, in the range.
        high: Literal,
    },
    /// The column equals one of the values; none at all is false.
    In {
        /// The column's name.
        column: String,
        /// The values.
        values: Vec<Literal>,
    },
    /// A text column matches a pattern; unknown for NULL.
    Match {
        /// The column's name.
        column: String,
        /// The pattern.
        pattern: Pattern,
    },
    /// The column is NULL; true or false, never unknown.
    IsNull(String),
    /// The column is not NULL; true or false, never unknown.
    IsNotNull(String),
    /// A bool column is true, or a number is not zero; unknown for NULL.
    IsTrue(String),
    /// A bool column is false, or a number is zero; unknown for NULL.
    IsFalse(String),
    /// All of them hold; none at all is true.
    And(Vec<Predicate>),
    /// At least one of them holds; none at all is false.
    Or(Vec<Predicate>),
    /// It does not hold; unknown stays unknown.
    Not(Box<Predicate>),
}

impl Predicate {
    /// The predicate every row matches.
    pub const fn all() -> Self {
        Self::And(Vec::new())
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut list) => {
                list.push(other);
                Self::And(list)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Or(mut list) => {
                list.push(other);
                Self::Or(list)
            }
            first => Self::Or(vec![first, other]),
        }
    }

    /// It does not hold; a row for which it is unknown matches neither.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads as `and` and `or` do, with no import")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

/// A column's name, from which predicates are made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ColumnName(String);

/// Starts a predicate on the column of this name.
///
/// ```
/// use store_core::query::column;
/// let low_or_unknown = column("altitude").lt(1_000).or(column("altitude").is_null());
/// assert_eq!(low_or_unknown.to_string(), "altitude < 1000 OR altitude IS NULL");
/// ```
pub fn column(name: impl Into<String>) -> ColumnName {
    ColumnName(name.into())
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(self, value: impl Into<Literal>) -> Predicate {
            Predicate::Compare { column: self.0, op: Op::$op, value: value.into() }
        }
    )* };
}

impl ColumnName {
    comparisons! {
        /// `column = value`; never true if either is NULL.
        eq => Eq;
        /// `column != value`; never true if either is NULL.
        ne => Ne;
        /// `column < value`.
        lt => Lt;
        /// `column <= value`.
        le => Le;
        /// `column > value`.
        gt => Gt;
        /// `column >= value`.
        ge => Ge;
    }

    /// `low <= column < high`.
    pub fn range(self, low: impl Into<Literal>, high: impl Into<Literal>) -> Predicate {
        Predicate::Range { column: self.0, low: low.into(), high: high.into() }
    }

    /// `low <= column <= high`.
    pub fn between(self, low: impl Into<Literal>, high: impl Into<Literal>) -> Predicate {
        Predicate::Between { column: self.0, low: low.into(), high: high.into() }
    }

    /// The column equals one of the values.
    pub fn in_values<V: Into<Literal>>(self, values: impl IntoIterator<Item = V>) -> Predicate {
        let values = values.into_iter().map(Into::into).collect();
        Predicate::In { column: self.0, values }
    }

    /// The text matches a glob, upper and lower case being equal: `*` stands for any characters,
    /// `?` for one, `[a-z]` for one of these, `\x` for x itself.
    pub fn matches(self, glob: impl Into<String>) -> Predicate {
        self.matches_pattern(Pattern::glob(glob, Case::Folded))
    }

    /// The text matches a glob; case counts.
    pub fn matches_case(self, glob: impl Into<String>) -> Predicate {
        self.matches_pattern(Pattern::glob(glob, Case::Sensitive))
    }

    /// SQL's LIKE: `%` stands for any characters, `_` for one; case counts.
    pub fn like(self, pattern: impl Into<String>) -> Predicate {
        self.matches_pattern(Pattern::like(pattern, Case::Sensitive))
    }

    /// As [`ColumnName::like`], upper and lower case being equal.
    pub fn ilike(self, pattern: impl Into<String>) -> Predicate {
        self.matches_pattern(Pattern::like(pattern, Case::Folded))
    }

    /// The regular expression is found in the text, anywhere unless it is anchored.
    pub fn regexp(self, regexp: impl Into<String>) -> Predicate {
        self.matches_pattern(Pattern::regexp(regexp, Case::Sensitive))
    }

    /// The text matches a pattern of any kind.
    pub fn matches_pattern(self, pattern: Pattern) -> Predicate {
        Predicate::Match { column: self.0, pattern }
    }

    /// The column is NULL.
    pub fn is_null(self) -> Predicate {
        Predicate::IsNull(self.0)
    }

    /// The column is not NULL.
    pub fn is_not_null(self) -> Predicate {
        Predicate::IsNotNull(self.0)
    }

    /// The bool column is true, or the number is not zero.
    pub fn is_true(self) -> Predicate {
        Predicate::IsTrue(self.0)
    }

    /// The bool column is false, or the number is zero.
    pub fn is_false(self) -> Predicate {
        Predicate::IsFalse(self.0)
    }
}

macro_rules! literal_from {
    (text: $($text:ty),*; value: $($value:ty),*) => {
        $( impl From<$text> for Literal {
            fn from(text: $text) -> Self { Self::Text(text.into()) }
        } )*
        $( impl From<$value> for Literal {
            fn from(value: $value) -> Self { Self::Value(value.into()) }
        } )*
    };
}

literal_from! {
    text: &str, &String, String;
    value: bool, i16, i32, i64, f32, f64, Vec<u8>, &[u8], Decimal, Inet, IpAddr, Mac, Value
}

impl<T: Into<Literal>> From<Option<T>> for Literal {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Value(Value::Null), Into::into)
    }
}

/// Words of the SQL form that name no column unless quoted.
pub(super) const KEYWORDS: [&str; 9] =
    ["and", "or", "not", "is", "in", "between", "null", "true", "false"];

/// A column's name as the SQL form writes it.
pub(super) struct Identifier<'a>(pub &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0;
        let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let plain = starts && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if plain && !KEYWORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return f.write_str(name);
        }
        write!(f, "\"{}\"", name.replace('"', "\"\""))
    }
}

fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Self::Text(text) => return write_text(text, f),
            Self::Number(text) => return f.write_str(text),
            Self::Value(value) => value.as_ref(),
        };
        match value {
            ValueRef::Null => f.write_str("NULL"),
            ValueRef::Bool(value) => f.write_str(if value { "TRUE" } else { "FALSE" }),
            ValueRef::Int(value) => write!(f, "{value}"),
            ValueRef::Decimal(..) => write!(f, "{value}"),
            ValueRef::Float32(value) if value.is_finite() => write!(f, "{value:?}"),
            ValueRef::Float64(value) if value.is_finite() => write!(f, "{value:?}"),
            ValueRef::Text(text) => write_text(text, f),
            ValueRef::Bytes(bytes) => {
                f.write_str("x'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            other => {
                let mut text = Vec::new();
                write_value(other, &mut text);
                write_text(&String::from_utf8_lossy(&text), f)
            }
        }
    }
}

/// Writes the SQL form, which [`Predicate::parse`] reads back with the same meaning, unless its
/// parentheses nest deeper than the parser allows.
impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare { column, op, value } => {
                write!(f, "{} {} {value}", Identifier(column), op.symbol())
            }
            Self::Range { column, low, high } => {
                let column = Identifier(column);
                write!(f, "({column} >= {low} AND {column} < {high})")
            }
            Self::Between { column, low, high } => {
                write!(f, "{} BETWEEN {low} AND {high}", Identifier(column))
            }
            Self::In { column, values } => {
                write!(f, "{} IN (", Identifier(column))?;
                for (nth, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if nth == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Match { column, pattern } => write!(f, "{} {pattern}", Identifier(column)),
            Self::IsNull(column) => write!(f, "{} IS NULL", Identifier(column)),
            Self::IsNotNull(column) => write!(f, "{} IS NOT NULL", Identifier(column)),
            Self::IsTrue(column) => write!(f, "{}", Identifier(column)),
            Self::IsFalse(column) => write!(f, "NOT {}", Identifier(column)),
            Self::And(list) => write_list(list, " AND ", "TRUE", f),
            Self::Or(list) => write_list(list, " OR ", "FALSE", f),
            Self::Not(inner) => write!(f, "NOT ({inner})"),
        }
    }
}

fn write_list(
    list: &[Predicate],
    between: &str,
    empty: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if list.is_empty() {
        return f.write_str(empty);
    }
    for (nth, part) in list.iter().enumerate() {
        f.write_str(if nth == 0 { "" } else { between })?;
        match part {
            Predicate::And(inner) | Predicate::Or(inner) if !inner.is_empty() => {
                write!(f, "({part})")?;
            }
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinators_stay_flat() {
        let three = column("a").eq(1).and(column("b").eq("x")).and(column("c").is_null());
        assert!(matches!(&three, Predicate::And(list) if list.len() == 3));
        assert_eq!(three.to_string(), "a = 1 AND b = 'x' AND c IS NULL");
    }

    #[test]
    fn names_and_text_are_quoted_where_needed() {
        let odd = column("or").eq("it's").or(column("two words").ne(None::<i32>));
        assert_eq!(odd.to_string(), "\"or\" = 'it''s' OR \"two words\" != NULL");
        assert_eq!(column("a").is_false().not().to_string(), "NOT (NOT a)");
        assert_eq!(Predicate::all().to_string(), "TRUE");
    }
}

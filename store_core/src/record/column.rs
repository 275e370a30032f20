//! The constants of a record's columns, and the predicates made from them.

use super::field::{Field, Scalar};
use super::order::TypedSort;
use crate::query::{ColumnName, Literal, Predicate, column};
use crate::value::Value;
use std::fmt;
use std::marker::PhantomData;

/// A column of the table of record `R`, whose field is an `F`; the derive makes one for each field.
///
/// Predicates made from it can only compare the column with a value of its own type, and only
/// filter records of its own table:
///
/// ```
/// # use store_core::{Record, Store};
/// #[derive(Record)]
/// struct Flight {
///     #[record(key)]
///     flight_id: String,
///     altitude: i32,
///     origin: Option<String>,
/// }
///
/// # let store = Store::in_memory()?;
/// # let flights = store.table::<Flight>()?;
/// # let flight = Flight { flight_id: "UAL123".into(), altitude: 35_000, origin: None };
/// # store.write(|txn| flights.insert(txn, &flight))?;
/// # let snapshot = store.snapshot()?;
/// let high = Flight::ALTITUDE.between(30_000, 40_000);
/// let texan = Flight::ORIGIN.in_values(["KAUS", "KDFW"]).or(Flight::ORIGIN.is_null());
/// let query = flights.query(&snapshot).filter(high.and(texan));
/// assert_eq!(query.sort(Flight::ALTITUDE.desc()).collect()?.len(), 1);
/// # Ok::<_, store_core::Error>(())
/// ```
///
/// ```compile_fail
/// # #[derive(store_core::Record)]
/// # struct Flight { #[record(key)] flight_id: String, altitude: i32 }
/// let wrong = Flight::ALTITUDE.gt("high");
/// ```
pub struct TypedColumn<R, F> {
    name: &'static str,
    of: PhantomData<fn() -> (R, F)>,
}

/// What a column whose field is an `F` can be compared with: a value of its type, also by
/// reference; `&str` and `&[u8]` for `String` and `Vec<u8>`; never NULL, for which there is `is_null`.
#[diagnostic::on_unimplemented(
    message = "a column of type `{F}` cannot take `{Self}` here",
    label = "is not the column's type",
    note = "give a value of the column's type, without `Option`; a type of your own must implement \
            `store_core::Scalar`"
)]
pub trait Operand<F> {
    /// The value.
    fn into_value(self) -> Value;
}

impl<T: Scalar> Operand<T> for T {
    fn into_value(self) -> Value {
        self.as_value().to_owned()
    }
}

impl<T: Scalar> Operand<T> for &T {
    fn into_value(self) -> Value {
        self.as_value().to_owned()
    }
}

impl<T: Scalar> Operand<Option<T>> for T {
    fn into_value(self) -> Value {
        self.as_value().to_owned()
    }
}

impl<T: Scalar> Operand<Option<T>> for &T {
    fn into_value(self) -> Value {
        self.as_value().to_owned()
    }
}

macro_rules! borrowed_operands {
    ($($borrowed:ty => $owned:ty),*) => { $(
        impl Operand<$owned> for &$borrowed {
            fn into_value(self) -> Value {
                self.into()
            }
        }

        impl Operand<Option<$owned>> for &$borrowed {
            fn into_value(self) -> Value {
                self.into()
            }
        }
    )* };
}

borrowed_operands!(str => String, [u8] => Vec<u8>);

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(self, value: impl Operand<F>) -> TypedPredicate<R> {
            self.untyped().$name(literal(value)).into()
        }
    )* };
}

impl<R, F> TypedColumn<R, F> {
    /// The column of this name, for a record that is not derived; a name that the table does not
    /// have is an error of the query.
    pub const fn new(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// The column's name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The same column for predicates that the compiler does not check.
    pub fn untyped(self) -> ColumnName {
        column(self.name)
    }

    comparisons! {
        /// `column = value`; not true for NULL.
        eq;
        /// `column != value`; not true for NULL.
        ne;
        /// `column < value`.
        lt;
        /// `column <= value`.
        le;
        /// `column > value`.
        gt;
        /// `column >= value`.
        ge;
    }

    /// `low <= column < high`.
    pub fn range(self, low: impl Operand<F>, high: impl Operand<F>) -> TypedPredicate<R> {
        self.untyped().range(literal(low), literal(high)).into()
    }

    /// `low <= column <= high`.
    pub fn between(self, low: impl Operand<F>, high: impl Operand<F>) -> TypedPredicate<R> {
        self.untyped().between(literal(low), literal(high)).into()
    }

    /// The column equals one of the values.
    pub fn in_values<V: Operand<F>>(
        self,
        values: impl IntoIterator<Item = V>,
    ) -> TypedPredicate<R> {
        self.untyped().in_values(values.into_iter().map(literal)).into()
    }

    /// Smallest first, NULL last.
    pub fn asc(self) -> TypedSort<R> {
        TypedSort::new(self.name, false)
    }

    /// Greatest first, NULL last.
    pub fn desc(self) -> TypedSort<R> {
        TypedSort::new(self.name, true)
    }
}

impl<R, T: Field> TypedColumn<R, Option<T>> {
    /// The column is NULL.
    pub fn is_null(self) -> TypedPredicate<R> {
        self.untyped().is_null().into()
    }

    /// The column is not NULL.
    pub fn is_not_null(self) -> TypedPredicate<R> {
        self.untyped().is_not_null().into()
    }
}

macro_rules! patterns {
    ($($field:ty),*) => { $(
        impl<R> TypedColumn<R, $field> {
            /// The text matches a glob, upper and lower case being equal; see [`ColumnName::matches`].
            pub fn matches(self, glob: impl Into<String>) -> TypedPredicate<R> {
                self.untyped().matches(glob).into()
            }

            /// The text matches a glob; case counts.
            pub fn matches_case(self, glob: impl Into<String>) -> TypedPredicate<R> {
                self.untyped().matches_case(glob).into()
            }

            /// SQL's LIKE: `%` stands for any characters, `_` for one; case counts.
            pub fn like(self, pattern: impl Into<String>) -> TypedPredicate<R> {
                self.untyped().like(pattern).into()
            }

            /// The regular expression is found in the text, anywhere unless it is anchored.
            pub fn regexp(self, regexp: impl Into<String>) -> TypedPredicate<R> {
                self.untyped().regexp(regexp).into()
            }
        }
    )* };
}

patterns!(String, Option<String>);

macro_rules! truth {
    ($($field:ty),*) => { $(
        impl<R> TypedColumn<R, $field> {
            /// The column is true.
            pub fn is_true(self) -> TypedPredicate<R> {
                self.untyped().is_true().into()
            }

            /// The column is false; not true for NULL.
            pub fn is_false(self) -> TypedPredicate<R> {
                self.untyped().is_false().into()
            }
        }
    )* };
}

truth!(bool, Option<bool>);

fn literal<F>(value: impl Operand<F>) -> Literal {
    Literal::Value(value.into_value())
}

// Not derived: a column is copied and shown whatever its record can do.
impl<R, F> Clone for TypedColumn<R, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, F> Copy for TypedColumn<R, F> {}

impl<R, F> fmt::Debug for TypedColumn<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedColumn({})", self.name)
    }
}

/// A condition on records of type `R`, from a [`TypedColumn`] or an untyped [`Predicate`].
///
/// ```
/// # use store_core::{Record, TypedPredicate, query::{Predicate, column}};
/// # #[derive(Record)]
/// # struct Flight { #[record(key)] flight_id: String, altitude: i32 }
/// let low = Flight::ALTITUDE.lt(1_000).and(column("flight_id").ge("U"));
/// assert_eq!(low.to_string(), "altitude < 1000 AND flight_id >= 'U'");
/// let typed_in: TypedPredicate<Flight> = Predicate::parse("altitude > 5")?.into();
/// assert_eq!(low.or(typed_in).not().untyped().to_string().matches("altitude").count(), 2);
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct TypedPredicate<R> {
    predicate: Predicate,
    of: PhantomData<fn() -> R>,
}

impl<R> TypedPredicate<R> {
    /// Both hold.
    pub fn and(self, other: impl Into<Self>) -> Self {
        self.predicate.and(other.into().predicate).into()
    }

    /// At least one holds.
    pub fn or(self, other: impl Into<Self>) -> Self {
        self.predicate.or(other.into().predicate).into()
    }

    /// It does not hold; a row for which it is unknown matches neither.
    #[expect(clippy::should_implement_trait, reason = "reads as `and` and `or` do, with no import")]
    pub fn not(self) -> Self {
        self.predicate.not().into()
    }

    /// The same condition for untyped tables.
    pub fn untyped(self) -> Predicate {
        self.predicate
    }
}

/// Takes the caller's word that the columns are the record's; if not, the query says so.
impl<R> From<Predicate> for TypedPredicate<R> {
    fn from(predicate: Predicate) -> Self {
        Self { predicate, of: PhantomData }
    }
}

impl<R> Clone for TypedPredicate<R> {
    fn clone(&self) -> Self {
        self.predicate.clone().into()
    }
}

impl<R> fmt::Debug for TypedPredicate<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.predicate.fmt(f)
    }
}

impl<R> fmt::Display for TypedPredicate<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.predicate.fmt(f)
    }
}

//! Rust types that columns hold: [`Field`], and [`Scalar`] for those that are never NULL.

use crate::cursor::RowRef;
use crate::error::{Error, Kind, Result};
use crate::schema::SchemaBuilder;
use crate::value::{Decimal, Inet, Mac, Type, ValueRef};
use std::net::IpAddr;

/// A Rust type that a column can hold.
///
/// Implement it for a type of your own by way of one that has it:
///
/// ```
/// use store_core::{Field, Record, Result, Type, ValueRef};
///
/// struct Feet(i32);
///
/// impl Field for Feet {
///     const TYPE: Type = i32::TYPE;
///     fn as_value(&self) -> ValueRef<'_> {
///         self.0.as_value()
///     }
///     fn from_value(value: ValueRef<'_>) -> Result<Self> {
///         i32::from_value(value).map(Feet)
///     }
/// }
///
/// #[derive(Record)]
/// struct Hill {
///     #[record(key)]
///     name: String,
///     height: Option<Feet>,
/// }
/// assert_eq!(Hill::schema()?.columns[1].ty, Type::Int32);
/// # Ok::<_, store_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of a column",
    label = "does not implement `store_core::Field`",
    note = "columns hold bool, i16, i32, i64, f32, f64, String, Vec<u8>, store_core's Decimal, Inet \
            and Mac, std::net's IpAddr, and `Option` of these"
)]
pub trait Field: Sized {
    /// The column's type.
    const TYPE: Type;

    /// True if the column may be NULL, as for `Option`.
    const NULLABLE: bool = false;

    /// The value as the store takes it.
    fn as_value(&self) -> ValueRef<'_>;

    /// The value from a cell; an error if the cell holds anything else.
    fn from_value(value: ValueRef<'_>) -> Result<Self>;
}

/// A [`Field`] that is never NULL: what a key column holds, and what columns are compared with.
///
/// A type of your own needs it to be part of a key, and for [`TypedColumn`](super::TypedColumn)'s
/// comparisons:
///
/// ```
/// use store_core::{Field, Record, Result, Scalar, Store, Type, ValueRef};
///
/// #[derive(Debug, PartialEq)]
/// struct Feet(i32);
///
/// impl Field for Feet {
///     const TYPE: Type = i32::TYPE;
///     fn as_value(&self) -> ValueRef<'_> {
///         self.0.as_value()
///     }
///     fn from_value(value: ValueRef<'_>) -> Result<Self> {
///         i32::from_value(value).map(Feet)
///     }
/// }
///
/// impl Scalar for Feet {
///     type Borrowed<'f> = i32;
///     fn borrowed(&self) -> i32 {
///         self.0
///     }
/// }
///
/// #[derive(Record)]
/// struct Hill {
///     #[record(key)]
///     height: Feet,
/// }
/// let store = Store::in_memory()?;
/// let hills = store.table::<Hill>()?;
/// store.write(|txn| hills.insert(txn, &Hill { height: Feet(1_300) }))?;
/// let snapshot = store.snapshot()?;
/// assert_eq!(hills.get(&snapshot, 1_300)?.unwrap().height, Feet(1_300));
/// assert_eq!(hills.query(&snapshot).filter(Hill::HEIGHT.gt(Feet(1_300))).count()?, 0);
/// # Ok::<_, store_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key column",
    label = "is an `Option`, or does not implement `store_core::Scalar`",
    note = "a key is never NULL: its columns hold bool, i16, i32, i64, f32, f64, String, Vec<u8>, Decimal, \
            Inet, Mac or IpAddr"
)]
pub trait Scalar: Field + 'static {
    /// The value without its owner, as keys are given: `&str` for a `String`.
    type Borrowed<'f>: Into<ValueRef<'f>>;

    /// The value, borrowed.
    fn borrowed(&self) -> Self::Borrowed<'_>;
}

/// A [`Field`] that can be added to: an integer, a float or a decimal, or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number",
    note = "only columns of i16, i32, i64, f32, f64 and Decimal can be added to"
)]
pub trait Number: Field {}

macro_rules! numbers {
    ($($field:ty),*) => { $( impl Number for $field {} )* };
}

numbers!(i16, i32, i64, f32, f64, Decimal);

impl<T: Number> Number for Option<T> {}

macro_rules! fields {
    ($(
        $field:ty, $ty:ident, $value:ident, $borrowed:ty
            => |$own:ident| $borrow:expr, |$cell:ident| $make:expr;
    )*) => { $(
        impl Field for $field {
            const TYPE: Type = Type::$ty;

            #[inline]
            fn as_value(&self) -> ValueRef<'_> {
                self.borrowed().into()
            }

            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self> {
                match value.coerce(Self::TYPE)? {
                    ValueRef::$value($cell) => Ok($make),
                    _ => Err(null_in_notnull()),
                }
            }
        }

        impl Scalar for $field {
            type Borrowed<'f> = $borrowed;

            #[inline]
            fn borrowed(&self) -> Self::Borrowed<'_> {
                let $own = self;
                $borrow
            }
        }
    )* };
}

// `coerce` has checked the range of an integer before it is cut down.
fields! {
    bool, Bool, Bool, bool => |own| *own, |cell| cell;
    i16, Int16, Int, i16 => |own| *own, |cell| cell as i16;
    i32, Int32, Int, i32 => |own| *own, |cell| cell as i32;
    i64, Int64, Int, i64 => |own| *own, |cell| cell;
    f32, Float32, Float32, f32 => |own| *own, |cell| cell;
    f64, Float64, Float64, f64 => |own| *own, |cell| cell;
    String, Text, Text, &'f str => |own| own, |cell| cell.to_owned();
    Vec<u8>, Bytes, Bytes, &'f [u8] => |own| own, |cell| cell.to_owned();
    Inet, Inet, Inet, Inet => |own| *own, |cell| cell;
    IpAddr, Inet, Inet, IpAddr => |own| *own, |cell| cell.into();
    Mac, Mac, Mac, Mac => |own| *own, |cell| cell;
}

/// Of any digits: the table's column checks them. `#[record(decimal(10, 2))]` chooses the column's;
/// so does a type of one's own with another `TYPE`.
impl Field for Decimal {
    const TYPE: Type = Type::Decimal { precision: 18, scale: 3 };

    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        (*self).into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        value.as_decimal().ok_or_else(|| match value {
            ValueRef::Null => null_in_notnull(),
            other => Error::type_mismatch(format!("{other} is not a decimal")),
        })
    }
}

impl Scalar for Decimal {
    type Borrowed<'f> = Self;

    #[inline]
    fn borrowed(&self) -> Self {
        *self
    }
}

fn null_in_notnull() -> Error {
    Error::new(Kind::NotNull, "NULL where the field is no `Option`")
}

impl<T: Field> Field for Option<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = {
        assert!(!T::NULLABLE, "an `Option` of an `Option` has two NULLs, a column one");
        true
    };

    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, T::as_value)
    }

    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl SchemaBuilder {
    /// Adds a column for a Rust type: notnull unless it is an `Option`.
    pub fn field<T: Field>(self, name: impl Into<String>) -> Self {
        self.field_of::<T>(name, T::TYPE)
    }

    /// Adds a column of this type for a Rust type that holds its values, such as
    /// [`Decimal`](crate::Decimal), which holds those of every scale.
    pub fn field_of<T: Field>(self, name: impl Into<String>, ty: Type) -> Self {
        let added = self.column(name, ty);
        if T::NULLABLE { added } else { added.notnull() }
    }
}

impl RowRef<'_> {
    /// The value of the column at this position as a Rust type.
    pub fn field<T: Field>(&self, column: usize) -> Result<T> {
        let schema = self.schema();
        let name = |error: Error| match schema.columns.get(column) {
            Some(known) => {
                error.at(format_args!("column \"{}\" of `{}`", known.name, schema.table))
            }
            None => error,
        };
        if column >= schema.columns.len() {
            return Err(Error::invalid(format!("`{}` has no column {column}", schema.table)));
        }
        T::from_value(self.get(column)).map_err(name)
    }
}

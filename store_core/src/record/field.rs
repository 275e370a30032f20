//! Rust types as columns.

use crate::error::{Error, Kind, Result};
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

macro_rules! fields {
    ($(
        $field:ty, $ty:ident, $value:ident => |$own:ident| $borrow:expr, |$cell:ident| $make:expr;
    )*) => { $(
        impl Field for $field {
            const TYPE: Type = Type::$ty;

            #[inline]
            fn as_value(&self) -> ValueRef<'_> {
                let $own = self;
                ValueRef::$value($borrow)
            }

            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self> {
                match value.coerce(Self::TYPE)? {
                    ValueRef::$value($cell) => Ok($make),
                    _ => Err(null_in_notnull()),
                }
            }
        }
    )* };
}

// `coerce` has checked the range of an integer before it is cut down.
fields! {
    bool, Bool, Bool => |own| *own, |cell| cell;
    i16, Int16, Int => |own| i64::from(*own), |cell| cell as i16;
    i32, Int32, Int => |own| i64::from(*own), |cell| cell as i32;
    i64, Int64, Int => |own| *own, |cell| cell;
    f32, Float32, Float32 => |own| *own, |cell| cell;
    f64, Float64, Float64 => |own| *own, |cell| cell;
    String, Text, Text => |own| own, |cell| cell.to_owned();
    Vec<u8>, Bytes, Bytes => |own| own, |cell| cell.to_owned();
    Inet, Inet, Inet => |own| *own, |cell| cell;
    IpAddr, Inet, Inet => |own| (*own).into(), |cell| cell.into();
    Mac, Mac, Mac => |own| *own, |cell| cell;
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

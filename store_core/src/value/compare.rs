//! The one order of values: by type's meaning, NaN greater than every number, −0.0 equal to 0.0.

use super::ValueRef;
use std::cmp::Ordering;

impl ValueRef<'_> {
    /// Compares two values of one column; NULL is greater than every value here.
    ///
    /// Whether NULLs come last in a descending sort too is the sort's affair, not this order's.
    pub fn order(self, other: Self) -> Ordering {
        use ValueRef::{
            Bool, Bytes, Date, Decimal, Float32, Float64, Inet, Int, Mac, Null, Text, Timestamp,
        };
        match (self, other) {
            (Null, Null) => Ordering::Equal,
            (Null, _) => Ordering::Greater,
            (_, Null) => Ordering::Less,
            (Bool(a), Bool(b)) => a.cmp(&b),
            (Int(a), Int(b)) | (Timestamp(a), Timestamp(b)) => a.cmp(&b),
            (Float32(a), Float32(b)) => order_floats(f64::from(a), f64::from(b)),
            (Float64(a), Float64(b)) => order_floats(a, b),
            (Text(a), Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Bytes(a), Bytes(b)) => a.cmp(b),
            (Date(a), Date(b)) => a.cmp(&b),
            (Decimal(..), Decimal(..)) => order_decimals(self, other),
            (Inet(a), Inet(b)) => a.cmp(&b),
            (Mac(a), Mac(b)) => a.cmp(&b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// A total order needs a place for values of different types, though one column never has them.
    const fn rank(self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float32(_) => 2,
            Self::Float64(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Date(_) => 6,
            Self::Timestamp(_) => 7,
            Self::Decimal(..) => 8,
            Self::Inet(_) => 9,
            Self::Mac(_) => 10,
            Self::Null => 11,
        }
    }
}

/// True for the same value of the same type; unlike in [`ValueRef::order`] NaN does not equal itself.
impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Float32(a), Self::Float32(b)) => a == b,
            (Self::Float64(a), Self::Float64(b)) => a == b,
            (a, b) => a.order(b).is_eq(),
        }
    }
}

/// Apart: it divides numbers of two words, and the rest of the order is short.
#[inline(never)]
fn order_decimals(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    a.as_decimal().cmp(&b.as_decimal())
}

fn order_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Decimal;

    #[test]
    fn nan_is_greater_than_every_number_and_zeros_are_equal() {
        let order = |a: f64, b: f64| ValueRef::Float64(a).order(ValueRef::Float64(b));
        assert_eq!(order(f64::NAN, f64::INFINITY), Ordering::Greater);
        assert_eq!(order(f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(order(-0.0, 0.0), Ordering::Equal);
        assert_eq!(ValueRef::Null.order(ValueRef::Int(i64::MAX)), Ordering::Greater);
    }

    #[test]
    fn values_are_equal_across_scales_but_not_across_types() {
        let decimal = |text: &str| ValueRef::from(text.parse::<Decimal>().unwrap());
        assert_eq!(decimal("1.5"), decimal("1.50"));
        assert_eq!(decimal("1.5").order(decimal("1.50")), Ordering::Equal);
        assert_eq!(decimal("-2").order(decimal("-1.999")), Ordering::Less);
        assert!(decimal("1") != ValueRef::Int(1) && ValueRef::Date(1) != ValueRef::Timestamp(1));
        assert!(ValueRef::Float64(f64::NAN) != ValueRef::Float64(f64::NAN));
        assert!(ValueRef::Float64(-0.0) == ValueRef::Float64(0.0));
        assert!(ValueRef::Null == ValueRef::Null && ValueRef::Text("a") != ValueRef::Bytes(b"a"));
    }
}

//! SQL numbers against typed columns: the value itself, or the gap between two values it lies in.
//!
//! `altitude > 1.5` on an integer column is neither an error nor a rounding: 1.5 lies in the gap
//! between 1 and 2, so it means `altitude >= 2`, and `altitude = 1.5` is never true.

use crate::value::{Decimal, Number, Type, Value, power_of_ten};
use std::ops::{Neg, RangeInclusive};

/// Where a number lies among the values of a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// It is a value of the type (for floats: the nearest one).
    Exact(Value),
    /// It lies between two neighbouring values; `None` where the type ends.
    Gap { below: Option<Value>, above: Option<Value> },
}

/// Places a decimal number, or gives `None` if the text is no number or the type not numeric.
pub(super) fn place_number(text: &str, ty: Type) -> Option<Place> {
    let number = Number::read(text.as_bytes())?;
    match ty {
        Type::Int16 => Some(place_integer(&number, i16::MIN.into()..=i16::MAX.into())),
        Type::Int32 => Some(place_integer(&number, i32::MIN.into()..=i32::MAX.into())),
        Type::Int64 => Some(place_integer(&number, i64::MIN..=i64::MAX)),
        Type::Decimal { precision, scale } => {
            let most = power_of_ten(precision) - 1;
            let make = |units| Value::Decimal(Decimal::of(units, scale));
            Some(place_units(&number, scale, -most..=most, make))
        }
        Type::Float32 => {
            let value: f32 = text.parse().ok()?;
            Some(place_float(value.is_finite(), number.negative, value, f32::MAX))
        }
        Type::Float64 => {
            let value: f64 = text.parse().ok()?;
            Some(place_float(value.is_finite(), number.negative, value, f64::MAX))
        }
        _ => None,
    }
}

/// A number too large for the type lies between its largest finite value and infinity.
fn place_float<F>(finite: bool, negative: bool, value: F, max: F) -> Place
where
    F: Into<Value> + Neg<Output = F>,
{
    match (finite, negative) {
        (true, _) => Place::Exact(value.into()),
        (false, false) => Place::Gap { below: Some(max.into()), above: Some(value.into()) },
        (false, true) => Place::Gap { below: Some(value.into()), above: Some((-max).into()) },
    }
}

fn place_integer(number: &Number<'_>, range: RangeInclusive<i64>) -> Place {
    let range = i128::from(*range.start())..=i128::from(*range.end());
    place_units(number, 0, range, |whole| Value::Int(whole as i64))
}

/// Places a number among values that are whole counts, within a range, of units of 1 / 10^scale.
fn place_units(
    number: &Number<'_>,
    scale: u8,
    range: RangeInclusive<i128>,
    make: impl Fn(i128) -> Value,
) -> Place {
    let (min, max) = (*range.start(), *range.end());
    let split = number.split(scale);
    // The largest count that is not greater.
    let floor = match (number.negative, split.magnitude) {
        (true, magnitude) => -magnitude - i128::from(split.fraction),
        (false, magnitude) => magnitude,
    };
    if floor < min {
        // A fraction just under the minimum has it as its floor plus one.
        return Place::Gap { below: None, above: Some(make(min)) };
    }
    if floor > max {
        return Place::Gap { below: Some(make(max)), above: None };
    }
    if !split.fraction {
        return Place::Exact(make(floor));
    }
    let above = (floor < max).then(|| make(floor + 1));
    Place::Gap { below: Some(make(floor)), above }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(below: Option<i64>, above: Option<i64>) -> Place {
        Place::Gap { below: below.map(Value::Int), above: above.map(Value::Int) }
    }

    #[test]
    fn integers_are_exact_and_fractions_lie_in_a_gap() {
        let place = |text| place_number(text, Type::Int16).unwrap();
        for (text, value) in [
            ("0", 0),
            ("-0.000", 0),
            ("12.0", 12),
            ("1.2e1", 12),
            ("120e-1", 12),
            ("+7", 7),
            ("0.0032767e7", 32767),
            ("-32768", -32768),
            ("0e999999999999999999999", 0),
        ] {
            assert_eq!(place(text), Place::Exact(Value::Int(value)), "{text}");
        }
        for (text, below, above) in [
            ("1.5", Some(1), Some(2)),
            ("-1.5", Some(-2), Some(-1)),
            (".001", Some(0), Some(1)),
            ("1e-99999999999999999999", Some(0), Some(1)),
            ("32767.5", Some(32767), None),
            ("32768", Some(32767), None),
            ("1e400", Some(32767), None),
            ("-32768.5", None, Some(-32768)),
            ("-1e99999999999999999999", None, Some(-32768)),
        ] {
            assert_eq!(place(text), gap(below, above), "{text}");
        }
    }

    #[test]
    fn the_ends_of_int64_are_exact() {
        let place = |text| place_number(text, Type::Int64).unwrap();
        assert_eq!(place("9223372036854775807"), Place::Exact(Value::Int(i64::MAX)));
        assert_eq!(place("9223372036854775808"), gap(Some(i64::MAX), None));
        assert_eq!(place("-9223372036854775808"), Place::Exact(Value::Int(i64::MIN)));
        assert_eq!(place("9007199254740993"), Place::Exact(Value::Int(9_007_199_254_740_993)));
    }

    #[test]
    fn decimals_are_exact_at_their_scale_and_the_rest_lies_in_a_gap() {
        let place = |text: &str, precision: u8, scale: u8| {
            place_number(text, Type::decimal(precision, scale).unwrap()).unwrap()
        };
        let value = |units, scale| Value::Decimal(Decimal::new(units, scale).unwrap());
        let gap = |below: Option<i128>, above: Option<i128>, scale| Place::Gap {
            below: below.map(|units| value(units, scale)),
            above: above.map(|units| value(units, scale)),
        };
        for (text, units) in [("1.5", 150), ("-1.50", -150), ("9.1e1", 9_100), ("99.99", 9_999)] {
            assert_eq!(place(text, 4, 2), Place::Exact(value(units, 2)), "{text}");
        }
        for (text, below, above) in [
            ("1.005", Some(100), Some(101)),
            ("-1.005", Some(-101), Some(-100)),
            ("0.0001", Some(0), Some(1)),
            ("99.995", Some(9_999), None),
            ("100", Some(9_999), None),
            ("-99.991", None, Some(-9_999)),
            ("-1e999", None, Some(-9_999)),
        ] {
            assert_eq!(place(text, 4, 2), gap(below, above, 2), "{text}");
        }
        let nines = "9".repeat(38);
        let most = 10_i128.pow(38) - 1;
        assert_eq!(place(&nines, 38, 0), Place::Exact(value(most, 0)));
        assert_eq!(place(&format!("-0.{nines}"), 38, 38), Place::Exact(value(-most, 38)));
        assert_eq!(place(&format!("{nines}.5"), 38, 0), gap(Some(most), None, 0));
        assert_eq!(place(&format!("-0.{nines}1"), 38, 38), gap(None, Some(-most), 38));
        assert_eq!(place("1", 38, 38), gap(Some(most), None, 38));
    }

    #[test]
    fn floats_are_the_nearest_and_never_infinite() {
        assert_eq!(place_number("0.1", Type::Float32), Some(Place::Exact(Value::Float32(0.1))));
        let beyond = Place::Gap {
            below: Some(Value::Float64(f64::NEG_INFINITY)),
            above: Some(Value::Float64(f64::MIN)),
        };
        assert_eq!(place_number("-1e999", Type::Float64), Some(beyond));
    }

    #[test]
    fn what_is_no_number_has_no_place() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "nan", "inf", "1_0", "--1", "1.2.3", "0x10"] {
            assert_eq!(place_number(text, Type::Float64), None, "{text}");
        }
        assert_eq!(place_number("1", Type::Text), None);
    }
}

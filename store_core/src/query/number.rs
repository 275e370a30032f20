//! SQL numbers against typed columns: the value itself, or the gap between two values it lies in.
//!
//! `altitude > 1.5` on an integer column is neither an error nor a rounding: 1.5 lies in the gap
//! between 1 and 2, so it means `altitude >= 2`, and `altitude = 1.5` is never true.

use crate::value::{Type, Value};

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
    let decimal = Decimal::read(text)?;
    match ty {
        Type::Int16 => Some(place_integer(&decimal, i16::MIN.into(), i16::MAX.into())),
        Type::Int32 => Some(place_integer(&decimal, i32::MIN.into(), i32::MAX.into())),
        Type::Int64 => Some(place_integer(&decimal, i64::MIN, i64::MAX)),
        Type::Float32 => {
            let value: f32 = text.parse().ok()?;
            Some(place_float(value.is_finite(), decimal.negative, value, f32::MAX))
        }
        Type::Float64 => {
            let value: f64 = text.parse().ok()?;
            Some(place_float(value.is_finite(), decimal.negative, value, f64::MAX))
        }
        _ => None,
    }
}

/// A number too large for the type lies between its largest finite value and infinity.
fn place_float<F>(finite: bool, negative: bool, value: F, max: F) -> Place
where
    F: Into<Value> + std::ops::Neg<Output = F>,
{
    match (finite, negative) {
        (true, _) => Place::Exact(value.into()),
        (false, false) => Place::Gap { below: Some(max.into()), above: Some(value.into()) },
        (false, true) => Place::Gap { below: Some(value.into()), above: Some((-max).into()) },
    }
}

fn place_integer(decimal: &Decimal, min: i64, max: i64) -> Place {
    let int = |value: i128| Some(Value::Int(value as i64));
    let (min, max) = (i128::from(min), i128::from(max));
    let whole = decimal.floor();
    if whole < min {
        // A fraction just under the minimum has it as its floor plus one.
        return Place::Gap { below: None, above: int(min) };
    }
    if whole > max {
        return Place::Gap { below: int(max), above: None };
    }
    if !decimal.fraction {
        return Place::Exact(Value::Int(whole as i64));
    }
    let above = if whole < max { int(whole + 1) } else { None };
    Place::Gap { below: int(whole), above }
}

/// A number as its integer part and whether anything follows the point.
struct Decimal {
    negative: bool,
    /// Integer part of the magnitude, cut at [`BEYOND`].
    magnitude: i128,
    fraction: bool,
}

/// Larger than every integer type holds.
const BEYOND: i128 = 1 << 70;
/// Most digits an integer part below [`BEYOND`] has; a longer one is beyond.
const DIGITS_MAX: i64 = 21;

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], read_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(part.bytes());
        if whole.len() + part.len() == 0 || !digits().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        // The number is 0.d1d2d3… × 10^scale, leading zeros dropped.
        let zeros = digits().take_while(|digit| *digit == b'0').count();
        let scale = exponent.saturating_add(whole.len() as i64 - zeros as i64);
        let significant = digits().skip(zeros);
        let (magnitude, fraction) = split_at_point(significant, scale);
        Some(Self { negative: text.starts_with('-'), magnitude, fraction })
    }

    /// The largest integer that is not greater.
    fn floor(&self) -> i128 {
        if self.negative { -self.magnitude - i128::from(self.fraction) } else { self.magnitude }
    }
}

/// The integer part of `0.digits × 10^scale`, and whether a fraction remains.
fn split_at_point(mut digits: impl Iterator<Item = u8> + Clone, scale: i64) -> (i128, bool) {
    if digits.clone().next().is_none() {
        return (0, false);
    }
    if scale > DIGITS_MAX {
        return (BEYOND, false);
    }
    let mut magnitude = 0i128;
    for _ in 0..scale.max(0) {
        magnitude = magnitude * 10 + i128::from(digits.next().unwrap_or(b'0') - b'0');
    }
    (magnitude, digits.any(|digit| digit != b'0'))
}

/// The exponent, cut where it makes no difference any more.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let cut = i64::MAX / 4;
    let value = digits.parse::<i64>().unwrap_or(cut).min(cut);
    Some(if text.starts_with('-') { -value } else { value })
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

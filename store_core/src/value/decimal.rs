//! Decimal numbers: whole units, and how many of their digits stand after the point.

use super::Type;
use super::number::{BEYOND, DIGITS_MAX, Number, power_of_ten};
use super::parse::shown;
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// An exact decimal number of at most 38 digits.
///
/// It remembers how many digits stand after the point (its *scale*), and compares, hashes and adds
/// as the number it is: `1.5` equals `1.50`.
///
/// ```
/// use store_core::Decimal;
/// let price: Decimal = "12.50".parse()?;
/// assert_eq!((price.units(), price.scale()), (1250, 2));
/// assert_eq!(price, Decimal::new(125, 1)?);
/// assert_eq!(price.checked_add(Decimal::from(3)).map(|sum| sum.to_string()), Some("15.50".into()));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, bincode::Encode, bincode::Decode)]
pub struct Decimal {
    units: DecimalUnits,
    scale: u8,
}

/// A [`Decimal`] without its point: the number times `10^scale`.
///
/// Two words, and not an `i128`, which lies at multiples of 16: it would make every
/// [`ValueRef`](super::ValueRef) a third larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct DecimalUnits([u64; 2]);

impl DecimalUnits {
    const fn of(units: i128) -> Self {
        Self([units as u64, (units >> 64) as u64])
    }

    /// The units of these words, the lower first.
    #[inline(always)]
    pub(crate) const fn from_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// The words of these units, the lower first.
    pub(crate) const fn words(self) -> [u64; 2] {
        self.0
    }

    /// The whole number.
    #[inline]
    pub const fn get(self) -> i128 {
        (self.0[1] as i128) << 64 | self.0[0] as i128
    }
}

/// Why a number is none of a column's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It has more digits after the point.
    Scale,
    /// It has more digits before the point.
    Range,
}

impl Misfit {
    /// The error for a number, as text, that is none of this type's.
    #[cold]
    pub(crate) fn into_error(self, number: &str, ty: Type) -> Error {
        let scale = if let Type::Decimal { scale, .. } = ty { scale } else { 0 };
        Error::type_mismatch(match self {
            Self::Scale => {
                format!("{number} has more digits after the point than the {scale} of {ty}")
            }
            Self::Range => format!("{number} is out of range for {ty}"),
        })
    }
}

impl Decimal {
    /// Most digits, before and after the point together.
    pub const DIGITS_MAX: u8 = DIGITS_MAX;

    /// The number `units / 10^scale`; an error if it has more than 38 digits or its scale is
    /// larger.
    pub fn new(units: i128, scale: u8) -> Result<Self> {
        if scale > DIGITS_MAX || units.unsigned_abs() >= BEYOND.unsigned_abs() {
            return Err(Error::type_mismatch(format!(
                "{units} units of scale {scale} are no decimal: at most {DIGITS_MAX} digits"
            )));
        }
        Ok(Self::of(units, scale))
    }

    /// The same without the check, for units that a column held.
    #[inline]
    pub(crate) const fn of(units: i128, scale: u8) -> Self {
        Self { units: DecimalUnits::of(units), scale }
    }

    /// The number without its point: the number times `10^scale`.
    #[inline]
    pub const fn units(self) -> i128 {
        self.units.get()
    }

    /// How many digits stand after the point.
    #[inline]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Both parts, as a [`ValueRef`](super::ValueRef) has them.
    #[inline]
    pub(super) const fn parts(self) -> (DecimalUnits, u8) {
        (self.units, self.scale)
    }

    /// The decimal of both parts.
    #[inline]
    pub(super) const fn joined(units: DecimalUnits, scale: u8) -> Self {
        Self { units, scale }
    }

    /// The same number with so many digits after the point; `None` if that would drop one that is
    /// not zero, or need more than 38.
    pub fn rescaled(self, scale: u8) -> Option<Self> {
        if scale > DIGITS_MAX { None } else { self.fit(DIGITS_MAX, scale).ok() }
    }

    /// The exact sum, of the larger scale; `None` if it has more than 38 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.rescaled(scale)?.units().checked_add(other.rescaled(scale)?.units())?;
        Self::new(units, scale).ok()
    }

    /// The nearest float.
    pub fn to_f64(self) -> f64 {
        const EXACT_INTEGER: u128 = 1 << f64::MANTISSA_DIGITS;
        const EXACT_POWER: u8 = 22; // 10^22 is the last power of ten that is a float
        let units = self.units();
        if units.unsigned_abs() <= EXACT_INTEGER && self.scale <= EXACT_POWER {
            return units as f64 / power_of_ten(self.scale) as f64; // rounded once
        }
        self.to_string().parse().expect("a decimal's text is a float's")
    }

    /// The number as a column of these digits holds it.
    pub(crate) fn fit(self, precision: u8, scale: u8) -> Result<Self, Misfit> {
        let mut units = self.units();
        if scale >= self.scale {
            let zeros = power_of_ten(scale - self.scale);
            units = units.checked_mul(zeros).ok_or(Misfit::Range)?;
        } else {
            let dropped = power_of_ten(self.scale - scale);
            if units % dropped != 0 {
                return Err(Misfit::Scale);
            }
            units /= dropped;
        }
        let most = power_of_ten(precision).unsigned_abs();
        if units.unsigned_abs() < most { Ok(Self::of(units, scale)) } else { Err(Misfit::Range) }
    }

    /// A float that is a number of so many digits, exactly; few are: 0.5 is one, 0.1 is not.
    pub(crate) fn from_float(value: f64, precision: u8, scale: u8) -> Result<Self, Misfit> {
        const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        if !value.is_finite() {
            return Err(Misfit::Range);
        }
        if value == 0.0 {
            return Ok(Self::of(0, scale));
        }
        let bits = value.abs().to_bits();
        let (stored, fraction) = (bits >> MANTISSA_BITS, bits & ((1 << MANTISSA_BITS) - 1));
        let mantissa = if stored == 0 { fraction } else { fraction | 1 << MANTISSA_BITS };
        let odd = mantissa >> mantissa.trailing_zeros();
        // The value is odd × 2^power.
        let power = stored.max(1) as i64 - 1075 + i64::from(mantissa.trailing_zeros());
        let negative = |units: i128| if value < 0.0 { -units } else { units };
        if power >= 0 {
            let factor = 1_i128.checked_shl(power as u32).filter(|factor| *factor > 0);
            let units = factor.and_then(|factor| factor.checked_mul(odd.into()));
            return Self::of(negative(units.ok_or(Misfit::Range)?), 0).fit(precision, scale);
        }
        // A half takes a digit after the point, a quarter two: odd × 5^n / 10^n.
        let digits = u8::try_from(-power).ok().filter(|digits| *digits <= scale);
        let digits = digits.ok_or(Misfit::Scale)?;
        let fives = 5_i128.checked_pow(digits.into()).ok_or(Misfit::Range)?;
        let units = fives.checked_mul(odd.into()).ok_or(Misfit::Range)?;
        Self::of(negative(units), digits).fit(precision, scale)
    }

    /// Reads the whole text as a number of a column's digits; `None` if it is no number.
    pub(crate) fn parse(text: &[u8], precision: u8, scale: u8) -> Option<Result<Self, Misfit>> {
        let number = Number::read(text)?;
        let split = number.split(scale);
        let units = if number.negative { -split.magnitude } else { split.magnitude };
        Some(if split.magnitude >= power_of_ten(precision) {
            Err(Misfit::Range)
        } else if split.fraction {
            Err(Misfit::Scale)
        } else {
            Ok(Self::of(units, scale))
        })
    }

    /// Appends the text, with all digits of the scale.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let units = self.units();
        if units < 0 {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(units.unsigned_abs()).as_bytes();
        let scale = usize::from(self.scale);
        let (whole, part) = digits.split_at(digits.len().saturating_sub(scale));
        out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
        if scale > 0 {
            out.push(b'.');
            out.extend(std::iter::repeat_n(b'0', scale - part.len()));
            out.extend_from_slice(part);
        }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::of(value.into(), 0)
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Self::of(value.into(), 0)
    }
}

/// Reads the text as it is written: `1.50` has two digits after the point, `1e3` none.
impl FromStr for Decimal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = text.as_bytes();
        let scale = Number::read(bytes).map_or(0, |number| number.scale().min(DIGITS_MAX));
        match Self::parse(bytes, DIGITS_MAX, scale) {
            Some(Ok(value)) => Ok(value),
            None => Err(Error::type_mismatch(format!("\"{}\" is not a decimal", shown(bytes)))),
            Some(Err(_)) => Err(Error::type_mismatch(format!(
                "{} has more than the {DIGITS_MAX} digits of a decimal",
                shown(bytes)
            ))),
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.units().cmp(&other.units());
        }
        // The whole parts, then what follows the point, made equally long: neither overflows.
        let split = |value: &Self| {
            let (units, one) = (value.units(), power_of_ten(value.scale));
            (units / one, units % one * power_of_ten(DIGITS_MAX.saturating_sub(value.scale)))
        };
        split(self).cmp(&split(other))
    }
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (mut units, mut scale) = (self.units(), self.scale);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        (units, scale).hash(state);
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.pad(&String::from_utf8_lossy(&out))
    }
}

/// As it is written, so that `1.5` and `1.50`, which are equal, can be told apart.
impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}

#[cfg(test)]
mod tests;

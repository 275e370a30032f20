//! Numbers as text says them: exact, however long they are.
//!
//! ```text
//! number = [ + | - ] digits and at most one point [ (e|E) [ + | - ] digits ]
//! ```

/// Larger than every integer and decimal of the store.
pub(crate) const BEYOND: i128 = power_of_ten(DIGITS_MAX);
/// Most digits of a decimal; an integer has fewer.
pub(crate) const DIGITS_MAX: u8 = 38;
/// So many digits fit in a word.
const WORD_DIGITS: usize = 18;

const POWERS: [i128; DIGITS_MAX as usize + 1] = {
    let mut powers = [1; DIGITS_MAX as usize + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// 10 to this power; beyond [`DIGITS_MAX`] the largest number, which no decimal has.
pub(crate) const fn power_of_ten(power: u8) -> i128 {
    if power <= DIGITS_MAX { POWERS[power as usize] } else { i128::MAX }
}

/// A number in a text.
pub(crate) struct Number<'t> {
    pub(crate) negative: bool,
    whole: &'t [u8],
    part: &'t [u8],
    exponent: i64,
}

/// The whole part of a number's magnitude, and whether anything follows the point.
pub(crate) struct Split {
    /// At most [`BEYOND`].
    pub(crate) magnitude: i128,
    pub(crate) fraction: bool,
}

impl<'t> Number<'t> {
    /// The number that the whole text is; `None` if it is none.
    pub(crate) fn read(text: &'t [u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let all_digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', unsigned) {
            Some(at) => (&unsigned[..at], read_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, part) = match memchr::memchr(b'.', mantissa) {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let is_number = whole.len() + part.len() > 0 && all_digits(whole) && all_digits(part);
        is_number.then_some(Self { negative, whole, part, exponent })
    }

    /// How many digits stand after the point as it is written; none before `100` in `1e2`.
    pub(crate) fn scale(&self) -> u8 {
        let digits = (self.part.len() as i64).saturating_sub(self.exponent);
        u8::try_from(digits.clamp(0, i64::from(u8::MAX))).unwrap_or(u8::MAX)
    }

    /// The magnitude with the point moved right by so many digits, split there.
    pub(crate) fn split(&self, places: u8) -> Split {
        let (whole, part) = (self.whole, self.part);
        if self.exponent == 0
            && whole.len() + part.len() <= WORD_DIGITS
            && part.len() <= usize::from(places)
        {
            let digits = whole.iter().chain(part);
            let units = digits.fold(0_u64, |all, digit| all * 10 + u64::from(digit - b'0'));
            let zeros = power_of_ten(places - part.len() as u8);
            let units = i128::from(units).checked_mul(zeros).unwrap_or(BEYOND);
            return Split { magnitude: units.min(BEYOND), fraction: false };
        }
        // The number is 0.d1d2d3… × 10^point, leading zeros dropped.
        let digits = || whole.iter().chain(part);
        let zeros = digits().take_while(|digit| **digit == b'0').count();
        let point = self.exponent.saturating_add(whole.len() as i64 - zeros as i64);
        split_at_point(digits().skip(zeros), point.saturating_add(places.into()))
    }
}

/// The whole part of `0.digits × 10^point`, and whether a fraction remains.
fn split_at_point<'d>(mut digits: impl Iterator<Item = &'d u8> + Clone, point: i64) -> Split {
    if digits.clone().next().is_none() {
        return Split { magnitude: 0, fraction: false };
    }
    if point > i64::from(DIGITS_MAX) {
        return Split { magnitude: BEYOND, fraction: false };
    }
    let mut magnitude = 0_i128;
    for _ in 0..point.max(0) {
        magnitude = magnitude * 10 + i128::from(digits.next().unwrap_or(&b'0') - b'0');
    }
    Split { magnitude, fraction: digits.any(|digit| *digit != b'0') }
}

/// The exponent, cut where it makes no difference any more.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let cut = i64::MAX / 4;
    let add = |all: i64, digit: &u8| {
        all.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(cut)
    };
    let value = digits.iter().fold(0, add);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_and_the_long_way_agree() {
        for text in ["0", "1", "12.5", ".5", "5.", "000123456789.000123", "999999999999999999"] {
            let long = format!("{}{text}", "0".repeat(20));
            for places in 0..=DIGITS_MAX {
                let split = |text: &str| Number::read(text.as_bytes()).unwrap().split(places);
                let (short, long) = (split(text), split(&long));
                assert_eq!(short.magnitude, long.magnitude, "{text} {places}");
                assert_eq!(short.fraction, long.fraction, "{text} {places}");
            }
        }
    }

    #[test]
    fn the_scale_is_that_of_the_text() {
        for (text, scale) in
            [("1", 0), ("1.50", 2), ("1e3", 0), ("1.5e3", 0), ("1.5e-3", 4), ("1e-999999999", 255)]
        {
            assert_eq!(Number::read(text.as_bytes()).unwrap().scale(), scale, "{text}");
        }
    }
}

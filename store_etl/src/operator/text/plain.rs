//! Numbers and dates as most files have them, read without a detour. What is not exactly that is left to
//! the core, which knows all forms and says what is wrong: nothing here refuses.

use std::ops::Range;
use store_core::Type;

/// A field, with what stands before it.
#[derive(Clone, Copy)]
pub(super) struct Field<'f> {
    /// As far as the field's end.
    bytes: &'f [u8],
    start: usize,
}

/// Bytes of a word.
const WORD: usize = 8;
const ZEROS: u64 = u64::from_le_bytes([b'0'; WORD]);

impl<'f> Field<'f> {
    #[inline(always)]
    pub fn of(bytes: &'f [u8], span: &Range<usize>) -> Self {
        Self { bytes: &bytes[..span.end], start: span.start }
    }

    /// Its bytes.
    #[inline(always)]
    pub fn text(self) -> &'f [u8] {
        &self.bytes[self.start..]
    }

    /// Without a sign, and whether there was one.
    #[inline(always)]
    fn unsigned(self) -> (bool, Self) {
        let negative = self.text().first() == Some(&b'-');
        (negative, Self { start: self.start + usize::from(negative), ..self })
    }

    /// Its bytes as a word, if there are eight at most, with digits 0 before them: the last byte is the highest.
    /// So its length is no branch.
    #[inline(always)]
    fn word(self) -> Option<u64> {
        let len = self.bytes.len() - self.start;
        let last = self.bytes.last_chunk::<WORD>()?;
        if len == 0 || len > WORD {
            return None;
        }
        let before = 8 * (WORD - len);
        let own = u64::from_le_bytes(*last) >> before << before;
        Some(own | ZEROS.unbounded_shr(8 * len as u32))
    }

    /// The digits of a number that may have a point among them, and how many stand behind it; if it has up to
    /// eight bytes.
    #[inline(always)]
    fn digits(self) -> Option<(u64, usize)> {
        const POINTS: u64 = u64::from_le_bytes([b'.'; WORD]);
        const LOW: u64 = u64::from_le_bytes([1; WORD]);
        let word = self.word()?;
        let other = word ^ POINTS;
        // The upper bit of the first byte that is a point, which is exact for the first one.
        let found = other.wrapping_sub(LOW) & !other & LOW << 7;
        if found == 0 {
            return Some((eight_digits(word)?, 0));
        }
        let point = found.trailing_zeros() as usize / 8;
        let part = WORD - 1 - point;
        // A digit on both sides.
        if part == 0 || self.bytes.len() - self.start < part + 2 {
            return None;
        }
        let behind = word & u64::MAX << (8 * (point + 1));
        let before = word & ((1 << (8 * point)) - 1);
        Some((eight_digits(behind | before << 8 | ZEROS & 0xFF)?, part))
    }
}

/// The number of eight digits, the first in the lowest byte.
#[inline(always)]
fn eight_digits(word: u64) -> Option<u64> {
    const UPPER: u64 = u64::from_le_bytes([0x80; WORD]);
    let digits = word ^ ZEROS;
    if (digits.wrapping_add(u64::from_le_bytes([0x76; WORD])) | digits) & UPPER != 0 {
        return None;
    }
    // Pairs, fours and all of them, each in the upper part of what they lie in.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let each = 0x0000_00FF_0000_00FF;
    let first = (pairs & each).wrapping_mul(100 + (1_000_000 << 32));
    let second = (pairs >> 16 & each).wrapping_mul(1 + (10_000 << 32));
    Some(first.wrapping_add(second) >> 32)
}

/// Whole numbers of up to 18 digits, with or without a sign.
#[inline(always)]
pub(super) fn integer(field: Field<'_>) -> Option<i64> {
    let (negative, digits) = field.unsigned();
    let value = match digits.word() {
        Some(word) => eight_digits(word)?,
        None if digits.text().is_empty() || digits.text().len() > 18 => return None,
        None => all_digits(digits.text(), 0)?,
    };
    let value = value as i64;
    Some(if negative { -value } else { value })
}

/// Digits of a decimal column.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    scale: usize,
    /// Units are fewer than this.
    limit: i128,
}

impl Digits {
    pub fn of(ty: Type) -> Self {
        let Type::Decimal { precision, scale } = ty else { return Self { scale: 0, limit: 0 } };
        Self { scale: scale.into(), limit: 10_i128.pow(precision.into()) }
    }
}

/// Decimals of up to 18 digits, in units of the scale.
#[inline(always)]
pub(super) fn decimal(field: Field<'_>, digits: Digits) -> Option<i128> {
    let (negative, field) = field.unsigned();
    let units = match field.digits() {
        Some((units, part)) if part <= digits.scale && digits.scale <= 18 => {
            i128::from(units) * i128::from(POWERS[digits.scale - part])
        }
        _ => long_decimal(field.text(), digits)?,
    };
    (units < digits.limit).then_some(if negative { -units } else { units })
}

/// A decimal digit by digit, without a sign.
#[inline]
fn long_decimal(digits: &[u8], Digits { scale, .. }: Digits) -> Option<i128> {
    if digits.len() > 19 || scale > 18 {
        return None;
    }
    // Money has its point where the scale says, most of the time.
    let point = match digits.len().checked_sub(scale + 1) {
        Some(at) if digits[at] == b'.' => at,
        _ => digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len()),
    };
    let (whole, part) = digits.split_at(point);
    let part = part.get(1..).unwrap_or_default();
    let is_whole = point == digits.len();
    if whole.is_empty()
        || part.is_empty() != is_whole
        || part.len() > scale
        || is_whole && point > 18
    {
        return None;
    }
    let units = all_digits(part, all_digits(whole, 0)?)?;
    let missing = scale - part.len();
    Some(i128::from(units) * i128::from(POWERS[missing]))
}

/// Floats written with up to 15 digits, a point among them or not: whole number and power of ten are floats
/// without an error, so their quotient is the nearest float (Clinger 1990).
#[inline(always)]
pub(super) fn float(field: Field<'_>) -> Option<f64> {
    const EXACT: [f64; 16] =
        [1., 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, field) = field.unsigned();
    let (value, part) = match field.digits() {
        Some(found) => found,
        None => long_float(field.text())?,
    };
    let size = value as f64 / EXACT[part];
    Some(if negative { -size } else { size })
}

/// The digits of a float one by one, and how many of them stand behind the point.
#[inline]
fn long_float(digits: &[u8]) -> Option<(u64, usize)> {
    if digits.len() > 16 {
        return None;
    }
    let (mut value, mut point) = (0_u64, usize::MAX);
    for (nth, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
        } else if *byte == b'.' && point == usize::MAX {
            point = nth;
        } else {
            return None;
        }
    }
    let is_whole = point == usize::MAX;
    let part = if is_whole { 0 } else { digits.len() - point - 1 };
    let count = digits.len() - usize::from(!is_whole);
    if count > 15 || part == count || !is_whole && part == 0 {
        return None;
    }
    Some((value, part))
}

/// Days since 1970 of `2013-01-31`, of the years 1 to 9999.
#[inline(always)]
pub(super) fn date(field: Field<'_>) -> Option<i32> {
    /// But of a leap year's February.
    const LAST_DAYS: [u8; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let text: &[u8; 10] = field.text().try_into().ok()?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let mut wrong = 0;
    let mut two = |at: usize| {
        let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        wrong |= u8::from(tens > 9) | u8::from(ones > 9);
        u32::from(tens) * 10 + u32::from(ones)
    };
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    if wrong != 0 || year == 0 || !(1..=12).contains(&month) {
        return None;
    }
    // Leap days are the core's to judge.
    if day == 0 || day > LAST_DAYS[month as usize].into() {
        return None;
    }
    // Years begin in March here, so that the day that comes and goes is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some(days as i32 - 719_469)
}

const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// Up to 18 digits in all, behind a number.
#[inline(always)]
fn all_digits(digits: &[u8], before: u64) -> Option<u64> {
    let mut value = before;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store_core::ValueRef;
    use store_core::value::parse_value;

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (self.0 >> 33) % end
        }

        /// A text of the characters that numbers and dates have.
        fn text(&mut self) -> Vec<u8> {
            const CHARS: &[u8] = b"0123456789012345678901234567890123456789--..+e, :x";
            if self.below(4) == 0 {
                let (year, month, day) = (self.below(10_000), self.below(14), self.below(33));
                return format!("{year:04}-{month:02}-{day:02}").into_bytes();
            }
            let len = self.below(22);
            (0..len).map(|_| CHARS[self.below(CHARS.len() as u64) as usize]).collect()
        }
    }

    #[test]
    fn what_is_read_here_is_what_the_core_reads() {
        let mut draw = Draw(11);
        let mut read = [0; 4];
        for _ in 0..200_000 {
            let text = draw.text();
            let shown = String::from_utf8_lossy(&text);
            // Behind others, whatever they are, and at the beginning of everything.
            let mut bytes = draw.text();
            bytes.truncate(draw.below(12) as usize);
            let start = bytes.len();
            bytes.extend_from_slice(&text);
            let field = Field::of(&bytes, &(start..bytes.len()));
            if let Some(found) = integer(field) {
                read[0] += 1;
                assert_eq!(
                    parse_value(&text, Type::Int64).unwrap(),
                    ValueRef::Int(found),
                    "{shown}"
                );
            }
            if let Some(found) = date(field) {
                read[1] += 1;
                assert_eq!(
                    parse_value(&text, Type::Date).unwrap(),
                    ValueRef::Date(found),
                    "{shown}"
                );
            }
            if let Some(found) = float(field) {
                read[3] += 1;
                match parse_value(&text, Type::Float64).unwrap() {
                    ValueRef::Float64(value) => {
                        assert_eq!(value.to_bits(), found.to_bits(), "{shown}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            let precision = 1 + draw.below(38) as u8;
            let scale = draw.below(u64::from(precision) + 1) as u8;
            let ty = Type::decimal(precision, scale).unwrap();
            if let Some(found) = decimal(field, Digits::of(ty)) {
                read[2] += 1;
                match parse_value(&text, ty).unwrap() {
                    ValueRef::Decimal(units, _) => assert_eq!(units.get(), found, "{shown}"),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(read.iter().all(|count| *count > 1000), "{read:?}");
    }
}

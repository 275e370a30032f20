//! Numbers and dates as most files have them, read without a detour. What is not exactly that is left to
//! the core, which knows all forms and says what is wrong: nothing here refuses.

use store_core::Type;

/// Whole numbers of up to 18 digits, with or without a sign.
#[inline(always)]
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let value = all_digits(digits, 0)? as i64;
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
pub(super) fn decimal(text: &[u8], Digits { scale, limit }: Digits) -> Option<i128> {
    let (negative, digits) = sign(text);
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
    let units = i128::from(units) * i128::from(POWERS[missing]);
    (units < limit).then_some(if negative { -units } else { units })
}

/// Floats written with up to 15 digits, a point among them or not: whole number and power of ten are floats
/// without an error, so their quotient is the nearest float (Clinger 1990).
#[inline(always)]
pub(super) fn float(text: &[u8]) -> Option<f64> {
    const EXACT: [f64; 16] =
        [1., 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = sign(text);
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
    let size = value as f64 / EXACT[part];
    Some(if negative { -size } else { size })
}

/// Days since 1970 of `2013-01-31`, of the years 1 to 9999.
#[inline(always)]
pub(super) fn date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
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
    // The last days of months are the core's to judge.
    if wrong != 0 || year == 0 || !(1..=12).contains(&month) || !(1..=28).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the day that comes and goes is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some(days as i32 - 719_469)
}

#[inline(always)]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
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
            if let Some(found) = integer(&text) {
                read[0] += 1;
                assert_eq!(
                    parse_value(&text, Type::Int64).unwrap(),
                    ValueRef::Int(found),
                    "{shown}"
                );
            }
            if let Some(found) = date(&text) {
                read[1] += 1;
                assert_eq!(
                    parse_value(&text, Type::Date).unwrap(),
                    ValueRef::Date(found),
                    "{shown}"
                );
            }
            if let Some(found) = float(&text) {
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
            if let Some(found) = decimal(&text, Digits::of(ty)) {
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

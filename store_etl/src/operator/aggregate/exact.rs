//! Sums of floats, and of their squares, that do not depend on the order of the values.
//!
//! ```text
//!  a value     │sign│ m, 53 bits, at any of 2046 places │
//!  the scale   … │ digit of 80 bits │ digit of 80 bits │ digit of 80 bits │ …   places fixed for all values
//!  a sum       the digits from the largest value's on, each added up in 128 bits: two of values, three of squares
//! ```
//!
//! A value is cut at places that are the same for all values, and each digit is added up by itself, so whole numbers
//! are added and no carry moves: what a digit comes to depends on the values alone. Digits too small beside the largest
//! value are dropped, of all values alike: a sum keeps 80 bits and more below the largest value's first, one of
//! squares 160. The idea is that of reproducible summation (Demmel and Nguyen 2013); here digits are whole
//! numbers. A digit has room for 2^40 values.

use super::state::wide_at;
use store_core::planted::bug;

/// Bits of a digit.
const DIGIT_BITS: u32 = 80;
const DIGIT: u128 = (1 << DIGIT_BITS) - 1;
/// The place of the lowest bit of the smallest float.
const PLACE_MIN: i32 = -1074;
/// Digits of a sum, and of a sum of squares.
const VALUE_DIGITS: usize = 2;
const SQUARE_DIGITS: usize = 3;

/// Bytes of the state of a sum: which its first digits are and what was no number, then digits.
pub(super) const SUM_BYTES: usize = 8 + 16 * VALUE_DIGITS;
/// Bytes of the state of a sum with that of squares behind it.
pub(super) const MOMENTS_BYTES: usize = SUM_BYTES + 16 * SQUARE_DIGITS;

/// Bytes of the first word.
const VALUE_TOP: usize = 0;
const SQUARE_TOP: usize = 1;
const FLAGS: usize = 2;
const NAN: u8 = 1;
const INFINITE: u8 = 2;
const MINUS_INFINITE: u8 = 4;

/// A finite float as a whole number and the place of its lowest bit, from [`PLACE_MIN`] on.
struct Parts {
    negative: bool,
    whole: u64,
    place: u32,
}

impl Parts {
    #[inline(always)]
    fn of(value: f64) -> Self {
        let bits = value.to_bits();
        let exponent = (bits >> 52) as u32 & 0x7FF;
        let fraction = bits & ((1 << 52) - 1);
        let normal = exponent > 0;
        Self {
            negative: bits >> 63 != 0,
            whole: fraction | u64::from(normal) << 52,
            place: exponent - u32::from(normal),
        }
    }
}

/// Adds a value to a sum.
#[inline(always)]
pub(super) fn add(state: &mut [u8; SUM_BYTES], value: f64) {
    if !value.is_finite() {
        note(&mut state[FLAGS], value);
        return;
    }
    let parts = Parts::of(value);
    let (head, digits) = state.split_at_mut(8);
    add_value(&mut head[VALUE_TOP], digits, &parts);
}

/// Adds a value to a sum, and its square to that of squares.
#[inline(always)]
pub(super) fn add_moments(state: &mut [u8; MOMENTS_BYTES], value: f64) {
    if !value.is_finite() {
        note(&mut state[FLAGS], value);
        return;
    }
    let parts = Parts::of(value);
    let (head, digits) = state.split_at_mut(8);
    let (values, squares) = digits.split_at_mut(16 * VALUE_DIGITS);
    add_value(&mut head[VALUE_TOP], values, &parts);
    add_square(&mut head[SQUARE_TOP], squares, &parts);
}

#[cold]
fn note(flags: &mut u8, value: f64) {
    *flags |= match value {
        f64::INFINITY => INFINITE,
        f64::NEG_INFINITY => MINUS_INFINITE,
        _ => NAN,
    };
}

#[inline(always)]
fn add_value(top: &mut u8, digits: &mut [u8], parts: &Parts) {
    // The digit of a value's first bit, if it is no denormal one. Counted from 1, for 0 stands for no values.
    let nth = (parts.place + 52) / DIGIT_BITS;
    // Where the lowest bit stands in the digit before that, which it may reach beyond: 28 to 107.
    let at = parts.place + DIGIT_BITS - nth * DIGIT_BITS;
    let whole = u128::from(parts.whole);
    let found = [(whole << 27) >> (107 - at), (whole << at) & DIGIT];
    put_digits::<VALUE_DIGITS>(top, digits, nth as u8 + 1, found, parts.negative);
}

#[inline(always)]
fn add_square(top: &mut u8, digits: &mut [u8], parts: &Parts) {
    let whole = u128::from(parts.whole) * u128::from(parts.whole);
    let place = 2 * parts.place;
    let nth = (place + 105) / DIGIT_BITS;
    // Where the lowest bit stands from two digits before that on: 55 to 134.
    let at = place + 2 * DIGIT_BITS - nth * DIGIT_BITS;
    let high = whole >> (2 * DIGIT_BITS - at);
    let found = if at <= DIGIT_BITS {
        [high, (whole >> (DIGIT_BITS - at)) & DIGIT, (whole << at) & DIGIT]
    } else {
        [high, (whole << (at - DIGIT_BITS)) & DIGIT, 0]
    };
    put_digits::<SQUARE_DIGITS>(top, digits, nth as u8 + 1, found, false);
}

/// Adds digits, of which the first is the one of this number.
#[inline(always)]
fn put_digits<const N: usize>(
    top: &mut u8,
    digits: &mut [u8],
    nth: u8,
    found: [u128; N],
    negative: bool,
) {
    if nth > *top {
        raise::<N>(top, digits, nth);
    }
    let below = usize::from(*top - nth);
    for (digit, bits) in digits.chunks_exact_mut(16).skip(below).zip(found) {
        let bits = bits.cast_signed();
        let digit: &mut [u8; 16] = digit.try_into().expect("sixteen bytes");
        let sum = i128::from_le_bytes(*digit) + if negative { -bits } else { bits };
        *digit = sum.to_le_bytes();
    }
}

/// Makes this digit the first one; those that stand too far below are dropped.
#[cold]
#[inline(never)]
fn raise<const N: usize>(top: &mut u8, digits: &mut [u8], nth: u8) {
    let by = usize::from(nth - *top).min(N);
    if *top > 0 && !bug("small_digits_kept") {
        digits.copy_within(..16 * (N - by), 16 * by);
        digits[..16 * by].fill(0);
    }
    *top = nth;
}

/// The sum, rounded to the nearest float.
pub(super) fn total(state: &[u8]) -> f64 {
    match state[FLAGS] {
        0 => {}
        INFINITE => return f64::INFINITY,
        MINUS_INFINITE => return f64::NEG_INFINITY,
        _ => return f64::NAN,
    }
    let (negative, [high, low]) = magnitude(state);
    // The first 128 bits, and in the last of them whether there is anything behind.
    let free = high.leading_zeros();
    let (bits, shift) = if free >= DIGIT_BITS {
        (high << DIGIT_BITS | low, 0)
    } else {
        let behind = DIGIT_BITS - free;
        let rest = u128::from(low & ((1 << behind) - 1) != 0);
        (high << free | low >> behind | rest, behind)
    };
    let size = nearest(bits, place(state) + shift as i32);
    if negative { -size } else { size }
}

/// The place of a sum's last digit.
fn place(state: &[u8]) -> i32 {
    (i32::from(state[VALUE_TOP].max(1)) - 2) * DIGIT_BITS as i32 + PLACE_MIN
}

/// Whether a sum is negative, and its digits without the sign.
fn magnitude(state: &[u8]) -> (bool, [u128; VALUE_DIGITS]) {
    let [high, low] = [wide_at(state, 8), wide_at(state, 24)];
    let (high, low) = (high + (low >> DIGIT_BITS), low.cast_unsigned() & DIGIT);
    match (high < 0, low) {
        // Of a negative number they are what is missing to the next higher digit.
        (true, 1..) => (true, [(high + 1).unsigned_abs(), (1 << DIGIT_BITS) - low]),
        (negative, low) => (negative, [high.unsigned_abs(), low]),
    }
}

/// The float nearest to a number times a power of two.
#[inline]
fn nearest(number: u128, power: i32) -> f64 {
    if number == 0 {
        return 0.0;
    }
    let free = number.leading_zeros();
    let first = number << free;
    // Its first 64 bits, and in the last of them whether there is anything behind.
    let word = (first >> 64) as u64 | u64::from(first as u64 != 0);
    scaled(word as f64, power + 64 - free as i32)
}

/// A float times a power of two. What comes of sums needs no rounding where floats are denormal.
#[inline]
fn scaled(value: f64, power: i32) -> f64 {
    let times = |value: f64, power: i32| value * f64::from_bits(((power + 1023) as u64) << 52);
    if (-900..900).contains(&power) {
        return times(value, power);
    }
    // In steps that are powers of floats each.
    let step = power / 4;
    times(times(times(times(value, step), step), step), power - 3 * step)
}

/// The sum of squared distances from the mean of so many values.
pub(super) fn squared_distances(state: &[u8], count: u64) -> f64 {
    if state[FLAGS] != 0 {
        return f64::NAN;
    }
    if count < 2 {
        return 0.0;
    }
    // count × squares − sum², all of it in units of the square of the sum's last place.
    let (_, [high, low]) = magnitude(state);
    let mut sum = Wide::default();
    sum.add(high, 1, DIGIT_BITS);
    sum.add(low, 1, 0);
    let base = 2 * (i32::from(state[VALUE_TOP].max(1)) - 2);
    let last = i32::from(state[SQUARE_TOP].max(1)) - SQUARE_DIGITS as i32;
    let mut all = Wide::default();
    for (nth, at) in [72, 56, 40].into_iter().enumerate() {
        let shift = (last - base) as u32 + nth as u32;
        all.add(wide_at(state, at).cast_unsigned(), count, shift * DIGIT_BITS);
    }
    all.without(&sum.squared()).value(2 * place(state)) / count as f64
}

/// Words of a wide number.
const WORDS: usize = 8;

/// A whole number of 512 bits, its lowest word first.
#[derive(Clone, Copy, Default)]
struct Wide([u64; WORDS]);

impl Wide {
    /// Adds a number as often as is said, so many bits up.
    fn add(&mut self, number: u128, times: u64, shift: u32) {
        let low = u128::from(number as u64) * u128::from(times);
        let high = (number >> 64) * u128::from(times) + (low >> 64);
        let (skip, up) = ((shift / 64) as usize, shift % 64);
        let mut carry = u128::from(low as u64) << up;
        let rest = [high as u64, (high >> 64) as u64].map(|word| u128::from(word) << up);
        let mut rest = rest.into_iter();
        for word in &mut self.0[skip..] {
            // The lower half is of this word, the upper one of those that follow.
            let sum = u128::from(*word) + u128::from(carry as u64);
            *word = sum as u64;
            let more = rest.next();
            carry = (carry >> 64) + (sum >> 64) + more.unwrap_or(0);
            if carry == 0 && more.is_none() {
                break;
            }
        }
    }

    /// Its square, if it has four words.
    fn squared(&self) -> Self {
        let mut square = Self::default();
        for (nth, one) in self.0[..WORDS / 2].iter().enumerate() {
            if *one == 0 {
                continue;
            }
            let mut carry = 0;
            for (word, other) in square.0[nth..].iter_mut().zip(&self.0[..=WORDS / 2]) {
                let sum = u128::from(*one) * u128::from(*other) + u128::from(*word) + carry;
                *word = sum as u64;
                carry = sum >> 64;
            }
        }
        square
    }

    /// The difference; 0 if the other one is larger, as it may be by digits that were dropped.
    fn without(&self, other: &Self) -> Self {
        let mut left = *self;
        let mut borrow = false;
        for (word, other) in left.0.iter_mut().zip(&other.0) {
            let (part, first) = word.overflowing_sub(*other);
            let (part, second) = part.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (part, first | second);
        }
        if borrow { Self::default() } else { left }
    }

    /// The nearest float, times a power of two.
    fn value(&self, power: i32) -> f64 {
        let Some(top) = self.0.iter().rposition(|word| *word != 0) else { return 0.0 };
        let word = |nth: usize| self.0.get(nth).copied().map_or(0, u128::from);
        let first = top.saturating_sub(1);
        let mut bits = word(first) | if top > 0 { word(top) << 64 } else { 0 };
        // Two words may begin with a single bit: what follows is told by the next one.
        if first > 0 {
            let free = bits.leading_zeros();
            bits = bits << free | (word(first - 1) << free) >> 64;
            let rest = self.0[..first - 1].iter().any(|word| *word != 0)
                || (word(first - 1) << free) as u64 != 0;
            return nearest(bits | u128::from(rest), power + 64 * first as i32 - free as i32);
        }
        nearest(bits, power)
    }
}

//! Value to text: the shortest text that reads back as the same value.

use super::calendar::{write_date, write_timestamp};
use super::{Decimal, ValueRef};
use std::fmt;
use std::io::Write;

/// Between these, zmij writes the form that std does, several times as fast. Of two shortest texts that are
/// equally near it takes the even one.
const FAST_FLOATS: std::ops::Range<f64> = 1e-3..1e15;
/// Floats from here on, and below [`PLAIN_FLOAT_MIN`], are written with an exponent.
const PLAIN_FLOAT_MAX: f64 = 1e16;
const PLAIN_FLOAT_MIN: f64 = 1e-5;

/// Appends the value's text: what `parse_value` reads back as an equal value.
///
/// Floats always show that they are: `1.0`, `0.1`, `1e16`, `nan`, `inf`, `-inf`. Timestamps are
/// `2013-01-01T10:00:00Z`. Decimals have all the digits of their column: `1.50`. Addresses are
/// `192.0.2.1`, `2001:db8::1` and `08:00:2b:01:02:03`. Text and bytes are copied as they are: quoting is the caller's
/// affair, as is the mark for NULL, which writes nothing. Years beyond ±9999 are written with a
/// sign and more digits, which no face reads.
///
/// ```
/// let mut out = Vec::new();
/// store_core::value::write_value(0.1.into(), &mut out);
/// assert_eq!(out, b"0.1");
/// ```
pub fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        ValueRef::Int(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        ValueRef::Float32(value) => write_float(value, f64::from(value), out),
        ValueRef::Float64(value) if FAST_FLOATS.contains(&value.abs()) => {
            if !write_hundredths(value, out) {
                out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            }
        }
        ValueRef::Float64(value) => write_float(value, value, out),
        ValueRef::Text(text) => out.extend_from_slice(text.as_bytes()),
        ValueRef::Bytes(bytes) => out.extend_from_slice(bytes),
        ValueRef::Date(days) => write_date(i64::from(days), out),
        ValueRef::Timestamp(micros) => write_timestamp(micros, out),
        ValueRef::Decimal(units, scale) => Decimal::joined(units, scale).write(out),
        ValueRef::Inet(value) => write!(out, "{value}").expect("a vector takes every write"),
        ValueRef::Mac(value) => value.write(out),
    }
}

/// Writes a float that is a whole number of hundredths, as money is; false if it is none. With up to 15 digits no
/// shorter text is read as the same float.
#[inline]
fn write_hundredths(value: f64, out: &mut Vec<u8>) -> bool {
    const MAX: f64 = 1e13;
    let size = value.abs();
    let whole = (size * 100.0 + 0.5) as u64;
    // The nearest float to that many hundredths, whatever rounding made of the product.
    #[expect(clippy::float_cmp, reason = "it is that float, or another form is to be written")]
    let is_other = size >= MAX || whole as f64 / 100.0 != size;
    if is_other {
        return false;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(whole / 100).as_bytes());
    let part = (whole % 100) as u8;
    out.extend_from_slice(&[b'.', b'0' + part / 10, b'0' + part % 10]);
    if part.is_multiple_of(10) {
        out.pop();
    }
    true
}

/// Writes the digits of `value`, which decide what is shortest; `wide` is the same number.
fn write_float<T: fmt::Display + fmt::LowerExp>(value: T, wide: f64, out: &mut Vec<u8>) {
    let size = wide.abs();
    let written = if wide.is_nan() {
        out.write_all(b"nan")
    } else if size.is_infinite() {
        out.write_all(if wide < 0.0 { b"-inf" } else { b"inf" })
    } else if size != 0.0 && !(PLAIN_FLOAT_MIN..PLAIN_FLOAT_MAX).contains(&size) {
        write!(out, "{value:e}")
    } else if wide.fract() == 0.0 {
        write!(out, "{value}.0")
    } else {
        write!(out, "{value}")
    };
    written.expect("a vector takes every write");
}

/// The text of [`write_value`]; bytes that are not UTF-8 are replaced, NULL is empty.
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        write_value(*self, &mut out);
        f.pad(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Inet, Mac, Type, parse_value};

    fn shown(value: impl Into<ValueRef<'static>>) -> String {
        value.into().to_string()
    }

    #[test]
    fn the_form_of_floats_is_pinned() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e16, "1e16"),
            (1.5e300, "1.5e300"),
            (0.000_01, "0.00001"),
            (0.000_012_5, "0.0000125"),
            (0.000_009, "9e-6"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(shown(value), text);
        }
        assert_eq!(shown(0.1_f32), "0.1");
        assert_eq!(shown(16_777_216_f32), "16777216.0");
        assert_eq!(shown(f32::MAX), "3.4028235e38");
        assert_eq!(shown(1e-5_f32), "1e-5"); // the float32 is a little below 1e-5
    }

    #[test]
    fn floats_are_written_in_the_form_of_std() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let check = |value: f64| {
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            write_value(value.into(), &mut fast);
            write_float(value, value, &mut slow);
            let text = std::str::from_utf8(&fast).unwrap();
            let back = text.parse::<f64>().unwrap();
            assert!(back.to_bits() == value.to_bits() || value.is_nan(), "{value:e}: {text}");
            // Where two texts are equally short and near, the last digit may be the other one.
            let end = fast.len().min(slow.len()) - 1;
            assert!(fast.len() == slow.len() && fast[..end] == slow[..end], "{value:e}: {text}");
        };
        for _ in 0..300_000 {
            let (bits, power) = (draw(), (draw() % 22) as i32 - 5);
            check(f64::from_bits(bits));
            check((bits % 1_000_000) as f64 / 100.0);
            check((bits % 2_000_000_000_000_000) as f64 / -100.0);
            check(f64::from_bits(((bits % 1_000_000) as f64 / 100.0).to_bits() + 1));
            check(f64::from_bits(bits >> 12 | 0x3FF0_0000_0000_0000) * 10_f64.powi(power));
            check((bits >> 30) as f64 * 10_f64.powi(power));
        }
        for power in -5..18 {
            let value = 10_f64.powi(power);
            [value, value.next_up(), value.next_down(), -value].into_iter().for_each(check);
        }
    }

    #[test]
    fn moments_show_a_fraction_only_if_there_is_one() {
        assert_eq!(ValueRef::Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(ValueRef::Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(ValueRef::Timestamp(500_000).to_string(), "1970-01-01T00:00:00.5Z");
        assert_eq!(ValueRef::Date(15_706).to_string(), "2013-01-01");
        assert_eq!(ValueRef::Date(i32::MAX).to_string(), "+5881580-07-11");
        assert_eq!(ValueRef::Timestamp(i64::MIN).to_string(), "-290308-12-21T19:59:05.224192Z");
    }

    #[test]
    fn null_writes_nothing_and_width_is_honoured() {
        assert_eq!(ValueRef::Null.to_string(), "");
        assert_eq!(format!("[{:>4}]", ValueRef::Int(7)), "[   7]");
        assert_eq!(shown(true), "true");
    }

    /// xorshift64*: enough chance for a property, and the same in every run.
    fn chance(seed: &mut u64) -> u64 {
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    #[test]
    fn every_value_reads_back_equal() {
        const DAY_US: i64 = 86_400_000_000;
        let mut seed = 7;
        for round in 0..40_000 {
            let bits = chance(&mut seed) >> (round % 64);
            let text: String = char::from_u32((bits as u32 % 0x10_ffff) | 1).into_iter().collect();
            let bytes = bits.to_le_bytes();
            let units = (i128::from(bits) << 62 | i128::from(bits)) * (1 - 2 * (round % 2));
            let days = -4_371_587 + (bits % 7_304_484) as i64; // the years -9999 to 9999
            let values = [
                (Type::Bool, ValueRef::Bool(bits & 1 == 1)),
                (Type::Int16, ValueRef::Int(i64::from(bits as i16))),
                (Type::Int32, ValueRef::Int(i64::from(bits as i32))),
                (Type::Int64, ValueRef::Int(bits as i64)),
                (Type::Float32, ValueRef::Float32(f32::from_bits(bits as u32))),
                (Type::Float64, ValueRef::Float64(f64::from_bits(bits))),
                (Type::Float64, ValueRef::Float64((bits as i32 as f64) / 1000.0)),
                (Type::Text, ValueRef::Text(&text)),
                (Type::Bytes, ValueRef::Bytes(&bytes)),
                (Type::Date, ValueRef::Date(days as i32)),
                (Type::Timestamp, ValueRef::Timestamp(days * DAY_US + (bits % 86_400) as i64)),
                (Type::decimal(38, 9).unwrap(), Decimal::of(units, 9).into()),
                (Type::decimal(38, 38).unwrap(), Decimal::of(units, 38).into()),
                (Type::Inet, ValueRef::Inet(Inet::from_octets(units.to_be_bytes()))),
                (Type::Mac, ValueRef::Mac(Mac::from_bits(bits))),
            ];
            for (ty, value) in values {
                let mut out = Vec::new();
                write_value(value, &mut out);
                let back =
                    parse_value(&out, ty).unwrap_or_else(|error| panic!("{error}: {value:?}"));
                assert!(back.order(value).is_eq(), "{value:?} came back as {back:?}");
            }
        }
    }
}

//! Text to value: strict, range-checked, and borrowing the text where the value is text.
//!
//! Integers are read eight digits at a time: a word of eight ASCII digits is checked and folded
//! by three multiplications (Lemire, "Quickly parsing eight digits"), without a branch per digit.

use super::calendar::{Fault, parse_date, parse_timestamp};
use super::{Decimal, Inet, Mac, Type, ValueRef};
use crate::error::{Error, Result};

/// Most characters of a refused text that an error message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// Reads a text as a value of this type, or says what is wrong with it ([`Kind::Type`]).
///
/// The whole text must be the value: no blanks around it, no digits left over. Numbers that do
/// not fit are refused, never wrapped; text must be UTF-8 without NUL; bytes are taken as they
/// are. The empty text is a value of `text` and `bytes` only; what stands for NULL is the
/// caller's affair.
///
/// ```
/// use store_core::{Type, ValueRef, value::parse_value};
/// assert_eq!(parse_value(b"-42", Type::Int16)?, ValueRef::Int(-42));
/// let error = parse_value(b"70000", Type::Int16).unwrap_err();
/// assert_eq!(error.to_string(), "70000 is out of range for int16");
/// # Ok::<_, store_core::Error>(())
/// ```
///
/// [`Kind::Type`]: crate::Kind::Type
pub fn parse_value(text: &[u8], ty: Type) -> Result<ValueRef<'_>> {
    parse_value_into(text, ty, |value| value)
}

/// Like [`parse_value`], and hands the value on from where its type is known.
///
/// A value returned through `Result` is copied in overlapping parts, which stalls the processor
/// for longer than an integer takes to parse; a loop over cells wants this form.
#[inline]
pub fn parse_value_into<'a, R>(
    text: &'a [u8],
    ty: Type,
    take: impl FnOnce(ValueRef<'a>) -> R,
) -> Result<R> {
    Ok(match ty {
        Type::Bool => take(ValueRef::Bool(parse_bool(text).ok_or_else(|| not_a(text, ty, ""))?)),
        Type::Int16 => {
            take(ValueRef::Int(parse_int(text, ty, i64::from(i16::MIN)..=i16::MAX.into())?))
        }
        Type::Int32 => {
            take(ValueRef::Int(parse_int(text, ty, i64::from(i32::MIN)..=i32::MAX.into())?))
        }
        Type::Int64 => take(ValueRef::Int(parse_int(text, ty, i64::MIN..=i64::MAX)?)),
        Type::Float32 => {
            let value: f32 = fast_float2::parse(text).map_err(|_| not_a(text, ty, ""))?;
            check_finite(text, ty, value.is_infinite())?;
            take(ValueRef::Float32(value))
        }
        Type::Float64 => {
            let value: f64 = fast_float2::parse(text).map_err(|_| not_a(text, ty, ""))?;
            check_finite(text, ty, value.is_infinite())?;
            take(ValueRef::Float64(value))
        }
        Type::Text => take(ValueRef::Text(parse_text(text)?)),
        Type::Bytes => take(ValueRef::Bytes(text)),
        Type::Date => take(ValueRef::Date(moment(text, ty, parse_date)?)),
        Type::Timestamp => take(ValueRef::Timestamp(moment(text, ty, parse_timestamp)?)),
        Type::Decimal { precision, scale } => {
            take(parse_decimal(text, ty, precision, scale)?.into())
        }
        Type::Inet => {
            take(ValueRef::Inet(Inet::parse(text).ok_or_else(|| not_a(text, ty, INET_FORM))?))
        }
        Type::Mac => {
            take(ValueRef::Mac(Mac::parse(text).ok_or_else(|| not_a(text, ty, MAC_FORM))?))
        }
    })
}

const DECIMAL_FORM: &str = "must be digits, such as -12.50";
const INET_FORM: &str = "must be an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1";
const MAC_FORM: &str = "must be six bytes in hexadecimal, such as 08:00:2b:01:02:03";

fn parse_decimal(text: &[u8], ty: Type, precision: u8, scale: u8) -> Result<Decimal> {
    let parsed = Decimal::parse(text, precision, scale);
    let parsed = parsed.ok_or_else(|| not_a(text, ty, DECIMAL_FORM))?;
    parsed.map_err(|misfit| misfit.into_error(&shown(text), ty))
}

fn parse_bool(text: &[u8]) -> Option<bool> {
    const WORDS: [(&[u8], bool); 12] = [
        (b"true", true),
        (b"false", false),
        (b"t", true),
        (b"f", false),
        (b"1", true),
        (b"0", false),
        (b"yes", true),
        (b"no", false),
        (b"y", true),
        (b"n", false),
        (b"on", true),
        (b"off", false),
    ];
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

enum Magnitude {
    Is(u64),
    TooLarge,
    NotDigits,
}

fn parse_int(text: &[u8], ty: Type, range: std::ops::RangeInclusive<i64>) -> Result<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let magnitude = match magnitude(digits) {
        Magnitude::Is(magnitude) => magnitude,
        Magnitude::TooLarge => return Err(out_of_range(text, ty)),
        Magnitude::NotDigits => return Err(not_a(text, ty, "")),
    };
    let value = if negative && magnitude == 1 << 63 {
        i64::MIN
    } else {
        let value = i64::try_from(magnitude).map_err(|_| out_of_range(text, ty))?;
        if negative { -value } else { value }
    };
    if range.contains(&value) { Ok(value) } else { Err(out_of_range(text, ty)) }
}

fn magnitude(digits: &[u8]) -> Magnitude {
    let mut digits = digits;
    if digits.is_empty() {
        return Magnitude::NotDigits;
    }
    // 19 digits always fit 64 bits; leading zeros do not count.
    if digits.len() > 19 {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Magnitude::NotDigits;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits = &digits[zeros..];
        if digits.len() > 19 {
            return Magnitude::TooLarge;
        }
    }
    let mut value = 0_u64;
    while let Some((eight, rest)) = digits.split_first_chunk() {
        let Some(part) = eight_digits(*eight) else { return Magnitude::NotDigits };
        value = value * 100_000_000 + part;
        digits = rest;
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Magnitude::NotDigits;
        }
        value = value * 10 + u64::from(digit);
    }
    Magnitude::Is(value)
}

fn eight_digits(text: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let word = u64::from_le_bytes(text);
    let carried = word.wrapping_add(0x0606_0606_0606_0606);
    if (word & HIGH) | ((carried & HIGH) >> 4) != 0x3333_3333_3333_3333 {
        return None;
    }
    // Neighbours are joined: 8 digits, 4 pairs, 2 fours, 1 number.
    let pairs = ((word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(2561)) >> 8;
    let fours = ((pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601)) >> 16;
    Some((fours & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32)
}

/// Infinity is a value when it is written as a word; a number that becomes it was too large.
fn check_finite(text: &[u8], ty: Type, infinite: bool) -> Result<()> {
    if infinite && text.iter().any(u8::is_ascii_digit) {
        return Err(out_of_range(text, ty));
    }
    Ok(())
}

fn parse_text(text: &[u8]) -> Result<&str> {
    let fault = |what: &str| Error::type_mismatch(format!("\"{}\" {what}", shown(text)));
    let valid = std::str::from_utf8(text).map_err(|_| fault("is not valid UTF-8"))?;
    if memchr::memchr(0, text).is_some() {
        return Err(fault("has a NUL byte, which text cannot hold"));
    }
    Ok(valid)
}

fn moment<T>(text: &[u8], ty: Type, parse: fn(&[u8]) -> Result<T, Fault>) -> Result<T> {
    parse(text).map_err(|fault| not_a(text, ty, fault))
}

#[cold]
fn not_a(text: &[u8], ty: Type, why: &str) -> Error {
    let article = match ty {
        Type::Int16 | Type::Int32 | Type::Int64 | Type::Inet => "an",
        _ => "a",
    };
    let colon = if why.is_empty() { "" } else { ": " };
    Error::type_mismatch(format!("\"{}\" is not {article} {ty}{colon}{why}", shown(text)))
}

#[cold]
fn out_of_range(text: &[u8], ty: Type) -> Error {
    Error::type_mismatch(format!("{} is out of range for {ty}", shown(text)))
}

/// The start of a text, safe to print: shortened, control characters escaped.
pub(super) fn shown(text: &[u8]) -> String {
    // A character has at most 4 bytes; one more tells whether anything was cut off.
    let start = &text[..text.len().min(4 * (SHOWN_CHARS_MAX + 1))];
    let lossy = String::from_utf8_lossy(start);
    let mut out = String::new();
    for (nth, char) in lossy.chars().enumerate() {
        if nth == SHOWN_CHARS_MAX {
            out.push('…');
            break;
        }
        if char.is_control() { out.extend(char.escape_default()) } else { out.push(char) }
    }
    out
}

/// Bytes from pairs of hexadecimal digits.
pub(crate) fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|char| char.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &[u8], ty: Type) -> String {
        let error = parse_value(text, ty).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Type);
        error.to_string()
    }

    #[test]
    fn integers_are_range_checked_at_every_width() {
        for (text, ty, value) in [
            ("32767", Type::Int16, 32_767),
            ("-32768", Type::Int16, -32_768),
            ("+7", Type::Int16, 7),
            ("-0", Type::Int16, 0),
            ("2147483647", Type::Int32, i64::from(i32::MAX)),
            ("-2147483648", Type::Int32, i64::from(i32::MIN)),
            ("9223372036854775807", Type::Int64, i64::MAX),
            ("-9223372036854775808", Type::Int64, i64::MIN),
            ("000000000000000000000000000123456789", Type::Int64, 123_456_789),
        ] {
            assert_eq!(parse_value(text.as_bytes(), ty).unwrap(), ValueRef::Int(value), "{text}");
        }
        for (text, ty) in [
            ("32768", Type::Int16),
            ("-32769", Type::Int16),
            ("2147483648", Type::Int32),
            ("9223372036854775808", Type::Int64),
            ("-9223372036854775809", Type::Int64),
            ("99999999999999999999999", Type::Int64),
        ] {
            assert_eq!(message(text.as_bytes(), ty), format!("{text} is out of range for {ty}"));
        }
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for text in [
            "",
            "-",
            "+",
            "abc",
            "1.0",
            "1e3",
            " 1",
            "1 ",
            "--1",
            "12345678x",
            "1234567:",
            "x2345678",
            "0x10",
            "1_000",
            "1234567890123456789012x",
            "１",
        ] {
            let expected = format!("\"{text}\" is not an int64");
            assert_eq!(message(text.as_bytes(), Type::Int64), expected);
        }
    }

    #[test]
    fn floats_take_words_but_do_not_overflow() {
        let parse = |text: &str| match parse_value(text.as_bytes(), Type::Float64).unwrap() {
            ValueRef::Float64(value) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(parse("1e-3").to_bits(), 0.001_f64.to_bits());
        assert_eq!(parse("-.5").to_bits(), (-0.5_f64).to_bits());
        assert_eq!(parse("+2").to_bits(), 2.0_f64.to_bits());
        assert_eq!((parse("inf"), parse("-Infinity")), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(parse("nan").is_nan() && parse("NaN").is_nan());
        assert_eq!(message(b"1e999", Type::Float64), "1e999 is out of range for float64");
        assert_eq!(message(b"1e39", Type::Float32), "1e39 is out of range for float32");
        for text in ["", "1,5", "NA", "1.5x", " 1", "e5", "."] {
            let expected = format!("\"{text}\" is not a float64");
            assert_eq!(message(text.as_bytes(), Type::Float64), expected);
        }
    }

    #[test]
    fn bools_are_words() {
        for (text, value) in [("TRUE", true), ("f", false), ("Yes", true), ("off", false)] {
            assert_eq!(parse_value(text.as_bytes(), Type::Bool).unwrap(), ValueRef::Bool(value));
        }
        assert_eq!(message(b"2", Type::Bool), "\"2\" is not a bool");
    }

    #[test]
    fn decimals_are_exact_or_say_what_they_want() {
        let money = Type::decimal(10, 2).unwrap();
        let parsed = parse_value(b"-1.5", money).unwrap();
        assert_eq!(parsed.to_string(), "-1.50");
        assert_eq!(
            message(b"abc", money),
            "\"abc\" is not a decimal(10,2): must be digits, such as -12.50"
        );
        assert_eq!(
            message(b"1.005", money),
            "1.005 has more digits after the point than the 2 of decimal(10,2)"
        );
        assert_eq!(
            parse_value(b"1.0050000", Type::decimal(10, 3).unwrap()).unwrap().to_string(),
            "1.005"
        );
        assert_eq!(message(b"123456789", money), "123456789 is out of range for decimal(10,2)");
        assert_eq!(message(b"1e8", money), "1e8 is out of range for decimal(10,2)");
        let long = "9".repeat(100);
        assert!(message(long.as_bytes(), money).ends_with("… is out of range for decimal(10,2)"));
    }

    #[test]
    fn addresses_say_what_they_want() {
        let address = parse_value(b"2001:DB8::0:1", Type::Inet).unwrap();
        assert_eq!(address.to_string(), "2001:db8::1");
        assert_eq!(parse_value(b"::ffff:1.2.3.4", Type::Inet).unwrap().to_string(), "1.2.3.4");
        assert_eq!(
            message(b"10.0.0.0/8", Type::Inet),
            "\"10.0.0.0/8\" is not an inet: must be an IPv4 or IPv6 address, such as 192.0.2.1 or \
             2001:db8::1"
        );
        assert_eq!(
            message(b"0800", Type::Mac),
            "\"0800\" is not a mac: must be six bytes in hexadecimal, such as 08:00:2b:01:02:03"
        );
        let card = parse_value(b"08-00-2B-01-02-03", Type::Mac).unwrap();
        assert_eq!(card.to_string(), "08:00:2b:01:02:03");
    }

    #[test]
    fn text_is_utf8_without_nul_and_messages_are_short() {
        assert_eq!(parse_value("ü".as_bytes(), Type::Text).unwrap(), ValueRef::Text("ü"));
        assert_eq!(parse_value(b"\xff\0", Type::Bytes).unwrap(), ValueRef::Bytes(b"\xff\0"));
        assert!(message(b"a\xff", Type::Text).ends_with("is not valid UTF-8"));
        assert!(message(b"a\0b", Type::Text).starts_with("\"a\\u{0}b\" has a NUL byte"));
        let long = message(&vec![b'x'; 1 << 20], Type::Int32);
        assert_eq!(long, format!("\"{}…\" is not an int32", "x".repeat(40)));
        // jiff's own reason may repeat the whole text, so only ours are given.
        assert_eq!(message(b"2013-02-30", Type::Date), "\"2013-02-30\" is not a date");
        let why = message(b"2016-12-31T23:59:60Z", Type::Timestamp);
        assert!(why.ends_with("a timestamp: no count of microseconds stands for a leap second"));
    }
}

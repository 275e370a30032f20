//! Order-preserving encoding: bytes that compare as the values do.
//!
//! Each cell is prefix-free, so cells of several columns can be put one after another and padded
//! with zeros without two different keys becoming equal:
//!
//! ```text
//! nullable column   01 value | 02            NULL sorts last
//! bool              00 | 01
//! integers, dates   big-endian, sign bit flipped, as wide as the type
//! floats            big-endian bits; sign flipped if positive, all flipped if negative;
//!                   NaN is made one, −0.0 becomes 0.0
//! text, bytes       00 becomes 00 FF; ends with 00 01
//! decimals          their units as an integer of 8 bytes, or of 16 beyond 18 digits
//! inet, mac         16 and 6 bytes as they are
//! ```

use super::parse::parse_value_into;
use super::{Type, ValueRef};
use crate::error::{Error, Result};
use crate::planted;

/// Longest encoded key of a secondary index, so that a block of the index stays a few pages.
pub const KEY_BYTES_MAX: usize = 8 * 1024;

const NOT_NULL_TAG: u8 = 1;
const NULL_TAG: u8 = 2;

/// Appends the cell's encoded form; the value must be coerced to the type.
#[inline]
pub fn encode_key(value: ValueRef<'_>, ty: Type, notnull: bool, out: &mut Vec<u8>) -> Result<()> {
    if value.is_null() {
        if notnull {
            return Err(Error::invalid("NULL in a column that is notnull"));
        }
        out.push(NULL_TAG);
        return Ok(());
    }
    if !notnull {
        out.push(NOT_NULL_TAG);
    }
    match value {
        ValueRef::Null => {}
        ValueRef::Bool(value) => out.push(u8::from(value)),
        ValueRef::Int(value) => encode_integer(value, ty, out),
        ValueRef::Float32(value) => out.extend(float32_bits(value).to_be_bytes()),
        ValueRef::Float64(value) => out.extend(float64_bits(value).to_be_bytes()),
        ValueRef::Text(value) => encode_bytes(value.as_bytes(), out)?,
        ValueRef::Bytes(value) => encode_bytes(value, out)?,
        ValueRef::Date(value) => out.extend((value ^ i32::MIN).to_be_bytes()),
        ValueRef::Timestamp(value) => out.extend((value ^ i64::MIN).to_be_bytes()),
        other => encode_exact(other, ty, out),
    }
    Ok(())
}

/// Reads a text as a value of this type and appends its encoded form, as [`encode_key`] of a `notnull`
/// column: [`Kind::Type`] if it is no such value.
///
/// ```
/// use store_core::{Type, value::encode_text_key};
/// let mut key = Vec::new();
/// encode_text_key(b"-1", Type::Int16, &mut key)?;
/// assert_eq!(key, [0x7F, 0xFF]);
/// # Ok::<_, store_core::Error>(())
/// ```
///
/// [`Kind::Type`]: crate::Kind::Type
#[inline]
pub fn encode_text_key(text: &[u8], ty: Type, out: &mut Vec<u8>) -> Result<()> {
    parse_value_into(text, ty, |value| encode_key(value, ty, true, out))?
}

/// Encodes a decimal or an address. Apart, so that the other types stay short.
#[inline(never)]
fn encode_exact(value: ValueRef<'_>, ty: Type, out: &mut Vec<u8>) {
    match value {
        ValueRef::Decimal(units, _) if ty.is_wide() => {
            let sign = if planted::bug("decimal_sign_kept") { 0 } else { i128::MIN };
            out.extend_from_slice(&(units.get() ^ sign).to_be_bytes());
        }
        ValueRef::Decimal(units, _) => {
            out.extend_from_slice(&(units.get() as i64 ^ i64::MIN).to_be_bytes());
        }
        ValueRef::Inet(value) => out.extend_from_slice(&value.octets()),
        ValueRef::Mac(value) => out.extend_from_slice(&value.octets()),
        _ => {}
    }
}

/// The encoded form of a cell whose value comes as a number (`mem::layout::CellRank`), padded with
/// zeros: its first eight bytes, and the ninth, which a tag pushes out.
#[inline(always)]
pub(crate) const fn encoded_rank(rank: Option<u64>, nullable: bool) -> [u64; 2] {
    match (rank, nullable) {
        (Some(rank), true) => [(NOT_NULL_TAG as u64) << 56 | rank >> 8, rank & 0xFF],
        (Some(rank), false) => [rank, 0],
        (None, _) => [(NULL_TAG as u64) << 56, 0],
    }
}

/// Bytes an encoded cell always has, or `None` if that depends on the value.
pub(crate) const fn encoded_width(ty: Type, notnull: bool) -> Option<usize> {
    let width = match ty {
        Type::Bool => 1,
        Type::Int16 => 2,
        Type::Int32 | Type::Float32 | Type::Date => 4,
        Type::Int64 | Type::Float64 | Type::Timestamp => 8,
        Type::Text | Type::Bytes => return None,
        Type::Decimal { .. } => {
            if ty.is_wide() {
                16
            } else {
                8
            }
        }
        Type::Inet => 16,
        Type::Mac => 6,
    };
    // A NULL is one byte alone; its index pads it, which keeps the order.
    Some(width + !notnull as usize)
}

fn encode_integer(value: i64, ty: Type, out: &mut Vec<u8>) {
    match ty {
        Type::Int16 => out.extend((value as i16 ^ i16::MIN).to_be_bytes()),
        Type::Int32 => out.extend((value as i32 ^ i32::MIN).to_be_bytes()),
        _ => out.extend((value ^ i64::MIN).to_be_bytes()),
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if bytes.len() > KEY_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a value of {} bytes is too long for an index (at most {KEY_BYTES_MAX})",
            bytes.len()
        )));
    }
    let mut rest = bytes;
    while let Some(zero) = memchr::memchr(0, rest) {
        out.extend(&rest[..zero]);
        out.extend([0x00, 0xFF]);
        rest = &rest[zero + 1..];
    }
    out.extend(rest);
    out.extend([0x00, 0x01]);
    Ok(())
}

/// Bits of a float that compare as the numbers do.
pub(crate) fn float64_bits(value: f64) -> u64 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits }
}

/// The same for a short one.
pub(crate) fn float32_bits(value: f32) -> u32 {
    let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits ^ (1 << 31) } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Decimal, Mac, power_of_ten};
    use std::cmp::Ordering;

    fn encoded(value: ValueRef<'_>, ty: Type) -> Vec<u8> {
        let mut out = Vec::new();
        encode_key(value, ty, false, &mut out).unwrap();
        out
    }

    fn check_order(values: &[ValueRef<'_>], ty: Type) {
        for a in values {
            for b in values {
                let bytes = encoded(*a, ty).cmp(&encoded(*b, ty));
                assert_eq!(bytes, a.order(*b), "{a:?} against {b:?}");
            }
        }
    }

    #[test]
    fn encoded_bytes_compare_as_the_values_do() {
        let ints = [i64::MIN, -1, 0, 1, 255, 256, i64::MAX].map(ValueRef::Int);
        check_order(&ints, Type::Int64);
        let floats =
            [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, f64::INFINITY, f64::NAN, -f64::NAN];
        check_order(&floats.map(ValueRef::Float64), Type::Float64);
        let texts = ["", "a", "a\0", "a\0b", "ab", "b", "é", "\u{10FFFF}"].map(ValueRef::Text);
        check_order(&texts, Type::Text);
        check_order(&[ValueRef::Null, ValueRef::Int(-5), ValueRef::Int(7)], Type::Int16);
        let addresses = ["::", "::1", "0.0.0.0", "10.0.0.9", "255.255.255.255", "2001:db8::1"];
        let addresses = addresses.map(|text| ValueRef::Inet(text.parse().unwrap()));
        check_order(&addresses, Type::Inet);
        let cards = [0, 1, 255, 256, 0xffff_ffff_ffff].map(Mac::from_bits);
        check_order(&cards.map(ValueRef::Mac), Type::Mac);
    }

    #[test]
    fn encoded_decimals_compare_as_the_numbers_do() {
        let most = |precision| power_of_ten(precision) - 1;
        for (precision, scale) in [(1, 0), (18, 3), (18, 18), (19, 0), (38, 0), (38, 9), (38, 38)] {
            let ty = Type::decimal(precision, scale).unwrap();
            let mut units = vec![0, 1, -1, most(precision), -most(precision), 1 - most(precision)];
            // All sizes and both signs, as far as the type goes.
            let mut seed = 5_u64;
            for _ in 0..60 {
                seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                let random = i128::from(seed) << 63 | i128::from(seed.rotate_left(17));
                let sized = random % power_of_ten((seed >> 40) as u8 % (precision + 1));
                units.push(if seed >> 63 == 0 { sized } else { -sized });
            }
            let values: Vec<ValueRef<'_>> = units
                .iter()
                .map(|units| Decimal::new(*units, scale).unwrap().into())
                .chain([ValueRef::Null])
                .collect();
            check_order(&values, ty);
            for value in values.iter().filter(|value| !value.is_null()) {
                assert_eq!(Some(encoded(*value, ty).len()), encoded_width(ty, false), "{ty}");
            }
        }
    }

    #[test]
    fn no_encoded_text_is_a_prefix_of_another() {
        let texts = ["", "\0", "a", "a\0", "a\0\u{1}", "aa"].map(ValueRef::Text);
        let all: Vec<_> = texts.iter().map(|text| encoded(*text, Type::Text)).collect();
        for a in &all {
            assert_eq!(all.iter().filter(|b| b.starts_with(a)).count(), 1);
        }
        assert_eq!(all[0].cmp(&all[1]), Ordering::Less);
    }
}

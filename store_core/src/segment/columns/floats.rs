//! Floats: as whole numbers where all are decimals of a few places, else their bytes by significance.
//!
//! ```text
//! 0 … 9   places after the point, the numbers times a power of ten (`ints`)
//! 255     first bytes of all, second bytes of all, …
//! ```
//!
//! Measured values are mostly decimals in disguise (Afroozeh, Kuffó and Boncz, ALP, SIGMOD 2024). A
//! column is kept so only if every bit of every value comes back.

use super::{damaged, ints, take};
use crate::codec::Reader;
use crate::error::Result;

const PLACES_MAX: u8 = 9;
const BYTES: u8 = 255;
/// Beyond this not every whole number is a float.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

const POWERS: [f64; PLACES_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// How wide the floats are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Four,
    Eight,
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    fn value(self, bits: u64) -> f64 {
        match self {
            Self::Four => f64::from(f32::from_bits(bits as u32)),
            Self::Eight => f64::from_bits(bits),
        }
    }

    fn bits(self, value: f64) -> u64 {
        match self {
            Self::Four => u64::from((value as f32).to_bits()),
            Self::Eight => value.to_bits(),
        }
    }

    /// The float as a whole number of such parts, if that brings every bit back.
    fn whole(self, bits: u64, power: f64) -> Option<i64> {
        let scaled = (self.value(bits) * power).round();
        let whole = scaled as i64; // of −0.0, which must not come back as 0.0
        let back = || self.bits(whole as f64 / power) == bits;
        (scaled.abs() < WHOLE_MAX && back()).then_some(whole)
    }
}

/// Appends floats, which come as their bits.
pub(super) fn put(floats: &[u64], width: Width, out: &mut Vec<u8>) {
    for places in 0..=PLACES_MAX {
        let power = POWERS[usize::from(places)];
        let whole = floats.iter().map(|bits| width.whole(*bits, power));
        if let Some(whole) = whole.collect::<Option<Vec<i64>>>() {
            let start = out.len();
            out.push(places);
            ints::put(&whole, out);
            if out.len() - start <= floats.len() * width.bytes() {
                return;
            }
            out.truncate(start);
            break;
        }
    }
    out.push(BYTES);
    for byte in 0..width.bytes() {
        out.extend(floats.iter().map(|bits| (bits >> (8 * byte)) as u8));
    }
}

/// Takes the bits of so many floats.
pub(super) fn get(reader: &mut Reader<'_>, width: Width, count: usize) -> Result<Vec<u64>> {
    match reader.u8()? {
        BYTES => {
            let bytes = take(reader, count * width.bytes())?;
            let mut floats = vec![0; count];
            for (byte, column) in bytes.chunks_exact(count.max(1)).enumerate() {
                for (float, part) in floats.iter_mut().zip(column) {
                    *float |= u64::from(*part) << (8 * byte);
                }
            }
            Ok(floats)
        }
        places if places <= PLACES_MAX => {
            let power = POWERS[usize::from(places)];
            let whole = ints::get(reader, count)?;
            Ok(whole.into_iter().map(|whole| width.bits(whole as f64 / power)).collect())
        }
        _ => Err(damaged("an unknown form of floats")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(floats: &[u64], width: Width) -> u8 {
        let mut bytes = Vec::new();
        put(floats, width, &mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(get(&mut reader, width, floats.len()).unwrap(), floats);
        assert!(reader.is_empty());
        for len in 0..bytes.len() {
            assert!(get(&mut Reader::new(&bytes[..len]), width, floats.len().max(1)).is_err());
        }
        bytes[0]
    }

    #[test]
    fn every_bit_of_every_float_comes_back() {
        let of = |floats: &[f64]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
        assert_eq!(form(&of(&[1.0, -5.0, 1e9]), Width::Eight), 0);
        assert_eq!(form(&of(&[37.62, -122.38, 0.1]), Width::Eight), 2);
        assert_eq!(form(&of(&[0.0, -0.0]), Width::Eight), BYTES);
        let odd = [f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, std::f64::consts::PI, 1e300];
        assert_eq!(form(&of(&odd), Width::Eight), BYTES);
        assert_eq!(form(&[0x7FF8_0000_0000_0001, 0xFFF0_0000_0000_0007], Width::Eight), BYTES);
        let of = |floats: &[f32]| {
            floats.iter().map(|float| u64::from(float.to_bits())).collect::<Vec<_>>()
        };
        assert_eq!(form(&of(&[1.5, 2.25]), Width::Four), 2);
        assert_eq!(form(&of(&[f32::NAN, -0.0]), Width::Four), BYTES);
        form(&[], Width::Eight);
    }
}

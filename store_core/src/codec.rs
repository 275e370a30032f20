//! How values become bytes in files: the only module that names bincode (derives apart).
//!
//! Metadata travels through [`encode`] and [`decode`], row images through the `put_*` functions
//! and [`Reader`]. Both use bincode's standard integers: one byte below 251, else a marker and
//! 2, 4 or 8 bytes, low byte first; signed numbers are zigzagged before.
//!
//! Bytes may be hostile (invariant I16): decoding never panics, and what it allocates is bounded
//! by a small multiple of what it was given, whatever lengths the bytes claim.

use crate::error::{Error, Kind, Result};
use bincode::config::{Configuration, Limit, standard};
use bincode::{Decode, Encode, decode_from_slice};
use xxhash_rust::xxh3::xxh3_64;

/// Numbers below this take one byte.
const ONE_BYTE_END: u64 = 251;
/// Memory a decoded value may take per byte of input. The densest container the store encodes is
/// a list of optional texts: 24 bytes in memory for one byte in a file.
const EXPANSION: u64 = 32;

/// Appends the value's bytes.
pub(crate) fn encode<T: Encode>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    bincode::encode_into_std_write(value, out, standard()).map(drop).map_err(|fault| {
        Error::new(Kind::Error, format!("a value cannot be encoded: {fault}")).caused_by(fault)
    })
}

/// Reads one value from the front; returns it with the bytes it took.
///
/// The caller says where the bytes came from and whether any may be left over.
pub(crate) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize)> {
    // bincode takes its limit as a type: one for each power of four.
    macro_rules! within_smallest {
        ($($limit:literal)*) => {
            match EXPANSION.saturating_mul(bytes.len() as u64) {
                $(0..=$limit => decode_within(bytes, standard().with_limit::<$limit>()),)*
                _ => Err(Error::corrupt(format!("{} bytes are too many for one value", bytes.len()))),
            }
        };
    }
    within_smallest!(
        0x1000 0x4000 0x1_0000 0x4_0000 0x10_0000 0x40_0000 0x100_0000 0x400_0000 0x1000_0000
        0x4000_0000 0x1_0000_0000
    )
}

fn decode_within<T: Decode<()>, const N: usize>(
    bytes: &[u8],
    config: Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<N>>,
) -> Result<(T, usize)> {
    decode_from_slice(bytes, config).map_err(|fault| {
        Error::corrupt(format!("damaged value in {} bytes: {fault}", bytes.len())).caused_by(fault)
    })
}

/// Appends an unsigned number in 1, 3, 5 or 9 bytes.
#[inline]
pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    if value < ONE_BYTE_END {
        out.push(value as u8);
    } else {
        put_long(out, value);
    }
}

fn put_long(out: &mut Vec<u8>, value: u64) {
    let mut scratch = [0; 9];
    let len = bincode::encode_into_slice(value, &mut scratch, standard())
        .expect("no number takes more than nine bytes");
    out.extend_from_slice(&scratch[..len]);
}

/// Appends a signed number; those near zero are short.
#[inline]
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a signed number of up to 17 bytes; those near zero are short.
pub(crate) fn put_i128(out: &mut Vec<u8>, value: i128) {
    let folded = ((value << 1) ^ (value >> 127)) as u128;
    let mut scratch = [0; 17];
    let len = bincode::encode_into_slice(folded, &mut scratch, standard())
        .expect("no number takes more than seventeen bytes");
    out.extend_from_slice(&scratch[..len]);
}

/// Appends the length, then the bytes.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a float, bit for bit.
#[inline]
pub(crate) fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends a float, bit for bit.
#[inline]
pub(crate) fn put_f32(out: &mut Vec<u8>, value: f32) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// The number of eight bytes at this offset, low byte first, as headers of files hold them.
#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// Some numbers behind a magic word, with a checksum, as notices hold them.
pub(crate) fn seal_words(magic: [u8; 8], words: &[u64]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The numbers that [`seal_words`] wrote; `None` if they are not whole.
pub(crate) fn sealed_words<const N: usize>(magic: [u8; 8], bytes: &[u8]) -> Option<[u64; N]> {
    let end = 8 * (N + 1);
    let whole = bytes.len() == end + 8 && bytes[..8] == magic;
    (whole && u64_at(bytes, end) == xxh3_64(&bytes[..end]))
        .then(|| std::array::from_fn(|nth| u64_at(bytes, 8 * (nth + 1))))
}

/// Takes apart what the `put_*` functions wrote; every failure is [`Kind::Corrupt`].
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes taken so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// What is not taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// True if all bytes are taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Takes these bytes if they come next.
    #[inline]
    pub(crate) fn skip_if(&mut self, bytes: &[u8]) -> bool {
        let come = self.rest().starts_with(bytes);
        self.at += if come { bytes.len() } else { 0 };
        come
    }

    /// Takes one byte.
    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// Takes an unsigned number.
    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64> {
        match self.rest().first() {
            Some(&first) if u64::from(first) < ONE_BYTE_END => {
                self.at += 1;
                Ok(u64::from(first))
            }
            _ => self.long(),
        }
    }

    fn long<T: Decode<()>>(&mut self) -> Result<T> {
        match decode_from_slice(self.rest(), standard()) {
            Ok((value, used)) => {
                self.at += used;
                Ok(value)
            }
            Err(fault) => {
                Err(Error::corrupt(format!("damaged number at byte {}", self.at)).caused_by(fault))
            }
        }
    }

    /// Takes a signed number.
    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64> {
        let folded = self.u64()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// Takes a signed number that [`put_i128`] wrote.
    pub(crate) fn i128(&mut self) -> Result<i128> {
        let folded: u128 = self.long()?;
        Ok((folded >> 1) as i128 ^ -((folded & 1) as i128))
    }

    /// Takes bytes of a known number.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| ends_early(at, N))
    }

    /// Takes a length and that many bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.u64()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Takes a float.
    #[inline]
    pub(crate) fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    /// Takes a float.
    #[inline]
    pub(crate) fn f32(&mut self) -> Result<f32> {
        Ok(f32::from_bits(u32::from_le_bytes(self.array()?)))
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some(taken) = self.rest().get(..len) else { return Err(ends_early(self.at, len)) };
        self.at += len;
        Ok(taken)
    }
}

#[cold]
fn ends_early(at: usize, len: usize) -> Error {
    Error::corrupt(format!("{len} bytes are missing at byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_come_back() {
        let mut out = Vec::new();
        let unsigned = [0, 1, 250, 251, 65_535, 65_536, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, -126, 125, i64::MIN, i64::MAX];
        for value in unsigned {
            put_u64(&mut out, value);
        }
        for value in signed {
            put_i64(&mut out, value);
        }
        let wide = [0, -1, 125, 1 << 70, i128::MIN, i128::MAX];
        for value in wide {
            put_i128(&mut out, value);
        }
        put_bytes(&mut out, b"row");
        put_f64(&mut out, -0.0);
        put_f32(&mut out, f32::NAN);
        let mut reader = Reader::new(&out);
        for value in unsigned {
            assert_eq!(reader.u64().unwrap(), value);
        }
        for value in signed {
            assert_eq!(reader.i64().unwrap(), value);
        }
        for value in wide {
            assert_eq!(reader.i128().unwrap(), value);
        }
        assert_eq!(reader.bytes().unwrap(), b"row");
        assert_eq!(reader.f64().unwrap().to_bits(), (-0.0_f64).to_bits());
        assert!(reader.f32().unwrap().is_nan());
        assert!(reader.is_empty() && reader.position() == out.len());
    }

    #[test]
    fn signed_numbers_are_those_of_bincode() {
        for value in [0, -1, 5, -300, i64::MIN, i64::MAX] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            put_i64(&mut ours, value);
            encode(&value, &mut theirs).unwrap();
            assert_eq!(ours, theirs, "{value}");
        }
    }

    #[test]
    fn a_cut_anywhere_is_corrupt() {
        let mut out = Vec::new();
        put_bytes(&mut out, &[7; 300]);
        for len in 0..out.len() {
            let fault = Reader::new(&out[..len]).bytes().unwrap_err();
            assert_eq!(fault.kind(), Kind::Corrupt);
        }
        for first in 251..=255 {
            assert_eq!(Reader::new(&[first]).u64().unwrap_err().kind(), Kind::Corrupt);
        }
        assert_eq!(Reader::new(&[254; 17]).u64().unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(Reader::new(&[255; 17]).i128().unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(Reader::new(&[254; 9]).i128().unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(Reader::new(&[7; 5]).array::<6>().unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(Reader::new(&[0; 3]).f32().unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn a_hostile_length_is_refused_before_memory_is_taken() {
        let mut hostile = vec![253];
        hostile.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(decode::<Vec<u8>>(&hostile).unwrap_err().kind(), Kind::Corrupt);
        let mut large = vec![252];
        large.extend_from_slice(&100_000_u32.to_le_bytes());
        assert_eq!(decode::<Vec<String>>(&large).unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn the_densest_container_fits_its_limit() {
        let sparse: Vec<Option<String>> = vec![None; 5_000];
        let mut out = Vec::new();
        encode(&sparse, &mut out).unwrap();
        out.push(9);
        let (back, used) = decode::<Vec<Option<String>>>(&out).unwrap();
        assert_eq!((back.len(), used), (5_000, out.len() - 1));
    }
}

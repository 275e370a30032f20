//! Encodings by differences and by planes of bytes, made plain: each page as a whole.

use super::rle::{unpack, varint};
use super::thrift::damaged;
use store_core::{Error, Kind, Result};

/// Reads numbers that are written as differences; gives where they end.
fn numbers(
    bytes: &[u8],
    mut at: usize,
    most: usize,
    give: &mut dyn FnMut(i64) -> Result<()>,
) -> Result<usize> {
    let block = varint(bytes, &mut at)?;
    let minis = varint(bytes, &mut at)?;
    let count = varint(bytes, &mut at)?;
    let sound = minis > 0 && block <= 1 << 20 && block.is_multiple_of(minis) && block / minis > 0;
    if !sound || count > most as u64 {
        return Err(damaged("differences of no known form"));
    }
    let (minis, each) = (minis as usize, (block / minis) as usize);
    let mut left = count as usize;
    let mut value = zigzag(varint(bytes, &mut at)?);
    if left > 0 {
        give(value)?;
        left -= 1;
    }
    while left > 0 {
        let least = zigzag(varint(bytes, &mut at)?);
        let widths = at;
        at += minis;
        if at > bytes.len() {
            return Err(damaged("differences end too early"));
        }
        for nth in 0..minis {
            if left == 0 {
                break;
            }
            let width = bytes[widths + nth];
            let len = (each * usize::from(width)).div_ceil(8);
            let now = left.min(each);
            if width > 64 || (now * usize::from(width)).div_ceil(8) > bytes.len() - at {
                return Err(damaged("differences end too early"));
            }
            for nth in 0..now {
                let more = unpack(bytes, at * 8 + nth * usize::from(width), width);
                value = value.wrapping_add(least).wrapping_add(more as i64);
                give(value)?;
            }
            left -= now;
            at = (at + len).min(bytes.len());
        }
    }
    Ok(at)
}

const fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Whole numbers of 4 or 8 bytes.
pub(super) fn integers(bytes: &[u8], width: usize, most: usize, out: &mut Vec<u8>) -> Result<()> {
    numbers(bytes, 0, most, &mut |value| {
        out.extend_from_slice(&value.to_le_bytes()[..width]);
        Ok(())
    })
    .map(drop)
}

/// Lengths, none of them below zero.
fn lengths(bytes: &[u8], at: usize, most: usize, into: &mut Vec<u32>) -> Result<usize> {
    numbers(bytes, at, most, &mut |value| {
        into.push(u32::try_from(value).map_err(|_| damaged(format!("a length is {value}")))?);
        Ok(())
    })
}

/// Texts with their lengths before all of them.
pub(super) fn texts(bytes: &[u8], most: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut list = Vec::new();
    let mut at = lengths(bytes, 0, most, &mut list)?;
    for len in list {
        let text = bytes.get(at..at + len as usize);
        let text = text.ok_or_else(|| damaged("a text is longer than its page"))?;
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(text);
        at += text.len();
    }
    Ok(())
}

/// Texts of which each begins as the one before; of one width, if it is given. More than `room` bytes are
/// refused: a few bytes can stand for very many.
pub(super) fn prefixed(
    bytes: &[u8],
    width: Option<usize>,
    most: usize,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (mut shared, mut own) = (Vec::new(), Vec::new());
    let at = lengths(bytes, 0, most, &mut shared)?;
    let mut at = lengths(bytes, at, most, &mut own)?;
    if shared.len() != own.len() {
        return Err(damaged("beginnings without ends"));
    }
    let (mut last, mut total) = (0..0, 0_usize);
    for (shared, own) in shared.into_iter().zip(own) {
        let (shared, own) = (shared as usize, own as usize);
        let text = bytes.get(at..at + own);
        let text = text.ok_or_else(|| damaged("a text is longer than its page"))?;
        at += own;
        if shared > last.len() || width.is_some_and(|width| width != shared + own) {
            return Err(damaged("a text begins as no other"));
        }
        total += 4 + shared + own;
        if total > room {
            return Err(Error::new(
                Kind::OverBudget,
                format!("a page unfolds to more than the {room} bytes planned for"),
            ));
        }
        if width.is_none() {
            out.extend_from_slice(&((shared + own) as u32).to_le_bytes());
        }
        let begin = out.len();
        out.extend_from_within(last.start..last.start + shared);
        out.extend_from_slice(text);
        last = begin..out.len();
    }
    Ok(())
}

/// Values whose first bytes come first, then their second ones ….
pub(super) fn planes(bytes: &[u8], width: usize, out: &mut Vec<u8>) -> Result<()> {
    if width == 0 || !bytes.len().is_multiple_of(width) {
        return Err(damaged("planes of bytes of different lengths"));
    }
    let count = bytes.len() / width;
    let from = out.len();
    out.resize(from + bytes.len(), 0);
    for (plane, bytes) in bytes.chunks_exact(count.max(1)).enumerate() {
        for (nth, byte) in bytes.iter().enumerate() {
            out[from + nth * width + plane] = *byte;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_undone() {
        // From the format's own example: 7, 5, 3, 1, 2, 3, 4, 5 in a block of 128 with four parts.
        let mut bytes = vec![128, 1, 4, 8, 14, 3, 2, 0, 0, 0];
        // Differences -2 -2 -2 1 1 1 1 above the least one, -2: 0 0 0 3 3 3 3, two bits each.
        bytes.extend([0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
        let mut out = Vec::new();
        integers(&bytes, 4, 100, &mut out).unwrap();
        let read: Vec<i32> =
            out.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(read, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert!(integers(&bytes, 4, 7, &mut Vec::new()).is_err());
        for len in 0..11 {
            assert!(integers(&bytes[..len], 4, 100, &mut Vec::new()).is_err(), "{len}");
        }
    }

    #[test]
    fn planes_are_undone() {
        let mut out = Vec::new();
        planes(&[1, 2, 3, 10, 20, 30], 2, &mut out).unwrap();
        assert_eq!(out, [1, 10, 2, 20, 3, 30]);
        assert!(planes(&[1, 2, 3], 2, &mut out).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut state = 5_u64;
        for _ in 0..30_000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 20) as u8 >> (state & 7)
                })
                .collect();
            let mut out = Vec::new();
            let _ = integers(&bytes, 8, 1000, &mut out);
            let _ = texts(&bytes, 1000, &mut out);
            let _ = prefixed(&bytes, None, 1000, 1 << 16, &mut out);
            assert!(out.len() < 1 << 17);
        }
    }
}

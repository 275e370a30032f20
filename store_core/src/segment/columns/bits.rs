//! Numbers of few bits, one behind the other, least significant bits first.

/// Bits that every one of these numbers fits in.
pub(super) fn width_of(numbers: impl Iterator<Item = u64>) -> u32 {
    u64::BITS - numbers.fold(0, |all, number| all | number).leading_zeros()
}

/// Bytes that so many numbers of so many bits take.
pub(super) const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the numbers, each in so many bits.
pub(super) fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut waiting, mut bits) = (0_u128, 0);
    for number in numbers {
        waiting |= u128::from(number) << bits;
        bits += width;
        while bits >= 8 {
            out.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(waiting as u8);
    }
}

/// The nth number; `bytes` must hold it.
#[inline(always)]
pub(super) fn unpack(bytes: &[u8], width: u32, nth: usize) -> u64 {
    if width == 0 {
        return 0;
    }
    let at = nth * width as usize;
    let (first, shift) = (at / 8, (at % 8) as u32);
    let mask = u64::MAX >> (u64::BITS - width);
    if let Some(word) = bytes.get(first..).and_then(<[u8]>::first_chunk::<16>) {
        return (u128::from_le_bytes(*word) >> shift) as u64 & mask;
    }
    let mut word = [0; 16];
    let rest = &bytes[first..];
    word[..rest.len()].copy_from_slice(rest);
    (u128::from_le_bytes(word) >> shift) as u64 & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_come_back() {
        for width in 0..=64 {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let numbers: Vec<u64> =
                (0..77_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask).collect();
            let mut bytes = Vec::new();
            pack(numbers.iter().copied(), width, &mut bytes);
            assert_eq!(bytes.len(), packed_bytes(numbers.len(), width));
            let back: Vec<u64> = (0..77).map(|nth| unpack(&bytes, width, nth)).collect();
            assert_eq!(back, numbers, "{width}");
        }
        assert_eq!((width_of([].into_iter()), width_of([0, 5].into_iter())), (0, 3));
    }
}

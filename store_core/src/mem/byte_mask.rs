//! Where a byte stands among 64: a bit for each place, the first one lowest.

/// Bytes that one mask is of.
pub const MASK_BYTES: usize = 64;

/// The bits of the bytes that are this one.
#[inline(always)]
pub fn mask_of(piece: &[u8; MASK_BYTES], wanted: u8) -> u64 {
    sixteens::mask_of(piece, wanted)
}

/// The bytes from a place on, and how many of them there are; behind the last one stand zeros.
#[inline(always)]
pub fn piece_at(bytes: &[u8], at: usize) -> ([u8; MASK_BYTES], usize) {
    if let Some(whole) = bytes[at..].first_chunk() {
        return (*whole, MASK_BYTES);
    }
    let mut padded = [0; MASK_BYTES];
    let rest = &bytes[at..];
    padded[..rest.len()].copy_from_slice(rest);
    (padded, rest.len())
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod sixteens {
    use super::MASK_BYTES;
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    #[inline(always)]
    pub(super) fn mask_of(piece: &[u8; MASK_BYTES], wanted: u8) -> u64 {
        let mut mask = 0;
        for (nth, bytes) in piece.chunks_exact(16).enumerate() {
            // SAFETY: the slice has sixteen bytes, read whatever their alignment; every processor of this
            // architecture has SSE2.
            let found = unsafe {
                let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
                _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted.cast_signed())))
            };
            mask |= u64::from(found.cast_unsigned()) << (16 * nth);
        }
        mask
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod sixteens {
    use super::{MASK_BYTES, words};

    #[inline(always)]
    pub(super) fn mask_of(piece: &[u8; MASK_BYTES], wanted: u8) -> u64 {
        words::mask_of(piece, wanted)
    }
}

/// Eight bytes at a time, for every processor.
#[cfg(any(test, miri, not(target_arch = "x86_64")))]
mod words {
    use super::MASK_BYTES;

    #[inline(always)]
    pub(super) fn mask_of(piece: &[u8; MASK_BYTES], wanted: u8) -> u64 {
        let mut mask = 0;
        for (nth, word) in piece.chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(*word.first_chunk().expect("eight bytes"));
            mask |= equal_bytes(word, wanted) << (8 * nth);
        }
        mask
    }

    /// The bits of the bytes of a word that are this one.
    #[inline(always)]
    const fn equal_bytes(word: u64, wanted: u8) -> u64 {
        const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
        let other = word ^ (wanted as u64 * 0x0101_0101_0101_0101);
        // The upper bit of each byte that is zero.
        let zero = !(((other & LOW) + LOW) | other | LOW);
        (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_the_places_of_a_byte() {
        let mut state = 7_u64;
        for _ in 0..200 {
            for wanted in [b'\t', b'\n', b',', 0, 0x7F, 0x80, 0xFF] {
                let piece: [u8; MASK_BYTES] = std::array::from_fn(|_| {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                    // Bytes that differ in one bit, too.
                    if state >> 62 == 0 { wanted } else { wanted ^ (1 << (state >> 40 & 7)) }
                });
                let mask = mask_of(&piece, wanted);
                for (nth, byte) in piece.iter().enumerate() {
                    assert_eq!(mask >> nth & 1 == 1, *byte == wanted, "{nth} of {piece:?}");
                }
                assert_eq!(words::mask_of(&piece, wanted), mask);
            }
        }
    }

    #[test]
    fn a_piece_at_the_end_is_filled_up_with_zeros() {
        for len in [0, 1, 16, 63, 64, 65] {
            let bytes = vec![b'x'; len];
            let (piece, known) = piece_at(&bytes, 0);
            assert_eq!(known, len.min(MASK_BYTES));
            let x = mask_of(&piece, b'x');
            assert_eq!(x.count_ones() as usize, known);
            assert_eq!(x.trailing_ones() as usize, known);
        }
    }
}

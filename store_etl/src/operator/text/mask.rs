//! Where bytes stand that end something: 64 bytes at a time, a bit for each.

/// Bytes that one mask is of.
pub(super) const MASK_BYTES: usize = 64;

/// Each byte's bit in the mask of its eight.
const BITS: [u8; MASK_BYTES] = {
    let mut bits = [0; MASK_BYTES];
    let mut nth = 0;
    while nth < MASK_BYTES {
        bits[nth] = 1 << (nth % 8);
        nth += 1;
    }
    bits
};

/// The bits of the bytes that are one of these. Without a branch, so that compilers compare many at once.
#[expect(clippy::needless_bitwise_bool, reason = "a branch for each byte is what is to be avoided")]
#[inline(always)]
pub(super) fn mask_of<const N: usize>(piece: &[u8; MASK_BYTES], wanted: [u8; N]) -> u64 {
    let mut found = [0; MASK_BYTES];
    for nth in 0..MASK_BYTES {
        let is_one = wanted.iter().fold(false, |is_one, wanted| is_one | (piece[nth] == *wanted));
        found[nth] = if is_one { BITS[nth] } else { 0 };
    }
    let mut mask = 0;
    for (nth, eight) in found.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(*eight.first_chunk().expect("eight bytes"));
        // The sum of eight different bits, in the upper byte.
        mask |= (word.wrapping_mul(0x0101_0101_0101_0101) >> 56) << (8 * nth);
    }
    mask
}

/// The bytes from a place on, and how many of them there are; behind the last one stand zeros.
#[inline(always)]
pub(super) fn piece_at(bytes: &[u8], at: usize) -> ([u8; MASK_BYTES], usize) {
    if let Some(whole) = bytes[at..].first_chunk() {
        return (*whole, MASK_BYTES);
    }
    let mut padded = [0; MASK_BYTES];
    let rest = &bytes[at..];
    padded[..rest.len()].copy_from_slice(rest);
    (padded, rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_the_places_of_a_byte() {
        let mut state = 7_u64;
        for len in [0, 1, 7, 8, 15, 16, 17, 63, 64, 65] {
            for wanted in [b'\t', b',', 0, 0x80, 0xFF] {
                let bytes: Vec<u8> = (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                        // Bytes that differ in one bit, too.
                        if state >> 62 == 0 { wanted } else { wanted ^ (1 << (state >> 40 & 7)) }
                    })
                    .collect();
                let (piece, known) = piece_at(&bytes, 0);
                assert_eq!(known, len.min(MASK_BYTES));
                let (mask, either) =
                    (mask_of(&piece, [wanted]), mask_of(&piece, [wanted, 1, b'x']));
                for (nth, byte) in bytes.iter().take(known).enumerate() {
                    assert_eq!(mask >> nth & 1 == 1, *byte == wanted, "{nth} of {bytes:?}");
                    let is_either = [wanted, 1, b'x'].contains(byte);
                    assert_eq!(either >> nth & 1 == 1, is_either, "{nth} of {bytes:?}");
                }
            }
        }
    }
}

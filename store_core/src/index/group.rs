//! Words of the primary index that are compared together: a cache line of them.

#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
use crate::mem::wide::load_block;
#[cfg(any(test, not(target_arch = "x86_64"), loom, shuttle, miri))]
use crate::sync::Relaxed;
use crate::sync::{AtomicU64, capacity};

/// Bits that say that a word is equal, all set or none.
#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
pub(super) const WORD_BITS: u32 = 2;
#[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri)))))]
pub(super) const WORD_BITS: u32 = 1;

/// Words of a group.
pub(super) const GROUP_WORDS: usize = capacity(8, 1);
/// The hash bits of a word begin here.
pub(super) const HASH_SHIFT: u32 = 34;
/// The bits below them, and what they are in the word of a row.
pub(super) const MARKS: u64 = 3 << 32;
pub(super) const ROW: u64 = MARKS;

/// [`WORD_BITS`] for each word of a group that has a row and whose hash bits are those of `hash`.
///
/// # Safety
/// The words of a group are readable from `group` on.
#[inline(always)]
pub(super) unsafe fn equal_hashes(group: *const AtomicU64, hash: u64) -> u32 {
    #[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
    // SAFETY: the caller's promise.
    unsafe {
        four_by_four(group, hash)
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri)))))]
    // SAFETY: the caller's promise.
    unsafe {
        one_by_one(group, hash)
    }
}

#[cfg(any(test, not(target_arch = "x86_64"), loom, shuttle, miri))]
#[inline(always)]
unsafe fn one_by_one(group: *const AtomicU64, hash: u64) -> u32 {
    // SAFETY: the caller's promise.
    let word = |at| unsafe { &*group.add(at) }.load(Relaxed);
    let bits = |at| if word(at) >> 32 == (hash | ROW) >> 32 { (1 << WORD_BITS) - 1 } else { 0 };
    (0..GROUP_WORDS as u32).fold(0, |all, at| all | bits(at as usize) << (at * WORD_BITS))
}

/// With the upper halves of four words in a register: a quarter of the instructions. The fewer of them
/// wait for the words, the more reads a processor can begin before the first words come.
#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
#[inline(always)]
unsafe fn four_by_four(group: *const AtomicU64, hash: u64) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_cvtsi64_si128,
        _mm_movemask_epi8, _mm_packs_epi32, _mm_shuffle_epi32, _mm_shuffle_ps,
    };
    const UPPER_HALF: i32 = 0b01_01_01_01;
    const UPPER_HALVES: i32 = 0b11_01_11_01;
    // SAFETY: every processor of this architecture has SSE2; the words are the caller's promise.
    unsafe {
        let wanted = _mm_cvtsi64_si128((hash | ROW).cast_signed());
        let wanted = _mm_shuffle_epi32::<UPPER_HALF>(wanted);
        let pairs = load_block(group).map(|pair| _mm_castsi128_ps(pair));
        let four = |at: usize| -> __m128i {
            let halves = _mm_shuffle_ps::<UPPER_HALVES>(pairs[at], pairs[at + 1]);
            _mm_cmpeq_epi32(_mm_castps_si128(halves), wanted)
        };
        _mm_movemask_epi8(_mm_packs_epi32(four(0), four(2))) as u32
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same_words() {
        let spread = |seed: u64| seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
        let mut found = 0;
        for seed in (0..20_000_u64).step_by(20) {
            let hash = spread(seed);
            let words: [u64; 8] = std::array::from_fn(|at| {
                let bits = spread(seed + 1 + at as u64);
                match bits % 5 {
                    0 => hash | ROW,
                    1 => (hash | ROW) ^ bits >> 33,
                    2 => (hash | ROW) ^ 1 << (34 + bits % 30),
                    3 => (hash | ROW) ^ 1 << (32 + bits % 2),
                    _ => 0,
                }
            });
            let group = words.map(AtomicU64::new);
            // SAFETY: a group has eight words.
            let (equal, slowly) =
                unsafe { (equal_hashes(group.as_ptr(), hash), one_by_one(group.as_ptr(), hash)) };
            assert_eq!(equal, slowly);
            let wanted = words.iter().filter(|word| **word >> 32 == (hash | ROW) >> 32).count();
            assert_eq!(equal.count_ones() as usize, wanted * WORD_BITS as usize);
            found += wanted;
        }
        assert!(found > 2500 && found < 4000, "{found}");
    }
}

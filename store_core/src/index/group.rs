//! Words of the primary index that are compared together: a cache line of them.

#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
use crate::mem::wide::load_block;
#[cfg(any(test, not(target_arch = "x86_64"), loom, shuttle, miri))]
use crate::sync::Relaxed;
use crate::sync::{AtomicU64, capacity};

/// Words of a group.
pub(super) const GROUP_WORDS: usize = capacity(8, 1);
/// The hash bits of a word begin here.
pub(super) const HASH_SHIFT: u32 = 34;

/// A bit for each word of a group whose hash bits are those of `hash`.
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
    let equal = |at| u32::from((word(at) ^ hash) >> HASH_SHIFT == 0);
    (0..GROUP_WORDS).fold(0, |all, at| all | equal(at) << at)
}

/// With the upper halves of four words in a register: a third of the instructions.
#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
#[inline(always)]
unsafe fn four_by_four(group: *const AtomicU64, hash: u64) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_movemask_epi8,
        _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_ps,
        _mm_srli_epi32, _mm_xor_si128,
    };
    const UPPER_HALVES: i32 = 0b11_01_11_01;
    const BITS_BELOW: i32 = HASH_SHIFT as i32 - 32;
    // SAFETY: every processor of this architecture has SSE2; the words are the caller's promise.
    unsafe {
        let wanted = _mm_set1_epi32((hash >> 32) as i32);
        let pairs = load_block(group).map(|pair| _mm_castsi128_ps(pair));
        let four = |at: usize| -> __m128i {
            let halves = _mm_shuffle_ps::<UPPER_HALVES>(pairs[at], pairs[at + 1]);
            let halves = _mm_castps_si128(halves);
            let differ = _mm_srli_epi32::<BITS_BELOW>(_mm_xor_si128(halves, wanted));
            _mm_cmpeq_epi32(differ, _mm_setzero_si128())
        };
        let eight = _mm_packs_epi16(_mm_packs_epi32(four(0), four(2)), _mm_setzero_si128());
        _mm_movemask_epi8(eight) as u32
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
                match bits % 4 {
                    0 => hash,
                    1 => hash ^ bits >> 30,
                    2 => hash ^ 1 << (34 + bits % 30),
                    _ => 0,
                }
            });
            let group = words.map(AtomicU64::new);
            // SAFETY: a group has eight words.
            let (equal, slowly) =
                unsafe { (equal_hashes(group.as_ptr(), hash), one_by_one(group.as_ptr(), hash)) };
            assert_eq!(equal, slowly);
            let wanted = words.iter().filter(|word| **word >> 34 == hash >> 34).count();
            assert_eq!(equal.count_ones() as usize, wanted);
            found += wanted;
        }
        assert!(found > 3000 && found < 5000, "{found}");
    }
}

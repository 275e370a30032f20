//! Copies of words that others may be changing, two in one instruction.
//!
//! A reader copies first and checks afterwards whether the row has changed under it, so it asks for
//! nothing but that each word is read whole. The compiler merges no atomic loads, and the fewer
//! instructions a read has, the sooner the processor sees the next one and waits for the memory of
//! both at once.

use crate::sync::{AtomicU64, Relaxed};

/// Words of the wide copy.
const BLOCK: usize = 8;
/// Words that are read where a key of up to so many is compared.
pub(crate) const READ_WORDS: usize = BLOCK;

/// True if the first `count` words are `ours`.
///
/// # Safety
/// [`READ_WORDS`] are readable, whether they are compared or not.
#[inline(always)]
pub(crate) unsafe fn same_words(
    ours: &[u64; READ_WORDS],
    words: *const AtomicU64,
    count: usize,
) -> bool {
    #[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
    // SAFETY: the caller's promise.
    unsafe {
        pair::equal_words(ours, words) | u32::MAX << count == u32::MAX
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri)))))]
    ours[..count].iter().enumerate().all(|(at, ours)| {
        // SAFETY: the caller's promise.
        unsafe { &*words.add(at) }.load(Relaxed) == *ours
    })
}

/// Copies `count` words.
///
/// # Safety
/// So many words from `from` on are readable, and from `to` on writable and nobody else's.
#[inline(always)]
pub(crate) unsafe fn copy_words(from: *const AtomicU64, to: *mut u64, count: usize) {
    if count < BLOCK || !HAS_PAIRS {
        for at in 0..count {
            // SAFETY: the caller's promise.
            unsafe { to.add(at).write((*from.add(at)).load(Relaxed)) };
        }
        return;
    }
    // SAFETY: a block from any of these places lies in what the caller promised.
    let block = |at: usize| unsafe { copy_block(from.add(at), to.add(at)) };
    block(0);
    let mut at = BLOCK;
    while at + BLOCK < count {
        block(at);
        at += BLOCK;
    }
    if count > BLOCK {
        // May copy some words again: that is cheaper than one by one.
        block(count - BLOCK);
    }
}

#[inline(always)]
unsafe fn copy_block(from: *const AtomicU64, to: *mut u64) {
    // SAFETY: the caller's promise.
    let pairs = unsafe { load_block(from) };
    for (at, pair) in pairs.into_iter().enumerate() {
        // SAFETY: as above.
        unsafe { to.add(2 * at).cast::<Pair>().write_unaligned(pair) };
    }
}

#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
mod pair {
    use super::{AtomicU64, READ_WORDS};
    use std::arch::asm;
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi16, _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_epi8,
        _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi16,
    };

    pub(crate) const HAS_PAIRS: bool = true;
    pub(crate) type Pair = __m128i;

    /// Eight words, each read whole, in no order.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    pub(crate) unsafe fn load_block(from: *const AtomicU64) -> [Pair; 4] {
        let (a, b, c, d): (Pair, Pair, Pair, Pair);
        // SAFETY: reads the eight words and nothing else. What the compiler is told is what relaxed
        // loads would tell it; processors read aligned words of a vector whole.
        unsafe {
            asm!(
                "movdqu {a}, xmmword ptr [{from}]",
                "movdqu {b}, xmmword ptr [{from} + 16]",
                "movdqu {c}, xmmword ptr [{from} + 32]",
                "movdqu {d}, xmmword ptr [{from} + 48]",
                a = out(xmm_reg) a,
                b = out(xmm_reg) b,
                c = out(xmm_reg) c,
                d = out(xmm_reg) d,
                from = in(reg) from,
                options(nostack, preserves_flags, readonly)
            );
        }
        [a, b, c, d]
    }

    /// A bit for each of eight words that is the same in both.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    pub(super) unsafe fn equal_words(ours: &[u64; READ_WORDS], words: *const AtomicU64) -> u32 {
        // SAFETY: the caller's promise; every processor of this architecture has SSE2.
        unsafe {
            let theirs = load_block(words);
            let ours = |at: usize| _mm_loadu_si128(ours.as_ptr().add(2 * at).cast());
            let equal = |at: usize| _mm_cmpeq_epi32(theirs[at], ours(at));
            let [low, high] =
                [_mm_packs_epi32(equal(0), equal(1)), _mm_packs_epi32(equal(2), equal(3))];
            // Two bytes for each word, one of each half: a bit where both are set.
            let halves = _mm_packs_epi16(low, high);
            let both = _mm_cmpeq_epi16(halves, _mm_set1_epi16(-1));
            _mm_movemask_epi8(_mm_packs_epi16(both, both)) as u32
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri)))))]
mod pair {
    use super::{AtomicU64, Relaxed};

    pub(crate) const HAS_PAIRS: bool = false;
    pub(crate) type Pair = [u64; 2];

    /// Eight words, each read whole, in no order.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    pub(crate) unsafe fn load_block(from: *const AtomicU64) -> [Pair; 4] {
        // SAFETY: the caller's promise.
        let word = |at| unsafe { &*from.add(at) }.load(Relaxed);
        [0, 2, 4, 6].map(|at| [word(at), word(at + 1)])
    }
}

pub(crate) use pair::load_block;
use pair::{HAS_PAIRS, Pair};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_up_to_so_many() {
        let ours = [1, u64::MAX, 3 << 40, 4, 5, 6, 7, 8];
        let theirs = ours.map(AtomicU64::new);
        for changed in 0..READ_WORDS {
            for bit in [0, 17, 32, 63] {
                theirs[changed].store(ours[changed] ^ 1 << bit, Relaxed);
                for count in 0..=READ_WORDS {
                    // SAFETY: there are eight.
                    let same = unsafe { same_words(&ours, theirs.as_ptr(), count) };
                    assert_eq!(same, count <= changed, "{count} words, {changed} changed");
                }
                theirs[changed].store(ours[changed], Relaxed);
            }
        }
    }

    #[test]
    fn so_many_words_are_copied_and_no_more() {
        let from: Vec<AtomicU64> = (1..=40).map(AtomicU64::new).collect();
        for count in 0..=40 {
            let mut to = vec![0; 41];
            // SAFETY: both are that long.
            unsafe { copy_words(from.as_ptr(), to.as_mut_ptr(), count) };
            let wanted: Vec<u64> =
                (1..=41).map(|at| if at <= count as u64 { at } else { 0 }).collect();
            assert_eq!(to, wanted, "{count} words");
        }
    }
}

//! A copy of a row's words: on the stack for rows of usual width.

use crate::sync::{AtomicU64, Relaxed};
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

/// Words kept without an allocation.
const INLINE_WORDS: usize = 32;
/// Words of most keys and of many rows: zeroed by a few wide stores instead of a call.
const FEW_WORDS: usize = 8;
const SOME_WORDS: usize = 16;
const ZERO: MaybeUninit<u64> = MaybeUninit::new(0);

/// The words of one row, or of its key.
#[derive(Clone, Debug)]
pub(crate) struct RowWords {
    len: usize,
    /// The first `len` words have been written, when there are no more than fit.
    inline: [MaybeUninit<u64>; INLINE_WORDS],
    /// Used, whole, by rows that are wider.
    heap: Vec<u64>,
}

impl RowWords {
    /// No words.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { len: 0, inline: [MaybeUninit::uninit(); INLINE_WORDS], heap: Vec::new() }
    }

    /// So many words, all zero.
    #[inline]
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut words = Self::new();
        words.reset(len);
        words
    }

    /// Becomes so many words, all zero.
    #[inline(always)]
    pub(crate) fn reset(&mut self, len: usize) {
        self.len = len;
        if len > INLINE_WORDS {
            self.reset_heap();
            return;
        }
        self.inline[..FEW_WORDS].copy_from_slice(&[ZERO; FEW_WORDS]);
        if len > FEW_WORDS {
            self.inline[FEW_WORDS..SOME_WORDS].copy_from_slice(&[ZERO; SOME_WORDS - FEW_WORDS]);
        }
        if len > SOME_WORDS {
            self.inline[SOME_WORDS..].copy_from_slice(&[ZERO; INLINE_WORDS - SOME_WORDS]);
        }
    }

    /// Becomes a copy of so many words that others may be changing.
    ///
    /// # Safety
    /// So many words from `from` on are readable.
    #[inline(always)]
    pub(crate) unsafe fn load(&mut self, from: *const AtomicU64, len: usize) {
        // SAFETY: the caller's promise; `at` is below `len`.
        let word = |at: usize| unsafe { &*from.add(at) }.load(Relaxed);
        self.len = len;
        if len > INLINE_WORDS {
            self.reset_heap();
            self.heap.iter_mut().enumerate().for_each(|(at, out)| *out = word(at));
            return;
        }
        // The last four may be copied twice: that is cheaper than to copy the rest one by one.
        let (mut at, last) = (0, len.saturating_sub(4));
        while at < last {
            self.put_four(at, [word(at), word(at + 1), word(at + 2), word(at + 3)]);
            at += 4;
        }
        if len >= 4 {
            let words = [word(last), word(last + 1), word(last + 2), word(last + 3)];
            return self.put_four(last, words);
        }
        (0..len).for_each(|at| self.inline[at] = MaybeUninit::new(word(at)));
    }

    /// Writes four of the inline words; the caller knows that they are some.
    #[inline(always)]
    fn put_four(&mut self, start: usize, words: [u64; 4]) {
        debug_assert!(start + 4 <= INLINE_WORDS);
        // SAFETY: inside the array.
        unsafe { self.inline.as_mut_ptr().add(start).cast::<[u64; 4]>().write(words) };
    }

    #[cold]
    fn reset_heap(&mut self) {
        self.heap.clear();
        self.heap.resize(self.len, 0);
    }
}

impl Deref for RowWords {
    type Target = [u64];

    #[inline(always)]
    fn deref(&self) -> &[u64] {
        match self.inline.get(..self.len) {
            // SAFETY: `reset` wrote the words it counts; `MaybeUninit` has the layout of its value.
            Some(words) => unsafe { &*(std::ptr::from_ref(words) as *const [u64]) },
            None => &self.heap,
        }
    }
}

impl DerefMut for RowWords {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u64] {
        match self.inline.get_mut(..self.len) {
            // SAFETY: as in `deref`.
            Some(words) => unsafe { &mut *(std::ptr::from_mut(words) as *mut [u64]) },
            None => &mut self.heap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_zero_after_a_reset_whatever_they_were() {
        let mut words = RowWords::zeroed(40);
        words[39] = 7;
        words.reset(3);
        words[2] = 8;
        words.reset(40);
        assert!(words.len() == 40 && words.iter().all(|word| *word == 0));
    }
}

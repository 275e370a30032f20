//! A copy of a row's words: on the stack for rows of usual width.

use std::ops::{Deref, DerefMut};

/// Words kept without an allocation.
const INLINE_WORDS: usize = 32;

/// The words of one row, or of its key.
#[derive(Clone, Debug)]
pub(crate) struct RowWords {
    len: usize,
    inline: [u64; INLINE_WORDS],
    /// Used, whole, by rows that are wider.
    heap: Vec<u64>,
}

impl RowWords {
    /// No words.
    #[inline]
    pub(crate) fn new() -> Self {
        Self { len: 0, inline: [0; INLINE_WORDS], heap: Vec::new() }
    }

    /// So many words, all zero.
    #[inline]
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut words = Self::new();
        words.reset(len);
        words
    }

    /// Becomes so many words, all zero.
    #[inline]
    pub(crate) fn reset(&mut self, len: usize) {
        self.len = len;
        self.inline = [0; INLINE_WORDS];
        if len > INLINE_WORDS {
            self.heap.clear();
            self.heap.resize(len, 0);
        }
    }
}

impl Deref for RowWords {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        if self.len <= INLINE_WORDS { &self.inline[..self.len] } else { &self.heap }
    }
}

impl DerefMut for RowWords {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u64] {
        if self.len <= INLINE_WORDS { &mut self.inline[..self.len] } else { &mut self.heap }
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

//! A copy of a row's words: on the stack for rows of usual width.

use super::cell::{LongCell, borrowed};
use super::layout::Layout;
use super::wide::copy_words;
use crate::sync::AtomicU64;
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
    /// The words of rows that are wider, then long bytes of their own.
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
        self.len = len;
        let to = if len > INLINE_WORDS {
            self.reset_heap();
            self.heap.as_mut_ptr()
        } else {
            self.inline.as_mut_ptr().cast()
        };
        // SAFETY: the caller's promise, and there is room for so many.
        unsafe { copy_words(from, to, len) };
    }

    /// Copies the bytes that long cells borrow, so that they live as long as these words do. Those of a
    /// clone are still the original's.
    pub(crate) fn keep_long_cells(&mut self, layout: &Layout) {
        let long = |words: &Self, column: &usize| {
            let cell = layout.long_cell(words, *column)?;
            cell.block().map(|_| cell)
        };
        let columns = || layout.long_key_columns().iter().chain(layout.long_columns());
        let cells = columns().filter_map(|column| long(self, column));
        let more: usize = cells.map(|cell| cell.len().div_ceil(size_of::<u64>())).sum();
        if more == 0 {
            return;
        }
        let own = if self.len > INLINE_WORDS { self.len } else { 0 };
        let mut heap = Vec::with_capacity(own + more);
        heap.extend_from_slice(&self.heap[..own]);
        let mut moved: Vec<(usize, LongCell)> = Vec::new();
        for column in columns() {
            let Some(cell) = long(self, column) else { continue };
            let start = heap.len();
            for part in borrowed(&cell.0).chunks(size_of::<u64>()) {
                let mut word = [0; size_of::<u64>()];
                word[..part.len()].copy_from_slice(part);
                heap.push(u64::from_le_bytes(word));
            }
            moved.push((*column, cell.moved_to(heap[start..].as_ptr())));
        }
        self.heap = heap; // its words stay where they are
        for (column, cell) in moved {
            self[layout.column_words(column)].copy_from_slice(&cell.0);
        }
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
            None => &self.heap[..self.len],
        }
    }
}

impl DerefMut for RowWords {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u64] {
        match self.inline.get_mut(..self.len) {
            // SAFETY: as in `deref`.
            Some(words) => unsafe { &mut *(std::ptr::from_mut(words) as *mut [u64]) },
            None => &mut self.heap[..self.len],
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

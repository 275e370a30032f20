//! Copies of a few rows, handed out one after another.

use std::ops::Range;

/// Bytes of a batch, unless a single row is larger: they stay in the processor's nearest cache.
const BATCH_BYTES: usize = 4 << 10;
const WORD_BYTES: usize = 8;

/// Rows of one width, one behind the other.
pub(crate) struct RowBatch {
    /// Room for at least one row.
    words: Vec<u64>,
    /// Words of a row.
    width: usize,
    /// Rows there is room for at most.
    most: u64,
    /// Where the next row begins, and where the last one ends: whole rows of `words`.
    at: usize,
    end: usize,
}

impl RowBatch {
    /// An empty batch with room for so many rows, at least one and at most what a batch holds.
    pub(crate) fn new(width: usize, rows: usize) -> Self {
        let most = (BATCH_BYTES / WORD_BYTES / width.max(1)).max(1);
        let words = vec![0; width * rows.clamp(1, most)];
        Self { words, width, most: most as u64, at: 0, end: 0 }
    }

    /// True if every row has been given.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// The next row; the one before if there is none.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> &[u64] {
        let start = self.at;
        if start == self.end {
            return self.current();
        }
        self.at = start + self.width;
        // SAFETY: `filled` and `give` saw to it that `at` and `end` are whole numbers of rows from
        // 0, all of them within `words`, which only grow; so is every `at` between them.
        unsafe { self.words.get_unchecked(start..start + self.width) }
    }

    /// The row that [`RowBatch::next`] gave last, or zeros.
    pub(crate) fn current(&self) -> &[u64] {
        let start = self.at.saturating_sub(self.width);
        &self.words[start..start + self.width]
    }

    /// Room for so many rows at most, at least one, in the place of those handed out; to be
    /// followed by [`RowBatch::filled`].
    pub(crate) fn room(&mut self, rows: u64) -> &mut [u64] {
        (self.at, self.end) = (0, 0);
        let words = self.width * rows.clamp(1, self.most) as usize;
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
        &mut self.words[..words]
    }

    /// Room for the nth row, in the place of those handed out; to be followed by [`RowBatch::give`].
    /// `None` if there is none for it.
    pub(crate) fn row_mut(&mut self, nth: usize) -> Option<&mut [u64]> {
        (self.at, self.end) = (0, 0);
        self.words.get_mut(nth * self.width..(nth + 1) * self.width)
    }

    /// The words of these rows, as they were written.
    pub(crate) fn rows_mut(&mut self, rows: Range<usize>) -> &mut [u64] {
        &mut self.words[rows.start * self.width..rows.end * self.width]
    }

    /// Hands these rows out.
    pub(crate) fn give(&mut self, rows: Range<usize>) {
        (self.at, self.end) = (rows.start * self.width, rows.end * self.width);
        assert!(self.at <= self.end && self.end <= self.words.len(), "rows in the room");
    }

    /// Says how many words of the room hold rows now; gives the number of rows.
    pub(crate) fn filled(&mut self, words: usize) -> u64 {
        let rows = words / self.width.max(1);
        assert!(words <= self.words.len() && words == rows * self.width, "whole rows, in the room");
        self.end = words;
        rows as u64
    }
}

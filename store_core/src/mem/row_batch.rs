//! Copies of a few rows, handed out one after another.

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
    /// An empty batch with room for one row.
    pub(crate) fn new(width: usize) -> Self {
        let most = (BATCH_BYTES / WORD_BYTES / width.max(1)).max(1) as u64;
        Self { words: vec![0; width], width, most, at: 0, end: 0 }
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
        // SAFETY: `filled` saw to it that `end` is a whole number of rows from 0, all of them
        // within `words`, which only grow; so is every `at` below it.
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

    /// Says how many words of the room hold rows now; gives the number of rows.
    pub(crate) fn filled(&mut self, words: usize) -> u64 {
        let rows = words / self.width.max(1);
        assert!(words <= self.words.len() && words == rows * self.width, "whole rows, in the room");
        self.end = words;
        rows as u64
    }
}

//! The values of one column in many rows, one behind the other, in a block of a slab.
//!
//! ```text
//! block   [ word | word | … ]  [ mark | mark | … ]
//!           `width` a row        one a row: NULL or not; only if one is
//! ```
//!
//! Whole numbers and floats take a word a row and stand there as callers read them; of other columns
//! there are the words that they have in a row.

use super::slab::Slab;
use std::ptr::NonNull;
use std::sync::Arc;

const WORD_BYTES: usize = 8;
/// Bytes that a column takes besides its block, about: itself, its count, its place in a list, and the
/// list. The block is so much larger, so that they are counted with it.
const HEAD_BYTES: usize = size_of::<ColumnValues>() + 96;

/// The values of a column, which never change.
pub(crate) struct ColumnValues {
    slab: Arc<Slab>,
    start: NonNull<u64>,
    rows: usize,
    /// Words of a row.
    width: usize,
    has_nulls: bool,
}

// SAFETY: the block is this column's alone and is not written once it is filled.
unsafe impl Send for ColumnValues {}
// SAFETY: as above.
unsafe impl Sync for ColumnValues {}

impl ColumnValues {
    /// Values for so many rows, filled by `fill` from zeros; `None` if there is no memory to spare.
    pub(crate) fn make(
        slab: &Arc<Slab>,
        (rows, width): (usize, usize),
        has_nulls: bool,
        fill: impl FnOnce(&mut [u64], &mut [bool]),
    ) -> Option<Self> {
        let bytes = block_bytes(rows, width, has_nulls);
        let start = slab.try_allocate_spare(bytes)?.cast::<u64>();
        let marks = if has_nulls { rows } else { 0 };
        // SAFETY: the block is ours alone, of so many bytes and aligned to 16; zeros are words, and
        // marks that are false.
        let (words, nulls) = unsafe {
            start.as_ptr().cast::<u8>().write_bytes(0, bytes);
            let words = std::slice::from_raw_parts_mut(start.as_ptr(), rows * width);
            let nulls = start.as_ptr().add(rows * width).cast::<bool>();
            (words, std::slice::from_raw_parts_mut(nulls, marks))
        };
        fill(words, nulls);
        Some(Self { slab: Arc::clone(slab), start, rows, width, has_nulls })
    }

    /// Words of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The words of all rows.
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        // SAFETY: the block has so many words, which are not written any more.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.rows * self.width) }
    }

    /// The words as whole numbers.
    #[inline]
    pub(crate) fn ints(&self) -> &[i64] {
        let words = self.words();
        // SAFETY: every word is a whole number of the same size.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// The words as floats.
    #[inline]
    pub(crate) fn floats(&self) -> &[f64] {
        let words = self.words();
        // SAFETY: every word is a float of the same size.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// Which rows are NULL; `None` if none is.
    #[inline]
    pub(crate) fn nulls(&self) -> Option<&[bool]> {
        // SAFETY: the marks lie behind the words, and are not written any more.
        let marks = || unsafe {
            let start = self.start.as_ptr().add(self.rows * self.width).cast::<bool>();
            std::slice::from_raw_parts(start, self.rows)
        };
        self.has_nulls.then(marks)
    }
}

impl Drop for ColumnValues {
    fn drop(&mut self) {
        let bytes = block_bytes(self.rows, self.width, self.has_nulls);
        self.slab.release(self.start.cast(), bytes);
    }
}

/// Bytes of a block.
fn block_bytes(rows: usize, width: usize, has_nulls: bool) -> usize {
    let marks = if has_nulls { rows } else { 0 };
    HEAD_BYTES + rows * width * WORD_BYTES + marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::budget::MemoryBudget;
    use crate::mem::page_pool::PagePool;
    use crate::options::PAGE_BYTES;

    #[test]
    fn a_column_keeps_its_words_and_marks_and_gives_its_memory_back() {
        let budget = MemoryBudget::new(64 * PAGE_BYTES as u64);
        let root = budget.holder("store");
        let pool = PagePool::new(root.child("pool")).unwrap();
        let holder = root.child("columns");
        let slab = Slab::new(pool, holder.clone());
        for (rows, width, marks) in [(0, 1, false), (1, 1, true), (629, 1, true), (629, 3, false)] {
            let made = ColumnValues::make(&slab, (rows, width), marks, |words, nulls| {
                assert!(words.iter().all(|word| *word == 0) && nulls.iter().all(|null| !null));
                assert_eq!(
                    (words.len(), nulls.len()),
                    (rows * width, if marks { rows } else { 0 })
                );
                words.iter_mut().zip(0..).for_each(|(word, at)| *word = !at);
                nulls.iter_mut().step_by(2).for_each(|null| *null = true);
            });
            let made = made.unwrap();
            assert!(holder.used() >= (rows * width * WORD_BYTES) as u64);
            assert!(made.ints().iter().zip(0..).all(|(word, at)| *word == !at));
            assert_eq!(made.floats().len(), rows * width);
            let nulls = made.nulls().map(<[bool]>::to_vec);
            assert_eq!(nulls, marks.then(|| (0..rows).map(|at| at % 2 == 0).collect()));
            drop(made);
            assert_eq!(holder.used(), 0, "an empty page goes back to the pool");
        }
    }
}

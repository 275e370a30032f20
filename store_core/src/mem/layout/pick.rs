//! Single cells of a row: where their words are, found once for many reads.

use super::{Layout, Place, RowView};
use crate::mem::arena::SLACK_WORDS;
use crate::sync::{AtomicU64, Relaxed};
use crate::value::{Type, ValueRef};

/// Where one column's cell lies in the words of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    place: Place,
}

/// The words of one cell, copied out of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PickedCell {
    /// The second is the cell's if it has two.
    words: [u64; 2],
    /// Not 0 if the cell is NULL.
    null: u64,
}

impl Layout {
    /// Where a column's cell is.
    pub(crate) fn pick(&self, column: usize) -> Pick {
        const { assert!(SLACK_WORDS > 0, "a word behind the last one can be read") };
        let place = self.places[column];
        let null_word = if place.null_mask == 0 { place.word } else { place.null_word };
        Pick { place: Place { null_word, ..place } }
    }
}

impl Pick {
    /// Copies the cell's words, which others may be changing.
    ///
    /// # Safety
    /// The words from `row` on are a row of the layout that this is of, and one more is readable.
    #[inline(always)]
    pub(crate) unsafe fn load(&self, row: *const AtomicU64) -> PickedCell {
        // SAFETY: a place lies in the row of its layout; at most one more word is read.
        let word = |at: usize| unsafe { &*row.add(at) }.load(Relaxed);
        let null = word(self.place.null_word) & self.place.null_mask;
        PickedCell { words: [word(self.place.word), word(self.place.word + 1)], null }
    }

    /// Copies the cell's words out of those of a whole row.
    pub(crate) fn take(&self, row: &[u64]) -> PickedCell {
        let null = row[self.place.null_word] & self.place.null_mask;
        let second = row.get(self.place.word + 1).copied().unwrap_or_default();
        PickedCell { words: [row[self.place.word], second], null }
    }

    /// The value of a cell that this has picked of a version which the caller sees for `'a`, as
    /// [`view`](super::view) says.
    #[inline(always)]
    pub(crate) fn value<'a>(&self, cell: &'a PickedCell) -> ValueRef<'a> {
        if cell.null != 0 {
            return ValueRef::Null;
        }
        let bits = cell.words[0] >> self.place.shift;
        match self.place.ty {
            Type::Bool => ValueRef::Bool(bits & 1 != 0),
            Type::Int16 => ValueRef::Int(i64::from(bits as i16)),
            Type::Int32 => ValueRef::Int(i64::from(bits as i32)),
            Type::Int64 => ValueRef::Int(bits as i64),
            Type::Float32 => ValueRef::Float32(f32::from_bits(bits as u32)),
            Type::Float64 => ValueRef::Float64(f64::from_bits(bits)),
            Type::Date => ValueRef::Date(bits as i32),
            Type::Timestamp => ValueRef::Timestamp(bits as i64),
            Type::Text | Type::Bytes => RowView::long_cell(self.place.ty, &cell.words),
            Type::Decimal { .. } | Type::Inet | Type::Mac => {
                self.place.exact_value(bits, || cell.words[1])
            }
        }
    }
}

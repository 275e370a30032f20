//! Reading the cells of a whole row: in as few steps as there are, for loops over many rows.

use super::{Layout, RowView, view};
use crate::value::{Type, ValueRef};

/// A whole row's words with their layout.
#[derive(Clone, Copy)]
pub(crate) struct WholeRow<'a>(RowView<'a>);

/// A view of all words of a row, which the caller has as [`view`] says.
#[inline(always)]
pub(crate) fn whole<'a>(layout: &'a Layout, words: &'a [u64]) -> WholeRow<'a> {
    assert!(layout.words <= words.len(), "a whole row has all its words");
    WholeRow(view(layout, words))
}

impl<'a> WholeRow<'a> {
    /// The value of a column.
    #[inline(always)]
    pub(crate) fn cell(&self, column: usize) -> ValueRef<'a> {
        let RowView { layout, words } = self.0;
        let place = &layout.places[column];
        // SAFETY: `whole` saw that there are all the words of the layout, and its places lie there.
        let nulls = unsafe { words.get_unchecked(place.null_word) };
        if nulls & place.null_mask != 0 {
            return ValueRef::Null;
        }
        match place.ty {
            Type::Bool => ValueRef::Bool(self.fixed::<u8>(place.byte) & 1 != 0),
            Type::Int16 => ValueRef::Int(i64::from(self.fixed::<i16>(place.byte))),
            Type::Int32 => ValueRef::Int(i64::from(self.fixed::<i32>(place.byte))),
            Type::Int64 => ValueRef::Int(self.fixed(place.byte)),
            Type::Float32 => ValueRef::Float32(self.fixed(place.byte)),
            Type::Float64 => ValueRef::Float64(self.fixed(place.byte)),
            Type::Date => ValueRef::Date(self.fixed(place.byte)),
            Type::Timestamp => ValueRef::Timestamp(self.fixed(place.byte)),
            Type::Bytes | Type::Text => self.0.long_value(place),
            Type::Decimal { .. } | Type::Inet | Type::Mac => {
                place.exact_value(self.fixed(place.byte), || self.fixed(place.byte + 8))
            }
        }
    }

    /// Copies the words at these places.
    pub(crate) fn pick(&self, picks: &[usize], out: &mut [u64]) {
        for (at, out) in picks.iter().zip(out) {
            *out = self.0.words[*at];
        }
    }

    /// A number that is narrower than a word lies in it as in memory: cells are little-endian.
    #[inline(always)]
    fn fixed<T: Number>(&self, byte: usize) -> T {
        let words: *const u8 = self.0.words.as_ptr().cast();
        // SAFETY: a place's bytes lie among the words, as above; any bits are a number.
        unsafe { words.add(byte).cast::<T>().read_unaligned() }
    }
}

/// Any bits of its size are one of its values.
trait Number: Copy {}
impl Number for u8 {}
impl Number for i16 {}
impl Number for i32 {}
impl Number for i64 {}
impl Number for u64 {}
impl Number for f32 {}
impl Number for f64 {}

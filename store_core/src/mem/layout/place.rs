//! Where one column lies in a row's words.

use crate::mem::cell::{INLINE_BYTES_MAX, LongCell};
use crate::planted;
use crate::value::{DecimalUnits, Inet, Mac, Type, ValueRef};

/// Where a column lies in a row's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ty: Type,
    pub(super) word: usize,
    /// First bit in the word, for types narrower than a word.
    pub(super) shift: u8,
    /// First byte in the row.
    pub(super) byte: usize,
    /// Word and mask of the null bit; a mask of 0 where NULL is refused.
    pub(super) null_word: usize,
    pub(super) null_mask: u64,
    pub(super) in_key: bool,
    /// The kind of the values that stand here as they are.
    pub(super) plain: Kind,
    /// Bits by which a word is wider than a cell.
    pub(super) spare: u8,
}

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Timestamp,
    Float,
    Text,
    /// Those that take more than a step.
    Other,
}

impl Place {
    /// Writes a text cell if the text fits in it.
    #[inline]
    pub(super) fn set_short(&self, words: &mut [u64], text: &str) -> bool {
        if self.plain != Kind::Text || text.len() > INLINE_BYTES_MAX {
            return false;
        }
        let cell = LongCell::inline(text.as_bytes());
        if cell.has_nul() {
            return false;
        }
        (words[self.word], words[self.word + 1]) = (cell.0[0], cell.0[1]);
        words[self.null_word] &= !self.null_mask;
        true
    }

    /// Writes a cell of two words.
    pub(super) fn set_wide(&self, words: &mut [u64], cell: [u64; 2]) {
        if self.null_mask != 0 {
            words[self.null_word] &= !self.null_mask;
        }
        words[self.word..self.word + 2].copy_from_slice(&cell);
    }

    /// The value of a decimal or an address with this word, or these two.
    ///
    /// Without a call: a loop that reads cells of all types would keep them in memory for it.
    #[inline(always)]
    pub(super) fn exact_value(&self, low: u64, high: impl FnOnce() -> u64) -> ValueRef<'static> {
        match self.ty {
            Type::Mac => ValueRef::Mac(Mac::from_bits(low)),
            Type::Inet => ValueRef::Inet(Inet::from_words([low, high()])),
            Type::Decimal { scale, .. } => {
                let sign = (low as i64 >> 63) as u64;
                let high = if self.ty.is_wide() { high() } else { sign };
                ValueRef::Decimal(DecimalUnits::from_words([low, high]), scale)
            }
            _ => ValueRef::Null, // of no other type
        }
    }

    /// The place of a column of this type, nowhere yet.
    pub(super) fn of(ty: Type) -> Self {
        let plain = match ty {
            Type::Int16 | Type::Int32 | Type::Int64 => Kind::Int,
            Type::Timestamp => Kind::Timestamp,
            Type::Float64 => Kind::Float,
            Type::Text => Kind::Text,
            _ => Kind::Other,
        };
        let (word, null_word) = (0, 0);
        let none = Self {
            ty,
            word,
            shift: 0,
            byte: 0,
            null_word,
            null_mask: 0,
            in_key: false,
            plain,
            spare: 0,
        };
        Self { spare: 64_u32.saturating_sub(none.bits()) as u8, ..none }
    }

    #[inline]
    pub(super) const fn bits(&self) -> u32 {
        match self.ty {
            Type::Bool => 8,
            Type::Int16 => 16,
            Type::Int32 | Type::Float32 | Type::Date => 32,
            Type::Int64 | Type::Float64 | Type::Timestamp | Type::Mac => 64,
            Type::Text | Type::Bytes | Type::Inet => 128,
            Type::Decimal { .. } => {
                if self.ty.is_wide() {
                    128
                } else {
                    64
                }
            }
        }
    }

    /// True if the cell itself is the value, and two words long.
    pub(super) fn has_upper_word(&self) -> bool {
        let wide = self.ty.is_wide() && !self.ty.is_long();
        wide && !planted::bug("upper_key_word_ignored")
    }

    #[inline]
    pub(super) const fn mask(&self) -> u64 {
        if self.bits() >= 64 { u64::MAX } else { (1 << self.bits()) - 1 }
    }

    /// Key cells are compared by their words: one NaN, one zero.
    pub(super) fn canonical<T: From<f32> + Copy>(
        &self,
        value: f64,
        keep: impl FnOnce(f64) -> T,
    ) -> T {
        if !self.in_key {
            keep(value)
        } else if value.is_nan() {
            T::from(f32::NAN)
        } else if value == 0.0 {
            T::from(0.0)
        } else {
            keep(value)
        }
    }
}

/// Gives these columns their words, widest first; returns the first free word.
pub(super) fn pack(places: &mut [Place], columns: &[usize], start: usize) -> usize {
    let mut order = columns.to_vec();
    order.sort_by_key(|column| std::cmp::Reverse(places[*column].bits()));
    let mut bit = start * 64;
    for column in order {
        let place = &mut places[column];
        place.word = bit / 64;
        place.shift = (bit % 64) as u8;
        place.byte = bit / 8;
        bit += place.bits() as usize;
    }
    bit.div_ceil(64)
}

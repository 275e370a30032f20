//! Row layout: which word and bits of a row each column has.
//!
//! ```text
//! words   [ key columns … | null bits … | other columns … ]
//!           fixed for a row's life        replaced by each version
//! ```
//!
//! Columns are packed by width: two words for text and bytes (`cell.rs`), internet addresses and
//! long decimals, one for 8-byte types, and the narrower ones share words. Only columns that may be
//! NULL have a null bit.

mod cell_test;
mod narrow;
mod pick;
mod place;
mod rank;
mod whole;

pub(crate) use cell_test::{CellTest, Sides};
pub(crate) use narrow::{Lane, Narrowed};
pub(crate) use pick::{Pick, PickedCell};
pub(crate) use rank::CellRank;
pub(crate) use whole::{WholeRow, whole};

use super::cell::{INLINE_BYTES_MAX, LongCell};
use super::key_hash::{hash_words, mix};
use super::key_steps::KeySteps;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::value::{Type, ValueRef};
use place::{Kind, Place, pack};
use std::collections::BTreeMap;
use std::ops::Range;

/// Where each column of a schema lies in a row's words.
#[derive(Debug)]
pub(crate) struct Layout {
    places: Vec<Place>,
    key_columns: Vec<usize>,
    key_steps: KeySteps,
    /// Text and bytes columns: those of the key, and the others.
    long_key: Vec<usize>,
    /// Where the cells of `long_key` begin.
    long_key_words: Vec<usize>,
    long_others: Vec<usize>,
    key_words: usize,
    words: usize,
}

impl Layout {
    /// Lays out a schema.
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut places: Vec<Place> =
            schema.columns.iter().map(|column| Place::of(column.ty)).collect();
        let key_columns = schema.key.clone();
        let key_words = pack(&mut places, &key_columns, 0);
        for column in &key_columns {
            places[*column].in_key = true;
            if places[*column].plain == Kind::Float {
                places[*column].plain = Kind::Other; // one NaN, one zero
            }
        }
        let nullable: Vec<usize> =
            (0..places.len()).filter(|at| !schema.columns[*at].notnull).collect();
        for (bit, column) in nullable.iter().enumerate() {
            places[*column].null_word = key_words + bit / 64;
            places[*column].null_mask = 1 << (bit % 64);
        }
        let others: Vec<usize> = (0..places.len()).filter(|at| !schema.is_key(*at)).collect();
        let words = pack(&mut places, &others, key_words + nullable.len().div_ceil(64));
        let long = |columns: &[usize]| -> Vec<usize> {
            columns.iter().copied().filter(|column| places[*column].ty.is_long()).collect()
        };
        let (long_key, long_others) = (long(&key_columns), long(&others));
        let long_key_words = long_key.iter().map(|column| places[*column].word).collect();
        let place = |column: &usize| {
            let place = &places[*column];
            (place.ty, place.word, u32::from(place.shift))
        };
        let key_steps = KeySteps::new(key_columns.iter().map(place));
        Self {
            places,
            key_columns,
            key_steps,
            long_key,
            long_key_words,
            long_others,
            key_words,
            words,
        }
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.places.len()
    }

    /// Words of the key columns; they come first.
    pub(crate) fn key_words(&self) -> usize {
        self.key_words
    }

    /// Words of the null bits and the other columns.
    pub(crate) fn payload_words(&self) -> usize {
        self.words - self.key_words
    }

    /// Words of a whole row.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The words a column takes, without its null bit.
    pub(crate) fn column_words(&self, column: usize) -> Range<usize> {
        let place = &self.places[column];
        place.word..place.word + if place.ty.is_wide() { 2 } else { 1 }
    }

    /// The words from a column's null bit to its cell.
    pub(crate) fn needed_words(&self, column: usize) -> Range<usize> {
        let (place, words) = (&self.places[column], self.column_words(column));
        if place.null_mask == 0 {
            return words;
        }
        place.null_word.min(words.start)..words.end.max(place.null_word + 1)
    }

    /// Writes a cell; `long` says how text and bytes become a cell (owned or borrowed).
    ///
    /// The value is coerced to the column's type before. On an error nothing is written.
    pub(crate) fn set(
        &self,
        words: &mut [u64],
        column: usize,
        value: ValueRef<'_>,
        long: impl FnOnce(&[u8]) -> Result<LongCell>,
    ) -> Result<()> {
        let place = &self.places[column];
        let bits = match value {
            ValueRef::Null => {
                debug_assert!(place.null_mask != 0, "NULL was refused before");
                words[place.null_word] |= place.null_mask;
                self.clear(words, column);
                return Ok(());
            }
            ValueRef::Text(text) => {
                place.set_wide(words, long(text.as_bytes())?.0);
                return Ok(());
            }
            ValueRef::Bytes(bytes) => {
                place.set_wide(words, long(bytes)?.0);
                return Ok(());
            }
            ValueRef::Decimal(units, _) if place.ty.is_wide() => {
                place.set_wide(words, units.words());
                return Ok(());
            }
            ValueRef::Inet(value) => {
                place.set_wide(words, value.words());
                return Ok(());
            }
            ValueRef::Bool(value) => u64::from(value),
            ValueRef::Int(value) | ValueRef::Timestamp(value) => value as u64,
            ValueRef::Date(value) => value as u64,
            ValueRef::Decimal(units, _) => units.get() as u64,
            ValueRef::Mac(value) => value.to_bits(),
            ValueRef::Float32(value) => {
                u64::from(place.canonical(f64::from(value), |_| value).to_bits())
            }
            ValueRef::Float64(value) => place.canonical(value, |value| value).to_bits(),
        };
        if place.null_mask != 0 {
            words[place.null_word] &= !place.null_mask;
        }
        let mask = place.mask();
        let word = &mut words[place.word];
        *word = *word & !(mask << place.shift) | (bits & mask) << place.shift;
        Ok(())
    }

    /// Writes a cell, of the column's type, whose long bytes are borrowed: whoever has the words keeps them.
    pub(crate) fn set_borrowing(
        &self,
        words: &mut [u64],
        column: usize,
        value: ValueRef<'_>,
    ) -> Result<()> {
        if value.is_null() && self.places[column].null_mask == 0 {
            return Err(Error::corrupt("NULL in a column that is notnull"));
        }
        self.set(words, column, value, |bytes| Ok(LongCell::borrowing(bytes)))
    }

    /// Writes a cell that needs no conversion: integers in range, short text without NUL, timestamps,
    /// and floats outside of the key; false if the value is another one: then nothing was written.
    #[inline]
    pub(crate) fn set_plain(&self, words: &mut [u64], column: usize, value: ValueRef<'_>) -> bool {
        let place = &self.places[column];
        let (kind, bits) = match value {
            ValueRef::Int(value) => (Kind::Int, value),
            ValueRef::Timestamp(value) => (Kind::Timestamp, value),
            ValueRef::Float64(value) => (Kind::Float, value.to_bits().cast_signed()),
            ValueRef::Text(text) => return place.set_short(words, text),
            _ => return false,
        };
        if kind != place.plain || bits << place.spare >> place.spare != bits {
            return false;
        }
        let (mask, word) = (u64::MAX >> place.spare, &mut words[place.word]);
        *word = *word & !(mask << place.shift) | (bits.cast_unsigned() & mask) << place.shift;
        words[place.null_word] &= !place.null_mask;
        true
    }

    /// How keys are built of values.
    #[inline(always)]
    pub(crate) fn key_steps(&self) -> &KeySteps {
        &self.key_steps
    }

    /// The bits of these columns: words, counted from the first of the payload, with masks. Key
    /// columns, which never change, have none.
    pub(crate) fn payload_bits(&self, columns: impl Iterator<Item = usize>) -> Vec<(usize, u64)> {
        let mut bits = BTreeMap::new();
        let mut add =
            |word: usize, mask: u64| *bits.entry(word - self.key_words).or_default() |= mask;
        for place in columns.map(|column| &self.places[column]).filter(|place| !place.in_key) {
            if place.null_mask != 0 {
                add(place.null_word, place.null_mask);
            }
            if place.ty.is_wide() {
                add(place.word, u64::MAX);
                add(place.word + 1, u64::MAX);
            } else {
                add(place.word, place.mask() << place.shift);
            }
        }
        bits.into_iter().collect()
    }

    /// True if a column has the same bits in both rows; equal values may have other bits.
    #[inline]
    pub(crate) fn same_bits(&self, a: &[u64], b: &[u64], column: usize) -> bool {
        let place = &self.places[column];
        let null = (a[place.null_word] ^ b[place.null_word]) & place.null_mask;
        let mut differs = (a[place.word] ^ b[place.word]) >> place.shift & place.mask();
        if place.ty.is_wide() {
            differs |= a[place.word + 1] ^ b[place.word + 1];
        }
        null | differs == 0
    }

    /// The long cell of a text or bytes column that is not NULL.
    pub(crate) fn long_cell(&self, words: &[u64], column: usize) -> Option<LongCell> {
        let place = &self.places[column];
        if !place.ty.is_long() || words[place.null_word] & place.null_mask != 0 {
            return None;
        }
        Some(LongCell([words[place.word], words[place.word + 1]]))
    }

    /// Columns other than the key whose cells may own a block.
    pub(crate) fn long_columns(&self) -> &[usize] {
        &self.long_others
    }

    /// Key columns whose cells may own a block.
    pub(crate) fn long_key_columns(&self) -> &[usize] {
        &self.long_key
    }

    /// NULL cells hold zeros, so that equal rows have equal words.
    fn clear(&self, words: &mut [u64], column: usize) {
        let place = &self.places[column];
        if place.ty.is_wide() {
            words[place.word..place.word + 2].fill(0);
        } else {
            words[place.word] &= !(place.mask() << place.shift);
        }
    }
}

/// A row's words with their layout, as somebody may read them.
#[derive(Clone, Copy)]
pub(crate) struct RowView<'a> {
    layout: &'a Layout,
    words: &'a [u64],
}

/// A view of words that `txn` or a cursor copied from a version its registered snapshot sees, from
/// a row it owns, or built as a borrowing key: what [`RowView::new`] asks for. Nothing outside the
/// crate can make one from words of its own.
#[inline(always)]
pub(crate) fn view<'a>(layout: &'a Layout, words: &'a [u64]) -> RowView<'a> {
    // SAFETY: the callers' promise, above.
    unsafe { RowView::new(layout, words) }
}

impl<'a> RowView<'a> {
    /// Looks at a copy of a row.
    ///
    /// # Safety
    /// The long cells among `words` live and do not change for `'a`: the words are those of a
    /// version visible to a snapshot registered for that long, of a row the caller owns, or of a
    /// key that borrows.
    pub(crate) unsafe fn new(layout: &'a Layout, words: &'a [u64]) -> Self {
        Self { layout, words }
    }

    /// The value of a column.
    #[inline(always)]
    pub(crate) fn cell(&self, column: usize) -> ValueRef<'a> {
        let place = &self.layout.places[column];
        if self.words[place.null_word] & place.null_mask != 0 {
            return ValueRef::Null;
        }
        let bits = self.words[place.word] >> place.shift;
        match place.ty {
            Type::Bool => ValueRef::Bool(bits & 1 != 0),
            Type::Int16 => ValueRef::Int(i64::from(bits as i16)),
            Type::Int32 => ValueRef::Int(i64::from(bits as i32)),
            Type::Int64 => ValueRef::Int(bits as i64),
            Type::Float32 => ValueRef::Float32(f32::from_bits(bits as u32)),
            Type::Float64 => ValueRef::Float64(f64::from_bits(bits)),
            Type::Date => ValueRef::Date(bits as i32),
            Type::Timestamp => ValueRef::Timestamp(bits as i64),
            Type::Bytes | Type::Text => self.long_value(place),
            Type::Decimal { .. } | Type::Inet | Type::Mac => {
                place.exact_value(bits, || self.words[place.word + 1])
            }
        }
    }

    /// The value of a text or bytes column that is not NULL.
    #[inline(always)]
    fn long_value(&self, place: &Place) -> ValueRef<'a> {
        Self::long_cell(place.ty, self.cell_words(place.word))
    }

    /// The same of the cell's words, which are part of what [`RowView::new`] asks for.
    #[inline(always)]
    fn long_cell(ty: Type, words: &'a [u64; 2]) -> ValueRef<'a> {
        // SAFETY: the promise of `RowView::new`.
        let bytes = unsafe { LongCell::bytes(words) };
        if matches!(ty, Type::Bytes) {
            return ValueRef::Bytes(bytes);
        }
        // SAFETY: only valid UTF-8 is ever written into a text cell.
        ValueRef::Text(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    #[inline]
    fn long(&self, word: usize) -> &'a [u8] {
        // SAFETY: the promise of `RowView::new`.
        unsafe { LongCell::bytes(self.cell_words(word)) }
    }

    #[inline(always)]
    fn cell_words(&self, word: usize) -> &'a [u64; 2] {
        self.words[word..word + 2].try_into().expect("a long cell has two words")
    }

    /// A hash of the key columns, the same for equal keys.
    pub(crate) fn key_hash(&self) -> u64 {
        let key = &self.words[..self.layout.key_words];
        // The address of a long cell differs between equal keys: its bytes are hashed instead.
        let is_long = |word: &usize| LongCell([key[*word], 0]).len() > INLINE_BYTES_MAX;
        if self.layout.long_key_words.iter().any(is_long) {
            return self.long_key_hash();
        }
        hash_words(key)
    }

    #[cold]
    fn long_key_hash(&self) -> u64 {
        let mut hash = 0xD6E8_FEB8_6659_FD93_u64;
        for column in &self.layout.key_columns {
            let place = &self.layout.places[*column];
            let part = if place.ty.is_long() {
                xxhash_rust::xxh3::xxh3_64(self.long(place.word))
            } else {
                self.words[place.word] >> place.shift & place.mask()
            };
            hash = mix(hash, part);
            if place.has_upper_word() {
                hash = mix(hash, self.words[place.word + 1]);
            }
        }
        hash
    }

    /// True if both rows have the same key.
    #[inline(always)]
    pub(crate) fn same_key(&self, other: &RowView<'_>) -> bool {
        let words = self.layout.key_words;
        let (ours, theirs) = (&self.words[..words], &other.words[..words]);
        // Not `==`: a call of memcmp costs more than the few words of most keys.
        if (0..words).fold(0, |differs, at| differs | (ours[at] ^ theirs[at])) == 0 {
            return true;
        }
        !self.layout.long_key.is_empty() && self.same_long_key(other)
    }

    #[cold]
    fn same_long_key(&self, other: &RowView<'_>) -> bool {
        self.layout.key_columns.iter().all(|column| {
            let place = &self.layout.places[*column];
            if place.ty.is_long() {
                return self.long(place.word) == other.long(place.word);
            }
            let differ = |at: usize| self.words[at] ^ other.words[at];
            let upper = if place.has_upper_word() { differ(place.word + 1) } else { 0 };
            (differ(place.word) >> place.shift & place.mask()) | upper == 0
        })
    }
}

impl Layout {
    /// False if the words of two keys rule out that they are equal; compares no long bytes, so it
    /// may be asked of words that another thread is changing.
    pub(crate) fn keys_may_be_equal(&self, ours: &[u64], theirs: &[u64]) -> bool {
        if ours[..self.key_words] == theirs[..self.key_words] {
            return true;
        }
        let is_long = |word: usize| {
            self.long_key.iter().any(|column| self.column_words(*column).contains(&word))
        };
        let cell = |words: &[u64], at: usize| LongCell([words[at], words[at + 1]]);
        let mut long = self.long_key.iter().map(|column| self.places[*column].word);
        long.all(|at| cell(ours, at).may_equal(cell(theirs, at)))
            && (0..self.key_words).all(|word| ours[word] == theirs[word] || is_long(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use crate::value::{Decimal, Mac};

    fn row(layout: &Layout, values: &[ValueRef<'_>]) -> Vec<u64> {
        let mut words = vec![0; layout.words()];
        for (column, value) in values.iter().enumerate() {
            layout.set(&mut words, column, *value, |bytes| Ok(LongCell::borrowing(bytes))).unwrap();
        }
        words
    }

    #[test]
    fn cells_of_every_type_come_back() {
        let types = [
            Type::Text,
            Type::Bool,
            Type::Int16,
            Type::Int32,
            Type::Int64,
            Type::Float32,
            Type::Float64,
            Type::Bytes,
            Type::Date,
            Type::Timestamp,
            Type::Decimal { precision: 38, scale: 2 },
            Type::Decimal { precision: 18, scale: 18 },
            Type::Inet,
            Type::Mac,
        ];
        let mut builder = Schema::builder("t");
        for (nth, ty) in types.iter().enumerate() {
            builder = builder.column(format!("c{nth}"), *ty);
        }
        let schema = builder.key_of(&["c0", "c3"]).build().unwrap();
        let layout = Layout::new(&schema);
        let values = [
            ValueRef::Text("a text of some length"),
            ValueRef::Bool(true),
            ValueRef::Int(-2),
            ValueRef::Int(-70_000),
            ValueRef::Int(i64::MIN),
            ValueRef::Float32(1.5),
            ValueRef::Float64(-0.0),
            ValueRef::Bytes(&[0, 255]),
            ValueRef::Date(-1),
            ValueRef::Timestamp(i64::MAX),
            Decimal::new(1 - 10_i128.pow(38), 2).unwrap().into(),
            Decimal::new(1 - 10_i128.pow(18), 18).unwrap().into(),
            ValueRef::Inet("2001:db8::fe".parse().unwrap()),
            ValueRef::Mac(Mac::from_octets([0x80, 1, 2, 3, 4, 255])),
        ];
        let mut words = row(&layout, &values);
        // SAFETY: the cells borrow from `values`.
        let view = unsafe { RowView::new(&layout, &words) };
        for (column, value) in values.iter().enumerate() {
            assert_eq!(view.cell(column), *value);
        }
        layout.set(&mut words, 4, ValueRef::Null, |_| unreachable!()).unwrap();
        // SAFETY: as above.
        let view = unsafe { RowView::new(&layout, &words) };
        assert_eq!((view.cell(4), view.cell(3)), (ValueRef::Null, values[3]));
    }

    #[test]
    fn both_words_of_a_key_column_count_beside_long_text() {
        let schema = "a decimal(38,0), b inet, c text, d mac, key(a, b, c, d)";
        let layout = Layout::new(&Schema::parse("t", schema).unwrap());
        let key = |units: i128, address: &str, text: &'static str, card: u64| {
            let cells = [
                Decimal::new(units, 0).unwrap().into(),
                ValueRef::Inet(address.parse().unwrap()),
                ValueRef::Text(text),
                ValueRef::Mac(Mac::from_bits(card)),
            ];
            row(&layout, &cells)
        };
        let (long, other) = ("longer than twelve bytes", "longer than twelve, other");
        let same = [key(1 << 70, "::1", long, 7), key(1 << 70, "::1", long, 7)];
        let views = same.each_ref().map(|words| view(&layout, words));
        assert!(views[0].same_key(&views[1]) && views[0].key_hash() == views[1].key_hash());
        for words in [
            key(1 << 71, "::1", long, 7),
            key((1 << 70) + 1, "::1", long, 7),
            key(1 << 70, "::2", long, 7),
            key(1 << 70, "8000::1", long, 7),
            key(1 << 70, "::1", other, 7),
            key(1 << 70, "::1", long, 1 << 47),
        ] {
            let view = view(&layout, &words);
            assert!(!views[0].same_key(&view) && views[0].key_hash() != view.key_hash());
        }
    }

    #[test]
    fn equal_keys_hash_alike_wherever_their_bytes_are() {
        let schema = Schema::builder("t")
            .column("a", Type::Int16)
            .key()
            .column("b", Type::Text)
            .key()
            .build();
        let layout = Layout::new(&schema.unwrap());
        let long = "longer than twelve bytes".to_owned();
        let (a, b) = (long.clone(), long.clone());
        let one = row(&layout, &[ValueRef::Int(7), ValueRef::Text(&a)]);
        let two = row(&layout, &[ValueRef::Int(7), ValueRef::Text(&b)]);
        let other = row(&layout, &[ValueRef::Int(8), ValueRef::Text(&b)]);
        // SAFETY: the cells borrow from strings of this test.
        let [one_view, two_view, other_view] =
            [&one, &two, &other].map(|words| unsafe { RowView::new(&layout, words) });
        assert_eq!(one_view.key_hash(), two_view.key_hash());
        assert!(one_view.same_key(&two_view) && !one_view.same_key(&other_view));
        assert!(layout.keys_may_be_equal(&one, &two) && !layout.keys_may_be_equal(&one, &other));
    }
}

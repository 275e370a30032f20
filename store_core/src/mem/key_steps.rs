//! How the values of a key become its words: one short step per column, laid out once per table.

use super::cell::{INLINE_BYTES_MAX, LongCell};
use super::key_hash::{SHORT_WORDS, SHORTEST_WORDS, hash_short, hash_shortest};
use super::wide::{READ_WORDS, same_words};
use crate::sync::{AtomicU64, Relaxed};
use crate::value::{Type, ValueRef};

/// Words and columns of a key that is built here; one with more is built by `prepare`.
pub(crate) const KEY_WORDS: usize = SHORT_WORDS;
const KEY_COLUMNS: usize = 8;

/// A key in up to so many words, the rest zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyWords<const MOST: usize> {
    words: [u64; MOST],
    len: usize,
}

/// A key of one column; it stays in registers.
pub(crate) type OneKey = KeyWords<2>;
/// A key of any number of columns.
pub(crate) type AnyKey = KeyWords<KEY_WORDS>;

impl<const MOST: usize> KeyWords<MOST> {
    pub(crate) const NONE: Self = Self { words: [0; MOST], len: 0 };

    /// All words, those of the key first.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> u64 {
        match self.words.first_chunk::<SHORT_WORDS>() {
            Some(words) if self.len > SHORTEST_WORDS => hash_short(words),
            _ => hash_shortest([self.words[0], self.words[1]]),
        }
    }

    /// True if these are the words from `words` on, which others may be changing.
    ///
    /// # Safety
    /// [`READ_WORDS`] are readable there.
    #[inline(always)]
    pub(crate) unsafe fn is_at(&self, words: *const AtomicU64) -> bool {
        if let Some(ours) = self.words.first_chunk::<READ_WORDS>() {
            // SAFETY: the caller's promise.
            return unsafe { same_words(ours, words, self.len) };
        }
        let differs = |at: usize| {
            // SAFETY: the caller's promise; a key is no longer than what is read.
            unsafe { &*words.add(at) }.load(Relaxed) ^ self.words[at]
        };
        (0..self.len.min(MOST)).fold(0, |all, at| all | differs(at)) == 0
    }
}

#[cfg(test)]
impl<const MOST: usize> KeyWords<MOST> {
    fn as_slice(&self) -> &[u64] {
        &self.words[..self.len]
    }
}

/// The steps that build a table's keys.
#[derive(Debug)]
pub(crate) struct KeySteps {
    /// The kinds of the columns, a byte each; what no values have if keys are not built here.
    kinds: u64,
    /// Words of a key.
    words: usize,
    steps: [Step; KEY_COLUMNS],
}

/// One column.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The bits of an integer of this type.
    mask: u64,
    /// The others.
    excess: u64,
    /// Its least value, as a positive number.
    least: u64,
    word: u8,
    /// First bit in the word.
    shift: u8,
}

const INT: u8 = 1;
const TEXT: u8 = 2;
const TIMESTAMP: u8 = 3;
/// A type, or a value, that takes more than a step.
const OTHER_TYPE: u8 = 4;
const OTHER_VALUE: u8 = 5;

impl KeySteps {
    /// From type, word and first bit of each key column, in key order.
    pub(crate) fn new(columns: impl ExactSizeIterator<Item = (Type, usize, u32)>) -> Self {
        let mut all = Self { kinds: 0, words: 0, steps: [Step::default(); KEY_COLUMNS] };
        if columns.len() > KEY_COLUMNS {
            all.kinds = u64::from(OTHER_TYPE);
            return all;
        }
        for (nth, (ty, word, shift)) in columns.enumerate() {
            let (kind, bits) = match ty {
                _ if word + 2 > KEY_WORDS => (OTHER_TYPE, 64),
                Type::Int16 => (INT, 16),
                Type::Int32 => (INT, 32),
                Type::Int64 => (INT, 64),
                Type::Timestamp => (TIMESTAMP, 64),
                Type::Text => (TEXT, 64),
                _ => (OTHER_TYPE, 64),
            };
            all.kinds |= u64::from(kind) << (8 * nth);
            all.words = all.words.max(word + if ty.is_wide() { 2 } else { 1 });
            all.steps[nth] = Step {
                mask: u64::MAX >> (64 - bits),
                excess: !(u64::MAX >> (64 - bits)),
                least: 1 << (bits - 1),
                word: word as u8,
                shift: shift as u8,
            };
        }
        all
    }

    /// Writes the key of these values, in key order, over [`AnyKey::NONE`], if they are integers in range, timestamps, and text
    /// that fits in its cell: no other value, none too few and none too many.
    ///
    /// Does not look for NUL in text: no row has such a key, and asking for one is an error that
    /// whoever finds nothing gives.
    ///
    /// Unrolled and inlined where keys are looked up: there the kinds of the values are mostly
    /// known, and only what is done with them is left. The fewer instructions a read has, the sooner
    /// the processor sees the next one and waits for the memory of both at once.
    #[inline(always)]
    pub(crate) fn build(&self, key: &mut AnyKey, cells: &[ValueRef<'_>]) -> bool {
        let kind = |nth: usize| cells.get(nth).map_or(0, kind_of) << (8 * nth);
        let kinds = kind(0) | kind(1) | kind(2) | kind(3) | kind(4) | kind(5) | kind(6) | kind(7);
        if kinds != self.kinds || cells.len() > KEY_COLUMNS {
            return false;
        }
        let words = &mut key.words;
        key.len = self.words;
        let mut wrong = 0;
        // SAFETY: the kinds are the columns', as just seen.
        let mut put = |nth| wrong |= unsafe { self.put(nth, words, cells) };
        put(0);
        put(1);
        put(2);
        put(3);
        put(4);
        put(5);
        put(6);
        put(7);
        wrong == 0
    }

    /// The same for a key of one column, whose words and bits are known.
    #[inline(always)]
    pub(crate) fn build_one(&self, cell: &ValueRef<'_>) -> Option<OneKey> {
        let step = &self.steps[0];
        let (kind, words, len) = match cell {
            ValueRef::Text(text) if text.len() <= INLINE_BYTES_MAX => {
                (TEXT, LongCell::inline(text.as_bytes()).0, 2)
            }
            ValueRef::Int(value) if step.excess(*value) == 0 => {
                (INT, [*value as u64 & step.mask, 0], 1)
            }
            ValueRef::Timestamp(value) => (TIMESTAMP, [*value as u64, 0], 1),
            _ => return None,
        };
        (self.kinds == u64::from(kind)).then_some(KeyWords { words, len })
    }

    /// Writes a cell of the right kind, if there is one, into zeroed words; not 0 if it does not fit.
    ///
    /// # Safety
    /// The values have been found to be of the kinds of the columns.
    #[inline(always)]
    unsafe fn put(&self, nth: usize, words: &mut [u64; KEY_WORDS], cells: &[ValueRef<'_>]) -> u64 {
        let step = &self.steps[nth];
        debug_assert!(nth >= cells.len() || usize::from(step.word) < KEY_WORDS);
        let mut word = |at: usize| {
            // SAFETY: `new` gives no kind to a column that does not lie in these words.
            unsafe { &mut *words.as_mut_ptr().add(usize::from(step.word) + at) }
        };
        match cells.get(nth) {
            Some(ValueRef::Int(value)) => {
                *word(0) |= (*value as u64 & step.mask) << (step.shift & 63);
                step.excess(*value)
            }
            Some(ValueRef::Text(text)) if text.len() > INLINE_BYTES_MAX => 1,
            Some(ValueRef::Text(text)) => {
                let cell = LongCell::inline(text.as_bytes());
                *word(0) = cell.0[0];
                *word(1) = cell.0[1];
                0
            }
            Some(ValueRef::Timestamp(value)) => {
                *word(0) = *value as u64;
                0
            }
            _ => 0,
        }
    }
}

impl Step {
    /// 0 if an integer is in the range of the type.
    #[inline(always)]
    fn excess(&self, value: i64) -> u64 {
        (value as u64).wrapping_add(self.least) & self.excess
    }
}

#[inline(always)]
fn kind_of(value: &ValueRef<'_>) -> u64 {
    u64::from(match value {
        ValueRef::Int(_) => INT,
        ValueRef::Text(_) => TEXT,
        ValueRef::Timestamp(_) => TIMESTAMP,
        _ => OTHER_VALUE,
    })
}

/// True if a text among the values has a NUL character: no row has such a key, and asking for one
/// is an error.
pub(crate) fn has_nul(cells: &[ValueRef<'_>]) -> bool {
    let nul = |text: &str| memchr::memchr(0, text.as_bytes()).is_some();
    cells.iter().any(|cell| matches!(cell, ValueRef::Text(text) if nul(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::layout::{Layout, view};
    use crate::schema::Schema;

    /// The words of a key as a row has them.
    fn row_words(layout: &Layout, columns: &[usize], cells: &[ValueRef<'_>]) -> Option<Vec<u64>> {
        let mut words = vec![0; layout.words()];
        let all =
            columns.iter().zip(cells).all(|(at, cell)| layout.set_plain(&mut words, *at, *cell));
        all.then_some(words)
    }

    #[test]
    fn keys_are_built_as_rows_are() {
        let schema = Schema::parse(
            "t",
            "z bool, b int32, a int16, c text, d int64, e timestamp, f int16, g text, key(a, c, b, d, g, e, f)",
        )
        .unwrap();
        let layout = Layout::new(&schema);
        let text = "0123456789ab+";
        let mut built = 0;
        let ints = [0, -1, 1, i64::from(i16::MIN), i64::from(i16::MAX), 1 << 15, -32_769, 1 << 31];
        let more = [i64::from(i32::MIN), i64::MIN, i64::MAX, (1 << 31) - 1];
        for (nth, int) in ints.iter().chain(&more).enumerate() {
            for len in 0..=text.len() {
                let cells = [
                    ValueRef::Int(*int),
                    ValueRef::Text(&text[..len]),
                    ValueRef::Int(int.wrapping_add(nth as i64)),
                    ValueRef::Int(int.wrapping_neg()),
                    ValueRef::Text(&text[text.len() - len..]),
                    ValueRef::Timestamp(*int),
                    ValueRef::Int(nth as i64 - 3),
                ];
                let mut key = AnyKey::NONE;
                let done = layout.key_steps().build(&mut key, &cells);
                let row = row_words(&layout, &schema.key, &cells);
                assert_eq!(done, row.is_some(), "{cells:?}");
                let Some(row) = row else { continue };
                assert_eq!(*key.as_slice(), row[..layout.key_words()], "{cells:?}");
                assert_eq!(key.hash(), view(&layout, &row).key_hash());
                built += 1;
            }
        }
        assert!(built > 50, "{built} keys were built");
    }

    #[test]
    fn keys_of_one_column_are_built_as_rows_are() {
        let text = "0123456789ab+";
        let texts = (0..=text.len()).map(|len| ValueRef::Text(&text[..len]));
        let ints =
            [0, -1, 32_767, 32_768, -32_768, -32_769, i64::from(i32::MAX), 1 << 31, i64::MIN];
        let times = ints.iter().copied().map(ValueRef::Timestamp);
        let cells: Vec<_> = texts.chain(times).chain(ints.map(ValueRef::Int)).collect();
        let mut built = 0;
        for ty in ["text", "int16", "int32", "int64", "timestamp"] {
            let layout = Layout::new(&Schema::parse("t", &format!("b bool, a {ty} key")).unwrap());
            for cell in &cells {
                let one = layout.key_steps().build_one(cell);
                let row = row_words(&layout, &[1], &[*cell]);
                let wanted = row.as_ref().map(|row| &row[..layout.key_words()]);
                assert_eq!(one.as_ref().map(OneKey::as_slice), wanted, "{cell:?} as {ty}");
                let hash = row.as_ref().map(|row| view(&layout, row).key_hash());
                assert_eq!(one.as_ref().map(OneKey::hash), hash, "{cell:?} as {ty}");
                let mut any = AnyKey::NONE;
                let done = layout.key_steps().build(&mut any, &[*cell]);
                assert_eq!(done.then_some(any.as_slice()), wanted, "{cell:?} as {ty}");
                let Some(_) = row else { continue };
                built += 1;
            }
        }
        assert_eq!(built, 13 + 4 + 7 + 9 + 9);
    }

    #[test]
    fn keys_of_another_shape_are_left_to_others() {
        let nine: Vec<String> = (0..9).map(|nth| format!("c{nth} int16")).collect();
        let names: Vec<String> = (0..9).map(|nth| format!("c{nth}")).collect();
        let wide = format!("{}, key({})", nine.join(", "), names.join(", "));
        for (columns, cells) in [
            ("a int16 key, b bool", vec![ValueRef::Text("1")]),
            ("a int16 key, b bool", vec![]),
            ("a int16 key, b bool", vec![ValueRef::Int(1), ValueRef::Int(1)]),
            ("a bool key, b bool", vec![ValueRef::Bool(true)]),
            ("a float64 key, b bool", vec![ValueRef::Int(0)]),
            ("a text key, b bool", vec![ValueRef::Null]),
            (&wide, vec![ValueRef::Int(1); 9]),
            (&wide, vec![ValueRef::Int(1); 8]),
        ] {
            let layout = Layout::new(&Schema::parse("t", columns).unwrap());
            let mut key = AnyKey::NONE;
            assert!(!layout.key_steps().build(&mut key, &cells), "{columns}");
        }
    }
}

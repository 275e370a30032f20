//! How the values of a key become its words: one short step per column, laid out once per table.

use super::cell::{INLINE_BYTES_MAX, LongCell};
use crate::value::{Type, ValueRef};

/// Words and columns of a key that is built here; one with more is built by `prepare`.
pub(crate) const KEY_WORDS: usize = 16;
const KEY_COLUMNS: usize = 8;

/// Room for a key.
pub(crate) type KeyWords = [u64; KEY_WORDS];

/// The steps that build a table's keys.
#[derive(Debug)]
pub(crate) struct KeySteps {
    /// The kinds of the columns, a byte each; what no values have if keys are not built here.
    kinds: u64,
    steps: [Step; KEY_COLUMNS],
}

/// One column.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The bits of an integer of this type.
    mask: u64,
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
        let mut all = Self { kinds: 0, steps: [Step::default(); KEY_COLUMNS] };
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
            all.steps[nth] = Step {
                mask: u64::MAX >> (64 - bits),
                least: 1 << (bits - 1),
                word: word as u8,
                shift: shift as u8,
            };
        }
        all
    }

    /// Writes the cells of a key, in key order, into zeroed words: integers in range, timestamps,
    /// and text that fits in its cell. False if a value is none of these, or there are too few or
    /// too many: then the words are worth nothing.
    ///
    /// Does not look for NUL in text, which no row has.
    ///
    /// Unrolled and inlined where keys are looked up: there the kinds of the values are mostly
    /// known, and only what is done with them is left. The fewer instructions a read has, the sooner
    /// the processor sees the next one and waits for the memory of both at once.
    #[inline(always)]
    pub(crate) fn build(&self, words: &mut KeyWords, cells: &[ValueRef<'_>]) -> bool {
        let kind = |nth: usize| cells.get(nth).map_or(0, kind_of) << (8 * nth);
        let kinds = kind(0) | kind(1) | kind(2) | kind(3) | kind(4) | kind(5) | kind(6) | kind(7);
        kinds == self.kinds
            && cells.len() <= KEY_COLUMNS
            && self.put(0, words, cells)
            && self.put(1, words, cells)
            && self.put(2, words, cells)
            && self.put(3, words, cells)
            && self.put(4, words, cells)
            && self.put(5, words, cells)
            && self.put(6, words, cells)
            && self.put(7, words, cells)
    }

    /// Writes a cell of the right kind, if there is one.
    #[inline(always)]
    fn put(&self, nth: usize, words: &mut KeyWords, cells: &[ValueRef<'_>]) -> bool {
        let step = &self.steps[nth];
        let at = step.word as usize % KEY_WORDS;
        match cells.get(nth) {
            Some(ValueRef::Int(value)) => {
                let bits = *value as u64;
                words[at] |= (bits & step.mask) << (step.shift & 63);
                bits.wrapping_add(step.least) <= step.mask
            }
            Some(ValueRef::Text(text)) if text.len() > INLINE_BYTES_MAX => false,
            Some(ValueRef::Text(text)) => {
                let cell = LongCell::inline(text.as_bytes());
                words[at] = cell.0[0];
                words[(at + 1) % KEY_WORDS] = cell.0[1];
                true
            }
            Some(ValueRef::Timestamp(value)) => {
                words[at] = *value as u64;
                true
            }
            _ => true,
        }
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
#[cold]
pub(crate) fn has_nul(cells: &[ValueRef<'_>]) -> bool {
    let nul = |text: &str| memchr::memchr(0, text.as_bytes()).is_some();
    cells.iter().any(|cell| matches!(cell, ValueRef::Text(text) if nul(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::layout::{Layout, short_key_hash, view};
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
                let mut words = [0; KEY_WORDS];
                let done = layout.key_steps().build(&mut words, &cells);
                let row = row_words(&layout, &schema.key, &cells);
                assert_eq!(done, row.is_some(), "{cells:?}");
                let Some(row) = row else { continue };
                let key = layout.key_words();
                assert_eq!(words[..key], row[..key], "{cells:?}");
                assert_eq!(short_key_hash(&words[..key]), view(&layout, &row).key_hash());
                built += 1;
            }
        }
        assert!(built > 50, "{built} keys were built");
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
            assert!(!layout.key_steps().build(&mut [0; KEY_WORDS], &cells), "{columns}");
        }
    }
}

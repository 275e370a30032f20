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

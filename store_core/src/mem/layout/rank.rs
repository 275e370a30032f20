//! Cells as numbers that compare as their values do.

use super::{Layout, Place};
use crate::value::{Type, float32_bits, float64_bits};

/// Reads a cell of a fixed width as a number: the bytes of its encoded form ([`crate::value::encode_key`])
/// without the tag, the first byte first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellRank {
    null_word: usize,
    null_mask: u64,
    word: usize,
    /// How far the cell's bits are moved down, and then up, to begin with the first byte.
    down: u32,
    up: u32,
    /// What turns bits of a number with a sign into one without.
    sign: u64,
    float: Float,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Float {
    No,
    Single,
    Double,
}

impl Layout {
    /// How to read a column's cells as numbers; `None` if they have no fixed width of a word at most.
    pub(crate) fn rank(&self, column: usize) -> Option<CellRank> {
        CellRank::of(&self.places[column])
    }
}

impl CellRank {
    fn of(place: &Place) -> Option<Self> {
        if place.ty.is_wide() {
            return None;
        }
        let (bits, sign, float) = match place.ty {
            Type::Bool => (8, false, Float::No),
            Type::Mac => (48, false, Float::No),
            Type::Float32 => (32, false, Float::Single),
            Type::Float64 => (64, false, Float::Double),
            _ => (place.bits(), true, Float::No),
        };
        let Place { null_word, null_mask, word, shift, .. } = *place;
        let sign = if sign { 1 << 63 } else { 0 };
        Some(Self { null_word, null_mask, word, down: shift.into(), up: 64 - bits, sign, float })
    }

    /// The number of a row's cell; `None` if it is NULL.
    #[inline(always)]
    pub(crate) fn of_row(&self, words: &[u64]) -> Option<u64> {
        self.of_words(|at| words[at])
    }

    /// The same of a row whose words are read one by one.
    #[inline(always)]
    pub(crate) fn of_words(&self, word: impl Fn(usize) -> u64) -> Option<u64> {
        if word(self.null_word) & self.null_mask != 0 {
            return None;
        }
        let bits = word(self.word) >> self.down;
        Some(match self.float {
            Float::No => bits << self.up ^ self.sign,
            Float::Single => u64::from(float32_bits(f32::from_bits(bits as u32))) << 32,
            Float::Double => float64_bits(f64::from_bits(bits)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use crate::value::{encode_key, parse_value};

    #[test]
    fn ranks_are_the_bytes_of_encoded_cells() {
        let columns = "k int64 key, a bool, b int16, c int32, d int64, e float32, f float64, g date, \
                       h timestamp, i decimal(9,2), j mac";
        let schema = Schema::parse("t", columns).unwrap();
        let layout = Layout::new(&schema);
        let texts: [&[&str]; 11] = [
            &["-9223372036854775808", "-1", "0", "77", "9223372036854775807"],
            &["true", "false"],
            &["-32768", "-2", "0", "32767"],
            &["-2147483648", "-5", "0", "2147483647"],
            &["-3", "4"],
            &["-1.5", "-0.0", "0", "2.25", "nan", "inf"],
            &["-1.5", "-0.0", "0", "2.25", "nan", "-inf"],
            &["1969-12-31", "2026-01-01"],
            &["1969-12-31T23:59:59Z", "2026-01-01T00:00:00Z"],
            &["-9999999.99", "0", "0.01"],
            &["00:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"],
        ];
        for (column, texts) in texts.iter().enumerate() {
            let (ty, rank) = (schema.columns[column].ty, layout.rank(column).unwrap());
            for text in *texts {
                let value = parse_value(text.as_bytes(), ty).unwrap();
                let mut words = vec![u64::MAX; layout.words()];
                layout.set(&mut words, column, value, |_| unreachable!()).unwrap();
                let mut bytes = Vec::new();
                encode_key(value, ty, true, &mut bytes).unwrap();
                bytes.resize(8, 0);
                let rank = rank.of_row(&words).unwrap();
                assert_eq!(rank.to_be_bytes()[..], bytes[..], "{text} as {ty}");
            }
        }
        let null = [u64::MAX; 16];
        assert_eq!(layout.rank(1).unwrap().of_row(&null[..layout.words()]), None);
    }

    #[test]
    fn cells_of_two_words_have_no_rank() {
        let schema = Schema::parse("t", "k text key, a bytes, b decimal(38,2), c inet").unwrap();
        let layout = Layout::new(&schema);
        assert!((0..4).all(|column| layout.rank(column).is_none()));
    }
}

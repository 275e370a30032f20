//! Tests of single cells by their bits, for scans that pass over most rows.

mod column;

use super::{Layout, LongCell, Place};
use crate::mem::cell::INLINE_BYTES_MAX;
use crate::value::{Type, ValueRef};

/// A test of one cell of a row; NULL fails it.
#[derive(Clone, Debug)]
pub(crate) struct CellTest {
    /// The column, by position in the schema.
    column: usize,
    null_word: usize,
    null_mask: u64,
    word: usize,
    /// How far the cell's bits are moved up and then down, to stand alone with their sign.
    up: u32,
    down: u32,
    passes: Passes,
}

#[derive(Clone, Debug)]
enum Passes {
    /// Whole numbers from the first on, and so many more.
    Range(i64, u64),
    /// Both words of a cell: text or bytes that fit in it, a decimal, an address.
    Words([u64; 2]),
    /// Floats on these sides of a number; NaN is greater than every number.
    Float { than: f64, sides: Sides },
}

/// On which sides of a number another one may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub less: bool,
    pub equal: bool,
    pub greater: bool,
}

impl Sides {
    /// True if a number lies on one of these sides of another one.
    #[inline(always)]
    #[expect(clippy::float_cmp, reason = "equal is what users ask for")]
    #[expect(clippy::needless_bitwise_bool, reason = "for loops without branches")]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is greater than every number")]
    fn has(self, float: f64, than: f64) -> bool {
        let Self { less, equal, greater } = self;
        (less & (float < than)) | (equal & (float == than)) | (greater & !(float <= than))
    }
}

impl Layout {
    /// The test that a cell is in this range, if a test of its bits can tell.
    pub(crate) fn range_test(
        &self,
        column: usize,
        low: Option<ValueRef<'_>>,
        high: Option<ValueRef<'_>>,
    ) -> Option<CellTest> {
        let place = &self.places[column];
        if let (Some(low), Some(high)) = (low, high)
            && place.ty.is_wide()
        {
            return if low == high { place.equality_test(column, low) } else { None };
        }
        let whole = |value: Option<ValueRef<'_>>, otherwise: i64| match (place.ty, value) {
            (Type::Int16 | Type::Int32 | Type::Int64, Some(ValueRef::Int(value)))
            | (Type::Timestamp, Some(ValueRef::Timestamp(value))) => Some(value),
            (Type::Date, Some(ValueRef::Date(value))) => Some(i64::from(value)),
            (Type::Decimal { .. }, Some(ValueRef::Decimal(units, _))) => {
                i64::try_from(units.get()).ok()
            }
            (Type::Mac, Some(ValueRef::Mac(value))) => Some(value.to_bits() as i64),
            (_, None) => Some(otherwise),
            _ => None,
        };
        let is_whole = match place.ty {
            Type::Int16 | Type::Int32 | Type::Int64 | Type::Timestamp | Type::Date | Type::Mac => {
                true
            }
            Type::Decimal { .. } => !place.ty.is_wide(),
            _ => false,
        };
        let (low, high) = (whole(low, i64::MIN)?, whole(high, i64::MAX)?);
        if !is_whole || low > high {
            return None;
        }
        Some(place.test(column, Passes::Range(low, high.wrapping_sub(low) as u64)))
    }
}

impl Layout {
    /// The test that a float is less than a number, equal to it or greater, if its bits can tell.
    pub(crate) fn float_test(
        &self,
        column: usize,
        than: ValueRef<'_>,
        sides: Sides,
    ) -> Option<CellTest> {
        let place = &self.places[column];
        let than = match (place.ty, than) {
            (Type::Float32, ValueRef::Float32(value)) => f64::from(value),
            (Type::Float64, ValueRef::Float64(value)) => value,
            _ => return None,
        };
        (!than.is_nan()).then(|| place.test(column, Passes::Float { than, sides }))
    }
}

impl Place {
    fn equality_test(&self, column: usize, value: ValueRef<'_>) -> Option<CellTest> {
        let bytes = match (self.ty, value) {
            (Type::Text, ValueRef::Text(text)) => text.as_bytes(),
            (Type::Bytes, ValueRef::Bytes(bytes)) => bytes,
            (Type::Decimal { .. }, ValueRef::Decimal(units, _)) => {
                return Some(self.test(column, Passes::Words(units.words())));
            }
            (Type::Inet, ValueRef::Inet(value)) => {
                return Some(self.test(column, Passes::Words(value.words())));
            }
            _ => return None,
        };
        let fits = bytes.len() <= INLINE_BYTES_MAX;
        fits.then(|| self.test(column, Passes::Words(LongCell::inline(bytes).0)))
    }

    fn test(&self, column: usize, passes: Passes) -> CellTest {
        let Place { null_word, null_mask, word, shift, .. } = *self;
        let down = 64 - self.bits().min(64);
        let up = down - u32::from(shift).min(down);
        CellTest { column, null_word, null_mask, word, up, down, passes }
    }
}

impl CellTest {
    /// The column whose cells it tests, by position in the schema.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// True if the cell passes in a row with these words.
    #[inline(always)]
    pub(crate) fn holds(&self, word: impl Fn(usize) -> u64) -> bool {
        if word(self.null_word) & self.null_mask != 0 {
            return false;
        }
        match self.passes {
            Passes::Range(low, more) => self.is_in_range(word(self.word), low, more),
            Passes::Words(cell) => {
                (word(self.word) ^ cell[0]) | (word(self.word + 1) ^ cell[1]) == 0
            }
            Passes::Float { than, sides } => self.is_on_side(word(self.word), than, sides),
        }
    }

    /// Sets `rows` to the positions of the rows that pass, of all that lie one behind the other, each of
    /// so many words.
    #[expect(clippy::needless_bitwise_bool, reason = "for loops without branches")]
    pub(crate) fn select(&self, words: &[u64], width: usize, rows: &mut Vec<u32>) {
        let (at, null) = (self.word, self.null_word);
        assert!(at < width && null < width, "words of a row");
        let mask = self.null_mask;
        if let Passes::Float { than, sides: Sides { less: false, equal: false, greater: true } } =
            self.passes
            && self.down == 0
        {
            // NaN is greater than every number.
            let is_not = |word: u64| f64::from_bits(word) <= than;
            return select_rows(words, width, rows, |row| {
                !(is_not(row[at]) | (row[null] & mask != 0))
            });
        }
        match self.passes {
            Passes::Range(low, more) => select_rows(words, width, rows, |row| {
                self.is_in_range(row[at], low, more) & (row[null] & mask == 0)
            }),
            Passes::Float { than, sides } => select_rows(words, width, rows, |row| {
                self.is_on_side(row[at], than, sides) & (row[null] & mask == 0)
            }),
            Passes::Words(_) => {
                rows.clear();
                rows.extend(0..(words.len() / width) as u32);
                self.retain(words, width, rows);
            }
        }
    }

    /// Keeps those of the rows that pass: positions of rows that lie one behind the other, each of so
    /// many words.
    pub(crate) fn retain(&self, words: &[u64], width: usize, rows: &mut Vec<u32>) {
        let (at, null) = (self.word, self.null_word);
        let is_null = |row: &[u64]| row[null] & self.null_mask != 0;
        // One loop for each kind of test, which does not ask for each row which it is.
        match self.passes {
            Passes::Range(low, more) => retain_rows(words, width, rows, |row| {
                self.is_in_range(row[at], low, more) & !is_null(row)
            }),
            Passes::Words(cell) => retain_rows(words, width, rows, |row| {
                ((row[at] ^ cell[0]) | (row[at + 1] ^ cell[1]) == 0) & !is_null(row)
            }),
            Passes::Float { than, sides } => retain_rows(words, width, rows, |row| {
                self.is_on_side(row[at], than, sides) & !is_null(row)
            }),
        }
    }

    #[inline(always)]
    fn is_in_range(&self, word: u64, low: i64, more: u64) -> bool {
        let value = (word << self.up) as i64 >> self.down;
        (value.wrapping_sub(low) as u64) <= more
    }

    #[inline(always)]
    fn is_on_side(&self, word: u64, than: f64, sides: Sides) -> bool {
        let bits = word << self.up >> self.down;
        let float = if self.down == 0 {
            f64::from_bits(bits)
        } else {
            f64::from(f32::from_bits(bits as u32))
        };
        sides.has(float, than)
    }

    /// The same test for rows of which only some words are there: `place` says where a word is now.
    pub(crate) fn moved(self, place: impl Fn(usize) -> usize) -> Self {
        let null_word = if self.null_mask == 0 { self.word } else { self.null_word };
        Self { null_word: place(null_word), word: place(self.word), ..self }
    }
}

/// One loop for each of the most usual widths, which knows how far rows are apart.
#[inline(always)]
fn select_rows(words: &[u64], width: usize, rows: &mut Vec<u32>, passes: impl Fn(&[u64]) -> bool) {
    rows.resize(words.len() / width, 0);
    let found = match width {
        2 => select_each(words.as_chunks::<2>().0.iter(), rows, |row| passes(&row[..])),
        3 => select_each(words.as_chunks::<3>().0.iter(), rows, |row| passes(&row[..])),
        4 => select_each(words.as_chunks::<4>().0.iter(), rows, |row| passes(&row[..])),
        _ => select_each(words.chunks_exact(width), rows, passes),
    };
    rows.truncate(found);
}

/// Writes the positions of the rows that pass; how many there are.
#[inline(always)]
fn select_each<R>(
    all: impl Iterator<Item = R>,
    rows: &mut [u32],
    passes: impl Fn(R) -> bool,
) -> usize {
    let mut found = 0;
    for (row, at) in all.zip(0_u32..) {
        rows[found] = at;
        found += usize::from(passes(row));
    }
    found
}

#[inline(always)]
fn retain_rows(words: &[u64], width: usize, rows: &mut Vec<u32>, passes: impl Fn(&[u64]) -> bool) {
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        let start = row as usize * width;
        rows[kept] = row;
        kept += usize::from(passes(&words[start..start + width]));
    }
    rows.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn a_test_of_bits_says_what_a_comparison_of_values_says() {
        let schema = "a int16, b int16, c int32, d int64, e date, f timestamp, g text, k int64 key";
        let layout = Layout::new(&Schema::parse("t", schema).unwrap());
        let numbers = [i64::MIN, -70_000, -32_768, -2, -1, 0, 1, 2, 32_767, 70_000, i64::MAX];
        let fit = |column: usize, number: i64| match column {
            0 | 1 => ValueRef::Int(i64::from(number as i16)),
            2 => ValueRef::Int(i64::from(number as i32)),
            3 => ValueRef::Int(number),
            4 => ValueRef::Date(number as i32),
            _ => ValueRef::Timestamp(number),
        };
        let texts = ["", "a", "ab", "twelve bytes", "thirteen byte"];
        for column in 0..6 {
            for number in numbers {
                let value = fit(column, number);
                let mut words = vec![u64::MAX; layout.words()];
                layout.set(&mut words, column, value, |_| unreachable!()).unwrap();
                for (low, high) in numbers.iter().flat_map(|a| numbers.map(|b| (*a, b))) {
                    let (low, high) = (fit(column, low), fit(column, high));
                    let inside = low.order(value).is_le() && value.order(high).is_le();
                    match layout.range_test(column, Some(low), Some(high)) {
                        Some(test) => assert_eq!(test.holds(|at| words[at]), inside, "{value:?}"),
                        None => assert!(low.order(high).is_gt()),
                    }
                    let test = layout.range_test(column, Some(low), None).unwrap();
                    assert_eq!(test.holds(|at| words[at]), low.order(value).is_le(), "{value:?}");
                    layout.set(&mut words, column, ValueRef::Null, |_| unreachable!()).unwrap();
                    assert!(!test.holds(|at| words[at]), "NULL is in no range");
                    layout.set(&mut words, column, value, |_| unreachable!()).unwrap();
                }
            }
        }
        test_floats();
        for (text, other) in texts.iter().flat_map(|a| texts.map(|b| (*a, b))) {
            let mut words = vec![0; layout.words()];
            let cell = |bytes: &[u8]| Ok(LongCell::borrowing(bytes));
            layout.set(&mut words, 6, ValueRef::Text(text), cell).unwrap();
            let value = Some(ValueRef::Text(other));
            match layout.range_test(6, value, value) {
                Some(test) => assert_eq!(test.holds(|at| words[at]), text == other),
                None => assert!(other.len() > INLINE_BYTES_MAX),
            }
        }
    }

    fn test_floats() {
        let schema = "k int64 key, a bool, b float32, c float64";
        let layout = Layout::new(&Schema::parse("t", schema).unwrap());
        let numbers = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 0.25, 1e30, f64::INFINITY, f64::NAN];
        let fit = |column: usize, number: f64| match column {
            2 => ValueRef::Float32(number as f32),
            _ => ValueRef::Float64(number),
        };
        for (column, number) in numbers.iter().flat_map(|number| [(2, *number), (3, *number)]) {
            let value = fit(column, number);
            let mut words = vec![u64::MAX; layout.words()];
            layout.set(&mut words, column, value, |_| unreachable!()).unwrap();
            for (than, bits) in numbers.iter().flat_map(|than| (0..8).map(|bits| (*than, bits))) {
                let on = |bit: u32| bits & 1 << bit != 0;
                let sides = Sides { less: on(0), equal: on(1), greater: on(2) };
                let (limit, than) = (than, fit(column, than));
                let order = value.order(than) as i32 + 1;
                let Some(test) = layout.float_test(column, than, sides) else {
                    assert!(limit.is_nan());
                    continue;
                };
                let mut rows = vec![0];
                test.retain(&words, words.len(), &mut rows);
                assert_eq!(test.holds(|at| words[at]), on(order as u32), "{value:?} {than:?}");
                assert_eq!(rows.len(), usize::from(on(order as u32)));
            }
        }
    }
}

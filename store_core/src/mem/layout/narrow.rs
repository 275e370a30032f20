//! Rows of which only some words are there, and the values of a column in many of them.

use super::{KeySteps, Layout, Place, RowView, view};
use crate::mem::column::ColumnValues;
use crate::mem::slab::Slab;
use crate::value::{Type, ValueRef};
use std::sync::Arc;

/// The layout of rows that consist of the words of some columns only.
#[derive(Debug)]
pub(crate) struct Narrowed {
    /// The columns, in the order in which they were asked for.
    layout: Layout,
    /// Where each word is in a whole row; ascending.
    picks: Vec<usize>,
}

/// The values of one column in a batch of rows.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Of whole numbers, bools, dates and timestamps; 0 for NULL.
    pub ints: Vec<i64>,
    /// Of floats; 0 for NULL.
    pub floats: Vec<f64>,
    /// Empty if the column has no NULL in the batch.
    pub nulls: Vec<bool>,
}

impl Lane {
    /// Takes the values of these rows of a column that was kept: the only one of `single`.
    pub(crate) fn pick(&mut self, values: &ColumnValues, single: &Narrowed, rows: &[u32]) {
        self.ints.clear();
        self.floats.clear();
        self.nulls.clear();
        if single.has_floats(0) {
            let floats = values.floats();
            self.floats.extend(rows.iter().map(|row| floats[*row as usize]));
        } else if single.has_ints(0) {
            let ints = values.ints();
            self.ints.extend(rows.iter().map(|row| ints[*row as usize]));
        }
        if let Some(nulls) = values.nulls() {
            self.nulls.extend(rows.iter().map(|row| nulls[*row as usize]));
            if !self.nulls.contains(&true) {
                self.nulls.clear();
            }
        }
    }
}

impl Narrowed {
    /// What is left of whole rows for these columns, at least one word.
    pub(crate) fn new(whole: &Layout, columns: &[usize]) -> Self {
        let mut picks = vec![];
        for column in columns {
            let place = &whole.places[*column];
            picks.extend(whole.column_words(*column));
            if place.null_mask != 0 {
                picks.push(place.null_word);
            }
        }
        if columns.is_empty() {
            picks.push(0);
        }
        picks.sort_unstable();
        picks.dedup();
        let at = |word: usize| picks.binary_search(&word).expect("it was picked");
        let moved = |column: &usize| {
            let place = whole.places[*column];
            let null_word = if place.null_mask == 0 { place.word } else { place.null_word };
            let (word, null_word) = (at(place.word), at(null_word));
            Place { word, null_word, byte: word * 8 + place.byte % 8, ..place }
        };
        let layout = Layout {
            places: columns.iter().map(moved).collect(),
            key_columns: Vec::new(),
            key_steps: KeySteps::new(std::iter::empty()),
            long_key: Vec::new(),
            long_key_words: Vec::new(),
            long_others: Vec::new(),
            key_words: 0,
            words: picks.len(),
        };
        Self { layout, picks }
    }

    /// The words of a whole row that are left.
    pub(crate) fn picks(&self) -> &[usize] {
        &self.picks
    }

    /// Where a word of whole rows is now.
    pub(crate) fn place(&self, word: usize) -> usize {
        self.picks.binary_search(&word).expect("a word of a column that was asked for")
    }

    /// Words of a row.
    pub(crate) fn width(&self) -> usize {
        self.picks.len()
    }

    /// True if the column's values are whole numbers, bools, dates or timestamps.
    pub(crate) fn has_ints(&self, nth: usize) -> bool {
        use Type::{Bool, Date, Int16, Int32, Int64, Timestamp};
        matches!(self.layout.places[nth].ty, Bool | Int16 | Int32 | Int64 | Date | Timestamp)
    }

    /// True if the column's values are floats.
    pub(crate) fn has_floats(&self, nth: usize) -> bool {
        matches!(self.layout.places[nth].ty, Type::Float32 | Type::Float64)
    }

    /// True if the values of the column are numbers, which stand in a [`Lane`].
    pub(crate) fn has_numbers(&self, nth: usize) -> bool {
        self.has_ints(nth) || self.has_floats(nth)
    }

    /// The value of the only column in a row of those that were kept.
    #[inline]
    pub(crate) fn value<'v>(&'v self, values: &'v ColumnValues, row: usize) -> ValueRef<'v> {
        if !self.has_numbers(0) {
            let width = self.width();
            return self.cell(&values.words()[row * width..(row + 1) * width], 0);
        }
        if values.nulls().is_some_and(|nulls| nulls[row]) {
            return ValueRef::Null;
        }
        let (int, float) = (|| values.ints()[row], || values.floats()[row]);
        match self.layout.places[0].ty {
            Type::Bool => ValueRef::Bool(int() != 0),
            Type::Date => ValueRef::Date(int() as i32),
            Type::Timestamp => ValueRef::Timestamp(int()),
            Type::Float32 => ValueRef::Float32(float() as f32),
            Type::Float64 => ValueRef::Float64(float()),
            _ => ValueRef::Int(int()),
        }
    }

    /// Makes the values of a column from whole rows of these words, to be kept: numbers as in a lane,
    /// others by the words that `single`, which has no other column, has of a row.
    pub(crate) fn keep(
        &self,
        nth: usize,
        words: &[u64],
        single: &Self,
        slab: &Arc<Slab>,
    ) -> Option<ColumnValues> {
        let rows = words.len() / self.width();
        let mut lane = Lane::default();
        self.load(nth, words, None, &mut lane);
        let has_nulls = !lane.nulls.is_empty();
        if self.has_numbers(nth) {
            return ColumnValues::make(slab, (rows, 1), has_nulls, |to, nulls| {
                to.iter_mut().zip(&lane.ints).for_each(|(to, int)| *to = *int as u64);
                to.iter_mut().zip(&lane.floats).for_each(|(to, float)| *to = float.to_bits());
                nulls.copy_from_slice(&lane.nulls);
            });
        }
        let places: Vec<usize> = single.picks.iter().map(|word| self.place(*word)).collect();
        ColumnValues::make(slab, (rows, places.len()), has_nulls, |to, nulls| {
            let rows = words.chunks_exact(self.width());
            for (to, row) in to.chunks_exact_mut(places.len()).zip(rows) {
                to.iter_mut().zip(&places).for_each(|(to, at)| *to = row[*at]);
            }
            nulls.copy_from_slice(&lane.nulls);
        })
    }

    /// The value of a column in the row that has these words.
    ///
    /// The words are those that [`Narrowed::picks`] names of a row that [`view`] could look at.
    #[inline]
    pub(crate) fn cell<'w>(&'w self, row: &'w [u64], nth: usize) -> ValueRef<'w> {
        let view: RowView<'w> = view(&self.layout, row);
        view.cell(nth)
    }

    /// Takes the values of a column from rows that lie one behind the other: of those at `rows`, or of
    /// all of them. Values that are neither whole numbers nor floats stay in the rows.
    pub(crate) fn load(&self, nth: usize, words: &[u64], rows: Option<&[u32]>, lane: &mut Lane) {
        let (place, width) = (&self.layout.places[nth], self.width());
        lane.ints.clear();
        lane.floats.clear();
        lane.nulls.clear();
        let down = 64 - place.bits().min(64);
        let up = down - u32::from(place.shift).min(down);
        let (at, null_at, mask) = (place.word, place.null_word, place.null_mask);
        match place.ty {
            Type::Bool | Type::Int16 | Type::Int32 | Type::Int64 | Type::Date | Type::Timestamp => {
                each(words, width, at, rows, &mut lane.ints, |word| (word << up) as i64 >> down);
            }
            Type::Float32 => each(words, width, at, rows, &mut lane.floats, |word| {
                f64::from(f32::from_bits((word << up >> down) as u32))
            }),
            Type::Float64 => each(words, width, at, rows, &mut lane.floats, f64::from_bits),
            _ => {}
        }
        let any = words.chunks_exact(width).fold(0, |any, row| any | row[null_at]);
        if mask & any != 0 {
            each(words, width, null_at, rows, &mut lane.nulls, |word| word & mask != 0);
            if !lane.nulls.contains(&true) {
                lane.nulls.clear();
            }
        }
    }
}

/// Adds what `take` makes of the word at this place of each row.
#[inline(always)]
fn each<T>(
    words: &[u64],
    width: usize,
    at: usize,
    rows: Option<&[u32]>,
    to: &mut Vec<T>,
    take: impl Fn(u64) -> T,
) {
    assert!(at < width);
    match rows {
        // The rows are whole: for the most usual widths the loop knows how far they are apart.
        None => match width {
            1 => to.extend(words.iter().map(|word| take(*word))),
            2 => to.extend(words.as_chunks::<2>().0.iter().map(|row| take(row[at]))),
            3 => to.extend(words.as_chunks::<3>().0.iter().map(|row| take(row[at]))),
            4 => to.extend(words.as_chunks::<4>().0.iter().map(|row| take(row[at]))),
            _ => to.extend(words.chunks_exact(width).map(|row| take(row[at]))),
        },
        Some(rows) => to.extend(rows.iter().map(|row| take(words[*row as usize * width + at]))),
    }
}

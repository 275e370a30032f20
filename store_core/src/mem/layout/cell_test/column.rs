//! The tests over a whole column.

use super::{CellTest, Passes, Sides, select_each};
use crate::mem::column::ColumnValues;

impl CellTest {
    /// Sets `rows` to the positions of the rows whose values pass. Words that are no numbers are those of
    /// rows that the test was moved to.
    pub(crate) fn select_values(
        &self,
        column: &ColumnValues,
        is_number: bool,
        rows: &mut Vec<u32>,
    ) {
        if !is_number {
            return self.select(column.words(), column.width(), rows);
        }
        match self.passes {
            Passes::Range(low, more) => {
                select_numbers(column.ints(), rows, |value| is_within(value, low, more));
            }
            Passes::Float { than, sides: Sides { less: false, equal: false, greater: true } } => {
                // NaN is greater than every number.
                let is_not = |value: f64| value <= than;
                select_numbers(column.floats(), rows, |value| !is_not(value));
            }
            Passes::Float { than, sides } => {
                select_numbers(column.floats(), rows, |value| sides.has(value, than));
            }
            Passes::Words(_) => unreachable!("a cell of two words is no number"),
        }
        if let Some(nulls) = column.nulls() {
            rows.retain(|row| !nulls[*row as usize]);
        }
    }

    /// Keeps those of the rows whose values pass.
    pub(crate) fn retain_values(
        &self,
        column: &ColumnValues,
        is_number: bool,
        rows: &mut Vec<u32>,
    ) {
        if !is_number {
            return self.retain(column.words(), column.width(), rows);
        }
        match self.passes {
            Passes::Range(low, more) => {
                let values = column.ints();
                rows.retain(|row| is_within(values[*row as usize], low, more));
            }
            Passes::Float { than, sides } => {
                let values = column.floats();
                rows.retain(|row| sides.has(values[*row as usize], than));
            }
            Passes::Words(_) => unreachable!("a cell of two words is no number"),
        }
        if let Some(nulls) = column.nulls() {
            rows.retain(|row| !nulls[*row as usize]);
        }
    }
}

#[inline(always)]
fn is_within(value: i64, low: i64, more: u64) -> bool {
    (value.wrapping_sub(low) as u64) <= more
}

#[inline(always)]
fn select_numbers<T: Copy>(values: &[T], rows: &mut Vec<u32>, passes: impl Fn(T) -> bool) {
    rows.resize(values.len(), 0);
    let found = select_each(values.iter(), rows, |value| passes(*value));
    rows.truncate(found);
}

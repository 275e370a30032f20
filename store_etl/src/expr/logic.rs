//! True, false and unknown; CASE and coalesce, which ask for some rows of each branch only.

use super::Bound;
use super::eval::{Active, Evaluated, Evaluation};
use super::vector::Vector;
use crate::batch::{Batch, Bitmap, Column, Values};
use store_core::{Type, Value};

/// Rows that are true, and rows that are false; the others are unknown.
pub(super) fn truth(vector: &Vector<'_>, rows: usize) -> (Bitmap, Bitmap) {
    if let Vector::Constant(_, value) = vector {
        let is = |wanted| matches!(value, Value::Bool(bit) if *bit == wanted);
        return (Bitmap::filled(rows, is(true)), Bitmap::filled(rows, is(false)));
    }
    let Some(Values::Bool(bits)) = vector.column().map(Column::values) else {
        return (Bitmap::filled(rows, false), Bitmap::filled(rows, false));
    };
    match vector.valid() {
        None => (bits.clone(), bits.not()),
        Some(valid) => (bits.and(valid), valid.and_not(bits)),
    }
}

/// The column of what is true and what is false.
fn condition(truth: Bitmap, falsehood: &Bitmap) -> Column {
    let known = truth.or(falsehood);
    let valid = (!known.is_full()).then_some(known);
    Column::made(Type::Bool, Values::Bool(truth), valid)
}

fn everywhere(rows: usize, active: Active<'_>) -> Bitmap {
    active.cloned().unwrap_or_else(|| Bitmap::filled(rows, true))
}

/// AND. A part is asked for the rows that no part before it made false.
pub(super) fn all(
    run: &mut Evaluation,
    list: &[Bound],
    batch: &Batch,
    active: Active<'_>,
) -> Evaluated<Column> {
    let rows = batch.rows();
    let mut left = everywhere(rows, active);
    let (mut truth_all, mut false_any) = (Bitmap::filled(rows, true), Bitmap::filled(rows, false));
    for part in list {
        if left.is_zero() {
            break;
        }
        let vector = run.run(part, batch, Some(&left))?;
        let (is_true, is_false) = truth(&vector, rows);
        truth_all = truth_all.and(&is_true);
        false_any = false_any.or(&is_false);
        left = left.and_not(&is_false);
    }
    Ok(condition(truth_all.and_not(&false_any), &false_any))
}

/// OR. A part is asked for the rows that no part before it made true.
pub(super) fn any(
    run: &mut Evaluation,
    list: &[Bound],
    batch: &Batch,
    active: Active<'_>,
) -> Evaluated<Column> {
    let rows = batch.rows();
    let mut left = everywhere(rows, active);
    let (mut true_any, mut false_all) = (Bitmap::filled(rows, false), Bitmap::filled(rows, true));
    for part in list {
        if left.is_zero() {
            break;
        }
        let vector = run.run(part, batch, Some(&left))?;
        let (is_true, is_false) = truth(&vector, rows);
        true_any = true_any.or(&is_true);
        false_all = false_all.and(&is_false);
        left = left.and_not(&is_true);
    }
    let false_all = false_all.and_not(&true_any);
    Ok(condition(true_any, &false_all))
}

pub(super) fn not(inner: &Vector<'_>, rows: usize) -> Column {
    let (is_true, is_false) = truth(inner, rows);
    condition(is_false, &is_true)
}

pub(super) fn is_null(inner: &Vector<'_>, rows: usize) -> Column {
    let bits = match inner {
        Vector::Constant(_, value) => Bitmap::filled(rows, value.as_ref().is_null()),
        _ => inner.valid().map_or_else(|| Bitmap::filled(rows, false), Bitmap::not),
    };
    Column::made(Type::Bool, Values::Bool(bits), None)
}

pub(super) fn is_truth(inner: &Vector<'_>, wanted: bool, rows: usize) -> Column {
    let (is_true, is_false) = truth(inner, rows);
    Column::made(Type::Bool, Values::Bool(if wanted { is_true } else { is_false }), None)
}

/// CASE: each branch for the rows whose condition is the first that is true.
pub(super) fn case(
    run: &mut Evaluation,
    ty: Type,
    whens: &[(Bound, Bound)],
    otherwise: &Bound,
    batch: &Batch,
    active: Active<'_>,
) -> Evaluated<Column> {
    let rows = batch.rows();
    let mut left = everywhere(rows, active);
    let mut branches = Vec::with_capacity(whens.len() + 1);
    for (when, then) in whens {
        if left.is_zero() {
            break;
        }
        let condition = run.run(when, batch, Some(&left))?;
        let hit = truth(&condition, rows).0.and(&left);
        drop(condition);
        left = left.and_not(&hit);
        if !hit.is_zero() {
            branches.push((run.run(then, batch, Some(&hit))?, hit));
        }
    }
    if !left.is_zero() {
        branches.push((run.run(otherwise, batch, Some(&left))?, left));
    }
    merge(run, ty, &branches, rows)
}

/// COALESCE: each argument for the rows at which those before it are NULL.
pub(super) fn coalesce(
    run: &mut Evaluation,
    ty: Type,
    list: &[Bound],
    batch: &Batch,
    active: Active<'_>,
) -> Evaluated<Column> {
    let rows = batch.rows();
    let mut left = everywhere(rows, active);
    let mut branches = Vec::with_capacity(list.len());
    for part in list {
        if left.is_zero() {
            break;
        }
        let vector = run.run(part, batch, Some(&left))?;
        let null = Bitmap::from_fn(rows, |row| vector.is_null(row));
        let hit = left.and_not(&null);
        left = left.and(&null);
        branches.push((vector, hit));
    }
    merge(run, ty, &branches, rows)
}

/// A column of the cells of each branch in its rows, which no two share; NULL elsewhere.
fn merge(
    run: &mut Evaluation,
    ty: Type,
    branches: &[(Vector<'_>, Bitmap)],
    rows: usize,
) -> Evaluated<Column> {
    let mut from = vec![u16::MAX; rows];
    for (nth, (_, hit)) in branches.iter().enumerate() {
        hit.ones().for_each(|row| from[row] = nth as u16);
    }
    let mut column = Column::new(ty);
    for (row, nth) in from.into_iter().enumerate() {
        match branches.get(usize::from(nth)) {
            Some((vector, _)) => {
                let cell = vector.get(row);
                if let store_core::ValueRef::Text(text) = cell {
                    run.charge(text.len())?;
                }
                column.push(cell)?;
            }
            None => column.push_null()?,
        }
    }
    Ok(column)
}

//! Evaluation: a column for a batch, or the rows for which a condition is true.

use super::vector::Vector;
use super::{Bound, Node, cast, compare, function, logic, numeric};
use crate::batch::{Batch, Bitmap, Column};
use store_core::{Error, Result};

/// Why an expression has no result for a batch.
#[derive(Debug)]
pub enum Fault {
    /// What it makes is longer than was allowed: fewer rows at a time may fit.
    Room,
    /// A row has no result.
    Row {
        /// Its place in the batch.
        row: usize,
        /// Why.
        error: Error,
    },
    /// It cannot go on.
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Evaluated<T> = Result<T, Fault>;

/// The rows that are asked for; the others may be left at any value. `None` means all.
pub(super) type Active<'a> = Option<&'a Bitmap>;

/// One evaluation: how much text it may still make.
#[derive(Debug)]
pub struct Evaluation {
    room: usize,
}

impl Evaluation {
    /// An evaluation that may make so many bytes of text.
    pub const fn new(room: usize) -> Self {
        Self { room }
    }

    /// The expression's column.
    pub fn column(&mut self, bound: &Bound, batch: &Batch) -> Evaluated<Column> {
        let vector = self.run(bound, batch, None)?;
        if let Vector::Borrowed(column) = &vector {
            self.charge(column.data_bytes())?;
        }
        if let (Vector::Constant(_, value), true) = (&vector, bound.ty.is_long()) {
            self.charge(batch.rows() * value.as_ref().to_string().len())?;
        }
        Ok(vector.into_column(batch.rows())?)
    }

    /// The rows for which the condition is true.
    pub fn rows(&mut self, condition: &Bound, batch: &Batch, rows: &mut Vec<u32>) -> Evaluated<()> {
        rows.clear();
        let vector = self.run(condition, batch, None)?;
        let (truth, _) = logic::truth(&vector, batch.rows());
        rows.extend(truth.ones().map(|row| row as u32));
        Ok(())
    }

    /// Takes bytes of the room.
    pub(super) fn charge(&mut self, bytes: usize) -> Evaluated<()> {
        self.room = self.room.checked_sub(bytes).ok_or(Fault::Room)?;
        Ok(())
    }

    pub(super) fn run<'b>(
        &mut self,
        bound: &'b Bound,
        batch: &'b Batch,
        active: Active<'_>,
    ) -> Evaluated<Vector<'b>> {
        let rows = batch.rows();
        let made = match &bound.node {
            Node::Column(nth) => return Ok(Vector::Borrowed(&batch.columns()[*nth])),
            Node::Constant(value) => return Ok(Vector::Constant(bound.ty, value)),
            Node::Arithmetic(op, sides) => {
                let a = self.run(&sides[0], batch, active)?;
                let b = self.run(&sides[1], batch, active)?;
                numeric::arithmetic(self, *op, bound.ty, [&a, &b], rows, active)?
            }
            Node::Negate(inner) => {
                let inner = self.run(inner, batch, active)?;
                numeric::negate(bound.ty, &inner, rows, active)?
            }
            Node::Compare(op, sides) => {
                let a = self.run(&sides[0], batch, active)?;
                let b = self.run(&sides[1], batch, active)?;
                compare::compare(*op, sides[0].ty, &a, &b, rows)
            }
            Node::And(list) => logic::all(self, list, batch, active)?,
            Node::Or(list) => logic::any(self, list, batch, active)?,
            Node::Not(inner) => logic::not(&self.run(inner, batch, active)?, rows),
            Node::IsNull(inner) => logic::is_null(&self.run(inner, batch, active)?, rows),
            Node::IsTruth(inner, truth) => {
                logic::is_truth(&self.run(inner, batch, active)?, *truth, rows)
            }
            Node::In(inner, values, unknown) => {
                compare::is_in(&self.run(inner, batch, active)?, values, *unknown, rows)
            }
            Node::Match(inner, matcher) => {
                let inner = self.run(inner, batch, active)?;
                compare::matches(&inner, matcher, rows)
            }
            Node::Case(whens, otherwise) => {
                logic::case(self, bound.ty, whens, otherwise, batch, active)?
            }
            Node::Coalesce(list) => logic::coalesce(self, bound.ty, list, batch, active)?,
            Node::Cast(inner) => {
                let from = inner.ty;
                let inner = self.run(inner, batch, active)?;
                cast::cast(self, &inner, from, bound.ty, rows, active)?
            }
            Node::Call(function, list) => {
                let mut given = Vec::with_capacity(list.len());
                for part in list {
                    given.push(self.run(part, batch, active)?);
                }
                function::call(self, function, bound.ty, &given, rows, active)?
            }
        };
        Ok(Vector::Made(made))
    }
}

/// The first row that is asked for, has values, and fails.
#[cold]
pub(super) fn first_fault(
    rows: usize,
    valid: Option<&Bitmap>,
    active: Active<'_>,
    fails: impl Fn(usize) -> Option<Error>,
) -> Evaluated<()> {
    for row in 0..rows {
        let asked =
            valid.is_none_or(|valid| valid.get(row)) && active.is_none_or(|active| active.get(row));
        if let Some(error) = asked.then(|| fails(row)).flatten() {
            return Err(Fault::Row { row, error });
        }
    }
    Ok(())
}

/// True if a row is asked for and has a value.
#[inline]
pub(super) fn asked(row: usize, valid: Option<&Bitmap>, active: Active<'_>) -> bool {
    valid.is_none_or(|valid| valid.get(row)) && active.is_none_or(|active| active.get(row))
}

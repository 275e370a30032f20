//! Row groups that can have no row of use, by their least and greatest values.

use super::footer::Group;
use super::schema::Cells;
use super::values;
use crate::batch::Column;
use std::cmp::Ordering;
use store_core::planted::bug;
use store_core::query::Op;
use store_core::{Type, Value};

/// A column compared with a value, of which rows must be true.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// Which of the chunks.
    place: usize,
    cells: Cells,
    ty: Type,
    op: Op,
    value: Value,
}

impl Condition {
    /// None if bounds say nothing of such a condition.
    pub fn new(place: usize, (cells, ty): (Cells, Type), op: Op, value: Value) -> Option<Self> {
        let is_float = matches!(ty, Type::Float32 | Type::Float64);
        let nan = match value {
            Value::Float64(value) => value.is_nan(),
            Value::Float32(value) => value.is_nan(),
            _ => false,
        };
        // NaN is greater than all and in no bounds.
        let useful = match op {
            Op::Lt | Op::Le | Op::Eq => !nan,
            Op::Gt | Op::Ge => !is_float || bug("nan_pruned"),
            Op::Ne => false,
        };
        let ordered = !matches!(cells, Cells::Int96 | Cells::Bool);
        (useful && ordered).then_some(Self { place, cells, ty, op, value })
    }

    /// False if no row of the group can make it true.
    pub fn may_hold(&self, group: &Group) -> bool {
        let Some(bounds) = &group.chunks[self.place].bounds else { return true };
        let (Some(least), Some(most)) = (self.order(&bounds[0]), self.order(&bounds[1])) else {
            return true;
        };
        match self.op {
            Op::Eq => least.is_le() && most.is_ge(),
            Op::Lt => least.is_lt(),
            Op::Le => least.is_le(),
            Op::Gt => most.is_gt(),
            Op::Ge => most.is_ge(),
            Op::Ne => true,
        }
    }

    /// How a bound stands to the value; unknown if it is no sound value.
    fn order(&self, bound: &[u8]) -> Option<Ordering> {
        let mut read = values::empty(self.ty);
        match self.cells.width() {
            Some(width) if width == bound.len() => {
                values::fixed(self.cells, self.ty, bound, &mut read).ok()?;
            }
            Some(_) => return None,
            // A bound may be cut within a character: as bytes it holds all the same.
            None if self.ty == Type::Text => {
                let Value::Text(text) = &self.value else { return None };
                return Some(bound.cmp(text.as_bytes()));
            }
            None => values::long(self.cells, self.ty, bound, &mut read).ok()?,
        }
        if values::count(&read) != 1 {
            return None;
        }
        let column = Column::made(self.ty, read, None);
        Some(column.get(0).order(self.value.as_ref()))
    }
}

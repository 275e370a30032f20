//! Expressions over batches: bound to columns and types once, then evaluated column by column.
//!
//! ```text
//! text ─parse─► Expr (core) ─bind─► Bound: positions, types, constants folded ─eval─► Column
//! ```
//!
//! Logic is SQL's, with three values. Whole numbers are computed as int64 and decimals exactly; a result
//! that does not fit is an error, at the row where it happened and only if that row asks for it: what
//! stands behind `AND`, in a branch of `CASE` or behind an argument of `coalesce` is computed for the rows
//! that get there, and for no others.
//!
//! | | |
//! |---|---|
//! | `+ - *` | int64 of integers; decimals with all digits; float64 as soon as one side is a float; dates and days |
//! | `/` | float64; division by zero is an error unless a side is a float |
//! | `%` | of integers, decimals and floats, with the sign of the left side |
//! | comparison | of numbers by value, NaN greater than all and equal to itself; text in quotes is read as the type of the other side |

mod bind;
mod calendar;
mod cast;
mod compare;
mod eval;
mod fold;
mod function;
mod logic;
mod numeric;
mod numeric_functions;
mod text_functions;
mod time_functions;
mod types;
mod vector;

pub use bind::bind;
pub(crate) use bind::unknown_column;
pub use eval::{Evaluation, Fault};
pub(crate) use types::{is_decimal, is_float, is_integer};

use std::sync::Arc;
use store_core::query::{Arithmetic, Op, TextMatcher};
use store_core::{Type, Value};

/// An expression bound to the columns of a batch.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The type of its result.
    pub ty: Type,
    /// False if the result is never NULL.
    pub nullable: bool,
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Column(usize),
    Constant(Value),
    /// Both sides are int64, float64 or decimals, or the left one is a date.
    Arithmetic(Arithmetic, Box<[Bound; 2]>),
    Negate(Box<Bound>),
    /// Both sides are of one type.
    Compare(Op, Box<[Bound; 2]>),
    And(Vec<Bound>),
    Or(Vec<Bound>),
    Not(Box<Bound>),
    IsNull(Box<Bound>),
    /// True where the condition is this, and false elsewhere.
    IsTruth(Box<Bound>, bool),
    /// Equal to one of these, none of which is NULL and which are sorted; unknown in place of false if
    /// a NULL was listed too.
    In(Box<Bound>, Arc<[Value]>, bool),
    Match(Box<Bound>, Arc<TextMatcher>),
    Case(Vec<(Bound, Bound)>, Box<Bound>),
    Cast(Box<Bound>),
    Coalesce(Vec<Bound>),
    Call(function::Function, Vec<Bound>),
}

impl Bound {
    fn new(ty: Type, nullable: bool, node: Node) -> Self {
        Self { ty, nullable, node }
    }

    fn constant(ty: Type, value: Value) -> Self {
        Self::new(ty, value.as_ref().is_null(), Node::Constant(value))
    }

    fn as_constant(&self) -> Option<&Value> {
        if let Node::Constant(value) = &self.node { Some(value) } else { None }
    }

    /// The column it is, if it is nothing else.
    pub fn as_column(&self) -> Option<usize> {
        if let Node::Column(column) = self.node { Some(column) } else { None }
    }

    /// Comparisons of a column with a value that must be true where this is true.
    pub(crate) fn comparisons(&self, found: &mut Vec<(usize, Op, Value)>) {
        match &self.node {
            Node::And(all) => all.iter().for_each(|one| one.comparisons(found)),
            Node::Compare(op, sides) => match (&sides[0].node, &sides[1].node) {
                (Node::Column(at), Node::Constant(value)) => found.push((*at, *op, value.clone())),
                (Node::Constant(value), Node::Column(at)) => {
                    found.push((*at, op.mirrored(), value.clone()));
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// How many columns are in memory at once while it is evaluated, at most: every level keeps its own
    /// until the one above is made.
    pub fn columns_made(&self) -> usize {
        let mut below = 0;
        self.for_each_child(&mut |child| below += child.columns_made());
        below + usize::from(!matches!(self.node, Node::Column(_) | Node::Constant(_)))
    }

    fn for_each_child(&self, see: &mut dyn FnMut(&Self)) {
        match &self.node {
            Node::Column(_) | Node::Constant(_) => {}
            Node::Arithmetic(_, sides) | Node::Compare(_, sides) => sides.iter().for_each(see),
            Node::Negate(inner)
            | Node::Not(inner)
            | Node::IsNull(inner)
            | Node::IsTruth(inner, _)
            | Node::In(inner, ..)
            | Node::Match(inner, _)
            | Node::Cast(inner) => see(inner),
            Node::And(list) | Node::Or(list) | Node::Coalesce(list) | Node::Call(_, list) => {
                list.iter().for_each(see);
            }
            Node::Case(whens, otherwise) => {
                for (when, then) in whens {
                    see(when);
                    see(then);
                }
                see(otherwise);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Constant folding: what reads no column is computed once.

use super::{Bound, Evaluation, Node};
use crate::batch::Batch;

/// The constant that this comes to, if all below it are constants. What fails is left as it is: it is an
/// error only for a row that gets there.
pub(super) fn fold(bound: Bound) -> Bound {
    if matches!(bound.node, Node::Column(_) | Node::Constant(_)) {
        return bound;
    }
    let mut constant = true;
    bound.for_each_child(&mut |child| constant &= child.as_constant().is_some());
    if !constant {
        return bound;
    }
    let mut one = Batch::of_types([]);
    one.set_rows(1);
    match Evaluation::new(usize::MAX).column(&bound, &one) {
        Ok(column) => Bound::constant(bound.ty, column.get(0).to_owned()),
        Err(_) => bound,
    }
}

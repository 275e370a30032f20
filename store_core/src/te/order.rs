//! In which order the parts of a tree run.
//!
//! A part needs its *peak* while it runs and leaves its *residual* until the part above has read it.
//! Running children in decreasing (peak − residual) gives the smallest peak of all orders that finish
//! one child before the next begins (Liu, "On the storage requirement in the out-of-core multifrontal
//! method", 1986): if a child with the smaller difference came first, exchanging the two would not
//! raise the peak.

/// What one part of a tree asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The most bytes it holds while it runs.
    pub peak: u64,
    /// What it keeps from then on.
    pub residual: u64,
}

/// Puts children in the order of the smallest peak: positions, the first to run first.
///
/// ```
/// use store_core::te::{Requirement, order_children, peak_in_order};
/// let left = Requirement { peak: 10, residual: 8 };
/// let right = Requirement { peak: 9, residual: 1 };
/// assert_eq!(order_children(&[left, right]), [1, 0]);
/// assert_eq!(peak_in_order(&[right, left]), 11); // the other order takes 17
/// ```
pub fn order_children(children: &[Requirement]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..children.len()).collect();
    let gain = |child: &Requirement| i128::from(child.peak) - i128::from(child.residual);
    order.sort_by_key(|child| std::cmp::Reverse(gain(&children[*child])));
    order
}

/// The most bytes held while these run one after another, each keeping its residual.
pub fn peak_in_order(children: &[Requirement]) -> u64 {
    let (mut kept, mut peak) = (0_u64, 0_u64);
    for child in children {
        peak = peak.max(kept.saturating_add(child.peak));
        kept = kept.saturating_add(child.residual);
    }
    peak
}

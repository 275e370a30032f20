//! Which runs to merge when there are more than one merge can take.
//!
//! The cheapest pattern is a tree as Huffman's, with K branches instead of two: the first merge takes
//! just so many runs that all later ones are full, and each takes the smallest. Here it takes the
//! smallest *neighbours*: equal keys must keep the order of input, so a merge may not pass over a run.
//! Runs of one sort are about equal, and then that costs at most a seventh more.

use std::ops::Range;

/// What a pattern costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCost {
    /// Merges before the last one.
    pub merges: u64,
    /// Bytes that they read and write again.
    pub bytes: u64,
    /// How often the bytes that are merged most are merged, the last merge included.
    pub levels: u32,
}

/// The runs to merge next, or `None` if one merge can take them all.
///
/// `fan_in` is at least 2.
///
/// ```
/// use store_core::te::next_merge;
/// assert_eq!(next_merge(&[5, 5, 5], 3), None);
/// // Two now, so that the last merge is full.
/// assert_eq!(next_merge(&[5, 9, 4, 4], 3), Some(2..4));
/// ```
pub fn next_merge(runs: &[u64], fan_in: usize) -> Option<Range<usize>> {
    let fan_in = fan_in.max(2);
    if runs.len() <= fan_in {
        return None;
    }
    smallest_neighbours(runs, (runs.len() - 2) % (fan_in - 1) + 2)
}

/// So many neighbours with the fewest bytes, or `None` if there are not so many.
pub fn smallest_neighbours(runs: &[u64], width: usize) -> Option<Range<usize>> {
    let total =
        |from: usize| runs[from..from + width].iter().fold(0, |a: u64, b| a.saturating_add(*b));
    let last = runs.len().checked_sub(width.max(1))?;
    let from = (0..=last).min_by_key(|from| total(*from))?;
    Some(from..from + width)
}

/// Plays the whole pattern through.
pub fn merge_cost(runs: &[u64], fan_in: usize) -> MergeCost {
    let mut runs = runs.to_vec();
    let mut depths = vec![0_u32; runs.len()];
    let mut cost = MergeCost::default();
    while let Some(chosen) = next_merge(&runs, fan_in) {
        let bytes = runs[chosen.clone()].iter().fold(0, |a: u64, b| a.saturating_add(*b));
        let depth = 1 + depths[chosen.clone()].iter().max().copied().unwrap_or(0);
        runs.splice(chosen.clone(), [bytes]);
        depths.splice(chosen, [depth]);
        cost.merges += 1;
        cost.bytes = cost.bytes.saturating_add(bytes);
    }
    let deepest = depths.iter().max().copied().unwrap_or(0);
    cost.levels = if runs.is_empty() { 0 } else { deepest + 1 };
    cost
}

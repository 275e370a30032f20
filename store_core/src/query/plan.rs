//! The choice of an access path: the key, an index, or a scan of the table.
//!
//! A pure function of the filter's bounds, the sort and the index's own counts. It never decides
//! what matches: the reader checks the filter on every row whichever way it came.
//!
//! For each index, leading columns whose values the filter lists form prefixes; the next column
//! gives ranges: see [`ranges`].

mod ranges;
mod reason;

pub use ranges::KeyRange;
pub use reason::Reason;

use super::filter::Filter;
use super::order::{NullsOrder, SortKey};
use crate::error::{Error, Result};
use crate::planted;
use crate::schema::{Index, Schema};
use crate::value::{Value, ValueRef, encode_key};
use ranges::{is_folded, reach};
use smallvec::SmallVec;
use std::ops::Bound;

/// Most ranges of one index walk; what comes to more is read as one range from first to last.
pub const RANGES_MAX: usize = 1024;
/// Most keys looked up one by one; more are left to an index or a scan.
pub const KEYS_MAX: usize = 1024;
/// An index is worth it below one entry in so many rows: reading rows by index costs about that
/// many times a row of a scan.
const SCAN_ADVANTAGE: u64 = 4;

/// What the choice depends on.
pub struct PlanInput<'a> {
    /// The bound filter.
    pub filter: &'a Filter,
    /// The table's columns, key and indexes.
    pub schema: &'a Schema,
    /// The order asked for, without the completing key columns; empty if none.
    pub sort: &'a [SortKey],
    /// True if the reader may use the index at this position.
    pub serves: &'a dyn Fn(usize) -> bool,
    /// About how many entries of the index at this position lie in the range.
    pub estimates: &'a dyn Fn(usize, &KeyRange) -> u64,
    /// Rows of the table.
    pub table_rows: u64,
    /// The position of the index that must be walked, if the caller names one.
    pub hint: Option<usize>,
    /// The caller adds rows that are in no index (a transaction's own writes), so an index's order
    /// is not the result's.
    pub overlay: bool,
}

/// The way to the rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AccessPath {
    /// No row can match.
    Empty,
    /// The row of this key.
    Key(Vec<Value>),
    /// The rows of these keys, all different.
    Keys(Vec<Vec<Value>>),
    /// A walk over an index.
    Index {
        /// Position in [`Schema::indexes`].
        index: usize,
        /// Disjoint ranges, ascending; a descending walk takes them from the last. That of NULLs comes
        /// before the others if the walk serves a sort that asks for it.
        ranges: Vec<KeyRange>,
        /// Walk from the greatest entry.
        descending: bool,
        /// The walk meets the first sort column's values in the order asked for, NULLs included,
        /// and rows with equal values one after another. Each such group must still be put in
        /// order by the remaining sort keys and the primary key.
        serves_sort: bool,
    },
    /// Every row of the table.
    Scan,
}

/// An access path and why it was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The way to the rows.
    pub path: AccessPath,
    /// One line for `explain`.
    pub reason: Reason,
}

/// Chooses how to reach the rows that may match.
///
/// It only fails if the index that must be walked is of no use.
///
/// ```
/// # use store_core::{Schema, Type};
/// # use store_core::query::{AccessPath, Filter, PlanInput, column, plan};
/// # let schema = Schema::builder("t").column("id", Type::Int64).key().build()?;
/// let filter = column("id").eq(7).bind(&schema)?;
/// let input = PlanInput {
///     filter: &filter, schema: &schema, sort: &[], serves: &|_| true, estimates: &|_, _| 0,
///     table_rows: 10, hint: None, overlay: false,
/// };
/// assert_eq!(plan(&input)?.path, AccessPath::Key(vec![7_i64.into()]));
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn plan(input: &PlanInput<'_>) -> Result<Plan> {
    let chosen = |path, reason| Plan { path, reason };
    if let Some(position) = input.hint {
        if !(input.serves)(position) {
            return Err(too_young(input, position));
        }
        let hinted = Candidate::of(input, position).ok_or_else(|| useless(input, position))?;
        let order =
            if hinted.serves_sort { ", in the order of the sort, as asked" } else { ", as asked" };
        return Ok(hinted.plan(input, order));
    }
    if input.filter.is_never() {
        return Ok(chosen(AccessPath::Empty, Reason::plain("empty: no row can match")));
    }
    if let Some(plan) = key_plan(input) {
        return Ok(plan);
    }
    let usable = (0..input.schema.indexes.len()).filter(|at| (input.serves)(*at));
    let mut candidates: SmallVec<[Candidate; 2]> =
        usable.filter_map(|at| Candidate::of(input, at)).collect();
    let rows = input.table_rows;
    let all = || candidates.iter().enumerate();
    let cheapest = all().min_by_key(|(_, found)| (found.entries, !found.serves_sort));
    if let Some((at, _)) = cheapest.filter(|(_, best)| best.is_selective(rows)) {
        return Ok(candidates.swap_remove(at).plan(input, ""));
    }
    let sorted = all().filter(|(_, found)| found.serves_sort);
    if let Some((at, _)) = sorted.min_by_key(|(_, found)| found.entries) {
        return Ok(candidates.swap_remove(at).plan(input, ", in the order of the sort"));
    }
    let cheapest = cheapest.map(|(_, found)| found);
    let reason = cheapest.map_or_else(
        || Reason::no_index(rows),
        |best| Reason::too_many(&input.schema.indexes[best.index].name, best.entries, rows),
    );
    Ok(chosen(AccessPath::Scan, reason))
}

fn too_young(input: &PlanInput<'_>, position: usize) -> Error {
    let (table, index) = (&input.schema.table, &input.schema.indexes[position].name);
    Error::invalid(format!(
        "index `{index}` of `{table}` was made after this snapshot or transaction began, which cannot \
         use it: begin another, or leave the index to the planner"
    ))
    .detail(table)
    .detail(index)
}

fn useless(input: &PlanInput<'_>, position: usize) -> Error {
    let index = &input.schema.indexes[position];
    let first = index.columns[0];
    let folded = if is_folded(input.schema, index, first) { " without case" } else { "" };
    Error::invalid(format!(
        "index `{}` is of no use here: neither the filter nor the sort says anything of \"{}\"{folded}",
        index.name, input.schema.columns[first].name
    ))
    .detail(&input.schema.table)
    .detail(&index.name)
}

/// An index and its ranges whose entries are those of the rows that match, no more and no less, if
/// there is one: then nothing but the index need be looked at to count them.
pub(crate) fn counting_ranges(input: &PlanInput<'_>) -> Option<(usize, Vec<KeyRange>)> {
    if input.overlay || input.filter.is_never() {
        return None; // bounds that contradict each other mean no range
    }
    let usable = |at: &usize| (input.serves)(*at) && input.hint.is_none_or(|hint| hint == *at);
    let mut usable = (0..input.schema.indexes.len()).filter(usable);
    usable.find_map(|at| Some((at, exact_ranges(input, &input.schema.indexes[at])?)))
}

fn exact_ranges(input: &PlanInput<'_>, index: &Index) -> Option<Vec<KeyRange>> {
    let reach = reach(input.filter, input.schema, index)?;
    let told = &index.columns[..reach.exact];
    let folded = told.iter().any(|column| is_folded(input.schema, index, *column));
    let wanted = reach.bounded || input.hint.is_none(); // else it is of no use: see `plan`
    (wanted && !folded && input.filter.is_told_by_bounds(told)).then_some(reach.ranges)
}

/// The key's values, if equality or IN fixes every key column.
fn key_plan(input: &PlanInput<'_>) -> Option<Plan> {
    if input.filter.is_all() {
        return None;
    }
    let mut keys = vec![Vec::new()];
    for column in &input.schema.key {
        let bounds = input.filter.bounds(*column);
        let values = bounds.points()?;
        if keys.len() * values.len() > KEYS_MAX {
            return None;
        }
        let extend = |key: &Vec<Value>| {
            let longer = |value: &&Value| [key.as_slice(), std::slice::from_ref(*value)].concat();
            values.iter().map(longer).collect::<Vec<_>>()
        };
        keys = keys.iter().flat_map(extend).collect();
    }
    Some(if keys.len() == 1 {
        let reason = Reason::plain("key: every key column is fixed");
        Plan { path: AccessPath::Key(keys.remove(0)), reason }
    } else {
        let reason = Reason::keys(keys.len());
        Plan { path: AccessPath::Keys(keys), reason }
    })
}

/// An index that could be walked.
struct Candidate {
    index: usize,
    ranges: Vec<KeyRange>,
    entries: u64,
    bounded: bool,
    serves_sort: bool,
}

impl Candidate {
    /// What the index at this position offers; `None` if neither filter nor sort fits it.
    fn of(input: &PlanInput<'_>, position: usize) -> Option<Self> {
        let index = &input.schema.indexes[position];
        let sorts_by = |first: &SortKey| first.column == index.columns[0];
        if input.filter.is_all() && !input.sort.first().is_some_and(sorts_by) {
            return None;
        }
        let mut reach = reach(input.filter, input.schema, index)?;
        // Folded text has an order of its own.
        let leading = reach.leading.filter(|column| {
            !is_folded(input.schema, index, *column) || planted::bug("folded_text_sorted")
        });
        let counts = reach.ranges.iter().map(|range| (input.estimates)(position, range));
        let entries = counts.fold(0, u64::saturating_add);
        let serves_sort = leading.is_some_and(|column| {
            serves(input, column)
                || column == index.columns[0]
                    && nulls_can_be_first(input, column, &mut reach.ranges)
        });
        if !reach.bounded && !serves_sort {
            return None;
        }
        let (ranges, bounded) = (reach.ranges, reach.bounded);
        Some(Self { index: position, ranges, entries, bounded, serves_sort })
    }

    const fn is_selective(&self, table_rows: u64) -> bool {
        self.bounded && self.entries.saturating_mul(SCAN_ADVANTAGE) <= table_rows
    }

    fn plan(self, input: &PlanInput<'_>, also: &'static str) -> Plan {
        let name = &input.schema.indexes[self.index].name;
        let (entries, ranges) = (self.entries, self.ranges.len());
        let reason = Reason::index(name, entries, input.table_rows, ranges, also);
        let path = AccessPath::Index {
            index: self.index,
            ranges: self.ranges,
            descending: self.serves_sort && input.sort[0].descending,
            serves_sort: self.serves_sort,
        };
        Plan { path, reason }
    }
}

/// True if a walk meets the first sort column's values in the order asked for.
fn serves(input: &PlanInput<'_>, column: usize) -> bool {
    let Some(first) = input.sort.first().filter(|first| first.column == column) else {
        return false;
    };
    // The index has NULLs last, so a walk down meets them first.
    let met = if first.descending { NullsOrder::First } else { NullsOrder::Last };
    let no_nulls = || input.schema.columns[column].notnull || !input.filter.bounds(column).null;
    !input.overlay && (first.nulls == met || no_nulls())
}

/// Puts the range of NULLs before the others, which a walk takes first or, downwards, last: so it meets
/// NULLs where they are asked for, if the sort is by the index's first column.
fn nulls_can_be_first(input: &PlanInput<'_>, column: usize, ranges: &mut Vec<KeyRange>) -> bool {
    let sorts = input.sort.first().is_some_and(|first| first.column == column);
    if !sorts || input.overlay {
        return false;
    }
    let schema = &input.schema.columns[column];
    let mut null = Vec::new();
    if encode_key(ValueRef::Null, schema.ty, schema.notnull, &mut null).is_err() {
        return false;
    }
    let Some(last) = ranges.pop_if(|last| last.contains(&null)) else { return false };
    if last.low != Bound::Included(null.clone()) {
        ranges.push(KeyRange { low: last.low, high: Bound::Excluded(null.clone()) });
    }
    ranges.insert(0, KeyRange { low: Bound::Included(null), high: last.high });
    true
}

#[cfg(test)]
mod tests;

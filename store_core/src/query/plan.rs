//! The choice of an access path: the key, an index, or a scan of the table.
//!
//! A pure function of the filter's bounds, the sort and the index's own counts. It never decides
//! what matches: the reader checks the filter on every row whichever way it came.
//!
//! For each index, leading columns that the filter fixes form a prefix; the next column gives a
//! range, or points from IN. Index entries are the columns' encoded cells one after another, with
//! the row number or padding behind, so every end is a *prefix*: ranges are half-open in bytes and
//! mean the same whatever follows.
//!
//! ```text
//! (origin, altitude)   origin = 'KAUS' and altitude > 9000   KAUS·9000⁺ … KAUS·NULL
//! (altitude)           altitude between 1 and 5              1 … 5⁺      x⁺: past all that begin with x
//! (origin)             origin in ('A', 'B')                  A … A⁺, B … B⁺
//! ```

use super::bounds::ColumnBounds;
use super::filter::Filter;
use super::order::{NullsOrder, SortKey};
use crate::schema::{Index, Schema};
use crate::value::{Value, ValueRef, encode_key};
use std::ops::Bound;

/// Most ranges of one index walk; more points than that are read as one range from first to last.
pub const RANGES_MAX: usize = 256;
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
    /// The caller adds rows that are in no index (a transaction's own writes), so an index's order
    /// is not the result's.
    pub overlay: bool,
}

/// A range of encoded index entries; compare whole entries with it as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The lower end: always `Included` or `Unbounded`.
    pub low: Bound<Vec<u8>>,
    /// The upper end: always `Excluded` or `Unbounded`.
    pub high: Bound<Vec<u8>>,
}

impl KeyRange {
    /// The whole index.
    pub const fn all() -> Self {
        Self { low: Bound::Unbounded, high: Bound::Unbounded }
    }

    /// Every entry that begins with these bytes.
    pub fn prefix(prefix: Vec<u8>) -> Self {
        Self { high: end_of(after(&prefix)), low: start_of(prefix) }
    }

    /// True if the entry lies in the range.
    pub fn contains(&self, entry: &[u8]) -> bool {
        use std::ops::RangeBounds;
        let ends = (self.low.as_ref().map(Vec::as_slice), self.high.as_ref().map(Vec::as_slice));
        RangeBounds::<[u8]>::contains(&ends, entry)
    }
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
        /// Disjoint ranges, ascending; a descending walk takes them from the last.
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
    pub reason: String,
}

/// Chooses how to reach the rows that may match.
///
/// ```
/// # use store_core::{Schema, Type};
/// # use store_core::query::{AccessPath, Filter, PlanInput, column, plan};
/// # let schema = Schema::builder("t").column("id", Type::Int64).key().build()?;
/// let filter = column("id").eq(7).bind(&schema)?;
/// let input = PlanInput {
///     filter: &filter, schema: &schema, sort: &[], serves: &|_| true, estimates: &|_, _| 0, table_rows: 10, overlay: false,
/// };
/// assert_eq!(plan(&input).path, AccessPath::Key(vec![7_i64.into()]));
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let chosen = |path, reason| Plan { path, reason };
    if input.filter.is_never() {
        return chosen(AccessPath::Empty, "empty: no row can match".to_owned());
    }
    if let Some(plan) = key_plan(input) {
        return plan;
    }
    let usable = (0..input.schema.indexes.len()).filter(|at| (input.serves)(*at));
    let candidates: Vec<Candidate> = usable.filter_map(|at| Candidate::of(input, at)).collect();
    let rows = input.table_rows;
    let cheapest = candidates.iter().min_by_key(|found| (found.entries, !found.serves_sort));
    if let Some(best) = cheapest.filter(|best| best.is_selective(rows)) {
        return best.plan(input, "");
    }
    let sorted = candidates.iter().filter(|found| found.serves_sort);
    if let Some(best) = sorted.min_by_key(|found| found.entries) {
        return best.plan(input, ", in the order of the sort");
    }
    let reason = cheapest.map_or_else(
        || format!("scan: no index fits, {rows} rows"),
        |best| {
            let name = &input.schema.indexes[best.index].name;
            format!("scan: index `{name}` would read about {} of {rows} rows", best.entries)
        },
    );
    chosen(AccessPath::Scan, reason)
}

/// An index and its ranges whose entries are those of the rows that match, no more and no less, if
/// there is one: then nothing but the index need be looked at to count them.
pub(crate) fn counting_ranges(input: &PlanInput<'_>) -> Option<(usize, Vec<KeyRange>)> {
    if input.filter.is_never() {
        return None; // its bounds contradict each other, and mean no range
    }
    let indexes = input.schema.indexes.iter().enumerate();
    let mut usable = indexes.filter(|(at, _)| !input.overlay && (input.serves)(*at));
    usable.find_map(|(at, index)| Some((at, exact_ranges(input, index)?)))
}

fn exact_ranges(input: &PlanInput<'_>, index: &Index) -> Option<Vec<KeyRange>> {
    let (prefix, fixed) = fixed_prefix(input, index)?;
    let bounded = &index.columns[..index.columns.len().min(fixed + 1)];
    if !input.filter.is_told_by_bounds(bounded) {
        return None;
    }
    let Some(next) = index.columns.get(fixed) else { return Some(vec![KeyRange::prefix(prefix)]) };
    let bounds = input.filter.bounds(*next);
    if bounds.points.as_ref().is_some_and(|points| points.len() > RANGES_MAX) {
        return None; // read as one range
    }
    column_ranges(input, &prefix, *next, &bounds)
}

/// The key's values, if equality or IN fixes every key column.
fn key_plan(input: &PlanInput<'_>) -> Option<Plan> {
    let mut keys = vec![Vec::new()];
    for column in &input.schema.key {
        let bounds = input.filter.bounds(*column);
        let values = bounds.points.or_else(|| bounds.equal.map(|value| vec![value]))?;
        if keys.len() * values.len() > KEYS_MAX {
            return None;
        }
        let extend = |key: &Vec<Value>| {
            let longer = |value: &Value| [key.as_slice(), std::slice::from_ref(value)].concat();
            values.iter().map(longer).collect::<Vec<_>>()
        };
        keys = keys.iter().flat_map(extend).collect();
    }
    Some(if keys.len() == 1 {
        let reason = "key: every key column is fixed".to_owned();
        Plan { path: AccessPath::Key(keys.remove(0)), reason }
    } else {
        let reason = format!("key: {} keys are listed", keys.len());
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
        let (prefix, fixed) = fixed_prefix(input, index)?;
        let next = index.columns.get(fixed).map(|column| (*column, input.filter.bounds(*column)));
        let serves_sort =
            next.as_ref().is_some_and(|(column, bounds)| serves(input, *column, bounds));
        let bounded = fixed > 0 || next.as_ref().is_some_and(|(_, bounds)| bounds.is_bounded());
        if !bounded && !serves_sort {
            return None;
        }
        let ranges = match &next {
            Some((column, bounds)) => column_ranges(input, &prefix, *column, bounds)?,
            None => vec![KeyRange::prefix(prefix)],
        };
        let counts = ranges.iter().map(|range| (input.estimates)(position, range));
        let entries = counts.fold(0, u64::saturating_add);
        Some(Self { index: position, ranges, entries, bounded, serves_sort })
    }

    const fn is_selective(&self, table_rows: u64) -> bool {
        self.bounded && self.entries.saturating_mul(SCAN_ADVANTAGE) <= table_rows
    }

    fn plan(&self, input: &PlanInput<'_>, also: &str) -> Plan {
        let name = &input.schema.indexes[self.index].name;
        let ranges = match self.ranges.len() {
            1 => String::new(),
            count => format!(" in {count} ranges"),
        };
        let (entries, rows) = (self.entries, input.table_rows);
        let reason = format!("index `{name}`: about {entries} of {rows} rows{ranges}{also}");
        let path = AccessPath::Index {
            index: self.index,
            ranges: self.ranges.clone(),
            descending: self.serves_sort && input.sort[0].descending,
            serves_sort: self.serves_sort,
        };
        Plan { path, reason }
    }
}

/// The encoded cells of the leading columns that hold one value only, and how many they are.
fn fixed_prefix(input: &PlanInput<'_>, index: &Index) -> Option<(Vec<u8>, usize)> {
    let mut prefix = Vec::new();
    let mut fixed = 0;
    for column in &index.columns {
        let bounds = input.filter.bounds(*column);
        let value = match &bounds.equal {
            Some(value) => value.as_ref(),
            None if bounds.only_null => ValueRef::Null,
            None => break,
        };
        prefix = encoded(input, &prefix, *column, value)?;
        fixed += 1;
    }
    Some((prefix, fixed))
}

/// The ranges of entries behind the prefix whose next cell lies in the bounds.
fn column_ranges(
    input: &PlanInput<'_>,
    prefix: &[u8],
    column: usize,
    bounds: &ColumnBounds,
) -> Option<Vec<KeyRange>> {
    let encode = |value: &Value| encoded(input, prefix, column, value.as_ref());
    if let Some(points) = bounds.points.as_ref().filter(|points| points.len() <= RANGES_MAX) {
        let range = |point: &Value| Some(KeyRange::prefix(encode(point)?));
        return points.iter().map(range).collect();
    }
    let low = match &bounds.low {
        None => start_of(prefix.to_vec()),
        Some((value, true)) => Bound::Included(encode(value)?),
        // Past a cell of all ones (the greatest integer) nothing lies; that odd case is scanned.
        Some((value, false)) => Bound::Included(after(&encode(value)?)?),
    };
    let high = match &bounds.high {
        Some((value, true)) => end_of(after(&encode(value)?)),
        Some((value, false)) => Bound::Excluded(encode(value)?),
        // NULLs come last: stop before them where they cannot match.
        None if bounds.excludes_null && !input.schema.columns[column].notnull => {
            Bound::Excluded(encode(&Value::Null)?)
        }
        None => end_of(after(prefix)),
    };
    Some(vec![KeyRange { low, high }])
}

/// The prefix with one more cell; `None` if no index holds such a cell, being too long or NULL.
fn encoded(
    input: &PlanInput<'_>,
    prefix: &[u8],
    column: usize,
    value: ValueRef<'_>,
) -> Option<Vec<u8>> {
    let column = &input.schema.columns[column];
    let mut bytes = prefix.to_vec();
    encode_key(value, column.ty, column.notnull, &mut bytes).ok()?;
    Some(bytes)
}

/// True if a walk meets the first sort column's values in the order asked for.
fn serves(input: &PlanInput<'_>, column: usize, bounds: &ColumnBounds) -> bool {
    let Some(first) = input.sort.first().filter(|first| first.column == column) else {
        return false;
    };
    // The index has NULLs last, so a walk down meets them first.
    let met = if first.descending { NullsOrder::First } else { NullsOrder::Last };
    let no_nulls = bounds.excludes_null || input.schema.columns[column].notnull;
    !input.overlay && (no_nulls || first.nulls == met)
}

fn start_of(prefix: Vec<u8>) -> Bound<Vec<u8>> {
    if prefix.is_empty() { Bound::Unbounded } else { Bound::Included(prefix) }
}

fn end_of(end: Option<Vec<u8>>) -> Bound<Vec<u8>> {
    end.map_or(Bound::Unbounded, Bound::Excluded)
}

/// The least bytes greater than everything that begins with these; `None` if there are none.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut bytes = prefix[..=last].to_vec();
    bytes[last] += 1;
    Some(bytes)
}

#[cfg(test)]
mod tests;

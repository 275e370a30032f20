//! Where in an index the rows that may match are.
//!
//! Index entries are the columns' encoded cells one after another, with the row number or padding
//! behind, so every end is a *prefix*: ranges are half-open in bytes and mean the same whatever
//! follows.
//!
//! ```text
//! (origin, altitude)   origin = 'KAUS' and altitude > 9000   KAUS·9000⁺ … KAUS·NULL
//! (altitude)           altitude between 1 and 5              1 … 5⁺      x⁺: past all that begin with x
//! (altitude)           altitude < 1 or altitude > 5          … 1, 5⁺ … NULL
//! (origin, altitude)   origin in ('A', 'B') and altitude = 1 A·1 … A·1⁺, B·1 … B·1⁺
//! ```

use super::RANGES_MAX;
use crate::query::bounds::{ColumnBounds, ValueRange};
use crate::query::filter::Filter;
use crate::schema::{Index, Schema};
use crate::value::{Type, Value, ValueRef, encode_key};
use std::ops::Bound;

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

/// What an index offers for a filter.
pub(super) struct Reach {
    /// Every row that may match has its entry in one of them: disjoint, ascending.
    pub(super) ranges: Vec<KeyRange>,
    /// The filter says something of the leading columns.
    pub(super) bounded: bool,
    /// The first column that may have more than one value there; a walk meets its values in order.
    pub(super) leading: Option<usize>,
    /// So many leading columns have values within their bounds in the ranges' entries, and in no
    /// others.
    pub(super) exact: usize,
}

/// Finds the ranges; `None` if a value is too long for any index.
pub(super) fn reach(filter: &Filter, schema: &Schema, index: &Index) -> Option<Reach> {
    if filter.is_all() {
        // What is below comes to the same, by more steps than a short query should take.
        let (ranges, leading) = (vec![KeyRange::all()], index.columns.first().copied());
        return Some(Reach { ranges, bounded: false, leading, exact: 1 });
    }
    let mut prefixes = vec![Vec::new()];
    let (mut listed, mut single) = (0, 0);
    for column in &index.columns {
        let bounds = bounds_of(filter, schema, index, *column);
        let Some(cells) = listed_cells(schema, *column, &bounds) else { break };
        if prefixes.len() * cells.len() > RANGES_MAX {
            break;
        }
        single += usize::from(single == listed && cells.len() == 1);
        listed += 1;
        let longer = prefixes
            .iter()
            .flat_map(|prefix| cells.iter().map(|cell| encoded(schema, prefix, *column, *cell)));
        prefixes = longer.collect::<Option<_>>()?;
    }
    let leading = index.columns.get(single).copied();
    let Some(next) = index.columns.get(listed) else {
        let ranges = prefixes.into_iter().map(KeyRange::prefix).collect();
        return Some(Reach { ranges, bounded: true, leading, exact: listed });
    };
    let mut bounds = bounds_of(filter, schema, index, *next);
    let bounded = listed > 0 || bounds.is_bounded();
    let mut exact = listed;
    if prefixes.len() * bounds.ranges.len() > RANGES_MAX {
        bounds.ranges = bounds.hull().into_iter().collect();
    } else {
        exact += 1;
    }
    let mut ranges = Vec::with_capacity(prefixes.len() * bounds.ranges.len());
    for prefix in &prefixes {
        push_ranges(schema, prefix, *next, &bounds, &mut ranges)?;
    }
    Some(Reach { ranges, bounded, leading, exact })
}

/// True if the index holds this column's text with its case folded.
pub(super) fn is_folded(schema: &Schema, index: &Index, column: usize) -> bool {
    index.nocase && schema.columns[column].ty == Type::Text
}

/// What the filter says of a column as the index holds it.
pub(super) fn bounds_of<'f>(
    filter: &'f Filter,
    schema: &Schema,
    index: &Index,
    column: usize,
) -> ColumnBounds<'f> {
    if is_folded(schema, index, column) {
        filter.folded_bounds(column)
    } else {
        filter.bounds(column)
    }
}

/// The cells, ascending, if a column may only have some; NULL is the last of them.
fn listed_cells<'b>(
    schema: &Schema,
    column: usize,
    bounds: &'b ColumnBounds<'_>,
) -> Option<Vec<ValueRef<'b>>> {
    let only = |range: &'b ValueRange<'_>| Some(range.only()?.as_ref());
    let mut cells: Vec<ValueRef<'b>> = bounds.ranges.iter().map(only).collect::<Option<_>>()?;
    if bounds.null && !schema.columns[column].notnull {
        cells.push(ValueRef::Null);
    }
    Some(cells)
}

/// The ranges of entries behind the prefix whose next cell lies in the bounds.
fn push_ranges(
    schema: &Schema,
    prefix: &[u8],
    column: usize,
    bounds: &ColumnBounds<'_>,
    ranges: &mut Vec<KeyRange>,
) -> Option<()> {
    let encode = |value: &Value| encoded(schema, prefix, column, value.as_ref());
    let nullable = !schema.columns[column].notnull;
    let mut nulls_left = nullable && bounds.null;
    for range in &bounds.ranges {
        let low = match &range.low {
            None => start_of(prefix.to_vec()),
            Some((value, true)) => Bound::Included(encode(value)?),
            Some((value, false)) => match after(&encode(value)?) {
                Some(low) => Bound::Included(low),
                None => continue, // nothing lies past a cell of all ones
            },
        };
        let high = match &range.high {
            Some((value, true)) => end_of(after(&encode(value)?)),
            Some((value, false)) => Bound::Excluded(encode(value)?),
            // NULLs come last: stop before them where they cannot match.
            None if nullable && !bounds.null => Bound::Excluded(encode(&Value::Null)?),
            None => {
                nulls_left = false;
                end_of(after(prefix))
            }
        };
        ranges.push(KeyRange { low, high });
    }
    if nulls_left {
        ranges.push(KeyRange::prefix(encode(&Value::Null)?));
    }
    Some(())
}

/// The prefix with one more cell; `None` if no index holds such a cell, being too long.
fn encoded(schema: &Schema, prefix: &[u8], column: usize, value: ValueRef<'_>) -> Option<Vec<u8>> {
    let column = &schema.columns[column];
    let mut bytes = prefix.to_vec();
    encode_key(value, column.ty, column.notnull, &mut bytes).ok()?;
    Some(bytes)
}

fn start_of(prefix: Vec<u8>) -> Bound<Vec<u8>> {
    if prefix.is_empty() { Bound::Unbounded } else { Bound::Included(prefix) }
}

fn end_of(end: Option<Vec<u8>>) -> Bound<Vec<u8>> {
    end.map_or(Bound::Unbounded, Bound::Excluded)
}

/// The least bytes greater than everything that begins with these; `None` if there are none.
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut bytes = prefix[..=last].to_vec();
    bytes[last] += 1;
    Some(bytes)
}

//! A walk over the cold rows that may match, block by block.
//!
//! A block whose zones lie outside of what the filter says of a column is left out without being read. A
//! walk by an index leaves out all rows but those of its section's entries as well, in segments that have it;
//! each block of rows is met once all the same.

use super::by_index::{IndexRanges, Picked};
use super::cache::BlockCache;
use super::rows::{ColdRows, Segments};
use super::segment::ColdSegment;
use crate::error::Result;
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::query::{ColumnBounds, Filter};
use crate::schema::Schema;
use crate::segment::{Zone, zone_head};
use std::sync::Arc;

/// Rows that are given at once.
const STEP_ROWS: u32 = 256;

/// Where a walk stands.
pub(crate) struct ColdWalk {
    segments: Segments,
    at: Timestamp,
    /// What the filter says of columns, by their stable numbers.
    limits: Vec<(u32, Limits)>,
    /// The entries that are asked for, if an index is.
    by: Option<IndexRanges>,
    cache: Arc<BlockCache>,
    holder: Holder,
    segment: usize,
    /// The segment at hand was begun.
    is_inside: bool,
    /// Its rows that an index leads to, if it has a section for that.
    picked: Option<Picked>,
    block: usize,
    /// The next row of the block.
    row: u32,
    /// The limits of the segment at hand, by the position of the zone.
    zones: Vec<(usize, usize)>,
}

/// First bytes of the values that may match, in ranges, and whether NULL may.
struct Limits {
    ranges: Vec<(u64, u64)>,
    null: bool,
}

impl Limits {
    fn of(bounds: &ColumnBounds<'_>, ty: crate::Type) -> Self {
        let mut room = Vec::new();
        let ranges = bounds.ranges.iter().map(|range| {
            let mut head = |end: &Option<(std::borrow::Cow<'_, crate::Value>, bool)>, none| {
                end.as_ref()
                    .map_or(none, |(value, _)| zone_head(value.as_ref().as_ref(), ty, &mut room))
            };
            (head(&range.low, 0), head(&range.high, u64::MAX))
        });
        Self { ranges: ranges.collect(), null: bounds.null }
    }

    fn may_match(&self, zone: &Zone) -> bool {
        self.null && zone.has_null
            || self.ranges.iter().any(|(low, high)| zone.least <= *high && *low <= zone.most)
    }
}

impl ColdWalk {
    /// A walk over the rows of these segments that a reader at this timestamp sees.
    pub(crate) fn new(
        rows: &ColdRows,
        segments: Segments,
        at: Timestamp,
        filter: &Filter,
        schema: &Schema,
        by: Option<IndexRanges>,
    ) -> Self {
        let of = |position: usize| {
            let column = &schema.columns[position];
            let bounds = filter.bounds(position);
            let bounded = bounds.is_bounded();
            bounded.then(|| (column.id, Limits::of(&bounds, column.ty)))
        };
        let limits = filter.columns().into_iter().filter_map(of).collect();
        let (cache, holder) = (Arc::clone(&rows.cache), rows.holder.clone());
        Self {
            segments,
            at,
            limits,
            by,
            cache,
            holder,
            segment: 0,
            is_inside: false,
            picked: None,
            block: 0,
            row: 0,
            zones: Vec::new(),
        }
    }

    /// How many rows the reader sees, whatever the filter.
    pub(crate) fn count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.count(self.at)).sum()
    }

    /// Gives the numbers of some rows of one block; false at the end.
    pub(crate) fn next(&mut self, rows: &mut Vec<u32>) -> Result<bool> {
        while let Some(segment) = self.segments.get(self.segment).cloned() {
            if !self.is_inside {
                self.enter(&segment)?;
            }
            if !self.go_to_picked(&segment) || self.block == segment.file.index.blocks() {
                (self.segment, self.is_inside) = (self.segment + 1, false);
                continue;
            }
            let index = &segment.file.index;
            let (first, count) = (index.block(self.block).first_row, index.block_rows(self.block));
            if self.row == 0 && !self.may_match(&segment) {
                self.block += 1;
                continue;
            }
            let end = count.min(self.row + STEP_ROWS);
            let picked = self.picked.as_ref();
            let here = (first + self.row..first + end)
                .filter(|row| picked.is_none_or(|picked| picked.has(*row)))
                .filter(|row| segment.sees(*row, self.at));
            rows.extend(here.map(|row| segment.number_of(row)));
            self.row = end;
            if end == count {
                (self.row, self.block) = (0, self.block + 1);
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Begins a segment.
    fn enter(&mut self, segment: &ColdSegment) -> Result<()> {
        (self.block, self.row, self.is_inside) = (0, 0, true);
        self.zones.clear();
        let columns = &segment.file.index.columns;
        for (zone, at) in columns.zoned.iter().enumerate() {
            let id = columns.columns[*at as usize].id;
            let limit = self.limits.iter().position(|(limited, _)| *limited == id);
            self.zones.extend(limit.map(|limit| (zone, limit)));
        }
        self.picked = match &self.by {
            Some(by) => by.pick(segment, &self.cache, &self.holder)?,
            None => None,
        };
        Ok(())
    }

    /// Leaves rows out up to the next one that the index leads to; false if there is none.
    fn go_to_picked(&mut self, segment: &ColdSegment) -> bool {
        let (Some(picked), true) = (&self.picked, self.block < segment.file.index.blocks()) else {
            return true;
        };
        let index = &segment.file.index;
        let Some(next) = picked.next(index.block(self.block).first_row + self.row) else {
            return false;
        };
        let block = index.block_of_row(next);
        if block != self.block {
            (self.block, self.row) = (block, 0);
        } else if self.row > 0 {
            self.row = next - index.block(block).first_row;
        }
        true
    }

    fn may_match(&self, segment: &ColdSegment) -> bool {
        let zones = segment.file.index.zones(self.block);
        let matches =
            |(zone, limit): &(usize, usize)| self.limits[*limit].1.may_match(&zones[*zone]);
        self.zones.iter().all(matches) && !(planted::bug("cold_block_left_out") && self.block == 1)
    }
}

//! A walk over the cold rows that may match, block by block.
//!
//! A block whose zones lie outside of what the filter says of a column is left out without being read.

use super::rows::Segments;
use super::segment::ColdSegment;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::query::{ColumnBounds, Filter};
use crate::schema::Schema;
use crate::segment::{Zone, zone_head};

/// Rows that are given at once.
const STEP_ROWS: u32 = 256;

/// Where a walk stands.
pub(crate) struct ColdWalk {
    segments: Segments,
    at: Timestamp,
    /// What the filter says of columns, by their stable numbers.
    limits: Vec<(u32, Limits)>,
    segment: usize,
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
    pub(crate) fn new(segments: Segments, at: Timestamp, filter: &Filter, schema: &Schema) -> Self {
        let of = |position: usize| {
            let column = &schema.columns[position];
            let bounds = filter.bounds(position);
            let bounded = bounds.is_bounded();
            bounded.then(|| (column.id, Limits::of(&bounds, column.ty)))
        };
        let limits = filter.columns().into_iter().filter_map(of).collect();
        let mut walk =
            Self { segments, at, limits, segment: 0, block: 0, row: 0, zones: Vec::new() };
        walk.enter();
        walk
    }

    /// How many rows the reader sees, whatever the filter.
    pub(crate) fn count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.count(self.at)).sum()
    }

    /// Gives the numbers of some rows of one block; false at the end.
    pub(crate) fn next(&mut self, rows: &mut Vec<u32>) -> bool {
        while let Some(segment) = self.segments.get(self.segment) {
            if self.block == segment.file.index.blocks() {
                self.segment += 1;
                self.enter();
                continue;
            }
            let (first, count) = (
                segment.file.index.block(self.block).first_row,
                segment.file.index.block_rows(self.block),
            );
            if self.row == 0 && !self.may_match(segment) {
                self.block += 1;
                continue;
            }
            let end = count.min(self.row + STEP_ROWS);
            let here = first + self.row..first + end;
            rows.extend(
                here.filter(|row| segment.sees(*row, self.at)).map(|row| segment.number_of(row)),
            );
            self.row = end;
            if end == count {
                (self.row, self.block) = (0, self.block + 1);
            }
            return true;
        }
        false
    }

    /// Begins the segment at hand.
    fn enter(&mut self) {
        (self.block, self.row) = (0, 0);
        self.zones.clear();
        let Some(segment) = self.segments.get(self.segment) else { return };
        let columns = &segment.file.index.columns;
        for (zone, at) in columns.zoned.iter().enumerate() {
            let id = columns.columns[*at as usize].id;
            let limit = self.limits.iter().position(|(limited, _)| *limited == id);
            self.zones.extend(limit.map(|limit| (zone, limit)));
        }
    }

    fn may_match(&self, segment: &ColdSegment) -> bool {
        let zones = segment.file.index.zones(self.block);
        let matches =
            |(zone, limit): &(usize, usize)| self.limits[*limit].1.may_match(&zones[*zone]);
        self.zones.iter().all(matches) && !(planted::bug("cold_block_left_out") && self.block == 1)
    }
}

//! Merging segments: which ones, and their rows in the order of keys.
//!
//! Segments of about the same size are merged when there are [`FAN_IN`] of them, so a row is written again
//! once each time its segment grows by that factor ("size-tiered": O'Neil et al., Acta Informatica 1996;
//! Bigtable, OSDI 2006). One of which most rows are gone is written again without them.

use super::read::OpenBlock;
use super::segment::{ColdSegment, PART_ROWS};
use crate::error::Result;
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::Schema;
use crate::value::ValueRef;
use std::sync::Arc;

/// So many segments of about one size are worth a merge.
const FAN_IN: usize = 4;

/// How large a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows, there or not.
    pub(crate) rows: u64,
    /// Rows that a reader sees now.
    pub(crate) live: u64,
}

impl Size {
    /// Segments of one tier have about as many rows.
    fn tier(self) -> u32 {
        (self.live / u64::from(PART_ROWS) + 1).ilog2() / FAN_IN.ilog2()
    }

    /// True if most of it is gone, and that is much.
    fn is_hollow(self) -> bool {
        self.rows >= u64::from(PART_ROWS) && self.live * 2 < self.rows
    }
}

/// The segments to merge into one of so many rows at most, by their positions; none if there is nothing to
/// gain.
pub(crate) fn choose(segments: &[Size], rows_max: u64) -> Vec<usize> {
    let of_tier = |tier: u32| {
        let mut found: Vec<usize> =
            (0..segments.len()).filter(|at| segments[*at].tier() == tier).collect();
        found.sort_by_key(|at| segments[*at].live);
        let mut left = rows_max;
        let fits = |at: &usize| {
            let rest = left.checked_sub(segments[*at].live);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        found.into_iter().take_while(fits).take(FAN_IN).collect::<Vec<_>>()
    };
    let tiers = (0..u64::BITS).map(of_tier);
    let full = tiers.into_iter().find(|found| found.len() == FAN_IN);
    full.unwrap_or_else(|| {
        let hollow = |size: &Size| size.is_hollow() && size.live <= rows_max;
        segments.iter().position(hollow).into_iter().collect()
    })
}

/// The rows of several segments that a reader sees, in the order of their keys.
pub(crate) struct MergedRows<'m> {
    schema: &'m Schema,
    holder: &'m Holder,
    at: Timestamp,
    sources: Vec<Source>,
    /// The source whose row was given last.
    given: Option<usize>,
}

/// A segment that is read.
struct Source {
    segment: Arc<ColdSegment>,
    /// The block that is open, or comes next.
    nth: usize,
    open: Option<OpenBlock>,
    /// The next row of the block.
    row: u32,
    /// The key of the row at hand.
    key: Vec<u8>,
    ended: bool,
}

impl<'m> MergedRows<'m> {
    /// The rows of these segments, which have columns of the schema.
    pub(crate) fn new(
        segments: &[Arc<ColdSegment>],
        schema: &'m Schema,
        at: Timestamp,
        holder: &'m Holder,
    ) -> Result<Self> {
        let mut sources: Vec<Source> = segments.iter().map(Source::new).collect();
        for source in &mut sources {
            source.advance(schema, at, holder)?;
        }
        Ok(Self { schema, holder, at, sources, given: None })
    }

    /// Goes to the next row; false at the end.
    pub(crate) fn next(&mut self) -> Result<bool> {
        if let Some(given) = self.given {
            self.sources[given].advance(self.schema, self.at, self.holder)?;
        }
        let open = self.sources.iter().enumerate().filter(|(_, source)| !source.ended);
        self.given = open.min_by(|(_, a), (_, b)| a.key.cmp(&b.key)).map(|(at, _)| at);
        Ok(self.given.is_some())
    }

    /// The key of the row at hand.
    pub(crate) fn key(&self) -> &[u8] {
        &self.at_hand().key
    }

    /// The segment that the row at hand is from, by its position, and its number there.
    pub(crate) fn origin(&self) -> (usize, u32) {
        let source = self.at_hand();
        let first = source.segment.file.index.block(source.nth).first_row;
        (self.given.expect("a row is at hand"), first + source.row)
    }

    /// A cell of the row at hand.
    pub(crate) fn cell(&self, column: usize) -> ValueRef<'_> {
        let source = self.at_hand();
        let open = source.open.as_ref().expect("a row is at hand");
        open.value(self.schema, column, source.row as usize)
    }

    fn at_hand(&self) -> &Source {
        &self.sources[self.given.expect("a row is at hand")]
    }
}

impl Source {
    fn new(segment: &Arc<ColdSegment>) -> Self {
        let segment = Arc::clone(segment);
        Self { segment, nth: 0, open: None, row: 0, key: Vec::new(), ended: false }
    }

    /// Goes to the next row that a reader sees.
    fn advance(&mut self, schema: &Schema, at: Timestamp, holder: &Holder) -> Result<()> {
        self.row += u32::from(self.open.is_some());
        let index = &self.segment.file.index;
        while self.nth < index.blocks() {
            let (first, rows) = (index.block(self.nth).first_row, index.block_rows(self.nth));
            while self.row < rows && !self.segment.sees(first + self.row, at) {
                self.row += 1;
            }
            if self.row < rows {
                return self.take(schema, holder);
            }
            (self.nth, self.row, self.open) = (self.nth + 1, 0, None);
        }
        self.ended = true;
        Ok(())
    }

    /// Makes the row its next one.
    fn take(&mut self, schema: &Schema, holder: &Holder) -> Result<()> {
        if self.open.is_none() {
            let block = Arc::new(self.segment.file.read(self.nth, holder)?);
            let segment = Arc::clone(&self.segment);
            let mut open = OpenBlock::new(segment, self.nth, block, schema, holder)?;
            (0..schema.columns.len()).try_for_each(|column| open.need(column))?;
            self.open = Some(open);
        }
        let open = self.open.as_ref().expect("opened above");
        self.key.clear();
        open.put_key(schema, self.row as usize, &mut self.key)
    }
}

/// Rows of these segments that left after this timestamp, as numbers of the segment into which they were
/// merged. The caller lets no row move meanwhile.
pub(crate) fn left_since(
    rows: &super::ColdRows,
    sources: &[Arc<ColdSegment>],
    merged: &Arc<ColdSegment>,
    at: Timestamp,
) -> Result<Vec<u32>> {
    let mut left = Vec::new();
    for source in sources {
        if planted::bug("left_while_merged_forgotten") {
            continue;
        }
        for row in source.gone_since(at) {
            let key = rows.key_of(source, row)?;
            left.extend(rows.find_in(merged, &key)?.map(|found| found.row));
        }
    }
    left.sort_unstable();
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(live: &[u64]) -> Vec<Size> {
        live.iter().map(|live| Size { rows: *live, live: *live }).collect()
    }

    #[test]
    fn four_of_a_size_are_merged_and_then_four_of_the_next() {
        assert!(choose(&sizes(&[]), 1 << 20).is_empty());
        assert!(choose(&sizes(&[10, 20, 30]), 1 << 20).is_empty());
        assert_eq!(choose(&sizes(&[10, 99_000, 20, 5, 30]), 1 << 20), [3, 0, 2, 4]);
        assert_eq!(choose(&sizes(&[100_000, 90_000, 10, 80_000, 99_000]), 1 << 20), [3, 1, 4, 0]);
        assert!(choose(&sizes(&[100_000; 4]), 399_999).is_empty());
        assert!(choose(&sizes(&[3_000, 100_000, 900_000, 9_000_000]), 1 << 20).is_empty());
    }

    #[test]
    fn what_is_mostly_gone_is_written_again() {
        let hollow = Size { rows: 5_000, live: 2_000 };
        let full = Size { rows: 5_000, live: 3_000 };
        let small = Size { rows: 50, live: 2 };
        assert_eq!(choose(&[full, small, hollow], 1 << 20), [2]);
        assert!(choose(&[full, small], 1 << 20).is_empty());
        assert!(choose(&[hollow], 1_999).is_empty());
    }

    #[test]
    fn merges_of_equal_segments_write_a_row_few_times() {
        let (mut segments, mut written) = (Vec::new(), 0);
        for _ in 0..256 {
            segments.push(1_024);
            loop {
                let chosen = choose(&sizes(&segments), 1 << 20);
                if chosen.is_empty() {
                    break;
                }
                let sum: u64 = chosen.iter().map(|at| segments[*at]).sum();
                segments = (0..segments.len())
                    .filter(|at| !chosen.contains(at))
                    .map(|at| segments[at])
                    .collect();
                segments.push(sum);
                written += sum;
            }
            assert!(segments.len() <= 4 * 3 + 1, "{segments:?}");
        }
        assert_eq!(segments, [262_144]);
        assert_eq!(written, 4 * 262_144);
    }
}

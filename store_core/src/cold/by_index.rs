//! Cold rows by an index: the entries of ranges in a segment's section, and which rows they lead to.
//!
//! Rows of a segment are met in the order of its blocks, so of all entries in the ranges the rows are noted
//! first: as numbers while they are few, then as one bit for each row of the segment.

use super::cache::BlockCache;
use super::rows::ColdRows;
use super::segment::ColdSegment;
use crate::error::Result;
use crate::mem::{Holder, Reservation};
use crate::query::KeyRange;
use crate::schema::{Index, Schema};
use crate::segment::{ColdColumn, ColdColumns, EncodedRange, SectionSpec};
use smallvec::SmallVec;
use std::ops::Bound;
use std::sync::Arc;

/// Bits of a word.
const BITS: u32 = u64::BITS;
/// Numbers for which memory is reserved at once.
const LUMP: usize = 256;

/// Ranges of an index's entries.
pub(crate) struct IndexRanges {
    over: IndexColumns,
    ranges: Vec<KeyRange>,
}

/// What makes a section that of an index: the columns, as they were when it was written, and their case.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IndexColumns {
    columns: SmallVec<[ColdColumn; 4]>,
    nocase: bool,
}

impl IndexColumns {
    pub(super) fn of(schema: &Schema, index: &Index) -> Self {
        let column = |at: &usize| {
            let column = &schema.columns[*at];
            ColdColumn { id: column.id, ty: column.ty, notnull: column.notnull }
        };
        Self { columns: index.columns.iter().map(column).collect(), nocase: index.nocase }
    }
}

/// Rows of one segment.
pub(super) struct Picked {
    rows: u32,
    /// The numbers in order, unless there are `bits`.
    list: Vec<u32>,
    bits: Vec<u64>,
    held: Reservation,
}

impl IndexRanges {
    /// These ranges of an index of the table.
    pub(crate) fn new(schema: &Schema, index: &Index, ranges: &[KeyRange]) -> Self {
        Self { over: IndexColumns::of(schema, index), ranges: ranges.to_vec() }
    }

    /// The rows of a segment that the index leads to; `None` if it has no section for it, or to most rows.
    pub(super) fn pick(
        &self,
        segment: &ColdSegment,
        cache: &BlockCache,
        holder: &Holder,
    ) -> Result<Option<Picked>> {
        let Some(section) = segment.section_of(&self.over) else { return Ok(None) };
        let entries = &segment.file.index.sections[section];
        let wanted: u64 = self.ranges.iter().map(|range| entries.estimate(ends_of(range))).sum();
        if wanted > u64::from(segment.rows() / 2) {
            return Ok(None); // all rows are read as soon
        }
        let mut picked = Picked::new(segment.rows(), holder)?;
        for range in &self.ranges {
            let mut refused = Ok(());
            segment.visit(section, ends_of(range), cache, &mut |_, rows| {
                refused = rows.iter().try_for_each(|row| picked.add(*row));
                refused.is_ok()
            })?;
            refused?;
        }
        picked.list.sort_unstable();
        Ok(Some(picked))
    }
}

impl Picked {
    fn new(rows: u32, holder: &Holder) -> Result<Self> {
        Ok(Self { rows, list: Vec::new(), bits: Vec::new(), held: holder.reserve(0)? })
    }

    fn add(&mut self, row: u32) -> Result<()> {
        if self.bits.is_empty() {
            if self.list.len() < self.list.capacity() {
                self.list.push(row);
                return Ok(());
            }
            if self.list.len() < (self.rows / BITS) as usize {
                let more = self.list.len().max(LUMP);
                self.held.grow(more * size_of::<u32>())?;
                self.list.reserve_exact(more);
                self.list.push(row);
                return Ok(());
            }
            let words = self.rows.div_ceil(BITS) as usize;
            self.held.grow(words * size_of::<u64>())?;
            self.bits = vec![0; words];
            let list = std::mem::take(&mut self.list);
            for row in list {
                self.set(row);
            }
            self.held.shrink(self.held.bytes() - words * size_of::<u64>());
        }
        self.set(row);
        Ok(())
    }

    fn set(&mut self, row: u32) {
        self.bits[(row / BITS) as usize] |= 1 << (row % BITS);
    }

    /// True if it has this row.
    pub(super) fn has(&self, row: u32) -> bool {
        match self.bits.get((row / BITS) as usize) {
            Some(word) => word >> (row % BITS) & 1 == 1,
            None => self.list.binary_search(&row).is_ok(),
        }
    }

    /// The first of its rows from this one on.
    pub(super) fn next(&self, row: u32) -> Option<u32> {
        if self.bits.is_empty() {
            return self.list.get(self.list.partition_point(|known| *known < row)).copied();
        }
        let first = (row / BITS) as usize;
        let words = self.bits.iter().enumerate().skip(first);
        let mut left = words.map(|(nth, word)| {
            let before = if nth == first { row % BITS } else { 0 };
            (nth as u32 * BITS, word >> before << before)
        });
        left.find(|(_, word)| *word != 0).map(|(start, word)| start + word.trailing_zeros())
    }
}

impl ColdSegment {
    /// Which of its sections is for this index of the table.
    pub(super) fn section_of(&self, index: &IndexColumns) -> Option<usize> {
        let known = &self.file.index.columns.columns;
        let is_it = |spec: &SectionSpec| {
            let columns = spec.columns.iter().map(|at| &known[*at as usize]);
            spec.nocase == index.nocase && columns.eq(&index.columns)
        };
        self.file.index.sections.iter().position(|section| is_it(&section.spec))
    }

    /// Shows the entries in a range of a section, value by value, until told to stop.
    pub(super) fn visit(
        &self,
        section: usize,
        range: EncodedRange<'_>,
        cache: &BlockCache,
        show: &mut dyn FnMut(&[u8], &[u32]) -> bool,
    ) -> Result<()> {
        let mut go_on = true;
        for nth in self.file.index.sections[section].blocks_of(range) {
            let nth = self.file.block_of_section(section, nth);
            let block = cache.block(self.number, &self.file, nth)?;
            self.file.visit(&block, &mut |value, rows| {
                let is_before = match range.0 {
                    Bound::Included(low) => value < low,
                    Bound::Excluded(low) => value <= low,
                    Bound::Unbounded => false,
                };
                let is_behind = match range.1 {
                    Bound::Included(high) => value > high,
                    Bound::Excluded(high) => value >= high,
                    Bound::Unbounded => false,
                };
                go_on = !is_behind && (is_before || show(value, rows));
                go_on
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }
}

impl ColdRows {
    /// About how many entries of an index lie in a range, in the segments that have them.
    pub(crate) fn estimate(&self, schema: &Schema, index: &Index, range: &KeyRange) -> u64 {
        let Some(segments) = self.some_segments() else { return 0 };
        let over = IndexColumns::of(schema, index);
        let of = |segment: &Arc<ColdSegment>| {
            let section = segment.section_of(&over)?;
            Some(segment.file.index.sections[section].estimate(ends_of(range)))
        };
        segments.iter().filter_map(of).sum()
    }
}

/// The sections that a segment of these columns is to have for the indexes of its table.
pub(crate) fn sections_of<'i>(
    schema: &Schema,
    columns: &ColdColumns,
    indexes: impl Iterator<Item = &'i Index>,
) -> Vec<SectionSpec> {
    let spec = |index: &Index| {
        let place = |at: &usize| {
            let id = schema.columns[*at].id;
            let place = columns.columns.iter().position(|column| column.id == id)?;
            Some(place as u32)
        };
        let columns = index.columns.iter().map(place).collect::<Option<_>>()?;
        Some(SectionSpec { columns, nocase: index.nocase, unique: index.unique })
    };
    indexes.filter_map(spec).collect()
}

fn ends_of(range: &KeyRange) -> EncodedRange<'_> {
    (range.low.as_ref().map(Vec::as_slice), range.high.as_ref().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryBudget;

    #[test]
    fn rows_few_and_many_are_met_in_order() {
        let holder = MemoryBudget::for_job(1 << 20).holder("test");
        for step in [1, 3, 97, 5_000] {
            let mut picked = Picked::new(40_000, &holder).unwrap();
            let rows: Vec<u32> = (0..40_000).step_by(step).collect();
            rows.iter().rev().try_for_each(|row| picked.add(*row)).unwrap();
            picked.list.sort_unstable();
            assert_eq!(picked.bits.is_empty(), step > 64, "{step}");
            let (mut met, mut next) = (Vec::new(), 0);
            while let Some(row) = picked.next(next) {
                assert!(picked.has(row) && (step == 1 || !picked.has(row + 1)));
                met.push(row);
                next = row + 1;
            }
            assert_eq!(met, rows);
        }
        assert_eq!(holder.used(), 0);
    }
}

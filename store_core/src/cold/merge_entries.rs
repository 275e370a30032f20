//! Entries of sections that go into one: by value, with the numbers that rows have in the merged segment.

use super::segment::ColdSegment;
use crate::error::Result;
use crate::mem::{Holder, Reservation};
use crate::segment::SortedEntries;
use std::sync::Arc;

/// Rows that are not in the merged segment.
pub(crate) const LEFT_OUT: u32 = u32::MAX;

/// The entries of one index in several segments.
pub(crate) struct MergedEntries<'m> {
    sources: Vec<Source<'m>>,
    holder: &'m Holder,
    held: Reservation,
    /// The source whose entry was given last.
    given: Option<usize>,
}

/// A section that is read.
struct Source<'m> {
    segment: &'m Arc<ColdSegment>,
    section: usize,
    /// The numbers of its rows in the merged segment.
    numbers: &'m [u32],
    /// The block of the section that comes next.
    nth: usize,
    /// Entries of the block at hand, and their values.
    entries: Vec<Entry>,
    values: Vec<u8>,
    /// The entry at hand.
    at: usize,
}

struct Entry {
    start: u32,
    end: u32,
    row: u32,
}

impl<'m> MergedEntries<'m> {
    /// Of these segments, each with the number of its section, and the numbers that its rows have now. A row
    /// has a greater one than those before it in its segment.
    pub(crate) fn new(
        of: impl Iterator<Item = (&'m Arc<ColdSegment>, usize, &'m [u32])>,
        holder: &'m Holder,
    ) -> Result<Self> {
        let source = |(segment, section, numbers)| Source {
            segment,
            section,
            numbers,
            nth: 0,
            entries: Vec::new(),
            values: Vec::new(),
            at: 0,
        };
        let sources = of.map(source).collect();
        let mut merged = Self { sources, holder, held: holder.reserve(0)?, given: None };
        (0..merged.sources.len()).try_for_each(|source| merged.fill(source))?;
        Ok(merged)
    }

    /// Reads the next block that has an entry, if none is at hand.
    fn fill(&mut self, source: usize) -> Result<()> {
        let source = &mut self.sources[source];
        let file = &source.segment.file;
        while source.at == source.entries.len()
            && source.nth < file.index.sections[source.section].blocks()
        {
            let block =
                file.read(file.block_of_section(source.section, source.nth), self.holder)?;
            let before = source.heap_bytes();
            (source.nth, source.at) = (source.nth + 1, 0);
            source.entries.clear();
            source.values.clear();
            let (entries, values) = (&mut source.entries, &mut source.values);
            file.visit(&block, &mut |value, rows| {
                let start = values.len() as u32;
                values.extend_from_slice(value);
                let end = values.len() as u32;
                let rows = rows.iter().map(|row| source.numbers[*row as usize]);
                let rows = rows.filter(|row| *row != LEFT_OUT);
                entries.extend(rows.map(|row| Entry { start, end, row }));
                true
            })?;
            self.held.grow(source.heap_bytes() - before)?;
        }
        Ok(())
    }
}

impl Source<'_> {
    fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.values.capacity()
    }

    /// The value and the row of the entry at hand.
    fn entry(&self) -> Option<(&[u8], u32)> {
        let entry = self.entries.get(self.at)?;
        Some((&self.values[entry.start as usize..entry.end as usize], entry.row))
    }
}

impl SortedEntries for MergedEntries<'_> {
    fn most(&self) -> usize {
        let rows = self.sources.iter().flat_map(|source| source.numbers);
        rows.filter(|row| **row != LEFT_OUT).count()
    }

    fn next(&mut self, value: &mut Vec<u8>) -> Result<Option<u32>> {
        if let Some(given) = self.given {
            self.sources[given].at += 1;
            self.fill(given)?;
        }
        let open = self.sources.iter().enumerate();
        let open = open.filter_map(|(nth, source)| Some((source.entry()?, nth)));
        let Some(((found, row), nth)) = open.min() else { return Ok(None) };
        value.clear();
        value.extend_from_slice(found);
        self.given = Some(nth);
        Ok(Some(row))
    }
}

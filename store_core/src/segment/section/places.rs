//! What a segment keeps in memory of a section.

use super::{EncodedRange, SectionSpec};
use crate::codec::{self, Reader, put_bytes, put_u64};
use crate::error::{Error, Result};
use crate::segment::cold_index::{ColdColumns, key_hash};
use crate::segment::key_filter::KeyFilter;
use std::ops::{Bound, Range};

/// Of a range within one block it is not known how many entries it has: an eighth, say.
const PART_OF_BLOCK: u64 = 8;

/// A section of a cold segment.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) spec: SectionSpec,
    /// The number of its first block in the file.
    pub(in crate::segment) first_block: u64,
    /// Where each block is, and the entries before it.
    blocks: Vec<(u64, u32)>,
    entries: u32,
    /// First values, one behind the other, and where each ends.
    first_values: Vec<u8>,
    first_ends: Vec<u32>,
    /// Of a unique index: its values.
    pub(in crate::segment) filter: Option<KeyFilter>,
}

impl Section {
    /// One without blocks, the first of which has this number in the file.
    pub(in crate::segment) fn new(spec: SectionSpec, first_block: u64) -> Self {
        Self {
            spec,
            first_block,
            blocks: Vec::new(),
            entries: 0,
            first_values: Vec::new(),
            first_ends: Vec::new(),
            filter: None,
        }
    }

    /// Adds a block.
    pub(in crate::segment) fn add_block(&mut self, at: u64, entries: u32, first_value: &[u8]) {
        self.blocks.push((at, self.entries));
        self.entries += entries;
        self.first_values.extend_from_slice(first_value);
        self.first_ends.push(self.first_values.len() as u32);
    }

    /// How many blocks it has.
    pub(in crate::segment) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Where the nth block is.
    pub(in crate::segment) fn place(&self, nth: usize) -> u64 {
        self.blocks[nth].0
    }

    /// False if no row has this encoded value.
    pub(crate) fn may_have(&self, value: &[u8]) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.may_have(key_hash(value)))
    }

    /// The blocks that may have entries in a range.
    pub(crate) fn blocks_of(&self, range: EncodedRange<'_>) -> Range<usize> {
        let start = match range.0 {
            // Entries of one value may begin in the block before.
            Bound::Included(low) | Bound::Excluded(low) => {
                self.first(|first| first < low).saturating_sub(1)
            }
            Bound::Unbounded => 0,
        };
        let end = match range.1 {
            Bound::Excluded(high) => self.first(|first| first < high),
            Bound::Included(high) => self.first(|first| first <= high),
            Bound::Unbounded => self.blocks.len(),
        };
        start..end.max(start)
    }

    /// About how many entries lie in a range.
    pub(crate) fn estimate(&self, range: EncodedRange<'_>) -> u64 {
        let Range { start, end } = self.blocks_of(range);
        let before = |nth: usize| self.blocks.get(nth).map_or(self.entries, |block| block.1);
        let entries = u64::from(before(end) - before(start));
        let whole = range == (Bound::Unbounded, Bound::Unbounded);
        match end - start {
            _ if whole => entries,
            0 => 0,
            1 => entries.div_ceil(PART_OF_BLOCK),
            2 => entries.div_ceil(PART_OF_BLOCK / 2),
            blocks => entries - entries / blocks as u64,
        }
    }

    /// How many blocks from the first on begin so.
    fn first(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(self.first_value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn first_value(&self, nth: usize) -> &[u8] {
        let start = if nth == 0 { 0 } else { self.first_ends[nth - 1] as usize };
        &self.first_values[start..self.first_ends[nth] as usize]
    }

    /// Bytes it takes.
    pub(in crate::segment) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.spec.columns.capacity() * size_of::<u32>()
            + self.blocks.capacity() * size_of::<(u64, u32)>()
            + self.first_values.capacity()
            + self.first_ends.capacity() * size_of::<u32>()
            + self.filter.as_ref().map_or(0, KeyFilter::bytes)
    }

    /// Appends all but the filter, whose pieces are in these places.
    pub(in crate::segment) fn put(&self, pieces: &[u64], out: &mut Vec<u8>) -> Result<()> {
        codec::encode(&self.spec, out)?;
        put_u64(out, self.blocks.len() as u64);
        for (nth, (at, before)) in self.blocks.iter().enumerate() {
            let end = self.blocks.get(nth + 1).map_or(self.entries, |next| next.1);
            put_u64(out, *at);
            put_u64(out, u64::from(end - before));
            put_bytes(out, self.first_value(nth));
        }
        put_u64(out, self.filter.as_ref().map_or(0, KeyFilter::bytes) as u64);
        put_u64(out, pieces.len() as u64);
        for at in pieces {
            put_u64(out, *at);
        }
        Ok(())
    }

    /// Takes a section of a segment of these columns and so many rows, and the places of its filter's
    /// pieces, which are still to be read.
    pub(in crate::segment) fn get(
        reader: &mut Reader<'_>,
        columns: &ColdColumns,
        rows: u32,
        first_block: u64,
    ) -> Result<(Self, Vec<u64>)> {
        let (spec, used) = codec::decode::<SectionSpec>(reader.rest())?;
        reader.take(used)?;
        let known = |at: &u32| (*at as usize) < columns.columns.len();
        if spec.columns.is_empty() || !spec.columns.iter().all(known) {
            return Err(Error::corrupt("a section over columns that the segment does not have"));
        }
        let mut section = Self::new(spec, first_block);
        for _ in 0..reader.u64()? {
            let (at, entries) = (reader.u64()?, reader.u64()?);
            let value = reader.bytes()?;
            let left = u64::from(rows - section.entries);
            if entries == 0 || entries > left {
                return Err(Error::corrupt("a block of a section with no or too many entries"));
            }
            section.add_block(at, entries as u32, value);
        }
        if section.entries != rows {
            return Err(Error::corrupt("a section has other entries than its segment has rows"));
        }
        let filter = reader.u64()?;
        if filter > 0 {
            section.filter = Some(KeyFilter::to_be_read(filter)?);
        }
        let pieces = reader.u64()?;
        let pieces = (0..pieces).map(|_| reader.u64()).collect::<Result<_>>()?;
        section.blocks.shrink_to_fit();
        section.first_values.shrink_to_fit();
        section.first_ends.shrink_to_fit();
        Ok((section, pieces))
    }
}

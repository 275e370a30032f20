//! Cold segments: rows in the order of their key, as blocks of columns, with an index that finds them.
//!
//! ```text
//!  block of columns … │ block of a section … │ piece of a filter … │ index │ trailer
//!                                                 each a block of the segment with one record
//! ```
//!
//! A row is read by its number in the segment or by its key, at the cost of one block; a key that is not
//! there mostly costs a look at the filter.

use super::block::{SegmentBlock, damaged};
use super::cold_index::ColdIndex;
use super::columns::{ColumnCells, ColumnsBlock};
use super::format::{BLOCK_HEADER_BYTES, FOOTER_BYTES, SegmentKind};
use super::key_filter::KeyFilter;
use super::reader::SegmentReader;
use super::section;
use crate::codec::u64_at;
use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation};
use crate::wal::Device;

/// Every record of a cold segment is a block of its own.
pub(super) const RECORD_ALONE: usize = 16;
/// The record that says where the index is: place and number of its block.
pub(super) const TRAILER_BYTES: usize = 16;
/// Before the bytes of a short record stands its length.
const TRAILER_RAW_BYTES: usize = TRAILER_BYTES + 1;

/// A cold segment that is open, with its index.
#[derive(Debug)]
pub(crate) struct ColdFile {
    reader: SegmentReader,
    name: String,
    pub(crate) index: ColdIndex,
    _held: Reservation,
}

/// A block of rows as it was written, unpacked and verified.
#[derive(Debug)]
pub(crate) struct ColdBlock {
    bytes: Box<[u8]>,
    /// None of a section's block.
    columns: Option<ColumnsBlock>,
    held: Reservation,
}

impl ColdFile {
    /// Opens a segment and reads its index, which is held in memory.
    pub(crate) fn open(device: &dyn Device, name: &str, holder: &Holder) -> Result<Self> {
        let reader = SegmentReader::open(device, name, holder)?;
        if reader.kind() != SegmentKind::Cold {
            return Err(damaged(name, 0, "not a segment of cold rows"));
        }
        let behind = FOOTER_BYTES + BLOCK_HEADER_BYTES + TRAILER_RAW_BYTES;
        let no_trailer = || damaged(name, reader.file_bytes(), "the trailer is missing");
        let at = reader.file_bytes().checked_sub(behind as u64).ok_or_else(no_trailer)?;
        let mut block = SegmentBlock::new(holder)?;
        // The index comes before the trailer, so it has the last number but one.
        let last = reader.blocks().checked_sub(1).ok_or_else(no_trailer)?;
        let trailer = record(&reader, at, last, &mut block)?;
        let Some(trailer) = trailer.first_chunk::<TRAILER_BYTES>() else {
            return Err(no_trailer());
        };
        let (at, number) = (u64_at(trailer, 0), u64_at(trailer, 8));
        let bytes = record(&reader, at, number, &mut block)?;
        let mut held = holder.reserve(bytes.len())?;
        let (mut index, pieces) = ColdIndex::get(bytes).map_err(|error| error.at(name))?;
        held.grow_to(index.heap_bytes())?;
        held.shrink(held.bytes() - index.heap_bytes());
        if index.all_blocks() + pieces.count() != number {
            return Err(damaged(name, at, "the index speaks of other blocks"));
        }
        let mut nth = index.all_blocks();
        let mut read = |filter: &mut KeyFilter, pieces: &[u64]| {
            for at in pieces {
                let piece = record(&reader, *at, nth, &mut block)?;
                filter.take_piece(piece).map_err(|error| error.at(name))?;
                nth += 1;
            }
            if filter.is_whole() {
                Ok(())
            } else {
                Err(damaged(name, at, "a piece of a filter is missing"))
            }
        };
        for (section, pieces) in index.sections.iter_mut().zip(&pieces.values) {
            section.filter.iter_mut().try_for_each(|filter| read(filter, pieces))?;
        }
        read(&mut index.filter, &pieces.keys)?;
        Ok(Self { reader, name: name.to_owned(), index, _held: held })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of the table it was written for.
    pub(crate) fn schema_id(&self) -> u64 {
        self.reader.schema_id()
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.reader.file_bytes()
    }

    /// The number among all blocks of a section's nth.
    pub(crate) fn block_of_section(&self, section: usize, nth: usize) -> usize {
        self.index.sections[section].first_block as usize + nth
    }

    /// Shows the values of a section's block in their order, each with its rows, until told to stop.
    pub(crate) fn visit(
        &self,
        block: &ColdBlock,
        show: &mut dyn FnMut(&[u8], &[u32]) -> bool,
    ) -> Result<()> {
        section::visit(&block.bytes, self.index.rows, show).map_err(|error| error.at(&self.name))
    }

    /// Where a block of rows or of a section is.
    fn place_of(&self, nth: usize) -> u64 {
        if nth < self.index.blocks() {
            return self.index.block(nth).at;
        }
        let sections = &self.index.sections;
        let after = sections.partition_point(|section| section.first_block <= nth as u64);
        let section = &sections[after - 1];
        section.place(nth - section.first_block as usize)
    }

    /// Reads the nth block, of rows or of a section.
    pub(crate) fn read(&self, nth: usize, holder: &Holder) -> Result<ColdBlock> {
        let mut block = SegmentBlock::new(holder)?;
        let place = self.place_of(nth);
        let bytes: Box<[u8]> = {
            let record = record(&self.reader, place, nth as u64, &mut block)?;
            record.into()
        };
        drop(block);
        let held = holder.reserve(bytes.len())?;
        if nth >= self.index.blocks() {
            return Ok(ColdBlock { bytes, columns: None, held });
        }
        let columns = ColumnsBlock::open(&bytes).map_err(|error| self.at_block(nth, error))?;
        if columns.rows() != self.index.block_rows(nth) as usize {
            return Err(damaged(&self.name, place, "the block has other rows than the index says"));
        }
        Ok(ColdBlock { bytes, columns: Some(columns), held })
    }

    /// Reads a column of the nth block.
    pub(crate) fn column(&self, nth: usize, block: &ColdBlock, at: usize) -> Result<ColumnCells> {
        let column = &self.index.columns.columns[at];
        let columns = block.columns.as_ref();
        let columns = columns.ok_or_else(|| Error::corrupt("rows of a block of a section"))?;
        let cells = columns.column(&block.bytes, at, column.ty);
        let cells = cells.map_err(|error| self.at_block(nth, error))?;
        let is_key = self.index.columns.key.contains(&(at as u32));
        if (column.notnull || is_key) && cells.has_nulls() {
            let error = Error::corrupt("NULL in a column that is notnull");
            return Err(self.at_block(nth, error));
        }
        Ok(cells)
    }

    fn at_block(&self, nth: usize, error: Error) -> Error {
        error.at(format_args!("{}: offset {}", self.name, self.index.block(nth).at))
    }

    /// Reads every byte and verifies it; says how many rows there are.
    pub(crate) fn verify(&self, device: &dyn Device, holder: &Holder) -> Result<u64> {
        let mut reader = SegmentReader::open(device, &self.name, holder)?;
        while reader.next_row()?.is_some() {}
        for nth in 0..self.index.blocks() {
            let block = self.read(nth, holder)?;
            for at in 0..self.index.columns.columns.len() {
                self.column(nth, &block, at)?;
            }
        }
        for section in 0..self.index.sections.len() {
            self.verify_section(section, holder)?;
        }
        Ok(u64::from(self.index.rows))
    }

    /// A section must have an entry of every row, and ascend.
    fn verify_section(&self, section: usize, holder: &Holder) -> Result<()> {
        let rows = self.index.rows as usize;
        let _held = holder.reserve(rows)?;
        let (mut met, mut last, mut ascends) = (vec![false; rows], Vec::new(), true);
        for nth in 0..self.index.sections[section].blocks() {
            let block = self.read(self.block_of_section(section, nth), holder)?;
            self.visit(&block, &mut |value, rows| {
                ascends &= last.as_slice() <= value;
                last.clear();
                last.extend_from_slice(value);
                for row in rows {
                    met[*row as usize] = true;
                }
                true
            })?;
        }
        if ascends && met.iter().all(|met| *met) {
            return Ok(());
        }
        Err(Error::corrupt(format!("{}: a section without some of the rows' entries", self.name)))
    }
}

impl ColdBlock {
    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.held.bytes()
    }
}

/// The only record of a block.
fn record<'b>(
    reader: &SegmentReader,
    at: u64,
    number: u64,
    block: &'b mut SegmentBlock,
) -> Result<&'b [u8]> {
    reader.read_block_at(at, number, block)?;
    block.verify()?;
    block.next_row()?.ok_or_else(|| Error::corrupt("a cold block without a record"))
}

#[cfg(test)]
mod tests;

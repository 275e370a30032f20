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
use super::cold_index::{ColdColumns, ColdIndex, Pieces, Zone, key_hash};
use super::columns::{BLOCK_ROWS_MAX, ColumnCells, ColumnsBlock, ColumnsWriter};
use super::format::{
    BLOCK_HEADER_BYTES, FOOTER_BYTES, SegmentCodec, SegmentKind, VERSION_SECTIONS,
};
use super::key_filter::KeyFilter;
use super::reader::SegmentReader;
use super::section::{self, Gathering, Section, SectionBlock, SectionSpec};
use super::writer::{SegmentOptions, SegmentWriter};
use crate::codec::u64_at;
use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation};
use crate::value::ValueRef;
use crate::wal::Device;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of rows in a block: a look by key reads and unpacks so many.
const BLOCK_BYTES: usize = 32 << 10;
/// Every record of a cold segment is a block of its own.
const RECORD_ALONE: usize = 16;
/// The record that says where the index is: place and number of its block.
const TRAILER_BYTES: usize = 16;
/// Before the bytes of a short record stands its length.
const TRAILER_RAW_BYTES: usize = TRAILER_BYTES + 1;
/// What a writer holds beside the index: the block that fills, as rows and as columns.
const WRITER_BYTES: usize = 4 * BLOCK_BYTES;
/// What it holds beside the entries of the section that it writes.
const SECTION_BYTES: usize = 8 * BLOCK_BYTES;

/// Writes a cold segment.
#[derive(Debug)]
pub(crate) struct ColdWriter {
    writer: SegmentWriter,
    columns: ColumnsWriter,
    index: ColdIndex,
    sections: Vec<Gathering>,
    zones: Vec<Zone>,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
    block: Vec<u8>,
    room: Vec<u8>,
    held: Reservation,
}

/// What a cold segment is to be.
#[derive(Debug)]
pub(crate) struct ColdPlan {
    /// The number of the table it is for.
    pub(crate) schema_id: u64,
    pub(crate) columns: ColdColumns,
    /// The indexes that it has entries for.
    pub(crate) sections: Vec<SectionSpec>,
    /// Most rows that it will have.
    pub(crate) rows_max: usize,
    pub(crate) codec: SegmentCodec,
}

impl ColdWriter {
    /// Begins a segment under a temporary name.
    pub(crate) fn create(
        device: Arc<dyn Device>,
        temporary_name: String,
        plan: ColdPlan,
        holder: &Holder,
    ) -> Result<Self> {
        let ColdPlan { schema_id, columns, sections, rows_max, codec } = plan;
        let held = holder.reserve(WRITER_BYTES + KeyFilter::bytes_for(rows_max))?;
        let version = (!sections.is_empty()).then_some(VERSION_SECTIONS);
        let options = SegmentOptions { codec, block_bytes: RECORD_ALONE, version };
        let kind = SegmentKind::Cold;
        let gathering = |spec| Gathering::new(spec, rows_max, holder);
        let sections = sections.into_iter().map(gathering).collect::<Result<_>>()?;
        let writer =
            SegmentWriter::create(device, temporary_name, kind, schema_id, options, holder)?;
        Ok(Self {
            writer,
            columns: ColumnsWriter::new(columns.columns.iter().map(|column| column.ty)),
            zones: vec![Zone::EMPTY; columns.zoned.len()],
            index: ColdIndex::new(columns, rows_max),
            sections,
            first_key: Vec::new(),
            last_key: Vec::new(),
            block: Vec::new(),
            room: Vec::new(),
            held,
        })
    }

    /// Appends a row, whose encoded key comes behind those before.
    pub(crate) fn push<'v>(
        &mut self,
        key: &[u8],
        cell: impl Fn(usize) -> ValueRef<'v>,
    ) -> Result<()> {
        if self.columns.rows() == 0 {
            self.first_key.clear();
            self.first_key.extend_from_slice(key);
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.index.filter.add(key_hash(key));
        let columns = &self.index.columns;
        for (zone, at) in self.zones.iter_mut().zip(&columns.zoned) {
            let at = *at as usize;
            zone.add(cell(at), columns.columns[at].ty, &mut self.room);
        }
        let row = self.index.rows + self.columns.rows() as u32;
        for section in &mut self.sections {
            section.push(columns, row, &cell)?;
        }
        self.columns.push(cell);
        if self.columns.bytes() >= BLOCK_BYTES || self.columns.rows() == BLOCK_ROWS_MAX {
            self.write_block()?;
        }
        Ok(())
    }

    /// How long the last sync took, once after each.
    pub(crate) fn take_sync_time(&mut self) -> Option<Duration> {
        self.writer.take_sync_time()
    }

    /// Writes the rest and gives the file its name; durable when this returns. Says how many bytes it has.
    pub(crate) fn finish(mut self, final_name: &str) -> Result<u64> {
        self.write_block()?;
        self.index.set_last_key(&self.last_key);
        for gathered in std::mem::take(&mut self.sections) {
            self.write_section(gathered)?;
        }
        let mut pieces = Pieces::default();
        for nth in 0..self.index.sections.len() {
            let filter = self.index.sections[nth].filter.take();
            pieces.values.push(filter.as_ref().map_or(Ok(vec![]), |f| self.write_filter(f))?);
            self.index.sections[nth].filter = filter;
        }
        let filter = std::mem::replace(&mut self.index.filter, KeyFilter::new(0));
        pieces.keys = self.write_filter(&filter)?;
        self.index.filter = filter;
        self.block.clear();
        self.index.put(&pieces, &mut self.block)?;
        self.held.grow(self.block.len())?;
        let number = self.index.all_blocks() + pieces.count();
        let at = self.writer.position();
        self.writer.push(&self.block)?;
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&at.to_le_bytes());
        trailer[8..].copy_from_slice(&number.to_le_bytes());
        self.writer.stop_packing()?;
        self.writer.push(&trailer)?;
        Ok(self.writer.finish(final_name)?.file_bytes)
    }

    /// Writes the entries of an index, sorted.
    fn write_section(&mut self, mut gathered: Gathering) -> Result<()> {
        if !gathered.sort() {
            return Ok(());
        }
        self.held.grow(SECTION_BYTES)?;
        let rows = self.index.rows;
        let mut written = Section::new(gathered.spec.clone(), self.index.all_blocks());
        if gathered.spec.unique {
            self.held.grow(KeyFilter::bytes_for(gathered.len()))?;
            written.filter = Some(KeyFilter::new(gathered.len()));
        }
        let (mut block, mut value, mut first) = (SectionBlock::default(), Vec::new(), Vec::new());
        for at in 0..=gathered.len() {
            let row = (at < gathered.len()).then(|| gathered.entry(at, &mut value));
            if block.entries() > 0 && (row.is_none() || !block.has_room(&value)) {
                let entries = block.entries() as u32;
                self.block.clear();
                block.finish(&mut self.block);
                let place = self.writer.position();
                self.writer.push(&self.block)?;
                let before = written.heap_bytes();
                written.add_block(place, entries, &first);
                self.held.grow(written.heap_bytes() - before)?;
            }
            let Some(row) = row else { break };
            if block.entries() == 0 {
                first.clone_from(&value);
            }
            block.push(&value, row, rows);
            if let Some(filter) = &mut written.filter
                && !gathered.repeats(at)
            {
                filter.add(key_hash(&value));
            }
        }
        self.held.shrink(SECTION_BYTES);
        self.index.sections.push(written);
        Ok(())
    }

    /// Writes a filter; says where its pieces are.
    fn write_filter(&mut self, filter: &KeyFilter) -> Result<Vec<u64>> {
        let mut pieces = Vec::with_capacity(filter.pieces());
        for nth in 0..filter.pieces() {
            self.block.clear();
            filter.put_piece(nth, &mut self.block);
            pieces.push(self.writer.position());
            self.writer.push(&self.block)?;
        }
        Ok(pieces)
    }

    fn write_block(&mut self) -> Result<()> {
        let rows = self.columns.rows();
        if rows == 0 {
            return Ok(());
        }
        self.block.clear();
        self.columns.finish(&mut self.block);
        let at = self.writer.position();
        self.writer.push(&self.block)?;
        let before = self.index.heap_bytes();
        self.index.add_block(at, rows, &self.first_key, &self.zones);
        self.held.grow(self.index.heap_bytes().saturating_sub(before))?;
        self.zones.fill(Zone::EMPTY);
        Ok(())
    }
}

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

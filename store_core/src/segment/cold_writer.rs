//! Writing a cold segment: blocks of rows, then the sections' entries, the filters and the index.

use super::cold_file::{RECORD_ALONE, TRAILER_BYTES};
use super::cold_index::{ColdColumns, ColdIndex, Pieces, Zone, key_hash};
use super::columns::{BLOCK_ROWS_MAX, ColumnsWriter};
use super::format::{SegmentCodec, SegmentKind, VERSION_SECTIONS};
use super::key_filter::KeyFilter;
use super::section::{Gathering, Section, SectionBlock, SectionSpec};
use super::writer::{SegmentOptions, SegmentWriter};
use crate::error::Result;
use crate::mem::{Holder, Reservation};
use crate::value::ValueRef;
use crate::wal::Device;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of rows in a block: a look by key reads and unpacks so many.
const BLOCK_BYTES: usize = 32 << 10;
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
    given: Vec<SectionSpec>,
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
    /// The indexes that it has entries for, which are gathered from its rows.
    pub(crate) sections: Vec<SectionSpec>,
    /// And those whose entries come at the end, in order.
    pub(crate) given: Vec<SectionSpec>,
    /// Most rows that it will have.
    pub(crate) rows_max: usize,
    pub(crate) codec: SegmentCodec,
}

/// Entries of a section on their way, by value and row.
pub(crate) trait SortedEntries {
    /// How many there are at most.
    fn most(&self) -> usize;

    /// The row of the next one, and its value, which replaces what is in `value`; `None` at the end.
    fn next(&mut self, value: &mut Vec<u8>) -> Result<Option<u32>>;
}

impl ColdWriter {
    /// Begins a segment under a temporary name.
    pub(crate) fn create(
        device: Arc<dyn Device>,
        temporary_name: String,
        plan: ColdPlan,
        holder: &Holder,
    ) -> Result<Self> {
        let ColdPlan { schema_id, columns, sections, given, rows_max, codec } = plan;
        let held = holder.reserve(WRITER_BYTES + KeyFilter::bytes_for(rows_max))?;
        let version = (!sections.is_empty() || !given.is_empty()).then_some(VERSION_SECTIONS);
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
            given,
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
    pub(crate) fn finish(self, final_name: &str) -> Result<u64> {
        self.finish_with(final_name, |_| unreachable!("all entries were gathered"))
    }

    /// The same with the entries of the nth of the sections for which they are given.
    pub(crate) fn finish_with<'e>(
        mut self,
        final_name: &str,
        given: impl Fn(usize) -> Result<Box<dyn SortedEntries + 'e>>,
    ) -> Result<u64> {
        self.write_block()?;
        self.index.set_last_key(&self.last_key);
        for mut gathered in std::mem::take(&mut self.sections) {
            if gathered.sort() {
                self.write_section(gathered.spec.clone(), &mut gathered)?;
            }
        }
        for (nth, spec) in std::mem::take(&mut self.given).into_iter().enumerate() {
            self.write_section(spec, &mut *given(nth)?)?;
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

    /// Writes the entries of an index.
    fn write_section(&mut self, spec: SectionSpec, entries: &mut dyn SortedEntries) -> Result<()> {
        self.held.grow(SECTION_BYTES)?;
        let rows = self.index.rows;
        let mut written = Section::new(spec, self.index.all_blocks());
        if written.spec.unique {
            let most = entries.most();
            self.held.grow(KeyFilter::bytes_for(most))?;
            written.filter = Some(KeyFilter::new(most));
        }
        let (mut block, mut value, mut first) = (SectionBlock::default(), Vec::new(), Vec::new());
        while let Some(row) = entries.next(&mut value)? {
            if !block.has_room(&value) {
                self.write_section_block(&mut written, &mut block, &first)?;
            }
            if block.entries() == 0 {
                first.clone_from(&value);
            }
            block.push(&value, row, rows);
            if let Some(filter) = &mut written.filter {
                filter.add(key_hash(&value));
            }
        }
        if block.entries() > 0 {
            self.write_section_block(&mut written, &mut block, &first)?;
        }
        self.held.shrink(SECTION_BYTES);
        self.index.sections.push(written);
        Ok(())
    }

    fn write_section_block(
        &mut self,
        written: &mut Section,
        block: &mut SectionBlock,
        first: &[u8],
    ) -> Result<()> {
        let entries = block.entries() as u32;
        self.block.clear();
        block.finish(&mut self.block);
        let place = self.writer.position();
        self.writer.push(&self.block)?;
        let before = written.heap_bytes();
        written.add_block(place, entries, first);
        self.held.grow(written.heap_bytes() - before)
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

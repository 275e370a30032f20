//! Words of cold rows, as those of a row in memory lie.
//!
//! Long cells borrow from the block they were read from, which whoever made the words keeps.

use super::cache::BlockCache;
use super::rows::{ColdFound, ColdRows, Segments};
use super::segment::ColdSegment;
use crate::error::{Error, Result};
use crate::mem::layout::Layout;
use crate::mem::{Holder, Reservation, RowWords};
use crate::schema::{Column, Schema};
use crate::segment::{ColdBlock, ColumnCells};
use crate::value::{ValueRef, encode_key};
use std::ops::Range;
use std::sync::Arc;

/// Blocks that a reader keeps when it need not keep more.
const BLOCKS_KEPT: usize = 3;

/// What a reader of cold rows keeps: the blocks it read last.
pub(crate) struct ColdReader {
    segments: Segments,
    cache: Arc<BlockCache>,
    holder: Holder,
    /// The last one read comes last.
    open: Vec<OpenBlock>,
    /// The columns whose words lie in this range.
    wanted: (Range<usize>, Vec<usize>),
    /// Rows of any of the blocks may still be looked at.
    keeps_all: bool,
}

pub(super) struct OpenBlock {
    segment: Arc<ColdSegment>,
    nth: usize,
    block: Arc<ColdBlock>,
    /// Where each of the table's columns is among the segment's.
    places: Vec<Option<usize>>,
    /// The cells of the segment's columns that were needed.
    cells: Vec<Option<ColumnCells>>,
    held: Reservation,
}

impl ColdReader {
    /// A reader of rows of these segments.
    pub(crate) fn new(segments: Segments, rows: &ColdRows) -> Self {
        let (cache, holder) = (Arc::clone(&rows.cache), rows.holder.clone());
        let wanted = (0..0, Vec::new());
        Self { segments, cache, holder, open: Vec::new(), wanted, keeps_all: false }
    }

    /// Copies the words of a row whose places are in the range, at least.
    pub(crate) fn read(
        &mut self,
        layout: &Layout,
        schema: &Schema,
        row: u32,
        range: &Range<usize>,
        out: &mut [u64],
    ) -> Result<()> {
        if self.wanted.0 != *range {
            let overlaps = |at: &usize| {
                let words = layout.needed_words(*at);
                words.start < range.end && range.start < words.end
            };
            self.wanted = (range.clone(), (0..schema.columns.len()).filter(overlaps).collect());
        }
        let (at, in_block) = self.open(schema, row)?;
        let block = &mut self.open[at];
        for column in &self.wanted.1 {
            block.need(*column)?;
            let value = block.value(schema, *column, in_block);
            set(layout, out, *column, value)?;
        }
        Ok(())
    }

    /// Keeps every block from now on, until told to let go of them.
    pub(crate) fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    /// Lets go of all blocks but the last.
    pub(crate) fn let_go(&mut self) {
        let gone = self.open.len().saturating_sub(1);
        self.open.drain(..gone);
        self.keeps_all = false;
    }

    /// How many blocks are kept.
    pub(crate) fn blocks(&self) -> usize {
        self.open.len()
    }

    /// The open block that has a row, and the row's place in it.
    fn open(&mut self, schema: &Schema, row: u32) -> Result<(usize, usize)> {
        let (segment, in_segment) = ColdRows::of(&self.segments, row).ok_or_else(no_row)?;
        let nth = segment.file.index.block_of_row(in_segment);
        let in_block = (in_segment - segment.file.index.block(nth).first_row) as usize;
        let is_it = |open: &OpenBlock| open.nth == nth && Arc::ptr_eq(&open.segment, segment);
        if let Some(at) = self.open.iter().rposition(is_it) {
            return Ok((at, in_block));
        }
        let block = self.cache.block(segment.number, &segment.file, nth)?;
        let open = OpenBlock::new(Arc::clone(segment), nth, block, schema, &self.holder)?;
        if !self.keeps_all && self.open.len() == BLOCKS_KEPT {
            self.open.remove(0);
        }
        self.open.push(open);
        Ok((self.open.len() - 1, in_block))
    }
}

impl OpenBlock {
    pub(super) fn new(
        segment: Arc<ColdSegment>,
        nth: usize,
        block: Arc<ColdBlock>,
        schema: &Schema,
        holder: &Holder,
    ) -> Result<Self> {
        let places = places(&segment, schema)?;
        let cells = segment.file.index.columns.columns.iter().map(|_| None).collect();
        let held = holder.reserve(0)?;
        Ok(Self { segment, nth, block, places, cells, held })
    }

    /// Reads a column of the table, if the segment has it.
    pub(super) fn need(&mut self, column: usize) -> Result<()> {
        let Some(at) = self.places[column] else { return Ok(()) };
        if self.cells[at].is_none() {
            let cells = self.segment.file.column(self.nth, &self.block, at)?;
            self.held.grow(cells.heap_bytes())?;
            self.cells[at] = Some(cells);
        }
        Ok(())
    }

    /// The cell of a column that was needed; of one that is newer than the segment its default.
    pub(super) fn value<'b>(
        &'b self,
        schema: &'b Schema,
        column: usize,
        row: usize,
    ) -> ValueRef<'b> {
        match self.places[column] {
            Some(at) => self.cells[at].as_ref().map_or(ValueRef::Null, |cells| cells.get(row)),
            None => default(schema, column),
        }
    }

    /// Appends the encoded key of a row, whose columns were needed.
    pub(super) fn put_key(&self, schema: &Schema, row: usize, out: &mut Vec<u8>) -> Result<()> {
        schema.key.iter().try_for_each(|column| {
            let ty = schema.columns[*column].ty;
            encode_key(self.value(schema, *column, row), ty, true, out)
        })
    }
}

/// Copies a row that was found, with its long values, which are then the words' own.
pub(crate) fn fill_row(
    layout: &Layout,
    schema: &Schema,
    found: &ColdFound,
    out: &mut RowWords,
) -> Result<()> {
    out.reset(layout.words());
    let in_block = (found.row - found.segment.file.index.block(found.nth).first_row) as usize;
    let mut kept = Vec::with_capacity(schema.columns.len());
    for place in places(&found.segment, schema)? {
        let cells = place.map(|at| found.segment.file.column(found.nth, &found.block, at));
        kept.push(cells.transpose()?);
    }
    for (at, cells) in kept.iter().enumerate() {
        let value = match cells {
            Some(cells) => cells.get(in_block),
            None => default(schema, at),
        };
        set(layout, out, at, value)?;
    }
    out.keep_long_cells(layout);
    Ok(())
}

/// Where a segment has the table's columns; none where a column is newer.
pub(super) fn places(segment: &ColdSegment, schema: &Schema) -> Result<Vec<Option<usize>>> {
    let known = &segment.file.index.columns.columns;
    let place = |column: &Column| {
        let Some(at) = known.iter().position(|known| known.id == column.id) else {
            return Ok(None);
        };
        if known[at].ty != column.ty {
            let (name, file) = (&column.name, segment.file.name());
            return Err(Error::corrupt(format!(
                "{file}: column `{name}` is of another type there"
            )));
        }
        Ok(Some(at))
    };
    schema.columns.iter().map(place).collect()
}

/// What rows have in a column that is newer than they are.
pub(super) fn default(schema: &Schema, column: usize) -> ValueRef<'_> {
    let spec = &schema.columns[column];
    let value = spec.default.as_ref().map_or(ValueRef::Null, |value| value.as_ref());
    value.coerce(spec.ty).unwrap_or(ValueRef::Null) // it was checked when the schema was built
}

fn set(layout: &Layout, out: &mut [u64], column: usize, value: ValueRef<'_>) -> Result<()> {
    layout.set_borrowing(out, column, value)
}

fn no_row() -> Error {
    Error::corrupt("a cold row that no segment has")
}

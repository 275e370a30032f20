//! Cold rows with one value of an index, whatever has become of them.
//!
//! In a segment with a section for the index that is a look at its filter, and mostly no more. For one from
//! before the index a filter is made when it is first asked for, by a look at all its values, and stays in
//! memory; where that passes, or there is no memory for it, the blocks are read whose zones the value lies in.

use super::by_index::IndexColumns;
use super::read::{default, places};
use super::rows::ColdRows;
use super::segment::{ColdSegment, Newest};
use crate::error::Result;
use crate::mem::Reservation;
use crate::schema::{Index, Schema};
use crate::segment::{ColumnCells, KeyFilter, zone_head};
use crate::sync::Mutex;
use crate::value::{Type, ValueRef};
use std::ops::Bound;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Takes a row of a segment, by its number there, and its encoded value.
pub(crate) type ShowValue<'s> = dyn FnMut(&Arc<ColdSegment>, u32, &[u8]) -> Result<()> + 's;

/// A value that is looked for.
pub(crate) struct SoughtValue<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) index: &'s Index,
    /// As the index encodes it; no part of it is NULL.
    pub(crate) encoded: &'s [u8],
    /// Its part in a column of the table.
    pub(crate) cell: &'s dyn Fn(usize) -> ValueRef<'s>,
}

impl ColdRows {
    /// Shows the rows of all segments that have the value, gone or not, until told to stop.
    pub(crate) fn with_value(
        &self,
        sought: &SoughtValue<'_>,
        show: &mut dyn FnMut(&Arc<ColdSegment>, u32) -> Result<()>,
    ) -> Result<()> {
        let mut found = Vec::new();
        let over = IndexColumns::of(sought.schema, sought.index);
        for segment in self.segments().iter() {
            found.clear();
            segment.rows_with(self, &over, sought, &mut found)?;
            found.iter().try_for_each(|row| show(segment, *row))?;
        }
        Ok(())
    }

    /// Shows the encoded values of all rows that are cold, but those with a NULL.
    pub(crate) fn each_value(
        &self,
        (schema, index): (&Schema, &Index),
        show: &mut ShowValue<'_>,
    ) -> Result<()> {
        for segment in self.segments().iter() {
            let places = places(segment, schema)?;
            for nth in 0..segment.file.index.blocks() {
                segment.block_values(self, (schema, index), &places, nth, &mut |row, value| {
                    match segment.newest(row) {
                        Newest::Here(_) => show(segment, row, value),
                        Newest::Unborn | Newest::Gone(_) => Ok(()),
                    }
                })?;
            }
        }
        Ok(())
    }
}

impl ColdSegment {
    fn rows_with(
        &self,
        of: &ColdRows,
        over: &IndexColumns,
        sought: &SoughtValue<'_>,
        found: &mut Vec<u32>,
    ) -> Result<()> {
        let Some(section) = self.section_of(over) else {
            return self.rows_with_by_zones(of, over, sought, found);
        };
        if !self.file.index.sections[section].may_have(sought.encoded) {
            return Ok(());
        }
        let range = (Bound::Included(sought.encoded), Bound::Included(sought.encoded));
        self.visit(section, range, &of.cache, &mut |_, rows| {
            found.extend_from_slice(rows);
            true
        })
    }

    #[inline(never)]
    fn rows_with_by_zones(
        &self,
        of: &ColdRows,
        over: &IndexColumns,
        sought: &SoughtValue<'_>,
        found: &mut Vec<u32>,
    ) -> Result<()> {
        let (schema, index) = (sought.schema, sought.index);
        let places = places(self, schema)?;
        if let Some(filter) = self.filter_of(of, over, (schema, index), &places)?
            && !filter.may_have(xxh3_64(sought.encoded))
        {
            return Ok(());
        }
        let zones = self.zones_of(&places, sought);
        for nth in 0..self.file.index.blocks() {
            let here = self.file.index.zones(nth);
            if zones.iter().any(|(at, head)| *head < here[*at].least || *head > here[*at].most) {
                continue;
            }
            self.block_values(of, (schema, index), &places, nth, &mut |row, value| {
                if value == sought.encoded {
                    found.push(row);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The filter of the values of an index, which is made if there is none; `None` without memory for it.
    fn filter_of(
        &self,
        of: &ColdRows,
        over: &IndexColumns,
        (schema, index): (&Schema, &Index),
        places: &[Option<usize>],
    ) -> Result<Option<Arc<KeyFilter>>> {
        if let Some(known) = self.filters.find(over) {
            return Ok(Some(known));
        }
        let rows = self.rows() as usize;
        let Ok(held) = of.holder.reserve(KeyFilter::bytes_for(rows)) else { return Ok(None) };
        let mut filter = KeyFilter::new(rows);
        for nth in 0..self.file.index.blocks() {
            self.block_values(of, (schema, index), places, nth, &mut |_, value| {
                filter.add(xxh3_64(value));
                Ok(())
            })?;
        }
        Ok(Some(self.filters.add(over.clone(), Arc::new(filter), held)))
    }

    /// Shows the encoded values of the rows of a block, but those with a NULL.
    fn block_values(
        &self,
        of: &ColdRows,
        (schema, index): (&Schema, &Index),
        places: &[Option<usize>],
        nth: usize,
        show: &mut dyn FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let block = of.cache.block(self.number, &self.file, nth)?;
        let mut cells: Vec<Option<ColumnCells>> = Vec::with_capacity(index.columns.len());
        for column in &index.columns {
            let read = places[*column].map(|at| self.file.column(nth, &block, at));
            cells.push(read.transpose()?);
        }
        let bytes = cells.iter().flatten().map(ColumnCells::heap_bytes).sum();
        let _held = of.holder.reserve(bytes)?;
        let mut room = Vec::new();
        let first = self.file.index.block(nth).first_row;
        for row in 0..self.file.index.block_rows(nth) {
            let cell = |column: usize| -> ValueRef<'_> {
                let at = index.columns.iter().position(|known| *known == column);
                match &cells[at.expect("a column of the index")] {
                    Some(cells) => cells.get(row as usize),
                    None => default(schema, column),
                }
            };
            room.clear();
            // A row whose value is too long for an index has no equal in one.
            if !index.columns.iter().any(|column| cell(*column).is_null())
                && index.encode_value(&schema.columns, cell, &mut room).is_ok()
            {
                show(first + row, &room)?;
            }
        }
        Ok(())
    }

    /// Zones of a block that must have the first bytes of the value.
    fn zones_of(&self, places: &[Option<usize>], sought: &SoughtValue<'_>) -> Vec<(usize, u64)> {
        let mut room = Vec::new();
        let mut zones = Vec::new();
        for column in &sought.index.columns {
            let ty = sought.schema.columns[*column].ty;
            let is_folded = sought.index.nocase && ty == Type::Text;
            let zoned = &self.file.index.columns.zoned;
            let at =
                places[*column].and_then(|at| zoned.iter().position(|zone| *zone as usize == at));
            if let (Some(at), false) = (at, is_folded) {
                zones.push((at, zone_head((sought.cell)(*column), ty, &mut room)));
            }
        }
        zones
    }
}

/// Filters that were made for indexes without a section.
#[derive(Default)]
pub(super) struct ValueFilters(Mutex<Vec<MadeFilter>>);

struct MadeFilter {
    over: IndexColumns,
    filter: Arc<KeyFilter>,
    _held: Reservation,
}

impl ValueFilters {
    fn find(&self, over: &IndexColumns) -> Option<Arc<KeyFilter>> {
        let made = self.0.lock();
        made.iter().find(|made| made.over == *over).map(|made| Arc::clone(&made.filter))
    }

    /// Adds one, unless another thread has done so meanwhile.
    fn add(&self, over: IndexColumns, filter: Arc<KeyFilter>, held: Reservation) -> Arc<KeyFilter> {
        let mut all = self.0.lock();
        if !all.iter().any(|made| made.over == over) {
            all.push(MadeFilter { over, filter: Arc::clone(&filter), _held: held });
        }
        filter
    }
}

//! What a cold segment says of its blocks: it stays in memory, whatever the segment holds.
//!
//! ```text
//!  index    columns (id, type, notnull), key, columns with zones
//!           rows, blocks: place, rows, first key, zones (least, most, NULLs)
//!           0, greatest key, bytes of the filter, places of the records that are its pieces
//!           sections, if there are any: columns, blocks (place, entries, first value), its filter likewise
//!  trailer  place and number of the index's block
//! ```
//!
//! A zone is the least and the greatest first eight bytes of a column's encoded cells (`value::encode`) in
//! a block: whatever lies outside of them is not there.

use super::key_filter::KeyFilter;
use super::section::Section;
use crate::codec::{self, Reader, put_bytes, put_u64};
use crate::error::{Error, Result};
use crate::value::{Type, ValueRef, encode_key};
use bincode::{Decode, Encode};
use xxhash_rust::xxh3::xxh3_64;

/// Most columns with zones, from the key on.
const ZONES_MAX: usize = 16;
/// Most bytes of an encoded cell that a zone tells apart.
const ZONE_BYTES: usize = 8;
/// Stands where there was the number of the filter's blocks, which was never 0, when the filter followed.
const FILTER_IN_PIECES: u64 = 0;

/// A column of a cold segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ColdColumn {
    /// Its stable number in its table.
    pub(crate) id: u32,
    pub(crate) ty: Type,
    pub(crate) notnull: bool,
}

/// The columns of a cold segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ColdColumns {
    pub(crate) columns: Vec<ColdColumn>,
    /// Positions of the key's columns, by which the rows are ordered.
    pub(crate) key: Vec<u32>,
    /// Positions of those that have zones.
    pub(crate) zoned: Vec<u32>,
}

impl ColdColumns {
    /// Of a table with these columns and this key.
    pub(crate) fn new(columns: Vec<ColdColumn>, key: &[usize]) -> Self {
        let others = (0..columns.len()).filter(|at| !key.contains(at));
        let zoned = key.iter().copied().chain(others).take(ZONES_MAX).map(|at| at as u32).collect();
        Self { columns, key: key.iter().map(|at| *at as u32).collect(), zoned }
    }

    /// Appends the encoded key of a row.
    pub(crate) fn encode_key<'v>(
        &self,
        cell: impl Fn(usize) -> ValueRef<'v>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.key.iter().try_for_each(|at| {
            let column = &self.columns[*at as usize];
            encode_key(cell(*at as usize), column.ty, true, out)
        })
    }

    fn check(&self) -> Result<()> {
        let known = |at: &u32| (*at as usize) < self.columns.len();
        if self.key.is_empty() || !self.key.iter().chain(&self.zoned).all(known) {
            return Err(Error::corrupt("a cold segment of columns that it does not have"));
        }
        Ok(())
    }
}

/// What a column has in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    /// First bytes of the least and the greatest encoded value; `u64::MAX` and 0 if all are NULL.
    pub(crate) least: u64,
    pub(crate) most: u64,
    /// A value is NULL.
    pub(crate) has_null: bool,
}

impl Zone {
    pub(super) const EMPTY: Self = Self { least: u64::MAX, most: 0, has_null: false };

    /// Takes a cell in; `room` is for bytes.
    pub(super) fn add(&mut self, value: ValueRef<'_>, ty: Type, room: &mut Vec<u8>) {
        if value.is_null() {
            self.has_null = true;
            return;
        }
        let head = zone_head(value, ty, room);
        self.least = self.least.min(head);
        self.most = self.most.max(head);
    }
}

/// The first bytes of an encoded value, as a number; `room` is for bytes.
pub(crate) fn zone_head(value: ValueRef<'_>, ty: Type, room: &mut Vec<u8>) -> u64 {
    room.clear();
    // Only NULL is refused.
    let _refused = encode_key(value, ty, true, room);
    key_head(room)
}

/// One block of a cold segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    /// Where it is in the file.
    pub(crate) at: u64,
    /// Rows before it.
    pub(crate) first_row: u32,
}

/// The index of a cold segment.
#[derive(Debug)]
pub(crate) struct ColdIndex {
    /// The first bytes of the least and the greatest key: other keys are not there.
    least: u64,
    most: u64,
    pub(crate) columns: ColdColumns,
    pub(crate) rows: u32,
    blocks: Vec<BlockPlace>,
    /// First keys, one behind the other, and where each ends.
    first_keys: Vec<u8>,
    first_ends: Vec<u32>,
    /// For each block, one for each column that has zones.
    zones: Vec<Zone>,
    /// Empty if it is not known: segments had none once.
    last_key: Vec<u8>,
    pub(crate) filter: KeyFilter,
    /// Entries of indexes.
    pub(crate) sections: Vec<Section>,
}

/// Where the pieces of a segment's filters are.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Of the filter of keys.
    pub(super) keys: Vec<u64>,
    /// Of the sections' filters, of one after the other.
    pub(super) values: Vec<Vec<u64>>,
}

impl Pieces {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        let values = self.values.iter().map(Vec::len).sum::<usize>();
        (self.keys.len() + values) as u64
    }
}

impl ColdIndex {
    /// Of a segment that is to have so many rows at most.
    pub(super) fn new(columns: ColdColumns, rows_max: usize) -> Self {
        Self {
            least: u64::MAX,
            most: u64::MAX,
            columns,
            rows: 0,
            blocks: Vec::new(),
            first_keys: Vec::new(),
            first_ends: Vec::new(),
            zones: Vec::new(),
            last_key: Vec::new(),
            filter: KeyFilter::new(rows_max),
            sections: Vec::new(),
        }
    }

    /// Adds a block.
    pub(super) fn add_block(&mut self, at: u64, rows: usize, first_key: &[u8], zones: &[Zone]) {
        if self.blocks.is_empty() {
            self.least = key_head(first_key);
        }
        self.blocks.push(BlockPlace { at, first_row: self.rows });
        self.rows += rows as u32;
        self.first_keys.extend_from_slice(first_key);
        self.first_ends.push(self.first_keys.len() as u32);
        self.zones.extend_from_slice(zones);
    }

    /// Notes the greatest key.
    pub(super) fn set_last_key(&mut self, key: &[u8]) {
        self.last_key = key.into();
        self.most = if key.is_empty() { u64::MAX } else { key_head(key) };
    }

    /// False if no row has this key.
    #[inline]
    pub(crate) fn may_have(&self, key: &SoughtKey<'_>) -> bool {
        // Two numbers beside each other tell most segments from each other whose keys grow.
        if key.head < self.least || key.head > self.most {
            return false;
        }
        self.filter.may_have(key.hash) && self.is_within(key.bytes)
    }

    fn is_within(&self, key: &[u8]) -> bool {
        !self.blocks.is_empty()
            && self.first_key(0) <= key
            && (self.last_key.is_empty() || key <= self.last_key.as_slice())
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Where the nth block is.
    pub(crate) fn block(&self, nth: usize) -> BlockPlace {
        self.blocks[nth]
    }

    /// Rows of the nth block.
    pub(crate) fn block_rows(&self, nth: usize) -> u32 {
        let end = self.blocks.get(nth + 1).map_or(self.rows, |next| next.first_row);
        end - self.blocks[nth].first_row
    }

    /// The zones of the nth block, in the order of [`ColdColumns::zoned`].
    pub(crate) fn zones(&self, nth: usize) -> &[Zone] {
        let width = self.columns.zoned.len();
        &self.zones[nth * width..(nth + 1) * width]
    }

    /// The block that has this row.
    pub(crate) fn block_of_row(&self, row: u32) -> usize {
        self.blocks.partition_point(|block| block.first_row <= row) - 1
    }

    /// The only block that may have this encoded key.
    pub(crate) fn block_of_key(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.first_key(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    fn first_key(&self, nth: usize) -> &[u8] {
        let start = if nth == 0 { 0 } else { self.first_ends[nth - 1] as usize };
        &self.first_keys[start..self.first_ends[nth] as usize]
    }

    /// Bytes it takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let columns = self.columns.columns.capacity() * size_of::<ColdColumn>();
        columns
            + self.blocks.capacity() * size_of::<BlockPlace>()
            + self.first_keys.capacity()
            + self.first_ends.capacity() * size_of::<u32>()
            + self.zones.capacity() * size_of::<Zone>()
            + self.last_key.capacity()
            + self.filter.bytes()
            + self.sections.iter().map(Section::heap_bytes).sum::<usize>()
    }

    /// Appends all but the filters, whose pieces are in these places.
    pub(super) fn put(&self, pieces: &Pieces, out: &mut Vec<u8>) -> Result<()> {
        codec::encode(&self.columns, out)?;
        put_u64(out, u64::from(self.rows));
        put_u64(out, self.blocks.len() as u64);
        for nth in 0..self.blocks.len() {
            put_u64(out, self.blocks[nth].at);
            put_u64(out, u64::from(self.block_rows(nth)));
            put_bytes(out, self.first_key(nth));
            for zone in self.zones(nth) {
                out.push(u8::from(zone.has_null));
                out.extend_from_slice(&zone.least.to_le_bytes());
                out.extend_from_slice(&zone.most.to_le_bytes());
            }
        }
        put_u64(out, FILTER_IN_PIECES);
        put_bytes(out, &self.last_key);
        put_u64(out, self.filter.bytes() as u64);
        put_u64(out, pieces.keys.len() as u64);
        for at in &pieces.keys {
            put_u64(out, *at);
        }
        if !self.sections.is_empty() {
            put_u64(out, self.sections.len() as u64);
        }
        let mut sections = self.sections.iter().zip(&pieces.values);
        sections.try_for_each(|(section, pieces)| section.put(pieces, out))
    }

    /// Takes an index, and the places of the filters' pieces, which are still to be read.
    pub(super) fn get(bytes: &[u8]) -> Result<(Self, Pieces)> {
        let (columns, used) = codec::decode::<ColdColumns>(bytes)?;
        columns.check()?;
        let mut reader = Reader::new(&bytes[used..]);
        let mut index = Self::new(columns, 0);
        index.get_blocks(&mut reader)?;
        let keys = index.get_filter(&mut reader)?;
        let values =
            if reader.is_empty() { Vec::new() } else { index.get_sections(&mut reader)? };
        if !reader.is_empty() {
            return Err(Error::corrupt("bytes are left over behind the index of a cold segment"));
        }
        index.shrink();
        Ok((index, Pieces { keys, values }))
    }

    fn get_blocks(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let (rows, blocks) = (reader.u64()?, reader.u64()?);
        let mut zones = Vec::new();
        for _ in 0..blocks {
            let (at, count) = (reader.u64()?, reader.u64()?);
            let key = reader.bytes()?;
            zones.clear();
            for _ in 0..self.columns.zoned.len() {
                let has_null = reader.u8()? != 0;
                let least = u64::from_le_bytes(reader.array()?);
                let most = u64::from_le_bytes(reader.array()?);
                zones.push(Zone { least, most, has_null });
            }
            let fits = u32::try_from(count).ok().and_then(|count| self.rows.checked_add(count));
            if count == 0 || fits.is_none() {
                return Err(Error::corrupt("a cold block of no or too many rows"));
            }
            self.add_block(at, count as usize, key, &zones);
        }
        if u64::from(self.rows) != rows {
            return Err(Error::corrupt(
                "the blocks of a cold segment have other rows than it says",
            ));
        }
        Ok(())
    }

    fn get_filter(&mut self, reader: &mut Reader<'_>) -> Result<Vec<u64>> {
        let in_place = reader.u64()?;
        if in_place != FILTER_IN_PIECES {
            self.filter = KeyFilter::get(in_place, reader)?;
            return Ok(Vec::new());
        }
        let last_key = reader.bytes()?;
        self.set_last_key(last_key);
        self.filter = KeyFilter::to_be_read(reader.u64()?)?;
        let pieces = reader.u64()?;
        (0..pieces).map(|_| reader.u64()).collect()
    }

    fn get_sections(&mut self, reader: &mut Reader<'_>) -> Result<Vec<Vec<u64>>> {
        let mut pieces = Vec::new();
        let mut first_block = self.blocks.len() as u64;
        for _ in 0..reader.u64()? {
            let (section, places) = Section::get(reader, &self.columns, self.rows, first_block)?;
            first_block += section.blocks() as u64;
            self.sections.push(section);
            pieces.push(places);
        }
        Ok(pieces)
    }

    /// How many blocks there are of rows and of sections.
    pub(super) fn all_blocks(&self) -> u64 {
        let sections = self.sections.iter().map(|section| section.blocks() as u64);
        self.blocks.len() as u64 + sections.sum::<u64>()
    }

    /// Gives back the room that growing has left.
    fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
        self.first_keys.shrink_to_fit();
        self.first_ends.shrink_to_fit();
        self.zones.shrink_to_fit();
    }
}

/// A key that is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoughtKey<'k> {
    pub(crate) bytes: &'k [u8],
    head: u64,
    hash: u64,
}

impl<'k> SoughtKey<'k> {
    /// Of an encoded key.
    pub(crate) fn new(bytes: &'k [u8]) -> Self {
        Self { bytes, head: key_head(bytes), hash: key_hash(bytes) }
    }
}

/// The hash of an encoded key.
#[inline]
pub(in crate::segment) fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The first bytes of an encoded key, as a number.
#[inline]
fn key_head(key: &[u8]) -> u64 {
    let mut head = [0; ZONE_BYTES];
    let len = key.len().min(ZONE_BYTES);
    head[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(head)
}

//! What a serializable transaction has read: keys, found or absent, and ranges with their filter.

use super::rows::TableData;
use crate::error::Result;
use crate::mem::budget::{Holder, Reservation};
use crate::options::READ_KEYS_MAX;
use crate::query::Filter;
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes reserved for one key, with the free places of the set.
const KEY_BYTES: usize = 2 * size_of::<u64>() + 2;
/// Keys reserved at once.
const KEYS_LUMP: usize = 1024;
/// Bytes reserved for one range: the filter's nodes and values are small.
const RANGE_BYTES: usize = 512;

/// The reads of one transaction.
pub(super) struct ReadSet(RefCell<Reads>);

struct Reads {
    tables: Vec<TableReads>,
    held: Reservation,
}

/// The reads in one table.
struct TableReads {
    id: u32,
    name: String,
    keys: HashSet<u64, BuildHasherDefault<IsHash>>,
    ranges: Vec<Filter>,
    /// Too much was read to be remembered: any change counts.
    all: bool,
}

impl ReadSet {
    pub(super) fn new(holder: &Holder) -> Result<Self> {
        Ok(Self(RefCell::new(Reads { tables: Vec::new(), held: holder.reserve(0)? })))
    }

    /// Notes that a key was looked for.
    pub(super) fn note_key(&self, rows: &TableData, hash: u64) {
        let reads = &mut *self.0.borrow_mut();
        let table = reads.table(rows);
        if table.all || table.keys.contains(&hash) {
            return;
        }
        if table.keys.len() == table.keys.capacity() {
            let lump = KEYS_LUMP.max(table.keys.capacity());
            let room = table.keys.len() + lump <= READ_KEYS_MAX;
            if !room || reads.held.grow(lump * KEY_BYTES).is_err() {
                return reads.note_all(rows);
            }
            reads.table(rows).keys.reserve(lump);
        }
        reads.table(rows).keys.insert(hash);
    }

    /// Notes that every row for which this holds was looked for.
    pub(super) fn note_range(&self, rows: &TableData, filter: &Filter) {
        let reads = &mut *self.0.borrow_mut();
        let table = reads.table(rows);
        if table.all || table.ranges.contains(filter) {
            return;
        }
        if filter.is_all() || reads.held.grow(RANGE_BYTES).is_err() {
            return reads.note_all(rows);
        }
        reads.table(rows).ranges.push(filter.clone());
    }

    /// What was read of a table; `None` if nothing.
    pub(super) fn of_table<T>(&self, id: u32, look: impl FnOnce(&TableLook<'_>) -> T) -> Option<T> {
        let reads = self.0.borrow();
        let table = reads.tables.iter().find(|table| table.id == id)?;
        Some(look(&TableLook(table)))
    }
}

/// A look at the reads in one table.
pub(super) struct TableLook<'a>(&'a TableReads);

impl TableLook<'_> {
    /// The table's name.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// True if the key was looked for.
    pub(super) fn has_key(&self, hash: u64) -> bool {
        self.0.all || self.0.keys.contains(&hash)
    }

    /// The ranges that were looked through.
    pub(super) fn ranges(&self) -> &[Filter] {
        &self.0.ranges
    }
}

impl Reads {
    fn table(&mut self, rows: &TableData) -> &mut TableReads {
        let known = self.tables.iter().position(|table| table.id == rows.id);
        let at = known.unwrap_or_else(|| {
            let table = TableReads {
                id: rows.id,
                name: rows.schema.table.clone(),
                keys: HashSet::default(),
                ranges: Vec::new(),
                all: false,
            };
            self.tables.push(table);
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    fn note_all(&mut self, rows: &TableData) {
        let table = self.table(rows);
        (table.keys, table.ranges, table.all) = (HashSet::default(), Vec::new(), true);
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are entered")
    }
}

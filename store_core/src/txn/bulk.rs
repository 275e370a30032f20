//! Entering many rows in an index at once, by sorted batches.

use super::engine::Engine;
use super::load;
use super::rows::TableData;
use super::secondary::SecondaryIndex;
use crate::error::Result;
use crate::index::ordered::EntryBatch;
use crate::mem::budget::{Holder, Reservation};
use crate::mem::page_pool::Promise;
use crate::mvcc::Timestamp;
use crate::sync::capacity;

/// Entries of a batch: bounds the memory beside the index itself.
const BATCH_ENTRIES: usize = capacity(64 * 1024, 2);
/// Bytes of a batch's keys, if they are long.
const BATCH_BYTES: usize = 4 << 20;

/// Enters every row of a table that nobody writes in one of its indexes, which is empty.
pub(crate) fn build_index(
    engine: &Engine,
    data: &TableData,
    index: &SecondaryIndex,
    holder: &Holder,
) -> Result<()> {
    let mut bulk = Bulk::new(data, index, holder)?;
    let promise = |pages| engine.with_relief(usize::MAX, || data.pool.promise(pages));
    load::for_each(data, 0..data.versions.pages(), |row, words| {
        bulk.push(row, words)?;
        if bulk.is_full() {
            bulk.flush(promise)?;
        }
        Ok(())
    })?;
    bulk.flush(promise)?;
    index.set_complete_from(Timestamp(0)); // nobody has read before
    Ok(())
}

/// Rows on their way into an index.
pub(crate) struct Bulk<'i> {
    data: &'i TableData,
    index: &'i SecondaryIndex,
    batch: EntryBatch,
    key: Vec<u8>,
    key_bytes: usize,
    entries_max: usize,
    held: Reservation,
}

impl<'i> Bulk<'i> {
    pub(crate) fn new(
        data: &'i TableData,
        index: &'i SecondaryIndex,
        holder: &Holder,
    ) -> Result<Self> {
        let batch = EntryBatch::new(index.key_width);
        let (key, held) = (Vec::new(), holder.reserve(0)?);
        Ok(Self { data, index, batch, key, key_bytes: 0, entries_max: BATCH_ENTRIES, held })
    }

    /// Batches of so many entries instead: the larger, the fewer blocks are replaced again.
    pub(super) fn batches_of(mut self, entries: usize) -> Self {
        self.entries_max = entries;
        self
    }

    /// Adds a row to the batch; a value too long for an index is an error.
    pub(crate) fn push(&mut self, row: u32, words: &[u64]) -> Result<()> {
        self.key.clear();
        self.index.encode(self.data, words, &mut self.key)?;
        self.key_bytes += self.key.len();
        self.batch.push(&self.key, row);
        self.held.grow_to(self.batch.bytes())
    }

    /// True if it is time to enter the batch.
    pub(crate) fn is_full(&self) -> bool {
        let bytes_max = BATCH_BYTES * self.entries_max.div_ceil(BATCH_ENTRIES);
        self.batch.len() >= self.entries_max || self.key_bytes >= bytes_max
    }

    /// Enters the batch, for which `promise` gets so many pages ready; says how many rows it had.
    pub(crate) fn flush<'p>(
        &mut self,
        promise: impl FnOnce(usize) -> Result<Promise<'p>>,
    ) -> Result<u64> {
        let rows = self.batch.len() as u64;
        self.batch.sort();
        let promise = promise(self.index.pages_for(self.batch.len(), self.key_bytes))?;
        self.index.tree.insert_sorted(&self.batch);
        drop(promise);
        self.batch.clear();
        self.key_bytes = 0;
        Ok(rows)
    }
}

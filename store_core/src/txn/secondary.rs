//! One secondary index of a table.

use super::rows::TableData;
use crate::error::{Error, Result};
use crate::index::ordered::OrderedIndex;
use crate::mem::epoch::Epoch;
use crate::mem::slab::SIZE_CLASSES;
use crate::mvcc::Timestamp;
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::schema::Index;
use crate::sync::{Acquire, AtomicU64, Release};
use crate::value::{KEY_BYTES_MAX, ValueRef, encode_key, encoded_width, fold};
use std::sync::Arc;

/// Of an index that no snapshot may read yet.
const NEVER: u64 = u64::MAX;

/// One ordered index with its columns.
pub(crate) struct SecondaryIndex {
    pub spec: Index,
    pub tree: OrderedIndex,
    /// Bytes of a key if they never vary; else a key may be too long.
    pub key_width: Option<usize>,
    /// It has every entry that a snapshot needs which reads this timestamp or a later one.
    complete_from: AtomicU64,
}

impl SecondaryIndex {
    /// An index without entries. It serves every snapshot of a table without rows.
    pub(super) fn empty(spec: &Index, data: &TableData, epoch: &Arc<Epoch>) -> Self {
        let columns = spec.columns.iter().map(|column| &data.schema.columns[*column]);
        let widths: Option<Vec<usize>> =
            columns.map(|column| encoded_width(column.ty, column.notnull)).collect();
        let width = widths.map(|widths| widths.iter().sum());
        let (blocks, holder) = (Arc::clone(&data.blocks), data.holder.clone());
        let tree = OrderedIndex::new(blocks, Arc::clone(epoch), holder, width);
        Self { spec: spec.clone(), tree, key_width: width, complete_from: AtomicU64::new(0) }
    }

    /// The same for a table with rows: it serves nobody until it is complete.
    pub(super) fn incomplete(spec: &Index, data: &TableData, epoch: &Arc<Epoch>) -> Self {
        let index = Self::empty(spec, data, epoch);
        index.complete_from.store(NEVER, Release);
        index
    }

    /// Says that it has every entry that a snapshot needs which reads this timestamp or a later one.
    pub(crate) fn set_complete_from(&self, at: Timestamp) {
        self.complete_from.store(at.0, Release); // pairs with Acquire in `serves`
    }

    /// True if a snapshot at this timestamp may use it.
    pub(crate) fn serves(&self, at: Timestamp) -> bool {
        self.complete_from.load(Acquire) <= at.0 || planted::bug("index_used_too_early")
    }

    /// Pages to promise before so many entries of so many key bytes are added or removed: their
    /// blocks, what size classes waste, and one page more for each class that may have none.
    pub(crate) fn pages_for(&self, entries: usize, key_bytes: usize) -> usize {
        let bytes = self.tree.worst_case_bytes(entries, key_bytes);
        (bytes + bytes / 8).div_ceil(PAGE_BYTES) + (3 * entries).min(SIZE_CLASSES)
    }

    /// The encoded key of a row, appended to `out`.
    pub(crate) fn encode(&self, rows: &TableData, words: &[u64], out: &mut Vec<u8>) -> Result<()> {
        let view = rows.view(words);
        let start = out.len();
        for column in &self.spec.columns {
            let spec = &rows.schema.columns[*column];
            match view.cell(*column) {
                ValueRef::Text(text) if self.spec.nocase => {
                    encode_key(ValueRef::Text(&fold(text)), spec.ty, spec.notnull, out)?;
                }
                cell => encode_key(cell, spec.ty, spec.notnull, out)?,
            }
        }
        if out.len() - start > KEY_BYTES_MAX {
            return Err(Error::invalid(format!(
                "{}: the value for index `{}` takes {} bytes, at most {KEY_BYTES_MAX} are allowed",
                rows.schema.table,
                self.spec.name,
                out.len() - start
            )));
        }
        Ok(())
    }

    /// True if both rows have the same value here.
    pub(crate) fn same_value(&self, rows: &TableData, a: &[u64], b: &[u64]) -> bool {
        if self.spec.columns.iter().all(|column| rows.layout.same_bits(a, b, *column)) {
            return true;
        }
        let (a, b) = (rows.view(a), rows.view(b));
        self.spec.columns.iter().all(|column| match (a.cell(*column), b.cell(*column)) {
            (ValueRef::Text(a), ValueRef::Text(b)) if self.spec.nocase => fold(a) == fold(b),
            (a, b) => a.order(b).is_eq(),
        })
    }

    /// True if a column of the index is NULL in this row: such a value never collides.
    pub(crate) fn has_null(&self, rows: &TableData, words: &[u64]) -> bool {
        let view = rows.view(words);
        self.spec.columns.iter().any(|column| view.cell(*column).is_null())
    }

    /// The row's value in words for people, such as `KAUS, 35000`.
    pub(crate) fn value_text(&self, rows: &TableData, words: &[u64]) -> String {
        let view = rows.view(words);
        let cells: Vec<String> =
            self.spec.columns.iter().map(|column| view.cell(*column).to_string()).collect();
        cells.join(", ")
    }
}

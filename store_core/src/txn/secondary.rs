//! One secondary index of a table.

use super::rows::TableData;
use crate::error::{Error, Result};
use crate::index::ordered::OrderedIndex;
use crate::mem::epoch::Epoch;
use crate::mem::layout::CellRank;
use crate::mem::slab::classes_up_to;
use crate::mvcc::Timestamp;
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::schema::Index;
use crate::sync::{Acquire, AtomicU64, Release};
use crate::value::{
    KEY_BYTES_MAX, ValueRef, encode_key, encoded_rank, encoded_width, fold, squeeze_integer,
    squeeze_text,
};
use std::sync::Arc;

/// Of an index that no snapshot may read yet.
const NEVER: u64 = u64::MAX;

/// Bytes of a key that the index compares as one number.
const HEAD_BYTES: usize = 8;
/// Ties end with this byte of a key at the latest, and are at most so many.
const TIED_BYTES: usize = 12;
const TIE_BYTES_MAX: usize = 7;
/// Room for most keys.
const KEY_ROOM: usize = 32;

/// One ordered index with its columns.
pub(crate) struct SecondaryIndex {
    pub spec: Index,
    pub tree: OrderedIndex,
    /// Bytes of a key if they never vary; else a key may be too long.
    pub key_width: Option<usize>,
    /// Bytes of a key that are its value, if they never vary.
    value_width: Option<usize>,
    /// How to read the only column's cells as numbers, if that is possible.
    rank: Option<CellRank>,
    /// It has every entry that a snapshot needs which reads this timestamp or a later one.
    complete_from: AtomicU64,
}

/// What entries may take of a table's index blocks at most, in any of its indexes.
#[derive(Default)]
pub(crate) struct BlockNeed {
    bytes: usize,
    entries: usize,
    largest_block: usize,
}

impl BlockNeed {
    /// Entries of one index, with this many key bytes in all.
    pub(crate) fn add(&mut self, index: &SecondaryIndex, entries: usize, key_bytes: usize) {
        self.bytes += index.tree.worst_case_bytes(entries, key_bytes);
        self.entries += entries;
        self.largest_block = self.largest_block.max(index.tree.largest_block_bytes());
    }

    /// Pages. One of each size of blocks may be had for a single block.
    pub(crate) fn pages(&self) -> usize {
        (self.bytes + self.bytes / 8).div_ceil(PAGE_BYTES)
            + (3 * self.entries).min(classes_up_to(self.largest_block))
    }
}

impl SecondaryIndex {
    /// An index without entries. It serves every snapshot of a table without rows.
    pub(super) fn empty(spec: &Index, data: &TableData, epoch: &Arc<Epoch>) -> Self {
        let columns = spec.columns.iter().map(|column| &data.schema.columns[*column]);
        let widths: Option<Vec<usize>> =
            columns.map(|column| encoded_width(column.ty, column.notnull)).collect();
        let value_width: Option<usize> = widths.map(|widths| widths.iter().sum());
        let key_width = value_width.map(|width| width + tie_bytes(spec, width));
        let (blocks, holder) = (Arc::clone(&data.blocks), data.holder.clone());
        let tree = OrderedIndex::new(blocks, Arc::clone(epoch), holder, key_width);
        let rank = if let [only] = spec.columns[..] { data.layout.rank(only) } else { None };
        let complete_from = AtomicU64::new(0);
        Self { spec: spec.clone(), tree, key_width, value_width, rank, complete_from }
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

    /// True if the entries of one value follow the primary key, as far as the bits tell that they have
    /// beside it. A unique index has none: its values have one row each.
    pub(crate) fn has_ties(&self) -> bool {
        self.value_width.is_none_or(|width| tie_bytes(&self.spec, width) > 0)
    }

    /// Bytes of an entry's key that are its value, if they never vary and ties follow.
    pub(crate) fn tied_value_bytes(&self) -> Option<usize> {
        self.value_width.filter(|_| self.has_ties())
    }

    /// Pages to promise before so many entries of so many key bytes are added or removed: their
    /// blocks, what size classes waste, and one page more for each class of its blocks that may have none.
    pub(crate) fn pages_for(&self, entries: usize, key_bytes: usize) -> usize {
        let mut need = BlockNeed::default();
        need.add(self, entries, key_bytes);
        need.pages()
    }

    /// The key of a row's entry, appended to `out`: its value, and a few bytes that order rows of one
    /// value.
    pub(crate) fn encode(&self, rows: &TableData, words: &[u64], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        self.encode_value(rows, words, out)?;
        self.pad_value(start, out);
        let bytes = tie_bytes(&self.spec, out.len() - start);
        if bytes > 0 {
            let ties = tie(rows, words, u8::BITS * bytes as u32)?;
            out.extend_from_slice(&ties.to_be_bytes()[size_of::<u64>() - bytes..]);
        }
        Ok(())
    }

    /// Makes the value that begins here as long as all are, if they are.
    pub(crate) fn pad_value(&self, start: usize, out: &mut Vec<u8>) {
        if let Some(width) = self.value_width {
            out.resize(start + width, 0);
        }
    }

    /// The encoded value of a row, appended to `out`: the beginning of its entry's key.
    pub(crate) fn encode_value(
        &self,
        rows: &TableData,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let view = rows.view(words);
        let start = out.len();
        self.spec.encode_value(&rows.schema.columns, |column| view.cell(column), out)?;
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

    /// True if this is the entry of a row with these words: of its first eight bytes, `head`, and the
    /// others. `room` is for bytes.
    #[inline]
    pub(crate) fn is_entry(
        &self,
        rows: &TableData,
        words: &[u64],
        head: u64,
        tail: &[u8],
        room: &mut Vec<u8>,
    ) -> bool {
        match (&self.rank, self.value_width) {
            (Some(rank), Some(width)) => {
                let nullable = !rows.schema.columns[self.spec.columns[0]].notnull;
                let cell = encoded_rank(rank.of_row(words), nullable);
                let unused = 64_u32.saturating_sub(8 * width as u32);
                (head ^ cell[0]) >> unused == 0
                    && (width <= HEAD_BYTES || tail.first() == Some(&(cell[1] as u8)))
            }
            _ => self.is_encoded_entry(rows, words, head, tail, room),
        }
    }

    #[inline(never)]
    fn is_encoded_entry(
        &self,
        rows: &TableData,
        words: &[u64],
        head: u64,
        tail: &[u8],
        room: &mut Vec<u8>,
    ) -> bool {
        room.clear();
        // Keys are prefix-free; an index of fixed width pads its short ones with zeros.
        self.encode_value(rows, words, room).is_ok()
            && match room.split_at_checked(size_of::<u64>()) {
                Some((first, others)) => {
                    first == &head.to_be_bytes()[..] && tail.starts_with(others)
                }
                None => head.to_be_bytes().starts_with(room),
            }
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

/// How many bytes of ties follow a value of so many.
const fn tie_bytes(spec: &Index, value: usize) -> usize {
    let left = TIED_BYTES.saturating_sub(value);
    match spec.unique {
        true => 0,
        false if left > TIE_BYTES_MAX => TIE_BYTES_MAX,
        false => left,
    }
}

/// The primary key in so many bits, 56 at most: rows in its order never have them the other way round.
fn tie(rows: &TableData, words: &[u64], bits: u32) -> Result<u64> {
    let column = rows.schema.key[0];
    Ok(match rows.view(words).cell(column) {
        ValueRef::Int(value) | ValueRef::Timestamp(value) => squeeze_integer(value, bits),
        ValueRef::Date(value) => squeeze_integer(value.into(), bits),
        ValueRef::Text(text) => squeeze_text(text.as_bytes(), bits),
        value => {
            let mut key = Vec::with_capacity(KEY_ROOM);
            encode_key(value, rows.schema.columns[column].ty, true, &mut key)?;
            key.resize(key.len().max(HEAD_BYTES), 0);
            let head = key.first_chunk().expect("as long as a head");
            u64::from_be_bytes(*head) >> (u64::BITS - bits)
        }
    })
}

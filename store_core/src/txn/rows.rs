//! The rows of one table: versions, primary index, secondary indexes, long values.

use super::garbage::Garbage;
use crate::error::{Awaited, Error, Result};
use crate::index::ordered::OrderedIndex;
use crate::index::primary::PrimaryIndex;
use crate::mem::budget::Holder;
use crate::mem::cell::LongCell;
use crate::mem::epoch::Epoch;
use crate::mem::layout::{Layout, RowView};
use crate::mem::page_pool::PagePool;
use crate::mem::slab::{SIZE_CLASSES, Slab};
use crate::mvcc::{Timeline, Versions};
use crate::options::{COMPACT_SHARE, PAGE_BYTES};
use crate::schema::{Index, Schema};
use crate::sync::{AtomicU64, Relaxed};
use crate::value::{KEY_BYTES_MAX, ValueRef, encode_key, encoded_width, fold};
use std::sync::Arc;

/// One table's data and everything that leads to it.
pub(crate) struct Rows {
    /// Stable number of the table.
    pub id: u32,
    pub schema: Schema,
    pub layout: Layout,
    pub versions: Versions,
    pub primary: PrimaryIndex,
    pub indexes: Vec<SecondaryIndex>,
    /// What a change of each column means.
    effects: Vec<Effect>,
    /// Bits of the payload in which a version must differ from the next for an index entry or a long
    /// value to go with it.
    pub watched: Vec<(usize, u64)>,
    pub pool: Arc<PagePool>,
    /// Long values of rows.
    pub values: Arc<Slab>,
    /// Blocks of its indexes.
    blocks: Arc<Slab>,
    pub holder: Holder,
    pub timeline: Arc<Timeline>,
    /// Rows with versions to take out.
    pub garbage: Garbage,
    /// Versions in chains: without those that transactions still write.
    pub superseded: AtomicU64,
    /// Bytes of long values that only older versions hold.
    pub old_value_bytes: AtomicU64,
    /// The next hidden `_row`.
    pub next_row: AtomicU64,
}

/// One ordered index with its columns.
pub(crate) struct SecondaryIndex {
    pub spec: Index,
    pub tree: OrderedIndex,
    /// Bytes of a key if they never vary; else a key may be too long.
    pub key_width: Option<usize>,
}

/// Indexes of a table; those from the 64th on count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexSet(u64);

impl IndexSet {
    pub(crate) const ALL: Self = Self(u64::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, index: usize) -> bool {
        self.0 >> index.min(63) & 1 != 0
    }

    fn of(column: usize, indexes: &[Index]) -> Self {
        let with_column =
            indexes.iter().enumerate().filter(|(_, index)| index.columns.contains(&column));
        Self(with_column.fold(0, |set, (nth, _)| set | 1 << nth.min(63)))
    }
}

/// What a change of some columns means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    /// The indexes over any of them.
    pub indexes: IndexSet,
    /// Text or bytes are among them.
    pub long: bool,
    /// It can be refused, or hold blocks: a unique value, or long cells.
    pub may_refuse: bool,
    /// One is part of the key.
    pub in_key: bool,
}

impl Effect {
    const NONE: Self =
        Self { indexes: IndexSet::NONE, long: false, may_refuse: false, in_key: false };

    /// Of a column that the table has not: whoever writes it says so.
    const UNKNOWN: Self = Self { may_refuse: true, ..Self::NONE };

    fn of(column: usize, schema: &Schema) -> Self {
        let indexes = IndexSet::of(column, &schema.indexes);
        let unique = schema.indexes.iter().enumerate().filter(|(_, index)| index.unique);
        let unique = unique.fold(0, |set, (nth, _)| set | 1 << nth.min(63));
        let long = schema.columns[column].ty.is_long();
        let may_refuse = long || indexes.0 & unique != 0;
        Self { indexes, long, may_refuse, in_key: schema.is_key(column) }
    }

    fn with(self, other: Self) -> Self {
        Self {
            indexes: self.indexes.with(other.indexes),
            long: self.long || other.long,
            may_refuse: self.may_refuse || other.may_refuse,
            in_key: self.in_key || other.in_key,
        }
    }
}

/// What tables of one store share.
pub(crate) struct Shared<'a> {
    pub pool: &'a Arc<PagePool>,
    pub epoch: &'a Arc<Epoch>,
    pub timeline: &'a Arc<Timeline>,
    pub tables: &'a Holder,
    /// Counts the garbage of all tables.
    pub garbage: &'a Arc<AtomicU64>,
}

impl Rows {
    /// An empty table.
    pub(crate) fn new(id: u32, schema: Schema, shared: &Shared<'_>) -> Result<Self> {
        let holder = shared.tables.child(schema.table.clone());
        let layout = Layout::new(&schema);
        let mut versions =
            Versions::new(shared.pool, shared.epoch, shared.timeline, &holder, &layout)?;
        versions.count_waiting_in(shared.garbage);
        let primary = PrimaryIndex::new(Arc::clone(shared.timeline), holder.child("primary"))?;
        let values = Slab::new(Arc::clone(shared.pool), holder.child("values"));
        let blocks = Slab::new(Arc::clone(shared.pool), holder.child("indexes"));
        // Each index starts with a block.
        let _promise = shared.pool.promise(schema.indexes.len())?;
        let indexes = schema
            .indexes
            .iter()
            .map(|spec| SecondaryIndex::new(spec, &schema, &blocks, shared.epoch, &holder))
            .collect();
        let effects = (0..schema.columns.len()).map(|column| Effect::of(column, &schema)).collect();
        let indexed = schema.indexes.iter().flat_map(|index| &index.columns);
        let watched = layout.payload_bits(indexed.chain(layout.long_columns()).copied());
        Ok(Self {
            id,
            watched,
            effects,
            layout,
            versions,
            primary,
            indexes,
            pool: Arc::clone(shared.pool),
            values,
            blocks,
            timeline: Arc::clone(shared.timeline),
            garbage: Garbage::new(holder.child("garbage"), Arc::clone(shared.garbage)),
            superseded: AtomicU64::new(0),
            old_value_bytes: AtomicU64::new(0),
            holder,
            next_row: AtomicU64::new(1),
            schema,
        })
    }

    /// What a change of these columns means.
    pub(crate) fn effect_of(&self, columns: &[usize]) -> Effect {
        let of = |column: &usize| self.effects.get(*column).copied().unwrap_or(Effect::UNKNOWN);
        columns.iter().fold(Effect::NONE, |effect, column| effect.with(of(column)))
    }

    /// A row's words as somebody may read them.
    ///
    /// The caller copied them from a version that its registered snapshot sees, or from a row it
    /// owns; `mem` ties the view to the copy, the callers tie the copy to the snapshot.
    #[inline]
    pub(crate) fn view<'a>(&'a self, words: &'a [u64]) -> RowView<'a> {
        crate::mem::layout::view(&self.layout, words)
    }

    /// Gives back what the long cells of a row's payload own, except those that `newer` holds too.
    pub(crate) fn release_payload(&self, words: &[u64], newer: Option<&[u64]>) {
        for column in self.layout.long_columns() {
            let Some(cell) = self.layout.long_cell(words, *column) else { continue };
            let shared = newer.and_then(|newer| self.layout.long_cell(newer, *column));
            if shared != Some(cell) {
                cell.release(&self.values);
            }
        }
    }

    /// Gives back what the long cells of a row's key own.
    pub(crate) fn release_key(&self, words: &[u64]) {
        for column in self.layout.long_key_columns() {
            if let Some(cell) = self.layout.long_cell(words, *column) {
                cell.release(&self.values);
            }
        }
    }

    /// Makes the borrowing cells of these columns own their bytes; on an error none does.
    pub(crate) fn own_cells(&self, words: &mut [u64], columns: &[usize]) -> Result<()> {
        for (done, column) in columns.iter().enumerate() {
            let Some(cell) = self.layout.long_cell(words, *column) else { continue };
            if cell.block().is_none() {
                continue;
            }
            let at = self.layout.column_words(*column);
            let bytes: &[u64; 2] = (&words[at.clone()]).try_into().expect("two words");
            match LongCell::owning(crate::mem::cell::borrowed(bytes), &self.values) {
                Ok(cell) => words[at].copy_from_slice(&cell.0),
                Err(error) => {
                    for column in &columns[..done] {
                        if let Some(cell) = self.layout.long_cell(words, *column) {
                            cell.release(&self.values);
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Counts the long values of a version that a commit superseded, but for those that its successor
    /// keeps. `None`: a tombstone.
    pub(super) fn count_old_values(&self, words: Option<&[u64]>, newer: Option<&[u64]>) {
        let Some(words) = words else { return };
        for column in self.layout.long_columns() {
            let Some(cell) = self.layout.long_cell(words, *column) else { continue };
            let shared = newer.and_then(|newer| self.layout.long_cell(newer, *column));
            if cell.block().is_some() && shared != Some(cell) {
                self.old_value_bytes.fetch_add(cell.len() as u64, Relaxed);
            }
        }
    }

    /// Bytes of older versions: their nodes, and long values that only they hold.
    pub(crate) fn version_bytes(&self) -> u64 {
        // Below zero for a moment: see `reclaim_written`.
        let superseded = self.superseded.load(Relaxed).cast_signed().max(0).cast_unsigned();
        let nodes = superseded * self.versions.node_bytes();
        nodes + self.old_value_bytes.load(Relaxed)
    }

    /// About how many bytes snapshots hold back: older versions, their index entries, and the queues
    /// in which their rows wait.
    pub(crate) fn held_bytes(&self) -> u64 {
        let rows = self.primary.len();
        let entries = self.indexes.iter().map(|index| {
            let entries = index.tree.len();
            let old = entries.saturating_sub(rows);
            (u128::from(index.tree.bytes()) * u128::from(old) / u128::from(entries.max(1))) as u64
        });
        self.version_bytes() + entries.sum::<u64>() + self.garbage.bytes()
    }

    /// Moves index blocks out of pages nearly empty, if these are many, until `stop` says so; true if
    /// any moved. Snapshots that ended leave such pages, as the entries that go leave blocks behind.
    pub(crate) fn compact_indexes(&self, stop: &dyn Fn() -> bool) -> bool {
        let sparse_bytes = (self.blocks.sparse_pages() * PAGE_BYTES) as u64;
        if sparse_bytes * COMPACT_SHARE <= self.blocks.page_bytes() {
            return false;
        }
        // A copy finds room in the page that is to become full, unless somebody was faster.
        let Ok(_promise) = self.pool.promise(1) else { return false };
        self.indexes.iter().map(|index| index.tree.compact(stop)).sum::<usize>() > 0
    }

    /// Frees the index blocks that no reader looks at any more.
    pub(crate) fn take_blocks_back(&self) {
        self.blocks.take_back();
    }

    /// The next hidden row number.
    pub(crate) fn take_row_number(&self) -> i64 {
        self.next_row.fetch_add(1, Relaxed) as i64
    }

    /// The key of a row in words for people, such as `UAL123` or `2013, 1, UA`.
    pub(crate) fn key_text(&self, words: &[u64]) -> String {
        let view = self.view(words);
        let parts: Vec<String> =
            self.schema.key.iter().map(|column| view.cell(*column).to_string()).collect();
        parts.join(", ")
    }

    /// The name of a transaction's victim in a message: `row UAL123 of flights`.
    pub(crate) fn row_name(&self, words: &[u64]) -> String {
        format!("row {} of `{}`", self.key_text(words), self.schema.table)
    }

    /// A conflict over a row.
    pub(crate) fn conflict(&self, words: &[u64], why: &str) -> Error {
        Error::conflict(format!("conflict: {} {why}", self.row_name(words)))
            .detail(&self.schema.table)
            .detail(self.key_text(words))
    }

    /// A conflict with the transaction that writes a row, or has written it.
    pub(crate) fn lost_to_another(&self, row: u32, words: &[u64], why: &str) -> Error {
        self.conflict(words, why).awaiting(Awaited::Row { table: self.id, row })
    }
}

impl SecondaryIndex {
    fn new(
        spec: &Index,
        schema: &Schema,
        blocks: &Arc<Slab>,
        epoch: &Arc<Epoch>,
        holder: &Holder,
    ) -> Self {
        let columns = spec.columns.iter().map(|column| &schema.columns[*column]);
        let widths: Option<Vec<usize>> =
            columns.map(|column| encoded_width(column.ty, column.notnull)).collect();
        let width = widths.map(|widths| widths.iter().sum());
        let tree = OrderedIndex::new(Arc::clone(blocks), Arc::clone(epoch), holder.clone(), width);
        Self { spec: spec.clone(), tree, key_width: width }
    }

    /// Pages to promise before so many entries of so many key bytes are added or removed: their
    /// blocks, what size classes waste, and one page more for each class that may have none.
    pub(crate) fn pages_for(&self, entries: usize, key_bytes: usize) -> usize {
        let bytes = self.tree.worst_case_bytes(entries, key_bytes);
        (bytes + bytes / 8).div_ceil(PAGE_BYTES) + (3 * entries).min(SIZE_CLASSES)
    }

    /// The encoded key of a row, appended to `out`.
    pub(crate) fn encode(&self, rows: &Rows, words: &[u64], out: &mut Vec<u8>) -> Result<()> {
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
    pub(crate) fn same_value(&self, rows: &Rows, a: &[u64], b: &[u64]) -> bool {
        if self.spec.columns.iter().all(|column| rows.layout.same_bits(a, b, *column)) {
            return true;
        }
        let (a, b) = (rows.view(a), rows.view(b));
        self.spec.columns.iter().all(|column| match (a.cell(*column), b.cell(*column)) {
            (ValueRef::Text(a), ValueRef::Text(b)) if self.spec.nocase => fold(a) == fold(b),
            (a, b) => a.order(b).is_eq(),
        })
    }
}

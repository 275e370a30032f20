//! The rows of one table: versions, primary index, long values; and the indexes that lead to them.

use super::effects::{Effect, effects_of};
use super::engine::Tally;
use super::garbage::Garbage;
use super::secondary::SecondaryIndex;
use super::settled::Settled;
use crate::cold::{BlockCache, ColdRows};
use crate::error::{Awaited, Error, Result};
use crate::index::primary::PrimaryIndex;
use crate::mem::RowWords;
use crate::mem::budget::Holder;
use crate::mem::cell::LongCell;
use crate::mem::epoch::Epoch;
use crate::mem::layout::{Layout, RowView};
use crate::mem::page_pool::PagePool;
use crate::mem::slab::Slab;
use crate::mvcc::chain::{Newest, Owner};
use crate::mvcc::{Timeline, Timestamp, Versions};
use crate::options::{COMPACT_SHARE, PAGE_BYTES};
use crate::planted;
use crate::schema::Schema;
use crate::sync::{AtomicBool, AtomicU64, Relaxed};
use std::ops::Deref;
use std::sync::Arc;

/// One table's rows, and what leads to them by key.
pub(crate) struct TableData {
    /// Stable number of the table.
    pub id: u32,
    /// Columns and key, which stay; the indexes are those of [`Rows::schema`], and none is here.
    pub schema: Schema,
    pub layout: Layout,
    pub versions: Versions,
    pub primary: PrimaryIndex,
    pub pool: Arc<PagePool>,
    /// Long values of rows.
    pub values: Arc<Slab>,
    /// Blocks of its indexes.
    pub(super) blocks: Arc<Slab>,
    pub holder: Holder,
    pub timeline: Arc<Timeline>,
    /// Rows that left memory.
    pub cold: ColdRows,
    /// Rows with versions to take out.
    pub garbage: Garbage,
    /// Versions in chains: without those that transactions still write.
    pub(super) superseded: Tally,
    /// Bytes of long values that only older versions hold.
    pub old_value_bytes: AtomicU64,
    /// The next hidden `_row`.
    pub next_row: AtomicU64,
    /// Whether entries of indexes can be counted in place of rows.
    pub settled: Settled,
    /// The log since the last checkpoint has rows of it; written under the log's mutex.
    changed: AtomicBool,
    /// Its end gives back what rows own: the store goes on without it.
    leaves: AtomicBool,
}

/// The table as whoever writes or reclaims uses it, with the indexes it has between two changes of
/// them. A transaction keeps what it found at its first write: so all its writes mean the same
/// indexes, and a change of the indexes can wait for those who do not know of it (`live_table`).
pub(crate) struct Rows {
    data: Arc<TableData>,
    /// Columns, key and the indexes that readers may use.
    pub schema: Arc<Schema>,
    /// The schema's indexes in their order; one that is being built comes last.
    pub indexes: Vec<Arc<SecondaryIndex>>,
    /// What a change of each column means.
    effects: Vec<Effect>,
    /// Bits of the payload in which a version must differ from the next for an index entry or a long
    /// value to go with it.
    pub watched: Vec<(usize, u64)>,
    /// Who may begin to write.
    pub(super) writers: Writers,
    /// A newer list of indexes is in its place.
    replaced: AtomicBool,
}

/// Whether transactions that have not written to a table may begin to.
#[derive(Default)]
pub(super) struct Writers(AtomicU64);

impl Writers {
    pub(super) const ADMITTED: u64 = 0;
    /// They wait for a change of the columns.
    pub(super) const BARRED: u64 = 1;

    /// One of the two, or the timestamp at which the table ended.
    #[inline]
    pub(super) fn state(&self) -> u64 {
        self.0.load(Relaxed) // it is set before its list is put in place, and a wait looks again
    }

    pub(super) fn have_ended(&self) -> bool {
        self.state() > Self::BARRED
    }

    pub(super) fn bar(&self) {
        self.0.store(Self::BARRED, Relaxed);
    }

    pub(super) fn end(&self, at: Timestamp) {
        self.0.store(at.0, Relaxed);
    }
}

/// What tables of one store share.
pub(crate) struct Shared<'a> {
    pub pool: &'a Arc<PagePool>,
    pub epoch: &'a Arc<Epoch>,
    pub timeline: &'a Arc<Timeline>,
    pub tables: &'a Holder,
    pub cold_blocks: &'a Arc<BlockCache>,
    /// Counts the garbage of all tables.
    pub garbage: &'a Arc<AtomicU64>,
}

impl TableData {
    /// An empty table with these columns and this key.
    pub(super) fn new(id: u32, schema: Schema, shared: &Shared<'_>) -> Result<Self> {
        let holder = shared.tables.child(schema.table.clone());
        let layout = Layout::new(&schema);
        let mut versions =
            Versions::new(shared.pool, shared.epoch, shared.timeline, &holder, &layout)?;
        versions.count_waiting_in(shared.garbage);
        let primary = PrimaryIndex::new(Arc::clone(shared.timeline), holder.child("primary"))?;
        let values = Slab::new(Arc::clone(shared.pool), holder.child("values"));
        let blocks = Slab::new(Arc::clone(shared.pool), holder.child("indexes"));
        Ok(Self {
            id,
            layout,
            versions,
            primary,
            pool: Arc::clone(shared.pool),
            values,
            blocks,
            timeline: Arc::clone(shared.timeline),
            cold: ColdRows::new(shared.cold_blocks, holder.urgent_child("cold")),
            garbage: Garbage::new(holder.child("garbage"), Arc::clone(shared.garbage)),
            superseded: Tally::default(),
            old_value_bytes: AtomicU64::new(0),
            holder,
            next_row: AtomicU64::new(1),
            settled: Settled::default(),
            changed: AtomicBool::new(true),
            leaves: AtomicBool::new(false),
            schema,
        })
    }

    /// Says that the store goes on when this ends, with its last user.
    pub(crate) fn set_leaving(&self) {
        self.leaves.store(true, Relaxed); // read by the last user's drop, which is after it
    }

    /// Gives back the long values of all versions of all rows: blocks know no row that owns them.
    /// Nobody else is left, so every row that is there has been committed.
    fn release_values(&mut self) {
        if self.layout.long_columns().is_empty() && self.layout.long_key_columns().is_empty() {
            return;
        }
        for cell in self.garbage.take_kept_values() {
            cell.release(&self.values);
        }
        let mut words = RowWords::zeroed(self.layout.words());
        for page in 0..self.versions.pages() {
            for row in self.versions.page_rows(page) {
                if self.versions.own(row, LAST).is_ok() {
                    self.release_row(row, &mut words);
                }
            }
        }
    }

    fn release_row(&self, row: u32, words: &mut RowWords) {
        let live = matches!(self.versions.newest(row), Newest::Live(_));
        self.versions.copy_newest(row, words);
        let mut newer = live.then(|| words.clone());
        if live {
            self.release_payload(words, None);
        }
        self.release_key(words);
        let mut at = self.versions.chain(row);
        while let Some((_, live)) = self.versions.next_node(&mut at, words) {
            if live {
                self.release_payload(words, newer.as_ref().map(|words| &words[..]));
            }
            newer = live.then(|| words.clone());
        }
    }

    /// Notes that the log has a commit of its rows; called where the log is locked, or by its opener.
    pub(crate) fn note_changed(&self) {
        if !planted::bug("change_not_noted") {
            self.changed.store(true, Relaxed);
        }
    }

    /// True if a commit was noted since the last call; called as above.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Relaxed)
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
        let superseded = self.superseded.total().cast_signed().max(0).cast_unsigned();
        let nodes = superseded * self.versions.node_bytes();
        nodes + self.old_value_bytes.load(Relaxed)
    }

    /// Bytes of its pages in which rows that come find room, their long values with them.
    pub(crate) fn reusable_bytes(&self) -> u64 {
        let (free, all) = self.versions.slot_use();
        let pages = self.values.page_bytes();
        let unused = pages.saturating_sub(self.values.live_bytes());
        let share = u128::from(pages) * u128::from(free) / u128::from(all.max(1));
        free + unused.min(share as u64)
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

/// Who owns every row of a table that ends.
const LAST: Owner = Owner(1);

impl Drop for TableData {
    fn drop(&mut self) {
        if self.leaves.load(Relaxed) {
            self.release_values();
        }
    }
}

impl Rows {
    /// A table's rows with these indexes; only those of the schema are shown to readers.
    pub(super) fn new(
        data: &Arc<TableData>,
        schema: Arc<Schema>,
        indexes: Vec<Arc<SecondaryIndex>>,
    ) -> Self {
        let indexed = indexes.iter().flat_map(|index| &index.spec.columns);
        let layout = &data.layout;
        let watched = layout.payload_bits(indexed.chain(layout.long_columns()).copied());
        let effects = effects_of(&schema, &indexes);
        Self {
            data: Arc::clone(data),
            schema,
            indexes,
            effects,
            watched,
            writers: Writers::default(),
            replaced: AtomicBool::new(false),
        }
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

    /// Says that a newer list of indexes is in its place.
    pub(super) fn set_replaced(&self) {
        self.replaced.store(true, Relaxed); // whoever must see it locks what the caller locks later
    }

    /// True if a newer list of indexes is in its place, which the caller may not know yet.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.load(Relaxed)
    }

    /// The rows alone.
    pub(crate) fn data(&self) -> &Arc<TableData> {
        &self.data
    }

    /// What a change of these columns means.
    pub(crate) fn effect_of(&self, columns: &[usize]) -> Effect {
        let of = |column: &usize| self.effects.get(*column).copied().unwrap_or(Effect::UNKNOWN);
        columns.iter().fold(Effect::NONE, |effect, column| effect.with(of(column)))
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
}

impl Deref for Rows {
    type Target = TableData;

    #[inline(always)]
    fn deref(&self) -> &TableData {
        &self.data
    }
}

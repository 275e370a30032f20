//! One table as its handles know it: its rows, and the indexes it has now.
//!
//! Whoever writes or reclaims holds the table's indexes as they were when it came ([`Rows`]) until
//! it has ended. So a change of the indexes puts the new list in place and can wait for those who
//! hold the old one; whoever comes meanwhile has the new one. Readers hold single indexes.
//!
//! Who takes the newest list without a lock has a registered snapshot. A list that was replaced is
//! kept until every snapshot registered then has ended: one of them may be about to count itself
//! in (`mem/current.rs`).

use super::edition::outdated;
use super::rows::{Rows, Shared, TableData, Writers};
use super::secondary::SecondaryIndex;
use crate::error::{Error, Kind, Result};
use crate::mem::current::{Current, Held};
use crate::mem::epoch::Epoch;
use crate::mem::lasting::Lasting;
use crate::mvcc::Timestamp;
use crate::options::WRITERS_WAIT_MAX;
use crate::schema::{Index, Schema};
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Relaxed, pause};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One table of a store.
pub(crate) struct LiveTable {
    pub data: Arc<TableData>,
    current: Current<Rows>,
    /// Every schema it had: handles lend the newest one for as long as they live.
    schemas: Arc<Lasting<Arc<Schema>>>,
    /// Held by whoever changes the indexes or the columns, from the beginning to the end.
    changing: Mutex<()>,
    /// The number of the next index; numbers are never used again.
    next_index: AtomicU32,
    /// The same of the next column.
    next_column: AtomicU32,
    retired: Mutex<Vec<Retired>>,
    epoch: Arc<Epoch>,
    /// Counts what upkeep must look after.
    garbage: Arc<AtomicU64>,
}

/// A list of indexes that was replaced.
struct Retired {
    rows: Held<Rows>,
    /// Snapshots that read this or something newer have not seen it; none yet while its change goes on.
    until: Option<Timestamp>,
}

impl LiveTable {
    /// An empty table.
    pub(crate) fn new(id: u32, mut schema: Schema, shared: &Shared<'_>) -> Result<Self> {
        let specs = std::mem::take(&mut schema.indexes);
        let data = Arc::new(TableData::new(id, schema.clone(), shared)?);
        // Each index starts with a block.
        let _promise = shared.pool.promise(specs.len())?;
        let empty = |spec| Arc::new(SecondaryIndex::empty(spec, &data, shared.epoch));
        let indexes = specs.iter().map(empty).collect();
        let next_index = specs.iter().map(|index| index.id).max().unwrap_or(0) + 1;
        let next_column = schema.columns.iter().map(|column| column.id).max().unwrap_or(0) + 1;
        schema.indexes = specs;
        let schema = Arc::new(schema);
        Ok(Self {
            current: Current::new(Rows::new(&data, Arc::clone(&schema), indexes)),
            schemas: Arc::new(Lasting::new(schema)),
            changing: Mutex::new(()),
            next_index: AtomicU32::new(next_index),
            next_column: AtomicU32::new(next_column),
            retired: Mutex::new(Vec::new()),
            epoch: Arc::clone(shared.epoch),
            garbage: Arc::clone(shared.garbage),
            data,
        })
    }

    /// Columns, key and the indexes that readers may use now.
    pub(crate) fn schema(&self) -> &Schema {
        self.schemas.newest()
    }

    /// Every schema it had and will have, for its handles.
    pub(super) fn schemas(&self) -> &Arc<Lasting<Arc<Schema>>> {
        &self.schemas
    }

    /// The table with its indexes now, for a caller who has a registered snapshot. Changes of the
    /// indexes wait until it is let go of.
    #[inline]
    pub(crate) fn share(&self) -> Held<Rows> {
        self.current.share()
    }

    /// The same for a caller who has none.
    pub(crate) fn share_locked(&self) -> Held<Rows> {
        let _none_goes = self.retired.lock();
        self.current.share()
    }

    /// Lends what the caller holds for as long as the caller holds it.
    #[inline(always)]
    pub(crate) fn lend(&self, held: &Held<Rows>) -> &Rows {
        self.current.lend(held)
    }

    /// About how many bytes snapshots hold back.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.share_locked().held_bytes()
    }

    // ---- changes: their caller holds `changing`, or is the only user

    /// Keeps others from changing indexes and columns.
    pub(crate) fn lock_changes(&self) -> Result<MutexGuard<'_, ()>> {
        let table = &self.data.schema.table;
        let held = self.changing.try_lock().filter(|_| !self.share_locked().writers.have_ended());
        held.ok_or_else(|| {
            Error::new(
                Kind::Busy,
                format!(
                    "indexes or columns of `{table}` are being changed: try again when that is done"
                ),
            )
            .detail(table)
        })
    }

    /// The number of the next column.
    pub(crate) fn next_column(&self) -> u32 {
        self.next_column.load(Relaxed)
    }

    /// Column numbers below this one are taken.
    pub(crate) fn note_column_number(&self, next: u32) {
        self.next_column.fetch_max(next, Relaxed);
    }

    /// The number of the next index.
    pub(crate) fn next_index(&self) -> u32 {
        self.next_index.load(Relaxed)
    }

    /// Numbers below this one are taken.
    pub(crate) fn note_index_number(&self, next: u32) {
        self.next_index.fetch_max(next, Relaxed);
    }

    /// Adds an index without entries that every writer from now on maintains and no reader sees.
    pub(crate) fn add_index(&self, spec: &Index) -> Result<Arc<SecondaryIndex>> {
        let _promise = self.data.pool.promise(1)?; // it starts with a block
        self.note_index_number(spec.id + 1);
        let index = Arc::new(SecondaryIndex::incomplete(spec, &self.data, &self.epoch));
        let now = self.share_locked();
        let mut indexes = now.indexes.clone();
        indexes.push(Arc::clone(&index));
        self.replace(Arc::clone(&now.schema), indexes);
        Ok(index)
    }

    /// Shows readers the index added last.
    pub(crate) fn show_index(&self, index: &SecondaryIndex) {
        let now = self.share_locked();
        let mut schema = Schema::clone(&now.schema);
        schema.indexes.push(index.spec.clone());
        let schema = Arc::new(schema);
        self.replace(Arc::clone(&schema), now.indexes.clone());
        self.schemas.put(schema);
    }

    /// Takes an index out of the list, shown or not: nobody who comes from now on uses it.
    pub(crate) fn remove_index(&self, id: u32) {
        let now = self.share_locked();
        let kept = now.indexes.iter().filter(|index| index.spec.id != id).cloned().collect();
        let mut schema = Arc::clone(&now.schema);
        if schema.indexes.iter().any(|index| index.id == id) {
            let mut without = Schema::clone(&schema);
            without.indexes.retain(|index| index.id != id);
            schema = Arc::new(without);
            self.schemas.put(Arc::clone(&schema));
        }
        self.replace(schema, kept);
    }

    /// Lets nobody write who has not begun: newcomers wait. Who wrote before has the old list.
    pub(crate) fn bar_writers(&self) {
        let now = self.share_locked();
        let rows = Rows::new(&self.data, Arc::clone(&now.schema), now.indexes.clone());
        rows.writers.bar();
        self.put(rows);
    }

    /// Lets them in again.
    pub(crate) fn admit_writers(&self) {
        let now = self.share_locked();
        self.replace(Arc::clone(&now.schema), now.indexes.clone());
    }

    /// Tells those who wait to write, and all who come, that the table has ended at this timestamp.
    pub(crate) fn end_writers(&self, at: Timestamp) {
        self.share_locked().writers.end(at);
    }

    /// Waits until the table has ended, which is a conflict of a transaction at this snapshot, or
    /// until writers are let in again: then this is their list.
    pub(super) fn wait_to_write(
        &self,
        snapshot: Timestamp,
        take: impl Fn() -> Held<Rows>,
    ) -> Result<Held<Rows>> {
        let (began, mut attempt) = (Instant::now(), 0);
        let table = &self.data.schema.table;
        loop {
            let rows = take();
            match rows.writers.state() {
                Writers::ADMITTED => return Ok(rows),
                Writers::BARRED => drop(rows),
                at => return Err(outdated(table, Timestamp(at), snapshot)),
            }
            if began.elapsed() > WRITERS_WAIT_MAX {
                return Err(Error::new(
                    Kind::Busy,
                    format!(
                        "the columns of `{table}` are being changed, or it is being dropped: writes wait for                          that, and {} s were not enough; roll back and try again later",
                        WRITERS_WAIT_MAX.as_secs()
                    ),
                )
                .detail(table));
            }
            look_again(&mut attempt);
        }
    }

    /// Replaces the list; the old one is kept until `let_go`, and longer.
    fn replace(&self, schema: Arc<Schema>, indexes: Vec<Arc<SecondaryIndex>>) {
        self.put(Rows::new(&self.data, schema, indexes));
    }

    fn put(&self, rows: Rows) {
        let mut retired = self.retired.lock();
        let old = self.current.replace(rows);
        old.set_replaced();
        retired.push(Retired { rows: old, until: None });
        self.garbage.fetch_add(1, Relaxed);
    }

    /// Waits until nobody holds a list that was replaced, however long ago: whoever writes to the
    /// table from now on knows the newest. `change` is what waits for them.
    pub(crate) fn wait_for_holders(&self, patience: Duration, change: &str) -> Result<()> {
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            let holders = |retired: &Retired| retired.rows.others();
            let count: usize = self.retired.lock().iter().map(holders).sum();
            if count == 0 {
                return Ok(());
            }
            if began.elapsed() > patience {
                return Err(Error::new(
                    Kind::Busy,
                    format!(
                        "{change} `{}` has to wait until every transaction has ended that wrote to the table \
                         before: {count} did not within {} s; commit or roll back, then try again",
                        self.data.schema.table,
                        patience.as_secs()
                    ),
                )
                .detail(&self.data.schema.table));
            }
            look_again(&mut attempt);
        }
    }

    /// Lets go of the lists replaced until now once every snapshot has ended that reads something
    /// older than this, which was published after they were replaced.
    pub(crate) fn let_go(&self, published: Timestamp) {
        for retired in self.retired.lock().iter_mut() {
            retired.until.get_or_insert(published);
        }
        self.collect();
    }

    /// Drops the lists that nobody holds or can come to any more, with indexes that are in no other.
    pub(crate) fn collect(&self) {
        let mut retired = self.retired.lock();
        if retired.is_empty() {
            return;
        }
        let Some(live) = self.data.timeline.live_snapshots() else { return };
        let over = |retired: &mut Retired| {
            retired.until.is_some_and(|until| until <= live.oldest_registered)
                && retired.rows.others() == 0
        };
        let gone: Vec<Retired> = retired.extract_if(.., over).collect();
        drop(retired);
        if gone.is_empty() {
            return;
        }
        self.garbage.fetch_sub(gone.len() as u64, Relaxed);
        drop(gone);
        // Blocks that were replaced while an index was filled wait for readers to pass.
        self.epoch.collect();
        self.data.take_blocks_back();
    }
}

/// Looks before whoever waits sleeps between two.
const PAUSES: u32 = 256;
const LOOK_EVERY: Duration = Duration::from_micros(200);

fn look_again(attempt: &mut u32) {
    if *attempt < PAUSES {
        pause(attempt);
    } else {
        std::thread::sleep(LOOK_EVERY);
    }
}

impl Drop for LiveTable {
    fn drop(&mut self) {
        self.garbage.fetch_sub(self.retired.get_mut().len() as u64, Relaxed);
    }
}

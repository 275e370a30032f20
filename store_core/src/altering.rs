//! Changing the columns of a table that others read and write, and dropping tables.
//!
//! ```text
//! change   newcomers wait to write → wait for those who wrote before → copy the rows to a table of the
//!          new columns, in batches → its indexes → log → published at T: readers from T on, and whoever
//!          waits to write, come to the new one
//! drop     newcomers wait to write → wait for those who wrote before → log → published at T
//! ```
//!
//! Readers are never stopped: below T they go on with the old table, whose memory goes with the last
//! of them. The log has only what changed: opening changes the rows again.

use crate::error::{Error, Kind, Result};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::{ColumnSpec, Schema};
use crate::schema_log::{SchemaRecord, log_change, tick};
use crate::sync::Relaxed;
use crate::txn::{
    ColumnChange, Edition, Engine, Lease, LiveTable, Reading, Recast, RowWords, SharedEngine,
    build_index, load,
};
use std::sync::Arc;
use std::time::Duration;

/// Rows copied at one snapshot, more or less: none is held for long.
const BATCH_ROWS: u64 = 1 << 16;

/// Adds a column; durable when this returns. On an error everything is as before.
pub(crate) fn add_column(
    engine: &SharedEngine,
    of: &Arc<Edition>,
    spec: &ColumnSpec,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<()> {
    let work = Work::begin(engine, of)?;
    let column = spec.bind(work.live.next_column());
    change(engine, &work, &ColumnChange::Add(column), spec.patience, progress)
}

/// Drops the column of this name; durable when this returns. On an error everything is as before.
pub(crate) fn drop_column(
    engine: &SharedEngine,
    of: &Arc<Edition>,
    name: &str,
    patience: Duration,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<()> {
    let work = Work::begin(engine, of)?;
    let at = work.live.schema().column_position(name)?;
    change(engine, &work, &ColumnChange::Drop(at), patience, progress)
}

/// Drops the table of this name; durable when this returns.
pub(crate) fn drop_table(engine: &SharedEngine, name: &str, patience: Duration) -> Result<()> {
    let work = Work::begin(engine, &engine.edition(name)?)?;
    let _changing = work.live.lock_changes()?;
    let barred = Barred::begin(engine, &work, patience, "dropping")?;
    let _ddl = engine.ddl.lock();
    let record = SchemaRecord::DropTable { table: work.live.data.id };
    let at = log_change(engine, &record, |at| work.end(at, None))?;
    barred.end(at);
    Ok(())
}

fn change(
    engine: &SharedEngine,
    work: &Work<'_>,
    change: &ColumnChange,
    patience: Duration,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<()> {
    let _changing = work.live.lock_changes()?;
    let schema = change.schema(work.live.schema())?;
    let barred = Barred::begin(engine, work, patience, "changing the columns of")?;
    let id = engine.take_table_number();
    let at = work.change(id, &schema, change, progress)?;
    barred.end(at);
    Ok(())
}

/// Changes columns as another process did, on a follower, where nobody else writes: the rows are those
/// of a table of this number from then on, which is given.
pub(crate) fn change_again(
    engine: &Arc<Engine>,
    lease: &Lease,
    edition: &Arc<Edition>,
    becomes: u32,
    change: &ColumnChange,
) -> Result<Arc<LiveTable>> {
    let work = Work { engine, edition: Arc::clone(edition), live: edition.live().share() };
    let schema = change.schema(work.live.schema()).map_err(damaged)?;
    if let ColumnChange::Add(column) = change {
        work.live.note_column_number(column.id);
    }
    // No writer is there to be kept out; but the list that the lease keeps is replaced so, and goes.
    work.live.bar_writers();
    lease.let_go_of_replaced();
    let mut go_on = |_| !engine.is_ending();
    let at = work
        .change(becomes, &schema, change, &mut go_on)
        .inspect_err(|_| work.live.admit_writers())?;
    work.live.let_go(at);
    engine.upkeep.poke();
    let tables = engine.tables.read();
    Ok(tables.get(&schema.table).expect("put there above").live().share())
}

/// Drops a table as another process did, on a follower.
pub(crate) fn drop_again(
    engine: &Arc<Engine>,
    lease: &Lease,
    edition: &Arc<Edition>,
) -> Result<()> {
    let work = Work { engine, edition: Arc::clone(edition), live: edition.live().share() };
    work.live.bar_writers();
    lease.let_go_of_replaced();
    let _ddl = engine.ddl.lock();
    let record = SchemaRecord::DropTable { table: work.live.data.id };
    let at = log_change(engine, &record, |at| work.end(at, None))?;
    work.live.let_go(at);
    engine.upkeep.poke();
    Ok(())
}

/// What was checked when it was logged is damage when it is read.
fn damaged(error: Error) -> Error {
    Error::corrupt(error.to_string()).caused_by(error)
}

/// A table that is to be changed.
struct Work<'a> {
    engine: &'a Arc<Engine>,
    edition: Arc<Edition>,
    live: Arc<LiveTable>,
}

impl<'a> Work<'a> {
    fn begin(engine: &'a SharedEngine, of: &Arc<Edition>) -> Result<Self> {
        engine.check_open()?;
        engine.check_writable()?;
        // A checkpoint that runs is waited for before anybody waits for this.
        drop(engine.ddl.lock());
        let (edition, live) = engine.current(of)?;
        Ok(Self { engine, edition, live })
    }

    /// Puts a table of this number in its place, while nobody writes; gives the timestamp at which.
    fn change(
        &self,
        id: u32,
        schema: &Schema,
        change: &ColumnChange,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Timestamp> {
        let place = usize::MAX;
        let new = self.engine.with_relief(place, || self.engine.new_table(id, schema.clone()))?;
        let new = Unused { table: Some(new) };
        self.fill(new.table(), change, progress)?;
        let _ddl = self.engine.ddl.lock();
        let record = self.record(id, change);
        let next = self.edition.next(Arc::clone(new.table()));
        let at = log_change(self.engine, &record, |at| self.end(at, Some(&next)))?;
        new.keep();
        Ok(at)
    }

    fn record(&self, becomes: u32, change: &ColumnChange) -> SchemaRecord {
        let table = self.live.data.id;
        match change {
            ColumnChange::Add(column) => {
                SchemaRecord::AddColumn { table, becomes, column: column.clone() }
            }
            ColumnChange::Drop(at) => {
                let column = self.live.data.schema.columns[*at].id;
                SchemaRecord::DropColumn { table, becomes, column }
            }
        }
    }

    /// Copies all rows, then makes the indexes. Nobody writes to either table.
    fn fill(
        &self,
        new: &LiveTable,
        change: &ColumnChange,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<()> {
        let taken = u32::from(matches!(change, ColumnChange::Add(_)));
        new.note_column_number(self.live.next_column() + taken);
        new.note_index_number(self.live.next_index());
        new.data.next_row.store(self.live.data.next_row.load(Relaxed), Relaxed);
        let (mut page, mut copied) = (0, 0);
        let recast = Recast::new(change, &self.live.data);
        while page < self.live.data.versions.pages() {
            self.go_on(copied, progress)?;
            copied += self.copy_batch(new, &recast, &mut page)?;
        }
        new.data.cold.adopt(&self.live.data.cold);
        let holder = self.engine.holder.child("index build");
        for index in &new.share_locked().indexes {
            self.go_on(copied, progress)?;
            build_index(self.engine, &new.data, index, &holder)?;
        }
        // Blocks that were replaced meanwhile, or by this thread in the old table.
        self.engine.epoch.collect();
        new.data.take_blocks_back();
        self.go_on(copied, progress)
    }

    /// Copies the rows of some pages, at one snapshot: all of them see the same. Says how many.
    fn copy_batch(&self, new: &LiveTable, recast: &Recast<'_>, page: &mut u32) -> Result<u64> {
        let (old, engine) = (&*self.live.data, self.engine);
        let snapshot = Reading::new(engine)?;
        let (moment, pages) = (snapshot.moment(), old.versions.pages());
        let mut words = RowWords::zeroed(old.layout.words());
        let all = 0..words.len();
        let mut copied = 0;
        while *page < pages && copied < BATCH_ROWS {
            for row in old.versions.page_rows(*page) {
                if old.versions.read(row, moment, &all, &mut words)? {
                    let view = old.view(&words);
                    let cells = recast.cells(&view);
                    let add = || load::add(&new.data, &cells, snapshot.at());
                    engine.with_relief(moment.place as usize, add)?;
                    copied += 1;
                }
            }
            *page += 1;
        }
        // Was it given up, rows may have been missing.
        engine.timeline.check_kept(moment)?;
        Ok(copied)
    }

    fn go_on(&self, copied: u64, progress: &mut dyn FnMut(u64) -> bool) -> Result<()> {
        if progress(copied) {
            return Ok(());
        }
        let table = &self.live.data.schema.table;
        Err(Error::new(Kind::Cancelled, format!("changing the columns of `{table}` was cancelled"))
            .detail(table))
    }

    /// Puts the next edition, or none, in the table's place.
    fn end(&self, at: Timestamp, next: Option<&Arc<Edition>>) {
        let (data, engine) = (&self.live.data, self.engine);
        let name = data.schema.table.clone();
        let word = if next.is_some() { "changed" } else { "dropped" };
        data.holder.rename(format!("{name} ({word} at {})", at.0));
        let mut tables = engine.tables.write();
        self.edition.end(at, next.cloned());
        if let Some(next) = next {
            tables.insert(name, Arc::clone(next));
        } else {
            engine.retire_cold(data, at);
            tables.remove(&name);
        }
        drop(tables);
        self.live.end_writers(at);
        engine.upkeep.add_ended(Arc::clone(&self.edition), Arc::clone(&self.live));
    }
}

/// A table to which nobody writes; dropped before it has ended, it lets writers in again.
struct Barred<'a> {
    engine: &'a SharedEngine,
    live: &'a LiveTable,
    ended: bool,
}

impl<'a> Barred<'a> {
    /// Lets nobody begin to write, and waits for those who have.
    fn begin(
        engine: &'a SharedEngine,
        work: &'a Work<'_>,
        patience: Duration,
        change: &str,
    ) -> Result<Self> {
        work.live.bar_writers();
        let barred = Self { engine, live: &work.live, ended: false };
        barred.engine.let_go_of_replaced();
        if !planted::bug("writers_of_old_columns_not_waited_for") {
            barred.live.wait_for_holders(patience, change)?;
        }
        Ok(barred)
    }

    fn end(mut self, at: Timestamp) {
        self.ended = true;
        self.engine.let_go_of_replaced();
        self.live.let_go(at);
        self.engine.upkeep.poke();
    }
}

impl Drop for Barred<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.live.admit_writers();
        self.engine.let_go_of_replaced();
        // If nothing can be published any more, the lists stay until the table goes.
        if let Ok(at) = tick(self.engine) {
            self.live.let_go(at);
        }
    }
}

/// A table on its way; dropped before it is used, it gives back what its rows own.
struct Unused {
    table: Option<Arc<LiveTable>>,
}

impl Unused {
    fn table(&self) -> &Arc<LiveTable> {
        self.table.as_ref().expect("there until it is used")
    }

    fn keep(mut self) {
        self.table = None;
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            table.data.set_leaving();
        }
    }
}

//! Making and dropping an index of a table that others read and write.
//!
//! ```text
//! create   list with the index in place: writers from now on maintain it
//!          → wait for those who wrote before → enter all rows in memory, in batches → unique: look for twins,
//!          among cold rows as well
//!          → log → complete from the last batch's snapshot on → show it to readers
//! drop     log → list without the index in place → its memory goes with the last who uses it
//! ```
//!
//! Nobody waits for the build: a writer finds one index more in the list, a reader none until it is
//! complete. The log has an index once it is complete, and only its columns: opening builds it anew.

use crate::error::{Error, Kind, Result};
use crate::options::INDEX_PATIENCE;
use crate::planted;
use crate::schema::{Index, IndexSpec};
use crate::schema_log::{SchemaRecord, log_change, tick};
use crate::sync::MutexGuard;
use crate::txn::{
    Engine, Lease, LiveTable, SecondaryIndex, SharedEngine, check_cold_values, check_values, fill,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is asked whether rows are still being frozen.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Makes an index; it is durable and readers use it when this returns. On an error nothing is left.
pub(crate) fn create(
    engine: &SharedEngine,
    table: &LiveTable,
    spec: &IndexSpec,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<()> {
    engine.check_open()?;
    engine.check_writable()?;
    let _changing = table.lock_changes()?;
    let index = spec.bind(table.schema(), table.next_index())?;
    let mut building = Building::begin(engine, table, &index)?;
    if !planted::bug("old_writers_not_waited_for") {
        table.wait_for_holders(spec.patience, "making an index of")?;
    }
    let from = fill(engine, table, &building.index, progress)
        .map_err(|error| error.at(format_args!("index `{}`", index.name)))?;
    if spec.unique && !planted::bug("twins_not_looked_for") {
        let _none_freezes = keep_from_freezing(engine, table, spec.patience)?;
        let holder = engine.holder.child("index build");
        check_cold_values(&table.data, &building.index, spec.patience, &holder)?;
        check_values(&table.data, &building.index, spec.patience)?;
    }
    building.index.set_complete_from(from);
    building.show(index)
}

/// Drops the index of this name. Who walks it goes on.
pub(crate) fn drop_index(engine: &SharedEngine, table: &LiveTable, name: &str) -> Result<()> {
    engine.check_open()?;
    engine.check_writable()?;
    let _changing = table.lock_changes()?;
    let index = table.schema().index(name)?.id;
    let _ddl = engine.ddl.lock();
    let record = SchemaRecord::DropIndex { table: table.data.id, index };
    let at = log_change(engine, &record, |_| table.remove_index(index))?;
    engine.let_go_of_replaced();
    table.let_go(at);
    Ok(())
}

/// Makes an index as another process did, on a follower, where nobody else writes.
pub(crate) fn create_again(
    engine: &Arc<Engine>,
    lease: &Lease,
    table: &LiveTable,
    index: Index,
) -> Result<()> {
    table.schema().check_decoded_index(&index)?;
    let id = index.id;
    let made = engine.with_relief(usize::MAX, || table.add_index(&index))?;
    let fill = || {
        lease.let_go_of_replaced();
        // Whoever reclaims may have the old list at hand for the moment.
        table.wait_for_holders(INDEX_PATIENCE, "making an index of")?;
        let from = fill(engine, table, &made, &mut |_| !engine.is_ending())?;
        made.set_complete_from(from);
        let _ddl = engine.ddl.lock();
        let record = SchemaRecord::Index { table: table.data.id, index };
        log_change(engine, &record, |_| table.show_index(&made))
    };
    // After an error the lists stay until the next change has come.
    let at = fill().inspect_err(|_| table.remove_index(id))?;
    lease.let_go_of_replaced();
    table.let_go(at);
    Ok(())
}

/// Drops an index as another process did, on a follower.
pub(crate) fn drop_again(
    engine: &Arc<Engine>,
    lease: &Lease,
    table: &LiveTable,
    index: u32,
) -> Result<()> {
    if !table.schema().indexes.iter().any(|known| known.id == index) {
        let name = &table.data.schema.table;
        return Err(Error::corrupt(format!("`{name}` has no index {index} to drop")));
    }
    let _ddl = engine.ddl.lock();
    let record = SchemaRecord::DropIndex { table: table.data.id, index };
    let at = log_change(engine, &record, |_| table.remove_index(index))?;
    lease.let_go_of_replaced();
    table.let_go(at);
    Ok(())
}

/// Keeps others from freezing rows of any table, once who does that now has ended.
fn keep_from_freezing<'e>(
    engine: &'e SharedEngine,
    table: &LiveTable,
    patience: Duration,
) -> Result<MutexGuard<'e, ()>> {
    let began = Instant::now();
    loop {
        if let Some(held) = engine.freezing.try_lock() {
            return Ok(held);
        }
        if began.elapsed() > patience {
            let table = &table.data.schema.table;
            let message = format!("rows are being frozen: making an index of `{table}` must wait");
            return Err(Error::new(Kind::Busy, message).detail(table));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// An index on its way; dropped before it is shown, it leaves nothing behind.
struct Building<'a> {
    engine: &'a SharedEngine,
    table: &'a LiveTable,
    index: Arc<SecondaryIndex>,
    shown: bool,
}

impl<'a> Building<'a> {
    fn begin(engine: &'a SharedEngine, table: &'a LiveTable, spec: &Index) -> Result<Self> {
        let index = engine.with_relief(usize::MAX, || table.add_index(spec))?;
        engine.let_go_of_replaced();
        Ok(Self { engine, table, index, shown: false })
    }

    /// Logs the index and shows it to readers.
    fn show(&mut self, index: Index) -> Result<()> {
        let _ddl = self.engine.ddl.lock();
        let record = SchemaRecord::Index { table: self.table.data.id, index };
        let show = |_| self.table.show_index(&self.index);
        let at = log_change(self.engine, &record, show)?;
        self.shown = true;
        self.engine.let_go_of_replaced();
        self.table.let_go(at);
        Ok(())
    }
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        if self.shown {
            return;
        }
        self.table.remove_index(self.index.spec.id);
        self.engine.let_go_of_replaced();
        // If nothing can be published any more, the lists stay until the table goes.
        if let Ok(at) = tick(self.engine) {
            self.table.let_go(at);
        }
    }
}

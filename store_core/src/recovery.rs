//! Opening a durable store: manifest, segments, the log's prefix, then the secondary indexes.
//!
//! Rows of the checkpoint and of the log are written in place, without versions: nobody reads yet.
//! The secondary indexes are built last, each from sorted batches. Each step is done by as many
//! threads as the options say ([`segments`], [`log`], `txn/index_open.rs`); what they find does not
//! depend on how many these are.

mod batch;
mod log;
mod parts;
mod segments;
mod workers;

use log::KnownTable;

use crate::backup;
use crate::codec::Reader;
use crate::cold_files;
use crate::durability::{Durability, Lag};
use crate::error::{Error, Kind, Result};
use crate::follow;
use crate::manifest::{self, ManifestBody, TableEntry};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::{Index, Schema};
use crate::schema_log::SchemaRecord;
use crate::sync::{AtomicU64, Relaxed};
use crate::txn::load::{self, Room};
use crate::txn::{
    ColumnChange, Edition, Engine, LiveTable, Log, LogThread, Recast, TableData, build_indexes,
};
use crate::wal::{
    self, Device, Lsn, PROGRESS_NAME, Record, ReplayReport, Replayed, TIMESTAMP_MAX, Wal,
    WalOptions,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What opening a store found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Rows loaded from the checkpoint.
    pub checkpoint_rows: u64,
    /// Records of the log applied on top.
    pub records: u64,
    /// Rows that those records put, changed or deleted; one that several did counts for each.
    pub log_rows: u64,
    /// Entries of the secondary indexes that were built.
    pub index_entries: u64,
    /// The newest commit.
    pub timestamp: u64,
    /// Where a torn tail of the log was cut, if a crash left one: file, offset, length.
    pub cut: Option<(String, u64, u64)>,
    /// How long loading the checkpoint took.
    pub loading: Duration,
    /// How long reading and applying the log took.
    pub replaying: Duration,
    /// How long building the indexes took.
    pub indexing: Duration,
}

/// What opening needs to know of the store's options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenOptions {
    pub durability: Durability,
    pub lag: Lag,
    /// Threads that load segments, apply the log, and build indexes.
    pub threads: usize,
    /// Most bytes of files kept for followers only.
    pub follower_bytes: u64,
}

/// An engine at the last durable commit, with a fresh log file.
///
/// What several threads hold besides the rows must not be why a store does not fit: refused memory, it
/// begins again with one.
pub(crate) fn open(
    memory: u64,
    device: &Arc<dyn Device>,
    options: &OpenOptions,
) -> Result<(Arc<Engine>, ManifestBody, RecoveryReport)> {
    let mut options = *options;
    let mut cut = None;
    loop {
        let engine = Engine::new(memory)?;
        match open_with(&engine, device, &options, &mut cut) {
            Err(error)
                if error.kind() == Kind::OverBudget
                    && options.threads > 1
                    && !planted::bug("opening_not_tried_again") =>
            {
                options.threads = 1;
            }
            opened => return opened.map(|(manifest, report)| (engine, manifest, report)),
        }
    }
}

/// Brings the engine to the last durable commit and attaches a fresh log file. What is cut off the log
/// is told in `cut`, also to whoever tries again.
fn open_with(
    engine: &Arc<Engine>,
    device: &Arc<dyn Device>,
    options: &OpenOptions,
    cut: &mut Option<(String, u64, u64)>,
) -> Result<(ManifestBody, RecoveryReport)> {
    let mut manifest = match manifest::load(&**device)? {
        Some(manifest) => manifest,
        None => create(&**device)?,
    };
    if !planted::bug("found_names_not_synced") {
        // The name it was found by may not be durable yet: what only the manifest before this one
        // needs must stay until it is.
        device.sync_directory().map_err(|error| Error::io(device.describe(), error))?;
    }
    if manifest.checkpoint_timestamp > TIMESTAMP_MAX {
        let message = "the manifest: no store has had as many commits as it says";
        return Err(Error::corrupt(message));
    }
    follow::remove_unneeded(&**device, &manifest, options.follower_bytes)?;
    manifest::remove_temporary_files(&**device)?;
    engine.attach_device(device);
    cold_files::note_numbers(engine, &**device)?;
    let mut report = RecoveryReport::default();
    let mut recovery = Recovery::new(engine, Timestamp(manifest.checkpoint_timestamp));
    let read =
        |holder: &Holder, take: &mut TakeRecord<'_>| read_log(&**device, &manifest, holder, take);
    let read = load(&mut recovery, &**device, &manifest, options.threads, &mut report, read)?;
    let holder = engine.holder.child("recovery");
    let replayed = match read {
        Some(replayed) => replayed.clean_end(&**device, &holder)?,
        None => ReplayReport::default(),
    };
    if let Some(torn) = &replayed.cut {
        *cut = Some((torn.file.clone(), torn.offset, torn.bytes));
    }
    finish(&recovery, &manifest, options.threads, &mut report)?;
    cold_files::remove_unused(engine, &**device, &manifest)?;
    let newest = replayed.last_timestamp.max(manifest.checkpoint_timestamp);
    engine.timeline.restart_at(Timestamp(newest));
    report.records = replayed.records;
    report.timestamp = newest;
    report.cut.clone_from(cut);
    let mut start = replayed.next_start();
    start.timestamp = newest;
    let preallocate_bytes = device.growth_bytes();
    let pending_bytes_max = WalOptions::pending_bytes_within(engine.budget.limit());
    let wal_options = WalOptions { preallocate_bytes, pending_bytes_max, ..WalOptions::default() };
    let (holder, durable) = (engine.holder.child("wal"), engine.timeline.durable());
    let wal = Wal::create(Arc::clone(device), start, wal_options, holder, durable)?;
    if !manifest.has_log && !planted::bug("log_not_noted") {
        // From here on a store without a log is one that lost it.
        manifest.has_log = true;
        manifest::save(&**device, &manifest)?;
    }
    engine.attach_log(Log {
        wal,
        start: start.lsn,
        checkpoint: AtomicU64::new(manifest.wal_start),
        durability: options.durability,
        lag: options.lag,
        thread: LogThread::default(),
    });
    Ok((manifest, report))
}

/// The log behind the checkpoint; none if the opening that made the manifest was cut short.
fn read_log(
    device: &dyn Device,
    manifest: &ManifestBody,
    holder: &Holder,
    take: &mut TakeRecord<'_>,
) -> Result<Option<Replayed>> {
    if !manifest.has_log && wal::list_files(device)?.is_empty() {
        return Ok(None);
    }
    wal::replay(device, Lsn(manifest.wal_start), holder, take).map(Some)
}

/// Who is handed the records of the log, in order.
pub(crate) type TakeRecord<'a> = dyn FnMut(Record<'_>) -> Result<()> + 'a;

/// Parts of large transactions, by the birth of their log and their number.
pub(crate) type Fragments = HashMap<(Lsn, u64), Vec<u8>>;

/// Loads the checkpoint, and applies what `read` hands over of the log.
pub(crate) fn load<T>(
    recovery: &mut Recovery<'_>,
    device: &dyn Device,
    manifest: &ManifestBody,
    threads: usize,
    report: &mut RecoveryReport,
    read: impl FnOnce(&Holder, &mut TakeRecord<'_>) -> Result<T>,
) -> Result<T> {
    let began = Instant::now();
    report.checkpoint_rows = segments::load(recovery, device, &manifest.tables, threads)?;
    for entry in &manifest.tables {
        let rows = &recovery.known(entry.id)?.data;
        cold_files::restore(device, rows, &entry.cold, recovery.checkpoint)?;
    }
    report.loading = began.elapsed();
    let began = Instant::now();
    let read = log::apply_all(recovery, threads, read)?;
    report.log_rows = recovery.log_rows;
    report.replaying = began.elapsed();
    Ok(read)
}

/// Builds the indexes, when all rows are there.
pub(crate) fn finish(
    recovery: &Recovery<'_>,
    manifest: &ManifestBody,
    threads: usize,
    report: &mut RecoveryReport,
) -> Result<()> {
    let began = Instant::now();
    report.index_entries = recovery.build_indexes(threads)?;
    report.indexing = began.elapsed();
    recovery.engine.note_table_number(manifest.next_table.max(recovery.last_table + 1));
    Ok(())
}

/// The manifest of a new store; a directory that holds something else is left alone.
fn create(device: &dyn Device) -> Result<ManifestBody> {
    let is_log = |name: &str| {
        let ending = std::path::Path::new(name).extension();
        name.starts_with("wal-") && ending.is_some_and(|ending| ending == "log")
    };
    let known = |name: &String| {
        // What an opening leaves that was cut short, in whichever order names became durable.
        name == "lock"
            || name.starts_with("wal-")
            || name == "wal.tmp"
            || name.starts_with(PROGRESS_NAME)
            || name.starts_with(follow::LEASE_BEGINNING)
            || name.starts_with(manifest::MANIFEST_NAME)
    };
    let names = device.list().map_err(|error| Error::io(device.describe(), error))?;
    if names.iter().any(|name| name == backup::MARK_NAME) {
        return Err(Error::invalid(
            "there is no store here, but an unfinished backup of one: repeat the backup",
        ));
    }
    if let Some(foreign) = names.iter().find(|name| !known(name)) {
        return Err(Error::invalid(format!(
            "there is no store here, but other files, such as {foreign}: name an empty directory"
        )));
    }
    if let Some(log) = names.iter().find(|name| is_log(name)) {
        return Err(Error::corrupt(format!("there is a log ({log}) but no manifest")));
    }
    let body = ManifestBody {
        store_id: crate::random::random_id(),
        wal_start: 0,
        checkpoint_timestamp: crate::mvcc::timeline::BEGINNING.0,
        next_table: 1,
        has_log: false,
        tables: Vec::new(),
    };
    manifest::save(device, &body)?;
    Ok(body)
}

/// Tables on their way back.
pub(crate) struct Recovery<'a> {
    engine: &'a Arc<Engine>,
    checkpoint: Timestamp,
    /// Of the record at hand.
    now: Timestamp,
    tables: HashMap<u32, Arc<LiveTable>>,
    /// The table that the log named last.
    named: Option<KnownTable>,
    /// Of transactions whose commit has not come.
    pub fragments: Fragments,
    last_table: u32,
    /// Gets the changes of rows that cannot be made; without it, such a change ends recovery.
    pub refused: Option<Vec<Error>>,
    log_rows: u64,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(engine: &'a Arc<Engine>, checkpoint: Timestamp) -> Self {
        Self {
            engine,
            checkpoint,
            now: checkpoint,
            tables: HashMap::new(),
            named: None,
            fragments: HashMap::new(),
            last_table: 0,
            refused: None,
            log_rows: 0,
        }
    }

    fn add_table(&mut self, id: u32, schema: Schema) -> Result<Arc<LiveTable>> {
        if !planted::bug("decoded_schema_trusted") {
            schema.check_decoded()?;
            let is_known = self.engine.tables.read().contains_key(&schema.table);
            if is_known || self.tables.contains_key(&id) || id == u32::MAX {
                let name = &schema.table;
                return Err(Error::corrupt(format!("two tables are `{name}` or have number {id}")));
            }
        }
        let table = self.engine.new_table(id, schema).map_err(|error| match error.kind() {
            Kind::Invalid => Error::corrupt(error.to_string()),
            _ => error,
        })?;
        self.last_table = self.last_table.max(id);
        self.tables.insert(id, Arc::clone(&table));
        let edition = Edition::first(Arc::clone(&table));
        self.engine.tables.write().insert(table.schema().table.clone(), edition);
        Ok(table)
    }

    /// Applies a change of the schema; nobody else uses the tables yet.
    fn change_schema(&mut self, change: SchemaRecord) -> Result<()> {
        self.named = None;
        match change {
            SchemaRecord::Table { id, schema } => self.add_table(id, schema).map(drop),
            SchemaRecord::Index { table, index } => self.add_index(table, &index),
            SchemaRecord::DropIndex { table, index } => {
                let table = self.known(table)?;
                if !table.schema().indexes.iter().any(|known| known.id == index) {
                    let name = &table.data.schema.table;
                    return Err(Error::corrupt(format!("`{name}` has no index {index} to drop")));
                }
                table.remove_index(index);
                table.let_go(Timestamp(0));
                Ok(())
            }
            SchemaRecord::AddColumn { table, becomes, column } => {
                self.change_columns(table, becomes, &ColumnChange::Add(column))
            }
            SchemaRecord::DropColumn { table, becomes, column } => {
                let columns = &self.known(table)?.data.schema.columns;
                let at = columns.iter().position(|known| known.id == column).ok_or_else(|| {
                    Error::corrupt(format!("table {table} has no column {column} to drop"))
                })?;
                self.change_columns(table, becomes, &ColumnChange::Drop(at))
            }
            SchemaRecord::DropTable { table } => {
                self.known(table)?;
                self.engine.retire_cold(&self.known(table)?.data, self.now);
                let name = self.remove(table).data.schema.table.clone();
                self.engine.tables.write().remove(&name);
                Ok(())
            }
        }
    }

    /// Moves the rows of a table to one of other columns, which takes its place.
    fn change_columns(&mut self, table: u32, becomes: u32, change: &ColumnChange) -> Result<()> {
        let before = Arc::clone(self.known(table)?);
        let schema = change.schema(before.schema());
        let schema = schema.map_err(|error| Error::corrupt(error.to_string()).caused_by(error))?;
        self.engine.tables.write().remove(&schema.table);
        let after = self.add_table(becomes, schema)?;
        after.note_index_number(before.next_index());
        after.note_column_number(before.next_column());
        if let ColumnChange::Add(column) = change {
            after.note_column_number(column.id + 1);
        }
        let recast = Recast::new(change, &before.data);
        load::move_rows(&before.data, &after.data, &recast)?;
        after.data.cold.adopt(&before.data.cold);
        drop(self.remove(table));
        Ok(())
    }

    /// Lets go of a table, whose memory goes with its last user.
    fn remove(&mut self, table: u32) -> Arc<LiveTable> {
        let table = self.tables.remove(&table).expect("the caller has found it");
        table.data.set_leaving();
        table
    }

    fn add_index(&self, table: u32, index: &Index) -> Result<()> {
        let table = self.known(table)?;
        table.schema().check_decoded_index(index)?;
        let added = table.add_index(index)?;
        table.show_index(&added);
        table.let_go(Timestamp(0));
        Ok(())
    }

    fn known(&self, id: u32) -> Result<&Arc<LiveTable>> {
        let table = self.tables.get(&id);
        table.ok_or_else(|| Error::corrupt(format!("a change of an unknown table {id}")))
    }

    /// The timestamp of the checkpoint.
    pub(crate) fn checkpoint_timestamp(&self) -> u64 {
        self.checkpoint.0
    }

    /// A table of the checkpoint without its rows.
    pub(crate) fn begin_table(&mut self, entry: &TableEntry) -> Result<Arc<LiveTable>> {
        let table = self.add_table(entry.id, entry.schema.clone())?;
        table.note_index_number(entry.next_index);
        table.note_column_number(entry.next_column);
        table.data.next_row.fetch_max(entry.next_row as u64, Relaxed);
        Ok(table)
    }

    /// Puts a row of the checkpoint, whether its key is there or not.
    pub(crate) fn put_row(&self, rows: &TableData, image: &[u8], room: &mut Room) -> Result<()> {
        load::put_image(rows, &mut Reader::new(image), self.checkpoint, room)
    }

    /// The tables so far.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<LiveTable>> {
        self.tables.values()
    }

    /// Enters every row in the secondary indexes; says how many entries that are.
    pub(crate) fn build_indexes(&self, threads: usize) -> Result<u64> {
        let shares: Vec<_> = self.tables.values().map(|table| table.share()).collect();
        build_indexes(self.engine, &shares, threads)
    }
}

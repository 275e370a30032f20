//! Opening a durable store: manifest, segments, the log's prefix, then the secondary indexes.
//!
//! Rows of the checkpoint and of the log are written in place, without versions: nobody reads yet.
//! The secondary indexes are built last, each from sorted batches.

mod ahead;

use ahead::Ahead;

use crate::backup;
use crate::codec::{self, Reader};
use crate::durability::{Durability, Lag};
use crate::error::{Error, Kind, Result};
use crate::manifest::{self, ManifestBody, TableEntry};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::{Index, Schema};
use crate::schema_log::SchemaRecord;
use crate::segment::{SegmentKind, SegmentReader};
use crate::sync::{AtomicU64, Relaxed};
use crate::txn::record::{self, Op};
use crate::txn::{
    ColumnChange, Edition, Engine, LiveTable, Log, LogThread, Recast, TableData, build_indexes,
    load,
};
use crate::wal::{Device, Lsn, Record, RecordKind, TIMESTAMP_MAX, Wal, WalOptions, replay};
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
    /// Threads that build indexes.
    pub threads: usize,
}

/// Brings the engine to the last durable commit and attaches a fresh log file.
pub(crate) fn open(
    engine: &Arc<Engine>,
    device: &Arc<dyn Device>,
    options: &OpenOptions,
) -> Result<(ManifestBody, RecoveryReport)> {
    let manifest = match manifest::load(&**device)? {
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
    manifest::remove_unnamed_segments(&**device, &manifest)?;
    manifest::remove_temporary_files(&**device)?;
    let mut report = RecoveryReport::default();
    let mut recovery = Recovery::new(engine, Timestamp(manifest.checkpoint_timestamp));
    let began = Instant::now();
    for entry in &manifest.tables {
        report.checkpoint_rows += recovery.load_table(&**device, entry)?;
        recovery.known(entry.id)?.data.take_changed();
    }
    report.loading = began.elapsed();
    let began = Instant::now();
    let holder = engine.holder.child("recovery");
    let from = Lsn(manifest.wal_start);
    let mut ahead = Ahead::new(&holder)?;
    let take = &mut |record: Record<'_>| recovery.take(&mut ahead, &record);
    let replayed = replay(&**device, from, &holder, take)?;
    recovery.apply_taken(&mut ahead)?;
    report.log_rows = recovery.log_rows;
    report.replaying = began.elapsed();
    let began = Instant::now();
    report.index_entries = recovery.build_indexes(options.threads)?;
    report.indexing = began.elapsed();
    engine.note_table_number(manifest.next_table.max(recovery.last_table + 1));
    let newest = replayed.last_timestamp.max(manifest.checkpoint_timestamp);
    engine.timeline.restart_at(Timestamp(newest));
    report.records = replayed.records;
    report.timestamp = newest;
    report.cut = replayed.cut.as_ref().map(|cut| (cut.file.clone(), cut.offset, cut.bytes));
    let mut start = replayed.next_start();
    start.timestamp = newest;
    let preallocate_bytes = device.growth_bytes();
    let wal_options = WalOptions { preallocate_bytes, ..WalOptions::default() };
    let (holder, durable) = (engine.holder.child("wal"), engine.timeline.durable());
    let wal = Wal::create(Arc::clone(device), start, wal_options, holder, durable)?;
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
        tables: Vec::new(),
    };
    manifest::save(device, &body)?;
    Ok(body)
}

/// Tables on their way back.
pub(crate) struct Recovery<'a> {
    engine: &'a Arc<Engine>,
    checkpoint: Timestamp,
    tables: HashMap<u32, Arc<LiveTable>>,
    fragments: HashMap<(Lsn, u64), Vec<u8>>,
    last_table: u32,
    /// Gets the changes of rows that cannot be made; without it, such a change ends recovery.
    pub refused: Option<Vec<Error>>,
    log_rows: u64,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(engine: &'a Arc<Engine>, checkpoint: Timestamp) -> Self {
        let (tables, fragments) = (HashMap::new(), HashMap::new());
        let (last_table, log_rows) = (0, 0);
        Self { engine, checkpoint, tables, fragments, last_table, refused: None, log_rows }
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

    /// A table of the checkpoint without its rows.
    pub(crate) fn begin_table(&mut self, entry: &TableEntry) -> Result<Arc<LiveTable>> {
        let table = self.add_table(entry.id, entry.schema.clone())?;
        table.note_index_number(entry.next_index);
        table.note_column_number(entry.next_column);
        table.data.next_row.fetch_max(entry.next_row as u64, Relaxed);
        Ok(table)
    }

    fn load_table(&mut self, device: &dyn Device, entry: &TableEntry) -> Result<u64> {
        let table = self.begin_table(entry)?;
        let rows = &table.data;
        let Some(name) = &entry.segment else { return Ok(0) };
        let holder = self.engine.holder.child("recovery");
        let mut reader = SegmentReader::open(device, name, &holder).map_err(|error| match error
            .kind()
        {
            Kind::NotFound => Error::corrupt(format!("{name} is missing, the manifest names it")),
            _ => error,
        })?;
        if reader.kind() != SegmentKind::Checkpoint || reader.schema_id() != u64::from(entry.id) {
            return Err(Error::corrupt(format!(
                "{name} is not the checkpoint of table {}",
                entry.id
            )));
        }
        let mut loaded = 0;
        while let Some(image) = reader.next_row()? {
            self.put_row(rows, image)
                .map_err(|error| error.at(format_args!("{name}, row {loaded}")))?;
            loaded += 1;
        }
        if loaded != entry.rows || loaded != reader.rows() {
            return Err(Error::corrupt(format!(
                "{name} holds {loaded} rows, the manifest says {}",
                entry.rows
            )));
        }
        Ok(loaded)
    }

    /// Puts a row of the checkpoint.
    pub(crate) fn put_row(&self, rows: &TableData, image: &[u8]) -> Result<()> {
        let cells = record::read_row(&mut Reader::new(image), &rows.schema)?;
        load::put(rows, &cells, self.checkpoint)
    }

    /// Applies a record of the log.
    pub(crate) fn apply(&mut self, found: &Record<'_>) -> Result<()> {
        let place = |error: Error| match error.kind() {
            Kind::Corrupt => error.at(format_args!("log position {}", found.lsn)),
            _ => error,
        };
        match found.kind {
            RecordKind::Fragment => self.keep_fragment(found.payload).map_err(place),
            _ if found.timestamp <= self.checkpoint.0 => self.forget_fragments(found),
            RecordKind::Schema => {
                let (change, _) = codec::decode::<SchemaRecord>(found.payload).map_err(place)?;
                self.change_schema(change).map_err(place)
            }
            RecordKind::Commit => self.commit(found).map_err(place),
        }
    }

    fn keep_fragment(&mut self, payload: &[u8]) -> Result<()> {
        let mut reader = Reader::new(payload);
        let whose = record::read_head(&mut reader)?
            .ok_or_else(|| Error::corrupt("a fragment without a transaction"))?;
        self.fragments.entry(whose).or_default().extend_from_slice(reader.rest());
        Ok(())
    }

    fn forget_fragments(&mut self, found: &Record<'_>) -> Result<()> {
        if found.kind == RecordKind::Commit
            && let Some(whose) = record::read_head(&mut Reader::new(found.payload))?
        {
            self.fragments.remove(&whose);
        }
        Ok(())
    }

    fn commit(&mut self, found: &Record<'_>) -> Result<()> {
        let mut reader = Reader::new(found.payload);
        let at = Timestamp(found.timestamp);
        match record::read_head(&mut reader)? {
            None => self.apply_ops(reader, at),
            Some(whose) => {
                let mut whole = self
                    .fragments
                    .remove(&whose)
                    .ok_or_else(|| Error::corrupt("a commit record whose fragments are missing"))?;
                whole.extend_from_slice(reader.rest());
                self.apply_ops(Reader::new(&whole), at)
            }
        }
    }

    fn apply_ops(&mut self, mut reader: Reader<'_>, at: Timestamp) -> Result<()> {
        let mut table: Option<Arc<TableData>> = None;
        while !reader.is_empty() {
            let op = record::read_op(&mut reader, table.as_ref().map(|rows| &rows.schema))?;
            self.log_rows += u64::from(!matches!(op, Op::Table { .. }));
            let known = || table.as_ref().expect("an operation on a row was read with its schema");
            let applied = match op {
                Op::Table { id, version, columns } => {
                    table = Some(self.known_table(id, version, &columns)?);
                    Ok(())
                }
                Op::Put(cells) => load::put(known(), &cells, at),
                Op::Update { key, columns, cells } => {
                    load::update(known(), &key, &columns, &cells, at)
                }
                Op::Delete(key) => load::delete(known(), &key),
            };
            match (applied, &mut self.refused) {
                (Err(error), Some(refused)) if error.kind() == Kind::Corrupt => refused.push(error),
                (applied, _) => applied?,
            }
        }
        Ok(())
    }

    fn known_table(&self, id: u32, version: u32, columns: &[u32]) -> Result<Arc<TableData>> {
        let table = self.tables.get(&id);
        let table =
            table.ok_or_else(|| Error::corrupt(format!("rows of an unknown table {id}")))?;
        let rows = &table.data;
        let same = rows.schema.columns.iter().map(|column| column.id).eq(columns.iter().copied());
        if rows.schema.version != version || !same {
            return Err(Error::corrupt(format!(
                "rows of `{}` with another schema than version {}",
                rows.schema.table, rows.schema.version
            )));
        }
        rows.note_changed();
        Ok(Arc::clone(rows))
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

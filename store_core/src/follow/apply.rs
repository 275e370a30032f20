//! Applying what another process committed: record by record of its log, each as a transaction of its
//! own at the same timestamp.
//!
//! ```text
//! commit   clock to just before it → a transaction → its rows → commit: visible as a whole
//! change   clock to just before it → new table, index, edition beside the old → visible as a whole
//! ```
//!
//! Readers are those of any store: they have snapshots, and versions are kept for them. What does not
//! fit in the memory budget changes nothing, and is tried again.

use crate::altering;
use crate::codec::{self, Reader};
use crate::cold_files;
use crate::error::{Error, Kind, Result};
use crate::indexing;
use crate::mem::Reservation;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::recovery::Fragments;
use crate::schema::Schema;
use crate::schema_log::{SchemaRecord, log_change};
use crate::txn::record::{self, Change, NamedTable};
use crate::txn::{ColumnChange, Edition, Engine, Lease, LiveTable, RowWords, Txn, load};
use crate::value::ValueRef;
use crate::wal::{Lsn, Record, RecordKind, Tailed};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// Applies records in order.
pub(super) struct Applier {
    /// The tables by number, as they are now.
    tables: HashMap<u32, Arc<LiveTable>>,
    fragments: HashMap<(Lsn, u64), Parts>,
    lease: Arc<Lease>,
    // Dropped after the tables: its end unmaps what these hold.
    engine: Arc<Engine>,
}

/// The fragments of a transaction that has not committed yet.
struct Parts {
    bytes: Vec<u8>,
    held: Reservation,
}

impl Applier {
    /// Goes on where an opening has come to, which left these fragments.
    pub(super) fn new(engine: &Arc<Engine>, left: Fragments) -> Result<Self> {
        let live = engine.live_tables();
        let mut applier = Self {
            tables: live.into_iter().map(|table| (table.data.id, table)).collect(),
            fragments: HashMap::new(),
            lease: Lease::of_thread(engine),
            engine: Arc::clone(engine),
        };
        for (whose, bytes) in left {
            applier.keep(whose, &bytes)?;
        }
        Ok(applier)
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Applies a record, or nothing.
    pub(super) fn apply(&mut self, found: &Tailed<'_>) -> Result<()> {
        let found = match found {
            Tailed::Record(found) => found,
            Tailed::File => {
                self.fragments.clear();
                return Ok(());
            }
        };
        if self.engine.is_ending() {
            return Err(Error::new(Kind::Cancelled, "the store is being closed"));
        }
        self.record(found).map_err(|error| match error.kind() {
            Kind::Corrupt => error.at(format_args!("log position {}", found.lsn)),
            _ => error,
        })
    }

    fn record(&mut self, found: &Record<'_>) -> Result<()> {
        let at = Timestamp(found.timestamp);
        if found.kind == RecordKind::Fragment {
            let mut reader = Reader::new(found.payload);
            let whose = record::read_head(&mut reader)?
                .ok_or_else(|| Error::corrupt("a fragment without a transaction"))?;
            return self.keep(whose, reader.rest());
        }
        // What the checkpoint has.
        let known = at <= self.engine.timeline.published();
        match found.kind {
            RecordKind::Schema if known => Ok(()),
            RecordKind::Schema => {
                let (change, _) = codec::decode::<SchemaRecord>(found.payload)?;
                self.engine.timeline.skip_to(Timestamp(at.0 - 1));
                self.change_schema(change)?;
                debug_assert_eq!(self.engine.timeline.published(), at);
                Ok(())
            }
            _ => self.commit(found.payload, at, known),
        }
    }

    fn keep(&mut self, whose: (Lsn, u64), bytes: &[u8]) -> Result<()> {
        if let Some(parts) = self.fragments.get_mut(&whose) {
            parts.held.grow(bytes.len())?;
            parts.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        let held = self.engine.holder.child("follower").reserve(bytes.len())?;
        self.fragments.insert(whose, Parts { bytes: bytes.to_vec(), held });
        Ok(())
    }

    fn commit(&mut self, payload: &[u8], at: Timestamp, known: bool) -> Result<()> {
        let mut reader = Reader::new(payload);
        let Some(whose) = record::read_head(&mut reader)? else {
            return if known { Ok(()) } else { self.commit_ops(reader, at) };
        };
        // Kept until it is applied: it may have to be tried again.
        if !known {
            let parts = self.fragments.get(&whose);
            let parts = parts
                .ok_or_else(|| Error::corrupt("a commit record whose fragments are missing"))?;
            let mut whole = parts.bytes.clone();
            let _held = self.engine.holder.child("follower").reserve(whole.len())?;
            whole.extend_from_slice(reader.rest());
            self.commit_ops(Reader::new(&whole), at)?;
        }
        self.fragments.remove(&whose);
        Ok(())
    }

    fn commit_ops(&self, mut reader: Reader<'_>, at: Timestamp) -> Result<()> {
        self.engine.timeline.skip_to(Timestamp(at.0 - 1));
        let mut txn = Txn::applying(&self.lease)?;
        let mut table: Option<&LiveTable> = None;
        while !reader.is_empty() {
            if let Some(named) = record::read_table(&mut reader)? {
                table = Some(self.named(&named)?);
                continue;
            }
            let table = table.ok_or_else(|| Error::corrupt("a row comes before its table"))?;
            if let Some(change) = record::read_cold(&mut reader)? {
                let device = self.engine.device().expect("a follower has a place");
                let segment = cold_files::segment_of(&**device, &table.data, &change)?;
                txn.apply_cold(table, segment, change)?;
                continue;
            }
            write(&mut txn, table, &mut reader).map_err(damaged)?;
            if planted::bug("half_applied") {
                break;
            }
        }
        let idle = txn.is_idle();
        let committed = txn.commit()?;
        if idle {
            self.engine.timeline.skip_to(at);
        }
        debug_assert!(idle || committed == at.0, "{committed} is not {}", at.0);
        Ok(())
    }

    fn named(&self, named: &NamedTable) -> Result<&LiveTable> {
        let table = self.table(named.id)?;
        let schema = &table.data.schema;
        let columns = schema.columns.iter().map(|column| column.id);
        if schema.version != named.version || !columns.eq(named.columns.iter().copied()) {
            return Err(Error::corrupt(format!(
                "rows of `{}` with another schema than version {}",
                schema.table, schema.version
            )));
        }
        Ok(table)
    }

    fn table(&self, id: u32) -> Result<&Arc<LiveTable>> {
        let table = self.tables.get(&id);
        table.ok_or_else(|| Error::corrupt(format!("a change of an unknown table {id}")))
    }

    // ---- the schema

    fn change_schema(&mut self, change: SchemaRecord) -> Result<()> {
        match change {
            SchemaRecord::Table { id, schema } => self.add_table(id, &schema),
            SchemaRecord::Index { table, index } => {
                indexing::create_again(&self.engine, &self.lease, self.table(table)?, index)
            }
            SchemaRecord::DropIndex { table, index } => {
                indexing::drop_again(&self.engine, &self.lease, self.table(table)?, index)
            }
            SchemaRecord::AddColumn { table, becomes, column } => {
                self.change_columns(table, becomes, &ColumnChange::Add(column))
            }
            SchemaRecord::DropColumn { table, becomes, column } => {
                let columns = &self.table(table)?.data.schema.columns;
                let at = columns.iter().position(|known| known.id == column).ok_or_else(|| {
                    Error::corrupt(format!("table {table} has no column {column} to drop"))
                })?;
                self.change_columns(table, becomes, &ColumnChange::Drop(at))
            }
            SchemaRecord::DropTable { table } => {
                let edition = self.edition(table)?;
                altering::drop_again(&self.engine, &self.lease, &edition)?;
                self.tables.remove(&table);
                Ok(())
            }
        }
    }

    fn add_table(&mut self, id: u32, schema: &Schema) -> Result<()> {
        schema.check_decoded()?;
        let name = schema.table.clone();
        if self.engine.tables.read().contains_key(&name) || self.is_taken(id) {
            return Err(Error::corrupt(format!("two tables are `{name}` or have number {id}")));
        }
        let make = || self.engine.new_table(id, schema.clone());
        let table = self.engine.with_relief(usize::MAX, make).map_err(damaged)?;
        self.engine.note_table_number(id + 1);
        let _ddl = self.engine.ddl.lock();
        let edition = Edition::first(Arc::clone(&table));
        let show = |_| drop(self.engine.tables.write().insert(name, edition));
        log_change(&self.engine, &SchemaRecord::Table { id, schema: schema.clone() }, show)?;
        self.tables.insert(id, table);
        Ok(())
    }

    fn change_columns(&mut self, table: u32, becomes: u32, change: &ColumnChange) -> Result<()> {
        let edition = self.edition(table)?;
        if self.is_taken(becomes) {
            return Err(Error::corrupt(format!("two tables have number {becomes}")));
        }
        let (engine, lease) = (&self.engine, &self.lease);
        let after = altering::change_again(engine, lease, &edition, becomes, change)?;
        engine.note_table_number(becomes + 1);
        self.tables.remove(&table);
        self.tables.insert(becomes, after);
        Ok(())
    }

    fn is_taken(&self, id: u32) -> bool {
        id == u32::MAX || self.tables.contains_key(&id)
    }

    fn edition(&self, table: u32) -> Result<Arc<Edition>> {
        self.engine.edition(&self.table(table)?.schema().table)
    }
}

/// Writes the row of the operation that comes next.
fn write(txn: &mut Txn, table: &LiveTable, reader: &mut Reader<'_>) -> Result<()> {
    let rows = &*table.data;
    let mut words = RowWords::new();
    let change = record::read_change(reader)?;
    if change == Change::Put {
        record::read_row(reader, rows, &mut words)?;
        load::note_row_number(rows, &words);
        return txn.insert(table, &words);
    }
    words.reset(rows.layout.words());
    record::read_key(reader, rows, &mut words)?;
    let found = if change == Change::Delete {
        txn.delete(table, &words[..rows.layout.key_words()])?
    } else {
        let columns = record::read_columns(reader, rows, &mut words)?;
        let view = rows.view(&words);
        let of = |columns: &[usize]| -> SmallVec<[ValueRef<'_>; 12]> {
            columns.iter().map(|column| view.cell(*column)).collect()
        };
        txn.update(table, &of(&rows.schema.key), &columns, &of(&columns))?
    };
    if found { Ok(()) } else { Err(load::not_there(rows, &words)) }
}

/// What was checked when it was committed is damage when it is read.
fn damaged(error: Error) -> Error {
    match error.kind() {
        Kind::Invalid | Kind::Type | Kind::NotNull | Kind::Duplicate => {
            Error::corrupt(error.to_string()).caused_by(error)
        }
        _ => error,
    }
}

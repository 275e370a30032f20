//! Applying the log: commits are cut into operations on rows, which are done in order row by row.
//!
//! ```text
//!  records ──► cut: table, key's hash ──┬─► thread of hashes 0 … ──► rows
//!  (this thread: reading, checksums)    └─► thread of hashes … n ──► rows
//! ```
//!
//! All operations on a row have its key's hash, so one thread does them, in the order of the log. No
//! row is looked at by two threads: rows that the primary index could take for each other have the
//! bits in common that choose the thread. A change of the tables waits for all that is under way.
//! Nobody reads before all of it is done, so commits need not become visible one by one.

use super::batch::{Batch, BatchSize, Origin};
use super::parts::{self, Parts};
use super::{Recovery, TakeRecord};
use crate::codec::{self, Reader};
use crate::cold::ColdChange;
use crate::cold_files;
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::schema_log::SchemaRecord;
use crate::txn::load::Room;
use crate::txn::record::{self, NamedTable};
use crate::txn::{RowWords, TableData};
use crate::wal::{Lsn, Record, RecordKind};
use std::sync::Arc;

/// What one thread takes at once: some records of usual size.
const SMALL_BATCH: BatchSize = BatchSize { ops: 64, bytes: 48 << 10 };

/// Bytes of records after which other threads are started: fewer are applied before they run.
const BYTES_ALONE: u64 = 32 << 10;

/// A table with what names it in the log.
pub(super) struct KnownTable {
    name: Vec<u8>,
    rows: Arc<TableData>,
}

/// Where operations on rows go.
enum Sink<'scope> {
    /// Done by this thread, whenever the batch is full.
    Here(Batch, Box<Room>),
    /// Done by others.
    Parts(Parts<'scope>),
}

/// Applies the records of the log that `read` hands over, by so many threads; then all of them are
/// applied, or the first error in the order of the log is given.
///
/// What the last batch of the owner's log has is not durable before [`crate::wal::Replayed::clean_end`].
pub(super) fn apply_all<T>(
    recovery: &mut Recovery<'_>,
    threads: usize,
    read: impl FnOnce(&Holder, &mut TakeRecord<'_>) -> Result<T>,
) -> Result<T> {
    let holder = recovery.engine.holder.child("recovery");
    let parts = parts::count(&recovery.engine.budget, threads);
    std::thread::scope(|scope| {
        let mut sink = Sink::here(&holder)?;
        let (mut alone, mut bytes) = (parts > 0, 0);
        let take = &mut |record: Record<'_>| {
            bytes += record.payload.len() as u64;
            if alone && bytes > BYTES_ALONE {
                alone = false;
                recovery.flush(&mut sink)?;
                if let Some(parts) = Parts::start(scope, parts, &holder) {
                    sink = Sink::Parts(parts);
                }
            }
            recovery.take(&mut sink, &record)
        };
        let read = read(&holder, take);
        recovery.finish(sink)?; // an operation that failed comes before what ended the reading
        read
    })
}

impl Sink<'_> {
    fn here(holder: &Holder) -> Result<Self> {
        Ok(Self::Here(Batch::new(SMALL_BATCH, holder)?, Box::new(Room::new())))
    }
}

/// Says where in the log it is that something is damaged.
pub(super) fn at_position(error: Error, lsn: Lsn) -> Error {
    match error.kind() {
        Kind::Corrupt => error.at(format_args!("log position {lsn}")),
        _ => error,
    }
}

impl Recovery<'_> {
    /// Applies a record of the log at once.
    pub(crate) fn apply(&mut self, found: &Record<'_>) -> Result<()> {
        let mut sink = Sink::here(&self.engine.holder.child("recovery"))?;
        let taken = self.take(&mut sink, found);
        self.finish(sink)?;
        taken
    }

    /// Takes a record of the log, whose operations go to the sink.
    fn take(&mut self, sink: &mut Sink<'_>, found: &Record<'_>) -> Result<()> {
        let place = |error| at_position(error, found.lsn);
        self.now = Timestamp(found.timestamp);
        match found.kind {
            RecordKind::Fragment => self.keep_fragment(found.payload).map_err(place),
            _ if found.timestamp <= self.checkpoint.0 => self.forget_fragments(found),
            RecordKind::Schema => {
                self.flush(sink)?;
                let (change, _) = codec::decode::<SchemaRecord>(found.payload).map_err(place)?;
                self.change_schema(change).map_err(place)
            }
            RecordKind::Commit => self.commit(sink, found),
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

    fn commit(&mut self, sink: &mut Sink<'_>, found: &Record<'_>) -> Result<()> {
        let place = |error| at_position(error, found.lsn);
        let mut reader = Reader::new(found.payload);
        match record::read_head(&mut reader).map_err(place)? {
            None => self.cut(sink, reader, found),
            Some(whose) => {
                let whole = self.fragments.remove(&whose);
                let mut whole = whole.ok_or_else(|| {
                    place(Error::corrupt("a commit record whose fragments are missing"))
                })?;
                whole.extend_from_slice(reader.rest());
                self.cut(sink, Reader::new(&whole), found)
            }
        }
    }

    /// Cuts a commit into its operations.
    fn cut(&mut self, sink: &mut Sink<'_>, mut ops: Reader<'_>, found: &Record<'_>) -> Result<()> {
        let place = |error| at_position(error, found.lsn);
        let mut key = RowWords::new();
        let mut rows: Option<Arc<TableData>> = None;
        while !ops.is_empty() {
            if let Some(table) = self.next_table(&mut ops).map_err(place)? {
                rows = Some(table);
                continue;
            }
            let known = rows.as_ref();
            let rows =
                known.ok_or_else(|| place(Error::corrupt("a row comes before its table")))?;
            if let Some(change) = record::read_cold(&mut ops).map_err(place)? {
                self.change_cold(rows, &change, Timestamp(found.timestamp)).map_err(place)?;
                continue;
            }
            let op = record::read_op(&mut ops, rows, &mut key).map_err(place)?;
            self.log_rows += 1;
            let origin =
                Origin { nth: self.log_rows, at: Timestamp(found.timestamp), lsn: found.lsn };
            match sink {
                Sink::Here(batch, room) => {
                    if batch.is_full(op.bytes.len()) {
                        redo_here(batch, room, &mut self.refused)?;
                    }
                    batch.push(rows, op, origin)?;
                }
                Sink::Parts(parts) => parts.push(rows, op, origin)?,
            }
        }
        Ok(())
    }

    /// Does again what became of cold rows.
    fn change_cold(&self, rows: &TableData, change: &ColdChange, at: Timestamp) -> Result<()> {
        let device = self.engine.device();
        let device = device.ok_or_else(|| Error::corrupt("cold rows of a store without files"))?;
        cold_files::segment_of(&**device, rows, change)?.redo(change, at)
    }

    /// Takes the name of a table, if that comes next.
    fn next_table(&mut self, ops: &mut Reader<'_>) -> Result<Option<Arc<TableData>>> {
        if let Some(named) = &self.named
            && ops.skip_if(&named.name)
        {
            return Ok(Some(Arc::clone(&named.rows)));
        }
        let Some(table) = record::read_table(ops)? else { return Ok(None) };
        let rows = self.known_table(&table)?;
        let name = record::table_name_bytes(rows.id, &rows.schema);
        self.named = Some(KnownTable { name, rows: Arc::clone(&rows) });
        Ok(Some(rows))
    }

    fn known_table(&self, named: &NamedTable) -> Result<Arc<TableData>> {
        let NamedTable { id, version, ref columns } = *named;
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

    /// Waits until every operation so far is done.
    fn flush(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        match sink {
            Sink::Here(batch, room) => redo_here(batch, room, &mut self.refused),
            Sink::Parts(parts) => parts.flush(),
        }
    }

    /// The same, at the end.
    fn finish(&mut self, mut sink: Sink<'_>) -> Result<()> {
        match sink {
            Sink::Here(..) => self.flush(&mut sink),
            Sink::Parts(parts) => parts.finish(),
        }
    }
}

fn redo_here(batch: &mut Batch, room: &mut Room, lost: &mut Option<Vec<Error>>) -> Result<()> {
    batch.redo(room, |_, error| match lost {
        Some(lost) if error.kind() == Kind::Corrupt => {
            lost.push(error);
            Ok(())
        }
        _ => Err(error),
    })
}

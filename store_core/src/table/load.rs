//! Loading text into a table.

use super::{Table, prepare};
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, IngestMode, IngestOptions, IngestReport, RowSink, Source};
use crate::mem::Reservation;
use crate::txn::{Snapshot, Txn, TxnOptions};
use crate::value::ValueRef;

/// What part of the budget the text of a batch may be.
const BATCH_SHARE: u64 = 64;
/// What is kept for its log record at most.
const BATCH_HELD_MAX: u64 = 4 << 20;

impl Table {
    /// Loads delimited text, a commit per batch; see [`IngestOptions`].
    ///
    /// On an error the batches committed before stay, nothing of the batch at hand does. If the table's
    /// columns are changed between two batches it ends with [`Kind::Conflict`](crate::Kind::Conflict).
    pub fn ingest(&self, source: Source, mut options: IngestOptions) -> Result<IngestReport> {
        if options.memory.is_none() {
            options.memory = Some(self.engine.holder.child("ingest"));
        }
        let mode = options.mode;
        // The snapshot ends here: held to the end it would keep a version of every row that is replaced.
        let table = self.bound_at(&Snapshot::new(&self.engine)?)?;
        let mut sink = Sink {
            table: &table,
            mode,
            columns: Vec::new(),
            atomic: options.atomic,
            txn: None,
            held: None,
        };
        ingest::load(source, table.edition.schema(), &mut options, &mut sink)
    }
}

/// Takes an ingest's rows into a transaction per batch.
struct Sink<'t> {
    table: &'t Table,
    mode: IngestMode,
    columns: Vec<usize>,
    /// All is one batch, however large.
    atomic: bool,
    txn: Option<Txn>,
    /// Memory for the log record of the batch at hand, until that is made.
    held: Option<Reservation>,
}

impl Sink<'_> {
    /// Memory for the log record of a batch, if there is some. Who has rows in hand cannot wait for it: it
    /// would have to be had from rows that are older.
    fn hold(&self) -> Option<Reservation> {
        let engine = &self.table.engine;
        if self.atomic || !engine.freezer.is_enabled() {
            return None;
        }
        engine.freezer.admit(engine);
        let bytes = (2 * self.batch_bytes()).min(BATCH_HELD_MAX) as usize;
        let reserve = || engine.holder.child("ingest").reserve(bytes);
        reserve()
            .or_else(|_| {
                engine.freezer.relieve(bytes as u64);
                reserve()
            })
            .ok()
    }

    /// A transaction that sees the columns that the load began with.
    fn begin_batch(&self) -> Result<Txn> {
        let txn = Txn::new(&self.table.engine, TxnOptions::new())?;
        // Not a fault of a row, as other errors of the same kind are.
        let changed = |error: Error| Error::conflict(error.to_string());
        self.table.schema_at(&txn).map_err(changed)?;
        Ok(txn)
    }
}

impl RowSink for Sink<'_> {
    fn begin(&mut self, columns: &[usize]) -> Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if self.txn.is_none() {
            self.held = self.hold();
            self.txn = Some(self.begin_batch()?);
        }
        let txn = self.txn.as_mut().expect("begun above");
        match self.mode {
            IngestMode::Upsert => self.table.upsert_columns(txn, &self.columns, cells).map(drop),
            IngestMode::Insert => self.table.insert_columns(txn, &self.columns, cells),
            IngestMode::Ignore => match self.table.insert_columns(txn, &self.columns, cells) {
                Err(error) if error.kind() == Kind::Duplicate => Ok(()),
                result => result,
            },
            IngestMode::Replace => {
                let live = self.table.written_by(txn)?;
                let words = prepare(live, &self.columns, cells)?;
                let before = txn.savepoint()?;
                let replaced = txn.delete(live, &words).and_then(|_| txn.insert(live, &words));
                match replaced {
                    Ok(()) => txn.release(before),
                    Err(error) => {
                        txn.rollback_to(before)?; // a refused row leaves the old one
                        Err(error)
                    }
                }
            }
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.held = None;
        self.txn.take().map_or(Ok(()), |txn| txn.commit().map(drop))
    }

    fn rollback(&mut self) -> Result<()> {
        (self.txn, self.held) = (None, None);
        Ok(())
    }

    fn can_make_room(&self) -> bool {
        self.table.engine.freezer.is_enabled()
    }

    fn make_room(&mut self, refusal: &Error) -> bool {
        (self.txn, self.held) = (None, None);
        self.table.engine.freezer.relieve(refusal.bytes_refused())
    }

    fn batch_bytes(&self) -> u64 {
        self.table.engine.budget.limit() / BATCH_SHARE
    }
}

//! The transaction and its write set.

use super::effects::IndexSet;
use super::engine::{Engine, read_only};
use super::isolation::{Isolation, TxnOptions};
use super::lease::{Lease, SharedEngine};
use super::live_table::LiveTable;
use super::own::OwnRows;
use super::prepare::RowWords;
use super::read_set::ReadSet;
use super::rows::{Rows, TableData, Writers};
use super::savepoint::Undo;
use super::turns::Turn;
use super::unique::{StaleEntry, forget_unique};
use crate::durability::Durability;
use crate::error::{Awaited, Error, Kind, Result};
use crate::mem::budget::Reservation;
use crate::mem::cell::LongCell;
use crate::mem::current::Held;
use crate::mvcc::chain::{Newest, Owner};
use crate::mvcc::{Moment, Timestamp};
use crate::query::Filter;
use crate::sync::Relaxed;
use smallvec::SmallVec;
use std::cell::{Cell, OnceCell};
use std::fmt;
use std::sync::Arc;

/// A transaction.
///
/// It reads the store as it was when the transaction began, plus its own writes. The first of two
/// transactions to write a row wins; the other gets [`Kind::Conflict`] at once and can only be
/// rolled back. A [serializable](crate::Isolation::Serializable) one may get it when it commits,
/// too. Dropping it rolls it back.
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// let mut txn = store.begin()?;
/// flights.update(&mut txn, &["UAL123".into()], &[("altitude", 36_000.into())])?;
/// txn.commit()?;
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct Txn {
    /// The tables it writes, each with the indexes it had at the first write.
    pub(super) tables: SmallVec<[Held<Rows>; 2]>,
    pub(super) writes: SmallVec<[Write; WRITES_INLINE]>,
    pub(super) own: OwnRows,
    pub(super) undo: Vec<Undo>,
    /// Long values replaced inside this transaction that a savepoint may bring back.
    pub(super) replaced: Vec<(u32, LongCell)>,
    /// Unique values lost while a savepoint was open.
    pub(super) stale: Vec<StaleEntry>,
    pub(super) savepoints: u32,
    pub(super) doomed: Option<String>,
    /// What the conflict that doomed it was about.
    awaited: Option<Awaited>,
    /// The turn it has, if it is run again after a conflict.
    pub(super) turn: Option<u64>,
    pub(super) owner: Owner,
    pub(super) place: usize,
    pub(super) at: Timestamp,
    /// What it read, if it is serializable and may write.
    pub(super) reads: Option<Box<ReadSet>>,
    read_only: bool,
    /// What it has to do with cold rows, if anything.
    pub(super) cold: Option<Box<super::cold::ColdWork>>,
    /// It applies what another process committed: what that checked is not checked again.
    pub(super) applies: bool,
    pub(super) durability: Option<Durability>,
    /// Taken when first asked for: most transactions need none.
    number: OnceCell<u64>,
    /// What it holds for its bookkeeping; none yet for few writes.
    held: Option<Reservation>,
    pub(super) finished: Cell<bool>,
    pub(super) engine: Arc<Lease>,
}

/// One row this transaction wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// Position in [`Txn::tables`].
    pub table: u32,
    pub row: u32,
    /// Where the new payload waits and the old one will go; 0 for an insert.
    pub node: u32,
    pub kind: WriteKind,
    /// The indexes whose values it may have changed.
    pub indexes: IndexSet,
    /// It may have changed text or bytes, whose old ones are garbage then.
    pub long: bool,
}

impl Write {
    /// True if its commit adds no index entry and no long value becomes garbage.
    pub(super) fn is_plain(&self) -> bool {
        match self.kind {
            WriteKind::Update => self.indexes.is_empty() && !self.long,
            WriteKind::Gone | WriteKind::Lock => true,
            WriteKind::Insert | WriteKind::Delete => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteKind {
    /// A fresh row; its payload waits in its slot.
    Insert,
    /// A new version of a committed row (or of its tombstone).
    Update,
    /// A tombstone for a committed row.
    Delete,
    /// An insert that this transaction deleted again.
    Gone,
    /// A committed row that is owned and not changed.
    Lock,
}

/// Writes kept in the transaction itself.
const WRITES_INLINE: usize = 4;
/// Writes whose bookkeeping is reserved at once.
const WRITES_LUMP: usize = 256;

/// A registered snapshot that a transaction is to be made of: what of beginning one may fail.
pub(crate) struct Begun {
    place: usize,
    at: Timestamp,
    reads: Option<Box<ReadSet>>,
    options: TxnOptions,
}

impl Begun {
    #[inline]
    pub(crate) fn new(engine: &SharedEngine, options: TxnOptions) -> Result<Self> {
        engine.check_open()?;
        check_level(options.durability)?;
        if !options.read_only {
            engine.freezer.admit(engine);
        }
        let validates = options.isolation == Isolation::Serializable && !options.read_only;
        let reads = if validates { Some(Box::new(ReadSet::new(&engine.holder)?)) } else { None };
        let (place, at) = match &reads {
            Some(_) => engine.sequencer.register(engine)?,
            None => engine.timeline.register()?,
        };
        let options = TxnOptions { read_only: options.read_only || engine.follows(), ..options };
        Ok(Self { place, at, reads, options })
    }

    /// The transaction, which is large: made where it stays.
    #[inline(always)]
    pub(crate) fn into_txn(self, engine: &SharedEngine) -> Txn {
        let lease = engine.lease(self.place);
        self.into_txn_of(lease)
    }

    #[inline(always)]
    fn into_txn_of(self, engine: Arc<Lease>) -> Txn {
        let Self { place, at, reads, options } = self;
        Txn {
            engine,
            tables: SmallVec::new(),
            writes: SmallVec::new(),
            own: OwnRows::default(),
            undo: Vec::new(),
            replaced: Vec::new(),
            stale: Vec::new(),
            savepoints: 0,
            doomed: None,
            awaited: None,
            turn: None,
            owner: Owner(place as u16 + 1),
            place,
            at,
            reads,
            read_only: options.read_only,
            cold: None,
            applies: false,
            durability: options.durability,
            number: OnceCell::new(),
            held: None,
            finished: Cell::new(false),
        }
    }
}

impl Txn {
    pub(crate) fn new(engine: &SharedEngine, options: TxnOptions) -> Result<Self> {
        Ok(Begun::new(engine, options)?.into_txn(engine))
    }

    /// One of a follower's own, that applies what another process committed.
    pub(crate) fn applying(lease: &Arc<Lease>) -> Result<Self> {
        let mut txn = Self::system(lease)?;
        txn.applies = true;
        Ok(txn)
    }

    /// One that no user began.
    pub(super) fn system(lease: &Arc<Lease>) -> Result<Self> {
        let (place, at) = lease.timeline.register()?;
        let begun = Begun { place, at, reads: None, options: TxnOptions::new() };
        Ok(begun.into_txn_of(Arc::clone(lease)))
    }

    /// Gives it the turn of one who waited.
    pub(crate) fn take_turn(&mut self, turn: Option<&Turn>) {
        self.turn = turn.map(Turn::number);
    }

    /// What the conflict that doomed it was about.
    pub(crate) fn awaited(&self) -> Option<Awaited> {
        self.awaited
    }

    /// Changes when the commit returns; see [`TxnOptions::durability`].
    pub fn set_durability(&mut self, durability: Durability) -> Result<()> {
        check_level(Some(durability))?;
        self.durability = Some(durability);
        Ok(())
    }

    /// Drops every write. The same as dropping the transaction.
    pub fn rollback(self) {
        drop(self);
    }

    /// True if a conflict was lost: every call says so until rollback.
    pub fn is_doomed(&self) -> bool {
        self.doomed.is_some()
    }

    /// Rows written so far.
    pub fn writes(&self) -> usize {
        self.writes.len()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// A number for messages and fragments.
    pub(super) fn number(&self) -> u64 {
        *self.number.get_or_init(|| self.engine.take_transaction_number())
    }

    /// What it holds for its bookkeeping.
    pub(super) fn held(&mut self) -> Result<&mut Reservation> {
        if self.held.is_none() {
            self.held = Some(self.engine.holder.reserve(0)?);
        }
        Ok(self.held.as_mut().expect("made above"))
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { at: self.at, place: self.place as u32 }
    }

    /// Reads a row as this transaction sees it: its own write, else its snapshot.
    #[inline]
    pub(crate) fn read(&self, rows: &TableData, row: u32, out: &mut [u64]) -> Result<bool> {
        if self.writes.is_empty() || rows.versions.owner(row) != self.owner {
            return rows.versions.read(row, self.moment(), &(0..rows.layout.words()), out);
        }
        self.read_own(rows, row, out)
    }

    /// The rows of this table that this transaction wrote and did not delete.
    pub(crate) fn own_rows(&self, rows: &TableData) -> Vec<u32> {
        let Some(table) = self.known_table(rows) else { return Vec::new() };
        let kept = |write: &&Write| {
            write.table == table && !matches!(write.kind, WriteKind::Delete | WriteKind::Gone)
        };
        self.writes.iter().filter(kept).map(|write| write.row).collect()
    }

    /// True if this transaction owns the row.
    pub(crate) fn owns(&self, rows: &TableData, row: u32) -> bool {
        !self.writes.is_empty() && rows.versions.owner(row) == self.owner
    }

    fn read_own(&self, rows: &TableData, row: u32, out: &mut [u64]) -> Result<bool> {
        let table = self.known_table(rows);
        let write = table.and_then(|table| self.own.find(&self.writes, table, row));
        let Some(at) = write else {
            // Owned only for the length of a call: not written.
            return rows.versions.read(row, self.moment(), &(0..rows.layout.words()), out);
        };
        match self.writes[at].kind {
            WriteKind::Insert => rows.versions.copy_newest(row, out),
            WriteKind::Update | WriteKind::Lock => {
                rows.versions.key_words(row, out);
                rows.versions.staged(self.writes[at].node, out);
            }
            WriteKind::Delete | WriteKind::Gone => return Ok(false),
        }
        Ok(true)
    }

    /// The table's number in this transaction, if it has tried to write to it.
    #[inline(always)]
    pub(super) fn known_table(&self, rows: &TableData) -> Option<u32> {
        let is_it = |table: &Held<Rows>| std::ptr::eq(&raw const **table.data(), rows);
        self.tables.iter().position(is_it).map(|at| at as u32)
    }

    /// The table as this transaction writes it: with the indexes it had at the first write.
    #[inline(always)]
    pub(super) fn join<'t>(&mut self, table: &'t LiveTable) -> Result<(u32, &'t Rows)> {
        let number = match self.known_table(&table.data) {
            Some(number) => number,
            None => self.join_first(table)?,
        };
        // Held until the transaction is dropped.
        Ok((number, table.lend(&self.tables[number as usize])))
    }

    #[inline(never)]
    fn join_first(&mut self, table: &LiveTable) -> Result<u32> {
        let mut rows = self.engine.table(table);
        if rows.writers.state() != Writers::ADMITTED {
            drop(rows);
            let waited = table.wait_to_write(self.at, || self.engine.table(table));
            rows = waited.map_err(|error| self.doom(error))?;
        }
        self.tables.push(rows);
        Ok(self.tables.len() as u32 - 1)
    }

    /// Refuses writes of a read-only transaction, and what [`Txn::check`] refuses.
    pub(super) fn check_write(&self) -> Result<()> {
        if self.read_only {
            if self.engine.follows() {
                return Err(read_only());
            }
            return Err(Error::new(Kind::ReadOnly, "this transaction was begun for reading only"));
        }
        self.check()
    }

    /// Notes that a key was looked for.
    pub(super) fn note_key(&self, rows: &TableData, hash: u64) {
        if let Some(reads) = &self.reads {
            reads.note_key(rows, hash);
        }
    }

    /// Notes that every row for which the filter holds was looked for.
    pub(crate) fn note_range(&self, rows: &TableData, filter: &Filter) {
        if let Some(reads) = &self.reads {
            reads.note_range(rows, filter);
        }
    }

    /// Gives its snapshot up.
    fn unregister(&self) {
        self.end_snapshot();
        self.engine.upkeep.poke();
    }

    /// The same for who lets upkeep know later.
    #[inline(always)]
    pub(super) fn end_snapshot(&self) {
        if self.reads.is_some() {
            self.engine.sequencer.unregister(self.at, &self.engine.timeline);
        }
        self.engine.timeline.unregister(self.place);
    }

    /// Refuses calls on a doomed transaction, one whose snapshot was given up (a row deleted since
    /// may be gone without a trace, and no conflict be found), a closed store or a poisoned log.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(why) = &self.doomed {
            return Err(Error::conflict(format!(
                "this transaction was aborted and can only be rolled back: {why}"
            )));
        }
        self.engine.timeline.check_kept(self.moment())?;
        self.engine.check_open()?;
        self.engine.check_log()
    }

    /// Dooms the transaction by a conflict.
    pub(super) fn doom(&mut self, error: Error) -> Error {
        if error.kind() == Kind::Conflict && self.doomed.is_none() {
            self.engine.counters.conflicts.fetch_add(1, Relaxed);
            self.doomed = Some(error.to_string());
            self.awaited = error.awaited();
        }
        error
    }

    /// Makes room for one more write, so that adding it cannot fail.
    #[inline]
    pub(super) fn reserve_write(&mut self) -> Result<()> {
        self.reserve_writes(1)
    }

    /// Makes room for so many more.
    #[inline]
    pub(super) fn reserve_writes(&mut self, more: usize) -> Result<()> {
        if self.writes.capacity() - self.writes.len() < more {
            self.grow_writes(more)?;
        }
        Ok(())
    }

    #[cold]
    fn grow_writes(&mut self, more: usize) -> Result<()> {
        let lump = WRITES_LUMP.max(self.writes.len()).max(more);
        self.held()?.grow(lump * (size_of::<Write>() + OwnRows::bytes_per_write()))?;
        self.writes.reserve_exact(lump);
        Ok(())
    }

    /// The same for a delete, which must be possible when the budget is used up.
    pub(super) fn reserve_delete(&mut self) -> Result<()> {
        self.reserve_write().or_else(|_| {
            self.held()?.grow_urgent(size_of::<Write>() + OwnRows::bytes_per_write())?;
            self.writes.reserve_exact(1);
            Ok(())
        })
    }

    /// Undoes the writes from this one on, newest first.
    pub(super) fn undo_writes(&mut self, keep: usize) {
        for at in (keep..self.writes.len()).rev() {
            let write = self.writes[at];
            let rows = self.tables[write.table as usize].clone();
            let of_row =
                |entry: &mut StaleEntry| entry.table == write.table && entry.row == write.row;
            self.stale.extract_if(.., of_row).for_each(|entry| entry.forget(&rows, None));
            undo_write(&rows, write);
        }
        self.own.truncate(&self.writes, keep);
        self.writes.truncate(keep);
    }
}

/// Refuses a level that only a whole store can have.
fn check_level(durability: Option<Durability>) -> Result<()> {
    if durability == Some(Durability::None) {
        let message = "durability none is for opening a store; a transaction is sync or async";
        return Err(Error::invalid(message));
    }
    Ok(())
}

/// Undoes one write: its row, entries, values and owner word are as before.
pub(super) fn undo_write(rows: &Rows, write: Write) {
    let mut staged = RowWords::zeroed(rows.layout.words());
    let mut newest = staged.clone();
    let versions = &rows.versions;
    versions.copy_newest(write.row, &mut newest);
    if matches!(write.kind, WriteKind::Insert | WriteKind::Gone) {
        forget_unique(rows, write.row, &newest);
        rows.primary.remove(rows.view(&newest).key_hash(), write.row);
        rows.release_payload(&newest, None);
        rows.release_key(&newest);
        versions.drop_row(write.row);
        return;
    }
    versions.key_words(write.row, &mut staged);
    versions.staged(write.node, &mut staged);
    let live = matches!(versions.newest(write.row), Newest::Live(_));
    forget_unique(rows, write.row, &staged);
    rows.release_payload(&staged, live.then_some(&newest));
    versions.drop_node(write.node);
    versions.disown(write.row);
}

impl Drop for Txn {
    fn drop(&mut self) {
        if self.finished.get() {
            self.engine.keep_tables(&mut self.tables);
            return;
        }
        self.undo_to_stale();
        self.undo_writes(0);
        for (table, cell) in self.replaced.drain(..) {
            cell.release(&self.tables[table as usize].values);
        }
        self.unregister();
        self.engine.counters.rollbacks.fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Txn {} at {} with {} writes", self.number(), self.at.0, self.writes.len())
    }
}

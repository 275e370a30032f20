//! Transactions and savepoints.

use crate::args::{self, Out};
use crate::db::store_db;
use crate::error::store_error;
use crate::handle::{self, Exclusive, opaque};
use crate::options;
use crate::panic::guard;
use crate::status::store_status;
use crate::table::OpenTable;
use store_core::{Error, Isolation, Result, Savepoint, Store, Txn, TxnOptions};

/// A transaction: it reads the store as it was when it began, plus its own
/// writes.
///
/// The first of two transactions to write a row wins; the other gets STORE_CONFLICT at once and
/// can only be rolled back. One thread at a time. Since 0.1.
pub struct store_txn {
    _opaque: [u8; 0],
}

/// A transaction with its open savepoints.
pub(crate) struct OpenTxn {
    pub txn: Txn,
    savepoints: Vec<(u64, Savepoint)>,
    next_savepoint: u64,
    /// After the transaction: it holds the lock of the files.
    store: Store,
}

opaque!(store_txn, OpenTxn, b"st_txn\0\0");

impl OpenTxn {
    /// Forgets a savepoint and those inside it, and gives it to be ended.
    fn take_savepoint(&mut self, number: u64) -> Result<Savepoint> {
        let at = self.savepoints.iter().position(|known| known.0 == number);
        let at = at.ok_or_else(|| {
            Error::invalid(format!("no savepoint {number} is open in this transaction"))
        })?;
        let (_, savepoint) = self.savepoints.drain(at..).next().expect("it is at this position");
        Ok(savepoint)
    }
}

/// The transaction of a call on this table; NULL is none.
pub(crate) fn of_table<'h>(
    txn: *mut store_txn,
    table: &OpenTable,
) -> Result<Option<Exclusive<'h, store_txn>>> {
    let txn = handle::optional(txn)?;
    if txn.as_ref().is_some_and(|txn| !txn.store.is_same(&table.store)) {
        return Err(Error::invalid("the transaction belongs to another store"));
    }
    Ok(txn)
}

/// Begins a transaction.
///
/// *txn_out is NULL on failure; end it with store_commit or store_rollback. STORE_BUSY: too many
/// are open. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_begin(
    db: *const store_db,
    txn_out: *mut *mut store_txn,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(txn_out, "txn_out")?;
        let store = handle::shared(db)?.clone();
        let txn = store.begin()?;
        out.set(handle::new(OpenTxn { txn, savepoints: Vec::new(), next_savepoint: 1, store }));
        Ok(())
    })
}

/// What concurrent transactions may see of each other. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum store_isolation {
    /// Reads one moment, and the first of two writers of a row wins. The default.
    STORE_ISOLATION_SNAPSHOT = 1,
    /// As if the transactions that wrote had run one after another.
    STORE_ISOLATION_SERIALIZABLE = 2,
}

/// Begins a transaction of a level, one of store_isolation; a read_only one refuses writes with
/// STORE_READ_ONLY and never aborts.
///
/// A serializable one may get STORE_CONFLICT from store_commit: a commit since it began changed what
/// it read. *txn_out is NULL on failure; end it with store_commit or store_rollback. STORE_BUSY: too
/// many are open. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_begin_with(
    db: *const store_db,
    isolation: i32,
    read_only: bool,
    txn_out: *mut *mut store_txn,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(txn_out, "txn_out")?;
        let store = handle::shared(db)?.clone();
        let levels = [
            (store_isolation::STORE_ISOLATION_SNAPSHOT as i32, Isolation::Snapshot),
            (store_isolation::STORE_ISOLATION_SERIALIZABLE as i32, Isolation::Serializable),
        ];
        let options = TxnOptions::new().isolation(args::choice(isolation, &levels, "isolation")?);
        let options = if read_only { options.read_only() } else { options };
        let txn = store.begin_with(options)?;
        out.set(handle::new(OpenTxn { txn, savepoints: Vec::new(), next_savepoint: 1, store }));
        Ok(())
    })
}

/// Sets when the commit of this transaction returns: STORE_DURABILITY_SYNC or STORE_DURABILITY_ASYNC,
/// whatever the store's own level is.
///
/// STORE_INVALID: another level. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_txn_durability(
    txn: *mut store_txn,
    level: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut txn = handle::exclusive(txn)?;
        txn.txn.set_durability(options::durability(level)?)
    })
}

/// Commits and consumes *txn (set to NULL even on failure, unless it is in use: STORE_BUSY), without
/// waiting for the disk.
///
/// The commit has its place in the order; it becomes visible when it is durable, which it will be
/// whether somebody waits or not. *lsn_out is the position in the log for store_wait_durable and
/// store_is_durable; the later of two waits for both. Until it is durable, whoever writes the same
/// rows gets STORE_CONFLICT. Errors are those of store_commit; what goes wrong later
/// store_wait_durable says. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_commit_ticket(
    txn: *mut *mut store_txn,
    lsn_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(lsn_out, "lsn_out", 0)?;
        let open = handle::close(txn)?.ok_or_else(|| Error::invalid("the store_txn is NULL"))?;
        let OpenTxn { txn, store, .. } = open;
        let ticket = txn.commit_ticket()?;
        out.set(ticket.lsn());
        drop(ticket);
        drop(store);
        Ok(())
    })
}

/// Commits and consumes *txn (set to NULL even on failure, unless it is in use: STORE_BUSY).
///
/// Returns once the commit is visible, and durable unless transaction or store are asynchronous. After a failure everything is rolled back;
/// after STORE_POISONED only reopening the store tells whether the last commits are durable.
/// STORE_CONFLICT: retry in a new transaction. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_commit(
    txn: *mut *mut store_txn,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let open = handle::close(txn)?.ok_or_else(|| Error::invalid("the store_txn is NULL"))?;
        let OpenTxn { txn, store, .. } = open;
        let committed = txn.commit();
        drop(store); // not before the log is written
        committed.map(drop)
    })
}

/// Drops every write of a transaction and sets *txn to NULL; NULL is a no-op.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_rollback(
    txn: *mut *mut store_txn,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || handle::close(txn).map(drop))
}

/// Marks this point of a transaction; savepoints nest.
///
/// *savepoint_out is a number for store_rollback_to and store_release, never 0.
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_savepoint(
    txn: *mut store_txn,
    savepoint_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(savepoint_out, "savepoint_out", 0)?;
        let mut txn = handle::exclusive(txn)?;
        let savepoint = txn.txn.savepoint()?;
        let number = txn.next_savepoint;
        txn.next_savepoint += 1;
        txn.savepoints.push((number, savepoint));
        out.set(number);
        Ok(())
    })
}

/// Undoes everything since the savepoint, and ends it and those inside it.
///
/// STORE_INVALID: it is not open. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_rollback_to(
    txn: *mut store_txn,
    savepoint: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut txn = handle::exclusive(txn)?;
        let savepoint = txn.take_savepoint(savepoint)?;
        txn.txn.rollback_to(savepoint)
    })
}

/// Keeps everything since the savepoint, and ends it and those inside it.
///
/// STORE_INVALID: it is not open. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_release(
    txn: *mut store_txn,
    savepoint: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut txn = handle::exclusive(txn)?;
        let savepoint = txn.take_savepoint(savepoint)?;
        txn.txn.release(savepoint)
    })
}

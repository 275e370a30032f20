//! Stores: opening, closing, looking after them.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::options::store_options;
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use store_core::Store;

/// An open store.
///
/// Thread-safe. Since 0.1.
pub struct store_db {
    _opaque: [u8; 0],
}

opaque!(store_db, Store, b"store_db");

/// Opens the store in the directory `path`, and makes it if there is none; `:memory:` has no
/// files.
///
/// `options` may be NULL for the defaults, and is not kept. *db_out is NULL on failure.
/// STORE_BUSY: another process owns this store. STORE_CORRUPT: its files are damaged.
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_open(
    path: *const u8,
    path_len: usize,
    options: *const store_options,
    db_out: *mut *mut store_db,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(db_out, "db_out")?;
        let path = args::text(path, path_len, "path")?;
        let options = handle::optional(options)?;
        let options = options.map_or_else(Store::options, |options| options.clone());
        out.set(handle::new(options.open(path)?));
        Ok(())
    })
}

/// Closes a store and sets *db to NULL; NULL is a no-op.
///
/// Tables, transactions, queries and cursors of it stay usable: the store's files are let go
/// with the last of them. What was committed is made durable first; if that fails the store is closed
/// all the same, and STORE_POISONED or STORE_NO_SPACE say that commits which were not acknowledged as
/// durable may be lost. STORE_INVALID: it was closed before. No other thread may be in a call
/// with this handle. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_close(db: *mut *mut store_db) -> store_status {
    guard_status(|| match handle::close(db)? {
        Some(store) => store.sync(),
        None => Ok(()),
    })
}

/// Makes all that was committed until now durable, whatever its level: one sync.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_sync(
    db: *const store_db,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || handle::shared(db)?.sync())
}

/// Gives an open store another memory budget, in bytes, while it is in use.
///
/// A larger one holds at once, up to the machine's memory or 64 times the first one. For a smaller one the store
/// lets go of caches, free pages, versions that nobody sees and, with store_options_freeze, rows, which go to
/// disk; then a checkpoint is written. STORE_OVER_BUDGET: more stays than it allows, after three seconds in
/// which it became no less, or it is out of bounds; the budget is what it was. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_set_memory(
    db: *const store_db,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || handle::shared(db)?.set_memory(bytes))
}

/// Waits until all commits up to a position of the log are durable and visible: one wait for many.
///
/// The position is that of store_commit_ticket. STORE_INVALID: nothing was committed up to there.
/// STORE_POISONED: only reopening the store tells whether they are durable. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_wait_durable(
    db: *const store_db,
    lsn: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || handle::shared(db)?.wait_durable(lsn))
}

/// Says whether all before a position of the log would survive a loss of power now; waits for
/// nothing.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_is_durable(
    db: *const store_db,
    lsn: u64,
    durable_out: *mut bool,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::new(durable_out, "durable_out", false)?;
        out.set(handle::shared(db)?.is_durable(lsn));
        Ok(())
    })
}

/// Brings a store that was opened for reading only up to all that its owner had acknowledged as durable
/// when this was called; *timestamp_out, unless it is NULL, is that of its newest commit.
///
/// It keeps up by itself, too. Readers go on meanwhile, and open snapshots stay what they are.
/// STORE_OVER_BUDGET: a commit does not fit, and is tried again. STORE_SNAPSHOT_TOO_OLD: it was too far
/// behind and the owner has let go of what it needed; it stays at what it has, open the store again. Does
/// nothing on a store that is owned. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_refresh(
    db: *const store_db,
    timestamp_out: *mut u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(timestamp_out, "timestamp_out", 0)?;
        let timestamp = handle::shared(db)?.refresh()?;
        if let Some(out) = out {
            out.set(timestamp);
        }
        Ok(())
    })
}

/// Writes every row to disk, at one snapshot, and lets go of the log before it.
///
/// Commits go on meanwhile. Does nothing in memory. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_checkpoint(
    db: *const store_db,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || handle::shared(db)?.checkpoint())
}

/// What a backup holds. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct store_backup_report {
    /// The newest commit in it: it holds all up to this one, and no other.
    pub timestamp: u64,
    /// Files copied or written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that an earlier try had copied.
    pub files_kept: u64,
    /// Room to grow; 0.
    pub reserved: [u64; 4],
}

/// Copies the store, while it is in use, to a directory that is made or empty, where it opens as a
/// store of its own.
///
/// If it ends early, the same call goes on where it was. *report_out may be NULL. STORE_INVALID:
/// something else is there. STORE_BUSY: another process uses the directory. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_backup(
    db: *const store_db,
    path: *const u8,
    path_len: usize,
    report_out: *mut store_backup_report,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(report_out, "report_out", store_backup_report::default())?;
        let store = handle::shared(db)?;
        let report = store.backup(args::text(path, path_len, "path")?)?;
        if let Some(out) = out {
            out.set(store_backup_report {
                timestamp: report.timestamp,
                files: report.files,
                bytes: report.bytes,
                files_kept: report.files_kept,
                reserved: [0; 4],
            });
        }
        Ok(())
    })
}

/// Ends every query and cursor of this store that has begun: their next call that reads on returns
/// STORE_CANCELLED. What begins afterwards runs; writes are not touched.
///
/// Reading on looks for it once for each page or batch of rows; rows that were gathered are sorted
/// first. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_interrupt(
    db: *const store_db,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        handle::shared(db)?.interrupt();
        Ok(())
    })
}

//! How to open a store.

use crate::args::{Out, choice, flag};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use std::time::Duration;
use store_core::{Durability, Options, Result, Store};

/// How to open a store: made by store_options_new, changed by setters, freed by
/// store_options_free.
///
/// One thread at a time. Since 0.1.
pub struct store_options {
    _opaque: [u8; 0],
}

opaque!(store_options, Options, b"st_optns");

/// Makes options with every default.
///
/// *options_out is NULL on failure; free it with store_options_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_new(
    options_out: *mut *mut store_options,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(options_out, "options_out")?;
        out.set(handle::new(Store::options()));
        Ok(())
    })
}

/// Sets the memory budget in bytes: everything the store holds.
///
/// By default it is half of what the machine or its container allows. A budget too small is
/// STORE_OVER_BUDGET when the store is opened. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_memory(
    options: *mut store_options,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().memory(bytes);
        Ok(())
    })
}

/// Sets whether to make the store if there is none (1, the default) or to fail with
/// STORE_NOT_FOUND (0).
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_create(
    options: *mut store_options,
    create: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().create(flag(create, "create")?);
        Ok(())
    })
}

/// When a commit returns. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum store_durability {
    /// When it would survive a loss of power. The default.
    STORE_DURABILITY_SYNC = 1,
    /// When others see it; durable soon after, within the bounds of store_options_async.
    STORE_DURABILITY_ASYNC = 2,
    /// When others see it; durable with the next checkpoint, store_sync or closing. For stores only.
    STORE_DURABILITY_NONE = 3,
}

/// The level of this number.
pub(crate) fn durability(level: i32) -> Result<Durability> {
    let levels = [
        (store_durability::STORE_DURABILITY_SYNC as i32, Durability::Sync),
        (store_durability::STORE_DURABILITY_ASYNC as i32, Durability::Async),
        (store_durability::STORE_DURABILITY_NONE as i32, Durability::None),
    ];
    choice(level, &levels, "durability")
}

/// Sets when commits return, one of store_durability; store_txn_durability may say otherwise.
///
/// Without effect in memory. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_durability(
    options: *mut store_options,
    level: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().durability(durability(level)?);
        Ok(())
    })
}

/// Sets how far asynchronous commits may be ahead of the disk: each is durable `delay_ms` after it
/// returned at the latest, and at most `bytes` of log have been acknowledged and are not durable.
///
/// By default 100 ms and 4 MiB. A sync begins after half of the time; while one takes longer than the
/// other half, asynchronous commits wait. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_async(
    options: *mut store_options,
    delay_ms: u64,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        let delay = Duration::from_millis(delay_ms);
        *options = options.clone().async_delay(delay).async_bytes(bytes);
        Ok(())
    })
}

/// Sets when checkpoints are written without being asked for: whenever the log since the last one has
/// `log_bytes`, and `age_ms` after the first commit that the last one does not have; 0 for never.
///
/// By default 256 MiB and never. Commits go on meanwhile; a failure shows in store_stats_json. One thread
/// at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_checkpoint(
    options: *mut store_options,
    log_bytes: u64,
    age_ms: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        let age = Duration::from_millis(age_ms);
        *options = options.clone().checkpoint_bytes(log_bytes).checkpoint_age(age);
        Ok(())
    })
}

/// Sets how many threads open the store: they load the checkpoint, apply the log and build the indexes;
/// by default as many as the machine runs at once. What is opened does not depend on it. With little
/// memory there are fewer.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_threads(
    options: *mut store_options,
    threads: u32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().threads(threads);
        Ok(())
    })
}

/// Sets whether to open the store for reading only (1) or as its owner (0, the default).
///
/// For reading only it must be there, and another process may own it, or none: it is followed. What it
/// shows is durable, and each snapshot is a moment of the owner's; it keeps up by itself, some 20 ms
/// behind, and store_refresh brings it up at once. It has its rows and its memory budget for itself.
/// Everything that changes a store is STORE_READ_ONLY. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_read_only(
    options: *mut store_options,
    read_only: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = if flag(read_only, "read_only")? {
            options.clone().read_only()
        } else {
            options.clone().owned()
        };
        Ok(())
    })
}

/// Sets how many bytes of log files and segments the store, opened as its owner, keeps for those who
/// follow it, beyond what it needs itself; by default 1 GiB. Who needs more gets
/// STORE_SNAPSHOT_TOO_OLD from store_refresh and has to open the store again.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_follower_bytes(
    options: *mut store_options,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().follower_bytes(bytes);
        Ok(())
    })
}

/// Sets with 1 whether rows are moved out of memory by themselves, into segments on disk, when eleven
/// sixteenths of the budget are used; by default 0. Those go first that were written longest ago, or that
/// the column property `cold` of their table names. Who begins to write when thirteen are used waits up
/// to 10 s for it. A transaction may get STORE_OVER_BUDGET all the same, above all if it needs much at
/// once: it may succeed when it is begun again.
///
/// Without effect in memory. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_freeze(
    options: *mut store_options,
    freeze: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().freeze(flag(freeze, "freeze")?);
        Ok(())
    })
}

/// Frees options and sets *options to NULL; NULL is a no-op.
///
/// STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_free(options: *mut *mut store_options) -> store_status {
    guard_status(|| handle::close(options).map(drop))
}

//! What a store holds, and whether it is sound, as JSON.

use crate::args::Out;
use crate::db::store_db;
use crate::error::store_error;
use crate::panic::guard;
use crate::status::store_status;
use crate::{handle, text};
use std::ffi::c_char;
use store_core::Error;
use store_etl::report;

/// Returns the store in numbers as a JSON object: memory, transactions, log, and each table with
/// its indexes.
///
/// Free *json_out with store_text_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_stats_json(
    db: *const store_db,
    json_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(json_out, "json_out")?;
        let stats = handle::shared(db)?.stats();
        out.set(text::give(report::stats(&stats).to_string()));
        Ok(())
    })
}

/// Returns what opening the store found as a JSON object: checkpoint_rows, records, log_rows,
/// index_entries, timestamp, cut (null, or file, offset and bytes of an unfinished write at the end of
/// the log), loading_ms, replaying_ms, indexing_ms. In memory it is the word null.
///
/// Free *json_out with store_text_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_recovery_json(
    db: *const store_db,
    json_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(json_out, "json_out")?;
        let store = handle::shared(db)?;
        let found = store.recovery().map(report::recovery);
        out.set(text::give(found.map_or_else(|| "null".to_owned(), |found| found.to_string())));
        Ok(())
    })
}

/// Verifies the checksums of the checkpoint, and that every index agrees with its table.
///
/// STORE_CORRUPT: something is wrong; each detail of the error is one fault. *json_out, which
/// may be NULL, gets a JSON object of what was looked at, in either case; free it with
/// store_text_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_check(
    db: *const store_db,
    json_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(json_out, "json_out", std::ptr::null_mut())?;
        let found = handle::shared(db)?.check()?;
        if let Some(out) = out {
            out.set(text::give(report::check(&found).to_string()));
        }
        let Some(first) = found.faults.first() else { return Ok(()) };
        let count = found.faults.len();
        let error = Error::corrupt(format!("{count} faults, the first: {first}"));
        Err(found.faults.iter().fold(error, Error::detail))
    })
}

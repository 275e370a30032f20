//! What a store holds, and whether it is sound, as JSON.

use crate::args::Out;
use crate::db::store_db;
use crate::error::store_error;
use crate::panic::guard;
use crate::status::store_status;
use crate::{handle, text};
use serde_json::{Value, json};
use std::ffi::c_char;
use store_core::{CheckReport, Error, Stats, TableStats};

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
        out.set(text::give(stats_json(&stats).to_string()));
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
        let report = handle::shared(db)?.check()?;
        if let Some(out) = out {
            out.set(text::give(check_json(&report).to_string()));
        }
        let Some(first) = report.faults.first() else { return Ok(()) };
        let count = report.faults.len();
        let error = Error::corrupt(format!("{count} faults, the first: {first}"));
        Err(report.faults.iter().fold(error, Error::detail))
    })
}

fn stats_json(stats: &Stats) -> Value {
    let holders: Vec<Value> = stats
        .holders
        .iter()
        .map(|holder| json!({ "path": holder.path, "bytes": holder.bytes }))
        .collect();
    json!({
        "memory_limit": stats.memory_limit,
        "memory_used": stats.memory_used,
        "memory_peak": stats.memory_peak,
        "holders": holders,
        "published": stats.published,
        "watermark": stats.watermark,
        "snapshots": stats.snapshots,
        "oldest_snapshot": stats.oldest_snapshot,
        "oldest_snapshot_age_ms": stats.oldest_snapshot_age_ms,
        "snapshots_expired": stats.snapshots_expired,
        "commits": stats.commits,
        "rollbacks": stats.rollbacks,
        "conflicts": stats.conflicts,
        "versions_reclaimed": stats.versions_reclaimed,
        "wal_files": stats.wal_files,
        "wal_bytes": stats.wal_bytes,
        "poisoned": stats.poisoned,
        "tables": stats.tables.iter().map(table_json).collect::<Vec<Value>>(),
    })
}

fn table_json(table: &TableStats) -> Value {
    let indexes: Vec<Value> = table
        .indexes
        .iter()
        .map(|index| {
            json!({
                "name": index.name, "entries": index.entries, "bytes": index.bytes,
                "bytes_per_entry": index.bytes_per_entry(),
            })
        })
        .collect();
    json!({
        "name": table.name,
        "rows": table.rows,
        "old_versions": table.old_versions,
        "version_bytes": table.version_bytes,
        "garbage_rows": table.garbage_rows,
        "bytes": table.bytes,
        "bytes_per_row": table.bytes_per_row(),
        "indexes": indexes,
    })
}

fn check_json(report: &CheckReport) -> Value {
    json!({
        "rows": report.rows,
        "index_entries": report.index_entries,
        "segment_rows": report.segment_rows,
        "faults": report.faults,
    })
}

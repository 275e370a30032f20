//! What a store holds, and whether it is sound, as JSON.

use crate::args::Out;
use crate::db::store_db;
use crate::error::store_error;
use crate::panic::guard;
use crate::status::store_status;
use crate::{handle, text};
use serde_json::{Value, json};
use std::ffi::c_char;
use store_core::{CheckReport, Error, RecoveryReport, Stats, TableStats};

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
        let report = store.recovery().map_or(Value::Null, recovery_json);
        out.set(text::give(report.to_string()));
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
        "wal_end": stats.wal_end,
        "wal_durable": stats.wal_durable,
        "wal_checkpoint": stats.wal_checkpoint,
        "wal_behind_bytes": stats.wal_behind_bytes,
        "wal_behind_ms": stats.wal_behind_ms,
        "durability": stats.durability.to_string(),
        "async_delay_ms": stats.async_delay_ms,
        "async_bytes": stats.async_bytes,
        "checkpoints": stats.checkpoints,
        "checkpoint_failures": stats.checkpoint_failures,
        "checkpoint_error": stats.checkpoint_error,
        "checkpoint_ms": stats.checkpoint_ms,
        "checkpoint_age_ms": stats.checkpoint_age_ms,
        "poisoned": stats.poisoned,
        "tables": stats.tables.iter().map(table_json).collect::<Vec<Value>>(),
        "ended_tables": stats.ended_tables.iter().map(table_json).collect::<Vec<Value>>(),
    })
}

fn recovery_json(report: &RecoveryReport) -> Value {
    let cut = report.cut.as_ref();
    json!({
        "checkpoint_rows": report.checkpoint_rows,
        "records": report.records,
        "log_rows": report.log_rows,
        "index_entries": report.index_entries,
        "timestamp": report.timestamp,
        "cut": cut.map(|(file, offset, bytes)| {
            json!({ "file": file, "offset": offset, "bytes": bytes })
        }),
        "loading_ms": report.loading.as_millis() as u64,
        "replaying_ms": report.replaying.as_millis() as u64,
        "indexing_ms": report.indexing.as_millis() as u64,
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

//! What a store says of itself, as JSON: the same from C and from the command line.

use serde_json::{Value, json};
use store_core::{CheckReport, RecoveryReport, Stats, TableStats};

/// A store in numbers; the names are those of [`Stats`].
///
/// ```
/// let store = store_core::Store::in_memory()?;
/// let stats = store_etl::report::stats(&store.stats());
/// assert_eq!(stats["commits"], 0);
/// assert!(stats["tables"].as_array().is_some_and(Vec::is_empty));
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn stats(stats: &Stats) -> Value {
    let holders = stats.holders.iter();
    json!({
        "memory_limit": stats.memory_limit,
        "memory_used": stats.memory_used,
        "memory_peak": stats.memory_peak,
        "overdrawn_pages": stats.overdrawn_pages,
        "holders": holders.map(|holder| json!({ "path": holder.path, "bytes": holder.bytes }))
            .collect::<Vec<_>>(),
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
        "cold": cold(stats),
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
        "following": stats.following.as_ref().map(|following| json!({
            "position": following.position,
            "durable": following.durable,
            "behind_bytes": following.behind_bytes,
            "has_owner": following.has_owner,
            "owner_poisoned": following.owner_poisoned,
            "error": following.error,
        })),
        "followers": stats.followers.iter()
            .map(|follower| json!({
                "process": follower.process,
                "is_opening": follower.is_opening,
                "position": follower.position,
                "held_bytes": follower.held_bytes,
            }))
            .collect::<Vec<_>>(),
        "followers_error": stats.followers_error,
        "tables": stats.tables.iter().map(table).collect::<Vec<_>>(),
        "ended_tables": stats.ended_tables.iter().map(table).collect::<Vec<_>>(),
    })
}

/// What became of rows that left memory by themselves, and blocks of cold rows.
fn cold(stats: &Stats) -> Value {
    json!({
        "blocks_found": stats.cold_blocks_found,
        "blocks_read": stats.cold_blocks_read,
        "freezes": stats.freezes,
        "frozen_rows": stats.frozen_rows,
        "freeze_error": stats.freeze_error,
        "merges": stats.merges,
        "merged_rows": stats.merged_rows,
        "merge_error": stats.merge_error,
    })
}

fn table(table: &TableStats) -> Value {
    let indexes = table.indexes.iter();
    json!({
        "name": table.name,
        "rows": table.rows,
        "cold_rows": table.cold_rows,
        "cold_segments": table.cold_segments,
        "cold_bytes": table.cold_bytes,
        "old_versions": table.old_versions,
        "version_bytes": table.version_bytes,
        "garbage_rows": table.garbage_rows,
        "bytes": table.bytes,
        "bytes_per_row": table.bytes_per_row(),
        "value_bytes": table.value_bytes,
        "indexes": indexes
            .map(|index| json!({
                "name": index.name,
                "entries": index.entries,
                "bytes": index.bytes,
                "bytes_per_entry": index.bytes_per_entry(),
            }))
            .collect::<Vec<_>>(),
    })
}

/// What opening a store found; times in milliseconds.
pub fn recovery(report: &RecoveryReport) -> Value {
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

/// What a check looked at and found.
pub fn check(report: &CheckReport) -> Value {
    json!({
        "ok": report.faults.is_empty(),
        "rows": report.rows,
        "index_entries": report.index_entries,
        "segment_rows": report.segment_rows,
        "faults": report.faults,
    })
}

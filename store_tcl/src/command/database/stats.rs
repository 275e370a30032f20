//! `db stats`
//!
//! The store in numbers: a dict with, under `tables` and `holders`, a dict by name.

use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, pairs};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;
use store_core::{FollowStats, FollowerStats, TableStats};

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> =
    Subcommand { name: "stats", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, Database>) -> Outcome {
    let stats = call.handle.store()?.stats();
    let holders = stats.holders.iter().map(|holder| (&*holder.path, count_obj(holder.bytes)));
    let tables = stats.tables.iter().map(|table| (&*table.name, table_stats(table)));
    let ended = stats.ended_tables.iter().map(|table| (&*table.name, table_stats(table)));
    let followers: Vec<Obj> = stats.followers.iter().map(follower_stats).collect();
    let all = pairs([
        ("memory_limit", count_obj(stats.memory_limit)),
        ("memory_used", count_obj(stats.memory_used)),
        ("memory_peak", count_obj(stats.memory_peak)),
        ("overdrawn_pages", count_obj(stats.overdrawn_pages)),
        ("published", count_obj(stats.published)),
        ("watermark", count_obj(stats.watermark)),
        ("snapshots", count_obj(stats.snapshots as u64)),
        ("oldest_snapshot", count_or_empty(stats.oldest_snapshot)),
        ("oldest_snapshot_age_ms", count_or_empty(stats.oldest_snapshot_age_ms)),
        ("snapshots_expired", count_obj(stats.snapshots_expired)),
        ("commits", count_obj(stats.commits)),
        ("rollbacks", count_obj(stats.rollbacks)),
        ("conflicts", count_obj(stats.conflicts)),
        ("versions_reclaimed", count_obj(stats.versions_reclaimed)),
        ("cold_blocks_found", count_obj(stats.cold_blocks_found)),
        ("cold_blocks_read", count_obj(stats.cold_blocks_read)),
        ("freezes", count_obj(stats.freezes)),
        ("frozen_rows", count_obj(stats.frozen_rows)),
        ("freeze_error", Obj::from_text(stats.freeze_error.as_deref().unwrap_or(""))),
        ("merges", count_obj(stats.merges)),
        ("merged_rows", count_obj(stats.merged_rows)),
        ("merge_error", Obj::from_text(stats.merge_error.as_deref().unwrap_or(""))),
        ("wal_files", count_obj(stats.wal_files as u64)),
        ("wal_bytes", count_obj(stats.wal_bytes)),
        ("wal_end", count_obj(stats.wal_end)),
        ("wal_durable", count_obj(stats.wal_durable)),
        ("wal_checkpoint", count_obj(stats.wal_checkpoint)),
        ("wal_behind_bytes", count_obj(stats.wal_behind_bytes)),
        ("wal_behind_ms", count_or_empty(stats.wal_behind_ms)),
        ("durability", Obj::from_text(&stats.durability.to_string())),
        ("async_delay_ms", count_obj(stats.async_delay_ms)),
        ("async_bytes", count_obj(stats.async_bytes)),
        ("checkpoints", count_obj(stats.checkpoints)),
        ("checkpoint_failures", count_obj(stats.checkpoint_failures)),
        ("checkpoint_error", Obj::from_text(stats.checkpoint_error.as_deref().unwrap_or_default())),
        ("checkpoint_ms", count_or_empty(stats.checkpoint_ms)),
        ("checkpoint_age_ms", count_or_empty(stats.checkpoint_age_ms)),
        ("poisoned", Obj::from_int(i64::from(stats.poisoned))),
        ("following", stats.following.as_ref().map_or_else(|| pairs([]), following_stats)),
        ("followers", Obj::from_list(&followers)),
        ("followers_error", Obj::from_text(stats.followers_error.as_deref().unwrap_or_default())),
        ("tables", by_name(tables)),
        ("ended_tables", by_name(ended)),
        ("holders", by_name(holders)),
    ]);
    Ok(all.into())
}

fn following_stats(following: &FollowStats) -> Obj {
    pairs([
        ("position", count_obj(following.position)),
        ("durable", count_obj(following.durable)),
        ("behind_bytes", count_obj(following.behind_bytes)),
        ("has_owner", Obj::from_int(i64::from(following.has_owner))),
        ("owner_poisoned", Obj::from_int(i64::from(following.owner_poisoned))),
        ("error", Obj::from_text(following.error.as_deref().unwrap_or_default())),
    ])
}

fn follower_stats(follower: &FollowerStats) -> Obj {
    pairs([
        ("process", count_obj(follower.process)),
        ("is_opening", Obj::from_int(i64::from(follower.is_opening))),
        ("position", count_obj(follower.position)),
        ("held_bytes", count_obj(follower.held_bytes)),
    ])
}

fn table_stats(table: &TableStats) -> Obj {
    let indexes = table.indexes.iter().map(|index| {
        let numbers = [
            ("entries", count_obj(index.entries)),
            ("bytes", count_obj(index.bytes)),
            ("bytes_per_entry", Obj::from_float(index.bytes_per_entry())),
        ];
        (&*index.name, pairs(numbers))
    });
    pairs([
        ("rows", count_obj(table.rows)),
        ("cold_rows", count_obj(table.cold_rows)),
        ("cold_segments", count_obj(table.cold_segments as u64)),
        ("cold_bytes", count_obj(table.cold_bytes)),
        ("old_versions", count_obj(table.old_versions)),
        ("version_bytes", count_obj(table.version_bytes)),
        ("garbage_rows", count_obj(table.garbage_rows)),
        ("bytes", count_obj(table.bytes)),
        ("bytes_per_row", Obj::from_float(table.bytes_per_row())),
        ("value_bytes", count_obj(table.value_bytes)),
        ("indexes", by_name(indexes)),
    ])
}

/// What is not there is an empty word.
fn count_or_empty(count: Option<u64>) -> Obj {
    count.map_or_else(|| Obj::from_text(""), count_obj)
}

fn by_name<'n>(entries: impl Iterator<Item = (&'n str, Obj)>) -> Obj {
    let words: Vec<Obj> = entries.flat_map(|(name, value)| [Obj::from_text(name), value]).collect();
    Obj::from_list(&words)
}

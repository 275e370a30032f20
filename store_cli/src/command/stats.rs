//! `store stats DB [--json]`: the store in numbers.

use super::open_to_read;
use crate::args::{Common, StoreArgs};
use crate::failure::{Done, Exit};
use crate::output::{print, print_json};
use indicatif::DecimalBytes;
use std::fmt::Write;
use store_core::Stats;
use store_etl::report;

/// Prints memory, log and tables.
pub fn run(common: &Common, args: &StoreArgs) -> Done {
    let stats = open_to_read(common, &args.db)?.stats();
    if common.json {
        print_json(&report::stats(&stats))?;
    } else {
        print(stats_text(&stats))?;
    }
    Ok(Exit::Done)
}

fn stats_text(stats: &Stats) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        writeln!(text, "{label:<12}{value}").expect("a string takes every write");
    };
    let (used, limit) = (DecimalBytes(stats.memory_used), DecimalBytes(stats.memory_limit));
    line("memory", format!("{used} of {limit}, at most {}", DecimalBytes(stats.memory_peak)));
    let (files, bytes) = (stats.wal_files, DecimalBytes(stats.wal_bytes));
    line("log", format!("{files} {}, {bytes}", plural(files as u64, "file", "files")));
    let (end, durable, start) = (stats.wal_end, stats.wal_durable, stats.wal_checkpoint);
    line("positions", format!("end {end}, durable {durable}, checkpoint {start}"));
    if let Some(age) = stats.wal_behind_ms {
        let bytes = DecimalBytes(stats.wal_behind_bytes);
        line("behind", format!("{bytes}, {:.3} s", age as f64 / 1000.0));
    }
    if let Some(error) = &stats.checkpoint_error {
        line("checkpoint", format!("failed {} times: {error}", stats.checkpoint_failures));
    }
    line("commit", stats.published.to_string());
    if let Some(following) = &stats.following {
        let owner = match (following.has_owner, following.owner_poisoned) {
            (false, _) => "no owner",
            (true, false) => "the owner's",
            (true, true) => "the owner's, which has failed",
        };
        let (position, durable) = (following.position, following.durable);
        line("following", format!("{owner}, at {position} of {durable}"));
    }
    for follower in &stats.followers {
        let (process, position) = (follower.process, follower.position);
        let held = DecimalBytes(follower.held_bytes);
        line("follower", format!("process {process} at {position}, {held} kept for it"));
    }
    if let Some(error) = &stats.followers_error {
        line("followers", format!("cannot be told of commits: {error}"));
    }
    if let (Some(oldest), Some(age)) = (stats.oldest_snapshot, stats.oldest_snapshot_age_ms) {
        line("oldest snapshot", format!("{oldest}, {:.1} s old", age as f64 / 1000.0));
    }
    if stats.snapshots_expired > 0 {
        line("given up", format!("{} snapshots", stats.snapshots_expired));
    }
    line("tables", stats.tables.len().to_string());
    for table in stats.tables.iter().chain(&stats.ended_tables) {
        let rows = table.rows;
        let (name, bytes) = (&table.name, DecimalBytes(table.bytes));
        let words = plural(rows, "row", "rows");
        line("", format!("{name}: {rows} {words}, {bytes}, {} a row", table.bytes_per_row()));
        if table.cold_segments > 0 {
            let (cold, segments) = (table.cold_rows, table.cold_segments);
            let (bytes, files) =
                (DecimalBytes(table.cold_bytes), plural(segments as u64, "segment", "segments"));
            line("", format!("  {cold} cold, {bytes} in {segments} {files}"));
        }
        if table.old_versions > 0 {
            let (versions, bytes) = (table.old_versions, DecimalBytes(table.version_bytes));
            line("", format!("  old versions: {versions}, {bytes}"));
        }
        for index in &table.indexes {
            let (name, entries, bytes) = (&index.name, index.entries, DecimalBytes(index.bytes));
            let each = index.bytes_per_entry();
            line("", format!("  index {name}: {entries} entries, {bytes}, {each} an entry"));
        }
    }
    text
}

fn plural<'w>(count: u64, one: &'w str, many: &'w str) -> &'w str {
    if count == 1 { one } else { many }
}

//! What a store and its tables hold, in numbers.

use crate::durability::Durability;
use crate::follow::{FollowStats, FollowerStats};
use crate::mem::HolderUsage;
use crate::sync::Relaxed;
use crate::txn::{Engine, FreezerTally, LiveTable, MergesTally, SecondaryIndex};
use std::sync::Arc;

/// A store in numbers, as of one moment without stopping anybody.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The memory budget in bytes.
    pub memory_limit: u64,
    /// Bytes reserved now.
    pub memory_used: u64,
    /// The most bytes ever reserved at once.
    pub memory_peak: u64,
    /// Pages that commits took beyond what they had reserved; 0 unless an estimate was wrong.
    pub overdrawn_pages: u64,
    /// Who holds them: the tree of holders, parents first.
    pub holders: Vec<HolderUsage>,
    /// Newest timestamp a new snapshot reads.
    pub published: u64,
    /// Oldest timestamp a live snapshot reads, as last computed.
    pub watermark: u64,
    /// Open snapshots and transactions.
    pub snapshots: usize,
    /// What the oldest of those reads that were not given up.
    pub oldest_snapshot: Option<u64>,
    /// How long ago that one was taken, in milliseconds; exact to 4.
    pub oldest_snapshot_age_ms: Option<u64>,
    /// Snapshots given up since the store was opened, as versions kept for them filled the memory.
    pub snapshots_expired: u64,
    /// Commits with writes since the store was opened.
    pub commits: u64,
    /// Transactions rolled back since then.
    pub rollbacks: u64,
    /// Conflicts lost since then.
    pub conflicts: u64,
    /// Old versions reclaimed since then.
    pub versions_reclaimed: u64,
    /// Blocks of cold rows that were asked for and in memory, and those that were read.
    pub cold_blocks_found: u64,
    /// See `cold_blocks_found`.
    pub cold_blocks_read: u64,
    /// Times that rows were frozen because the budget was nearly used up, and how many they were.
    pub freezes: u64,
    /// See `freezes`.
    pub frozen_rows: u64,
    /// Why the last of them failed, if it did.
    pub freeze_error: Option<String>,
    /// Cold segments that were made of others, and the rows written to them.
    pub merges: u64,
    /// See `merges`.
    pub merged_rows: u64,
    /// Why the last merge failed, if it did; segments stay as they are then.
    pub merge_error: Option<String>,
    /// Files of the log.
    pub wal_files: usize,
    /// Bytes of those files.
    pub wal_bytes: u64,
    /// Where the log ends, in bytes since the store was made.
    pub wal_end: u64,
    /// All before this position survives a loss of power.
    pub wal_durable: u64,
    /// Bytes appended and not durable: what asynchronous commits are behind, with what is on its way.
    pub wal_behind_bytes: u64,
    /// Age in milliseconds of the oldest commit that nobody waited for, or that has a ticket, and that is
    /// not durable.
    pub wal_behind_ms: Option<u64>,
    /// When commits return that do not say.
    pub durability: Durability,
    /// Bounds for asynchronous commits: milliseconds and bytes.
    pub async_delay_ms: u64,
    /// See `async_delay_ms`.
    pub async_bytes: u64,
    /// Where replay would begin: at the last checkpoint. Positions count bytes of log since the store was
    /// made, and stay what they are as long as it exists.
    pub wal_checkpoint: u64,
    /// Checkpoints written since the store was opened, asked for or not.
    pub checkpoints: u64,
    /// Those that failed; commits do not notice.
    pub checkpoint_failures: u64,
    /// Why the last one failed, if it did.
    pub checkpoint_error: Option<String>,
    /// How long the last one took, in milliseconds.
    pub checkpoint_ms: Option<u64>,
    /// How long ago it ended, in milliseconds.
    pub checkpoint_age_ms: Option<u64>,
    /// A sync failed: no more commits.
    pub poisoned: bool,
    /// Of a store opened for reading only: how far it has come.
    pub following: Option<FollowStats>,
    /// Those who follow this store, which is owned.
    pub followers: Vec<FollowerStats>,
    /// Why followers cannot be told how far the log is durable, or could not once.
    pub followers_error: Option<String>,
    /// The tables by name.
    pub tables: Vec<TableStats>,
    /// Tables as they were before their columns changed, or that were dropped, as long as snapshots
    /// may read them.
    pub ended_tables: Vec<TableStats>,
}

/// A table in numbers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Rows in the primary index: those visible to somebody, and those being inserted.
    pub rows: u64,
    /// Rows in cold segments.
    pub cold_rows: u64,
    /// Cold segments, and their bytes on disk.
    pub cold_segments: usize,
    /// See `cold_segments`.
    pub cold_bytes: u64,
    /// Older versions kept for open snapshots or not reclaimed yet.
    pub old_versions: u64,
    /// Bytes of those: their nodes, and the long values that only they hold.
    pub version_bytes: u64,
    /// Rows with such versions, waiting for reclaim.
    pub garbage_rows: u64,
    /// Bytes reserved for the table: rows, versions, values, primary index, indexes.
    pub bytes: u64,
    /// Bytes of text and bytes values too long for their cell, old versions included.
    pub value_bytes: u64,
    /// Its secondary indexes, one that is being built among them.
    pub indexes: Vec<IndexStats>,
}

/// An index in numbers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexStats {
    /// Its name.
    pub name: String,
    /// Entries, those of old versions included.
    pub entries: u64,
    /// Bytes of its blocks.
    pub bytes: u64,
}

impl Stats {
    pub(crate) fn of(engine: &Engine) -> Self {
        let checkpoints = engine.checkpoints.lock().clone();
        let counters = &engine.counters;
        let log = engine.log();
        let FreezerTally { passes: freezes, rows: frozen_rows, error: freeze_error } =
            engine.freezer.tally();
        let MergesTally { merges, rows: merged_rows, error: merge_error } = engine.merges.tally();
        let (cold_blocks_found, cold_blocks_read) = engine.cold_blocks.looks();
        let (snapshots, oldest) = engine.timeline.open_snapshots();
        let behind = log.map(|log| log.wal.behind()).unwrap_or_default();
        let files = log.map(|log| log.wal.files()).unwrap_or_default();
        Self {
            memory_limit: engine.budget.limit(),
            memory_used: engine.budget.used(),
            memory_peak: engine.budget.peak(),
            overdrawn_pages: engine.pool.overdrawn(),
            holders: engine.budget.usage(),
            published: engine.timeline.published().0,
            watermark: engine.timeline.advance_watermark().0,
            snapshots,
            oldest_snapshot: oldest.map(|oldest| oldest.0.0),
            oldest_snapshot_age_ms: oldest.map(|oldest| oldest.1.as_millis() as u64),
            snapshots_expired: counters.snapshots_expired.load(Relaxed),
            commits: counters.commits.total(),
            rollbacks: counters.rollbacks.load(Relaxed),
            conflicts: counters.conflicts.load(Relaxed),
            versions_reclaimed: counters.versions_reclaimed.total(),
            freezes,
            frozen_rows,
            freeze_error,
            merges,
            merged_rows,
            merge_error,
            cold_blocks_found,
            cold_blocks_read,
            wal_files: files.len(),
            wal_bytes: files.iter().map(|file| file.bytes).sum(),
            wal_end: log.map_or(0, |log| log.wal.end().0),
            wal_durable: log.map_or(0, |log| log.wal.durable().0),
            wal_behind_bytes: behind.bytes,
            wal_behind_ms: behind.age.map(|age| age.as_millis() as u64),
            durability: log.map_or(Durability::None, |log| log.durability),
            async_delay_ms: log.map_or(0, |log| log.lag.delay.as_millis() as u64),
            async_bytes: log.map_or(0, |log| log.lag.bytes),
            wal_checkpoint: log.map_or(0, |log| log.checkpoint.load(Relaxed)),
            checkpoints: checkpoints.done,
            checkpoint_failures: checkpoints.failed,
            checkpoint_error: checkpoints.error,
            checkpoint_ms: checkpoints.took.map(|took| took.as_millis() as u64),
            checkpoint_age_ms: checkpoints.ended.map(|ended| ended.elapsed().as_millis() as u64),
            poisoned: engine.check_log().is_err(),
            following: None,
            followers: Vec::new(),
            followers_error: log.and_then(|log| log.wal.publishing_fault()),
            tables: tables_of(&engine.live_tables()),
            ended_tables: tables_of(&engine.upkeep.ended()),
        }
    }
}

fn tables_of(tables: &[Arc<LiveTable>]) -> Vec<TableStats> {
    tables.iter().map(|table| TableStats::of(table)).collect()
}

impl TableStats {
    pub(crate) fn none(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rows: 0,
            cold_rows: 0,
            cold_segments: 0,
            cold_bytes: 0,
            old_versions: 0,
            version_bytes: 0,
            garbage_rows: 0,
            bytes: 0,
            value_bytes: 0,
            indexes: Vec::new(),
        }
    }

    /// Bytes of the table for each of its rows, all that belongs to it included, to a tenth; 0 without
    /// rows.
    ///
    /// ```
    /// # let (_store, flights) = store_core::doctest::flights();
    /// let stats = flights.stats();
    /// assert!(stats.bytes_per_row() > 0.0);
    /// assert!(stats.indexes.iter().all(|index| index.bytes_per_entry() > 0.0));
    /// ```
    pub fn bytes_per_row(&self) -> f64 {
        tenths(self.bytes, self.rows)
    }

    pub(crate) fn of(table: &LiveTable) -> Self {
        let rows = table.share_locked();
        let cold = rows.cold.segments();
        let index = |index: &Arc<SecondaryIndex>| IndexStats {
            name: index.spec.name.clone(),
            entries: index.tree.len(),
            bytes: index.tree.bytes(),
        };
        Self {
            name: rows.schema.table.clone(),
            rows: rows.primary.len(),
            cold_rows: rows.cold.count(rows.timeline.published()),
            cold_segments: cold.len(),
            cold_bytes: cold.iter().map(|segment| segment.file.file_bytes()).sum(),
            old_versions: rows.versions.nodes(),
            version_bytes: rows.version_bytes(),
            garbage_rows: rows.garbage.len(),
            bytes: rows.holder.used(),
            value_bytes: rows.values.live_bytes(),
            indexes: rows.indexes.iter().map(index).collect(),
        }
    }
}

impl IndexStats {
    /// Bytes of the index for each of its entries, to a tenth; 0 without entries.
    pub fn bytes_per_entry(&self) -> f64 {
        tenths(self.bytes, self.entries)
    }
}

fn tenths(bytes: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { (bytes as f64 / count as f64 * 10.0).round() / 10.0 }
}

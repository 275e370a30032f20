//! Checking a store: checksums on disk, and every index against its table (invariant I9).

use crate::checkpoint::for_each_visible;
use crate::error::{Error, Kind, Result};
use crate::index::ordered::{Direction, KeyRange};
use crate::manifest::{self, ManifestBody};
use crate::segment::SegmentReader;
use crate::store::Home;
use crate::txn::{Edition, Engine, RowWords, SecondaryIndex, SharedEngine, Snapshot, TableData};
use std::sync::Arc;

/// Index entries looked at in one step.
const STEP_ENTRIES: usize = 1024;

/// What a check looked at.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Rows at the snapshot, over all tables.
    pub rows: u64,
    /// Index entries that lead to one of them.
    pub index_entries: u64,
    /// Rows whose checksums were verified on disk.
    pub segment_rows: u64,
    /// What is wrong, a sentence each; empty if nothing is.
    pub faults: Vec<String>,
}

/// Looks at everything; damage is in the report, an error is one of the check itself.
pub(crate) fn check(engine: &SharedEngine, home: Option<&Home>) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    if let Some(home) = home {
        check_segments(engine, home, &mut report)?;
    }
    let snapshot = Snapshot::new(engine)?;
    let editions: Vec<Arc<Edition>> = engine.tables.read().values().cloned().collect();
    for edition in editions {
        // Not one that is newer than the snapshot; what was dropped since is left out.
        let oldest = edition.oldest();
        let Ok(edition) = oldest.of_reader(snapshot.at()) else { continue };
        let table = edition.live().lend();
        // Single indexes: a change of them need not wait for this.
        let mut indexes = table.share().indexes.clone();
        indexes.retain(|index| index.serves(snapshot.at()));
        check_table(&table.data, &indexes, &snapshot, &mut report)?;
        check_cold(engine, &table.data, &snapshot, &mut report)?;
    }
    Ok(report)
}

fn check_segments(engine: &Engine, home: &Home, report: &mut CheckReport) -> Result<()> {
    if let Some(follower) = &home.follower {
        // The owner may have written others since this was opened.
        return follower.hold_checkpoint(|| match manifest::load(&*home.device)? {
            Some(manifest) => check_named(engine, home, &manifest, report),
            None => Ok(()),
        });
    }
    check_named(engine, home, &home.manifest.lock(), report)
}

fn check_named(
    engine: &Engine,
    home: &Home,
    manifest: &ManifestBody,
    report: &mut CheckReport,
) -> Result<()> {
    for entry in &manifest.tables {
        let Some(name) = &entry.segment else { continue };
        match read_segment(engine, home, name) {
            Ok(rows) if rows == entry.rows => report.segment_rows += rows,
            Ok(rows) => report
                .faults
                .push(format!("{name} holds {rows} rows, the manifest says {}", entry.rows)),
            Err(error) if error.kind() == Kind::Corrupt => {
                report.faults.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read_segment(engine: &Engine, home: &Home, name: &str) -> Result<u64> {
    let mut reader = SegmentReader::open(&*home.device, name, &engine.holder.child("check"))?;
    let mut rows = 0;
    while reader.next_row()?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

/// Every byte of the cold segments must verify; their rows must be what their indexes say, and none of
/// them in memory as well.
fn check_cold(
    engine: &Engine,
    rows: &TableData,
    snapshot: &Snapshot,
    report: &mut CheckReport,
) -> Result<()> {
    let Some(device) = engine.device() else { return Ok(()) };
    let holder = engine.holder.child("check");
    let segments = rows.cold.segments();
    let mut sound = true;
    for segment in segments.iter() {
        match segment.file.verify(&**device, &holder) {
            Ok(verified) => report.segment_rows += verified,
            Err(error) if error.kind() == Kind::Corrupt => {
                report.faults.push(error.to_string());
                sound = false;
                continue;
            }
            Err(error) => return Err(error),
        }
        report.rows += segment.count(snapshot.at());
    }
    // What is damaged cannot be asked for the keys of rows in memory.
    let twins = if sound { twins_in_memory(rows, snapshot)? } else { 0 };
    if twins > 0 {
        let table = &rows.schema.table;
        report.faults.push(format!("{twins} rows of `{table}` are cold and in memory"));
    }
    Ok(())
}

/// Rows in memory whose key a cold row has, for the same reader.
fn twins_in_memory(rows: &TableData, snapshot: &Snapshot) -> Result<u64> {
    let mut twins = 0;
    if rows.cold.is_empty() {
        return Ok(0);
    }
    for_each_visible(rows, snapshot.moment(), |words| {
        twins += u64::from(rows.find_cold(&rows.view(words), snapshot.at())?.is_some());
        Ok(())
    })?;
    Ok(twins)
}

/// Each index must hold exactly one entry for the visible version of each row, and the key index
/// must find each row.
fn check_table(
    rows: &TableData,
    indexes: &[Arc<SecondaryIndex>],
    snapshot: &Snapshot,
    report: &mut CheckReport,
) -> Result<()> {
    let mut count = 0;
    let mut unfindable = 0_u64;
    let mut found = RowWords::zeroed(rows.layout.words());
    let all = 0..found.len();
    for_each_visible(rows, snapshot.moment(), |words| {
        count += 1;
        let key = rows.view(words);
        let mut hit = false;
        for row in rows.primary.candidates(key.key_hash()) {
            hit |= rows.versions.read(row, snapshot.moment(), &all, &mut found)?
                && rows.view(&found).same_key(&key);
        }
        unfindable += u64::from(!hit);
        Ok(())
    })?;
    if unfindable > 0 {
        let table = &rows.schema.table;
        report.faults.push(format!("{unfindable} rows of `{table}` are not found by their key"));
    }
    report.rows += count;
    for index in indexes {
        let entries = count_entries(rows, index, snapshot)?;
        report.index_entries += entries;
        if entries != count {
            report.faults.push(format!(
                "index `{}` of `{}` leads to {entries} rows, the table has {count}",
                index.spec.name, rows.schema.table
            ));
        }
    }
    Ok(())
}

/// Entries whose row, as the snapshot sees it, has the entry's value.
fn count_entries(rows: &TableData, index: &SecondaryIndex, snapshot: &Snapshot) -> Result<u64> {
    let mut scan = index.tree.scan(&KeyRange::all(), Direction::Ascending);
    let mut words = RowWords::zeroed(rows.layout.words());
    let all = 0..words.len();
    let (mut entries, mut fault, mut encoded) = (0, None::<Error>, Vec::new());
    loop {
        let more = scan.next_entries(
            &mut |key, row| {
                let seen = rows.versions.read(row, snapshot.moment(), &all, &mut words);
                if matches!(seen, Ok(false)) {
                    return;
                }
                encoded.clear();
                match seen.and_then(|_| index.encode(rows, &words, &mut encoded)) {
                    // Ties, too: nobody else looks at them.
                    Ok(()) => entries += u64::from(key.starts_with(&encoded)),
                    Err(error) => fault = Some(error),
                }
            },
            STEP_ENTRIES,
        );
        if let Some(error) = fault {
            return Err(error);
        }
        if !more {
            rows.timeline.check_kept(snapshot.moment())?; // else entries may be missing
            return Ok(entries);
        }
    }
}

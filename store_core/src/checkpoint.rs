//! Checkpoints: every row at one snapshot into segments, then the manifest, then the old log goes.
//!
//! ```text
//! start a new log file → wait until all before it is published → snapshot S
//! → segments (written, synced, renamed) → manifest switched → old segments and log files removed
//! ```
//!
//! Each step may be the last before a crash: until the manifest is switched the old checkpoint and
//! its log are complete, and after it what is left over is removed by the next opening. Replay skips
//! commits up to S, so it does not matter that the new log file holds some of them.

mod automatic;

pub(crate) use automatic::{Automatic, run_noted, start};

use crate::cold::ColdState;
use crate::cold_files;
use crate::error::{Error, Kind, Result};
use crate::follow;
use crate::manifest::{self, ManifestBody, TableEntry};
use crate::mvcc::Moment;
use crate::options::pause_after;
use crate::planted;
use crate::segment::{SegmentKind, SegmentOptions, SegmentWriter};
use crate::store::Home;
use crate::sync::Relaxed;
use crate::txn::{Engine, LiveTable, Reading, RowWords, TableData, record};
use crate::wal::{Device, Lsn};
use std::sync::Arc;
use std::time::Duration;

/// Writes a checkpoint and removes the log before it.
fn run(engine: &Arc<Engine>, home: &Home) -> Result<()> {
    let Some(log) = engine.log() else { return Ok(()) };
    engine.check_log()?;
    // One checkpoint at a time, and no change of the schema between the log's start and the snapshot.
    let _changing = engine.ddl.lock();
    let mut manifest = home.manifest.lock();
    let tables = engine.live_tables();
    let mut changed = Vec::new();
    let start = {
        let _no_fragments = engine.fragments.write();
        let look = || changed = tables.iter().map(|table| table.data.take_changed()).collect();
        log.wal.roll(look)?
    };
    let outcome = write(engine, home, &mut manifest, start, &changed);
    if outcome.is_err() {
        let changed = tables.iter().zip(changed).filter(|(_, changed)| *changed);
        changed.for_each(|(table, _)| table.data.note_changed());
    }
    outcome?;
    // Files that a backup copies stay; the next checkpoint removes them.
    let no_copies = home.copying.try_write();
    if no_copies.is_none() && !planted::bug("copied_file_removed") {
        return Ok(());
    }
    if let (Some(_none_merged), Some(_none_written)) =
        (engine.merging.try_lock(), engine.freezing.try_lock())
    {
        cold_files::retire_ended(engine);
        cold_files::remove_unused(engine, &*home.device, &manifest)?;
    }
    // What cannot be removed now is by the next checkpoint or opening.
    match follow::remove_unneeded(&*home.device, &manifest, home.follower_bytes) {
        Ok(needed) => log.wal.remove_before(needed.min(start)),
        Err(_) => Ok(()),
    }
}

/// Writes the tables that have changed and puts the manifest in force; `changed` goes with the tables.
fn write(
    engine: &Arc<Engine>,
    home: &Home,
    manifest: &mut ManifestBody,
    start: Lsn,
    changed: &[bool],
) -> Result<()> {
    let log = engine.log().expect("the caller has looked");
    engine.wait_published(engine.timeline.newest())?;
    let snapshot = Reading::new(engine)?;
    let before = Before { manifest: &*manifest, changed };
    let entries = write_tables(engine, &home.device, &snapshot, Some(&before))?;
    let body = ManifestBody {
        store_id: manifest.store_id,
        wal_start: start.0,
        checkpoint_timestamp: snapshot.at().0,
        next_table: engine.next_table(),
        has_log: true,
        tables: entries,
    };
    if planted::bug("log_removed_early") {
        log.wal.remove_before(Lsn(start.0))?;
    }
    // Followers read the new one as soon as it has its name: it must hold nothing that may be lost.
    if !planted::bug("checkpoint_not_in_log") {
        log.wal.flush()?;
    }
    manifest::save(&*home.device, &body)?;
    log.checkpoint.store(start.0, Relaxed);
    *manifest = body;
    Ok(())
}

/// The checkpoint in force, and which of the engine's tables have changed since.
pub(crate) struct Before<'a> {
    manifest: &'a ManifestBody,
    changed: &'a [bool],
}

impl Before<'_> {
    /// What a table is in force with, if it has not changed but for its indexes.
    fn entry(&self, position: usize, table: &LiveTable) -> Option<TableEntry> {
        if self.changed[position] {
            return None;
        }
        let known = self.manifest.tables.iter().find(|entry| entry.id == table.data.id)?;
        Some(entry_of(table, known.segment.clone(), known.rows, known.cold.clone()))
    }

    fn names(&self, entry: &TableEntry) -> bool {
        self.manifest.tables.iter().any(|kept| kept.segment == entry.segment)
    }
}

/// Writes the rows of every table that the snapshot sees to segments of a device, but of those that
/// have not changed since the checkpoint before; after an error there are only segments of that one.
pub(crate) fn write_tables(
    engine: &Arc<Engine>,
    device: &Arc<dyn Device>,
    snapshot: &Reading<'_>,
    before: Option<&Before<'_>>,
) -> Result<Vec<TableEntry>> {
    let tables: Vec<Arc<LiveTable>> = engine.live_tables();
    let mut entries = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        if let Some(entry) = before.and_then(|before| before.entry(position, table)) {
            entries.push(entry);
            continue;
        }
        match write_table(engine, device, table, snapshot) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                if !planted::bug("named_segment_removed") {
                    entries.retain(|entry| !before.is_some_and(|before| before.names(entry)));
                }
                remove_segments(&**device, &entries);
                return Err(error);
            }
        }
    }
    Ok(entries)
}

fn write_table(
    engine: &Arc<Engine>,
    device: &Arc<dyn Device>,
    table: &LiveTable,
    snapshot: &Reading<'_>,
) -> Result<TableEntry> {
    let (rows, at) = (&table.data, snapshot.at());
    let name = manifest::segment_name(rows.id, at.0);
    let mut writer = SegmentWriter::create(
        Arc::clone(device),
        format!("{name}.tmp"),
        SegmentKind::Checkpoint,
        u64::from(rows.id),
        SegmentOptions::default(),
        &engine.holder.child("checkpoint"),
    )?;
    let mut image = Vec::new();
    let mut pace = Pace::new(engine);
    for_each_visible(rows, snapshot.moment(), |words| {
        if engine.is_ending() {
            return Err(Error::new(Kind::Cancelled, "the store is being closed"));
        }
        image.clear();
        record::put_row(rows, words, &mut image);
        writer.push(&image)?;
        writer.take_sync_time().into_iter().for_each(|took| pace.pause(took));
        Ok(())
    })?;
    let written = writer.rows();
    let segment = if written > 0 {
        writer.finish(&name)?;
        Some(name)
    } else {
        drop(writer); // removes its temporary file
        None
    };
    Ok(entry_of(table, segment, written, cold_files::states(rows, at)))
}

fn entry_of(
    table: &LiveTable,
    segment: Option<String>,
    rows: u64,
    cold: Vec<ColdState>,
) -> TableEntry {
    TableEntry {
        id: table.data.id,
        schema: table.schema().clone(),
        next_row: table.data.next_row.load(Relaxed) as i64,
        next_index: table.next_index(),
        next_column: table.next_column(),
        segment,
        rows,
        cold,
    }
}

/// Leaves the disk and the processor to commits for a while, if there are any: their syncs would queue
/// behind those of the segment.
pub(crate) struct Pace<'e> {
    engine: &'e Engine,
    /// Where the log ended before.
    end: Lsn,
}

impl<'e> Pace<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Self { engine, end: Lsn::ZERO }
    }

    /// Pauses after a sync that took so long.
    pub(crate) fn pause(&mut self, took: Duration) {
        let end = self.engine.log().map_or(Lsn::ZERO, |log| log.wal.end());
        if std::mem::replace(&mut self.end, end) != end {
            std::thread::sleep(pause_after(took));
        }
    }
}

/// Shows the words of every row that a registered snapshot sees.
pub(crate) fn for_each_visible(
    rows: &TableData,
    at: Moment,
    mut visit: impl FnMut(&[u64]) -> Result<()>,
) -> Result<()> {
    let mut words = RowWords::zeroed(rows.layout.words());
    let all = 0..words.len();
    for page in 0..rows.versions.pages() {
        for row in rows.versions.page_rows(page) {
            if rows.versions.read(row, at, &all, &mut words)? {
                visit(&words)?;
            }
        }
    }
    Ok(())
}

/// Removes segments of a checkpoint that failed; what cannot be removed now is by the next opening.
fn remove_segments(device: &dyn Device, entries: &[TableEntry]) {
    for name in entries.iter().filter_map(|entry| entry.segment.as_ref()) {
        let _: Result<()> = device.remove(name).map_err(|error| Error::io(name, error));
    }
}

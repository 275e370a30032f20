//! The files of cold segments: their names, opening them, and removing those that nobody needs.
//!
//! ```text
//!  written, synced, named ──► a commit of the log names it ──► checkpoints name it ──► all its rows gone
//!  removed by the next opening  │  needed                     │ needed              │  by a checkpoint
//! ```
//!
//! A segment stays until a checkpoint has the last commit that says something of it: replay opens it.
//! It is in its file before the log speaks of it, so whoever finds its number in the log or in the
//! manifest finds the file, or a damaged store.

use crate::cold::{ColdChange, ColdSegment, ColdState};
use crate::error::{Error, Kind, Result};
use crate::follow;
use crate::manifest::{COLD_BEGINNING, ManifestBody, SEGMENT_ENDING, TEMPORARY_ENDING, cold_name};
use crate::mvcc::Timestamp;
use crate::segment::ColdFile;
use crate::txn::{Engine, TableData};
use crate::wal::Device;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The number in a segment's name, whether it is complete or not.
fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_suffix(TEMPORARY_ENDING).unwrap_or(name);
    let digits = name.strip_prefix(COLD_BEGINNING)?.strip_suffix(SEGMENT_ENDING)?;
    u64::from_str_radix(digits.split_once('-')?.1, 16).ok()
}

/// Numbers of new segments come after those that are there.
pub(crate) fn note_numbers(engine: &Engine, device: &dyn Device) -> Result<()> {
    let names = device.list().map_err(|fault| Error::io(device.describe(), fault))?;
    for number in names.iter().filter_map(|name| number_of(name)) {
        engine.note_cold_number(number.saturating_add(1));
    }
    Ok(())
}

/// The segment of this number, which is opened if the table does not have it yet. `table` is the number
/// that the table had when the segment was written.
pub(crate) fn attach(
    device: &dyn Device,
    rows: &TableData,
    table: u32,
    number: u64,
) -> Result<Arc<ColdSegment>> {
    if let Some(known) = known(rows, number) {
        return Ok(known);
    }
    let name = cold_name(table, number);
    let file =
        ColdFile::open(device, &name, &rows.cold.holder).map_err(|error| match error.kind() {
            Kind::NotFound => Error::corrupt(format!("{name} is missing, the store needs it")),
            _ => error,
        })?;
    if file.schema_id() != u64::from(table) {
        return Err(Error::corrupt(format!("{name} belongs to another table")));
    }
    rows.cold.add(file, table, number)
}

fn known(rows: &TableData, number: u64) -> Option<Arc<ColdSegment>> {
    rows.cold.segments().iter().find(|segment| segment.number == number).cloned()
}

fn needed(rows: &TableData, number: u64) -> Result<Arc<ColdSegment>> {
    let unknown = || format!("the log speaks of cold segment {number}, which nothing names");
    known(rows, number).ok_or_else(|| Error::corrupt(unknown()))
}

/// The segment that a change in the log is about, which it fits.
pub(crate) fn segment_of(
    device: &dyn Device,
    rows: &TableData,
    change: &ColdChange,
) -> Result<Arc<ColdSegment>> {
    let segment = match change {
        ColdChange::Born { segment, .. } => attach(device, rows, rows.id, *segment)?,
        ColdChange::Gone { segment, .. } => needed(rows, *segment)?,
        ColdChange::Over { segment, into } => {
            let (segment, next) = (needed(rows, *segment)?, needed(rows, *into)?);
            if Arc::ptr_eq(&segment, &next) || next.next().is_some() {
                let (name, next) = (segment.file.name(), next.file.name());
                return Err(Error::corrupt(format!("{name}: merged into {next}, which is over")));
            }
            segment.lead_to(&next);
            segment
        }
    };
    segment.check(change)?;
    Ok(segment)
}

/// Opens the segments of a table as a checkpoint had them.
pub(crate) fn restore(
    device: &dyn Device,
    rows: &TableData,
    states: &[ColdState],
    at: Timestamp,
) -> Result<u64> {
    let mut count = 0;
    for state in states {
        let segment = attach(device, rows, state.table, state.number)?;
        segment.restore(state, at)?;
        count += segment.count(at);
    }
    Ok(count)
}

/// What a checkpoint at this timestamp says of a table's segments.
pub(crate) fn states(rows: &TableData, at: Timestamp) -> Vec<ColdState> {
    rows.cold.segments().iter().filter_map(|segment| segment.state(at)).collect()
}

/// The names of the segments that a table needs, the manifest in force, or the log behind it.
pub(crate) fn needed_names(engine: &Engine, manifest: &ManifestBody) -> BTreeSet<String> {
    let mut tables = engine.live_tables();
    tables.extend(engine.upkeep.ended());
    let segments = tables.iter().flat_map(|table| table.data.cold.segments().to_vec());
    let used = segments.map(|segment| segment.file.name().to_owned());
    let retired = engine.retired.lock();
    let checkpoint = Timestamp(manifest.checkpoint_timestamp);
    let in_log = retired.iter().filter(|(_, at)| **at > checkpoint).map(|(name, _)| name.clone());
    used.chain(in_log).chain(manifest.cold_segments()).collect()
}

/// Takes the segments out of the tables whose last row is gone for every reader.
pub(crate) fn retire_ended(engine: &Engine) {
    let Some(live) = engine.timeline.live_snapshots() else { return };
    for table in engine.live_tables() {
        let ended = table.data.cold.remove_ended(live.oldest_registered);
        let mut retired = engine.retired.lock();
        for segment in ended {
            retired.insert(segment.file.name().to_owned(), segment.last_change());
        }
    }
}

/// Removes the segments that neither a table nor the manifest in force needs, unless a follower may; the
/// caller sees to it that none is being written.
pub(crate) fn remove_unused(
    engine: &Engine,
    device: &dyn Device,
    manifest: &ManifestBody,
) -> Result<()> {
    let names = device.list().map_err(|fault| Error::io(device.describe(), fault))?;
    let mut cold = names.iter().filter(|name| number_of(name).is_some()).peekable();
    if cold.peek().is_none() || follow::is_followed(device)? {
        return Ok(());
    }
    let needed = needed_names(engine, manifest);
    for name in cold.filter(|name| !needed.contains(*name)) {
        device.remove(name).map_err(|fault| Error::io(format_args!("{name}: removing"), fault))?;
    }
    engine.retired.lock().retain(|name, _| needed.contains(name));
    Ok(())
}

//! Saving what verifies of a damaged store in a new one.
//!
//! Reads as opening does, but goes on where that refuses: behind a damaged block with the next
//! one, behind a damaged record with the next one. So the new store may lack changes that later
//! ones built on; what is missing is listed. The damaged store is only read.

use crate::backup;
use crate::cold::ColdReader;
use crate::cold_files;
use crate::error::{Error, Kind, Result};
use crate::manifest::{self, ManifestBody, TableEntry};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::recovery::Recovery;
use crate::segment::SegmentReader;
use crate::txn::load::{self, Room};
use crate::txn::{Engine, LiveTable, RowWords, SharedEngine, TableData, check_values};
use crate::wal::{self, Device, Lsn, Record};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Most sentences about what is missing; more are counted.
const LOSSES_MAX: usize = 10_000;

/// What was saved of a damaged store.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The tables, with how many rows each has now.
    pub tables: Vec<(String, u64)>,
    /// Records of the log that verified.
    pub records: u64,
    /// What was not saved, a sentence each; empty if nothing was damaged.
    pub losses: Vec<String>,
    /// How many more there were.
    pub losses_unlisted: u64,
}

impl SalvageReport {
    fn lose(&mut self, sentence: String) {
        if planted::bug("loss_unsaid") {
            return;
        }
        if self.losses.len() < LOSSES_MAX {
            self.losses.push(sentence);
        } else {
            self.losses_unlisted += 1;
        }
    }
}

/// Saves what verifies in `from` to `to`, with so many bytes of memory.
pub(crate) fn run(
    memory: u64,
    device: &Arc<dyn Device>,
    to: &Arc<dyn Device>,
) -> Result<SalvageReport> {
    let (engine, from) = (Engine::new(memory)?, &**device);
    engine.attach_device(device);
    let mut report = SalvageReport::default();
    let body = manifest_of(from, &mut report)?;
    let mut recovery = Recovery::new(&engine, Timestamp(body.checkpoint_timestamp));
    recovery.refused = Some(Vec::new());
    let holder = engine.holder.child("salvage");
    for entry in &body.tables {
        save_table(from, entry, &mut recovery, &holder, &mut report)?;
    }
    let newest = save_log(from, &body, &mut recovery, &holder, &mut report)?;
    for table in recovery.tables() {
        save_cold(&table.data, Timestamp(newest), &mut report)?;
    }
    recovery.build_indexes(1)?;
    for table in recovery.tables() {
        allow_twins(table, &mut report)?;
        let name = table.schema().table.clone();
        report.tables.push((name, table.data.primary.len()));
    }
    report.tables.sort_unstable();
    drop(recovery);
    engine.timeline.restart_at(Timestamp(newest));
    backup::run(&SharedEngine::new(engine), None, to, &mut |_| true)?;
    Ok(report)
}

/// The manifest, or what is known without it.
fn manifest_of(from: &dyn Device, report: &mut SalvageReport) -> Result<ManifestBody> {
    let first = wal::list_files(from)?.first().map(|(start, _)| *start);
    match (manifest::load(from), first) {
        (Ok(Some(body)), _) => return Ok(body),
        (Ok(None), None) => {
            let place = from.describe();
            return Err(Error::not_found(format!("{place}: there is no store here")).detail(place));
        }
        (Ok(None), Some(_)) => report.lose("there is no manifest".to_owned()),
        (Err(error), _) if is_damage(&error) => report.lose(error.to_string()),
        (Err(error), _) => return Err(error),
    }
    report.lose("tables are known only if they were made in what is left of the log".to_owned());
    Ok(ManifestBody {
        store_id: 0,
        wal_start: first.unwrap_or(Lsn::ZERO).0,
        checkpoint_timestamp: 0,
        next_table: 1,
        has_log: first.is_some(),
        tables: Vec::new(),
    })
}

fn save_table(
    from: &dyn Device,
    entry: &TableEntry,
    recovery: &mut Recovery<'_>,
    holder: &Holder,
    report: &mut SalvageReport,
) -> Result<()> {
    let table = match recovery.begin_table(entry) {
        Err(error) if is_damage(&error) => {
            report.lose(error.to_string());
            return Ok(());
        }
        table => table?,
    };
    for state in &entry.cold {
        let states = std::slice::from_ref(state);
        let at = Timestamp(recovery.checkpoint_timestamp());
        match cold_files::restore(from, &table.data, states, at) {
            Err(error) if is_damage(&error) => report.lose(error.to_string()),
            restored => drop(restored?),
        }
    }
    let Some(name) = &entry.segment else { return Ok(()) };
    let opened = match SegmentReader::open(from, name, holder) {
        Err(error) if is_damage(&error) => SegmentReader::open_damaged(from, name, holder),
        opened => opened,
    };
    let mut reader = match opened {
        Err(error) if is_damage(&error) => {
            report.lose(format!("{} rows of `{}`: {error}", entry.rows, entry.schema.table));
            return Ok(());
        }
        opened => opened?,
    };
    let (mut rows, mut room) = (0, Room::new());
    loop {
        match reader.next_row() {
            Ok(None) => break,
            Ok(Some(image)) => match recovery.put_row(&table.data, image, &mut room) {
                Err(error) if is_damage(&error) => report.lose(error.at(name).to_string()),
                put => {
                    put?;
                    rows += 1;
                }
            },
            Err(error) if is_damage(&error) => {
                report.lose(error.to_string());
                if !reader.skip_damage()? {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    if rows != entry.rows {
        let (table, all) = (&entry.schema.table, entry.rows);
        report.lose(format!("{name}: {rows} of {all} rows of `{table}` verify"));
    }
    Ok(())
}

/// Brings the cold rows that verify back to memory: the new store has them there.
fn save_cold(rows: &TableData, at: Timestamp, report: &mut SalvageReport) -> Result<()> {
    let segments = rows.cold.segments();
    let mut reader = ColdReader::new(segments.clone(), &rows.cold);
    let mut words = RowWords::zeroed(rows.layout.words());
    let all = 0..words.len();
    for segment in segments.iter() {
        let mut lost = 0;
        let mut why = None;
        for row in (0..segment.rows()).filter(|row| segment.sees(*row, at)) {
            let read =
                reader.read(&rows.layout, &rows.schema, segment.number_of(row), &all, &mut words);
            let added = read.and_then(|()| {
                let view = rows.view(&words);
                let cells: Vec<_> =
                    (0..rows.schema.columns.len()).map(|at| view.cell(at)).collect();
                load::add(rows, &cells, at)
            });
            match added {
                Err(error) if is_damage(&error) => {
                    lost += 1;
                    why.get_or_insert(error);
                }
                added => added?,
            }
        }
        if let Some(error) = why {
            let table = &rows.schema.table;
            report.lose(format!("{lost} cold rows of `{table}` do not verify: {error}"));
        }
    }
    rows.cold.forget();
    Ok(())
}

/// Applies what verifies of the log; says the newest timestamp.
fn save_log(
    from: &dyn Device,
    body: &ManifestBody,
    recovery: &mut Recovery<'_>,
    holder: &Holder,
    report: &mut SalvageReport,
) -> Result<u64> {
    let mut newest = body.checkpoint_timestamp;
    let report = RefCell::new(report);
    let mut visit = |record: Record<'_>| {
        newest = newest.max(record.timestamp);
        let applied = recovery.apply(&record);
        let mut report = report.borrow_mut();
        report.records += 1;
        for error in recovery.refused.as_mut().map(std::mem::take).unwrap_or_default() {
            report.lose(error.to_string());
        }
        match applied {
            Err(error) if is_damage(&error) => {
                report.lose(error.to_string());
                Ok(())
            }
            applied => applied,
        }
    };
    let mut missing = |sentence| report.borrow_mut().lose(sentence);
    wal::salvage(from, Lsn(body.wal_start), holder, &mut visit, &mut missing)?;
    Ok(newest)
}

/// Rows that a unique index would have refused lost something in between: the index allows them.
fn allow_twins(table: &LiveTable, report: &mut SalvageReport) -> Result<()> {
    let rows = table.share();
    for index in rows.indexes.iter().filter(|index| index.spec.unique) {
        match check_values(&table.data, index, Duration::ZERO) {
            Err(error) if error.kind() == Kind::Duplicate => {
                let (name, of) = (&index.spec.name, &table.data.schema.table);
                report.lose(format!("index `{name}` of `{of}` is not unique any more: {error}"));
                let mut spec = index.spec.clone();
                spec.unique = false;
                spec.id = table.next_index();
                table.remove_index(index.spec.id);
                let plain = table.add_index(&spec)?; // it stays empty: only its columns are kept
                table.show_index(&plain);
            }
            checked => checked?,
        }
    }
    Ok(())
}

/// What a damaged file gives, rather than a device that fails.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), Kind::Corrupt | Kind::Unsupported | Kind::NotFound)
}

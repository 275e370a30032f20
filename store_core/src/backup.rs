//! Copying a store that is in use to another place, where it opens as a store.
//!
//! ```text
//! place is new, or has an unfinished copy → mark it → flush the log up to E: the copy's last commit
//! → hold back removals → copy the manifest's segments, verify each → copy the log from the
//!   manifest's start to E → write the manifest → take the mark away
//! ```
//!
//! Until the manifest is there the place is no store, and the copy can be taken up again: segments
//! that are there and verify are not copied twice. A store without files is written as a checkpoint
//! at one snapshot. Commits go on meanwhile; checkpoints do, and leave the files being copied.

use crate::checkpoint::write_tables;
use crate::cold_files;
use crate::error::{Error, Kind, Result};
use crate::manifest::{
    self, MANIFEST_NAME, ManifestBody, SEGMENT_ENDING, TEMPORARY_ENDING, TableEntry,
};
use crate::mem::Reservation;
use crate::planted;
use crate::random::random_id;
use crate::segment::{ColdFile, SegmentReader};
use crate::store::Home;
use crate::txn::{Engine, Reading, SharedEngine};
use crate::wal::device::read_full_at;
use crate::wal::{Device, Lsn, OpenMode};
use std::io;
use std::sync::Arc;

/// Says that a directory holds an unfinished copy, and of which store.
pub(crate) const MARK_NAME: &str = "backup.unfinished";
/// Bytes copied at once.
const WINDOW_BYTES: usize = 256 << 10;

/// How far a backup has come.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BackupProgress {
    /// Bytes copied, or found there from an earlier try; of a store without files, 0.
    pub bytes: u64,
    /// Bytes to copy in all.
    pub bytes_total: u64,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BackupReport {
    /// The newest commit in it: it holds all up to this one, and no other.
    pub timestamp: u64,
    /// Files copied or written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that an earlier try had copied.
    pub files_kept: u64,
}

/// Copies the store to a device that is empty, or has an unfinished copy of it.
pub(crate) fn run(
    engine: &SharedEngine,
    home: Option<&Home>,
    target: &Arc<dyn Device>,
    progress: &mut dyn FnMut(BackupProgress) -> bool,
) -> Result<BackupReport> {
    let _owned = target.lock().map_err(|fault| match fault.kind() {
        io::ErrorKind::WouldBlock => {
            let place = target.describe();
            Error::new(Kind::Busy, format!("{place}: another process is using it")).detail(place)
        }
        _ => Error::io(target.describe(), fault),
    })?;
    let store_id = home.map_or(0, |home| home.manifest.lock().store_id);
    begin(&**target, store_id)?;
    if planted::bug("backup_named_early")
        && let Some(home) = home
    {
        manifest::save(&**target, &home.manifest.lock())?;
    }
    let room = engine.holder.child("backup").reserve(WINDOW_BYTES)?;
    let (body, report) = match home {
        Some(home) => {
            let counter = Counter { report: BackupReport::default(), total: 0, progress };
            Copy { engine, home, target: &**target, counter, room }.run()?
        }
        None => write(engine, target)?,
    };
    manifest::save(&**target, &body)?;
    let unmark = target.remove(MARK_NAME).and_then(|()| target.sync_directory());
    unmark.map_err(|fault| Error::io(target.describe(), fault))?;
    Ok(report)
}

/// Marks the place, unless it is already.
fn begin(target: &dyn Device, store_id: u64) -> Result<()> {
    let place = target.describe();
    let names = target.list().map_err(|fault| Error::io(&place, fault))?;
    let refuse = |why: String| Err(Error::invalid(format!("{place}: {why}")).detail(&place));
    if names.iter().any(|name| name == MANIFEST_NAME) {
        return refuse("there is a store already: name a new directory".to_owned());
    }
    let mark = store_id.to_le_bytes();
    match target.open(MARK_NAME, OpenMode::Read) {
        Ok(file) => {
            let mut found = [0; 8];
            let count = read_full_at(&*file, &mut found, 0);
            let count = count.map_err(|fault| Error::io(MARK_NAME, fault))?;
            if count != found.len() || found != mark {
                return refuse("an unfinished backup of another store is there".to_owned());
            }
        }
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            let ours = |name: &str| name == "lock" || name.ends_with(TEMPORARY_ENDING);
            if let Some(foreign) = names.iter().find(|name| !ours(name)) {
                return refuse(format!(
                    "there are other files, such as {foreign}: name a new directory"
                ));
            }
        }
        Err(fault) => return Err(Error::io(MARK_NAME, fault)),
    }
    let made = || {
        let temporary = format!("{MARK_NAME}{TEMPORARY_ENDING}");
        let file = target.open(&temporary, OpenMode::Truncate)?;
        file.write_all_at(&mark, 0)?;
        file.sync_all()?;
        target.rename(&temporary, MARK_NAME)?;
        target.sync_directory()
    };
    made().map_err(|fault| Error::io(format_args!("{place}: {MARK_NAME}"), fault))
}

/// A store without files as a checkpoint.
fn write(engine: &SharedEngine, target: &Arc<dyn Device>) -> Result<(ManifestBody, BackupReport)> {
    let (snapshot, tables) = {
        let _no_changes = engine.ddl.lock();
        let snapshot = Reading::new(engine)?;
        let tables = write_tables(engine, target, &snapshot, None)?;
        (snapshot, tables)
    };
    let files = tables.iter().filter_map(|table| table.segment.as_ref());
    let mut report = BackupReport { timestamp: snapshot.at().0, ..BackupReport::default() };
    for name in files {
        report.files += 1;
        report.bytes += len_of(&**target, name)?;
    }
    let body = ManifestBody {
        store_id: random_id(),
        wal_start: 0,
        checkpoint_timestamp: snapshot.at().0,
        next_table: engine.next_table(),
        has_log: false,
        tables,
    };
    manifest::remove_unnamed_segments(&**target, &body)?;
    Ok((body, report))
}

/// What was copied, and who wants to know.
struct Counter<'a> {
    report: BackupReport,
    total: u64,
    progress: &'a mut dyn FnMut(BackupProgress) -> bool,
}

impl Counter<'_> {
    fn add(&mut self, bytes: u64) -> Result<()> {
        self.report.bytes += bytes;
        let progress = BackupProgress { bytes: self.report.bytes, bytes_total: self.total };
        if (self.progress)(progress) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Cancelled,
            "the backup was told to end; the same call again takes it up where it is",
        ))
    }
}

/// The files of a store on their way.
struct Copy<'a> {
    engine: &'a Engine,
    home: &'a Home,
    target: &'a dyn Device,
    counter: Counter<'a>,
    room: Reservation,
}

impl Copy<'_> {
    fn run(mut self) -> Result<(ManifestBody, BackupReport)> {
        let _none_goes = self.home.copying.read();
        let mut body = self.home.manifest.lock().clone();
        let log = self.engine.log().ok_or_else(|| Error::invalid("the store has no log"))?;
        let (end, timestamp) = log.wal.flush()?;
        self.counter.report.timestamp = timestamp.max(body.checkpoint_timestamp);
        let pieces = log.wal.pieces(Lsn(body.wal_start), end);
        self.counter.total = pieces.iter().map(|(_, bytes)| bytes).sum();
        for name in body.segments() {
            self.counter.total += len_of(&*self.home.device, name)?;
        }
        // Of those that the log speaks of, too: it was flushed before.
        let cold = cold_files::needed_names(self.engine, &body);
        for name in &cold {
            self.counter.total += len_of(&*self.home.device, name)?;
        }
        self.remove_others(&body, &pieces)?;
        for table in &body.tables {
            self.segment(table)?;
        }
        for name in &cold {
            self.cold_segment(name)?;
        }
        for (name, bytes) in &pieces {
            self.file(name, *bytes)?;
        }
        self.target.sync_directory().map_err(|fault| Error::io(self.target.describe(), fault))?;
        body.store_id = random_id();
        Ok((body, self.counter.report))
    }

    /// Removes what an earlier try copied and this one has no use for.
    fn remove_others(&self, body: &ManifestBody, pieces: &[(String, u64)]) -> Result<()> {
        manifest::remove_unnamed_segments(self.target, body)?;
        manifest::remove_temporary_files(self.target)?;
        let place = self.target.describe();
        let names = self.target.list().map_err(|fault| Error::io(&place, fault))?;
        let wanted = |name: &String| {
            *name == "lock"
                || name == MARK_NAME
                || name.ends_with(SEGMENT_ENDING)
                || pieces.iter().any(|(piece, _)| piece == name)
        };
        for name in names.iter().filter(|name| !wanted(name)) {
            self.target.remove(name).map_err(|fault| Error::io(name, fault))?;
        }
        Ok(())
    }

    fn segment(&mut self, table: &TableEntry) -> Result<()> {
        let Some(name) = &table.segment else { return Ok(()) };
        let bytes = len_of(&*self.home.device, name)?;
        let there = len_of(self.target, name).is_ok_and(|there| there == bytes);
        if there && self.verify(table, name).is_ok() {
            self.counter.report.files_kept += 1;
            return self.counter.add(bytes);
        }
        self.file(name, bytes)?;
        self.verify(table, name).inspect_err(|_| {
            let _: io::Result<()> = self.target.remove(name);
        })
    }

    fn cold_segment(&mut self, name: &str) -> Result<()> {
        let bytes = len_of(&*self.home.device, name)?;
        let there = len_of(self.target, name).is_ok_and(|there| there == bytes);
        if there && self.verify_cold(name).is_ok() {
            self.counter.report.files_kept += 1;
            return self.counter.add(bytes);
        }
        self.file(name, bytes)?;
        self.verify_cold(name).inspect_err(|_| {
            let _: io::Result<()> = self.target.remove(name);
        })
    }

    fn verify_cold(&self, name: &str) -> Result<()> {
        let holder = self.engine.holder.child("backup");
        ColdFile::open(self.target, name, &holder)?.verify(self.target, &holder).map(drop)
    }

    /// Reads a segment of the copy to its end, which looks at every checksum.
    fn verify(&self, table: &TableEntry, name: &str) -> Result<()> {
        let mut reader =
            SegmentReader::open(self.target, name, &self.engine.holder.child("backup"))?;
        let mut rows = 0;
        while reader.next_row()?.is_some() {
            rows += 1;
        }
        if rows != table.rows {
            let said = table.rows;
            return Err(Error::corrupt(format!(
                "{name} holds {rows} rows, the manifest says {said}"
            ))
            .detail(name));
        }
        Ok(())
    }

    /// Copies the beginning of a file; it has its name when it is durable.
    fn file(&mut self, name: &str, bytes: u64) -> Result<()> {
        let from = self.home.device.open(name, OpenMode::Read);
        let from = from.map_err(|fault| Error::io(name, fault))?;
        let temporary = format!("{name}{TEMPORARY_ENDING}");
        let writing = |fault| Error::io(format_args!("{name}: copying"), fault);
        let to = self.target.open(&temporary, OpenMode::Truncate).map_err(writing)?;
        let mut window = vec![0; self.room.bytes()];
        let mut at = 0;
        while at < bytes {
            let wanted = (bytes - at).min(window.len() as u64) as usize;
            let window = &mut window[..wanted];
            let count = read_full_at(&*from, window, at).map_err(|fault| Error::io(name, fault))?;
            if count < wanted {
                let place = at + count as u64;
                return Err(Error::corrupt(format!("{name}: the file ends at offset {place}"))
                    .detail(name)
                    .detail(place.to_string()));
            }
            to.write_all_at(window, at).map_err(writing)?;
            at += wanted as u64;
            self.counter.add(wanted as u64)?;
        }
        to.sync_all().map_err(writing)?;
        self.target.rename(&temporary, name).map_err(writing)?;
        self.counter.report.files += 1;
        Ok(())
    }
}

fn len_of(device: &dyn Device, name: &str) -> Result<u64> {
    let len = device.open(name, OpenMode::Read).and_then(|file| file.len());
    len.map_err(|fault| Error::io(name, fault))
}

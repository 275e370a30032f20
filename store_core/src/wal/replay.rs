//! Reading the log again after a start: every valid record in order, and a clean end.

use super::damage::{Rest, find_proof};
use super::device::{Device, OpenMode};
use super::file::{LogStart, WalFile, list_files};
use super::frames::{FrameReader, WINDOW_BYTES};
use super::lsn::Lsn;
use super::record::Record;
use crate::error::{Error, Result};
use crate::mem::Holder;
use crate::planted;

/// No store comes by a later timestamp: a million commits a second take 36,000 years. Larger numbers
/// have another meaning in memory.
pub(crate) const TIMESTAMP_MAX: u64 = 1 << 60;

/// What replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplayReport {
    /// Where the log ends, and a new file is to begin.
    pub(crate) end: Lsn,
    /// Records visited.
    pub(crate) records: u64,
    /// Newest commit timestamp in the log.
    pub(crate) last_timestamp: u64,
    /// Newest wall clock in the log.
    pub(crate) last_wall: i64,
    /// What was cut off, if a crash tore the last batch.
    pub(crate) cut: Option<TornTail>,
}

impl ReplayReport {
    /// Where a new log goes on from here.
    pub(crate) fn next_start(&self) -> LogStart {
        LogStart { lsn: self.end, timestamp: self.last_timestamp, wall: self.last_wall }
    }
}

/// A piece of the log that was written but never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TornTail {
    /// The file that was cut.
    pub(crate) file: String,
    /// Where in the file.
    pub(crate) offset: u64,
    /// Bytes up to the last one that held anything.
    pub(crate) bytes: u64,
}

/// Hands every record from a position on to `visit`, in order.
///
/// Changes nothing: the owner of the device makes the end clean with [`Replayed::clean_end`]. Damage
/// before the end is an error that names file and offset. Memory: one window, or the longest record.
pub(crate) fn replay(
    device: &dyn Device,
    from: Lsn,
    holder: &Holder,
    visit: &mut dyn FnMut(Record<'_>) -> Result<()>,
) -> Result<Replayed> {
    let files = list_files(device)?;
    let first = match files.partition_point(|(start, _)| *start <= from) {
        0 => {
            let place = device.describe();
            return Err(Error::corrupt(format!(
                "{place}: the log from position {from} is missing"
            )));
        }
        after => after - 1,
    };
    let mut replay = Replay { from, holder, visit, report: ReplayReport::default() };
    for (position, (start, name)) in files.iter().enumerate().skip(first) {
        replay.report.end = *start;
        match files.get(position + 1) {
            Some((next, _)) => replay.inner_file(device, name, *next)?,
            None => return replay.last_file(device, name),
        }
    }
    unreachable!("the last of the files is among those that were read")
}

/// A replay on its way through the files.
struct Replay<'a> {
    from: Lsn,
    holder: &'a Holder,
    visit: &'a mut dyn FnMut(Record<'_>) -> Result<()>,
    report: ReplayReport,
}

impl Replay<'_> {
    /// Reads a file that another follows: it was complete and durable before that one began.
    fn inner_file(&mut self, device: &dyn Device, name: &str, next: Lsn) -> Result<()> {
        let file = WalFile::open(device, name, OpenMode::Read)?;
        let mut reader = FrameReader::new(&file, self.holder)?;
        self.records(&mut reader, next)?;
        if self.report.end != next && !planted::bug("middle_damage_cut") {
            return Err(damaged(
                &file,
                self.report.end,
                &format!("the next file begins at {next}"),
            ));
        }
        Ok(())
    }

    /// Reads the last file, and judges its end.
    fn last_file(mut self, device: &dyn Device, name: &str) -> Result<Replayed> {
        let file = WalFile::open(device, name, OpenMode::Write)?;
        let mut reader = FrameReader::new(&file, self.holder)?;
        self.records(&mut reader, Lsn(u64::MAX))?;
        let end = self.report.end;
        if end < self.from {
            return Err(damaged(&file, end, &format!("the log is needed from {}", self.from)));
        }
        let rest = find_proof(&mut reader, end)?;
        if let Some(proof) = rest.found
            && !planted::bug("middle_damage_cut")
        {
            let reason = format!("the record at {proof} was written when it was durable");
            return Err(damaged(&file, end, &reason));
        }
        let durable = reader.durable;
        drop(reader);
        Ok(Replayed { report: self.report, file, durable, rest })
    }

    /// Visits records until there is no valid one, or until `limit`.
    fn records(&mut self, reader: &mut FrameReader<'_>, limit: Lsn) -> Result<()> {
        let file = reader.file;
        let report = &mut self.report;
        if file.start.timestamp > TIMESTAMP_MAX {
            return Err(damaged(file, file.start.lsn, "no store has had so many commits"));
        }
        report.last_timestamp = report.last_timestamp.max(file.start.timestamp);
        report.last_wall = report.last_wall.max(file.start.wall);
        while report.end < limit {
            let Some(record) = reader.record_at(report.end)? else { break };
            if record.timestamp != 0 && record.timestamp <= report.last_timestamp {
                return Err(damaged(file, record.lsn, "its timestamp steps back"));
            }
            if record.timestamp > TIMESTAMP_MAX {
                return Err(damaged(file, record.lsn, "no store has had so many commits"));
            }
            report.last_timestamp = report.last_timestamp.max(record.timestamp);
            report.last_wall = report.last_wall.max(record.wall);
            report.end = record.end;
            if record.lsn >= self.from {
                report.records += 1;
                (self.visit)(record)?;
            }
        }
        Ok(())
    }
}

/// A log that was read to its end.
#[derive(Debug)]
pub(crate) struct Replayed {
    report: ReplayReport,
    /// The last file, open for writing, and how far its records say that it was synced.
    file: WalFile,
    durable: Lsn,
    rest: Rest,
}

impl Replayed {
    /// Makes the end clean: a torn tail is cut off and reported, and everything visited is durable
    /// when this returns.
    ///
    /// The caller holds the device's lock, and goes on with [`super::Wal::create`] at the report's
    /// `end`. A crash at any point leaves a log that replays to the same records.
    pub(crate) fn clean_end(
        mut self,
        device: &dyn Device,
        holder: &Holder,
    ) -> Result<ReplayReport> {
        if !planted::bug("last_batch_not_rewritten") {
            self.rewrite_last_batch(holder)?;
        }
        self.cut()?;
        device.sync_directory().map_err(|fault| Error::io(device.describe(), fault))?;
        Ok(self.report)
    }

    /// Writes again what may never have been synced but is believed from now on.
    ///
    /// After a failed sync the system shows bytes that are not on the disk, and takes them for
    /// written: another sync alone would do nothing for them.
    fn rewrite_last_batch(&self, holder: &Holder) -> Result<()> {
        let file = &self.file;
        let mut reader = FrameReader::new(file, holder)?;
        let mut offset = file.offset_of(self.durable);
        let end = file.offset_of(self.report.end);
        while offset < end {
            let len = (end - offset).min(WINDOW_BYTES as u64);
            let written = file.file.write_all_at(reader.bytes_at(offset, len as usize)?, offset);
            written.map_err(|fault| Error::io(format_args!("{}: rewriting", file.name), fault))?;
            offset += len;
        }
        Ok(())
    }

    /// Cuts off what is torn, and syncs.
    fn cut(&mut self) -> Result<()> {
        let file = &self.file;
        let offset = file.offset_of(self.report.end);
        if self.rest.bytes > 0 {
            let cut = file.file.set_len(offset);
            cut.map_err(|fault| Error::io(format_args!("{}: cutting", file.name), fault))?;
            let bytes = self.rest.bytes;
            self.report.cut = Some(TornTail { file: file.name.clone(), offset, bytes });
        }
        let synced = file.file.sync_all();
        synced.map_err(|fault| Error::io(format_args!("{}: syncing", file.name), fault))
    }
}

fn damaged(file: &WalFile, lsn: Lsn, reason: &str) -> Error {
    let offset = file.offset_of(lsn);
    Error::corrupt(format!("{}: damaged at offset {offset}: {reason}", file.name))
        .detail(&file.name)
        .detail(offset.to_string())
}

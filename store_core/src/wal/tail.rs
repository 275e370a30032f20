//! Reading the log behind its owner, from another process.
//!
//! ```text
//!  files      ┌──── whole, durable ────┐┌──── durable ────┐ written, not synced
//!             wal-…0.log               wal-…a4f10.log     ▲ what the owner says of this file
//! ```
//!
//! A file that another follows is durable to its end: the owner syncs before it names the next one. Of
//! the last file the owner says how far it is ([`Progress`]). If it says nothing of that file, because
//! the power went or the file is a moment old, then the frames say it: each tells how far the log was
//! durable when it was written. Nothing beyond is looked at, so it does not matter what an owner that
//! comes later cuts off there.
//!
//! Files are opened anew for each step and by name: one that was removed gives its space back, and an
//! empty one that was replaced is not taken for the new one.

use super::device::{Device, OpenMode};
use super::file::{WalFile, list_files};
use super::frames::FrameReader;
use super::lsn::Lsn;
use super::progress::Progress;
use super::record::Record;
use super::replay::{TIMESTAMP_MAX, damaged};
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::planted;

/// Looks at the list of files before one that vanishes is taken for removed.
const LOOKS_MAX: u32 = 3;

/// What is found on the way.
pub(crate) enum Tailed<'a> {
    /// A file begins: what came in fragments before, and has no commit, never gets one.
    File,
    /// The next record.
    Record(Record<'a>),
}

/// A place in a log that somebody else writes.
#[derive(Debug)]
pub(crate) struct Tail {
    at: Lsn,
    last_timestamp: u64,
    proof: Proof,
}

/// How far the frames of a file show it to be durable.
#[derive(Clone, Copy, Debug, Default)]
struct Proof {
    file: u64,
    /// Frames before this were looked at.
    seen: Lsn,
    durable: Lsn,
}

impl Tail {
    /// Begins at a position of a record.
    pub(crate) fn new(at: Lsn) -> Self {
        Self { at, last_timestamp: 0, proof: Proof::default() }
    }

    /// All records before this were handed out.
    pub(crate) fn at(&self) -> Lsn {
        self.at
    }

    /// Hands out all records that are durable now, in order; what `visit` refuses comes again. The
    /// caller has looked at `progress` just before: what the owner says, and whether it lives. Memory: one window, or the longest record.
    ///
    /// [`Kind::SnapshotTooOld`] if the file that is to be read next was removed.
    pub(crate) fn read(
        &mut self,
        device: &dyn Device,
        progress: (Option<Progress>, bool),
        holder: &Holder,
        visit: &mut dyn FnMut(Tailed<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut looks = 0;
        loop {
            let files = list_files(device)?;
            let after = files.partition_point(|(start, _)| *start <= self.at);
            let Some((_, name)) = after.checked_sub(1).map(|last| &files[last]) else {
                // Before the first owner has begun its log there is nothing to read.
                return if files.is_empty() && self.at == Lsn::ZERO {
                    Ok(())
                } else {
                    Err(self.too_old())
                };
            };
            let next = files.get(after).map(|(start, _)| *start);
            match self.file(device, name, next, progress, holder, visit) {
                Err(error) if error.kind() == Kind::NotFound && looks < LOOKS_MAX => looks += 1,
                Err(error) => return Err(error),
                Ok(()) if next.is_none() => return Ok(()),
                Ok(()) => looks = 0,
            }
        }
    }

    /// Hands out what is durable of one file.
    fn file(
        &mut self,
        device: &dyn Device,
        name: &str,
        next: Option<Lsn>,
        progress: (Option<Progress>, bool),
        holder: &Holder,
        visit: &mut dyn FnMut(Tailed<'_>) -> Result<()>,
    ) -> Result<()> {
        let file = WalFile::open(device, name, OpenMode::Read)?;
        let mut reader = FrameReader::new(&file, holder)?;
        let end = match next {
            Some(next) => next,
            None => self.durable_of(&mut reader, progress)?,
        };
        if self.at == file.start.lsn {
            visit(Tailed::File)?;
        }
        while self.at < end || planted::bug("tail_beyond_durable") {
            let Some(record) = reader.record_at(self.at)? else {
                if planted::bug("tail_beyond_durable") {
                    break;
                }
                return Err(damaged(&file, self.at, &format!("the log was durable up to {end}")));
            };
            if record.timestamp > TIMESTAMP_MAX
                || (record.timestamp != 0 && record.timestamp <= self.last_timestamp)
            {
                return Err(damaged(&file, self.at, "its timestamp does not follow"));
            }
            let (timestamp, after) = (record.timestamp, record.end);
            if after > end && !planted::bug("tail_beyond_durable") {
                return Err(damaged(&file, self.at, &format!("the log was durable up to {end}")));
            }
            visit(Tailed::Record(record))?;
            self.last_timestamp = self.last_timestamp.max(timestamp);
            self.at = after;
        }
        Ok(())
    }

    /// Up to where the last file is durable.
    fn durable_of(
        &mut self,
        reader: &mut FrameReader<'_>,
        (progress, is_held): (Option<Progress>, bool),
    ) -> Result<Lsn> {
        let (id, start) = (reader.file.id, reader.file.start.lsn);
        let said = progress.filter(|said| said.file == id).map(|said| said.durable);
        if let (Some(said), true) = (said, is_held) {
            return Ok(said);
        }
        // What a loss of power left of it may be old.
        if self.proof.file != id {
            self.proof = Proof { file: id, seen: self.at, durable: start };
        }
        while let Some(record) = reader.record_at(self.proof.seen)? {
            self.proof.seen = record.end;
            self.proof.durable = self.proof.durable.max(reader.durable);
        }
        Ok(self.proof.durable.max(said.unwrap_or(start)))
    }

    fn too_old(&self) -> Error {
        let message = format!(
            "the log from position {} on was removed before it was read here: this follower was too far \
             behind; open the store again",
            self.at
        );
        Error::new(Kind::SnapshotTooOld, message)
    }
}

//! Changing files: a checkpoint begins a new one, and removes those it made useless.

use super::device::{Device, OpenMode};
use super::file::{Fault, HEADER_BYTES, LogStart, PreparedFile, TEMPORARY_NAME, WalFile};
use super::group_commit::Goal;
use super::lsn::Lsn;
use super::writer::{State, Wal};
use crate::error::{Error, Result};
use crate::sync::MutexGuard;
use std::io;
use std::sync::Arc;

/// A file of the log, for statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WalFileSize {
    pub(crate) name: String,
    pub(crate) start: Lsn,
    /// Bytes on the device, those made in advance included.
    pub(crate) bytes: u64,
}

impl WalFileSize {
    pub(super) fn measure(device: &dyn Device, name: String, start: Lsn) -> Result<Self> {
        let bytes = device
            .open(&name, OpenMode::Read)
            .and_then(|file| file.len())
            .map_err(|fault| Error::io(&name, fault))?;
        Ok(Self { name, start, bytes })
    }

    fn of(file: &WalFile, allocated: Lsn) -> Self {
        Self { name: file.name.clone(), start: file.start.lsn, bytes: file.offset_of(allocated) }
    }
}

impl Wal {
    /// Makes all records durable and goes on in a new file; returns where that begins.
    ///
    /// Records appended before the call are before that position. Appends wait for one small
    /// write and two syncs meanwhile. If the current file holds no record it is kept. On an error
    /// that does not poison the log, the log goes on in the old file.
    ///
    /// `between` runs under the log's mutex, after all appends before the position and before all
    /// others; not if there is an error.
    pub(crate) fn roll(&self, between: impl FnOnce()) -> Result<Lsn> {
        let _one_at_a_time = self.rolling.lock();
        {
            let state = self.state.lock();
            state.check_poisoned()?;
            if state.end() == state.file.start.lsn {
                between();
                return Ok(state.end());
            }
        }
        let prepared = PreparedFile::create(&*self.device, self.options.preallocate_bytes, true);
        let mut state = self.state.lock();
        let outcome = match prepared {
            Ok(prepared) => self.switch(&mut state, prepared),
            Err(fault) => Err(fault),
        };
        if outcome.is_ok() {
            between();
        }
        state.frozen = false;
        self.changed.notify_all();
        match outcome {
            Ok(start) => Ok(start),
            Err(Fault::Refused(error)) => {
                drop(state);
                self.remove_temporary();
                Err(error)
            }
            Err(Fault::Fatal(error)) => {
                self.poison(&mut state, &error);
                Err(error)
            }
        }
    }

    /// Holds back appends, empties the batch into the old file, and names the new one.
    fn switch(
        &self,
        state: &mut MutexGuard<'_, State>,
        prepared: PreparedFile,
    ) -> Result<Lsn, Fault> {
        state.frozen = true;
        while state.leading || state.durable < state.end() {
            state.check_poisoned().map_err(Fault::Refused)?;
            self.lead_or_wait(state, Goal::Durable);
        }
        state.check_poisoned().map_err(Fault::Refused)?;
        let start =
            LogStart { lsn: state.end(), timestamp: state.last_timestamp, wall: state.last_wall };
        let device = &*self.device;
        let (file, allocated) = self.unlocked(state, || {
            let made = prepared.finish(device, start)?;
            self.publisher.publish(&made.0, start.lsn, start.timestamp);
            Ok(made)
        })?;
        let old = WalFileSize::of(&state.file, state.allocated);
        state.older.push(old);
        state.file = Arc::new(file);
        state.allocated = allocated;
        Ok(start.lsn)
    }

    /// Removes the files all of whose records are before this position, oldest first.
    ///
    /// Nothing before the position may be needed by a later replay.
    pub(crate) fn remove_before(&self, lsn: Lsn) -> Result<()> {
        let _one_at_a_time = self.rolling.lock();
        let mut removed = false;
        while let Some(name) = self.oldest_before(lsn) {
            match self.device.remove(&name) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io(format_args!("{name}: removing"), fault));
                }
                _ => removed = true,
            }
            self.state.lock().older.remove(0);
        }
        if removed {
            let place = self.device.describe();
            self.device.sync_directory().map_err(|fault| Error::io(place, fault))?;
        }
        Ok(())
    }

    /// The oldest file, if it ends at or before this position.
    fn oldest_before(&self, lsn: Lsn) -> Option<String> {
        let state = self.state.lock();
        let oldest = state.older.first()?;
        let end = state.older.get(1).map_or(state.file.start.lsn, |next| next.start);
        (end <= lsn).then(|| oldest.name.clone())
    }

    /// The files of the log, oldest first.
    pub(crate) fn files(&self) -> Vec<WalFileSize> {
        let state = self.state.lock();
        let mut files = state.older.clone();
        files.push(WalFileSize::of(&state.file, state.allocated));
        files
    }

    /// The files that hold the records between two positions, oldest first, and how many bytes of
    /// each these are, from its beginning; the last one may hold none of them.
    pub(crate) fn pieces(&self, from: Lsn, to: Lsn) -> Vec<(String, u64)> {
        let files = self.files();
        let ends = files.iter().skip(1).map(|next| next.start).chain([Lsn(u64::MAX)]);
        let needed = files.iter().zip(ends).filter(|(file, end)| *end > from && file.start <= to);
        let bytes = |start: Lsn, end: Lsn| HEADER_BYTES + end.min(to).since(start);
        needed.map(|(file, end)| (file.name.clone(), bytes(file.start, end))).collect()
    }

    /// Gives the space of a file back that did not come to be. The next roll replaces it anyway.
    fn remove_temporary(&self) {
        drop(self.device.remove(TEMPORARY_NAME));
    }
}

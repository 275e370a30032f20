//! How far the log is durable, told to other processes.
//!
//! ```text
//!  0        8        16     24       32           40        48          56        64
//!  │magic   │version │state │file id │file start  │durable  │timestamp  │checksum │
//! ```
//!
//! The owner writes this over and over, behind each sync, and never syncs it. So it says what was true:
//! after a loss of power it may be old or damaged, and in between a reader may find two mixed, but what
//! verifies is durable. It speaks of the log file with that id, and of nothing else.

use super::device::{Device, Notice};
use super::file::WalFile;
use super::lsn::Lsn;
use crate::codec::{seal_words, sealed_words};
use std::io;
use std::sync::OnceLock;

/// The notice's name.
pub(crate) const PROGRESS_NAME: &str = "progress";
const MAGIC: [u8; 8] = *b"storepro";
const VERSION: u64 = 1;
const GOES_ON: u64 = 1;
const STOPPED: u64 = 2;

/// What the owner says of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The file it writes.
    pub(crate) file: u64,
    /// Where that begins.
    pub(crate) start: Lsn,
    /// All before this position survives a loss of power.
    pub(crate) durable: Lsn,
    /// The newest commit before it.
    pub(crate) timestamp: u64,
    /// A sync failed: it stays so until the store is opened again.
    pub(crate) is_poisoned: bool,
}

impl Progress {
    /// What the owner says, or said last, and whether it lives; `None` if nothing that verifies.
    pub(crate) fn look(device: &dyn Device) -> (Option<Self>, bool) {
        match device.look(PROGRESS_NAME) {
            Ok(posted) => (Self::from_bytes(&posted.bytes), posted.is_held),
            Err(_) => (None, false), // as before the first owner's time: the log says something, too
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let state = if self.is_poisoned { STOPPED } else { GOES_ON };
        let words = [VERSION, state, self.file, self.start.0, self.durable.0, self.timestamp];
        seal_words(MAGIC, &words)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [version, state, file, start, durable, timestamp] = sealed_words(MAGIC, bytes)?;
        let known = version == VERSION && start <= durable;
        let (start, durable, is_poisoned) = (Lsn(start), Lsn(durable), state == STOPPED);
        known.then_some(Self { file, start, durable, timestamp, is_poisoned })
    }
}

/// Who tells it: the log.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    notice: Option<Box<dyn Notice>>,
    /// Why nobody can be told, or could not once.
    fault: OnceLock<String>,
}

impl Publisher {
    /// For a log that begins this file. If that cannot be, the log is none the worse.
    pub(super) fn begin(device: &dyn Device, file: &WalFile) -> Self {
        let fresh = Progress {
            file: file.id,
            start: file.start.lsn,
            durable: file.start.lsn,
            timestamp: file.start.timestamp,
            is_poisoned: false,
        };
        match device.post(PROGRESS_NAME, &fresh.to_bytes()) {
            Ok(notice) => Self { notice: Some(notice), fault: OnceLock::new() },
            Err(fault) if fault.kind() == io::ErrorKind::Unsupported => Self::default(),
            Err(fault) => Self { notice: None, fault: OnceLock::from(fault.to_string()) },
        }
    }

    /// Says how far a file is durable. One at a time: its caller leads, or keeps others from leading.
    pub(super) fn publish(&self, file: &WalFile, durable: Lsn, timestamp: u64) {
        self.change(Progress {
            file: file.id,
            start: file.start.lsn,
            durable,
            timestamp,
            is_poisoned: false,
        });
    }

    /// Says that it will not get further.
    pub(super) fn stop(&self, file: &WalFile, durable: Lsn, timestamp: u64) {
        let (file, start) = (file.id, file.start.lsn);
        self.change(Progress { file, start, durable, timestamp, is_poisoned: true });
    }

    fn change(&self, progress: Progress) {
        let Some(notice) = &self.notice else { return };
        if let Err(fault) = notice.change(&progress.to_bytes()) {
            // The next one says this as well.
            self.fault.get_or_init(|| fault.to_string());
        }
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.fault.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_comes_back_whole_or_not_at_all() {
        let progress = Progress {
            file: 7,
            start: Lsn(100),
            durable: Lsn(4711),
            timestamp: 12,
            is_poisoned: true,
        };
        let bytes = progress.to_bytes();
        assert_eq!(Progress::from_bytes(&bytes), Some(progress));
        for bit in 0..bytes.len() * 8 {
            let mut torn = bytes.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Progress::from_bytes(&torn), None, "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert_eq!(Progress::from_bytes(&bytes[..len]), None, "length {len}");
        }
        let backwards = Progress { start: Lsn(4712), ..progress };
        assert_eq!(Progress::from_bytes(&backwards.to_bytes()), None);
    }
}

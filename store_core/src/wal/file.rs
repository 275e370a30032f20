//! The files of the log: their names, their header block, and the space made in advance.
//!
//! ```text
//!  0       8        12   16       24         32              40         48        56      4096
//!  │magic  │version │0   │file id │start lsn │last timestamp │last wall │checksum │0 …    │frames…
//! ```
//!
//! The frame at position `lsn` stands at offset `4096 + (lsn - start)`. A file gets its name only
//! when its header is durable, so a named file without a valid header is damaged, never torn.

use super::device::{Device, DeviceFile, OpenMode, read_full_at};
use super::lsn::Lsn;
use crate::codec::u64_at;
use crate::error::{Error, Kind, Result};
use crate::options::pause_after;
use crate::random::random_id;
use std::io;
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

/// Frames start here: writing them never touches the header's sectors.
pub(super) const HEADER_BYTES: u64 = 4096;
/// A file on its way to a name; only one is made at a time.
pub(super) const TEMPORARY_NAME: &str = "wal.tmp";

const MAGIC: [u8; 8] = *b"storewal";
const VERSION: u32 = 6;
/// The oldest that is read: without cold rows, which came with 5; their segments are merged since 6.
const VERSION_OLDEST: u32 = 4;
const CHECKED_BYTES: usize = 48;
const FILLED_BYTES: usize = CHECKED_BYTES + 8;
/// A file that is not in use yet is synced whenever so much was written to it.
pub(super) const PREPARE_STEP: u64 = 256 << 10;
/// Zeros are written in pieces of this size.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Why a file could not be made or extended, and what that means for the log.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing has changed: the log goes on, and may try again.
    Refused(Error),
    /// What is durable is unknown: the log must stop.
    Fatal(Error),
}

impl Fault {
    /// The error, for whom it is an end either way.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Refused(error) | Self::Fatal(error) => error,
        }
    }
}

/// What the log knew when it began a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogStart {
    /// Where the first record will stand.
    pub(crate) lsn: Lsn,
    /// The newest commit timestamp before it.
    pub(crate) timestamp: u64,
    /// The newest wall clock before it, in microseconds since 1970.
    pub(crate) wall: i64,
}

/// An open file of the log.
#[derive(Debug)]
pub(super) struct WalFile {
    pub(super) file: Box<dyn DeviceFile>,
    pub(super) name: String,
    /// Random number that seeds the checksums of this file's frames.
    pub(super) id: u64,
    pub(super) start: LogStart,
}

/// The name of the file that begins at this position.
pub(super) fn file_name(start: Lsn) -> String {
    format!("wal-{:016x}.log", start.0)
}

fn start_of_name(name: &str) -> Option<Lsn> {
    let digits = name.strip_prefix("wal-")?.strip_suffix(".log")?;
    let start = Lsn(u64::from_str_radix(digits, 16).ok()?);
    (file_name(start) == name).then_some(start)
}

/// The files of the log, oldest first.
pub(crate) fn list_files(device: &dyn Device) -> Result<Vec<(Lsn, String)>> {
    let names = device.list().map_err(|fault| Error::io(device.describe(), fault))?;
    let mut files: Vec<(Lsn, String)> = names
        .into_iter()
        .filter_map(|name| start_of_name(&name).map(|start| (start, name)))
        .collect();
    files.sort_unstable();
    Ok(files)
}

impl WalFile {
    /// Opens a file that has its name and believes its header.
    pub(super) fn open(device: &dyn Device, name: &str, mode: OpenMode) -> Result<Self> {
        let file = device.open(name, mode).map_err(|fault| Error::io(name, fault))?;
        let mut header = [0; FILLED_BYTES];
        let len = read_full_at(&*file, &mut header, 0).map_err(|fault| Error::io(name, fault))?;
        if len < FILLED_BYTES
            || header[..8] != MAGIC
            || u64_at(&header, CHECKED_BYTES) != xxh3_64(&header[..CHECKED_BYTES])
        {
            return Err(Error::corrupt(format!("{name}: damaged header at offset 0")).detail(name));
        }
        let version = u64_at(&header, 8) as u32;
        if !(VERSION_OLDEST..=VERSION).contains(&version) {
            return Err(Error::unsupported(format!(
                "{name}: log format {version}, this program reads {VERSION_OLDEST} to {VERSION}"
            )));
        }
        let start = LogStart {
            lsn: Lsn(u64_at(&header, 24)),
            timestamp: u64_at(&header, 32),
            wall: u64_at(&header, 40) as i64,
        };
        if file_name(start.lsn) != name {
            return Err(Error::corrupt(format!("{name}: it begins at {}, not there", start.lsn))
                .detail(name));
        }
        Ok(Self { file, name: name.to_owned(), id: u64_at(&header, 16), start })
    }

    /// The offset of a position that is not before the file's start.
    pub(super) fn offset_of(&self, lsn: Lsn) -> u64 {
        HEADER_BYTES + lsn.since(self.start.lsn)
    }

    /// Makes room from one position to another, all zeros and durable; returns how far it came.
    ///
    /// A full disk is an error only if it ends before `need`.
    pub(super) fn extend(&self, from: Lsn, need: Lsn, to: Lsn) -> Result<Lsn, Fault> {
        let wanted = [from, need, to].map(|lsn| self.offset_of(lsn));
        let reached = fill_zeros(&*self.file, wanted).map_err(|fault| {
            Fault::Refused(Error::io(format_args!("{}: making room", self.name), fault))
        })?;
        sync(&*self.file, &self.name)?;
        Ok(from.plus(reached - wanted[0]))
    }

    /// Writes zeros behind its room, and leaves syncing them to the next who syncs the file; returns how far
    /// it came. A full disk is no error.
    pub(super) fn write_zeros(&self, from: Lsn, to: Lsn) -> io::Result<Lsn> {
        let [start, end] = [from, to].map(|lsn| self.offset_of(lsn));
        fill_zeros(&*self.file, [start, start, end]).map(|reached| from.plus(reached - start))
    }

    fn header(&self) -> [u8; FILLED_BYTES] {
        let mut header = [0; FILLED_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.id.to_le_bytes());
        header[24..32].copy_from_slice(&self.start.lsn.0.to_le_bytes());
        header[32..40].copy_from_slice(&self.start.timestamp.to_le_bytes());
        header[40..48].copy_from_slice(&self.start.wall.to_le_bytes());
        let checksum = xxh3_64(&header[..CHECKED_BYTES]);
        header[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        header
    }
}

/// A new file with room for records but without start and name.
#[derive(Debug)]
pub(super) struct PreparedFile {
    file: Box<dyn DeviceFile>,
    room: u64,
}

impl PreparedFile {
    /// Makes the temporary file, replacing one that a crash left behind.
    ///
    /// `others` says that commits go on meanwhile: then the disk is left to them between two steps.
    pub(super) fn create(device: &dyn Device, room: u64, others: bool) -> Result<Self, Fault> {
        let refused = |fault| {
            Fault::Refused(Error::io(format_args!("{TEMPORARY_NAME}: making a log file"), fault))
        };
        let file = device.open(TEMPORARY_NAME, OpenMode::Truncate).map_err(refused)?;
        let (need, to) = (HEADER_BYTES, HEADER_BYTES + room);
        let mut reached = 0;
        // In steps, so that the syncs of the file in use do not queue behind all of it.
        while reached < to {
            let step = (reached + PREPARE_STEP).min(to);
            let filled = fill_zeros(&*file, [reached, need, step]).map_err(refused)?;
            let began = Instant::now();
            sync(&*file, TEMPORARY_NAME)?;
            if others {
                std::thread::sleep(pause_after(began.elapsed()));
            }
            reached = filled;
            if filled < step {
                break; // the disk is full, but there is room for the header
            }
        }
        Ok(Self { file, room: reached - HEADER_BYTES })
    }

    /// Writes the header and gives the file its name; returns it with the end of its room.
    ///
    /// It replaces a file of that name, which can only be one without a record.
    pub(super) fn finish(
        self,
        device: &dyn Device,
        start: LogStart,
    ) -> Result<(WalFile, Lsn), Fault> {
        let name = file_name(start.lsn);
        let made = WalFile { file: self.file, name, id: random_id(), start };
        made.file.write_all_at(&made.header(), 0).map_err(|fault| {
            Fault::Refused(Error::io(format_args!("{TEMPORARY_NAME}: writing"), fault))
        })?;
        sync(&*made.file, TEMPORARY_NAME)?;
        // From here on a crash may find the new file. To write on in the old one would be to lose
        // what is written, unless the rename is known not to have happened.
        device.rename(TEMPORARY_NAME, &made.name).map_err(|fault| {
            let error = Error::io(format_args!("{}: renaming", made.name), fault);
            if error.kind() == Kind::NoSpace { Fault::Refused(error) } else { Fault::Fatal(error) }
        })?;
        device.sync_directory().map_err(|fault| {
            Fault::Fatal(Error::io(format_args!("{}: syncing", device.describe()), fault))
        })?;
        Ok((made, start.lsn.plus(self.room)))
    }
}

fn sync(file: &dyn DeviceFile, name: &str) -> Result<(), Fault> {
    file.sync_data()
        .map_err(|fault| Fault::Fatal(Error::io(format_args!("{name}: syncing"), fault)))
}

/// Writes zeros from an offset; returns how far it came, which is at least `need`.
fn fill_zeros(file: &dyn DeviceFile, [from, need, to]: [u64; 3]) -> io::Result<u64> {
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROS.len() as u64);
        match file.write_all_at(&ZEROS[..len as usize], at) {
            Ok(()) => at += len,
            Err(fault) if at >= need && is_full(&fault) => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(at)
}

fn is_full(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_positions_do() {
        assert_eq!(file_name(Lsn(255)), "wal-00000000000000ff.log");
        assert_eq!(start_of_name("wal-00000000000000ff.log"), Some(Lsn(255)));
        for name in ["wal-ff.log", "wal-00000000000000FF.log", "wal.tmp", "manifest"] {
            assert_eq!(start_of_name(name), None, "{name}");
        }
    }
}

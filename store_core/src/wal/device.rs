//! The border to the operating system: all files of a store are reached through a [`Device`].
//!
//! The traits are public so that a simulator, which loses, tears and reorders what was not
//! synced, can stand in for a directory.
//!
//! ```text
//!  write_all_at ─► unsynced ── sync_data ─► durable bytes
//!  create, rename, remove ─► unsynced ── sync_directory ─► durable names
//! ```

use crate::planted;
use std::fmt::Debug;
use std::io;
use std::path::Path;

/// How [`Device::open`] treats a file that exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A new file; one of this name is an error (`AlreadyExists`).
    CreateNew,
    /// A file that is empty afterwards, whether it existed or not.
    Truncate,
}

/// A place that holds the files of one store: a directory, or a simulation of one.
///
/// Names are plain: no slash, not empty, not `.` or `..`. Changes of names are durable after
/// [`Device::sync_directory`], bytes after [`DeviceFile::sync_data`]; before that a crash may keep
/// any part of them, in any order. Thread-safe.
///
/// ```
/// use store_core::{Device, Directory, OpenMode};
/// # let place = std::env::temp_dir().join(format!("store-doc-{}", std::process::id()));
/// let device = Directory::create(&place)?;
/// let file = device.open("notes.tmp", OpenMode::Truncate)?;
/// file.write_all_at(b"hello", 0)?;
/// file.sync_all()?;
/// device.rename("notes.tmp", "notes")?;
/// device.sync_directory()?;
/// assert_eq!(device.list()?, ["notes"]);
/// # std::fs::remove_dir_all(&place)?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub trait Device: Send + Sync + Debug {
    /// Opens a file; it is closed when dropped.
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>>;

    /// Gives a file another name, replacing a file that has it, in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Those who have it open may go on.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes all changes of names durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Becomes the only owner until the guard is dropped; `WouldBlock` if somebody else is.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;

    /// Where this is, for messages: a path.
    fn describe(&self) -> String;

    /// True if this is the directory at a path now, by whatever path it was opened. False, the default,
    /// for what is no directory.
    fn is_at(&self, path: &Path) -> bool {
        let _ = path;
        false
    }

    /// Puts up a notice that other processes may [look](Device::look) at, in place of one of this name.
    ///
    /// A notice need not survive a loss of power. It is held until it is dropped, or its process ends,
    /// however that ends; its bytes stay until it is removed, which is done like that of a file. It is
    /// listed among the files. `Unsupported`, the default, for a device that other processes do not
    /// reach: its stores cannot be followed.
    fn post(&self, name: &str, bytes: &[u8]) -> io::Result<Box<dyn Notice>> {
        let _ = (name, bytes);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What a notice says, at most [`NOTICE_BYTES_MAX`], and whether somebody holds it. Bytes that are
    /// being changed may come mixed.
    fn look(&self, name: &str) -> io::Result<Posted> {
        let _ = name;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// How many bytes of zeros a log file is extended by at a time. More of them make syncs that
    /// change a file's length rarer, and opening a store longer.
    fn growth_bytes(&self) -> u64 {
        4 << 20
    }
}

/// Longest notice.
pub const NOTICE_BYTES_MAX: usize = 512;

/// A notice that this process holds up; see [`Device::post`].
pub trait Notice: Send + Sync + Debug {
    /// Says something else, of the same length.
    fn change(&self, bytes: &[u8]) -> io::Result<()>;
}

/// A notice as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Whoever put it up still holds it.
    pub is_held: bool,
}

/// An open file of a [`Device`]. Thread-safe: there is no position that calls share.
pub trait DeviceFile: Send + Sync + Debug {
    /// Reads at an offset; returns how many bytes came, 0 at the end of the file only.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset; a gap before them reads as zeros.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the bytes written so far durable, with the length needed to read them.
    ///
    /// After a failure nothing is known about any byte written since the last success, and a
    /// second try that succeeds changes nothing about that.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`DeviceFile::sync_data`], with everything else known about the file.
    fn sync_all(&self) -> io::Result<()>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True if the file holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Reads until the buffer is full or the file ends; returns how many bytes came.
pub(crate) fn read_full_at(
    file: &dyn DeviceFile,
    bytes: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
        if planted::bug("short_read_taken") {
            break;
        }
    }
    Ok(filled)
}

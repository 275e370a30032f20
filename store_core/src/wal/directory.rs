//! A directory of the file system as a [`Device`].

use super::device::{Device, DeviceFile, NOTICE_BYTES_MAX, Notice, OpenMode, Posted, read_full_at};
use super::removed;
use crate::planted;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Nobody but the owner reads or writes the files.
const FILE_MODE: u32 = 0o600;
/// Nobody but the owner lists the directory.
const DIRECTORY_MODE: u32 = 0o700;
/// The file the owner holds a lock on; it stays when the lock goes.
const LOCK_NAME: &str = "lock";
/// How the name of a notice ends that is not complete; opening a store removes what a crash left.
const NOTICE_TEMPORARY_ENDING: &str = ".tmp";

/// The files of one directory.
///
/// The directory is held open, so it may be renamed, and the process may change its own. Files are
/// private to the user whatever the umask. The path may lead through symbolic links, but no file may
/// be one: a link, or anything else that is no plain file, is an error and never followed. Thread-safe.
///
/// ```
/// use store_core::{Device, Directory};
/// # let place = std::env::temp_dir().join(format!("store-lock-{}", std::process::id()));
/// let device = Directory::create(&place)?;
/// let owner = device.lock()?;
/// assert_eq!(device.lock().err().map(|e| e.kind()), Some(std::io::ErrorKind::WouldBlock));
/// drop(owner);
/// assert!(device.lock().is_ok());
/// # std::fs::remove_dir_all(&place)?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: OwnedFd,
}

impl Directory {
    /// Opens a directory, making it and those above it if there is none.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(above)?;
        }
        match fs::DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Ok(()) => {
                fs::set_permissions(path, fs::Permissions::from_mode(DIRECTORY_MODE))?;
                sync_parent(path)?;
            }
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(fault),
        }
        Self::open_existing(path)
    }

    /// Opens a directory that exists.
    pub fn open_existing(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
        Ok(Self { path: path.to_owned(), handle })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        check_plain(name)?;
        let followed = planted::bug("links_followed");
        // A named pipe would keep an open waiting for somebody at its other end.
        let flags = flags
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK
            | if followed { OFlags::empty() } else { OFlags::NOFOLLOW };
        let mode = Mode::from_raw_mode(FILE_MODE);
        let handle = retry_on_intr(|| rustix::fs::openat(&self.handle, name, flags, mode));
        let handle = handle.map_err(|fault| match fault {
            Errno::LOOP => not_plain(name, "a symbolic link, which is not followed"),
            other => other.into(),
        })?;
        let file = File::from(handle);
        if !file.metadata()?.is_file() {
            return Err(not_plain(name, "no plain file"));
        }
        if flags.contains(OFlags::CREATE) {
            // The umask may have taken bits away from the owner.
            file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        }
        Ok(file)
    }
}

impl Device for Directory {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        let flags = match mode {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::Write => OFlags::RDWR,
            OpenMode::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
            OpenMode::Truncate => OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC,
        };
        Ok(Box::new(DirectoryFile(self.open_file(name, flags)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_plain(from)?;
        check_plain(to)?;
        Ok(retry_on_intr(|| rustix::fs::renameat(&self.handle, from, &self.handle, to))?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_plain(name)?;
        // What cannot be opened has no blocks that are worth the trouble.
        let file = self.open_file(name, OFlags::RDWR).ok();
        retry_on_intr(|| rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()))?;
        if let Some(file) = file {
            removed::give_back(&file);
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            // What stands where a file should is listed, so that opening it says what is wrong; a
            // directory is somebody else's. A name that is not UTF-8 is none of ours.
            let is_listed = entry.file_type() != FileType::Directory;
            if let Some(name) = entry.file_name().to_str().ok().filter(|_| is_listed)
                && check_plain(name).is_ok()
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(retry_on_intr(|| rustix::fs::fsync(&self.handle))?)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let file = self.open_file(LOCK_NAME, OFlags::RDWR | OFlags::CREATE)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(OwnerLock(file))),
            Err(fs::TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{} is open elsewhere", self.describe()),
            )),
            Err(fs::TryLockError::Error(fault)) => Err(fault),
        }
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn is_at(&self, path: &Path) -> bool {
        let (Ok(own), Ok(there)) = (rustix::fs::fstat(&self.handle), rustix::fs::stat(path)) else {
            return false;
        };
        (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
    }

    fn post(&self, name: &str, bytes: &[u8]) -> io::Result<Box<dyn Notice>> {
        let temporary = format!("{name}{NOTICE_TEMPORARY_ENDING}");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
        let file = self.open_file(&temporary, flags)?;
        // Locked before it has its name, so nobody finds it and takes its poster for dead.
        file.try_lock().map_err(|fault| match fault {
            fs::TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            fs::TryLockError::Error(fault) => fault,
        })?;
        file.write_all_at(bytes, 0)?;
        self.rename(&temporary, name)?;
        Ok(Box::new(DirectoryNotice(file)))
    }

    fn look(&self, name: &str) -> io::Result<Posted> {
        let file = self.open_file(name, OFlags::RDONLY)?;
        let mut bytes = vec![0; NOTICE_BYTES_MAX];
        // Whoever holds it locked it alone, and a look in the moment between disturbs nobody: it is
        // never locked a second time.
        let is_held = match file.try_lock_shared() {
            Ok(()) => false,
            Err(fs::TryLockError::WouldBlock) => true,
            Err(fs::TryLockError::Error(fault)) => return Err(fault),
        };
        let file = DirectoryFile(file);
        let count = read_full_at(&file, &mut bytes, 0)?;
        bytes.truncate(count);
        Ok(Posted { bytes, is_held })
    }
}

fn not_plain(name: &str, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is {what}"))
}

/// A name that could lead out of the directory is refused.
fn check_plain(name: &str) -> io::Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        let message = format!("{name:?} is not a plain file name");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    File::open(above)?.sync_all()
}

/// Freed when dropped, even if a process that another thread starts just then has a copy of the file.
#[derive(Debug)]
struct OwnerLock(File);

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // If this fails, closing the file frees it.
        let _ = self.0.unlock();
    }
}

/// A file that is locked for as long as it is open; a child that was forked has it open, too, until it
/// runs another program.
#[derive(Debug)]
struct DirectoryNotice(File);

impl Notice for DirectoryNotice {
    fn change(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, 0)
    }
}

#[derive(Debug)]
struct DirectoryFile(File);

impl DeviceFile for DirectoryFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(bytes, offset) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_links_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("above/store");
        let device = Directory::create(&path).unwrap();
        assert_eq!(mode_of(&path), DIRECTORY_MODE);
        device.open("a", OpenMode::CreateNew).unwrap();
        assert_eq!(mode_of(&path.join("a")), FILE_MODE);
        std::os::unix::fs::symlink("a", path.join("link")).unwrap();
        assert!(device.open("link", OpenMode::Write).is_err());
        assert!(device.open("a", OpenMode::CreateNew).is_err());
        std::fs::create_dir(path.join("folder")).unwrap();
        assert_eq!(device.list().unwrap(), ["a", "link"]);
        let fault = device.open("link", OpenMode::Read).unwrap_err().to_string();
        assert_eq!(fault, "link is a symbolic link, which is not followed");
        assert!(device.open("folder", OpenMode::Read).is_err());
        device.remove("link").unwrap();
        assert!(path.join("a").exists(), "the link went, not the file");
        for name in ["", ".", "..", "x/y", "/etc/passwd"] {
            let fault = device.open(name, OpenMode::Truncate).unwrap_err();
            assert_eq!(fault.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }

    #[test]
    fn bytes_and_names_come_back() {
        let place = tempfile::tempdir().unwrap();
        let device = Directory::create(place.path()).unwrap();
        let file = device.open("one", OpenMode::Truncate).unwrap();
        file.write_all_at(b"later", 3).unwrap();
        file.sync_data().unwrap();
        assert!(!file.is_empty().unwrap());
        let mut bytes = [9; 16];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 8);
        assert_eq!(&bytes[..8], b"\0\0\0later");
        file.set_len(4).unwrap();
        assert_eq!((file.len().unwrap(), file.read_at(&mut bytes, 4).unwrap()), (4, 0));
        device.rename("one", "two").unwrap();
        device.sync_directory().unwrap();
        assert_eq!(device.list().unwrap(), ["two"]);
        device.remove("two").unwrap();
        assert_eq!(device.remove("two").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

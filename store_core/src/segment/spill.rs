//! Where a job's runs go: a directory of its own, gone when the job is (invariant I15).
//!
//! ```text
//! base/store-spill-<process>-<random>/   0700, made with the first run
//!      lock      locked for as long as the job lives
//!      run-<n>   removed with the last handle on it
//! ```
//!
//! Dropping the last handle removes it all: after success, an error, a cancel or a panic. A process
//! that is killed leaves its directory behind; the next job with the same base takes the lock, which
//! nobody holds any more, and removes it. A directory whose lock is held is somebody's at work.

use super::format::SegmentCodec;
use crate::error::{Error, Kind, Result};
use crate::mem::process::ProcessMark;
use crate::planted;
use crate::random::random_id;
use crate::sync::{AtomicU64, Condvar, Mutex, Relaxed};
use crate::wal::{Device, Directory};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIRECTORY_START: &str = "store-spill-";
const RUN_START: &str = "run-";
const LOCK_NAME: &str = "lock";
const DIRECTORY_MODE: u32 = 0o700;
/// Names tried for a directory; one is taken only if somebody sweeps in that very moment.
const NAMES_MAX: usize = 16;

/// A place for runs, shared by all operators of a job; clones are the same place.
///
/// ```
/// use store_core::segment::{Run, RunBuffers, RunOptions, RunWriter, Spill};
/// use store_core::MemoryBudget;
/// let holder = MemoryBudget::new(1 << 20).holder("job");
/// let spill = Spill::new(std::env::temp_dir(), Some(100 << 20))?;
/// let buffers = RunBuffers::new(&RunOptions::default(), &holder)?;
/// let mut writer = RunWriter::create(&spill, buffers)?;
/// writer.push(b"key", b"payload")?;
/// let (run, _buffers) = writer.finish()?;
/// assert_eq!(run.rows(), 1);
/// assert!(spill.used_bytes() > 0);
/// drop(run);
/// assert_eq!(spill.used_bytes(), 0);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Spill(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    place: Mutex<Place>,
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    written: AtomicU64,
    next_run: AtomicU64,
    turns: Turns,
    mark: ProcessMark,
}

/// Who may write at the same time.
#[derive(Debug)]
struct Turns {
    most: AtomicU64,
    writing: Mutex<u64>,
    ended: Condvar,
}

/// The right to write, until it is dropped; of no consequence where there is no limit.
#[derive(Debug)]
pub(super) struct Turn<'s>(Option<&'s Turns>);

enum Place {
    /// Nothing has been spilled.
    Below(PathBuf),
    Made {
        device: Arc<dyn Device>,
        path: PathBuf,
        _lock: Box<dyn Send + Sync>,
    },
    /// A device of the caller's, which stays.
    Given(Arc<dyn Device>),
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Below(path) | Self::Made { path, .. } => write!(f, "{}", path.display()),
            Self::Given(device) => f.write_str(&device.describe()),
        }
    }
}

impl Spill {
    /// A place below this directory, which must exist, with a limit on the bytes in it at any time.
    ///
    /// Removes what killed processes have left there. Makes nothing until something is spilled.
    pub fn new(base: impl Into<PathBuf>, limit: Option<u64>) -> Result<Self> {
        let base = base.into();
        let found = fs::metadata(&base).map_err(|fault| {
            Error::io(format_args!("spill directory {}", base.display()), fault)
        })?;
        if !found.is_dir() {
            let message = format!("spill directory {}: it is no directory", base.display());
            return Err(Error::invalid(message));
        }
        sweep(&base);
        Self::with_place(Place::Below(base), limit)
    }

    /// A place on a device of the caller's; runs are removed from it, the device stays.
    pub fn on_device(device: Arc<dyn Device>, limit: Option<u64>) -> Result<Self> {
        Self::with_place(Place::Given(device), limit)
    }

    fn with_place(place: Place, limit: Option<u64>) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            place: Mutex::new(place),
            limit: limit.unwrap_or(u64::MAX),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            written: AtomicU64::new(0),
            next_run: AtomicU64::new(0),
            turns: Turns {
                most: AtomicU64::new(u64::MAX),
                writing: Mutex::new(0),
                ended: Condvar::new(),
            },
            mark: ProcessMark::open()?,
        })))
    }

    /// Lets at most so many blocks be written at the same time, by whatever threads; any number by default.
    /// For disks that do not gain by more: the others wait, and work on meanwhile where they can.
    pub fn set_writes_max(&self, most: u32) {
        // Relaxed: it guards nothing, and is set before anybody writes.
        self.0.turns.most.store(most.max(1).into(), Relaxed);
    }

    /// Waits until this thread may write.
    pub(super) fn turn(&self) -> Turn<'_> {
        let turns = &self.0.turns;
        let most = turns.most.load(Relaxed);
        if most == u64::MAX || planted::bug("spill_concurrency_ignored") {
            return Turn(None);
        }
        let mut writing = turns.writing.lock();
        while *writing >= most {
            turns.ended.wait(&mut writing);
        }
        *writing += 1;
        Turn(Some(turns))
    }

    /// Bytes of the runs that are there now.
    pub fn used_bytes(&self) -> u64 {
        self.0.used.load(Relaxed)
    }

    /// The most bytes that were there at once.
    pub fn peak_bytes(&self) -> u64 {
        self.0.peak.load(Relaxed)
    }

    /// All bytes ever written.
    pub fn written_bytes(&self) -> u64 {
        self.0.written.load(Relaxed)
    }

    /// Where it is, or would be.
    pub fn describe(&self) -> String {
        format!("{:?}", self.0.place.lock())
    }

    /// Counts bytes that are about to be written, unless that is more than the limit.
    pub(super) fn reserve(&self, bytes: u64) -> Result<()> {
        let used = self.0.used.fetch_add(bytes, Relaxed) + bytes;
        if used > self.0.limit && !planted::bug("disk_limit_ignored") {
            self.give_back(bytes);
            let limit = self.0.limit;
            let message = format!(
                "spilling {bytes} bytes more would take {used} of the {limit} bytes that the disk \
                 limit allows; raise it, or the memory"
            );
            return Err(Error::new(Kind::DiskLimit, message).detail(limit.to_string()));
        }
        self.0.peak.fetch_max(used, Relaxed);
        self.0.written.fetch_add(bytes, Relaxed);
        Ok(())
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Relaxed);
    }

    pub(super) fn next_run(&self) -> u64 {
        self.0.next_run.fetch_add(1, Relaxed)
    }

    /// The device, made now if nothing was spilled before.
    pub(super) fn device(&self) -> Result<Arc<dyn Device>> {
        let mut place = self.0.place.lock();
        match &*place {
            Place::Made { device, .. } | Place::Given(device) => Ok(Arc::clone(device)),
            Place::Below(base) => {
                let (device, made) = make_place(base)?;
                *place = made;
                Ok(device)
            }
        }
    }

    /// Removes a run's file, as far as that can be done.
    pub(super) fn remove_run(&self, number: u64) {
        if self.0.mark.is_forked() {
            return;
        }
        if let Place::Made { device, .. } | Place::Given(device) = &*self.0.place.lock() {
            let _gone_before = device.remove(&run_name(number));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            *turns.writing.lock() -= 1;
            turns.ended.notify_one();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A forked child has a copy of its parent's handle, and nothing of its own there.
        if self.mark.is_forked() || planted::bug("spill_left_behind") {
            return;
        }
        if let Place::Made { device, path, .. } = &*self.place.lock() {
            remove_place(&**device, path);
        }
    }
}

pub(super) fn run_name(number: u64) -> String {
    format!("{RUN_START}{number}")
}

/// Makes a directory and locks it.
fn make_place(base: &Path) -> Result<(Arc<dyn Device>, Place)> {
    let mut last = None;
    for _ in 0..NAMES_MAX {
        let path =
            base.join(format!("{DIRECTORY_START}{}-{:016x}", std::process::id(), random_id()));
        match try_place(&path) {
            Ok(Some((device, lock))) => {
                let made = Place::Made { device: Arc::clone(&device), path, _lock: lock };
                return Ok((device, made));
            }
            Ok(None) => {}
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) => {
                last = Some(fault);
            }
            Err(fault) => return Err(place_error(&path, fault)),
        }
    }
    let fault = last.unwrap_or_else(|| ErrorKind::AlreadyExists.into());
    Err(place_error(base, fault))
}

fn place_error(path: &Path, fault: std::io::Error) -> Error {
    Error::io(format_args!("making the spill directory {}", path.display()), fault)
}

type Locked = (Arc<dyn Device>, Box<dyn Send + Sync>);

/// `None`, or an error that says so, if a sweeper came between the making and the lock.
fn try_place(path: &Path) -> std::io::Result<Option<Locked>> {
    fs::DirBuilder::new().mode(DIRECTORY_MODE).create(path)?;
    let device = Directory::open_existing(path)?;
    let lock = device.lock()?;
    // A sweeper that had it before has removed the name.
    let is_there = device.list()?.iter().any(|name| name == LOCK_NAME);
    let device: Arc<dyn Device> = Arc::new(device);
    Ok(is_there.then_some((device, lock)))
}

/// Removes the files of a directory whose lock is held, and the directory.
fn remove_place(device: &dyn Device, path: &Path) {
    for name in device.list().unwrap_or_default() {
        if name.starts_with(RUN_START) {
            let _stays = device.remove(&name);
        }
    }
    let _stays = device.remove(LOCK_NAME);
    let _stays = fs::remove_dir(path);
}

/// Removes the directories below a base that no live process holds. What cannot be removed, such as
/// another user's, stays: that must not keep a job from running.
fn sweep(base: &Path) {
    if planted::bug("spill_not_swept") {
        return;
    }
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_spill =
            entry.file_name().to_str().is_some_and(|name| name.starts_with(DIRECTORY_START));
        // Not through a link, and nobody else's.
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        if !is_spill || !is_ours {
            continue;
        }
        let Ok(device) = Directory::open_existing(entry.path()) else { continue };
        if let Ok(_lock) = device.lock() {
            remove_place(&device, &entry.path());
        }
    }
}

/// How runs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// How blocks are packed. Raw costs the least time where the disk is not slow.
    pub codec: SegmentCodec,
    /// Bytes of a block with its header; longer records travel alone.
    pub block_bytes: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { codec: SegmentCodec::Raw, block_bytes: crate::options::PAGE_BYTES }
    }
}

//! A device in memory that loses, tears and reorders what was not synced.
//!
//! ```text
//!            live bytes (what reads see) = durable bytes + unsynced changes, in order
//!  crash ──► durable bytes + a legal part of the unsynced changes, chosen by a seed
//! ```
//!
//! Legal is what POSIX allows: of unsynced writes any subset of 512-byte sectors survives, in any
//! order, and a file may have grown without its bytes (they read as zeros). Of unsynced changes
//! of names either a prefix survives, as on a journaling file system, or any subset. A failed sync
//! drops the unsynced bytes for good, as Linux does, so a second sync that succeeds saves nothing.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use store_core::{Device, DeviceFile, OpenMode};

/// Disks write this much at once or not at all.
const SECTOR_BYTES: usize = 512;
/// The error number of a failed device.
pub const EIO: i32 = 5;
/// The error number of a full one.
pub const ENOSPC: i32 = 28;

/// What changes a device; each of these counts as one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file was made or emptied by opening it.
    Create,
    /// Bytes were written.
    Write,
    /// A file's length was set.
    SetLen,
    /// A file was synced.
    Sync,
    /// A file got another name.
    Rename,
    /// A file was removed.
    Remove,
    /// The names were synced.
    SyncDirectory,
}

/// What a faulty operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Returns this error number.
    Errno(i32),
    /// Panics, as a bug in a device would.
    Panic,
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The operations concerned; all if `None`.
    pub operation: Option<Operation>,
    /// How many of them still succeed.
    pub after: u64,
    /// Fails for ever from then on, not once.
    pub forever: bool,
    /// How.
    pub failure: Failure,
}

/// The device. Clones share their contents; a crash gives a device of its own.
#[derive(Clone, Debug, Default)]
pub struct SimDevice {
    world: Arc<Mutex<World>>,
}

#[derive(Debug, Default)]
struct World {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    operations: u64,
    trace: Vec<Operation>,
    syncs: u64,
    stop_at: Option<u64>,
    faults: Vec<Fault>,
    capacity: Option<u64>,
    sync_delay: Duration,
    locked: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl SimDevice {
    /// An empty device without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// What the operations so far were.
    pub fn trace(&self) -> Vec<Operation> {
        self.world().trace.clone()
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.world().syncs
    }

    /// Turns the power off before operation `n` (counted from 0) is done; parts of it may survive.
    pub fn stop_at(&self, n: u64) {
        self.world().stop_at = Some(n);
    }

    /// Plants a fault.
    pub fn fail(&self, fault: Fault) {
        self.world().faults.push(fault);
    }

    /// Takes all faults away, the power switch included.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.stop_at = None;
    }

    /// Refuses to hold more than this many bytes.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Makes every sync of a file take this long.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.world().sync_delay = delay;
    }

    /// The device as it may be found after a loss of power now; the same for the same seed.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let world = self.world();
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let names = world.surviving_names(&mut random);
        let mut after = World::default();
        for (name, node) in names {
            let bytes = world.nodes[node].surviving(&mut random);
            after.names.insert(name, after.nodes.len());
            after.nodes.push(Node { live: bytes.clone(), durable: bytes, unsynced: Vec::new() });
        }
        after.durable_names = after.names.clone();
        Self { world: Arc::new(Mutex::new(after)) }
    }

    /// All files with their bytes, as reads see them.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        world
            .names
            .iter()
            .map(|(name, node)| (name.clone(), world.nodes[*node].live.clone()))
            .collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }
}

impl World {
    /// Counts an operation; says whether it fails.
    fn step(&mut self, operation: Operation) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        self.trace.push(operation);
        if self.stop_at.is_some_and(|stop| number >= stop) {
            return Err(power_off());
        }
        let mut outcome = Ok(());
        self.faults.retain_mut(|fault| {
            if outcome.is_err() || fault.operation.is_some_and(|only| only != operation) {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            outcome = Err(fault.failure);
            fault.forever
        });
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Errno(number)) => Err(io::Error::from_raw_os_error(number)),
            Err(Failure::Panic) => panic!("the device was told to panic at {operation:?}"),
        }
    }

    fn is_off(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.operations > stop)
    }

    fn node_of(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn check_room(&self, node: usize, len: usize) -> io::Result<()> {
        let used: usize = self.names.values().map(|node| self.nodes[*node].live.len()).sum();
        let more = len.saturating_sub(self.nodes[node].live.len());
        match self.capacity {
            Some(capacity) if more > 0 && (used + more) as u64 > capacity => {
                Err(io::Error::from_raw_os_error(ENOSPC))
            }
            _ => Ok(()),
        }
    }

    fn surviving_names(&self, random: &mut Random) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        let journaled = random.below(2) == 0;
        let prefix = random.below(self.unsynced_names.len() + 1);
        for (position, change) in self.unsynced_names.iter().enumerate() {
            let survives = if journaled { position < prefix } else { random.below(2) == 0 };
            if !survives {
                continue;
            }
            match change {
                NameChange::Create(name, node) => {
                    names.insert(name.clone(), *node);
                }
                NameChange::Rename(from, to, node) => {
                    if names.get(from) == Some(node) {
                        names.remove(from);
                    }
                    names.insert(to.clone(), *node);
                }
                NameChange::Remove(name) => {
                    names.remove(name);
                }
            }
        }
        names
    }
}

impl Node {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn surviving(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        // All, nothing, or a mixture: the corners are the likeliest to hide a bug.
        let keep_of_8 = [0, 8, 1, 4, 7][random.below(5)];
        for change in &self.unsynced {
            match change {
                Change::Length(_) => {
                    if random.below(8) < keep_of_8 {
                        change.apply(&mut bytes);
                    }
                }
                Change::Bytes(at, written) => {
                    for (at, sector) in sectors(*at, written) {
                        if random.below(8) < keep_of_8 {
                            put(&mut bytes, at, sector);
                        } else if at + sector.len() > bytes.len() && random.below(2) == 0 {
                            bytes.resize(at + sector.len(), 0); // grown, not written
                        }
                    }
                }
            }
        }
        bytes
    }
}

/// A write, cut where sectors of the disk begin.
fn sectors(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut taken = 0;
    std::iter::from_fn(move || {
        if taken == bytes.len() {
            return None;
        }
        let start = at + taken;
        let len = (SECTOR_BYTES - start % SECTOR_BYTES).min(bytes.len() - taken);
        taken += len;
        Some((start, &bytes[taken - len..taken]))
    })
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(len) => bytes.resize(*len, 0),
            Self::Bytes(at, written) => put(bytes, *at, written),
        }
    }
}

/// Writes, and fills a gap before with zeros.
fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

impl Device for SimDevice {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        let mut world = self.world();
        let found = world.node_of(name);
        let node = match mode {
            OpenMode::Read | OpenMode::Write if world.is_off() => return Err(power_off()),
            OpenMode::Read | OpenMode::Write => found?,
            OpenMode::CreateNew if found.is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            OpenMode::CreateNew | OpenMode::Truncate => {
                let outcome = world.step(Operation::Create);
                if let Ok(node) = found {
                    world.nodes[node].change(Change::Length(0));
                    outcome?;
                    node
                } else {
                    let node = world.nodes.len();
                    world.nodes.push(Node::default());
                    world.unsynced_names.push(NameChange::Create(name.to_owned(), node));
                    outcome?;
                    world.names.insert(name.to_owned(), node);
                    node
                }
            }
        };
        drop(world);
        Ok(Box::new(SimFile { device: self.clone(), node, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        let node = world.node_of(from)?;
        let outcome = world.step(Operation::Rename);
        if outcome.is_ok() || world.is_off() {
            let change = NameChange::Rename(from.to_owned(), to.to_owned(), node);
            world.unsynced_names.push(change);
        }
        outcome?;
        world.names.remove(from);
        world.names.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.node_of(name)?;
        let outcome = world.step(Operation::Remove);
        if outcome.is_ok() || world.is_off() {
            world.unsynced_names.push(NameChange::Remove(name.to_owned()));
        }
        outcome?;
        world.names.remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let world = self.world();
        if world.is_off() { Err(power_off()) } else { Ok(world.names.keys().cloned().collect()) }
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        world.step(Operation::SyncDirectory)?;
        world.durable_names = world.names.clone();
        world.unsynced_names.clear();
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut world = self.world();
        if world.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        world.locked = true;
        drop(world);
        Ok(Box::new(Owner(self.clone())))
    }

    fn describe(&self) -> String {
        "simulated device".to_owned()
    }
}

#[derive(Debug)]
struct SimFile {
    device: SimDevice,
    node: usize,
    writable: bool,
}

impl SimFile {
    fn sync(&self) -> io::Result<()> {
        let delay = self.device.world().sync_delay;
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let mut world = self.device.world();
        world.syncs += 1;
        let outcome = world.step(Operation::Sync);
        let off = world.is_off();
        let node = &mut world.nodes[self.node];
        match outcome {
            Ok(()) => node.sync(),
            Err(_) if off => {}
            Err(_) => node.unsynced.clear(),
        }
        outcome
    }
}

impl DeviceFile for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.device.world();
        if world.is_off() {
            return Err(power_off());
        }
        let live = &world.nodes[self.node].live;
        let rest = live.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut world = self.device.world();
        world.check_room(self.node, offset as usize + bytes.len())?;
        let outcome = world.step(Operation::Write);
        if outcome.is_ok() || world.is_off() {
            let change = Change::Bytes(offset as usize, bytes.to_vec());
            world.nodes[self.node].change(change);
        }
        outcome
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut world = self.device.world();
        world.check_room(self.node, len as usize)?;
        let outcome = world.step(Operation::SetLen);
        if outcome.is_ok() || world.is_off() {
            world.nodes[self.node].change(Change::Length(len as usize));
        }
        outcome
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.device.world().nodes[self.node].live.len() as u64)
    }
}

struct Owner(SimDevice);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.world().locked = false;
    }
}

fn power_off() -> io::Error {
    io::Error::other("the power is off")
}

/// splitmix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

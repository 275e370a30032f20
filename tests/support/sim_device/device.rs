//! The device itself: what tests tell it, and what the store asks of it.

use super::faults::{Event, Fault, Operation};
use super::survive::{Decide, Seeded};
use super::world::{Change, Outcome, Refusal, SimNotice, World, power_off};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use store_core::{Device, DeviceFile, Notice, OpenMode, Posted};

/// The device. Clones share their contents; a crash gives a device of its own.
#[derive(Clone, Debug, Default)]
pub struct SimDevice {
    world: Arc<Mutex<World>>,
}

impl SimDevice {
    /// An empty device without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty device whose log files grow by so few bytes that a test may open thousands of
    /// stores; so do those after a crash.
    #[must_use]
    pub fn small(growth_bytes: u64) -> Self {
        let device = Self::new();
        device.world().growth_bytes = Some(growth_bytes);
        device
    }

    fn of(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.world().trace.len() as u64
    }

    /// What the operations so far were.
    pub fn trace(&self) -> Vec<Operation> {
        self.world().trace.iter().map(|event| event.operation).collect()
    }

    /// The same, with files and places.
    pub fn events(&self) -> Vec<Event> {
        self.world().trace.clone()
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.world().syncs
    }

    /// All files with their bytes, as reads see them.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        let bytes = |node: &usize| world.nodes[*node].live.clone();
        world.names.iter().map(|(name, node)| (name.clone(), bytes(node))).collect()
    }

    // ---- what is to go wrong

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

    /// How many operations still succeed before the first fault comes.
    pub fn next_failure(&self) -> Option<u64> {
        self.world().faults.first().map(|fault| fault.after)
    }

    /// True if a fault that was planted to come once has not come yet.
    pub fn is_waiting_to_fail(&self) -> bool {
        self.world().faults.iter().any(|fault| !fault.forever)
    }

    /// Refuses to hold more than this many bytes: a write gets as far as there is room.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Makes every sync of a file take this long.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.world().sync_delay = delay;
    }

    /// Forgets what was read or written before and is not on the device: what a failed sync lost
    /// is not to be read any more.
    pub fn drop_caches(&self) {
        self.world().nodes.iter_mut().for_each(|node| Arc::make_mut(node).drop_cache());
    }

    // ---- loss of power

    /// The device as it may be found after a loss of power now; the same for the same seed.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        self.crash_by(&mut Seeded::new(seed))
    }

    /// The device as it is found after a loss of power of which every part was chosen.
    #[must_use]
    pub fn crash_by(&self, decide: &mut dyn Decide) -> Self {
        Self::of(self.world().after_crash(decide))
    }

    /// Keeps a copy of the device from before each of these operations: one run shows what a loss
    /// of power at any of them would have met.
    pub fn record_at(&self, operations: impl IntoIterator<Item = u64>) {
        self.world().record_at.extend(operations);
    }

    /// The copies made so far, each with its operation, and one of now.
    pub fn recorded(&self) -> Vec<(u64, Self)> {
        let mut world = self.world();
        let mut copies = std::mem::take(&mut world.recorded);
        copies.push((world.trace.len() as u64, world.without_plans()));
        copies.into_iter().map(|(operation, world)| (operation, Self::of(world))).collect()
    }
}

fn event(operation: Operation, name: &str) -> Event {
    Event { operation, name: name.to_owned(), offset: 0, bytes: 0 }
}

impl Device for SimDevice {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        let mut world = self.world();
        let found = world.node_of(name);
        let node = match mode {
            OpenMode::Read | OpenMode::Write => {
                world.step(event(Operation::Open, name))?;
                found?
            }
            OpenMode::CreateNew if found.is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            OpenMode::CreateNew | OpenMode::Truncate => {
                let outcome = world.step(event(Operation::Create, name));
                let node = world.may_have_happened(&outcome).then(|| match found {
                    Ok(node) => {
                        world.node_mut(node).change(Change::Length(0));
                        node
                    }
                    Err(_) => world.create(name),
                });
                outcome?;
                let node = node.expect("what succeeded has happened");
                world.names.insert(name.to_owned(), node);
                node
            }
        };
        drop(world);
        let (device, name) = (self.clone(), name.to_owned());
        Ok(Box::new(SimFile { device, name, node, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        let node = world.node_of(from)?;
        let outcome = world.step(event(Operation::Rename, to));
        if world.may_have_happened(&outcome) {
            world.rename(from, to, node);
        }
        outcome?;
        world.names.remove(from);
        world.names.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        if world.is_off() {
            return Err(power_off());
        }
        if world.notices.remove(name).is_some() {
            return Ok(());
        }
        world.node_of(name)?;
        let outcome = world.step(event(Operation::Remove, name));
        if world.may_have_happened(&outcome) {
            world.remove(name);
        }
        outcome?;
        world.names.remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.world();
        world.step(event(Operation::List, ""))?;
        let mut names: Vec<String> =
            world.names.keys().chain(world.notices.keys()).cloned().collect();
        names.sort_unstable();
        Ok(names)
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        world.step(event(Operation::SyncDirectory, ""))?;
        world.sync_names();
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut world = self.world();
        world.step(event(Operation::Lock, ""))?;
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

    fn post(&self, name: &str, bytes: &[u8]) -> io::Result<Box<dyn Notice>> {
        let mut world = self.world();
        if world.is_off() {
            return Err(power_off());
        }
        let (bytes, before) = (bytes.to_vec(), bytes.to_vec());
        world.posted += 1;
        let id = world.posted;
        world.notices.insert(name.to_owned(), SimNotice { bytes, before, held: Some(id) });
        Ok(Box::new(Held { device: self.clone(), name: name.to_owned(), id }))
    }

    fn look(&self, name: &str) -> io::Result<Posted> {
        let world = self.world();
        if world.is_off() {
            return Err(power_off());
        }
        let notice = world.notices.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Posted { bytes: notice.bytes.clone(), is_held: notice.held.is_some() })
    }

    fn growth_bytes(&self) -> u64 {
        const USUAL: u64 = 4 << 20;
        self.world().growth_bytes.unwrap_or(USUAL)
    }
}

#[derive(Debug)]
struct SimFile {
    device: SimDevice,
    name: String,
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
        let outcome = world.step(event(Operation::Sync, &self.name));
        let (off, seed) = (world.is_off(), world.trace.len() as u64);
        let node = world.node_mut(self.node);
        match outcome {
            Ok(()) => node.sync(),
            Err(_) if off => {}
            Err(_) => node.sync_badly(seed),
        }
        Ok(outcome?)
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl DeviceFile for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.device.world();
        let mut most = bytes.len();
        match world.step(event(Operation::Read, &self.name)) {
            Err(Refusal { done_bytes, .. }) if done_bytes > 0 => most = most.min(done_bytes),
            outcome => outcome?,
        }
        let live = &world.nodes[self.node].live;
        let rest = live.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(most);
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut world = self.device.world();
        let at = offset as usize;
        let room = world.room(self.node, at + bytes.len());
        let asked = Event { offset, bytes: bytes.len(), ..event(Operation::Write, &self.name) };
        let mut outcome: Outcome = world.step(asked);
        if let (Ok(()), Err(full)) = (&outcome, room) {
            let done_bytes = full.done_bytes.saturating_sub(at);
            outcome = Err(Refusal { done_bytes, ..full });
        }
        let count = match &outcome {
            Err(refusal) if !world.is_off() => refusal.done_bytes.min(bytes.len()),
            _ if world.may_have_happened(&outcome) => bytes.len(),
            _ => 0,
        };
        if count > 0 {
            world.node_mut(self.node).change(Change::Bytes(at, bytes[..count].to_vec()));
        }
        Ok(outcome?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut world = self.device.world();
        let room = world.room(self.node, len as usize);
        let asked = Event { offset: len, ..event(Operation::SetLen, &self.name) };
        let outcome = world.step(asked).and(room);
        if world.may_have_happened(&outcome) {
            world.node_mut(self.node).change(Change::Length(len as usize));
        }
        Ok(outcome?)
    }

    fn len(&self) -> io::Result<u64> {
        let mut world = self.device.world();
        world.step(event(Operation::Length, &self.name))?;
        Ok(world.nodes[self.node].live.len() as u64)
    }
}

#[derive(Debug)]
struct Held {
    device: SimDevice,
    name: String,
    id: u64,
}

impl Notice for Held {
    fn change(&self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.device.world();
        if world.is_off() {
            return Err(power_off());
        }
        // One that was removed goes on without a name.
        let notice = world.notices.get_mut(&self.name);
        if let Some(notice) = notice.filter(|notice| notice.held == Some(self.id)) {
            notice.before = std::mem::replace(&mut notice.bytes, bytes.to_vec());
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut world = self.device.world();
        let notice = world.notices.get_mut(&self.name);
        if let Some(notice) = notice.filter(|notice| notice.held == Some(self.id)) {
            notice.held = None;
        }
    }
}

struct Owner(SimDevice);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.world().locked = false;
    }
}

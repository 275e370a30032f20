//! The state of a simulated device: files, names, what of both is durable, and what comes to fail.

use super::faults::{ENOSPC, Event, Failure, Fault};
use super::survive::{Decide, Seeded};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Removed files whose bytes may show up again.
const STALE_FILES_MAX: usize = 4;

/// Everything about a device.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// Shared with copies until one of them changes.
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    pub(super) trace: Vec<Event>,
    pub(super) syncs: u64,
    pub(super) stop_at: Option<u64>,
    pub(super) faults: Vec<Fault>,
    pub(super) capacity: Option<u64>,
    pub(super) sync_delay: Duration,
    pub(super) growth_bytes: Option<u64>,
    pub(super) locked: bool,
    pub(super) notices: BTreeMap<String, SimNotice>,
    pub(super) posted: u64,
    /// Before which operations to keep a copy, and the copies.
    pub(super) record_at: BTreeSet<u64>,
    pub(super) recorded: Vec<(u64, World)>,
}

/// A notice: never durable as long as anybody may rely on it.
#[derive(Clone, Debug, Default)]
pub(super) struct SimNotice {
    pub(super) bytes: Vec<u8>,
    /// What it said before.
    pub(super) before: Vec<u8>,
    /// Who holds it: one name may be put up anew while the one before still is.
    pub(super) held: Option<u64>,
}

impl SimNotice {
    /// What a loss of power leaves: nothing, what it says, what it said, or some of both.
    fn surviving(&self, choice: usize) -> Option<Self> {
        let half = self.bytes.len() / 2;
        let bytes = match choice {
            0 => return None,
            1 => self.bytes.clone(),
            2 => self.before.clone(),
            _ => [self.before.get(..half).unwrap_or_default(), &self.bytes[half..]].concat(),
        };
        Some(Self { before: bytes.clone(), bytes, held: None })
    }
}

/// A file, whatever its names.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

/// What an operation that fails was told to do.
pub(super) type Outcome = Result<(), Refusal>;

/// Why an operation fails, and how much of it is done all the same.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: io::Error,
    pub(super) done_bytes: usize,
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        refusal.fault
    }
}

pub(super) fn power_off() -> io::Error {
    io::Error::other("the power is off")
}

impl World {
    /// Counts an operation; says whether it fails.
    pub(super) fn step(&mut self, event: Event) -> Outcome {
        let (operation, number) = (event.operation, self.trace.len() as u64);
        if operation.is_change() {
            if self.record_at.remove(&number) {
                let copy = self.without_plans();
                self.recorded.push((number, copy));
            }
            self.trace.push(event);
        }
        if self.is_off() {
            return Err(Refusal { fault: power_off(), done_bytes: 0 });
        }
        let mut found = None;
        self.faults.retain_mut(|fault| {
            if found.is_some() || !fault.concerns(operation) {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            found = Some(fault.failure);
            fault.forever
        });
        let (number, done_bytes) = match found {
            None => return Ok(()),
            Some(Failure::Errno(number)) => (number, 0),
            Some(Failure::Short(bytes, number)) => (number, bytes),
            Some(Failure::Panic) => panic!("the device was told to panic at {operation:?}"),
        };
        Err(Refusal { fault: io::Error::from_raw_os_error(number), done_bytes })
    }

    /// The same device, with nothing planned for it.
    pub(super) fn without_plans(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            names: self.names.clone(),
            durable_names: self.durable_names.clone(),
            unsynced_names: self.unsynced_names.clone(),
            growth_bytes: self.growth_bytes,
            notices: self.notices.clone(),
            ..Self::default()
        }
    }

    /// True from the operation on before which the power went.
    pub(super) fn is_off(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.trace.len() as u64 > stop)
    }

    /// True if the operation counted last may have happened: it was done, or it failed while it was
    /// under way, when the power went or otherwise. One that comes later is not even begun.
    pub(super) fn may_have_happened(&self, outcome: &Outcome) -> bool {
        let full = |fault: &Refusal| fault.fault.raw_os_error() == Some(ENOSPC);
        match outcome {
            Err(fault) if full(fault) => false,
            _ => self.stop_at.is_none_or(|stop| self.trace.len() as u64 <= stop + 1),
        }
    }

    pub(super) fn node_mut(&mut self, node: usize) -> &mut Node {
        Arc::make_mut(&mut self.nodes[node])
    }

    pub(super) fn node_of(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// How long this file may become, up to `len`; less than that on a full device.
    pub(super) fn room(&self, node: usize, len: usize) -> Result<(), Refusal> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let used: usize = self.names.values().map(|node| self.nodes[*node].live.len()).sum();
        let own = self.nodes[node].live.len();
        let room = own + (capacity as usize).saturating_sub(used);
        if len <= own || len <= room {
            return Ok(());
        }
        Err(Refusal { fault: io::Error::from_raw_os_error(ENOSPC), done_bytes: room })
    }

    // ---- names

    pub(super) fn create(&mut self, name: &str) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Arc::default());
        self.unsynced_names.push(NameChange::Create(name.to_owned(), node));
        node
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, node: usize) {
        self.unsynced_names.push(NameChange::Rename(from.to_owned(), to.to_owned(), node));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.unsynced_names.push(NameChange::Remove(name.to_owned()));
    }

    pub(super) fn sync_names(&mut self) {
        self.durable_names = self.names.clone();
        self.unsynced_names.clear();
    }

    // ---- crashes

    /// What is found when the power is back.
    pub(super) fn after_crash(&self, decide: &mut dyn Decide) -> Self {
        let sector = decide.sector_bytes();
        let names = self.surviving_names(decide);
        let stale = self.stale(&names);
        let mut after = Self { growth_bytes: self.growth_bytes, ..Self::default() };
        for (name, node) in names {
            decide.next_file();
            let bytes = self.nodes[node].surviving(sector, &stale, decide);
            after.names.insert(name, after.nodes.len());
            after.nodes.push(Arc::new(Node::at_rest(bytes)));
        }
        if decide.keeps_notices() {
            for (name, notice) in &self.notices {
                let left = notice.surviving(decide.pick(4));
                after.notices.extend(left.map(|left| (name.clone(), left)));
            }
        }
        after.durable_names = after.names.clone();
        for bytes in stale {
            after.nodes.push(Arc::new(Node::at_rest(bytes.to_vec())));
        }
        after
    }

    /// The bytes of files that no name leads to any more: their places may have been given away.
    fn stale(&self, names: &BTreeMap<String, usize>) -> Vec<&[u8]> {
        let used: BTreeSet<usize> = names.values().copied().collect();
        let nodes = self.nodes.iter().enumerate().rev().filter(|(node, _)| !used.contains(node));
        let bytes = nodes.map(|(_, node)| &*node.durable).filter(|bytes| !bytes.is_empty());
        bytes.take(STALE_FILES_MAX).collect()
    }

    fn surviving_names(&self, decide: &mut dyn Decide) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        let count = self.unsynced_names.len();
        let prefix = (count > 0 && decide.journals_names()).then(|| decide.pick(count + 1));
        for (position, change) in self.unsynced_names.iter().enumerate() {
            let survives = match prefix {
                Some(prefix) => position < prefix,
                None => decide.pick(2) == 0,
            };
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
    fn at_rest(bytes: Vec<u8>) -> Self {
        Self { live: bytes.clone(), durable: bytes, unsynced: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Some of what is unsynced becomes durable, the rest never will; reads show it all the same.
    pub(super) fn sync_badly(&mut self, seed: u64) {
        let mut decide = Seeded::new(seed);
        decide.next_file();
        let sector = decide.sector_bytes();
        self.durable = self.surviving(sector, &[], &mut decide);
        self.unsynced.clear();
    }

    /// Reads show what the device has, and what it was given since the last sync.
    pub(super) fn drop_cache(&mut self) {
        self.live.clone_from(&self.durable);
        for change in &self.unsynced {
            change.apply(&mut self.live);
        }
    }

    fn surviving(&self, sector: usize, stale: &[&[u8]], decide: &mut dyn Decide) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Length(_) => {
                    if decide.survives() {
                        change.apply(&mut bytes);
                    }
                }
                Change::Bytes(at, written) => {
                    for (at, part) in sectors(*at, written, sector) {
                        if decide.survives() {
                            put(&mut bytes, at, part);
                        } else if at + part.len() > bytes.len() {
                            grow_unwritten(&mut bytes, at + part.len(), stale, decide);
                        }
                    }
                }
            }
        }
        bytes
    }
}

/// The length may be durable though the bytes are not.
fn grow_unwritten(bytes: &mut Vec<u8>, end: usize, stale: &[&[u8]], decide: &mut dyn Decide) {
    let from = bytes.len();
    match decide.pick(2 + stale.len()) {
        0 => {}
        1 => bytes.resize(end, 0),
        nth => {
            bytes.resize(end, 0);
            let old = stale[nth - 2].get(from..).unwrap_or_default();
            let count = old.len().min(end - from);
            bytes[from..from + count].copy_from_slice(&old[..count]);
        }
    }
}

/// A write, cut where sectors of the disk begin.
fn sectors(at: usize, bytes: &[u8], sector: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut taken = 0;
    std::iter::from_fn(move || {
        if taken == bytes.len() {
            return None;
        }
        let start = at + taken;
        let len = (sector - start % sector).min(bytes.len() - taken);
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

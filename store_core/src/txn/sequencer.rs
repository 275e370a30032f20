//! Which rows the commits since a moment wrote, for serializable transactions to check their reads.
//!
//! Recording begins with the first serializable transaction. A commit that took its timestamp
//! before it could know enters itself late; until then the list has a gap, and whoever checks waits.
//! (The writer takes its timestamp, fences, looks whether commits are recorded; who begins to record
//! says so, fences, looks at the newest timestamp. One of them sees the other.)

use super::engine::Engine;
use crate::error::{Error, Result};
use crate::mem::budget::{Holder, Reservation};
use crate::mvcc::{Timeline, Timestamp};
use crate::options::SEQUENCED_BYTES_MAX;
use crate::sync::{
    Acquire, AtomicBool, Mutex, MutexGuard, Relaxed, Release, SeqCst, fence, fence_after_exchange,
    pause,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// One row that a commit wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub table: u32,
    pub row: u32,
    pub key_hash: u64,
}

impl Written {
    /// Stands for every row of a table: its columns changed, or it is no more.
    fn all_of(table: u32) -> Self {
        Self { table, row: u32::MAX, key_hash: 0 }
    }

    pub(super) fn is_all(&self) -> bool {
        self.row == u32::MAX
    }
}

/// A commit that has its timestamp.
pub(crate) struct SequencedCommit {
    pub(super) at: Timestamp,
    /// `None` if there was no memory to say which, or not enough for so many: it may have written
    /// anything.
    pub(super) writes: Option<Box<[Written]>>,
    installed: AtomicBool,
}

/// The commits that an open serializable transaction may have to look at.
pub(crate) struct Sequencer {
    recording: AtomicBool,
    state: Mutex<Sequenced>,
}

/// The list, in the order of the timestamps.
pub(super) struct Sequenced {
    /// Every commit after this one is in the list, or about to enter itself.
    floor: Timestamp,
    commits: VecDeque<Arc<SequencedCommit>>,
    /// Snapshots of open serializable transactions, with how many have each.
    open: BTreeMap<u64, usize>,
    held: Reservation,
}

impl SequencedCommit {
    /// Says that the rows are in their places.
    pub(super) fn set_installed(&self) {
        self.installed.store(true, Release); // pairs with Acquire in `wait_installed`
    }

    /// Waits until the rows are in their places; whoever puts them there waits for nobody.
    pub(super) fn wait_installed(&self, engine: &Engine) -> Result<()> {
        let mut attempt = 0;
        while !self.installed.load(Acquire) {
            engine.check_log()?;
            pause(&mut attempt);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.writes.as_ref().map_or(0, |writes| size_of_val(&**writes))
    }
}

impl Sequencer {
    pub(crate) fn new(holder: &Holder) -> Result<Self> {
        let state = Sequenced {
            floor: Timestamp(0),
            commits: VecDeque::new(),
            open: BTreeMap::new(),
            held: holder.reserve(0)?,
        };
        Ok(Self { recording: AtomicBool::new(false), state: Mutex::new(state) })
    }

    /// Registers the snapshot of a serializable transaction, and records commits from it on.
    pub(super) fn register(&self, engine: &Engine) -> Result<(usize, Timestamp)> {
        let timeline = &engine.timeline;
        loop {
            let mut state = self.lock();
            if !self.recording.load(Relaxed) {
                self.recording.store(true, Relaxed);
                fence(SeqCst); // pairs with the fence in `enter_late`
                state.floor = timeline.newest();
            }
            let (place, at) = timeline.register()?;
            if at >= state.floor {
                *state.open.entry(at.0).or_default() += 1;
                return Ok((place, at));
            }
            // Commits before the first one recorded are still on their way.
            timeline.unregister(place);
            let floor = state.floor;
            drop(state);
            engine.wait_published(floor)?;
        }
    }

    /// Forgets a serializable transaction.
    pub(super) fn unregister(&self, at: Timestamp, timeline: &Timeline) {
        let mut state = self.lock();
        if let Some(count) = state.open.get_mut(&at.0) {
            *count -= 1;
            if *count == 0 {
                state.open.remove(&at.0);
            }
        }
        state.trim(timeline);
    }

    /// True if commits are recorded.
    pub(super) fn is_recording(&self) -> bool {
        self.recording.load(Relaxed)
    }

    /// The list, which nothing can enter meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Sequenced> {
        self.state.lock()
    }

    /// Enters a commit that took its timestamp while nothing was recorded, if that has changed.
    pub(super) fn enter_late(
        &self,
        at: Timestamp,
        timeline: &Timeline,
    ) -> Option<Arc<SequencedCommit>> {
        // The caller took the timestamp by an exchange.
        fence_after_exchange(); // pairs with the fence in `register`
        if !self.recording.load(Relaxed) {
            return None;
        }
        let mut state = self.lock();
        (at > state.floor).then(|| state.enter(at, None, timeline))
    }

    /// Enters a commit without rows that took its timestamp: a change of the schema, which concerns
    /// whoever has read this table.
    pub(crate) fn enter_change(&self, at: Timestamp, table: Option<u32>, timeline: &Timeline) {
        fence(SeqCst); // pairs with the fence in `register`
        if self.recording.load(Relaxed) {
            let mut state = self.lock();
            if at > state.floor {
                let all = table.map(Written::all_of);
                state.enter(at, Some(all.into_iter().collect()), timeline).set_installed();
            }
        }
    }
}

impl Sequenced {
    /// Enters a commit in its place.
    pub(super) fn enter(
        &mut self,
        at: Timestamp,
        writes: Option<Box<[Written]>>,
        timeline: &Timeline,
    ) -> Arc<SequencedCommit> {
        let mut commit = SequencedCommit { at, writes, installed: AtomicBool::new(false) };
        if self.held.bytes() + commit.bytes() > SEQUENCED_BYTES_MAX {
            self.drop_oldest(commit.bytes());
        }
        let too_large = commit.bytes() > SEQUENCED_BYTES_MAX;
        if too_large || self.held.grow(commit.bytes()).is_err() {
            commit.writes = None;
            let _ = self.held.grow(commit.bytes());
        }
        let commit = Arc::new(commit);
        let place = self.commits.partition_point(|known| known.at < at);
        self.commits.insert(place, Arc::clone(&commit));
        self.trim(timeline);
        commit
    }

    /// The commits after this one; `None` while some have their timestamp and are not in the list.
    pub(super) fn after(
        &self,
        at: Timestamp,
        timeline: &Timeline,
    ) -> Result<Option<Vec<Arc<SequencedCommit>>>> {
        if at < self.floor {
            return Err(Error::conflict(format!(
                "conflict: what was committed after snapshot {} is no longer known: too much \
                 was; retry in a new transaction",
                at.0
            )));
        }
        if self.floor.0 + self.commits.len() as u64 != timeline.newest().0 {
            return Ok(None);
        }
        let first = self.commits.partition_point(|commit| commit.at <= at);
        Ok(Some(self.commits.range(first..).cloned().collect()))
    }

    /// Lets go of what no open transaction needs, nor one that begins now.
    fn trim(&mut self, timeline: &Timeline) {
        let published = timeline.published().0;
        let needed = self.open.keys().next().map_or(published, |open| published.min(*open));
        let may_go = |commit: &Arc<SequencedCommit>, floor: Timestamp| {
            commit.at.0 <= needed && commit.at.0 == floor.0 + 1
        };
        while self.commits.front().is_some_and(|commit| may_go(commit, self.floor)) {
            self.drop_first();
        }
    }

    fn drop_oldest(&mut self, room: usize) {
        while !self.commits.is_empty() && self.held.bytes() + room > SEQUENCED_BYTES_MAX {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(commit) = self.commits.pop_front() {
            self.floor = self.floor.max(commit.at);
            self.held.shrink(commit.bytes().min(self.held.bytes()));
        }
    }
}

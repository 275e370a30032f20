//! Followers: a store that another process owns, opened for reading, that keeps up with it.
//!
//! ```text
//!  owner      commit ── log ── sync ── progress: durable up to D ── acknowledge
//!  follower   every 20 ms, and when asked:  progress ── log up to D ── transaction by transaction
//! ```
//!
//! A follower has rows, indexes and a memory budget of its own, and takes no lock of the owner's. It
//! opens the owner's checkpoint, and then reads the log as far as that is durable (`wal/tail.rs`) and
//! applies it in the order of the commits (`apply`): so each of its snapshots is a moment of the
//! owner's that no loss of power takes back (I1, I6, I8). Leases say what it still reads (`lease`).
//!
//! Owners come and go: without one a follower stays where it is, and a new one goes on in the same log.
//! Whatever it cuts off is beyond what was ever said to be durable.

mod apply;
mod lease;
mod open;

use crate::error::{Error, Kind, Result};
use crate::mvcc::Timestamp;
use crate::options::{FOLLOW_RETRY, FOLLOW_TICK};
use crate::sync::Mutex;
use crate::txn::Engine;
use crate::wal::{Device, Lsn, Progress, Tail};
use apply::Applier;
use lease::{FileLease, Needs};
use std::sync::Arc;
use std::thread::{Builder, park_timeout};

pub use lease::FollowerStats;
pub(crate) use lease::{LEASE_BEGINNING, followers, is_followed, remove_unneeded};
pub(crate) use open::open;

/// How often an opening begins anew because checkpoints have replaced what it was reading.
const OPENINGS_MAX: u32 = 5;

/// The part of a store that follows another process.
pub(crate) struct Follower {
    device: Arc<dyn Device>,
    following: Mutex<Following>,
    /// What the last step found, for those who only look: a step may take long.
    state: Mutex<FollowStats>,
}

/// How far it has come; whoever has it takes a step.
struct Following {
    applier: Applier,
    tail: Tail,
    lease: Option<FileLease>,
    /// What the lease says.
    needs: Needs,
    /// Why it cannot go on.
    ended: Option<Error>,
    /// What the owner said last, and whether it lived.
    seen: (Option<Progress>, bool),
}

/// A follower in numbers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowStats {
    /// All before this position of the log is applied.
    pub position: u64,
    /// How far the owner's log is durable, as it said last.
    pub durable: u64,
    /// Bytes of log that are durable and not applied.
    pub behind_bytes: u64,
    /// A process owns the store now.
    pub has_owner: bool,
    /// A sync of the owner's failed: it commits nothing more.
    pub owner_poisoned: bool,
    /// Why the last step failed, if it did: then it stays at what it has, and most errors are tried
    /// again.
    pub error: Option<String>,
}

impl Follower {
    fn new(device: &Arc<dyn Device>, opened: Following) -> Self {
        let state = Mutex::new(opened.stats(None));
        Self { device: Arc::clone(device), following: Mutex::new(opened), state }
    }

    pub(crate) fn stats(&self) -> FollowStats {
        self.state.lock().clone()
    }

    /// Applies all that was durable when this was called; gives the newest timestamp.
    pub(crate) fn refresh(&self) -> Result<Timestamp> {
        self.step(true)
    }

    /// Applies what is durable, unless nothing has been said since the last time.
    fn step(&self, is_asked: bool) -> Result<Timestamp> {
        let mut following = self.following.lock();
        if let Some(error) = &following.ended {
            return Err(error.again());
        }
        let seen = Progress::look(&*self.device);
        let is_news = std::mem::replace(&mut following.seen, seen) != seen;
        let is_there = seen.0.is_some_and(|said| said.durable == following.tail.at());
        if !is_asked && is_there && !is_news {
            return Ok(following.newest());
        }
        let outcome = following.advance(&*self.device);
        *self.state.lock() = following.stats(outcome.as_ref().err());
        match outcome {
            Ok(()) => Ok(following.newest()),
            Err(error) => {
                if !may_pass(&error) {
                    following.ended = Some(error.again());
                }
                Err(error)
            }
        }
    }

    /// A look at the files of the checkpoint in force, which stay meanwhile.
    pub(crate) fn hold_checkpoint<T>(&self, look: impl FnOnce() -> Result<T>) -> Result<T> {
        let following = self.following.lock();
        let say = |needs: Needs| following.lease.iter().try_for_each(|lease| lease.say(needs));
        say(Needs { segments: u64::MAX, ..following.needs })?;
        let found = look();
        say(following.needs)?;
        found
    }
}

/// True of an error that may not come the next time.
fn may_pass(error: &Error) -> bool {
    !matches!(error.kind(), Kind::SnapshotTooOld | Kind::Corrupt | Kind::Unsupported)
}

impl Following {
    fn newest(&self) -> Timestamp {
        self.applier.engine().timeline.published()
    }

    fn advance(&mut self, device: &dyn Device) -> Result<()> {
        let engine = Arc::clone(self.applier.engine());
        engine.check_open()?;
        let holder = engine.holder.child("follower");
        let applier = &mut self.applier;
        let outcome =
            self.tail.read(device, self.seen, &holder, &mut |found| applier.apply(&found));
        if self.tail.at() != self.needs.log {
            self.needs.log = self.tail.at();
            if let Some(lease) = &self.lease {
                lease.say(self.needs)?;
            }
        }
        outcome
    }

    fn stats(&self, error: Option<&Error>) -> FollowStats {
        let (said, has_owner) = self.seen;
        let position = self.tail.at();
        let durable = said.map_or(Lsn::ZERO, |said| said.durable).max(position);
        FollowStats {
            position: position.0,
            durable: durable.0,
            behind_bytes: durable.since(position),
            has_owner,
            owner_poisoned: has_owner && said.is_some_and(|said| said.is_poisoned),
            error: error.map(ToString::to_string),
        }
    }
}

/// Starts the thread that keeps a follower up. If there is none to be had, it keeps up when asked.
pub(crate) fn start(engine: &Arc<Engine>, follower: &Arc<Follower>) {
    let (held, followed) = (Arc::clone(engine), Arc::clone(follower));
    let thread = Builder::new().name("store-follow".to_owned());
    match thread.spawn(move || watch(&held, &followed)) {
        Ok(thread) => engine.keep_thread(thread),
        Err(fault) => {
            follower.state.lock().error = Some(format!("no thread to keep up by itself: {fault}"));
        }
    }
}

fn watch(engine: &Engine, follower: &Follower) {
    let mut pause = FOLLOW_TICK;
    loop {
        park_timeout(pause); // the last handle of a user's ends it
        if engine.is_ending() || engine.check_open().is_err() {
            return;
        }
        pause = match follower.step(false) {
            Ok(_) => FOLLOW_TICK,
            Err(error) if may_pass(&error) => FOLLOW_RETRY,
            Err(_) => return,
        };
    }
}

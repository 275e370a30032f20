//! Stores that another process owns, opened for reading only.

use super::{Home, Options, Store};
use crate::error::Result;
use crate::follow;
use crate::stats::Stats;
use crate::sync::{Mutex, Relaxed, RwLock};
use crate::txn::SharedEngine;
use crate::wal::{Device, Lsn};
use std::sync::Arc;

impl Options {
    /// Opens the store for reading only, whether another process owns it or none: as a *follower*, which
    /// keeps up with what an owner commits.
    ///
    /// Whatever it shows is durable, and each of its snapshots is a moment of the owner's. It looks every
    /// 20 ms how far the owner has come, and [`Store::refresh`] does it at once. It has its rows, indexes
    /// and memory budget for itself, so it costs as much memory as the owner, and opening it as much
    /// time. Writes are [`Kind::ReadOnly`](crate::Kind::ReadOnly). Nothing of the store is changed; a small file in its directory
    /// says what is still read, and the owner leaves that where it is, within
    /// [`Options::follower_bytes`]. A directory where nothing can be written is followed without.
    ///
    /// ```
    /// use store_core::{Kind, Schema, Store, Type};
    /// # let place = std::env::temp_dir().join(format!("store-doc-f-{}", std::process::id()));
    /// let owner = Store::options().memory(64 << 20).open(&place)?;
    /// let table = owner.create_table(Schema::builder("t").column("id", Type::Int64).key().build()?)?;
    ///
    /// let follower = Store::options().memory(64 << 20).read_only().open(&place)?;
    /// owner.write(|txn| table.insert(txn, &[7_i64.into()]))?;
    /// follower.refresh()?;
    /// let same = follower.open_table("t")?;
    /// assert_eq!(same.count(&follower.snapshot()?)?, 1);
    /// let refused = follower.write(|txn| same.insert(txn, &[8_i64.into()])).unwrap_err();
    /// assert_eq!(refused.kind(), Kind::ReadOnly);
    /// # drop((follower, same, owner, table)); std::fs::remove_dir_all(&place).unwrap();
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Opens the store as its owner, who reads and writes: the default, and the opposite of
    /// [`Options::read_only`].
    pub fn owned(mut self) -> Self {
        self.read_only = false;
        self
    }

    /// Whether a store opened for [reading only](Options::read_only) keeps up by itself; true by default.
    /// Else it shows what it found when it was opened, until [`Store::refresh`].
    pub fn keep_up(mut self, keeps_up: bool) -> Self {
        self.keeps_up = keeps_up;
        self
    }

    /// Most bytes of log files and segments that this store, as the owner, keeps for followers beyond
    /// what it needs itself; [`FOLLOWER_BYTES`](crate::options::FOLLOWER_BYTES) by default. Whoever needs more is not waited for: it stays
    /// at what it has, and is told with [`Kind::SnapshotTooOld`](crate::Kind::SnapshotTooOld) to open the store again.
    pub fn follower_bytes(mut self, bytes: u64) -> Self {
        self.follower_bytes = bytes;
        self
    }

    pub(super) fn follow(self, device: Arc<dyn Device>) -> Result<Store> {
        let opened = follow::open(&device, self.memory_bytes(), &self.opening());
        let opened = opened.map_err(|error| error.at(device.describe()))?;
        let (engine, manifest) = (opened.engine, Mutex::new(opened.manifest));
        if self.keeps_up {
            follow::start(&engine, &opened.follower);
        }
        let (recovery, copying) = (opened.recovery, RwLock::new(()));
        let (follower_bytes, follower) = (self.follower_bytes, Some(opened.follower));
        let home = Home { device, manifest, recovery, copying, follower_bytes, follower };
        Ok(Store { engine: SharedEngine::new(engine), home: Some(Arc::new(home)) })
    }
}

impl Store {
    /// Brings a [follower](Options::read_only) up to all that was acknowledged as durable when this was
    /// called; gives the timestamp of its newest commit. It keeps up by itself, too, some 20 ms behind.
    ///
    /// Takes as long as applying takes; readers go on. After an error nothing of the commit at hand is
    /// there, and snapshots go on reading what was. [`Kind::OverBudget`](crate::Kind::OverBudget): it does not fit, and is tried
    /// again. [`Kind::SnapshotTooOld`](crate::Kind::SnapshotTooOld): it was too far behind, and the owner has let go of what it needed:
    /// open the store again. Does nothing on a store that is owned.
    pub fn refresh(&self) -> Result<u64> {
        self.engine.check_open()?;
        match self.home.as_ref().and_then(|home| home.follower.as_ref()) {
            Some(follower) => follower.refresh().map(|at| at.0),
            None => Ok(self.engine.timeline.published().0),
        }
    }

    /// True if it was opened for [reading only](Options::read_only).
    pub fn is_read_only(&self) -> bool {
        self.engine.follows()
    }

    /// Whom it follows, or who follows it.
    pub(super) fn add_followers(&self, stats: &mut Stats) {
        if let Some(home) = &self.home {
            if let Some(follower) = &home.follower {
                let following = follower.stats();
                (stats.wal_end, stats.wal_durable) = (following.durable, following.durable);
                stats.following = Some(following);
            }
            if let Some(log) = self.engine.log() {
                let start = Lsn(log.checkpoint.load(Relaxed));
                // Who cannot be looked at is not shown.
                stats.followers = follow::followers(&*home.device, start).unwrap_or_default();
            }
        }
    }
}

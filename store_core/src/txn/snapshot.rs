//! Snapshots: a registered read timestamp.

use super::engine::Engine;
use super::lease::{Lease, SharedEngine};
use crate::error::Result;
use crate::mvcc::{Moment, Timestamp};
use std::fmt;
use std::sync::Arc;

/// A moment in the commit order; whoever reads through it sees exactly the commits before it.
///
/// It takes no lock and blocks nobody, but the versions it sees are kept while it lives. Cloning is
/// cheap and shares the moment.
///
/// If versions kept for snapshots fill the memory budget, the oldest snapshot is given up so that
/// writers can go on: reads through it that may need such a version fail with
/// [`Kind::SnapshotTooOld`](crate::Kind::SnapshotTooOld). Rows that it has shown stay valid, and
/// keep their long values in memory, until it is dropped.
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// let before = store.snapshot()?;
/// store.write(|txn| flights.delete(txn, &["UAL123".into()]))?;
/// assert!(flights.get(&before, &["UAL123".into()])?.is_some());
/// assert!(flights.get(&store.snapshot()?, &["UAL123".into()])?.is_none());
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct Snapshot {
    engine: Arc<Lease>,
    /// Its place in the registry, where clones are counted.
    place: u32,
    at: Timestamp,
}

impl Snapshot {
    pub(crate) fn new(engine: &SharedEngine) -> Result<Self> {
        let (place, at) = engine.timeline.register()?;
        Ok(Self { engine: engine.lease(place), place: place as u32, at })
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    #[inline(always)]
    pub(crate) fn moment(&self) -> Moment {
        Moment { at: self.at, place: self.place }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The timestamp of the newest commit it sees.
    pub fn timestamp(&self) -> u64 {
        self.at.0
    }
}

/// A snapshot of the store's own threads, which keep no handle of the store.
pub(crate) struct Reading<'e> {
    engine: &'e Engine,
    moment: Moment,
}

impl<'e> Reading<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Result<Self> {
        let (place, at) = engine.timeline.register()?;
        Ok(Self { engine, moment: Moment { at, place: place as u32 } })
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.moment.at
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.engine.unregister(self.moment.place as usize);
    }
}

impl Clone for Snapshot {
    fn clone(&self) -> Self {
        self.engine.timeline.share(self.place as usize);
        Self { engine: Arc::clone(&self.engine), ..*self }
    }
}

impl Drop for Snapshot {
    #[inline]
    fn drop(&mut self) {
        if self.engine.timeline.is_last(self.place as usize) {
            self.engine.end_snapshot(self.place as usize);
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.at.0)
    }
}

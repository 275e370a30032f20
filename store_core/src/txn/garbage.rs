//! Which rows of a table have versions to take out, and when it is worth looking.
//!
//! ```text
//! commit ─► fresh ─► prune ─┬─► done
//!             ▲             ├─► held: until one of the snapshots leaves for which something stays
//!             └── not yet ──┘     └─► due ─► prune …
//! ```
//!
//! A row is in `fresh` at most once (a bit in its owner word says so) and in `held` or `due` at most
//! once (a map knows where), however often it is updated. Held rows lie in buckets by the newest
//! snapshot they wait for; a bucket is due when a snapshot between its oldest and its newest has
//! gone. So under an old snapshot nothing is looked at again and again.

use crate::mem::budget::Holder;
use crate::mem::cell::LongCell;
use crate::mvcc::{LiveSnapshots, Timeline, Timestamp};
use crate::sync::{AtomicU64, Mutex, Relaxed, pause};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Bytes counted for each entry: what it takes in its queue, or in map and bucket, with the room
/// that these keep.
const QUEUE_ENTRY_BYTES: usize = 8;
const HELD_ENTRY_BYTES: usize = 64;
const BUCKET_BYTES: usize = 128;
const LIMBO_ENTRY_BYTES: usize = 48;
/// Bytes are counted by so many: the budget's counters are shared by all, and queues run full and
/// empty with every commit.
const LUMP_BYTES: usize = 4096;

/// Looks at the registry of somebody who was refused memory: a snapshot is registered in moments.
const LOOKS_MAX: u32 = 200;

/// The garbage of one table.
pub(crate) struct Garbage {
    state: Mutex<State>,
    holder: Holder,
    /// Entries of all tables of the store.
    total: Arc<AtomicU64>,
    /// Rows that are held or due, for those who only look.
    waiting: AtomicU64,
}

#[derive(Default)]
struct State {
    fresh: VecDeque<u32>,
    due: VecDeque<u32>,
    /// Where each row is that is not in `fresh` only.
    places: HashMap<u32, Place>,
    /// By the newest snapshot waited for.
    buckets: BTreeMap<u64, Bucket>,
    /// The live snapshots as of the last look.
    known: SmallVec<[u64; 8]>,
    /// Blocks of long values that an expired snapshot may have shown to its user.
    shown: HashSet<usize>,
    /// Those of them that no version holds any more, with the timestamp they ended at.
    limbo: Vec<(Timestamp, LongCell)>,
    entries: usize,
    /// Bytes counted at the holder.
    counted: usize,
}

#[derive(Clone, Copy)]
enum Place {
    Due,
    /// In the bucket of this snapshot.
    Held(u64),
}

#[derive(Default)]
struct Bucket {
    oldest: u64,
    rows: HashSet<u32>,
}

/// Where a row that is to be looked at came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Fresh,
    Due,
}

/// Whether to wait for somebody else who uses the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Try,
    Wait,
}

/// Rows to look at, with the snapshots live now.
pub(super) struct Batch {
    pub live: LiveSnapshots,
    pub rows: SmallVec<[(u32, From); 8]>,
    /// Values that nobody can see any more.
    pub released: Vec<LongCell>,
}

impl Garbage {
    pub(super) fn new(holder: Holder, total: Arc<AtomicU64>) -> Self {
        let state = Mutex::new(State::default());
        Self { state, holder, total, waiting: AtomicU64::new(0) }
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> u64 {
        let state = self.state.lock();
        (state.fresh.len() + state.places.len()) as u64
    }

    /// Enters rows that a commit marked as queued, and takes up to so many rows to look at; nothing
    /// if there are none, or a snapshot is just about to be registered.
    pub(super) fn take(
        &self,
        timeline: &Timeline,
        added: impl ExactSizeIterator<Item = u32>,
        steps: usize,
        patience: Patience,
    ) -> Option<Batch> {
        let mut state = match patience {
            Patience::Try if added.len() == 0 => self.state.try_lock()?,
            _ => self.state.lock(),
        };
        state.fresh.extend(added);
        let batch = state.take(timeline, steps, patience);
        self.count(&mut state);
        batch
    }

    /// Puts a row back that somebody else owns just now.
    pub(super) fn put_back(&self, row: u32, from: From) {
        let mut state = self.state.lock();
        match from {
            From::Fresh => state.fresh.push_back(row),
            From::Due => state.due.push_back(row),
        }
        self.count(&mut state);
    }

    /// Notes that a row taken from `due` is being looked at, or is no more.
    pub(super) fn leave_due(&self, row: u32) {
        let mut state = self.state.lock();
        state.places.remove(&row);
        self.count(&mut state);
    }

    /// Says for which snapshots an owned row keeps versions, oldest and newest; `None` for none.
    pub(super) fn settle(&self, row: u32, keepers: Option<(u64, u64)>, live: &LiveSnapshots) {
        if keepers.is_none() && self.waiting.load(Relaxed) == 0 {
            return; // Relaxed: the row's last owner entered it before the row was given up
        }
        let mut state = self.state.lock();
        if matches!(state.places.get(&row), Some(Place::Due)) {
            return; // it will be looked at again
        }
        state.leave_bucket(row);
        if let Some((oldest, newest)) = keepers {
            if state.all_known(live, oldest, newest) {
                state.places.insert(row, Place::Held(newest));
                let bucket = state.buckets.entry(newest).or_default();
                bucket.oldest =
                    if bucket.rows.is_empty() { oldest } else { bucket.oldest.min(oldest) };
                bucket.rows.insert(row);
            } else {
                state.places.insert(row, Place::Due);
                state.due.push_back(row);
            }
        }
        self.count(&mut state);
    }

    /// Notes that an expired snapshot saw a version with these long values.
    pub(super) fn note_shown(&self, cells: impl Iterator<Item = LongCell>) {
        let mut state = self.state.lock();
        state.shown.extend(cells.filter_map(LongCell::address));
        self.count(&mut state);
    }

    /// Takes a long value that no version holds any more if it must be kept: an expired snapshot
    /// may have shown it, and what was shown lasts as long as its snapshot is held.
    pub(super) fn keeps_value(&self, ended: Timestamp, cell: LongCell) -> bool {
        let mut state = self.state.lock();
        let shown = cell.address().is_some_and(|block| state.shown.remove(&block));
        if shown {
            state.limbo.push((ended, cell));
            self.count(&mut state);
        }
        shown
    }

    /// Counts what the queues hold; a commit that got so far cannot be refused, so neither is this.
    fn count(&self, state: &mut State) {
        let waiting = state.places.len();
        let entries = state.fresh.len() + waiting + state.limbo.len();
        let before = std::mem::replace(&mut state.entries, entries);
        if before != entries {
            self.total.fetch_add((entries as u64).wrapping_sub(before as u64), Relaxed);
        }
        if self.waiting.load(Relaxed) != waiting as u64 {
            self.waiting.store(waiting as u64, Relaxed);
        }
        let bytes = (state.fresh.len() + state.due.len()) * QUEUE_ENTRY_BYTES
            + waiting * HELD_ENTRY_BYTES
            + state.buckets.len() * BUCKET_BYTES
            + (state.shown.len() + state.limbo.len()) * LIMBO_ENTRY_BYTES;
        if bytes > state.counted {
            let lump = bytes.next_multiple_of(LUMP_BYTES);
            self.holder.force(lump - std::mem::replace(&mut state.counted, lump));
        } else if bytes + 2 * LUMP_BYTES < state.counted {
            let lump = (bytes + 1).next_multiple_of(LUMP_BYTES);
            self.holder.give(std::mem::replace(&mut state.counted, lump) - lump);
            if entries == 0 {
                state.shrink();
            }
        }
    }
}

impl State {
    /// Takes rows to look at.
    fn take(&mut self, timeline: &Timeline, steps: usize, patience: Patience) -> Option<Batch> {
        if self.fresh.is_empty() && self.places.is_empty() && self.limbo.is_empty() {
            return None;
        }
        // Under the lock, so that looks are noted in their order.
        let live = match patience {
            Patience::Try => timeline.live_snapshots()?,
            Patience::Wait => (1..LOOKS_MAX).find_map(|mut look| {
                pause(&mut look);
                timeline.live_snapshots()
            })?,
        };
        self.note(&live);
        let mut rows = SmallVec::new();
        let fresh = steps.min(self.fresh.len());
        rows.extend(self.fresh.drain(..fresh).map(|row| (row, From::Fresh)));
        let due = (steps - fresh).min(self.due.len());
        rows.extend(self.due.drain(..due).map(|row| (row, From::Due)));
        let over = |entry: &mut (Timestamp, _)| !live.expired_before(entry.0);
        let released = self.limbo.extract_if(.., over).map(|entry| entry.1).collect();
        if !self.shown.is_empty() && !live.has_expired() {
            self.shown = HashSet::new();
        }
        Some(Batch { live, rows, released })
    }

    /// Compares the live snapshots with those known and makes the buckets due that waited for one
    /// that is gone.
    fn note(&mut self, live: &LiveSnapshots) {
        let now = live.timestamps();
        let gone = self.known.iter().copied().filter(|read| now.binary_search(read).is_err());
        let gone: SmallVec<[u64; 8]> = gone.collect();
        if *self.known != *now {
            self.known = SmallVec::from_slice(now);
        }
        if gone.is_empty() || self.buckets.is_empty() {
            return;
        }
        let waits_for_one = |newest: u64, bucket: &Bucket| {
            let from = gone.partition_point(|read| *read < bucket.oldest);
            gone.get(from).is_some_and(|read| *read <= newest)
        };
        let waiting =
            self.buckets.iter().filter(|(newest, bucket)| waits_for_one(**newest, bucket));
        let keys: SmallVec<[u64; 16]> = waiting.map(|(newest, _)| *newest).collect();
        for key in keys {
            let bucket = self.buckets.remove(&key).expect("found above");
            for row in bucket.rows {
                self.places.insert(row, Place::Due);
                self.due.push_back(row);
            }
        }
    }

    /// True if no snapshot of this look between the two has gone since.
    fn all_known(&self, live: &LiveSnapshots, oldest: u64, newest: u64) -> bool {
        let between = live.timestamps().iter().filter(|read| (oldest..=newest).contains(*read));
        between.into_iter().all(|read| self.known.binary_search(read).is_ok())
    }

    fn leave_bucket(&mut self, row: u32) {
        let Some(Place::Held(newest)) = self.places.remove(&row) else { return };
        if let Some(bucket) = self.buckets.get_mut(&newest) {
            bucket.rows.remove(&row);
            if bucket.rows.is_empty() {
                self.buckets.remove(&newest);
            }
        }
    }

    /// Lets go of what the queues needed when they were longest.
    fn shrink(&mut self) {
        self.fresh = VecDeque::new();
        self.due = VecDeque::new();
        self.places = HashMap::new();
        self.limbo = Vec::new();
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        self.total.fetch_sub(state.entries as u64, Relaxed);
        self.holder.give(state.counted);
    }
}

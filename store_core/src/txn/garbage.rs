//! Which rows of a table have versions to take out, and when it is worth looking.
//!
//! ```text
//! commit ─► fresh ─► prune ─┬─► done
//!             ▲             ├─► held: until one of the snapshots leaves for which something stays
//!             └── not yet ──┘     └─► due ─► prune …
//! ```
//!
//! A commit looks at its own rows at once. Only what it could not take out, mostly because another
//! transaction ran meanwhile, goes to `fresh`, of which there are several, so that commits seldom
//! share one; the next look comes when there is enough to be worth it.
//!
//! A row is in `fresh` at most once (a bit in its owner word says so) and in `held` or `due` at most
//! once (a map knows where), however often it is updated. Held rows lie in buckets by the newest
//! snapshot they wait for; a bucket is due when a snapshot between its oldest and its newest has
//! gone. So under an old snapshot nothing is looked at again and again.

use crate::mem::budget::Holder;
use crate::mem::cell::LongCell;
use crate::mvcc::{LiveSnapshots, Timeline, Timestamp};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Relaxed, capacity, pause};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Bytes counted for each entry: what it takes in its queue, or in map and bucket, with the room
/// that these keep.
const QUEUE_ENTRY_BYTES: usize = 8;
const HELD_ENTRY_BYTES: usize = 64;
/// What a row is counted for at most that waits.
pub(crate) const QUEUED_ROW_BYTES: usize = QUEUE_ENTRY_BYTES + HELD_ENTRY_BYTES;
const BUCKET_BYTES: usize = 128;
const LIMBO_ENTRY_BYTES: usize = 48;
/// Bytes are counted by so many: the budget's counters are shared by all, and queues run full and
/// empty with every commit.
const LUMP_BYTES: usize = 4096;

/// Looks at the registry of somebody who was refused memory: a snapshot is registered in moments.
const LOOKS_MAX: u32 = 200;

/// Queues of fresh rows: threads that commit at the same time mostly have different ones.
const FRESH_QUEUES: usize = capacity(8, 1);
/// Superseded versions for which a commit looks at its queue of fresh rows.
const VERSIONS_A_LOOK: usize = capacity(32, 1);
/// Snapshots among so many of the newest commits are about to end, by experience: rows that wait
/// for one of them are not held for it, but looked at again.
const YOUNG_COMMITS: u64 = 64;

/// The garbage of one table.
pub(crate) struct Garbage {
    fresh: [Fresh; FRESH_QUEUES],
    state: Mutex<State>,
    holder: Holder,
    /// Queues of all tables of the store that are not empty, and entries of other kinds.
    total: Arc<AtomicU64>,
    /// Rows that are held or due, and values kept, for those who only look.
    waiting: AtomicU64,
}

/// Rows that commits have queued.
#[derive(Default)]
#[repr(align(128))]
struct Fresh {
    queue: Mutex<FreshRows>,
    /// Rows in the queue, for those who only look.
    len: AtomicUsize,
}

#[derive(Default)]
struct FreshRows {
    rows: VecDeque<u32>,
    /// Versions superseded since rows were last taken.
    versions: usize,
    /// As of when rows were last taken.
    looked: u64,
    /// Bytes counted at the holder.
    counted: usize,
}

#[derive(Default)]
struct State {
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

/// Who looks at garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looker {
    /// A transaction after its commit, which had this place: looks at its own queue and waits for
    /// nobody.
    Committer(usize),
    /// Waits for nobody.
    Upkeep,
    /// Was refused memory: waits for others who use the queues.
    InNeed,
}

impl Looker {
    /// The place whose queue, stock and counts are used.
    pub(super) fn place(self) -> usize {
        if let Self::Committer(place) = self { place } else { 0 }
    }
}

/// Rows to look at, with the snapshots live now.
pub(super) struct Batch {
    pub live: LiveSnapshots,
    pub rows: SmallVec<[(u32, From); 32]>,
    /// Values that nobody can see any more.
    pub released: Vec<LongCell>,
}

impl Garbage {
    /// Bytes of the queues.
    pub(super) fn bytes(&self) -> u64 {
        self.holder.used()
    }

    pub(super) fn new(holder: Holder, total: Arc<AtomicU64>) -> Self {
        let fresh = std::array::from_fn(|_| Fresh::default());
        let state = Mutex::new(State::default());
        Self { fresh, state, holder, total, waiting: AtomicU64::new(0) }
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> u64 {
        let fresh: usize = self.fresh.iter().map(|fresh| fresh.queue.lock().rows.len()).sum();
        (fresh + self.state.lock().places.len()) as u64
    }

    /// True if a commit is to look at its rows at once: it has left none before.
    pub(super) fn is_done_at(&self, place: usize) -> bool {
        self.fresh_of(place).len.load(Relaxed) == 0
    }

    /// True if no row is held or due: then `settle` has nothing to note of a row that is done.
    pub(super) fn none_wait(&self) -> bool {
        self.waiting.load(Relaxed) == 0
    }

    /// Enters rows that a commit marked as queued, which superseded so many versions. If it
    /// is time to look at the queue, and a look shows more than the last: how many were since then.
    pub(super) fn enter(
        &self,
        timeline: &Timeline,
        place: usize,
        rows: impl Iterator<Item = u32>,
        versions: usize,
    ) -> Option<usize> {
        let fresh = self.fresh_of(place);
        let mut queue = fresh.queue.lock();
        queue.rows.extend(rows);
        queue.versions += versions;
        self.count_fresh(fresh, &mut queue);
        let is_time =
            queue.versions >= VERSIONS_A_LOOK && timeline.shows_later(Timestamp(queue.looked));
        is_time.then_some(queue.versions)
    }

    /// Takes up to so many rows to look at; nothing if there are none, or a snapshot is just about
    /// to be registered.
    pub(super) fn take(&self, timeline: &Timeline, looker: Looker, steps: usize) -> Option<Batch> {
        if self.none_wait() && self.fresh.iter().all(|fresh| fresh.len.load(Relaxed) == 0) {
            return None;
        }
        let mut state = match looker {
            Looker::InNeed => self.state.lock(),
            _ => self.state.try_lock()?,
        };
        let mut batch = state.take(timeline, steps, looker)?;
        self.count(&mut state);
        drop(state);
        if let Looker::Committer(place) = looker
            && self.take_fresh(self.fresh_of(place), steps, &mut batch)
        {
            return Some(batch);
        }
        for fresh in &self.fresh {
            self.take_fresh(fresh, steps, &mut batch);
        }
        Some(batch)
    }

    /// Takes fresh rows; false if the versions superseded belong to fewer rows by far, which others
    /// may have queued.
    fn take_fresh(&self, fresh: &Fresh, steps: usize, batch: &mut Batch) -> bool {
        if fresh.len.load(Relaxed) == 0 {
            return false;
        }
        let mut queue = fresh.queue.lock();
        let taken = queue.rows.len().min(steps.saturating_sub(batch.rows.len()));
        batch.rows.extend(queue.rows.drain(..taken).map(|row| (row, From::Fresh)));
        let versions = std::mem::take(&mut queue.versions);
        queue.looked = batch.live.published().0;
        self.count_fresh(fresh, &mut queue);
        taken >= versions / 2
    }

    fn fresh_of(&self, place: usize) -> &Fresh {
        &self.fresh[place % FRESH_QUEUES]
    }

    /// Puts a row back that somebody else owns just now, or that must be looked at again.
    pub(super) fn put_back(&self, row: u32, from: From, looker: Looker) {
        match from {
            From::Fresh => {
                let fresh = self.fresh_of(looker.place());
                let mut queue = fresh.queue.lock();
                queue.rows.push_back(row);
                self.count_fresh(fresh, &mut queue);
            }
            From::Due => {
                let mut state = self.state.lock();
                state.due.push_back(row);
                self.count(&mut state);
            }
        }
    }

    /// True if a commit need not settle a row that waits for these: they are about to end.
    pub(super) fn are_young(keepers: Option<(u64, u64)>, live: &LiveSnapshots) -> bool {
        keepers.is_some_and(|(oldest, _)| oldest + YOUNG_COMMITS > live.published().0)
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
        let entries = waiting + state.limbo.len();
        let before = std::mem::replace(&mut state.entries, entries);
        if before != entries {
            self.total.fetch_add((entries as u64).wrapping_sub(before as u64), Relaxed);
            self.waiting.store(entries as u64, Relaxed);
        }
        let bytes = state.due.len() * QUEUE_ENTRY_BYTES
            + waiting * HELD_ENTRY_BYTES
            + state.buckets.len() * BUCKET_BYTES
            + (state.shown.len() + state.limbo.len()) * LIMBO_ENTRY_BYTES;
        if self.count_bytes(bytes, &mut state.counted) && entries == 0 {
            state.shrink();
        }
    }

    /// The same for a queue of fresh rows.
    fn count_fresh(&self, fresh: &Fresh, queue: &mut FreshRows) {
        let len = queue.rows.len();
        let before = fresh.len.load(Relaxed);
        if before != len {
            fresh.len.store(len, Relaxed);
        }
        match (before, len) {
            (0, 1..) => drop(self.total.fetch_add(1, Relaxed)),
            (1.., 0) => drop(self.total.fetch_sub(1, Relaxed)),
            _ => {}
        }
        if self.count_bytes(len * QUEUE_ENTRY_BYTES, &mut queue.counted) && len == 0 {
            queue.rows = VecDeque::new();
        }
    }

    /// Counts bytes at the holder; true if much fewer are needed than were.
    fn count_bytes(&self, bytes: usize, counted: &mut usize) -> bool {
        if bytes > *counted {
            let lump = bytes.next_multiple_of(LUMP_BYTES);
            self.holder.force(lump - std::mem::replace(counted, lump));
        } else if bytes + 2 * LUMP_BYTES < *counted {
            let lump = (bytes + 1).next_multiple_of(LUMP_BYTES);
            self.holder.give(std::mem::replace(counted, lump) - lump);
            return true;
        }
        false
    }
}

impl State {
    /// Takes due rows to look at.
    fn take(&mut self, timeline: &Timeline, steps: usize, looker: Looker) -> Option<Batch> {
        // Under the lock, so that looks are noted in their order.
        let live = match looker {
            Looker::InNeed => (1..LOOKS_MAX).find_map(|mut look| {
                pause(&mut look);
                timeline.live_snapshots()
            })?,
            Looker::Committer(_) => timeline.live_snapshots_soon()?,
            Looker::Upkeep => timeline.live_snapshots()?,
        };
        self.note(&live);
        let due = steps.min(self.due.len());
        let rows = self.due.drain(..due).map(|row| (row, From::Due)).collect();
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
        self.due = VecDeque::new();
        self.places = HashMap::new();
        self.limbo = Vec::new();
    }
}

impl Garbage {
    /// The values kept for snapshots that were given up; for the table's end.
    pub(super) fn take_kept_values(&mut self) -> impl Iterator<Item = LongCell> + use<> {
        std::mem::take(&mut self.state.get_mut().limbo).into_iter().map(|entry| entry.1)
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let mut entries = state.entries;
        self.holder.give(state.counted);
        for fresh in &mut self.fresh {
            let queue = fresh.queue.get_mut();
            entries += usize::from(!queue.rows.is_empty());
            self.holder.give(queue.counted);
        }
        self.total.fetch_sub(entries as u64, Relaxed);
    }
}

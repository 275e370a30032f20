//! Upkeep: reclaiming when nobody commits, and when memory runs out.
//!
//! The thread is started when garbage is left behind for the first time, looks every few
//! milliseconds while there is some, sleeps when there is none, and ends after a while of that.
//! It holds no handle of the engine: otherwise the last handle of a store could be dropped here,
//! and its directory be locked for moments after the user closed it. The engine's end stops it
//! and waits for it, at most for one step.

use super::edition::Edition;
use super::engine::{Counters, Engine};
use super::garbage::Looker;
use super::live_table::LiveTable;
use super::reclaim::reclaim;
use crate::error::{Error, Kind, Result};
use crate::mem::epoch::Epoch;
use crate::options::{
    RELIEF_ATTEMPTS_MAX, RELIEF_STEPS, SNAPSHOT_SHARE, UPKEEP_ATTEMPTS, UPKEEP_PARK,
    UPKEEP_PATIENCE, UPKEEP_STEPS, UPKEEP_TICK,
};
use crate::planted;
use crate::sync::{
    AtomicBool, AtomicU64, Condvar, Mutex, Relaxed, SeqCst, fence, fence_after_exchange, pause,
};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};

/// What a row is taken for at most that waits to be reclaimed.
const MOST_A_ROW: u64 = 4 << 10;
/// How often whoever wakes the thread tries its lock.
const START_ATTEMPTS: u32 = 100;

/// What the engine and its upkeep thread share.
pub(crate) struct Upkeep {
    tables: Mutex<Vec<Weak<LiveTable>>>,
    /// Tables that have ended, for as long as snapshots may read them.
    ended: Mutex<Vec<(Arc<Edition>, Arc<LiveTable>)>>,
    /// Garbage entries of all tables.
    pub garbage: Arc<AtomicU64>,
    epoch: Arc<Epoch>,
    counters: Arc<Counters>,
    /// True while the thread looks by itself, from time to time.
    awake: AtomicBool,
    stopping: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
    wake: Condvar,
}

impl Upkeep {
    pub(super) fn new(epoch: Arc<Epoch>, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            tables: Mutex::new(Vec::new()),
            ended: Mutex::new(Vec::new()),
            garbage: Arc::default(),
            epoch,
            counters,
            awake: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            thread: Mutex::new(None),
            wake: Condvar::new(),
        })
    }

    pub(super) fn add_table(&self, table: &Arc<LiveTable>) {
        let mut tables = self.tables.lock();
        tables.retain(|table| table.strong_count() > 0);
        tables.push(Arc::downgrade(table));
    }

    /// Takes a table that has ended: its rows go when no snapshot is left that may read them.
    pub(crate) fn add_ended(&self, edition: Arc<Edition>, live: Arc<LiveTable>) {
        self.ended.lock().push((edition, live));
        self.garbage.fetch_add(1, Relaxed);
    }

    /// Tables that have ended and that snapshots may still read.
    pub(crate) fn ended(&self) -> Vec<Arc<LiveTable>> {
        self.ended.lock().iter().map(|(_, live)| Arc::clone(live)).collect()
    }

    /// Lets go of the tables that nobody can come to any more.
    fn free_ended(&self) {
        let mut ended = self.ended.lock();
        let Some((_, first)) = ended.first() else { return };
        let Some(live) = first.data.timeline.live_snapshots() else { return };
        let over = |table: &mut (Arc<Edition>, Arc<LiveTable>)| {
            let read = live.reads_in(table.0.since(), table.0.until());
            !read && !planted::bug("ended_table_kept")
        };
        let gone: Vec<_> = ended.extract_if(.., over).collect();
        drop(ended);
        self.garbage.fetch_sub(gone.len() as u64, Relaxed);
        for (edition, live) in gone {
            live.data.set_leaving();
            drop((edition.live().take(), live));
            self.epoch.collect(); // what left its indexes before may wait for readers to pass
        }
    }

    /// Lets go of all of them, at the engine's end.
    pub(super) fn forget_ended(&self) {
        drop(std::mem::take(&mut *self.ended.lock()));
    }

    /// Sees to it that garbage goes even if nobody commits any more.
    #[inline]
    pub(crate) fn poke(self: &Arc<Self>) {
        // The threads of a model are its own: there only committers reclaim.
        if !cfg!(any(loom, shuttle)) && self.garbage.load(Relaxed) > 0 {
            // Whoever made garbage counted it by an exchange before.
            fence_after_exchange(); // pairs with the fence in `rest`
            if !self.awake.load(Relaxed) {
                self.start();
            }
        }
    }

    /// The same for whoever has made none, but may have been what held it back.
    #[inline]
    pub(crate) fn nudge(self: &Arc<Self>) {
        let asleep = self.garbage.load(Relaxed) > 0 && !self.awake.load(Relaxed);
        if !cfg!(any(loom, shuttle)) && asleep {
            self.start();
        }
    }

    #[cold]
    fn start(self: &Arc<Self>) {
        // Tried for a moment only: the caller may be a reader, and the holder a writer that is stopped.
        let mut attempt = 0;
        let locked = (0..START_ATTEMPTS).find_map(|_| {
            let locked = self.thread.try_lock();
            if locked.is_none() {
                pause(&mut attempt);
            }
            locked
        });
        let Some(mut thread) = locked else { return };
        if self.stopping.load(Relaxed) || self.awake.swap(true, Relaxed) {
            return;
        }
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            self.wake.notify_one();
            return;
        }
        let upkeep = Arc::clone(self);
        let made = Builder::new().name("store-upkeep".to_owned()).spawn(move || upkeep.run());
        if made.is_err() {
            self.awake.store(false, Relaxed); // committers reclaim; a later poke tries again
        }
        *thread = made.ok();
    }

    /// Ends the thread. For the engine's end, when nobody pokes any more.
    pub(super) fn stop(&self) {
        let mut slot = self.thread.lock();
        self.stopping.store(true, Relaxed);
        self.wake.notify_one();
        let thread = slot.take();
        drop(slot);
        if let Some(thread) = thread {
            // If it panicked, garbage was left behind: no reason to panic in a drop.
            let _ = thread.join();
        }
    }

    // ---- the thread

    fn run(&self) {
        loop {
            let left = self.pass();
            if self.stopping.load(Relaxed) || !self.rest(left) {
                return;
            }
        }
    }

    /// Waits for a tick, or without garbage for somebody who makes some; false at the end.
    fn rest(&self, left: bool) -> bool {
        let mut thread = self.thread.lock();
        if self.stopping.load(Relaxed) {
            return false;
        }
        if left {
            self.wake.wait_for(&mut thread, UPKEEP_TICK);
            return !self.stopping.load(Relaxed);
        }
        self.awake.store(false, Relaxed);
        fence(SeqCst); // pairs with the fence in `poke`: one of both sees the other
        if self.garbage.load(Relaxed) == 0 {
            self.wake.wait_for(&mut thread, UPKEEP_PARK);
        }
        if self.stopping.load(Relaxed) {
            return false;
        }
        let needed = self.awake.load(Relaxed) || self.garbage.load(Relaxed) > 0;
        if needed {
            self.awake.store(true, Relaxed);
        } else {
            *thread = None; // ends; the next poke starts another one
        }
        needed
    }

    /// Reclaims what can be reclaimed now; true if there is more that cannot go yet.
    fn pass(&self) -> bool {
        self.free_ended();
        let tables: Vec<Arc<LiveTable>> =
            self.tables.lock().iter().filter_map(Weak::upgrade).collect();
        for table in &tables {
            table.collect();
            while reclaim_some(table, &self.counters, Looker::Upkeep) > 0 {
                if self.stopping.load(Relaxed) {
                    return false;
                }
            }
        }
        let waiting = free_waiting(&tables, &self.epoch);
        for table in &tables {
            table.data.versions.release_spares();
        }
        let left = waiting || self.garbage.load(Relaxed) > 0;
        if !left {
            self.compact(&tables);
        }
        left
    }

    /// Gives back the pages that index blocks use badly, once no more entries are about to go.
    fn compact(&self, tables: &[Arc<LiveTable>]) {
        let stop = || self.stopping.load(Relaxed);
        for table in tables {
            if table.share_locked().compact_indexes(&stop) {
                self.epoch.collect();
                table.data.take_blocks_back();
            }
        }
    }
}

/// A step of reclaim, in which a change of the table's indexes waits for it.
fn reclaim_some(table: &LiveTable, counters: &Counters, looker: Looker) -> usize {
    reclaim(&table.share_locked(), counters, looker, UPKEEP_STEPS)
}

/// Frees nodes and pages that no reader stands on any more; true if some are left.
fn free_waiting(tables: &[Arc<LiveTable>], epoch: &Epoch) -> bool {
    let waiting = || tables.iter().any(waits);
    if waiting() {
        for table in tables {
            table.data.versions.flush_waiting();
            table.data.versions.note_left_pages();
        }
        epoch.collect();
        for table in tables {
            table.data.versions.flush_waiting();
            table.data.versions.end_left_pages();
        }
    }
    for table in tables {
        table.data.take_blocks_back();
    }
    waiting()
}

fn waits(table: &Arc<LiveTable>) -> bool {
    let versions = &table.data.versions;
    versions.waiting_nodes() > 0 || versions.has_left_pages()
}

// ---- relief

impl Engine {
    /// Runs a step that changes nothing if it is refused; if that is for want of memory, makes room
    /// and tries again. `place` is the caller's own snapshot.
    pub(crate) fn with_relief<T>(
        &self,
        place: usize,
        mut step: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let mut attempts = 0;
        loop {
            match step() {
                Err(error) if self.relieves(&error, place, &mut attempts) => {}
                result => return result,
            }
        }
    }

    /// Runs a step that changes nothing if it is refused, for somebody beside the store: what nobody sees
    /// any more goes to make room, but no snapshot is given up for it.
    pub(crate) fn with_reclaim<T>(&self, mut step: impl FnMut() -> Result<T>) -> Result<T> {
        match step() {
            Err(error) if error.kind() == Kind::OverBudget => {
                let mut tables = self.live_tables();
                tables.extend(self.upkeep.ended());
                self.reclaim_all(&tables);
                step()
            }
            result => result,
        }
    }

    /// True if memory was refused, and some was made free.
    pub(crate) fn relieves(&self, error: &Error, place: usize, attempts: &mut usize) -> bool {
        if error.kind() != Kind::OverBudget || *attempts >= RELIEF_ATTEMPTS_MAX {
            return false;
        }
        *attempts += 1;
        let mut tables = self.live_tables();
        tables.extend(self.upkeep.ended());
        if self.reclaim_all(&tables) {
            return true;
        }
        if *attempts <= UPKEEP_ATTEMPTS && self.upkeep.awake.load(Relaxed) {
            // What there was may be in its hands: rows it stands at, pages it gives back.
            std::thread::sleep(UPKEEP_PATIENCE);
            return true;
        }
        // Pruning was tried. Now the oldest snapshot goes, if it is versions that fill the memory.
        let held: u64 = tables.iter().map(|table| table.held_bytes()).sum();
        if held < self.budget.limit() / SNAPSHOT_SHARE || !self.timeline.expire_oldest(place) {
            self.freezer.note_refused(error.bytes_refused());
            return false;
        }
        self.counters.snapshots_expired.fetch_add(1, Relaxed);
        self.reclaim_all(&tables);
        true
    }

    /// Reclaims what can be; says how many bytes snapshots hold back.
    pub(crate) fn reclaim_now(&self) -> u64 {
        let mut tables = self.live_tables();
        tables.extend(self.upkeep.ended());
        self.reclaim_all(&tables);
        // Rows in the queues have left, or will leave, a slot each behind.
        let waiting = |table: &Arc<LiveTable>| {
            let (rows, data) = (table.data.garbage.len(), &table.data);
            rows * (data.holder.used() / data.primary.len().max(1)).min(MOST_A_ROW)
        };
        tables.iter().map(|table| table.held_bytes() + waiting(table)).sum()
    }

    /// Reclaims all that can be, at most so many rows of each table; true if it was anything.
    fn reclaim_all(&self, tables: &[Arc<LiveTable>]) -> bool {
        let reclaimed = || self.counters.versions_reclaimed.total();
        let before = reclaimed();
        let waiting = |table: &Arc<LiveTable>| table.data.versions.waiting_nodes();
        let waited: u64 = tables.iter().map(waiting).sum();
        let used = self.budget.used();
        self.upkeep.free_ended();
        for table in tables {
            table.collect();
            let mut steps = 0;
            while steps < RELIEF_STEPS {
                match reclaim_some(table, &self.counters, Looker::InNeed) {
                    0 => break,
                    looked => steps += looked,
                }
            }
        }
        free_waiting(tables, &self.epoch);
        for table in tables {
            table.data.versions.release_spares();
        }
        self.upkeep.poke(); // for what waits for readers
        let trimmed = self.pool.trim();
        trimmed
            || self.budget.used() < used
            || reclaimed() > before
            || tables.iter().map(waiting).sum::<u64>() < waited
    }
}

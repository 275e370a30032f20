//! What all tables and transactions of one store share.

use super::edition::Edition;
use super::freezer::Freezer;
use super::live_table::LiveTable;
use super::log_thread::LogThread;
use super::merges::Merges;
use super::resize;
use super::rows::{Rows, Shared, TableData};
use super::sequencer::Sequencer;
use super::turns::Turns;
use super::upkeep::Upkeep;
use crate::cold::BlockCache;
use crate::durability::{Durability, Lag};
use crate::error::{Error, Kind, Result};
use crate::mem::budget::{Holder, MemoryBudget};
use crate::mem::current::Held;
use crate::mem::epoch::Epoch;
use crate::mem::page_pool::PagePool;
use crate::mem::process::ProcessMark;
use crate::mvcc::timeline::BEGINNING;
use crate::mvcc::{Timeline, Timestamp};
use crate::options::POOL_RESERVE_PAGES;
use crate::schema::Schema;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Relaxed, RwLock};
use crate::wal::{Device, Lsn, Wal};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One store, below its public handles.
pub(crate) struct Engine {
    pub timeline: Arc<Timeline>,
    /// The newest editions of the tables, by name.
    pub tables: RwLock<BTreeMap<String, Arc<Edition>>>,
    pub pool: Arc<PagePool>,
    pub epoch: Arc<Epoch>,
    pub budget: Arc<MemoryBudget>,
    /// The root of the tree of holders.
    pub holder: Holder,
    pub tables_holder: Holder,
    /// Blocks of cold segments that were read lately.
    pub cold_blocks: Arc<BlockCache>,
    /// Where its files are; none for `:memory:`.
    device: OnceLock<Arc<dyn Device>>,
    /// Freezes rows when memory is nearly used up.
    pub freezer: Freezer,
    /// What the thread that merges segments has done, and is to do.
    pub merges: Merges,
    /// Held by whoever merges, before `freezing`, and by whoever removes segments.
    pub merging: crate::sync::Mutex<()>,
    /// Held by whoever writes cold segments of rows in memory, and by whoever removes some.
    pub freezing: crate::sync::Mutex<()>,
    /// Cold segments that no table has any more, and the last commit that says something of each: until a
    /// checkpoint has that, replay needs them.
    pub retired: crate::sync::Mutex<BTreeMap<String, Timestamp>>,
    /// The number of the next cold segment; numbers are never used again.
    next_cold: AtomicU64,
    /// Who holds the memory of sorts, from the first one on.
    sorts: OnceLock<Holder>,
    pub counters: Arc<Counters>,
    pub upkeep: Arc<Upkeep>,
    pub sequencer: Sequencer,
    pub turns: Turns,
    /// Set once the store is open; never for `:memory:`.
    wal: OnceLock<Log>,
    /// Held shared from a transaction's first fragment to its commit record, and exclusively while
    /// the log starts a new file, so that no transaction lies on both sides of a checkpoint.
    pub fragments: RwLock<()>,
    /// Serialises changes of the budget.
    pub(super) resizing: crate::sync::Mutex<()>,
    /// Serialises changes of the schema.
    pub ddl: crate::sync::Mutex<()>,
    /// The lock on the directory: held until the last handle of any kind is gone.
    owner: OnceLock<Box<dyn Send + Sync>>,
    /// Open until it is closed, and only in the process that opened it.
    mark: ProcessMark,
    /// Threads that hold the engine.
    threads: crate::sync::Mutex<Vec<JoinHandle<()>>>,
    ending: AtomicBool,
    /// It follows what another process writes: nobody but the follower changes anything.
    follows: AtomicBool,
    pub checkpoints: crate::sync::Mutex<Checkpoints>,
    /// How often running queries were told to end.
    interrupts: AtomicU64,
    next_transaction: AtomicU64,
    /// The number of the next table; numbers are never used again.
    next_table: AtomicU32,
}

/// The log, and where it started when the store was opened.
pub(crate) struct Log {
    pub wal: Wal,
    pub start: Lsn,
    /// Where the last checkpoint's replay begins.
    pub checkpoint: AtomicU64,
    /// When commits return that do not say.
    pub durability: Durability,
    pub lag: Lag,
    pub thread: LogThread,
}

/// What became of checkpoints since the store was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoints {
    pub done: u64,
    pub failed: u64,
    /// Why the last one failed, if it did.
    pub error: Option<String>,
    /// How long the last one took, and when it ended.
    pub took: Option<Duration>,
    pub ended: Option<Instant>,
}

/// Totals since the store was opened.
#[derive(Default)]
pub(crate) struct Counters {
    pub commits: Tally,
    pub rollbacks: AtomicU64,
    pub conflicts: AtomicU64,
    pub versions_reclaimed: Tally,
    pub snapshots_expired: AtomicU64,
}

/// A total that every commit adds to, kept in parts so that threads do not share its cache line.
#[derive(Default)]
pub(crate) struct Tally([Part; TALLY_PARTS]);

const TALLY_PARTS: usize = 8;

#[derive(Default)]
#[repr(align(128))]
struct Part(AtomicU64);

impl Tally {
    /// Adds for the snapshot's place: threads that run at the same time have different ones.
    pub(crate) fn add(&self, place: usize, count: u64) {
        self.0[place % TALLY_PARTS].0.fetch_add(count, Relaxed);
    }

    /// Takes away what was added, here or for another place.
    pub(crate) fn take(&self, place: usize, count: u64) {
        self.0[place % TALLY_PARTS].0.fetch_sub(count, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        // A part may be below zero: it wraps, and so does the sum.
        self.0.iter().fold(0, |sum: u64, part| sum.wrapping_add(part.0.load(Relaxed)))
    }
}

impl Engine {
    /// An empty engine with this budget.
    pub(crate) fn new(memory: u64) -> Result<Arc<Self>> {
        resize::check_least(memory)?;
        let budget = MemoryBudget::new(memory);
        let holder = budget.holder("store");
        let pool = resize::pool(&holder, memory)?;
        pool.keep_reserve(POOL_RESERVE_PAGES)?;
        let (epoch, counters) = (Epoch::new(), Arc::new(Counters::default()));
        Ok(Arc::new(Self {
            upkeep: Upkeep::new(Arc::clone(&epoch), Arc::clone(&counters)),
            timeline: Arc::new(Timeline::new(BEGINNING)),
            tables: RwLock::new(BTreeMap::new()),
            pool,
            epoch,
            tables_holder: holder.child("tables"),
            cold_blocks: BlockCache::new(&budget, holder.urgent_child("cold blocks")),
            device: OnceLock::new(),
            freezer: Freezer::default(),
            merges: Merges::default(),
            merging: crate::sync::Mutex::new(()),
            freezing: crate::sync::Mutex::new(()),
            retired: crate::sync::Mutex::new(BTreeMap::new()),
            next_cold: AtomicU64::new(1),
            sorts: OnceLock::new(),
            sequencer: Sequencer::new(&holder.child("recent commits"))?,
            turns: Turns::default(),
            holder,
            budget,
            counters,
            wal: OnceLock::new(),
            fragments: RwLock::new(()),
            resizing: crate::sync::Mutex::new(()),
            ddl: crate::sync::Mutex::new(()),
            owner: OnceLock::new(),
            mark: ProcessMark::open()?,
            threads: crate::sync::Mutex::new(Vec::new()),
            ending: AtomicBool::new(false),
            follows: AtomicBool::new(false),
            checkpoints: crate::sync::Mutex::default(),
            interrupts: AtomicU64::new(0),
            next_transaction: AtomicU64::new(1),
            next_table: AtomicU32::new(1),
        }))
    }

    /// Who holds the memory of sorts.
    pub(crate) fn sorts(&self) -> &Holder {
        self.sorts.get_or_init(|| self.holder.child("sort"))
    }

    /// Attaches the log, once, at the end of opening.
    pub(crate) fn attach_log(&self, log: Log) {
        let fresh = self.wal.set(log).is_ok();
        debug_assert!(fresh, "a store attaches its log once");
    }

    /// Keeps the directory's lock for as long as anything may write there.
    pub(crate) fn keep_lock(&self, lock: Box<dyn Send + Sync>) {
        let fresh = self.owner.set(lock).is_ok();
        debug_assert!(fresh, "a store locks its directory once");
    }

    /// The log; `None` in memory.
    pub(crate) fn log(&self) -> Option<&Log> {
        self.wal.get()
    }

    /// Makes a table, entered nowhere yet.
    pub(crate) fn new_table(&self, id: u32, schema: Schema) -> Result<Arc<LiveTable>> {
        let shared = Shared {
            pool: &self.pool,
            epoch: &self.epoch,
            timeline: &self.timeline,
            tables: &self.tables_holder,
            cold_blocks: &self.cold_blocks,
            garbage: &self.upkeep.garbage,
        };
        let table = Arc::new(LiveTable::new(id, schema, &shared)?);
        self.upkeep.add_table(&table);
        Ok(table)
    }

    /// A number for a table.
    pub(crate) fn take_table_number(&self) -> u32 {
        self.next_table.fetch_add(1, Relaxed)
    }

    /// Says where its files are, once, at the beginning of opening.
    pub(crate) fn attach_device(&self, device: &Arc<dyn Device>) {
        let fresh = self.device.set(Arc::clone(device)).is_ok();
        debug_assert!(fresh, "a store has one place");
    }

    /// Where its files are.
    pub(crate) fn device(&self) -> Option<&Arc<dyn Device>> {
        self.device.get()
    }

    /// Takes note of the cold segments of a table that was dropped at this timestamp.
    pub(crate) fn retire_cold(&self, rows: &TableData, at: Timestamp) {
        let mut retired = self.retired.lock();
        for segment in rows.cold.segments().iter() {
            retired.insert(segment.file.name().to_owned(), at);
        }
    }

    /// A number for a cold segment.
    pub(crate) fn take_cold_number(&self) -> u64 {
        self.next_cold.fetch_add(1, Relaxed)
    }

    /// Numbers of cold segments below this one are taken.
    pub(crate) fn note_cold_number(&self, next: u64) {
        self.next_cold.fetch_max(next, Relaxed);
    }

    /// The number of the next table.
    pub(crate) fn next_table(&self) -> u32 {
        self.next_table.load(Relaxed)
    }

    /// Table numbers below this one are taken.
    pub(crate) fn note_table_number(&self, next: u32) {
        self.next_table.fetch_max(next, Relaxed);
    }

    /// The newest edition of the table of this name.
    pub(crate) fn edition(&self, name: &str) -> Result<Arc<Edition>> {
        let known = self.tables.read().get(name).cloned();
        known.ok_or_else(|| {
            Error::not_found(format!("no table `{name}` in this store")).detail(name)
        })
    }

    /// The newest edition that follows this one, with its table.
    pub(crate) fn current(&self, of: &Arc<Edition>) -> Result<(Arc<Edition>, Arc<LiveTable>)> {
        let tables = self.tables.read();
        let newest = of.newest();
        // What is in the catalog has not ended, so its table may be shared.
        match tables.get(&newest.schema().table) {
            Some(known) if Arc::ptr_eq(known, newest) => {
                Ok((Arc::clone(known), known.live().share()))
            }
            _ => Err(newest.dropped()),
        }
    }

    /// The tables as they are now, in the order of their names.
    pub(crate) fn live_tables(&self) -> Vec<Arc<LiveTable>> {
        self.tables.read().values().map(|edition| edition.live().share()).collect()
    }

    /// The table of this number, for a caller who keeps changes of it waiting meanwhile.
    pub(crate) fn rows_of(&self, id: u32) -> Option<Held<Rows>> {
        let tables = self.tables.read();
        let mut tables = tables.values().map(|edition| edition.live().lend());
        tables.find(|table| table.data.id == id).map(LiveTable::share_locked)
    }

    /// Waits until everything sequenced so far is published; the caller stops nobody.
    pub(crate) fn wait_published(&self, at: Timestamp) -> Result<()> {
        let mut attempt = 0;
        while self.timeline.published() < at {
            self.check_log()?;
            crate::sync::pause(&mut attempt);
        }
        Ok(())
    }

    /// A poisoned log refuses writes; reads go on (invariant I7).
    pub(crate) fn check_log(&self) -> Result<()> {
        let poisoned = self.log().is_some_and(|log| log.wal.is_poisoned());
        if poisoned || self.timeline.is_stuck() {
            return Err(Error::new(
                Kind::Poisoned,
                "an earlier commit failed half way: this store takes no more commits; reopen it",
            ));
        }
        Ok(())
    }

    /// Refuses every change but the follower's from now on; called before anybody else has the engine.
    pub(crate) fn set_follows(&self) {
        self.follows.store(true, Relaxed);
    }

    pub(crate) fn follows(&self) -> bool {
        self.follows.load(Relaxed)
    }

    /// Refuses changes that are not a transaction's: on a follower, and as `check_log`.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.follows() { Err(read_only()) } else { self.check_log() }
    }

    /// Tells the queries that run now to end.
    pub(crate) fn interrupt(&self) {
        self.interrupts.fetch_add(1, Relaxed);
    }

    /// How often that was done. Relaxed: a query that begins after the call returned sees it.
    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts.load(Relaxed)
    }

    /// Refuses calls after `close`, and in a forked child, before any lock that a thread of the
    /// parent may have held is touched.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.mark.is_open() { Ok(()) } else { Err(self.why_closed()) }
    }

    #[cold]
    fn why_closed(&self) -> Error {
        let why = if self.mark.is_forked() {
            "the store was opened by the process that this one was forked from, which goes on using \
             it: open a store of your own"
        } else {
            "the store was closed"
        };
        Error::new(Kind::Closed, why)
    }

    /// Refuses new work from now on; false if it was closed before.
    pub(crate) fn close(&self) -> bool {
        self.mark.close()
    }

    /// Ends a snapshot, and sees to it that what it held back goes.
    pub(crate) fn unregister(&self, place: usize) {
        self.timeline.unregister(place);
        self.upkeep.poke();
    }

    /// The same for a snapshot that has only read.
    #[inline]
    pub(crate) fn end_snapshot(&self, place: usize) {
        self.timeline.unregister(place);
        self.upkeep.nudge();
    }

    /// True in a process that was forked from the one that opened the store.
    pub(super) fn is_forked(&self) -> bool {
        self.mark.is_forked()
    }

    /// Ends the threads that hold the engine, and waits for them.
    pub(super) fn end_threads(&self) {
        self.ending.store(true, Relaxed);
        self.freezer.end();
        self.merges.end();
        if let Some(log) = self.log() {
            log.wal.stop_threads();
            log.thread.join();
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            thread.thread().unpark();
            // If it panicked, its work was left undone: no reason to panic in a drop.
            let _ = thread.join();
        }
    }

    /// True if rows wait to be reclaimed.
    pub(crate) fn has_garbage(&self) -> bool {
        let tables = self.live_tables();
        let pages = tables.iter().map(|table| table.data.versions.waiting_batches());
        self.upkeep.garbage.load(Relaxed) > pages.sum()
    }

    /// Keeps a thread that holds the engine, and looks from time to time whether it is to end.
    pub(crate) fn keep_thread(&self, thread: JoinHandle<()>) {
        self.threads.lock().push(thread);
    }

    /// True once the last handle of a user's is gone: the store's own threads are to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    /// Makes all that was committed until now durable.
    pub(crate) fn sync(&self) -> Result<()> {
        match self.log() {
            Some(log) => log.wal.wait_durable(log.wal.end()),
            None => Ok(()),
        }
    }

    /// A number for a transaction, for messages and fragments.
    pub(crate) fn take_transaction_number(&self) -> u64 {
        self.next_transaction.fetch_add(1, Relaxed)
    }
}

/// What whoever wants to change a follower is told.
pub(super) fn read_only() -> Error {
    Error::new(
        Kind::ReadOnly,
        "this store is open for reading only: it follows what its owner commits; write where it is owned",
    )
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.mark.is_forked() {
            // The thread is the parent's, as are whoever holds a lock and the lock on the directory.
            // What the tables hold goes with the process.
            std::mem::forget(std::mem::take(self.tables.get_mut()));
            std::mem::forget(self.owner.take());
            return;
        }
        // Before anything it uses goes.
        self.upkeep.stop();
        self.upkeep.forget_ended();
        // Tables first: their indexes walk their blocks. Handles drop their rows before the engine.
        self.tables.get_mut().clear();
        self.pool.close();
    }
}

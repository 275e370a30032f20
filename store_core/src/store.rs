//! Stores: opening, tables, transactions, closing.

mod following;
mod lending;
mod memory;

use crate::altering;
use crate::backup::{self, BackupProgress, BackupReport};
use crate::check::{CheckReport, check};
use crate::checkpoint::{self, Automatic};
use crate::compact::{self, CompactReport};
use crate::durability::{Durability, Lag};
use crate::error::{Error, Kind, Result};
use crate::follow::Follower;
use crate::freezing;
use crate::manifest::ManifestBody;
use crate::options::CHANGE_PATIENCE;
use crate::options::{ASYNC_BYTES, ASYNC_DELAY, CHECKPOINT_BYTES, FOLLOWER_BYTES, THREADS_MAX};
use crate::recovery::{self, OpenOptions, RecoveryReport};
use crate::salvage::{self, SalvageReport};
use crate::schema::Schema;
use crate::schema_log::{SchemaRecord, log_change};
use crate::stats::Stats;
use crate::sync::{Mutex, RwLock};
use crate::table::Table;
use crate::txn::{Begun, Edition, Engine, Lost, Retry, SharedEngine, Snapshot, Txn, TxnOptions};
use crate::wal::{Device, Directory, Lsn};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A store: tables, transactions, one memory budget; cheap to clone, closed with its last handle.
///
/// It belongs to the process that opened it. In a forked child every call that begins something or
/// commits is [`Kind::Closed`]; the child may drop its handles, and open stores of its own.
///
/// ```
/// use store_core::{Schema, Store, Type};
/// # let place = std::env::temp_dir().join(format!("store-doc-{}", std::process::id()));
/// let store = Store::options().memory(64 << 20).open(&place)?;
/// let table = store.create_table(Schema::builder("t").column("id", Type::Int64).key().build()?)?;
/// store.write(|txn| table.insert(txn, &[7_i64.into()]))?;
/// drop((table, store));
///
/// let store = Store::options().open(&place)?;
/// assert_eq!(store.open_table("t")?.count(&store.snapshot()?)?, 1);
/// # drop(store); std::fs::remove_dir_all(&place).unwrap();
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    engine: SharedEngine,
    home: Option<Arc<Home>>,
}

/// Where a durable store lives.
pub(crate) struct Home {
    pub device: Arc<dyn Device>,
    /// What the manifest says; locked by whoever changes it.
    pub manifest: Mutex<ManifestBody>,
    pub recovery: RecoveryReport,
    /// Held by those who copy the store's files; whoever removes some does not while they do.
    pub copying: RwLock<()>,
    /// Most bytes of files kept for followers only.
    pub follower_bytes: u64,
    /// What keeps up with the owner, if that is another process.
    pub follower: Option<Arc<Follower>>,
}

/// How to open a store.
#[derive(Clone, Debug)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    memory: Option<u64>,
    create: bool,
    durability: Durability,
    lag: Lag,
    automatic: Automatic,
    threads: Option<u32>,
    freezes: bool,
    read_only: bool,
    keeps_up: bool,
    follower_bytes: u64,
}

impl Options {
    /// The memory budget in bytes: everything the store holds. By default half of what the machine
    /// or its container allows.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Whether to make the store if there is none; true by default.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// When commits return; [`Durability::Sync`] by default. A transaction may say otherwise
    /// ([`TxnOptions::durability`]). Without effect in memory.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long after it returned an [asynchronous](Durability::Async) commit is durable at the latest;
    /// [`ASYNC_DELAY`] by default. A sync begins after half of it; while one takes longer than the
    /// other half, asynchronous commits wait.
    pub fn async_delay(mut self, delay: Duration) -> Self {
        self.lag.delay = delay;
        self
    }

    /// Most bytes of log that asynchronous commits may have acknowledged before they are durable;
    /// [`ASYNC_BYTES`] by default. A commit that would be beyond waits.
    pub fn async_bytes(mut self, bytes: u64) -> Self {
        self.lag.bytes = bytes;
        self
    }

    /// A checkpoint is written by itself whenever the log since the last one has so many bytes; 0 for
    /// never, [`CHECKPOINT_BYTES`] by default. Commits go on meanwhile.
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.automatic.bytes = bytes;
        self
    }

    /// The same so long after the first commit that the last checkpoint does not have; zero, the
    /// default, for never.
    pub fn checkpoint_age(mut self, age: Duration) -> Self {
        self.automatic.age = age;
        self
    }

    /// Whether rows are moved out of memory by themselves, into segments on disk, when eleven sixteenths of
    /// the budget are used: those that were written longest ago, or, if a column has the property `cold`
    /// with the value `least` or `greatest`, those with such values there; false by default. Who begins to
    /// write when thirteen are used waits up to 10 s for it. Without effect in memory, and on tables with
    /// a unique index.
    ///
    /// A write that is refused memory all the same has rows frozen, and is run again, by [`Store::write`],
    /// [`Retry`](crate::Retry) and [`Table::ingest`] (which begins a new batch), ten times at most. It is over budget if that
    /// helps nothing: beside a snapshot that holds back much, or when what cold segments keep in memory
    /// (some two bytes a row, and their indexes) fills the budget.
    ///
    /// See [`Table::freeze`].
    pub fn freeze(mut self, freeze: bool) -> Self {
        self.freezes = freeze;
        self
    }

    /// Threads that open the store: they load the checkpoint, apply the log and build the indexes; at
    /// least 1 and at most [`THREADS_MAX`], by default as many as the machine runs at once. Each takes up to
    /// a megabyte or so of the budget meanwhile; with a small one there are fewer. What is opened does not
    /// depend on it.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Opens the store in this directory, and makes it durable there; `:memory:` has no files.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if path == Path::new(":memory:") {
            if self.read_only {
                let message = ":memory: has no files that another process could write";
                return Err(Error::invalid(message));
            }
            return self.open_in_memory();
        }
        let shown = path.display();
        if self.read_only {
            let opened = Directory::open_existing(path);
            let directory = opened.map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => no_store(path),
                _ => Error::io(shown, error),
            })?;
            return self.open_on(Arc::new(directory));
        }
        if !self.create && !path.join(crate::manifest::MANIFEST_NAME).exists() {
            return Err(no_store(path));
        }
        check_place(path)?;
        let directory = Directory::create(path).map_err(|error| Error::io(shown, error))?;
        self.open_on(Arc::new(directory))
    }

    /// Saves what verifies of a damaged store in a new one, and says what does not. The damaged store
    /// is only read; nobody else may have it open.
    ///
    /// Behind damage it goes on, so the new store may lack changes that later ones built on. Its rows
    /// must fit in the memory budget.
    pub fn salvage(self, path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<SalvageReport> {
        let path = path.as_ref();
        let opened = Directory::open_existing(path);
        let from: Arc<dyn Device> =
            Arc::new(opened.map_err(|error| Error::io(path.display(), error))?);
        self.salvage_on(&from, &new_directory(to.as_ref())?)
    }

    /// [`Options::salvage`] between devices of the caller's.
    pub fn salvage_on(self, from: &Arc<dyn Device>, to: &Arc<dyn Device>) -> Result<SalvageReport> {
        let _owned = own(from)?;
        salvage::run(self.memory_bytes(), from, to)
    }

    /// Opens the store on a device of the caller's.
    pub fn open_on(self, device: Arc<dyn Device>) -> Result<Store> {
        if self.read_only {
            return self.follow(device);
        }
        let lock = own(&device)?;
        let opened = recovery::open(self.memory_bytes(), &device, &self.opening());
        let (engine, manifest, recovery) = opened.map_err(|error| error.at(device.describe()))?;
        engine.keep_lock(lock);
        let manifest = Mutex::new(manifest);
        let copying = RwLock::new(());
        let follower_bytes = self.follower_bytes;
        let home = Home { device, manifest, recovery, copying, follower_bytes, follower: None };
        let home = Arc::new(home);
        checkpoint::start(&engine, &home, self.automatic);
        if self.freezes {
            freezing::start(&engine);
        }
        Ok(Store { engine: SharedEngine::new(engine), home: Some(home) })
    }

    /// Opens an empty store without files.
    pub fn open_in_memory(self) -> Result<Store> {
        let engine = SharedEngine::new(Engine::new(self.memory_bytes())?);
        Ok(Store { engine, home: None })
    }

    fn opening(&self) -> OpenOptions {
        let machine = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(machine, |threads| threads as usize);
        let threads = threads.clamp(1, THREADS_MAX as usize);
        let (durability, lag, follower_bytes) = (self.durability, self.lag, self.follower_bytes);
        OpenOptions { durability, lag, threads, follower_bytes }
    }

    fn memory_bytes(&self) -> u64 {
        self.memory.unwrap_or_else(|| crate::options::machine_memory() / 2)
    }
}

impl Store {
    /// How to open a store.
    pub fn options() -> Options {
        let lag = Lag { delay: ASYNC_DELAY, bytes: ASYNC_BYTES };
        let automatic = Automatic { bytes: CHECKPOINT_BYTES, age: Duration::ZERO };
        Options {
            memory: None,
            create: true,
            durability: Durability::Sync,
            lag,
            automatic,
            threads: None,
            freezes: false,
            read_only: false,
            keeps_up: true,
            follower_bytes: FOLLOWER_BYTES,
        }
    }

    /// An empty store without files, with the default budget.
    pub fn in_memory() -> Result<Self> {
        Self::options().open_in_memory()
    }

    // ---- tables

    /// Makes a table; durable when this returns.
    pub fn create_table(&self, schema: Schema) -> Result<Table> {
        self.engine.check_open()?;
        self.engine.check_writable()?;
        let _changing = self.engine.ddl.lock();
        if self.engine.tables.read().contains_key(&schema.table) {
            return Err(Error::duplicate(format!("table `{}` exists already", schema.table))
                .detail(&schema.table));
        }
        let id = self.engine.take_table_number();
        let table = self.engine.new_table(id, schema)?;
        let record = SchemaRecord::Table { id, schema: table.schema().clone() };
        if self.engine.log().is_some() {
            log_change(&self.engine, &record, |_| ())?;
        }
        let name = table.schema().table.clone();
        let edition = Edition::first(table);
        let table = Table::new(self.engine.clone(), Arc::clone(&edition));
        self.engine.tables.write().insert(name, edition);
        Ok(table)
    }

    /// The table of this name.
    pub fn open_table(&self, name: &str) -> Result<Table> {
        self.engine.check_open()?;
        Table::open(&self.engine, name)
    }

    /// Drops a table; durable when this returns.
    ///
    /// Snapshots from before still read it, through handles that were opened before. Whoever writes to
    /// it now is waited for, up to 10 s ([`Kind::Busy`]), so it cannot be dropped inside a transaction
    /// that has written to it. Its name can be used again at once, and its memory comes back when
    /// every snapshot that is open now has ended.
    ///
    /// ```
    /// # use store_core::Kind;
    /// # let (store, flights) = store_core::doctest::flights();
    /// let before = store.snapshot()?;
    /// store.drop_table("flights")?;
    /// assert_eq!(flights.count(&before)?, 1);
    /// assert_eq!(flights.count(&store.snapshot()?).unwrap_err().kind(), Kind::NotFound);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn drop_table(&self, name: &str) -> Result<()> {
        altering::drop_table(&self.engine, name, CHANGE_PATIENCE)
    }

    /// The names of all tables, in order.
    pub fn tables(&self) -> Vec<String> {
        self.engine.tables.read().keys().cloned().collect()
    }

    // ---- transactions

    /// A snapshot of everything committed until now.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.engine.check_open()?;
        Snapshot::new(&self.engine)
    }

    /// Begins a transaction.
    pub fn begin(&self) -> Result<Txn> {
        self.begin_with(TxnOptions::new())
    }

    /// Begins a transaction of another level, or one that only reads.
    pub fn begin_with(&self, options: TxnOptions) -> Result<Txn> {
        Txn::new(&self.engine, options)
    }

    /// Runs `work` in a transaction and commits it; after a conflict it waits until that is decided
    /// and runs the work again, up to [`RETRIES_MAX`](crate::options::RETRIES_MAX) times. In a
    /// store that freezes by itself ([`Options::freeze`]) it is run again, too, when it was refused memory and
    /// rows were frozen since. Any other error rolls back.
    pub fn write<T>(&self, work: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        self.write_with(TxnOptions::new(), work)
    }

    /// [`Store::write`] with the level and the retries of the options.
    pub fn write_with<T>(
        &self,
        options: TxnOptions,
        mut work: impl FnMut(&mut Txn) -> Result<T>,
    ) -> Result<T> {
        let mut retry: Option<Retry> = None;
        loop {
            let mut txn = Begun::new(&self.engine, options)?.into_txn(&self.engine);
            if let Some(retry) = &retry {
                retry.hand_turn_to(&mut txn);
            }
            let (error, lost) = match work(&mut txn) {
                Ok(value) => match txn.commit_here() {
                    Ok(_) => return Ok(value),
                    Err(error) => {
                        let lost = Lost::by(None, &error);
                        (error, lost)
                    }
                },
                Err(error) => {
                    let lost = Lost::by(Some(&txn), &error);
                    (error, lost)
                }
            };
            drop(txn); // rolled back
            let retry = retry.get_or_insert_with(|| self.retry(options));
            let again = matches!(error.kind(), Kind::Conflict | Kind::OverBudget);
            if !again || !retry.again(lost) {
                return Err(error);
            }
        }
    }

    /// The attempts of work that is not a closure; see [`Retry`].
    pub fn retry(&self, options: TxnOptions) -> Retry {
        Retry::new(&self.engine, options)
    }

    // ---- looking after it

    /// Writes every row to segments, at one snapshot, and lets go of the log before it. Commits go
    /// on meanwhile. Does nothing in memory.
    pub fn checkpoint(&self) -> Result<()> {
        self.engine.check_open()?;
        self.engine.check_writable()?;
        match &self.home {
            Some(home) => checkpoint::run_noted(&self.engine, home),
            None => Ok(()),
        }
    }

    /// Makes the store small again: on disk by a checkpoint, in memory by filling the pages of its
    /// indexes.
    pub fn compact(&self) -> Result<CompactReport> {
        self.engine.check_open()?;
        self.engine.check_writable()?;
        compact::run(&self.engine, self.home.as_deref())
    }

    /// Copies the store, while it is in use, to a directory that is made or empty; opened, the copy is
    /// a store of its own with all commits up to one of them.
    ///
    /// Costs reading, writing and syncing the checkpoint and the log since; a store without files is
    /// written as a checkpoint. If it ends early, the same call takes it up again where it was.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// # let place = std::env::temp_dir().join(format!("store-backup-{}", std::process::id()));
    /// let report = store.backup(&place)?;
    /// assert!(report.timestamp >= store.snapshot()?.timestamp());
    /// let copy = store_core::Store::options().open(&place)?;
    /// assert_eq!(copy.tables(), store.tables());
    /// # drop(copy); std::fs::remove_dir_all(&place).unwrap();
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.backup_with(path, &mut |_| true)
    }

    /// [`Store::backup`] that tells how far it has come, and ends with [`Kind::Cancelled`] when
    /// `progress` says false.
    pub fn backup_with(
        &self,
        path: impl AsRef<Path>,
        progress: &mut dyn FnMut(BackupProgress) -> bool,
    ) -> Result<BackupReport> {
        self.backup_on(&new_directory(path.as_ref())?, progress)
    }

    /// [`Store::backup_with`] to a device of the caller's.
    pub fn backup_on(
        &self,
        device: &Arc<dyn Device>,
        progress: &mut dyn FnMut(BackupProgress) -> bool,
    ) -> Result<BackupReport> {
        self.engine.check_open()?;
        let files = self.home.as_deref().filter(|home| home.follower.is_none());
        backup::run(&self.engine, files, device, progress)
    }

    /// Verifies the checksums of the checkpoint's segments, and that at one snapshot every index
    /// agrees with its table. The log and the manifest were verified when the store was opened.
    pub fn check(&self) -> Result<CheckReport> {
        check(&self.engine, self.home.as_deref())
    }

    /// Ends every query of this store that has begun: at its next page or batch of rows it gives
    /// [`crate::Kind::Cancelled`]. Queries that begin later run; writes are not touched.
    ///
    /// ```
    /// # use store_core::Kind;
    /// # let (store, flights) = store_core::doctest::flights();
    /// let snapshot = store.snapshot()?;
    /// let mut cursor = flights.query(&snapshot).run()?;
    /// store.interrupt();
    /// assert_eq!(cursor.next().err().map(|error| error.kind()), Some(Kind::Cancelled));
    /// assert!(flights.query(&snapshot).run()?.next()?.is_some());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn interrupt(&self) {
        self.engine.interrupt();
    }

    /// The store in numbers.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::of(&self.engine);
        self.add_followers(&mut stats);
        stats
    }

    /// What opening the store found; `None` in memory.
    pub fn recovery(&self) -> Option<&RecoveryReport> {
        self.home.as_ref().map(|home| &home.recovery)
    }

    /// Makes all that was committed until now durable, whatever its level: one sync.
    pub fn sync(&self) -> Result<()> {
        self.engine.sync()
    }

    /// Waits until all commits up to a position of the log are durable and visible: one wait for many
    /// tickets. The position is that of a [`Ticket`](crate::Ticket::lsn), or of [`Stats::wal_end`].
    /// On a follower it is [`Kind::ReadOnly`]: see [`Store::refresh`].
    pub fn wait_durable(&self, lsn: u64) -> Result<()> {
        if self.is_read_only() {
            self.engine.check_writable()?;
        }
        self.engine.wait_durable(Lsn(lsn))
    }

    /// True if all before a position of the log would survive a loss of power now. Waits for nothing.
    pub fn is_durable(&self, lsn: u64) -> bool {
        if let Some(follower) = self.home.as_ref().and_then(|home| home.follower.as_ref()) {
            return follower.stats().durable >= lsn;
        }
        self.engine.log().is_none_or(|log| log.wal.durable() >= Lsn(lsn))
    }

    /// Refuses new transactions and snapshots from now on, and makes durable what was committed. The
    /// directory is free once the last handle, snapshot, ticket and cursor is gone.
    ///
    /// After an error some commits that were not acknowledged as durable may be lost. A store that is
    /// dropped without this call syncs as well, but cannot tell.
    pub fn close(&self) -> Result<()> {
        self.engine.close();
        self.engine.sync()
    }

    /// True if both are handles of one open store.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.home.as_ref().map_or(":memory:".to_owned(), |home| home.device.describe());
        write!(f, "Store({place})")
    }
}

/// Becomes the only owner of what is there.
fn own(device: &Arc<dyn Device>) -> Result<Box<dyn Send + Sync>> {
    let place = device.describe();
    device.lock().map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => {
            Error::new(Kind::Busy, format!("{place}: another process owns this store"))
                .detail(place)
        }
        _ => Error::io(place, error),
    })
}

/// Refuses a place where no directory can be, and names what is in the way.
fn check_place(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::invalid(
            "the path of the store is empty: name a directory, or :memory:",
        ));
    }
    let there = path.ancestors().find(|place| place.exists());
    let Some(file) = there.filter(|place| !place.is_dir()) else { return Ok(()) };
    let (shown, in_the_way) = (path.display(), file.display());
    Err(Error::invalid(if file == path {
        format!("{shown}: is a file, a store is a directory")
    } else {
        format!("{shown}: {in_the_way} is a file, so there can be no directory in it")
    }))
}

fn no_store(path: &Path) -> Error {
    let shown = path.display();
    Error::not_found(format!("{shown}: there is no store here")).detail(shown.to_string())
}

/// A directory to write a copy to.
fn new_directory(path: &Path) -> Result<Arc<dyn Device>> {
    let shown = path.display();
    if path == Path::new(":memory:") || (path.exists() && !path.is_dir()) {
        return Err(Error::invalid(format!("{shown}: a copy of a store is a directory"))
            .detail(shown.to_string()));
    }
    let made = Directory::create(path).map_err(|error| Error::io(shown, error))?;
    Ok(Arc::new(made))
}

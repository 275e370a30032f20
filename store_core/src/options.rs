//! Every limit with its default and its reason.

use crate::sync::capacity;
use std::time::Duration;

/// The unit of bulk memory: large enough that a page's header and a system call per page do not
/// count, small enough that an empty table costs little.
pub const PAGE_BYTES: usize = 64 * 1024;
/// Pages made writable at once: one system call, and one huge page of the kernel.
pub(crate) const POOL_LUMP_PAGES: usize = 32;
/// Pages kept ready for the next user; more go back to the system.
pub(crate) const POOL_READY_PAGES: usize = 32;
/// The part of all pages that may be kept ready if that is more: a load promises and frees pages
/// with every batch, and giving them back each time would break up the kernel's huge pages.
pub(crate) const POOL_READY_SHARE: usize = 16;
/// Addresses kept beyond the budget's pages, so that a commit under way always finds a page.
pub(crate) const POOL_SPARE_PAGES: usize = 4096;
/// Pages promised from the start: for deleting rows, and removing index entries, when all is full.
pub(crate) const POOL_RESERVE_PAGES: usize = 4;
/// Smallest budget a store opens with: its fixed parts and one page for each of them.
pub const MEMORY_MIN: u64 = 4 << 20;
/// Most snapshots and transactions open at once: owner ids have 16 bits and the ring of finished
/// timestamps has a place for each.
pub const SNAPSHOTS_MAX: usize = capacity(4096, 4);
/// Most commits with tickets that are not published: the ring of finished timestamps has a place for
/// each. More wait for the disk.
pub(crate) const TICKETS_MAX: u64 = SNAPSHOTS_MAX as u64;
/// How long after it was acknowledged an asynchronous commit is durable, unless a store says otherwise:
/// what a person does not notice, and a thousand commits for a sync.
pub const ASYNC_DELAY: Duration = Duration::from_millis(100);
/// Most bytes of log acknowledged and not durable, unless a store says otherwise: a disk writes them in
/// some ten milliseconds.
pub const ASYNC_BYTES: u64 = 4 << 20;
/// The log's length at which a checkpoint is written, unless a store says otherwise: replaying it takes
/// about a second.
pub const CHECKPOINT_BYTES: u64 = 256 << 20;
/// Garbage entries a commit looks at, beside twice as many as it made: bounded help.
pub(crate) const RECLAIM_STEPS: usize = 16;
/// Rows the upkeep thread looks at before it asks whether it should stop.
pub(crate) const UPKEEP_STEPS: usize = 256;
/// How long the upkeep thread waits while garbage is held by somebody: soon enough for whoever
/// watches the memory fall, seldom enough to cost nothing.
pub(crate) const UPKEEP_TICK: Duration = Duration::from_millis(20);
/// How long it waits without any garbage before it ends: starting one costs some 50 µs.
pub(crate) const UPKEEP_PARK: Duration = Duration::from_secs(5);
/// Index blocks are moved together when more than one in so many of their pages are nearly empty: one
/// page of each size class always may be.
pub(crate) const COMPACT_SHARE: u64 = 16;
/// Rows of a table that a statement looks at when memory was refused to it.
pub(crate) const RELIEF_STEPS: usize = 4096;
/// How often a statement makes room and tries again: each time a snapshot may have to go.
pub(crate) const RELIEF_ATTEMPTS_MAX: usize = 2 * SNAPSHOTS_MAX;
/// How often rows are frozen to make room for one transaction, or one row of an ingest.
pub(crate) const RELIEFS_MAX: u32 = 10;
/// How often it tries again because the upkeep thread may be about to make room, and how long it
/// waits before.
pub(crate) const UPKEEP_ATTEMPTS: usize = 4;
pub(crate) const UPKEEP_PATIENCE: Duration = Duration::from_millis(2);
/// What snapshots hold back must take one part in this many of the budget before one is given up: if
/// it takes less, it is rows that fill the memory, and giving up readers would not help.
pub(crate) const SNAPSHOT_SHARE: u64 = 8;
/// The part of the budget that caches leave free: so much must come before they are emptied, and begin to
/// fill, again.
pub(crate) const CACHE_MARGIN_SHARE: u64 = 8;
/// Most scans of an unchanged page that pass before an image of it is made, if earlier ones went unused.
pub(crate) const IMAGE_WAIT_MAX: u8 = 63;
/// Most bytes of one row, cells and long values together.
pub const ROW_BYTES_MAX: usize = 16 << 20;
/// Payload bytes of one log record; larger transactions are logged in fragments.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;
/// Retries of a conflicting transaction in `Store::write` before it gives up.
pub const RETRIES_MAX: u32 = 100;
/// Keys of one table that a serializable transaction remembers one by one; after more, any change
/// of the table counts: its memory stays bounded.
pub(crate) const READ_KEYS_MAX: usize = 1 << 16;
/// Most bytes kept to say which rows recent commits wrote; a serializable transaction that began
/// before gets a conflict.
pub(crate) const SEQUENCED_BYTES_MAX: usize = 8 << 20;
/// How long making an index waits for transactions that do not know of it: longer than most last,
/// and an answer soon enough for whoever waits for itself.
pub(crate) const INDEX_PATIENCE: Duration = Duration::from_secs(10);
/// The same for changing columns and for dropping a table.
pub(crate) const CHANGE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a transaction that has not written to a table waits to do so while its columns are changed:
/// rows are copied at some hundred thousand a second.
pub(crate) const WRITERS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a retry waits for the transaction that owns its row, or whose commit it needs to see:
/// several syncs of a slow disk. Then it tries all the same.
pub(crate) const OUTCOME_WAIT_MAX: Duration = Duration::from_millis(100);
/// How long a retry waits for those before it in a row's queue.
pub(crate) const TURN_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often a follower looks whether its owner has got further, besides when it is asked: what it shows
/// is so much behind, and the time that applying takes.
pub(crate) const FOLLOW_TICK: Duration = Duration::from_millis(20);
/// How long after an error it tries again: memory and disks need some time.
pub(crate) const FOLLOW_RETRY: Duration = Duration::from_secs(1);
/// Most bytes of files that an owner keeps for followers only, unless a store says otherwise: the log of
/// four checkpoints. A follower that needs more has to open the store again.
pub const FOLLOWER_BYTES: u64 = 4 * CHECKPOINT_BYTES;

/// Most threads of one query: more than most machines have processors.
pub const THREADS_MAX: u32 = 256;

/// How many times as long as a sync of a checkpoint the pause after it is while others commit.
const PAUSE_SHARE: u32 = 3;
/// Longest of these pauses: a disk that is slow for all must not stop a checkpoint.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The pause after a sync that took so long and that nobody waits for: syncs of commits would queue
/// behind it.
pub(crate) fn pause_after(sync: Duration) -> Duration {
    (sync * PAUSE_SHARE).min(PAUSE_MAX)
}

/// Bytes the machine or its container allows this process.
pub fn machine_memory() -> u64 {
    const UNKNOWN: u64 = 2 << 30;
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let meminfo = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    });
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| read(path)?.trim().parse::<u64>().ok());
    let machine = meminfo.unwrap_or(UNKNOWN);
    container.map_or(machine, |container| container.min(machine))
}

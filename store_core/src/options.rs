//! Every limit with its default and its reason.

use crate::sync::capacity;

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
/// timestamps has one place for each.
pub const SNAPSHOTS_MAX: usize = capacity(4096, 4);
/// Garbage entries a commit looks at, beside twice as many as it made: bounded help.
pub(crate) const RECLAIM_STEPS: usize = 16;
/// Most bytes of one row, cells and long values together.
pub const ROW_BYTES_MAX: usize = 16 << 20;
/// Payload bytes of one log record; larger transactions are logged in fragments.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;
/// Retries of a conflicting transaction in `Store::write` before it gives up.
pub const RETRIES_MAX: u32 = 100;

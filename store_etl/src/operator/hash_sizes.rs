//! What aggregates and joins by hash have in common when they cut up their memory.

use super::pool::Pool;
use store_core::segment::RunOptions;
use store_core::{Error, Kind, Result};

/// Smallest page that is chosen.
pub(super) const PAGE_BYTES_MIN: usize = 512;
/// Pages in a memory, about, unless it is so large that they have the size asked for.
const PAGES_WANTED: usize = 1024;

/// How an aggregate or a join by hash goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashOptions {
    /// Bytes that everything it holds takes.
    pub memory: usize,
    /// The longest row of each input and, of an aggregate, of the output, in bytes of its cells.
    pub row_bytes: usize,
    /// How what finds no room is written; pages have a block at most.
    pub run: RunOptions,
    /// Bytes of a page; chosen for the memory if it is `None`.
    pub page_bytes: Option<usize>,
    /// Chooses the hashes: which rows share a partition, and in what order groups and pairs come; not which
    /// these are.
    pub seed: u64,
}

impl HashOptions {
    /// Within so many bytes, for rows of up to so many.
    pub fn within(memory: usize, row_bytes: usize) -> Self {
        Self { memory, row_bytes, run: RunOptions::default(), page_bytes: None, seed: 0 }
    }

    /// Bytes of a page where there is so much memory beyond the least.
    pub(super) fn page(&self, surplus: usize) -> usize {
        let chosen = (surplus / PAGES_WANTED).max(1).next_power_of_two();
        let most = self.run.block_bytes.max(PAGE_BYTES_MIN);
        self.page_bytes.unwrap_or_else(|| chosen.clamp(PAGE_BYTES_MIN, most))
    }

    /// Bytes of a page in the smallest memory.
    pub(super) fn page_min(&self) -> usize {
        self.page_bytes.unwrap_or_else(|| PAGE_BYTES_MIN.min(self.run.block_bytes))
    }

    /// What there is beyond the least; its lack is refused.
    pub(super) fn surplus(&self, what: &str, least: usize) -> Result<usize> {
        self.memory.checked_sub(least).ok_or_else(|| {
            let message = format!(
                "{what} within {} bytes is too small: it takes {least} at least",
                self.memory
            );
            Error::new(Kind::OverBudget, message).detail(least.to_string())
        })
    }
}

/// Bytes that a page takes with all that belongs to it.
pub(super) fn bytes_of_page(record: usize, run: &RunOptions) -> usize {
    const MANY: usize = 4096;
    let bytes = |pages| Pool::bytes_of(pages, record, run);
    (bytes(MANY) - bytes(0)).div_ceil(MANY)
}

/// Whole pages of the system.
pub(super) const fn whole(bytes: usize) -> usize {
    bytes / 4096 * 4096
}

/// The largest power of two that is not larger.
pub(super) fn power(most: usize) -> usize {
    1 << most.max(1).ilog2()
}

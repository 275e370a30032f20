//! How an aggregation cuts up its memory: A + F·P, before a row is read (invariant I12).

use super::AggregateOptions;
use super::hashed::LIST_BYTES;
use super::plan::Aggregation;
use super::table::Table;
use crate::operator::pool::{Part, Pool};
use store_core::segment::RunOptions;
use store_core::{Error, Kind, Result};

/// A partition that was taken apart so often is sorted.
pub(super) const LEVELS_MAX: u32 = 8;
/// A table of the first level fits the second cache of a processor.
const RESIDENT_BYTES_MAX: usize = 1 << 20;
/// A partition's table may be larger: it is filled once.
const TABLE_BYTES_MAX: usize = 4 << 20;
const TABLE_BYTES_MIN: usize = 4096;
/// Each table has one part in this many of the memory.
const TABLE_SHARE: usize = 8;
/// More partitions cost more misses of the cache than they save.
const FAN_OUT_MAX: usize = 256;
const FAN_OUT_MIN: usize = 4;
/// A partition that is taken apart again has few groups more than fit.
const FAN_OUT_AGAIN_MAX: usize = 16;
/// Pages at least: half of them are partitions' current ones.
const PAGES_MIN: usize = 16;
const PAGE_BYTES_MIN: usize = 512;
/// Pages in a memory, about, unless it is so large that they have the size asked for.
const PAGES_WANTED: usize = 512;
/// What a sort by key works with, at least, beside its blocks.
const SORT_BYTES_MIN: usize = 96 << 10;
/// Rows laid out at once take so much, unless one is longer.
const SCRATCH_BYTES: usize = 32 << 10;
/// What is assumed of keys that have texts.
const KEY_BYTES_GUESS: usize = 24;

/// The parts of an aggregation's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Longest record.
    pub record: usize,
    /// Bytes of a key, about.
    pub key: usize,
    pub scratch: usize,
    pub lists: usize,
    pub resident: usize,
    pub table: usize,
    pub pages: usize,
    pub run: RunOptions,
    pub fan_out: usize,
    pub fan_out_again: usize,
}

impl Sizes {
    /// Cuts up the memory, or says how much is needed.
    pub fn of(plan: &Aggregation, options: &AggregateOptions) -> Result<Self> {
        let record = plan.layout.record_max(options.row_bytes);
        let page = (options.memory / PAGES_WANTED).next_power_of_two() / 2;
        let page = page.clamp(PAGE_BYTES_MIN, options.run.block_bytes.max(PAGE_BYTES_MIN));
        let run = RunOptions { block_bytes: page, ..options.run };
        let scratch = record.max(SCRATCH_BYTES.min(options.memory / 16)).next_multiple_of(4096);
        let parts = FAN_OUT_MAX + LEVELS_MAX as usize * FAN_OUT_AGAIN_MAX;
        // Lists grow by doubling.
        let lists = LIST_BYTES + 2 * parts * size_of::<(Part, u32)>();
        let fixed = scratch + lists + Pool::bytes_of(0, record, &run) + 4096;
        let sort = SORT_BYTES_MIN + 8 * page + 8 * (record + 256);
        let pages_min = PAGES_MIN.max(sort.div_ceil(page));
        let page_bytes = Pool::bytes_of(1024, record, &run) - Pool::bytes_of(0, record, &run);
        let each = page_bytes.div_ceil(1024);
        let least = fixed + 2 * TABLE_BYTES_MIN.max(4 * record) + pages_min * each;
        if options.memory < least {
            let message = format!(
                "an aggregation within {} bytes is too small: it takes {least} at least",
                options.memory
            );
            return Err(Error::new(Kind::OverBudget, message).detail(least.to_string()));
        }
        let rest = options.memory - fixed;
        let whole = |bytes: usize, most: usize| {
            bytes.clamp(TABLE_BYTES_MIN, most).max(4 * record) / 4096 * 4096
        };
        let surplus = rest - (least - fixed);
        let resident = whole(surplus / TABLE_SHARE, RESIDENT_BYTES_MAX);
        let table = whole(surplus / TABLE_SHARE, TABLE_BYTES_MAX);
        let pages = (rest - resident - table) / each;
        Ok(Self {
            record,
            key: plan.layout.keys.width().unwrap_or(KEY_BYTES_GUESS),
            scratch,
            lists,
            resident,
            table,
            pages,
            run,
            fan_out: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_MAX),
            fan_out_again: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_AGAIN_MAX),
        })
    }
}

/// The largest power of two that is not larger.
fn power(most: usize) -> usize {
    1 << most.max(1).ilog2()
}

/// Bytes of an entry, about.
pub(super) fn entry_bytes(plan: &Aggregation, sizes: &Sizes) -> usize {
    Table::entry_bytes(plan.states.bytes(), sizes.key)
}

//! How an aggregation cuts up its memory: A + F·P, before a row is read (invariant I12).

use super::AggregateOptions;
use super::hashed::LIST_BYTES;
use super::plan::Aggregation;
use super::sorted::SortInput;
use super::table::Table;
use crate::operator::pool::{Part, Pool};
use store_core::segment::RunOptions;
use store_core::te::HashPlan;
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
/// Rows laid out at once take so much, unless one is longer.
const SCRATCH_BYTES: usize = 32 << 10;
/// All lists of a fixed length. Those of partitions grow by doubling.
const LISTS_BYTES: usize = LIST_BYTES
    + 2 * (FAN_OUT_MAX + LEVELS_MAX as usize * FAN_OUT_AGAIN_MAX) * size_of::<(Part, u32)>();
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
    /// The smallest memory.
    pub fn least(plan: &Aggregation, options: &AggregateOptions) -> usize {
        let record = plan.layout.record_max(options.row_bytes);
        let least = Fixed::of(record, PAGE_BYTES_MIN.min(options.run.block_bytes), 0, options);
        least.bytes() + 2 * table_min(record) + least.pages_min * least.page_bytes()
    }

    /// Cuts up the memory, or says how much is needed.
    pub fn of(plan: &Aggregation, options: &AggregateOptions) -> Result<Self> {
        let record = plan.layout.record_max(options.row_bytes);
        let (least, table_min) = (Self::least(plan, options), table_min(record));
        let Some(surplus) = options.memory.checked_sub(least) else {
            let message = format!(
                "an aggregation within {} bytes is too small: it takes {least} at least",
                options.memory
            );
            return Err(Error::new(Kind::OverBudget, message).detail(least.to_string()));
        };
        let page = (surplus / PAGES_WANTED).max(1).next_power_of_two();
        let page = page.clamp(PAGE_BYTES_MIN, options.run.block_bytes.max(PAGE_BYTES_MIN));
        let fixed = Fixed::of(record, page, SCRATCH_BYTES.min(surplus / 16), options);
        let resident =
            whole((surplus / TABLE_SHARE).clamp(table_min, RESIDENT_BYTES_MAX.max(table_min)));
        let table = whole((surplus / TABLE_SHARE).clamp(table_min, TABLE_BYTES_MAX.max(table_min)));
        let pages = (options.memory - fixed.bytes() - resident - table) / fixed.page_bytes();
        Ok(Self {
            record,
            key: plan.layout.keys.width().unwrap_or(KEY_BYTES_GUESS),
            scratch: fixed.scratch,
            lists: LISTS_BYTES,
            resident,
            table,
            pages,
            run: fixed.run,
            fan_out: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_MAX),
            fan_out_again: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_AGAIN_MAX),
        })
    }
}

impl Sizes {
    /// The same as a plan.
    pub fn plan(&self, plan: &Aggregation, memory: usize) -> HashPlan {
        let entry = Table::entry_bytes(plan.states.bytes(), self.key);
        let keys = |bytes: usize| Table::groups_max(bytes, entry) as u64;
        HashPlan {
            memory: memory as u64,
            page: self.run.block_bytes as u64,
            pages: self.pages as u64,
            fan_out: self.fan_out as u64,
            fan_out_again: self.fan_out_again as u64,
            resident_keys: keys(self.resident),
            table_keys: keys(self.table),
        }
    }
}

/// What does not grow with the memory, for pages of one size.
#[derive(Clone, Copy, Debug)]
struct Fixed {
    record: usize,
    scratch: usize,
    run: RunOptions,
    pages_min: usize,
}

impl Fixed {
    fn of(record: usize, page: usize, scratch: usize, options: &AggregateOptions) -> Self {
        let sort = SortInput::memory_min(record, options.run) + SortInput::group_bytes(0, record);
        Self {
            record,
            scratch: whole(record.max(scratch) + 4095),
            run: RunOptions { block_bytes: page, ..options.run },
            pages_min: PAGES_MIN.max(sort.div_ceil(page)),
        }
    }

    fn bytes(&self) -> usize {
        // One page of the system, by which the pool is rounded up.
        self.scratch + LISTS_BYTES + Pool::bytes_of(0, self.record, &self.run) + 4096
    }

    fn page_bytes(&self) -> usize {
        const MANY: usize = 4096;
        let bytes = |pages| Pool::bytes_of(pages, self.record, &self.run);
        (bytes(MANY) - bytes(0)).div_ceil(MANY)
    }
}

/// The smallest table: a whole record at least.
const fn table_min(record: usize) -> usize {
    let record = if 2 * record > TABLE_BYTES_MIN { 2 * record } else { TABLE_BYTES_MIN };
    whole(record + 4095)
}

/// Whole pages of the system.
const fn whole(bytes: usize) -> usize {
    bytes / 4096 * 4096
}

/// The largest power of two that is not larger.
fn power(most: usize) -> usize {
    1 << most.max(1).ilog2()
}

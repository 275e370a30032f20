//! How an aggregation cuts up its memory: A + F·P, before a row is read (invariant I12).

use super::hashed::LIST_BYTES;
use super::plan::Aggregation;
use super::sorted::SortInput;
use super::table::Table;
use crate::operator::hash_sizes::{HashOptions, bytes_of_page, power, whole};
use crate::operator::pool::{Part, Pool};
use store_core::Result;
use store_core::segment::RunOptions;
use store_core::te::HashPlan;

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
    pub fn least(plan: &Aggregation, options: &HashOptions) -> usize {
        let record = plan.layout.record_max(options.row_bytes);
        let least = Fixed::of(record, options.page_min(), 0, options);
        least.bytes() + 2 * table_min(record) + least.pages_min * least.page_bytes()
    }

    /// Cuts up the memory, or says how much is needed.
    pub fn of(plan: &Aggregation, options: &HashOptions) -> Result<Self> {
        let record = plan.layout.record_max(options.row_bytes);
        let (least, table_min) = (Self::least(plan, options), table_min(record));
        let surplus = options.surplus("an aggregation", least)?;
        let page = options.page(surplus);
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
    fn of(record: usize, page: usize, scratch: usize, options: &HashOptions) -> Self {
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
        bytes_of_page(self.record, &self.run)
    }
}

/// The smallest table: a whole record at least.
const fn table_min(record: usize) -> usize {
    let record = if 2 * record > TABLE_BYTES_MIN { 2 * record } else { TABLE_BYTES_MIN };
    whole(record + 4095)
}

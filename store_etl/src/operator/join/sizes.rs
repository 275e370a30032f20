//! How a join cuts up its memory, before a row is read (invariant I12).

use super::bind::{Join, Side};
use super::record::Laid;
use super::walk::Walk;
use crate::operator::hash_sizes::{HashOptions, bytes_of_page, power, whole};
use crate::operator::pool::{Part, Pool};
use store_core::Result;
use store_core::segment::RunOptions;
use store_core::te::HashPlan;

/// A pair of partitions that was taken apart so often is joined block by block.
pub(super) const LEVELS_MAX: u32 = 8;
const FAN_OUT_MAX: usize = 64;
const FAN_OUT_MIN: usize = 4;
const FAN_OUT_AGAIN_MAX: usize = 16;
/// Pages at least.
const PAGES_MIN: usize = 24;
const SCRATCH_BYTES: usize = 32 << 10;
/// One part in this many of the memory is for dictionaries, up to a limit.
const DICTIONARY_SHARE: usize = 64;
const DICTIONARY_BYTES_MAX: usize = 256 << 10;
const DICTIONARY_BYTES_MIN: usize = 256;
/// Places in memory are 30 bits, in units of 4 bytes; beside the pages there is room to read a block.
const PAGES_BYTES_MAX: usize = 3 << 30;

/// The parts of a join's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Longest record.
    pub record: usize,
    pub scratch: usize,
    pub lists: usize,
    /// Bytes of each dictionary.
    pub dictionary: usize,
    /// Bytes of the heads of chains.
    pub heads: usize,
    pub pages: usize,
    pub run: RunOptions,
    pub fan_out: usize,
    pub fan_out_again: usize,
}

impl Sizes {
    /// The smallest memory.
    pub fn least(plan: &Join, options: &HashOptions) -> usize {
        let page = options.page_min();
        let fixed = Fixed::of(plan, options, page, 0, DICTIONARY_BYTES_MIN);
        let pages = fixed.pages_min();
        fixed.bytes + whole(pages * page / 4 + 4095) + pages * fixed.page_bytes()
    }

    /// Cuts up the memory, or says how much is needed.
    pub fn of(plan: &Join, options: &HashOptions) -> Result<Self> {
        let least = Self::least(plan, options);
        let surplus = options.surplus("a join", least)?;
        let page = options.page(surplus);
        let each = DICTIONARY_BYTES_MAX / plan.layout(Side::Right).payload.texts().max(1);
        let dictionary = (surplus / DICTIONARY_SHARE).min(each).max(DICTIONARY_BYTES_MIN);
        let fixed = Fixed::of(plan, options, page, SCRATCH_BYTES.min(surplus / 16), dictionary);
        let rest = (options.memory - fixed.bytes).min(PAGES_BYTES_MAX);
        // A head for two records, if all are as short as can be and fill the memory.
        let shortest = plan.layout(Side::Right).record_min();
        let heads = whole(rest / (shortest + 2) * 2 + 4095).min(whole(rest / 4)).max(4096);
        let pages = (rest - heads) / fixed.page_bytes();
        Ok(Self {
            record: fixed.record,
            scratch: fixed.scratch,
            lists: fixed.lists,
            dictionary,
            heads,
            pages,
            run: fixed.run,
            fan_out: power(pages / 4).clamp(FAN_OUT_MIN, FAN_OUT_MAX),
            fan_out_again: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_AGAIN_MAX),
        })
    }
}

/// What does not grow with the memory, for pages of one size.
#[derive(Clone, Copy, Debug)]
struct Fixed {
    record: usize,
    scratch: usize,
    lists: usize,
    run: RunOptions,
    /// All of it, with pages of the system by which heads and pool are rounded up.
    bytes: usize,
}

impl Fixed {
    fn of(
        plan: &Join,
        options: &HashOptions,
        page: usize,
        scratch: usize,
        dictionary: usize,
    ) -> Self {
        let (left, right) = (plan.layout(Side::Left), plan.layout(Side::Right));
        let record = left.record_max(options.row_bytes).max(right.record_max(options.row_bytes));
        let parts = FAN_OUT_MAX * 3 + LEVELS_MAX as usize * FAN_OUT_AGAIN_MAX * 4;
        let texts = left.payload.texts().max(right.payload.texts());
        let lists = Laid::bytes(texts) + Walk::BYTES + parts * size_of::<Part>();
        let run = RunOptions { block_bytes: page, ..options.run };
        let scratch = whole(record.max(scratch).max(page) + 4095);
        let dictionaries = dictionary * right.payload.texts();
        let bytes = scratch + lists + dictionaries + Pool::bytes_of(0, record, &run) + 8192;
        Self { record, scratch, lists, run, bytes }
    }

    /// Pages at least: in the arena there is a whole record, and room to read another.
    fn pages_min(&self) -> usize {
        PAGES_MIN.max((2 * self.record + 4096).div_ceil(self.run.block_bytes)) + 1
    }

    /// Bytes that a page takes with all that belongs to it.
    fn page_bytes(&self) -> usize {
        bytes_of_page(self.record, &self.run)
    }
}

impl Sizes {
    /// The same as a plan; its keys are rows of the side that is in memory, as short as they can be.
    pub fn plan(&self, plan: &Join, memory: usize) -> HashPlan {
        let shortest = plan.layout(Side::Right).record_min() as u64;
        let rows = (self.pages * self.run.block_bytes) as u64 / shortest;
        HashPlan {
            memory: memory as u64,
            page: self.run.block_bytes as u64,
            pages: self.pages as u64,
            fan_out: self.fan_out as u64,
            fan_out_again: self.fan_out_again as u64,
            resident_keys: rows,
            table_keys: rows,
        }
    }
}

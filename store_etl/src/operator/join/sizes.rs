//! How a join cuts up its memory, before a row is read (invariant I12).

use super::JoinOptions;
use super::bind::{Join, Side};
use super::record::Laid;
use super::walk::Walk;
use crate::operator::pool::{Part, Pool};
use store_core::segment::RunOptions;
use store_core::{Error, Kind, Result};

/// A pair of partitions that was taken apart so often is joined block by block.
pub(super) const LEVELS_MAX: u32 = 8;
const FAN_OUT_MAX: usize = 64;
const FAN_OUT_MIN: usize = 4;
const FAN_OUT_AGAIN_MAX: usize = 16;
/// Pages at least.
const PAGES_MIN: usize = 24;
const PAGE_BYTES_MIN: usize = 512;
/// Pages in a memory, about, unless it is so large that they have the size asked for.
const PAGES_WANTED: usize = 512;
const SCRATCH_BYTES: usize = 32 << 10;
/// One part in this many of the memory is for dictionaries, up to a limit.
const DICTIONARY_SHARE: usize = 64;
const DICTIONARY_BYTES_MAX: usize = 256 << 10;
const DICTIONARY_BYTES_MIN: usize = 256;
/// Places in memory are 31 bits, in units of 4 bytes.
const PAGES_BYTES_MAX: usize = 8 << 30;

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
    /// Cuts up the memory, or says how much is needed.
    pub fn of(plan: &Join, options: &JoinOptions) -> Result<Self> {
        let both = [Side::Left, Side::Right].map(|side| plan.layout(side));
        let record =
            both.map(|side| side.record_max(options.row_bytes)).into_iter().max().unwrap_or(0);
        let texts = both.map(|side| side.payload.texts()).into_iter().max().unwrap_or(0);
        let parts = FAN_OUT_MAX * 3 + LEVELS_MAX as usize * FAN_OUT_AGAIN_MAX * 4;
        let lists = Laid::bytes(texts) + Walk::BYTES + parts * size_of::<Part>();
        let dictionaries = plan.layout(Side::Right).payload.texts();
        let fixed = |page: usize, scratch: usize, dictionary: usize| {
            let run = RunOptions { block_bytes: page, ..options.run };
            let scratch = whole(record.max(scratch).max(page) + 4095);
            (
                run,
                scratch,
                scratch
                    + lists
                    + dictionary * dictionaries
                    + Pool::bytes_of(0, record, &run)
                    + 8192,
            )
        };
        let page = PAGE_BYTES_MIN.min(options.run.block_bytes);
        // A whole record in the arena, twice because a block may bring it.
        let pages_min = PAGES_MIN.max((2 * record + 4096).div_ceil(page)) + 1;
        let heads_min = whole(pages_min * page / 4 + 4095);
        let (run, _, bytes) = fixed(page, 0, DICTIONARY_BYTES_MIN);
        let least = bytes + heads_min + pages_min * page_bytes(record, &run);
        let Some(surplus) = options.memory.checked_sub(least) else {
            let message = format!(
                "a join within {} bytes is too small: it takes {least} at least",
                options.memory
            );
            return Err(Error::new(Kind::OverBudget, message).detail(least.to_string()));
        };
        let page = (surplus / PAGES_WANTED).max(1).next_power_of_two();
        let page = page.clamp(PAGE_BYTES_MIN, options.run.block_bytes.max(PAGE_BYTES_MIN));
        let dictionary = (surplus / DICTIONARY_SHARE)
            .clamp(DICTIONARY_BYTES_MIN, DICTIONARY_BYTES_MAX / dictionaries.max(1))
            .max(DICTIONARY_BYTES_MIN);
        let (run, scratch, bytes) = fixed(page, SCRATCH_BYTES.min(surplus / 16), dictionary);
        let rest = (options.memory - bytes).min(PAGES_BYTES_MAX);
        // A head for every record, if all are as short as can be.
        let shortest =
            both.map(super::record::RecordLayout::record_min).into_iter().min().unwrap_or(8);
        let heads = whole(rest / (shortest + 4) * 4 + 4095).clamp(4096, rest / 4);
        let pages = (rest - heads) / page_bytes(record, &run);
        Ok(Self {
            record,
            scratch,
            lists,
            dictionary,
            heads: whole(heads).max(4096),
            pages,
            run,
            fan_out: power(pages / 4).clamp(FAN_OUT_MIN, FAN_OUT_MAX),
            fan_out_again: power(pages / 2).clamp(FAN_OUT_MIN, FAN_OUT_AGAIN_MAX),
        })
    }
}

/// Bytes that a page takes with all that belongs to it.
fn page_bytes(record: usize, run: &RunOptions) -> usize {
    const MANY: usize = 4096;
    let bytes = |pages| Pool::bytes_of(pages, record, run);
    (bytes(MANY) - bytes(0)).div_ceil(MANY)
}

/// Whole pages of the system.
const fn whole(bytes: usize) -> usize {
    bytes / 4096 * 4096
}

/// The largest power of two that is not larger.
fn power(most: usize) -> usize {
    1 << most.max(1).ilog2()
}

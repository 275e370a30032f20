//! What sorting by runs takes, for plans.

use super::format::{BLOCK_HEADER_BYTES, FOOTER_BYTES, HEADER_BYTES, SegmentCodec};
use super::merge::SOURCE_BYTES;
use super::pack::unpack_heap_bytes;
use super::run::{Run, RunBuffers};
use super::sort_arena::ENTRY_BYTES;
use super::spill::RunOptions;
use crate::te::SortCosts;

/// What a thread takes: its stack, and what the system's allocator keeps for it.
///
/// Most of it is never touched, but a limit on a process's data counts it.
pub const THREAD_BYTES: usize = THREAD_STACK_BYTES + (160 << 10);
/// The stack of a thread that sorts or merges: neither calls itself deeply.
pub const THREAD_STACK_BYTES: usize = 224 << 10;

/// What a sort's structures take when runs are packed by this codec and one thread works.
///
/// ```
/// use store_core::segment::{SegmentCodec, sort_costs};
/// use store_core::te::SortPlan;
/// let plan = SortPlan::choose(16 << 20, &sort_costs(SegmentCodec::Raw), None).unwrap();
/// assert_eq!(plan.page, 64 << 10);
/// assert!(plan.fan_in > 200 && plan.memory <= 16 << 20);
/// ```
pub fn sort_costs(codec: SegmentCodec) -> SortCosts {
    const fn run(codec: SegmentCodec, page: u64) -> RunOptions {
        RunOptions { codec, block_bytes: page as usize }
    }
    type Of = fn(u64) -> u64;
    let (writer, scratch): (Of, Of) = match codec {
        SegmentCodec::Raw => (
            |page| RunBuffers::bytes_of(&run(SegmentCodec::Raw, page)) as u64,
            |page| Run::scratch_bytes(&run(SegmentCodec::Raw, page)) as u64,
        ),
        SegmentCodec::Lz4 => (
            |page| RunBuffers::bytes_of(&run(SegmentCodec::Lz4, page)) as u64,
            |page| Run::scratch_bytes(&run(SegmentCodec::Lz4, page)) as u64,
        ),
        SegmentCodec::Zstd => (
            |page| RunBuffers::bytes_of(&run(SegmentCodec::Zstd, page)) as u64,
            |page| Run::scratch_bytes(&run(SegmentCodec::Zstd, page)) as u64,
        ),
    };
    SortCosts {
        writer,
        scratch,
        run: size_of::<Run>() as u64,
        source: SOURCE_BYTES as u64,
        block_extra: BLOCK_HEADER_BYTES as u64,
        entry: ENTRY_BYTES as u64,
        unpack: unpack_heap_bytes(codec) as u64,
        run_file: (HEADER_BYTES + FOOTER_BYTES) as u64,
        block_header: BLOCK_HEADER_BYTES as u64,
        threads: 1,
        thread: THREAD_BYTES as u64,
    }
}

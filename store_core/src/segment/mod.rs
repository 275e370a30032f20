//! Segments: immutable, checksummed files of rows, for checkpoints, sort runs and all else that
//! leaves memory.
//!
//! ```text
//!  ┌────────┬──────────────┬──────────────┬───┬────────┐
//!  │ header │ block header │ block header │ … │ footer │
//!  │ 48     │ 40 + rows    │ 40 + rows    │   │ 56     │
//!  └────────┴──────────────┴──────────────┴───┴────────┘
//! ```
//!
//! A block holds rows as opaque bytes, each behind its length, packed with LZ4 if that makes it
//! smaller. A row longer than a block travels as a jumbo block of its own. The header draws a random
//! number that seeds the checksums of blocks and footer, and blocks count themselves, so no block
//! of another place or file is ever believed. Files describe themselves in order: neither writer
//! nor reader keeps a list of blocks, so their memory does not grow with the file.
//!
//! Every byte is under a checksum that is verified on every read, lengths before they are used.

mod block;
mod chain;
mod cold_file;
mod cold_index;
mod cold_writer;
mod columns;
mod costs;
mod format;
mod key;
mod key_filter;
mod merge;
mod pack;
mod reader;
mod record;
mod run;
mod run_reader;
mod section;
mod sort_arena;
mod spill;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::{Chain, ChainFile};
pub use costs::{THREAD_BYTES, THREAD_STACK_BYTES, sort_costs};
pub use format::SegmentCodec;
pub use key::{KeyPrefix, KeySpan};
pub use merge::Merge;
pub use run::{Run, RunBuffers, RunWriter};
pub use run_reader::RunReader;
pub use sort_arena::SortArena;
pub use spill::{RunOptions, Spill};

pub(crate) use block::SegmentBlock;
pub(crate) use cold_file::{ColdBlock, ColdFile};
pub(crate) use cold_index::{ColdColumn, ColdColumns, SoughtKey, Zone, zone_head};
pub(crate) use cold_writer::{ColdPlan, ColdWriter, SortedEntries};
pub(crate) use columns::ColumnCells;
pub(crate) use format::SegmentKind;
pub(crate) use key_filter::KeyFilter;
pub(crate) use reader::SegmentReader;
pub(crate) use section::{EncodedRange, SectionSpec};
pub(crate) use writer::{SegmentOptions, SegmentWriter};

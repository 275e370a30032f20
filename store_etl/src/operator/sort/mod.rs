//! External sort: records in the order of their keys, within a given memory.
//!
//! ```text
//!  push ─► arena ── full ─► sorted ─► run on disk ─┐
//!            └─ the last one stays ────────────────┴─► merge ─► next
//! ```
//!
//! Keys are bytes that compare as the rows should ([`store_core::value::encode_key`]); payloads are
//! opaque. Equal keys come in the order of input (invariant I13), whatever the number of threads: further ones sort and
//! write one part of the arena while the next is filled.

mod crew;
mod key;
mod line_key;
mod lines;
mod sorted_lines;
mod sorter;

#[cfg(test)]
mod tests;

pub use key::{Direction, Nulls, SortColumn};
pub use line_key::LineKey;
pub use lines::{LineOptions, LineSorter, LineStats};
pub use sorted_lines::SortedLines;
pub use sorter::{Parked, SortOptions, SortStats, Sorted, Sorter};

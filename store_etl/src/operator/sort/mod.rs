//! External sort: records in the order of their keys, within a given memory.
//!
//! ```text
//!  push ─► arena ── full ─► sorted ─► run on disk ─┐
//!            └─ the last one stays ────────────────┴─► merge ─► next
//! ```
//!
//! Keys are bytes that compare as the rows should ([`store_core::value::encode_key`]); payloads are
//! opaque. Equal keys come in the order of input (invariant I13).

mod sorter;

#[cfg(test)]
mod tests;

pub use sorter::{Parked, SortOptions, SortStats, Sorted, Sorter};

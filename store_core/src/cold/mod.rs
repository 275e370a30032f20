//! Cold rows: rows that left memory for segments, and what became of each at which timestamp.
//!
//! ```text
//!  hot row ── freeze, at F ──► row of a segment ── back in memory, at B ──► hot row
//!            in memory until F      in the segment from F to B         in memory from B on
//! ```
//!
//! At every timestamp a row is in memory or in one segment, never in both: whoever reads at a snapshot
//! takes what memory has for it and what the segments have, and nothing twice. A segment never changes.
//! Beside it is kept when its rows were born (`ColdSegment::is_born`) and when each was gone (`deaths`).
//!
//! Rows of several segments may be merged into one (`merge`): from one commit on they are there, and the
//! others are over.
//!
//! Readers take no lock but that of the list of segments, which is held for moments by whoever adds one.
//! Whoever moves rows between memory and segments is alone in a table ([`ColdRows::moving`]).
//!
//! Cold rows have numbers as rows in memory have, from [`COLD_ROWS`] on, so that what finds, sorts and
//! passes on rows by number does it for both.

mod by_index;
mod cache;
mod deaths;
mod merge;
mod merge_entries;
mod read;
mod rows;
mod segment;
mod unique;
mod walk;

pub(crate) use by_index::{IndexRanges, sections_of};
pub(crate) use cache::BlockCache;
pub(crate) use merge::{MergedRows, Size, choose, left_since};
pub(crate) use merge_entries::{LEFT_OUT, MergedEntries};
pub(crate) use read::{ColdReader, fill_row};
pub(crate) use rows::{ColdFound, ColdRows, Segments};
pub(crate) use segment::{ColdSegment, ColdState, Newest, PART_ROWS};
pub(crate) use unique::SoughtValue;
pub(crate) use walk::ColdWalk;

/// The first number of a cold row; those in memory are below.
pub(crate) const COLD_ROWS: u32 = 1 << 31;

/// True for the number of a cold row.
#[inline(always)]
pub(crate) const fn is_cold(row: u32) -> bool {
    row >= COLD_ROWS
}

/// What a commit changes about cold rows, besides the rows in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColdChange {
    /// A part of a segment is there from now on, but for these of its rows.
    Born { segment: u64, part: u32, without: Vec<u32> },
    /// A row of a segment is in memory again.
    Gone { segment: u64, row: u32 },
    /// What was left of a segment is in another one from now on, into which it was merged.
    Over { segment: u64, into: u64 },
}

//! Indexes: the primary hash index and the ordered secondary indexes.
//!
//! Neither is versioned: an entry leads to a row number, and readers recheck the version their
//! snapshot sees (invariant I9). Entries of a row are added and removed only by the owner of its
//! slot, before the commit is published.

mod group;
pub(crate) mod ordered;
pub(crate) mod primary;

//! Sections of a cold segment: the entries of an index of its rows, sorted, as blocks behind those of the rows.
//!
//! ```text
//!  entry    encoded value (as the table's index encodes it), row of the segment
//!  block    entries, distinct values: bytes shared with the one before, others, rows of each; then the rows
//! ```
//!
//! What stays in memory of a section is the place and the first value of each block, and of a unique index
//! a filter of values. A section says which columns it is over by their stable numbers, so it serves every
//! index over these columns, whatever that is called, and no other.

mod block;
mod gather;
mod places;

pub(super) use block::{SectionBlock, visit};
pub(super) use gather::Gathering;
pub(super) use places::Section;

use super::cold_index::ColdColumns;
use crate::error::Result;
use crate::value::{ValueRef, encode_key, fold};
use bincode::{Decode, Encode};
use std::ops::Bound;

/// A range of encoded values.
pub(crate) type EncodedRange<'r> = (Bound<&'r [u8]>, Bound<&'r [u8]>);

/// An index that a segment is to have a section for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SectionSpec {
    /// Positions of the index's columns among the segment's.
    pub(crate) columns: Vec<u32>,
    /// Upper and lower case of text are equal.
    pub(crate) nocase: bool,
    /// Values are looked for one by one: a filter says which are not there.
    pub(crate) unique: bool,
}

impl SectionSpec {
    /// Appends the encoded value of a row, as the table's index has it.
    pub(crate) fn encode<'v>(
        &self,
        columns: &ColdColumns,
        cell: impl Fn(usize) -> ValueRef<'v>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.columns.iter().try_for_each(|at| {
            let column = &columns.columns[*at as usize];
            match cell(*at as usize) {
                ValueRef::Text(text) if self.nocase => {
                    encode_key(ValueRef::Text(&fold(text)), column.ty, column.notnull, out)
                }
                cell => encode_key(cell, column.ty, column.notnull, out),
            }
        })
    }
}

#[cfg(test)]
mod tests;

//! The first few rows of a sort that an index serves: kept whole as they come, and read once.
//!
//! ```text
//! entries in order ─► rows, right into the batch that is given ─► each group of equal entries in order
//! ```

use super::sort::Sorting;
use super::{Cursor, RowRef};
use crate::error::Result;
use crate::planted;
use crate::query::{compare_rows, complete_sort};
use crate::txn::AHEAD;
use smallvec::SmallVec;

/// Most rows wanted that are kept whole.
const WANTED_MAX: u64 = 32;
/// Room for rows beside those wanted, which have the entry of the last one.
const TIES_ROOM: usize = 16;
/// Rows of one group that are put in order without the heap.
const GROUP: usize = 16;

/// Rows found by an index in the order asked for.
#[derive(Default)]
pub(super) struct Few {
    pub rows: SmallVec<[u32; GROUP]>,
    /// Where groups of equal entries end, but for the last one.
    pub ends: SmallVec<[usize; GROUP]>,
    /// The last row's entry.
    pub head: u64,
    pub tail: SmallVec<[u8; GROUP]>,
    is_complete: bool,
}

impl Few {
    /// False if there was no room for all rows of a group.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Notes that a row with this entry comes next.
    fn push(&mut self, row: u32, (head, tail): (u64, &[u8])) {
        if self.rows.is_empty() || !self.has_entry((head, tail)) {
            if !self.rows.is_empty() {
                self.ends.push(self.rows.len());
            }
            self.head = head;
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        }
        self.rows.push(row);
    }

    /// True if the last row has this entry, too.
    fn has_entry(&self, (head, tail): (u64, &[u8])) -> bool {
        self.head == head && self.tail[..] == *tail
    }
}

impl Sorting<'_> {
    /// Room for rows that are kept whole; 0 if more are wanted.
    pub(super) fn rows_kept(&self) -> usize {
        let few = self.wanted().filter(|wanted| (1..=WANTED_MAX).contains(wanted));
        few.map_or(0, |wanted| wanted as usize + TIES_ROOM)
    }
}

impl Cursor<'_> {
    /// Takes rows as they come, until there are enough and the entry is another one than before, or
    /// until there is no room for one more.
    pub(super) fn few_by_entries(&mut self, wanted: usize) -> Result<Few> {
        let (all, mut found) = (0..self.words.len(), Few::default());
        loop {
            while let Some(row) = self.batch.rows().get(self.at).copied() {
                let entry = self.batch.entry(self.at).expect("rows in order come by an index");
                if found.rows.len() >= wanted && !found.has_entry(entry) {
                    found.is_complete = true;
                    return Ok(found);
                }
                let Some(words) = self.ahead.row_mut(found.rows.len()) else { return Ok(found) };
                self.at += 1;
                if let Some(next) = self.batch.rows().get(self.at + AHEAD - 1) {
                    self.rows.versions.fetch(*next);
                }
                let index = self.candidates.index().expect("rows in order come by an index");
                let is_seen = self.source.read(&self.rows, row, &all, words)?
                    && (planted::bug("index_entry_not_rechecked")
                        || index.is_entry(&self.rows, words, entry.0, entry.1, &mut self.encoded))
                    && self.quick.holds(|at| words[at])
                    && (self.quick.decides()
                        || self.filter.matches(&RowRef::new(&self.rows, words)));
                if is_seen {
                    found.push(row, entry);
                }
            }
            if !self.more || !self.refill()? {
                found.is_complete = true;
                return Ok(found);
            }
        }
    }

    /// Puts the rows of each group in order and gets the wanted ones ready to be given.
    pub(super) fn give_few(&mut self, asked: &Sorting<'_>, wanted: usize, found: Few) {
        let Few { mut rows, mut ends, .. } = found;
        ends.push(rows.len());
        let mut start = 0;
        for end in ends {
            if end - start > 1 && !planted::bug("ties_left_as_met") {
                self.put_in_order(asked, start, &mut rows[start..end]);
            }
            start = end;
        }
        let last = wanted.min(rows.len());
        let first = last.min(asked.offset as usize);
        self.walk_sorted(rows[first..last].to_vec());
        self.ahead.give(first..last);
        self.left = 0; // all are ready
    }

    /// Puts rows of one group in order, those kept from this one on.
    fn put_in_order(&mut self, asked: &Sorting<'_>, first: usize, rows: &mut [u32]) {
        let complete = complete_sort(asked.sort, &self.rows.schema.key);
        let kept = self.ahead.rows_mut(first..first + rows.len());
        let (words, width) = (kept.to_vec(), self.words.len());
        let row = |at: usize| RowRef::new(&self.rows, &words[at * width..][..width]);
        let mut order: SmallVec<[usize; GROUP]> = (0..rows.len()).collect();
        order.sort_unstable_by(|a, b| compare_rows(&complete, &row(*a), &row(*b)));
        let numbers: SmallVec<[u32; GROUP]> = order.iter().map(|at| rows[*at]).collect();
        rows.copy_from_slice(&numbers);
        for (at, room) in order.into_iter().zip(kept.chunks_exact_mut(width)) {
            room.copy_from_slice(&words[at * width..][..width]);
        }
    }
}

//! The first few rows of a sort that an index serves: kept whole as they come, and read once.
//!
//! ```text
//! entries in order ─► rows, right into the batch that is given ─► each group of equal entries in order
//! ```

use super::sort::Sorting;
use super::{Batch, Cursor, RowRef, expect};
use crate::error::Result;
use crate::planted;
use crate::query::{compare_rows, complete_sort};
use crate::txn::AHEAD;
use smallvec::SmallVec;

/// Most rows wanted that are kept whole.
const WANTED_MAX: u64 = 32;
/// Room for rows beside those wanted, which have the entry of the last one.
const TIES_ROOM: usize = 6;
/// Rows whose numbers take no memory of their own.
const INLINE_ROWS: usize = 16;

/// Rows found by an index in the order asked for.
#[derive(Default)]
pub(super) struct Few {
    pub rows: SmallVec<[u32; INLINE_ROWS]>,
    /// Where groups of equal entries end, but for the last one.
    pub ends: SmallVec<[usize; INLINE_ROWS]>,
    /// The last row's entry, if it is not in the batch at hand.
    pub head: u64,
    pub tail: SmallVec<[u8; INLINE_ROWS]>,
    /// Where the last row's entry is in the batch.
    last: Option<usize>,
    is_complete: bool,
}

impl Few {
    /// False if there was no room for all rows of a group.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Notes a row, whose entry is the batch's at this position.
    #[inline]
    fn push(&mut self, row: u32, batch: &Batch, at: usize) {
        if !self.rows.is_empty() && !self.has_entry(batch, at) {
            self.ends.push(self.rows.len());
        }
        self.rows.push(row);
        self.last = Some(at);
    }

    /// True if the last row has this entry of the batch, too.
    #[inline]
    fn has_entry(&self, batch: &Batch, at: usize) -> bool {
        match self.last {
            Some(last) => batch.entry(last) == batch.entry(at),
            None => batch.entry(at) == Some((self.head, &self.tail)),
        }
    }

    /// Keeps the last row's entry beyond the batch.
    fn let_go_of(&mut self, batch: &Batch) {
        if let Some((head, tail)) = self.last.take().and_then(|last| batch.entry(last)) {
            self.head = head;
            self.tail = SmallVec::from_slice(tail);
        }
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
                let at = self.at;
                if found.rows.len() >= wanted && !found.has_entry(&self.batch, at) {
                    found.is_complete = true;
                    return Ok(found);
                }
                let Some(words) = self.ahead.row_mut(found.rows.len()) else {
                    found.let_go_of(&self.batch);
                    return Ok(found);
                };
                self.at += 1;
                expect(&self.rows, &self.batch, at + AHEAD);
                if !self.source.read(&self.rows, row, &all, words)? {
                    continue;
                }
                let entry = self.batch.entry(at).zip(self.candidates.index());
                let ((head, tail), index) = entry.expect("rows in order come by an index");
                let matches = (planted::bug("index_entry_not_rechecked")
                    || index.is_entry(&self.rows, words, head, tail, &mut self.encoded))
                    && self.quick.holds(|at| words[at])
                    && (self.quick.decides()
                        || self.filter.matches(&RowRef::new(&self.rows, words)));
                if matches {
                    found.push(row, &self.batch, at);
                }
            }
            found.let_go_of(&self.batch);
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
        let mut order: SmallVec<[usize; INLINE_ROWS]> = (0..rows.len()).collect();
        order.sort_unstable_by(|a, b| compare_rows(&complete, &row(*a), &row(*b)));
        let numbers: SmallVec<[u32; INLINE_ROWS]> = order.iter().map(|at| rows[*at]).collect();
        rows.copy_from_slice(&numbers);
        for (at, room) in order.into_iter().zip(kept.chunks_exact_mut(width)) {
            room.copy_from_slice(&words[at * width..][..width]);
        }
    }
}

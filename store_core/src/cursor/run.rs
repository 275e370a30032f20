//! The cursor: candidates in, rows out.

use super::candidates::{Batch, Candidates};
use super::read::{ReadSource, RowRef};
use super::{Bound, Query};
use crate::error::Result;
use crate::mem::budget::Reservation;
use crate::planted;
use crate::query::{AccessPath, Filter, SortEncoder, SortKey, TopK, complete_sort};
use crate::txn::{RowWords, Rows};
use std::ops::Range;
use std::sync::Arc;

/// Sort memory reserved at once.
const SORT_LUMP_BYTES: usize = 64 << 10;

/// The rows of a query, one after another, all at one snapshot.
///
/// Closing is dropping. Between calls it holds nothing but its snapshot, so a loop over it may
/// write to the table it walks.
pub struct Cursor<'a> {
    rows: Arc<Rows>,
    filter: Filter,
    candidates: Candidates,
    /// A transaction's own rows, which no index has: they come after the others.
    own: Option<Vec<u32>>,
    /// The words that the filter needs.
    needed: Range<usize>,
    batch: Batch,
    at: usize,
    more: bool,
    words: RowWords,
    skip: u64,
    left: u64,
    /// What a sorted result holds.
    held: Option<Reservation>,
    // Dropped last: it may be the store's last handle, and the index walked needs its memory.
    source: ReadSource<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn start(query: Query<'a>, bound: Bound) -> Result<Self> {
        let Bound { filter, sort, plan } = bound;
        let serves_sort = matches!(plan.path, AccessPath::Index { serves_sort: true, .. });
        let Query { rows, source, limit, offset, .. } = query;
        source.note_range(&rows, &filter);
        let own = source.has_writes().then(|| source.own_rows(&rows));
        let mut cursor = Self {
            // Without a filter every row is taken: then all of it is read at once.
            needed: if filter.is_all() {
                0..rows.layout.words()
            } else {
                needed_words(&rows, &filter)
            },
            words: RowWords::zeroed(rows.layout.words()),
            candidates: Candidates::new(plan.path),
            batch: Batch::default(),
            at: 0,
            more: true,
            skip: offset,
            left: limit.unwrap_or(u64::MAX),
            held: None,
            rows,
            source,
            filter,
            own,
        };
        cursor.need_index_words();
        if !sort.is_empty() {
            cursor.sort_rows(&sort, limit, offset, serves_sort)?;
        }
        Ok(cursor)
    }

    /// The next row; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from its cursor")]
    pub fn next(&mut self) -> Result<Option<RowRef<'_>>> {
        if self.left == 0 || !self.advance()? {
            return Ok(None);
        }
        while self.skip > 0 {
            self.skip -= 1;
            if !self.advance()? {
                return Ok(None);
            }
        }
        self.left -= 1;
        Ok(Some(RowRef::new(&self.rows, &self.words)))
    }

    /// The row that [`Cursor::next`] gave last, for faces that cannot hold its borrow.
    ///
    /// Before the first row and after the last one its values mean nothing.
    pub fn current(&self) -> RowRef<'_> {
        RowRef::new(&self.rows, &self.words)
    }

    /// Counts the rows that are left without fetching more of them than the filter needs.
    pub(super) fn count_all(mut self) -> Result<u64> {
        let mut count = 0;
        self.needed = needed_words(&self.rows, &self.filter);
        self.need_index_words();
        while self.advance_matching()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Moves to the next matching row and fetches all its words.
    fn advance(&mut self) -> Result<bool> {
        let Some(row) = self.advance_matching()? else { return Ok(false) };
        let all = 0..self.words.len();
        if self.needed != all {
            let seen = self.source.read(&self.rows, row, &all, &mut self.words)?;
            assert!(seen, "a row that a snapshot sees stays visible to it");
        }
        Ok(true)
    }

    fn advance_matching(&mut self) -> Result<Option<u32>> {
        loop {
            while let Some(row) = self.batch.rows.get(self.at).copied() {
                let at = self.at;
                self.at += 1;
                if self.sees(row, at)? {
                    return Ok(Some(row));
                }
            }
            self.at = 0;
            if self.more {
                self.more = self.candidates.fill(&self.rows, &mut self.batch)?;
                self.source.check_kept()?; // what should be in the batch may be gone
            } else if let Some(own) = self.own.take() {
                self.batch.clear();
                self.candidates = Candidates::List(own.into_iter());
                self.more = true;
            } else {
                self.batch.clear();
                return Ok(None);
            }
        }
    }

    /// Reads the needed words; true if the row is the reader's to see, here, and matches.
    fn sees(&mut self, row: u32, at: usize) -> Result<bool> {
        if self.own.is_some() && self.source.owns(&self.rows, row) {
            return Ok(false); // comes with the own rows
        }
        if !self.source.read(&self.rows, row, &self.needed, &mut self.words)? {
            return Ok(false);
        }
        if let Some(key) = self.batch.key(at)
            && !self.is_entry_of_version(key)
        {
            return Ok(false);
        }
        Ok(self.filter.matches(&RowRef::new(&self.rows, &self.words)))
    }

    /// Rechecks an index entry: is it the entry of the version that the reader sees?
    fn is_entry_of_version(&self, key: &[u8]) -> bool {
        let Some(index) = self.candidates.index() else { return true };
        if planted::bug("index_entry_not_rechecked") {
            return true;
        }
        let mut encoded = Vec::with_capacity(key.len());
        let index = &self.rows.indexes[index];
        // Keys are prefix-free; an index of fixed width pads its short ones with zeros.
        index.encode(&self.rows, &self.words, &mut encoded).is_ok() && key.starts_with(&encoded)
    }

    /// Reads every row and keeps those the limit asks for, in order.
    fn sort_rows(
        &mut self,
        sort: &[SortKey],
        limit: Option<u64>,
        offset: u64,
        serves_sort: bool,
    ) -> Result<()> {
        let schema = &self.rows.schema;
        let complete = complete_sort(sort, &schema.key);
        let encoder = SortEncoder::new(&complete, schema);
        let first = SortEncoder::new(&sort[..1], schema);
        let wanted = limit.map(|limit| limit.saturating_add(offset));
        let mut held = self.source.engine().holder.child("sort").reserve(0)?;
        let mut top: TopK<u32> = TopK::new(limit.map(|limit| limit as usize), offset as usize);
        let (mut key, mut lead, mut last_lead) = (Vec::new(), Vec::new(), Vec::new());
        let columns = complete.iter().map(|key| key.column);
        self.needed = words_of(&self.rows, columns.chain(self.filter.columns()));
        self.need_index_words();
        while let Some(row) = self.advance_matching()? {
            let view = RowRef::new(&self.rows, &self.words);
            if serves_sort && wanted.is_some_and(|wanted| top.len() as u64 >= wanted) {
                // The walk meets the first column's values in order: after the last one wanted,
                // nothing can come before what is kept.
                lead.clear();
                first.encode(&view, &mut lead)?;
                if lead != last_lead && !last_lead.is_empty() {
                    break;
                }
            } else if serves_sort {
                last_lead.clear();
                first.encode(&view, &mut last_lead)?;
            }
            key.clear();
            encoder.encode(&view, &mut key)?;
            if top.would_keep(&key) {
                let bytes = top.held_bytes() + top.growth_bytes(key.len(), 0);
                if bytes > held.bytes() {
                    held.grow_to(bytes + SORT_LUMP_BYTES)?;
                }
                top.push(&key, row, 0);
            }
        }
        let sorted: Vec<u32> = top.into_sorted().collect();
        self.candidates = Candidates::List(sorted.into_iter());
        (self.batch, self.at, self.more, self.own) = (Batch::default(), 0, true, None);
        (self.skip, self.left) = (0, u64::MAX);
        self.filter = Filter::all();
        self.needed = 0..self.words.len();
        self.held = Some(held);
        Ok(())
    }

    fn need_index_words(&mut self) {
        if let Some(index) = self.candidates.index() {
            let columns = self.rows.indexes[index].spec.columns.iter().copied();
            self.needed = cover(&self.needed, &words_of(&self.rows, columns));
        }
    }
}

/// The words that the filter and the recheck of an index entry read.
fn needed_words(rows: &Rows, filter: &Filter) -> Range<usize> {
    words_of(rows, filter.columns().into_iter())
}

/// The smallest range of words that holds these columns and their null bits.
fn words_of(rows: &Rows, columns: impl Iterator<Item = usize>) -> Range<usize> {
    columns.fold(0..0, |range, column| cover(&range, &rows.layout.needed_words(column)))
}

fn cover(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

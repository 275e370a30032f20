//! The cursor: a walk or candidates in, rows out.

mod few;
mod sort;

use super::candidates::{Batch, Candidates};
use super::poll::Poll;
use super::read::{ReadSource, RowRef};
use super::{Bound, Query};
use crate::cold::{ColdReader, ColdWalk, IndexRanges, Segments, is_cold};
use crate::error::Result;
use crate::mem::budget::Reservation;
use crate::mem::row_batch::RowBatch;
use crate::mvcc::{SlotWords, Versions, Walk};
use crate::planted;
use crate::query::{AccessPath, Filter, Quick};
use crate::schema::Schema;
use crate::txn::{AHEAD, TableData};
use sort::Sorting;
use std::ops::Range;
use std::sync::Arc;

/// Blocks of cold rows that a batch may refer to.
const BLOCKS_MANY: usize = 8;
/// Row numbers for which memory is reserved at once.
const NUMBERS_LUMP: usize = 1024;

/// The rows that a query found, by number.
pub(crate) struct RowNumbers {
    pub numbers: Vec<u32>,
    _held: Reservation,
}

/// The rows of a query, one after another, all at one snapshot.
///
/// Closing is dropping. Between calls it holds nothing but its snapshot, so a loop over it may
/// write to the table it walks.
pub struct Cursor<'a> {
    rows: Arc<TableData>,
    filter: Filter,
    /// The filter's tests that a slot's own words decide.
    quick: Quick,
    /// The walk over the pages, if that is the way.
    walk: Walk,
    /// Where other rows come from.
    candidates: Candidates,
    /// The cold rows that come after those in memory.
    cold_walk: Option<ColdWalk>,
    /// What reads cold rows, if there are any.
    cold: Option<Box<ColdReader>>,
    /// A transaction's own rows, which no index has: they come after the others.
    own: Option<Vec<u32>>,
    /// The words that the filter needs.
    needed: Range<usize>,
    batch: Batch,
    at: usize,
    /// The row at hand, unless it is the walk's.
    row: Option<u32>,
    more: bool,
    /// The needed words of the row at hand.
    words: Box<[u64]>,
    /// Room for the index key of the row at hand.
    encoded: Vec<u8>,
    /// Rows ready to be given.
    ahead: RowBatch,
    skip: u64,
    left: u64,
    /// What a sorted result holds.
    held: Option<Reservation>,
    /// The candidates are the result's rows, in order.
    is_sorted: bool,
    poll: Poll<'a>,
    // Dropped last: it may be the store's last handle, and the index walked needs its memory.
    source: ReadSource<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn start(query: Query<'a>, bound: Bound) -> Result<Self> {
        let Bound { filter, sort, plan, index } = bound;
        let serves_sort = matches!(plan.path, AccessPath::Index { serves_sort: true, .. });
        let Query { table, source, limit, offset, poll, pages, without_cold, .. } = query;
        let rows = Arc::clone(&table?.data);
        source.note_range(&rows, &filter);
        let own = source.has_writes().then(|| source.own_rows(&rows));
        let walked = matches!(plan.path, AccessPath::Scan);
        let moment = source.at();
        let asked = Sorting { sort: &sort, limit, offset, in_order: serves_sort };
        let rows_ahead = if serves_sort { asked.rows_kept() } else { 1 };
        let segments = if without_cold { None } else { rows.cold.some_segments() };
        let walks_cold = matches!(plan.path, AccessPath::Scan | AccessPath::Index { .. });
        let walk = |segments: &Segments| {
            let by = match (&plan.path, &index) {
                (AccessPath::Index { ranges, .. }, Some(index)) => {
                    Some(IndexRanges::new(&rows.schema, &index.spec, ranges))
                }
                _ => None,
            };
            let segments = Arc::clone(segments);
            ColdWalk::new(&rows.cold, segments, moment.at, &filter, &rows.schema, by)
        };
        let cold_walk = segments.as_ref().filter(|_| walks_cold).map(walk);
        let cold = segments.map(|segments| Box::new(ColdReader::new(segments, &rows.cold)));
        let mut cursor = Self {
            cold_walk,
            cold,
            walk: if walked { rows.versions.walk(moment) } else { Walk::ended(moment) },
            // Without a filter every row is taken: then all of it is read at once.
            needed: if filter.is_all() {
                0..rows.layout.words()
            } else {
                needed_words(&rows, &filter)
            },
            words: vec![0; rows.layout.words()].into_boxed_slice(),
            encoded: Vec::new(),
            candidates: Candidates::new(plan.path, index),
            quick: Quick::new(&filter, &rows.layout),
            ahead: RowBatch::new(rows.layout.words(), rows_ahead),
            batch: Batch::default(),
            at: 0,
            row: None,
            more: true,
            skip: offset,
            left: limit.unwrap_or(u64::MAX),
            held: None,
            is_sorted: false,
            poll: Poll::new(source.engine(), poll),
            rows,
            source,
            filter,
            own,
        };
        if let Some(pages) = &pages {
            cursor.walk.keep_pages(pages);
        }
        cursor.need_index_words();
        if !sort.is_empty() {
            cursor.sort_rows(&asked)?;
        }
        Ok(cursor)
    }

    /// The next row; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from its cursor")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<RowRef<'_>>> {
        // Short, for the caller's loop; what finds rows is called once for many.
        if self.ahead.is_empty() && !self.look_ahead()? {
            return Ok(None);
        }
        Ok(Some(RowRef::new(&self.rows, self.ahead.next())))
    }

    /// The row that [`Cursor::next`] gave last, for faces that cannot hold its borrow.
    ///
    /// Before the first row and after the last one its values mean nothing.
    pub fn current(&self) -> RowRef<'_> {
        RowRef::new(&self.rows, self.ahead.current())
    }

    /// Counts the rows that are left without fetching more of them than the filter needs.
    pub(super) fn count_all(mut self) -> Result<u64> {
        let mut count = 0;
        if self.takes_all()
            && let Some(walk) = self.cold_walk.take()
        {
            count += walk.count();
        }
        while self.takes_all()
            && turn_page(&mut self.walk, &self.rows.versions, &mut self.poll, &self.source)?
        {
            count += self.walk.count_page(&self.rows.versions)?;
        }
        self.needed = needed_words(&self.rows, &self.filter);
        if !self.walk.has_ended()
            && self.quick.decides()
            && self.own.is_none()
            && self.cold_walk.is_none()
        {
            self.needed = 0..0; // nothing of a row is copied: the slot says enough
        }
        self.need_index_words();
        while self.advance_matching()? {
            count += 1;
        }
        Ok(count)
    }

    /// True if the rows are those of a walk, and every one of it counts but for the filter.
    pub(super) fn is_bare_walk(&self) -> bool {
        !self.walk.has_ended() && self.own.is_none()
    }

    /// Copies the words at `picks` of the rows that the walk's page has left, whether they match or not,
    /// until there is no room for one more; how many words.
    pub(super) fn gather(&mut self, picks: &[usize], out: &mut [u64]) -> Result<usize> {
        self.walk.gather(&self.rows.versions, picks, out)
    }

    /// Goes to the walk's next page; false if there is none.
    pub(super) fn turn_page(&mut self) -> Result<bool> {
        turn_page(&mut self.walk, &self.rows.versions, &mut self.poll, &self.source)
    }

    /// The table's rows.
    pub(super) fn rows(&self) -> &TableData {
        &self.rows
    }

    /// The walk over the table's pages.
    pub(super) fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Leaves the rest of the walk's page out.
    pub(super) fn skip_page(&mut self) {
        self.walk.skip_page();
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.rows.schema
    }

    /// The numbers of the rows that are left; `grow` reserves the memory they take.
    pub(super) fn into_row_numbers(
        mut self,
        grow: impl Fn(&mut Reservation, usize) -> Result<()>,
    ) -> Result<RowNumbers> {
        if self.is_sorted {
            self.left = u64::MAX; // also those that are ready to be given
        }
        self.needed = needed_words(&self.rows, &self.filter);
        self.need_index_words();
        let mut numbers = Vec::new();
        let mut held = self.source.engine().holder.child("rows to write").reserve(0)?;
        while self.left > 0 && self.advance_matching()? {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            if numbers.len() == numbers.capacity() {
                let more = numbers.len().max(NUMBERS_LUMP);
                grow(&mut held, more * size_of::<u32>())?;
                numbers.reserve_exact(more);
            }
            numbers.push(self.row.unwrap_or_else(|| self.walk.row(&self.rows.versions)));
        }
        Ok(RowNumbers { numbers, _held: held })
    }

    /// Gets the next rows ready; false if there are none.
    #[inline(never)]
    fn look_ahead(&mut self) -> Result<bool> {
        while self.skip > 0 {
            self.skip -= 1;
            if !self.advance_matching()? {
                return Ok(false);
            }
        }
        if self.left == 0 {
            return Ok(false);
        }
        let rows = match self.walk_ahead()? {
            0 if self.advance_matching()? => self.fetch()?,
            rows => rows,
        };
        self.left -= rows;
        Ok(rows > 0)
    }

    /// True if every row that the snapshot sees is given.
    fn takes_all(&self) -> bool {
        self.filter.is_all() && self.own.is_none()
    }

    /// Copies matching rows of a page; says how many, none only if the walk has ended.
    fn walk_ahead(&mut self) -> Result<u64> {
        let (versions, takes_all) = (&self.rows.versions, self.takes_all());
        let all = 0..self.words.len();
        let range = if self.quick.decides() { &all } else { &self.needed };
        loop {
            let room = self.ahead.room(self.left);
            let filled = if takes_all {
                self.walk.fill(versions, room)?
            } else {
                let own = self.own.is_some().then_some(&self.source);
                let wanted = wanted(&self.rows, &self.filter, &self.quick, own);
                let quick = |words: SlotWords| self.quick.holds(|at| words.get(at));
                self.walk.fill_matching(versions, range, room, quick, wanted)?
            };
            if filled > 0 {
                return Ok(self.ahead.filled(filled));
            }
            if !turn_page(&mut self.walk, versions, &mut self.poll, &self.source)? {
                return Ok(0);
            }
        }
    }

    /// Copies all words of the row at hand, which is not the walk's; of a sorted result, rows after it
    /// as well.
    fn fetch(&mut self) -> Result<u64> {
        let all = 0..self.words.len();
        if let Some(row) = self.row
            && self.needed != all
        {
            self.read_again(row)?;
        }
        // Of cold rows one at a time: their long values are in blocks of which few are kept.
        let single = !self.is_sorted || self.row.is_some_and(is_cold);
        let more = if single { 1 } else { self.left };
        let (first, others) = self.ahead.room(more).split_at_mut(all.end);
        first.copy_from_slice(&self.words);
        let mut filled = all.end;
        for room in others.chunks_exact_mut(all.end) {
            let Some(row) = self.batch.rows().get(self.at) else { break };
            expect(&self.rows, &self.batch, self.at + AHEAD);
            if is_cold(*row) || !matches!(self.source.read(&self.rows, *row, &all, room), Ok(true))
            {
                break; // met again when its turn comes
            }
            self.at += 1;
            filled += all.end;
        }
        Ok(self.ahead.filled(filled))
    }

    /// Moves to the next matching row and fetches the words needed.
    fn advance_matching(&mut self) -> Result<bool> {
        self.row = None;
        if self.walk_on(|_| true)? {
            return Ok(true);
        }
        loop {
            while let Some(row) = self.batch.rows().get(self.at).copied() {
                let at = self.at;
                self.at += 1;
                expect(&self.rows, &self.batch, at + AHEAD);
                if self.sees(row, at)? {
                    self.row = Some(row);
                    return Ok(true);
                }
            }
            if !self.refill()? {
                return Ok(false);
            }
        }
    }

    /// Gets the next batch of candidates, which may have none; false if there are no more.
    fn refill(&mut self) -> Result<bool> {
        self.at = 0;
        if self.more {
            let at = self.source.at().at;
            self.more = self.candidates.fill(&self.rows, at, &mut self.batch)?;
            (0..AHEAD).for_each(|at| expect(&self.rows, &self.batch, at));
            self.poll.pass(self.batch.rows().len() as u64, self.source.engine())?;
            self.source.check_kept()?; // what should be in the batch may be gone
        } else if let Some(walk) = self.cold_walk.take() {
            self.batch.clear();
            self.candidates = Candidates::Cold(walk);
            self.more = true;
        } else if let Some(own) = self.own.take() {
            self.batch.clear();
            self.candidates = Candidates::List(own.into_iter());
            self.more = true;
        } else {
            self.batch.clear();
            return Ok(false);
        }
        Ok(true)
    }

    /// Moves to the next matching row of the walk; false once it has ended. Leaves rows out that are in
    /// their slots and for whose words `also` says no.
    #[inline(always)]
    fn walk_on(&mut self, also: impl Fn(SlotWords) -> bool) -> Result<bool> {
        if self.walk.has_ended() {
            return Ok(false);
        }
        let versions = &self.rows.versions;
        let own = self.own.is_some().then_some(&self.source);
        let wanted = wanted(&self.rows, &self.filter, &self.quick, own);
        let quick = |words: SlotWords| also(words) && self.quick.holds(|at| words.get(at));
        loop {
            if self.walk.next(versions, &self.needed, &mut self.words, quick, &wanted)? {
                return Ok(true);
            }
            if !turn_page(&mut self.walk, versions, &mut self.poll, &self.source)? {
                return Ok(false);
            }
        }
    }

    /// Reads the needed words; true if the row is the reader's to see, here, and matches.
    fn sees(&mut self, row: u32, at: usize) -> Result<bool> {
        if is_cold(row) {
            return self.sees_cold(row);
        }
        if self.own.is_some() && self.source.owns(&self.rows, row) {
            return Ok(false); // comes with the own rows
        }
        if !self.source.read(&self.rows, row, &self.needed, &mut self.words)? {
            return Ok(false);
        }
        if !self.is_entry_of_version(at) {
            return Ok(false);
        }
        let words = &self.words;
        Ok(self.quick.holds(|at| words[at])
            && (self.quick.decides() || self.filter.matches(&RowRef::new(&self.rows, words))))
    }

    /// The same of a cold row.
    #[cold]
    #[inline(never)]
    fn sees_cold(&mut self, row: u32) -> Result<bool> {
        if self.source.hides_cold(&self.rows, row) {
            return Ok(false); // comes with the own rows
        }
        let needed = self.needed.clone();
        self.read_cold(row, &needed)?;
        let words = &self.words;
        Ok(self.quick.holds(|at| words[at])
            && (self.quick.decides() || self.filter.matches(&RowRef::new(&self.rows, words))))
    }

    /// Copies words of a cold row.
    fn read_cold(&mut self, row: u32, range: &Range<usize>) -> Result<()> {
        let cold = self.cold.as_mut().expect("cold rows come from segments");
        let (layout, schema) = (&self.rows.layout, &self.rows.schema);
        cold.read(layout, schema, row, range, &mut self.words)
    }

    /// Reads all words of a row that was met before.
    fn read_again(&mut self, row: u32) -> Result<()> {
        let all: Range<usize> = 0..self.words.len();
        if is_cold(row) {
            return self.read_cold(row, &all);
        }
        let seen = self.source.read(&self.rows, row, &all, &mut self.words)?;
        assert!(seen, "a row that a snapshot sees stays visible to it");
        Ok(())
    }

    // ---- blocks of cold rows

    /// True if there are cold rows after the walk.
    pub(super) fn has_cold_left(&self) -> bool {
        self.cold_walk.is_some()
    }

    /// Keeps the blocks of all cold rows given from now on.
    pub(super) fn keep_blocks(&mut self) {
        if let Some(cold) = &mut self.cold {
            cold.keep_all();
        }
    }

    /// Lets go of all blocks but the last one's.
    pub(super) fn let_blocks_go(&mut self) {
        if let Some(cold) = &mut self.cold {
            cold.let_go();
        }
    }

    /// True if so many blocks are kept that their rows should be looked at.
    pub(super) fn has_many_blocks(&self) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.blocks() >= BLOCKS_MANY)
    }

    /// Rechecks an index entry: is it the entry of the version that the reader sees?
    fn is_entry_of_version(&mut self, at: usize) -> bool {
        let (Some((head, tail)), Some(index)) = (self.batch.entry(at), self.candidates.index())
        else {
            return true;
        };
        if planted::bug("index_entry_not_rechecked") {
            return true;
        }
        index.is_entry(&self.rows, &self.words, head, tail, &mut self.encoded)
    }

    fn need_index_words(&mut self) {
        if let Some(index) = self.candidates.index() {
            let columns = index.spec.columns.iter().copied();
            self.needed = cover(&self.needed, &words_of(&self.rows, columns));
        }
    }
}

/// Asks for the memory of a row of the batch, if it is there.
#[inline(always)]
fn expect(rows: &TableData, batch: &Batch, at: usize) {
    if let Some(row) = batch.rows().get(at)
        && !is_cold(*row)
    {
        rows.versions.fetch(*row);
    }
}

/// Goes to the walk's next page, asking first, now and then, whether to go on.
fn turn_page(
    walk: &mut Walk,
    versions: &Versions,
    poll: &mut Poll<'_>,
    source: &ReadSource<'_>,
) -> Result<bool> {
    poll.pass(walk.page_rows(versions), source.engine())?;
    walk.turn_page(versions)
}

/// Whether a row of a walk matches and is not one of the transaction's own, which come later.
fn wanted<'c>(
    rows: &'c TableData,
    filter: &'c Filter,
    quick: &'c Quick,
    own: Option<&'c ReadSource<'_>>,
) -> impl Fn(&Walk, &[u64], bool) -> bool + 'c {
    move |walk, words, was_quick| {
        (was_quick && quick.decides() || filter.matches(&RowRef::new(rows, words)))
            && own.is_none_or(|source| !source.owns(rows, walk.row(&rows.versions)))
    }
}

/// The words that the filter and the recheck of an index entry read.
fn needed_words(rows: &TableData, filter: &Filter) -> Range<usize> {
    words_of(rows, filter.columns().into_iter())
}

/// The smallest range of words that holds these columns and their null bits.
fn words_of(rows: &TableData, columns: impl Iterator<Item = usize>) -> Range<usize> {
    columns.fold(0..0, |range, column| cover(&range, &rows.layout.needed_words(column)))
}

fn cover(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

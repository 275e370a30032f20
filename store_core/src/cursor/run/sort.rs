//! Sorted results: the numbers of the rows in order, all found before the first row is given.
//!
//! ```text
//! limit, an index in order   rows as they come, to the end of a group of equal entries ─► ties;
//!                            few are kept whole (`few`)
//! limit                      (the first cell as a number, row) ─► the best, cut now and then ─► ties
//! else                       whole sort keys ─► top-k, or all of them
//! ```
//!
//! A cell of a fixed width becomes a number by a few steps, so most rows of a sort with a limit are
//! refused by one comparison. Whole keys are made of ties only: rows whose entries or numbers are
//! equal.

use super::super::candidates::Candidates;
use super::few::Few;
use super::{Cursor, RowRef, words_of};
use crate::cold::is_cold;
use crate::error::Result;
use crate::mem::budget::Reservation;
use crate::mem::layout::{CellRank, Layout};
use crate::planted;
use crate::query::{Filter, NullsOrder, Quick, SortEncoder, SortKey, TopK, complete_sort};
use crate::txn::AHEAD;
use smallvec::SmallVec;

/// Sort memory reserved at once.
const SORT_LUMP_BYTES: usize = 64 << 10;
/// Rows kept beside the wanted ones, at least, before the others are cut off.
const BEST_ROOM_MIN: usize = 512;
/// Most rows that are wanted of a sort by numbers: more are sorted by whole keys.
const BEST_MAX: usize = 64 << 10;

/// Rows of one number or entry that are compared cell by cell.
const FEW_TIES: usize = 16;
/// Bytes for a row that an index gave in order, and for the end of its group.
const BYTES_A_ROW: usize = size_of::<u32>() + size_of::<usize>();

/// What a sorted query asks for.
pub(super) struct Sorting<'s> {
    pub sort: &'s [SortKey],
    pub limit: Option<u64>,
    pub offset: u64,
    /// The rows come by an index in the order of the first column.
    pub in_order: bool,
}

impl Sorting<'_> {
    /// How many rows from the first one on matter, if not all.
    pub(super) fn wanted(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_add(self.offset))
    }

    /// For how many rows room is made first.
    fn first_room(&self) -> usize {
        let wanted = self.wanted().unwrap_or(u64::MAX);
        wanted.min(BEST_ROOM_MIN as u64) as usize + 8
    }
}

/// The first sort cell of a row as a number, NULLs in their place.
struct Lead {
    rank: CellRank,
    flipped: u64,
    null: u64,
}

/// Rows that may be among the wanted ones, by the numbers of their first cells.
struct Best {
    wanted: usize,
    /// The number of the last one wanted, once there are enough.
    most: u64,
    rows: Vec<(u64, u32)>,
}

impl Lead {
    fn new(first: SortKey, layout: &Layout) -> Option<Self> {
        let rank = layout.rank(first.column)?;
        let flipped = if first.descending { u64::MAX } else { 0 };
        let null = if first.nulls == NullsOrder::First { 0 } else { 2 << 62 };
        Some(Self { rank, flipped, null })
    }

    /// Two bits are lost, so numbers may be equal where cells are not.
    #[inline(always)]
    fn of(&self, word: impl Fn(usize) -> u64) -> u64 {
        match self.rank.of_words(word) {
            Some(number) => 1 << 62 | (number ^ self.flipped) >> 2,
            None => self.null,
        }
    }
}

impl Best {
    fn room(&self) -> usize {
        self.wanted + self.wanted.max(BEST_ROOM_MIN)
    }

    fn is_full(&self) -> bool {
        self.rows.len() == self.room()
    }

    /// Drops what comes behind the wanted rows; ties with the last one stay.
    fn cut(&mut self) {
        if self.rows.len() <= self.wanted {
            return;
        }
        let (_, last, _) = self.rows.select_nth_unstable(self.wanted - 1);
        let most = last.0;
        self.most = most;
        self.rows.retain(|row| row.0 <= most);
    }

    /// Takes the ties with the last wanted row out.
    fn take_last_ties(&mut self) -> Vec<u32> {
        let most = self.most;
        let ties = self.rows.iter().filter(|row| row.0 == most).map(|row| row.1).collect();
        self.rows.retain(|row| row.0 < most);
        ties
    }
}

impl Cursor<'_> {
    /// Reads every row and keeps those the limit asks for, in order.
    pub(super) fn sort_rows(&mut self, asked: &Sorting<'_>) -> Result<()> {
        (self.skip, self.left) = (0, u64::MAX);
        let few = asked.wanted().filter(|wanted| (1..=BEST_MAX as u64).contains(wanted));
        let few = few.map(|wanted| wanted as usize);
        let in_order = asked.in_order && self.has_entries_in_order(asked);
        let found = match few {
            Some(wanted) if in_order && asked.rows_kept() > 0 => {
                let found = self.few_by_entries(wanted)?;
                if found.is_complete() {
                    self.give_few(asked, wanted, found);
                    return Ok(());
                }
                found
            }
            _ => Few::default(),
        };
        let mut held = self.source.engine().sorts().reserve(0)?;
        let lead = Lead::new(asked.sort[0], &self.rows.layout);
        let sorted = match (few, lead) {
            (Some(wanted), _) if in_order => self.by_entries(asked, wanted, &found, &mut held)?,
            (Some(wanted), Some(lead)) if !asked.in_order => {
                self.best(asked, &lead, wanted, &mut held)?
            }
            _ => self.by_whole_keys(asked, &mut held)?,
        };
        self.walk_sorted(sorted);
        self.held = Some(held);
        Ok(())
    }

    /// The rows to give from now on, in order.
    pub(super) fn walk_sorted(&mut self, sorted: Vec<u32>) {
        self.candidates = Candidates::List(sorted.into_iter());
        (self.at, self.more, self.own, self.cold_walk) = (0, true, None, None);
        self.batch.clear();
        self.filter = Filter::all();
        self.quick = Quick::new(&self.filter, &self.rows.layout);
        self.needed = 0..self.words.len();
        self.is_sorted = true;
    }

    // ---- by numbers

    fn best(
        &mut self,
        asked: &Sorting<'_>,
        lead: &Lead,
        wanted: usize,
        held: &mut Reservation,
    ) -> Result<Vec<u32>> {
        let mut best = Best { wanted, most: u64::MAX, rows: Vec::new() };
        held.grow_to(best.room() * size_of::<(u64, u32)>())?;
        best.rows.reserve_exact(best.room());
        let encoder = self.whole_encoder(asked);
        let columns = self.filter.columns().into_iter().chain([asked.sort[0].column]);
        self.needed = words_of(&self.rows, columns);
        self.need_index_words();
        loop {
            let most = best.most;
            self.row = None;
            // Most rows of a walk come behind those kept: their slots say so before anything is copied.
            if !self.walk_on(|words| lead.of(|at| words.get(at)) <= most)?
                && !self.advance_matching()?
            {
                break;
            }
            let number = lead.of(|at| self.words[at]);
            if number > most {
                continue;
            }
            best.rows.push((number, self.row_at_hand()));
            if best.is_full() {
                best.cut();
                if best.rows.len() > wanted + BEST_ROOM_MIN / 2 {
                    let ties = best.take_last_ties();
                    let kept = self.first_of(&ties, wanted - best.rows.len(), &encoder, held)?;
                    let most = best.most;
                    best.rows.extend(kept.into_iter().map(|row| (most, row)));
                }
            }
        }
        best.cut();
        self.in_order(best, &encoder, asked.offset as usize, held)
    }

    /// The wanted rows in order: by their numbers, and by whole keys where these are equal.
    fn in_order(
        &mut self,
        mut best: Best,
        encoder: &SortEncoder,
        offset: usize,
        held: &mut Reservation,
    ) -> Result<Vec<u32>> {
        best.rows.sort_unstable();
        let mut sorted = Vec::with_capacity(best.wanted.min(best.rows.len()));
        for ties in best.rows.chunk_by(|a, b| a.0 == b.0) {
            let left = best.wanted - sorted.len();
            if let [single] = ties
                && left > 0
            {
                sorted.push(single.1);
            } else if left > 0 {
                let ties: Vec<u32> = ties.iter().map(|row| row.1).collect();
                sorted.extend(self.first_of(&ties, left, encoder, held)?);
            }
        }
        sorted.drain(..offset.min(sorted.len()));
        Ok(sorted)
    }

    /// The first so many of these rows, in the whole order.
    fn first_of(
        &mut self,
        rows: &[u32],
        most: usize,
        encoder: &SortEncoder,
        held: &mut Reservation,
    ) -> Result<Vec<u32>> {
        if rows.len() <= FEW_TIES {
            return self.few_in_order(rows, most, encoder);
        }
        let (mut top, mut key) = (TopK::new(Some(most), 0), Vec::new());
        let base = held.bytes();
        for (at, row) in rows.iter().enumerate() {
            if let Some(next) = rows.get(at + AHEAD).filter(|next| !is_cold(**next)) {
                self.rows.versions.fetch(*next);
            }
            self.read_again(*row)?;
            self.keep(&mut top, *row, encoder, &mut key, (held, base))?;
        }
        Ok(top.into_sorted().collect())
    }

    /// The same for so few rows that comparing their cells costs less than making keys of them.
    fn few_in_order(
        &mut self,
        rows: &[u32],
        most: usize,
        encoder: &SortEncoder,
    ) -> Result<Vec<u32>> {
        let width = self.words.len();
        let mut words = Vec::with_capacity(rows.len() * width);
        self.keep_blocks();
        for row in rows {
            self.read_again(*row)?;
            words.extend_from_slice(&self.words);
        }
        let row = |at: u32| RowRef::new(&self.rows, &words[at as usize * width..][..width]);
        let mut order: SmallVec<[u32; FEW_TIES]> = (0..rows.len() as u32).collect();
        order.sort_unstable_by(|a, b| encoder.compare(&row(*a), &row(*b)));
        self.let_blocks_go();
        Ok(order.into_iter().take(most).map(|at| rows[at as usize]).collect())
    }

    // ---- by an index in order

    /// True if entries come in the result's order, so that only rows of equal ones must be put in order.
    fn has_entries_in_order(&self, asked: &Sorting<'_>) -> bool {
        self.candidates.index().is_some_and(|index| {
            let first = asked.sort[0];
            let ends_with = index.spec.columns.last() == Some(&first.column);
            let up = !first.descending || !index.has_ties() || self.candidates.is_grouped();
            asked.sort.len() == 1 && ends_with && up
        })
    }

    /// Takes rows as they come, after those found, until there are enough and the entry is another
    /// one than before.
    fn by_entries(
        &mut self,
        asked: &Sorting<'_>,
        wanted: usize,
        found: &Few,
        held: &mut Reservation,
    ) -> Result<Vec<u32>> {
        self.needed = words_of(&self.rows, self.filter.columns().into_iter());
        self.need_index_words();
        held.grow_to(found.rows.len() * BYTES_A_ROW)?;
        let (mut rows, mut ends) = (found.rows.to_vec(), found.ends.to_vec());
        let (mut head, mut tail) = (found.head, found.tail.to_vec());
        while self.advance_matching()? {
            let entry = self.batch.entry(self.at - 1);
            let entry = entry.expect("rows in order come by an index");
            if !rows.is_empty() && (head, &tail[..]) != entry {
                ends.push(rows.len());
                if rows.len() >= wanted {
                    break;
                }
            }
            if rows.len() == rows.capacity() {
                let more = rows.len().max(asked.first_room());
                held.grow_to((rows.len() + more) * BYTES_A_ROW)?;
                rows.reserve_exact(more);
                ends.reserve_exact(rows.capacity() - ends.len());
            }
            head = entry.0;
            tail.clear();
            tail.extend_from_slice(entry.1);
            rows.push(self.row_at_hand());
        }
        ends.push(rows.len()); // twice does no harm
        self.in_order_of_groups(asked, wanted, (&rows, &ends), held)
    }

    fn in_order_of_groups(
        &mut self,
        asked: &Sorting<'_>,
        wanted: usize,
        (rows, ends): (&[u32], &[usize]),
        held: &mut Reservation,
    ) -> Result<Vec<u32>> {
        let (mut sorted, mut start, mut encoder) =
            (Vec::with_capacity(wanted.min(rows.len())), 0, None);
        for end in ends {
            let left = wanted - sorted.len();
            match &rows[start..*end] {
                [] => {}
                _ if left == 0 => break,
                [single] => sorted.push(*single),
                ties if planted::bug("ties_left_as_met") => {
                    sorted.extend(ties.iter().take(left));
                }
                ties => {
                    let encoder = &*encoder.get_or_insert_with(|| self.whole_encoder(asked));
                    sorted.extend(self.first_of(ties, left, encoder, held)?);
                }
            }
            start = *end;
        }
        sorted.drain(..sorted.len().min(asked.offset as usize));
        Ok(sorted)
    }

    // ---- by whole keys

    fn by_whole_keys(&mut self, asked: &Sorting<'_>, held: &mut Reservation) -> Result<Vec<u32>> {
        let complete = complete_sort(asked.sort, &self.rows.schema.key);
        let encoder = self.whole_encoder(asked);
        let mut top: TopK<u32> =
            TopK::new(asked.limit.map(|limit| limit as usize), asked.offset as usize);
        let mut key = Vec::new();
        let columns = complete.iter().map(|key| key.column);
        self.needed = words_of(&self.rows, columns.chain(self.filter.columns()));
        self.need_index_words();
        let first = SortEncoder::new(&asked.sort[..1], &self.rows.schema);
        let (mut lead, mut last_lead) = (Vec::new(), Vec::new());
        while self.advance_matching()? {
            if asked.in_order && asked.limit.is_some() {
                // The walk meets the first column's values in order: after the last one wanted,
                // nothing can come before what is kept.
                let enough = asked.wanted().is_some_and(|wanted| top.len() as u64 >= wanted);
                lead.clear();
                first.encode(&RowRef::new(&self.rows, &self.words), &mut lead)?;
                if enough && lead != last_lead && !last_lead.is_empty() {
                    break;
                }
                if !enough {
                    std::mem::swap(&mut lead, &mut last_lead);
                }
            }
            let row = self.row_at_hand();
            self.keep(&mut top, row, &encoder, &mut key, (held, 0))?;
        }
        Ok(top.into_sorted().collect())
    }

    fn whole_encoder(&self, asked: &Sorting<'_>) -> SortEncoder {
        SortEncoder::new(&complete_sort(asked.sort, &self.rows.schema.key), &self.rows.schema)
    }

    /// Keeps the row at hand if it is among the first ones; `held` beside the bytes of others.
    fn keep(
        &self,
        top: &mut TopK<u32>,
        row: u32,
        encoder: &SortEncoder,
        key: &mut Vec<u8>,
        (held, base): (&mut Reservation, usize),
    ) -> Result<()> {
        key.clear();
        encoder.encode(&RowRef::new(&self.rows, &self.words), key)?;
        if top.would_keep(key) {
            let bytes = base + top.held_bytes() + top.growth_bytes(key.len(), 0);
            if bytes > held.bytes() {
                held.grow_to(bytes + SORT_LUMP_BYTES)?;
            }
            top.push(key, row, 0);
        }
        Ok(())
    }

    fn row_at_hand(&self) -> u32 {
        self.row.unwrap_or_else(|| self.walk.row(&self.rows.versions))
    }
}

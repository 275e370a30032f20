//! Reading entries in order, either way, and counting them.
//!
//! A scan holds no guard between calls: it remembers a key and finds its place again. Under one
//! guard it reads at most [`BLOCKS_PER_PIN`] blocks.
//!
//! - **Ascending** it carries `lo`: all entries below were seen. A live block left behind raises
//!   it to `max(lo, high)`; `high` alone would go back if a block that inherited a dead
//!   neighbour's range had split below `lo`. A dead block does not raise it.
//! - **Descending** it carries `hi`: all entries from there on were seen. The spine gives a node
//!   whose low key is strictly below `hi`; moving right while blocks end below `hi` leads to the
//!   block that covers what lies just below. It covers all of `[floor, hi)`, where `floor` is the
//!   greatest of the spine's key and the highs passed: a node's range only ever grows downwards.
//!   `floor` is the next `hi`.
//!
//! Below its range a block may hold copies of what its left neighbour still has (`remove`): `lo` and
//! `floor` pass them over.

use super::block::Block;
use super::key::{Cut, Key, Padding, ROW_AFTER_ALL, Shape};
use super::list::List;
use crate::mem::epoch::Guard;
use crate::planted;
use std::ops::{Bound, Range};
use std::sync::Arc;

/// Blocks read under one guard: finding the place again then costs nothing, and replaced blocks
/// cannot pile up behind a long scan.
pub(super) const BLOCKS_PER_PIN: usize = 64;

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// Bounds on the encoded key bytes; row numbers are free.
///
/// A bound may be a proper prefix of keys. It then stands for itself padded with zeros: use it as
/// an included low or an excluded high bound, and the prefix's successor for the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) low: Bound<Vec<u8>>,
    pub(crate) high: Bound<Vec<u8>>,
}

/// A walk over a range of the index; see [`super::OrderedIndex::scan`].
pub(crate) struct Scan {
    list: Arc<List>,
    /// What is left to read: `[lo, hi)`, without end if `hi` is `None`.
    lo: Cut,
    hi: Option<Cut>,
    direction: Direction,
    done: bool,
}

/// Entries of an index whose keys have one width.
#[derive(Default)]
pub(crate) struct EvenEntries {
    /// The first eight bytes of each key.
    pub(crate) heads: Vec<u64>,
    /// The other bytes, one key's behind the other's.
    pub(crate) tails: Vec<u8>,
    pub(crate) rows: Vec<u32>,
}

/// Where a scan stopped.
enum Stop<'a> {
    /// At the end of its range.
    End,
    /// Earlier; the key is the next `lo` or `hi`.
    Before(Option<Key<'a>>),
}

impl KeyRange {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self { low: Bound::Unbounded, high: Bound::Unbounded }
    }

    /// The entries of one key.
    pub(crate) fn equal(key: &[u8]) -> Self {
        Self { low: Bound::Included(key.to_vec()), high: Bound::Included(key.to_vec()) }
    }

    /// The range as `[low, high)` over entries.
    fn cuts(&self, shape: Shape) -> (Cut, Option<Cut>) {
        let cut = |key: &[u8], row| Cut::from(shape.key(key, row, &mut Padding::new()));
        let low = match &self.low {
            Bound::Included(key) => cut(key, 0),
            Bound::Excluded(key) => cut(key, ROW_AFTER_ALL),
            Bound::Unbounded => Cut::default(),
        };
        let high = match &self.high {
            Bound::Included(key) => Some(cut(key, ROW_AFTER_ALL)),
            Bound::Excluded(key) => Some(cut(key, 0)),
            Bound::Unbounded => None,
        };
        (low, high)
    }
}

impl Scan {
    pub(super) fn new(list: &Arc<List>, range: &KeyRange, direction: Direction) -> Self {
        let (lo, hi) = range.cuts(list.shape);
        let done = hi.as_ref().is_some_and(|hi| hi.key() <= lo.key());
        Self { list: Arc::clone(list), lo, hi, direction, done }
    }

    /// Appends the row numbers of the next entries, at most `max`; false if there are no more
    /// after these.
    ///
    /// Each call sees the index as it is then: an entry that is there throughout comes exactly
    /// once, one that comes or goes meanwhile at most once.
    pub(crate) fn next_rows(&mut self, rows: &mut Vec<u32>, max: usize) -> bool {
        let descending = self.direction == Direction::Descending;
        self.advance(max, &mut |block, slots| {
            let found = &block.rows()[slots];
            if descending {
                rows.extend(found.iter().rev());
            } else {
                rows.extend_from_slice(found);
            }
        })
    }

    /// The same with the key bytes, padded with zeros to eight bytes or the index's width.
    pub(crate) fn next_entries(&mut self, visit: &mut dyn FnMut(&[u8], u32), max: usize) -> bool {
        let mut bytes = Vec::new();
        let mut join = |head: u64, tail: &[u8], row| {
            bytes.clear();
            bytes.extend(head.to_be_bytes());
            bytes.extend(tail);
            visit(&bytes, row);
        };
        self.next_keys(&mut join, max)
    }

    /// The same with the first eight bytes of each key as a number, and the others.
    pub(crate) fn next_keys(
        &mut self,
        visit: &mut impl FnMut(u64, &[u8], u32),
        max: usize,
    ) -> bool {
        let descending = self.direction == Direction::Descending;
        self.advance(max, &mut |block, slots| {
            for at in slots.clone() {
                let slot = if descending { slots.start + slots.end - 1 - at } else { at };
                let key = block.key(slot);
                visit(key.head, key.tail, key.row as u32);
            }
        })
    }

    /// The same for keys of one width: appends heads, the other bytes of each, and row numbers.
    pub(crate) fn next_even(&mut self, batch: &mut EvenEntries, max: usize) -> bool {
        let descending = self.direction == Direction::Descending;
        self.advance(max, &mut |block, slots| {
            let EvenEntries { heads, tails, rows } = batch;
            if descending {
                heads.extend(block.heads()[slots.clone()].iter().rev());
                rows.extend(block.rows()[slots.clone()].iter().rev());
                slots.rev().for_each(|slot| tails.extend_from_slice(block.tail(slot)));
            } else {
                heads.extend_from_slice(&block.heads()[slots.clone()]);
                rows.extend_from_slice(&block.rows()[slots.clone()]);
                tails.extend_from_slice(block.tails(slots));
            }
        })
    }

    /// Bytes of each key beyond the eighth, if all have as many.
    pub(crate) fn tail_width(&self) -> Option<usize> {
        self.list.shape.tail_width()
    }

    pub(super) fn advance(
        &mut self,
        max: usize,
        emit: &mut impl FnMut(Block<'_>, Range<usize>),
    ) -> bool {
        let mut left = max;
        while !self.done && left > 0 {
            let list = Arc::clone(&self.list);
            let (lo, hi) = (std::mem::take(&mut self.lo), self.hi.take());
            // A fresh pin each time: repinning would never collect.
            let guard = &list.epoch.pin();
            let high = hi.as_ref().map(Cut::key);
            let stop = match self.direction {
                Direction::Ascending => list.ascend(lo.key(), high, &mut left, guard, emit),
                Direction::Descending => list.descend(lo.key(), high, &mut left, guard, emit),
            };
            match (stop, self.direction) {
                (Stop::End, _) => self.done = true,
                (Stop::Before(key), Direction::Ascending) => {
                    self.lo = key.map_or_else(Cut::default, Cut::from);
                    self.hi = hi;
                }
                (Stop::Before(key), Direction::Descending) => {
                    self.hi = key.map(Cut::from);
                    self.lo = lo;
                }
            }
        }
        !self.done
    }
}

impl List {
    /// Entries in a range; blocks wholly inside are counted without looking at their entries.
    pub(super) fn count(&self, range: &KeyRange) -> u64 {
        let (mut lo, hi) = range.cuts(self.shape);
        let high = hi.as_ref().map(Cut::key);
        if high.is_some_and(|high| high <= lo.key()) {
            return 0;
        }
        let (mut count, mut left) = (0, usize::MAX);
        loop {
            let guard = &self.epoch.pin();
            let mut add = |_: Block<'_>, slots: Range<usize>| count += slots.len() as u64;
            match self.ascend(lo.key(), high, &mut left, guard, &mut add) {
                Stop::Before(Some(key)) => lo = Cut::from(key),
                Stop::Before(None) | Stop::End => return count,
            }
        }
    }

    /// Reads `[lo, hi)` upwards, at most `left` entries and [`BLOCKS_PER_PIN`] blocks.
    fn ascend<'g>(
        &'g self,
        mut lo: Key<'g>,
        hi: Option<Key<'_>>,
        left: &mut usize,
        guard: &'g Guard,
        emit: &mut impl FnMut(Block<'_>, Range<usize>),
    ) -> Stop<'g> {
        let (_, mut block) = self.cover(self.start(&lo, guard), &lo, guard);
        for _ in 0..BLOCKS_PER_PIN {
            if !block.is_dead() {
                let last = block.is_last() || hi.is_some_and(|hi| hi <= block.high());
                let range = block.slots_within(&lo, hi.filter(|_| last).as_ref());
                let taken = range.start..range.end.min(range.start.saturating_add(*left));
                if !taken.is_empty() {
                    *left -= taken.len();
                    emit(block, taken.clone());
                }
                if taken.end < range.end {
                    return Stop::Before(Some(block.key(taken.end)));
                }
                if last {
                    return Stop::End;
                }
                let high = block.high();
                if planted::bug("scan_lo_not_max") {
                    lo = high;
                } else if !planted::bug("copies_read") {
                    lo = lo.max(high);
                }
                if *left == 0 {
                    break;
                }
            }
            block = self.load(block.right(), guard);
        }
        Stop::Before(Some(lo))
    }

    /// Reads `[lo, hi)` downwards, at most `left` entries and [`BLOCKS_PER_PIN`] blocks.
    fn descend<'g>(
        &'g self,
        lo: Key<'_>,
        mut hi: Option<Key<'g>>,
        left: &mut usize,
        guard: &'g Guard,
        emit: &mut impl FnMut(Block<'_>, Range<usize>),
    ) -> Stop<'g> {
        for _ in 0..BLOCKS_PER_PIN {
            let (block, floor) = self.cover_below(hi.as_ref(), guard);
            let bottom = floor.map_or(lo, |floor| lo.max(floor));
            let Range { start, end } = block.slots_within(&bottom, hi.as_ref());
            let taken = start.max(end.saturating_sub(*left))..end;
            if !taken.is_empty() {
                *left -= taken.len();
                emit(block, taken.clone());
            }
            if start < taken.start {
                return Stop::Before(Some(block.key(taken.start)));
            }
            if floor.is_none_or(|floor| floor <= lo) {
                return Stop::End;
            }
            hi = floor;
            if *left == 0 {
                break;
            }
        }
        Stop::Before(hi)
    }

    /// The block that covers what lies just below `hi` (or the last), and a key from which on it
    /// covers all below `hi`; no key if that is everything.
    fn cover_below<'g>(
        &'g self,
        hi: Option<&Key<'_>>,
        guard: &'g Guard,
    ) -> (Block<'g>, Option<Key<'g>>) {
        let entrance = match hi {
            Some(hi) => self.spine.below(hi, guard),
            None => self.spine.last(guard),
        };
        let mut floor = entrance.map(|(low, _)| low.key());
        let mut node = entrance.map_or(self.head, |(_, node)| node);
        loop {
            let block = self.load(node, guard);
            if !block.is_dead() {
                if block.is_last() || hi.is_some_and(|hi| *hi <= block.high()) {
                    return (block, floor);
                }
                let high = block.high();
                floor = Some(floor.map_or(high, |floor| floor.max(high)));
            }
            node = block.right();
        }
    }
}

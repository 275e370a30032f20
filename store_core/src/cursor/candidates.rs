//! Row numbers that may match, in batches, along an access path other than a scan.

use crate::cold::ColdWalk;
use crate::error::Result;
use crate::index::ordered::{Direction, EvenEntries, KeyRange, Scan};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::query;
use crate::query::AccessPath;
use crate::txn::{RowWords, SecondaryIndex, TableData, prepare_key};
use crate::value::Value;
use std::ops::Bound;
use std::sync::Arc;

/// Entries looked at in one step; fewer in the first ones, which may be enough.
const BATCH: usize = 256;
const FIRST_BATCH: usize = 16;

/// Where row numbers come from, other than a walk over the pages.
pub(super) enum Candidates {
    /// The rows of these keys.
    Keys(std::vec::IntoIter<Vec<Value>>),
    /// Entries of an index.
    Index(IndexWalk),
    /// These rows.
    List(std::vec::IntoIter<u32>),
    /// Cold rows.
    Cold(ColdWalk),
}

/// A walk over ranges of an index.
pub(super) struct IndexWalk {
    index: Arc<SecondaryIndex>,
    /// The next one last.
    ranges: Vec<query::KeyRange>,
    direction: Direction,
    /// The walk over the range at hand.
    scan: Option<Scan>,
    /// Entries of the next step.
    step: usize,
    /// Bytes of a key that are its value, if rows of one value come up though the walk goes down.
    grouped: Option<usize>,
}

/// A step's row numbers. From an index each comes with its entry's key, so that a row with several
/// versions in one range is met once: at the entry of the version the reader sees.
#[derive(Default)]
pub(super) struct Batch {
    /// Keys' tails, each of `width` bytes unless there are `ends`.
    entries: EvenEntries,
    width: usize,
    /// Where each key's tail ends, if they vary.
    ends: Vec<usize>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.entries.rows.clear();
        self.entries.heads.clear();
        self.entries.tails.clear();
        self.ends.clear();
    }

    #[inline]
    pub(super) fn rows(&self) -> &[u32] {
        &self.entries.rows
    }

    /// The key of the index entry that the row at this position came from, if it came from one: its
    /// first eight bytes, and the others.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> Option<(u64, &[u8])> {
        let head = *self.entries.heads.get(at)?;
        if self.ends.is_empty() {
            return Some((head, &self.entries.tails[at * self.width..(at + 1) * self.width]));
        }
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        Some((head, &self.entries.tails[start..self.ends[at]]))
    }

    /// The value of an entry, if that is so many bytes of its key; of keys of one width.
    fn value(&self, at: usize, bytes: usize) -> (u64, &[u8]) {
        let unused = u64::BITS.saturating_sub(u8::BITS * bytes as u32);
        let tail = &self.entries.tails[at * self.width..];
        (self.entries.heads[at] >> unused, &tail[..bytes.saturating_sub(size_of::<u64>())])
    }

    /// The position behind the last entry from `start` on that has the same value.
    fn group_end(&self, start: usize, bytes: usize) -> usize {
        let value = self.value(start, bytes);
        let others = start + 1..self.entries.rows.len();
        let other = others.clone().find(|at| self.value(*at, bytes) != value);
        other.unwrap_or(others.end)
    }

    /// Drops the entries from this position on; of keys of one width.
    fn drop_from(&mut self, at: usize) {
        self.entries.rows.truncate(at);
        self.entries.heads.truncate(at);
        self.entries.tails.truncate(at * self.width);
    }

    /// Turns the entries of each value round; of keys of one width.
    fn reverse_groups(&mut self, bytes: usize) {
        let mut start = 0;
        while start < self.entries.rows.len() {
            let end = self.group_end(start, bytes);
            let EvenEntries { heads, tails, rows } = &mut self.entries;
            heads[start..end].reverse();
            rows[start..end].reverse();
            let tails = &mut tails[start * self.width..end * self.width];
            let (mut low, mut high) = (0, tails.len());
            while self.width > 0 && low + self.width < high {
                high -= self.width;
                let (left, right) = tails.split_at_mut(high);
                left[low..low + self.width].swap_with_slice(&mut right[..self.width]);
                low += self.width;
            }
            start = end;
        }
    }

    /// Takes the next entries of a walk; false if there are no more after them.
    fn take(&mut self, walk: &mut Scan, most: usize) -> bool {
        let Self { entries, width, ends } = self;
        entries.rows.reserve(most);
        entries.heads.reserve(most);
        if let Some(even) = walk.tail_width() {
            *width = even;
            entries.tails.reserve(most * even);
            return walk.next_even(entries, most);
        }
        ends.reserve(most);
        let mut push = |head, tail: &[u8], row| {
            entries.rows.push(row);
            entries.heads.push(head);
            entries.tails.extend_from_slice(tail);
            ends.push(entries.tails.len());
        };
        walk.next_keys(&mut push, most)
    }
}

impl Candidates {
    /// The candidates of a path, with the index that it walks, if it does.
    pub(super) fn new(path: AccessPath, index: Option<Arc<SecondaryIndex>>) -> Self {
        match path {
            // A scan is the cursor's own walk.
            AccessPath::Empty | AccessPath::Scan => Self::List(Vec::new().into_iter()),
            AccessPath::Key(key) => Self::Keys(vec![key].into_iter()),
            AccessPath::Keys(keys) => Self::Keys(keys.into_iter()),
            AccessPath::Index { ranges, descending, serves_sort, .. } => {
                let index = index.expect("a plan that walks an index comes with it");
                Self::Index(IndexWalk::new(index, ranges, descending, serves_sort))
            }
        }
    }

    /// The index walked, if one is.
    pub(super) fn index(&self) -> Option<&SecondaryIndex> {
        if let Self::Index(walk) = self { Some(&walk.index) } else { None }
    }

    /// True if a walk down an index gives the rows of each value in ascending order.
    pub(super) fn is_grouped(&self) -> bool {
        matches!(self, Self::Index(walk) if walk.grouped.is_some())
    }

    /// Fills the batch; false once there are no more after it.
    pub(super) fn fill(
        &mut self,
        rows: &TableData,
        at: Timestamp,
        batch: &mut Batch,
    ) -> Result<bool> {
        batch.clear();
        match self {
            Self::List(list) => {
                batch.entries.rows.extend(list.by_ref().take(BATCH));
                Ok(list.len() > 0)
            }
            Self::Keys(keys) => {
                for key in keys.by_ref().take(BATCH) {
                    find_key(rows, at, &key, &mut batch.entries.rows)?;
                }
                Ok(keys.len() > 0)
            }
            Self::Index(walk) => Ok(walk.fill(batch)),
            Self::Cold(walk) => walk.next(&mut batch.entries.rows),
        }
    }
}

/// Every row whose key hashes like this one, and the cold row with it; the reader checks which it sees.
fn find_key(rows: &TableData, at: Timestamp, key: &[Value], found: &mut Vec<u32>) -> Result<()> {
    let cells: Vec<_> = key.iter().map(Value::as_ref).collect();
    let mut words = RowWords::new();
    prepare_key(rows, &cells, &mut words)?;
    for row in rows.primary.candidates(rows.view(&words).key_hash()) {
        if !found.contains(&row) {
            found.push(row);
        }
    }
    if !rows.cold.is_empty()
        && let Some(cold) = rows.find_cold(&rows.view(&words), at)?
        && !found.contains(&cold.number())
    {
        found.push(cold.number());
    }
    Ok(())
}

impl IndexWalk {
    fn new(
        index: Arc<SecondaryIndex>,
        mut ranges: Vec<query::KeyRange>,
        descending: bool,
        serves_sort: bool,
    ) -> Self {
        let direction = if descending { Direction::Descending } else { Direction::Ascending };
        if !descending {
            ranges.reverse();
        }
        let grouped = index.tied_value_bytes().filter(|_| descending && serves_sort);
        Self { index, ranges, direction, scan: None, step: FIRST_BATCH, grouped }
    }

    fn fill(&mut self, batch: &mut Batch) -> bool {
        if self.scan.is_none() {
            let Some(range) = self.ranges.pop() else { return false };
            if let Some(bytes) = self.grouped {
                return self.peek(range, bytes, batch);
            }
            self.scan = Some(self.index.tree.scan(&whole_entry_range(range), self.direction));
        }
        let more = self.scan.as_mut().is_some_and(|scan| batch.take(scan, self.step));
        self.step = BATCH.min(2 * self.step);
        if !more {
            self.scan = None;
        }
        more || !self.ranges.is_empty()
    }

    /// Takes the last values of a range, each value's rows upwards. The least value met may have more
    /// rows: they are walked next, and after them what is left of the range.
    fn peek(&mut self, range: query::KeyRange, bytes: usize, batch: &mut Batch) -> bool {
        let query::KeyRange { low, high } = range;
        let range = KeyRange { low: low.clone(), high };
        let mut scan = self.index.tree.scan(&range, Direction::Descending);
        let more = batch.take(&mut scan, self.step);
        if more && let Some(last) = batch.rows().len().checked_sub(1) {
            let (head, tail) = batch.entry(last).expect("it came from the index");
            let least = head.to_be_bytes().into_iter().chain(tail.iter().copied());
            let least: Vec<u8> = least.take(bytes).collect();
            self.ranges.push(query::KeyRange { low, high: Bound::Excluded(least.clone()) });
            if !planted::bug("least_value_half_met") {
                let value = batch.value(last, bytes);
                let others = (0..last).rev().find(|at| batch.value(*at, bytes) != value);
                batch.drop_from(others.map_or(0, |at| at + 1));
                let group = whole_entry_range(query::KeyRange::prefix(least));
                self.scan = Some(self.index.tree.scan(&group, Direction::Ascending));
            }
        }
        batch.reverse_groups(bytes);
        self.scan.is_some() || !self.ranges.is_empty()
    }
}

/// About how many rows lie in a range of the index.
pub(super) fn estimate(index: &SecondaryIndex, range: &query::KeyRange) -> u64 {
    if *range == query::KeyRange::all() {
        return index.tree.len();
    }
    index.tree.count(&entry_range(range))
}

fn whole_entry_range(range: query::KeyRange) -> KeyRange {
    KeyRange { low: range.low, high: range.high }
}

fn entry_range(range: &query::KeyRange) -> KeyRange {
    KeyRange { low: range.low.clone(), high: range.high.clone() }
}

//! Row numbers that may match, in batches, along an access path other than a scan.

use crate::error::Result;
use crate::index::ordered::{Direction, KeyRange, Scan};
use crate::query;
use crate::query::AccessPath;
use crate::txn::{RowWords, SecondaryIndex, TableData, prepare_key};
use crate::value::Value;
use std::ops::Bound;
use std::sync::Arc;

/// Entries looked at in one step; fewer in the first ones, which may be enough.
const BATCH: usize = 256;
const FIRST_BATCH: usize = 16;
/// Entries by which a walk down looks where the next values begin.
const PEEKED: usize = 16;

/// Where row numbers come from, other than a walk over the pages.
pub(super) enum Candidates {
    /// The rows of these keys.
    Keys(std::vec::IntoIter<Vec<Value>>),
    /// Entries of an index.
    Index(IndexWalk),
    /// These rows.
    List(std::vec::IntoIter<u32>),
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
    /// The bits of a head that hold its value, if rows of one value come up though the walk goes down.
    grouped: Option<u64>,
}

/// A step's row numbers. From an index each comes with its entry's key, so that a row with several
/// versions in one range is met once: at the entry of the version the reader sees.
#[derive(Default)]
pub(super) struct Batch {
    pub rows: Vec<u32>,
    /// The first eight bytes of each key.
    heads: Vec<u64>,
    /// The other bytes, if any key has some, and where each key's end.
    tails: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.heads.clear();
        self.tails.clear();
        self.ends.clear();
    }

    /// The key of the index entry that the row at this position came from, if it came from one: its
    /// first eight bytes, and the others.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> Option<(u64, &[u8])> {
        let head = *self.heads.get(at)?;
        if self.ends.is_empty() {
            return Some((head, &[]));
        }
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        Some((head, &self.tails[start..self.ends[at]]))
    }

    /// Drops the entries from this position on; of an index with short keys.
    fn drop_from(&mut self, at: usize) {
        self.rows.truncate(at);
        self.heads.truncate(at);
    }

    /// Turns the entries of each value round; of an index with short keys.
    fn reverse_groups(&mut self, value: u64) {
        let mut start = 0;
        for group in self.heads.chunk_by_mut(|a, b| a & value == b & value) {
            group.reverse();
            self.rows[start..start + group.len()].reverse();
            start += group.len();
        }
    }

    /// Takes the next entries of a walk; false if there are no more after them.
    fn take(&mut self, walk: &mut Scan, most: usize) -> bool {
        let Self { rows, heads, tails, ends } = self;
        rows.reserve(most);
        heads.reserve(most);
        if walk.is_short() {
            return walk.next_short(heads, rows, most);
        }
        ends.reserve(most);
        let mut push = |head, tail: &[u8], row| {
            rows.push(row);
            heads.push(head);
            tails.extend_from_slice(tail);
            ends.push(tails.len());
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
    pub(super) fn fill(&mut self, rows: &TableData, batch: &mut Batch) -> Result<bool> {
        batch.clear();
        match self {
            Self::List(list) => {
                batch.rows.extend(list.by_ref().take(BATCH));
                Ok(list.len() > 0)
            }
            Self::Keys(keys) => {
                for key in keys.by_ref().take(BATCH) {
                    find_key(rows, &key, &mut batch.rows)?;
                }
                Ok(keys.len() > 0)
            }
            Self::Index(walk) => Ok(walk.fill(batch)),
        }
    }
}

/// Every row whose key hashes like this one; the reader checks which it sees.
fn find_key(rows: &TableData, key: &[Value], found: &mut Vec<u32>) -> Result<()> {
    let cells: Vec<_> = key.iter().map(Value::as_ref).collect();
    let mut words = RowWords::new();
    prepare_key(rows, &cells, &mut words)?;
    for row in rows.primary.candidates(rows.view(&words).key_hash()) {
        if !found.contains(&row) {
            found.push(row);
        }
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
        let grouped = index.value_bits().filter(|_| descending && serves_sort);
        Self { index, ranges, direction, scan: None, step: FIRST_BATCH, grouped }
    }

    fn fill(&mut self, batch: &mut Batch) -> bool {
        if self.scan.is_none() {
            let Some(range) = self.ranges.pop() else { return false };
            if let Some(value) = self.grouped {
                return self.peek(range, value, batch);
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
    fn peek(&mut self, range: query::KeyRange, value: u64, batch: &mut Batch) -> bool {
        let mut scan = self.index.tree.scan(&entry_range(&range), Direction::Descending);
        let more = batch.take(&mut scan, PEEKED);
        if more && let Some(least) = batch.heads.last().map(|head| head & value) {
            batch.drop_from(batch.heads.partition_point(|head| head & value > least));
            let width = (value.count_ones() / u8::BITS) as usize;
            let least = least.to_be_bytes()[..width].to_vec();
            let high = Bound::Excluded(least.clone());
            let group = query::KeyRange::prefix(least);
            self.scan = Some(self.index.tree.scan(&entry_range(&group), Direction::Ascending));
            self.ranges.push(query::KeyRange { low: range.low, high });
        }
        batch.reverse_groups(value);
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

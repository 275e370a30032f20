//! Row numbers that may match, in batches, along an access path other than a scan.

use crate::error::Result;
use crate::index::ordered::{Direction, KeyRange, Scan};
use crate::query;
use crate::query::AccessPath;
use crate::txn::{RowWords, SecondaryIndex, TableData, prepare_key};
use crate::value::Value;
use std::sync::Arc;

/// Entries looked at in one step.
const BATCH: usize = 256;

/// Where row numbers come from, other than a walk over the pages.
pub(super) enum Candidates {
    /// The rows of these keys.
    Keys(std::vec::IntoIter<Vec<Value>>),
    /// Ranges of an index, the next one last.
    Index {
        index: Arc<SecondaryIndex>,
        ranges: Vec<query::KeyRange>,
        direction: Direction,
        scan: Option<Scan>,
    },
    /// These rows.
    List(std::vec::IntoIter<u32>),
}

/// A step's row numbers. From an index each comes with its entry's key, so that a row with several
/// versions in one range is met once: at the entry of the version the reader sees.
#[derive(Default)]
pub(super) struct Batch {
    pub rows: Vec<u32>,
    keys: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.keys.clear();
        self.ends.clear();
    }

    /// The index entry's key the row at this position came from, if it came from one.
    pub(super) fn key(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        Some(&self.keys[start..end])
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
            AccessPath::Index { mut ranges, descending, .. } => {
                let direction =
                    if descending { Direction::Descending } else { Direction::Ascending };
                if !descending {
                    ranges.reverse();
                }
                let index = index.expect("a plan that walks an index comes with it");
                Self::Index { index, ranges, direction, scan: None }
            }
        }
    }

    /// The index walked, if one is.
    pub(super) fn index(&self) -> Option<&SecondaryIndex> {
        if let Self::Index { index, .. } = self { Some(index) } else { None }
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
            Self::Index { index, ranges, direction, scan } => {
                Ok(fill_from_index(index, ranges, *direction, scan, batch))
            }
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

fn fill_from_index(
    index: &SecondaryIndex,
    ranges: &mut Vec<query::KeyRange>,
    direction: Direction,
    scan: &mut Option<Scan>,
    batch: &mut Batch,
) -> bool {
    let walk = match scan {
        Some(walk) => walk,
        None => match ranges.pop() {
            Some(range) => scan.insert(index.tree.scan(&entry_range(&range), direction)),
            None => return false,
        },
    };
    let more = walk.next_entries(
        &mut |key, row| {
            batch.rows.push(row);
            batch.keys.extend_from_slice(key);
            batch.ends.push(batch.keys.len());
        },
        BATCH,
    );
    if !more {
        *scan = None;
    }
    more || !ranges.is_empty()
}

/// About how many rows lie in a range of the index.
pub(super) fn estimate(index: &SecondaryIndex, range: &query::KeyRange) -> u64 {
    index.tree.count(&entry_range(range))
}

fn entry_range(range: &query::KeyRange) -> KeyRange {
    KeyRange { low: range.low.clone(), high: range.high.clone() }
}

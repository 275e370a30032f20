//! Sorting by encoded keys, and keeping only the first k rows of a sort.
//!
//! A row's sort cells become one string of bytes that compares as the rows do, so the sort itself
//! compares bytes and knows nothing of columns:
//!
//! ```text
//! cell   tag (NULL first 0, value 1, NULL last 2), then the value's order-preserving bytes,
//!        every bit inverted if descending
//! ```
//!
//! Each cell is prefix-free (see [`crate::value::encode_key`]) and stays so inverted. With a limit
//! the items form a max-heap of at most offset + limit; one that comes after its greatest is
//! refused without being built.

use super::filter::Cells;
use super::order::{NullsOrder, SortKey, compare_cells};
use crate::error::Result;
use crate::schema::Schema;
use crate::value::{KEY_BYTES_MAX, Type, ValueRef, encode_key};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

const NULL_FIRST_TAG: u8 = 0;
const VALUE_TAG: u8 = 1;
const NULL_LAST_TAG: u8 = 2;
/// Bytes that end an encoded text: dropped between its pieces.
const TEXT_END_BYTES: usize = 2;

/// Turns rows into sort keys: bytes that compare as the rows do.
#[derive(Clone, Debug)]
pub struct SortEncoder {
    keys: Vec<(SortKey, Type)>,
}

impl SortEncoder {
    /// An encoder for this order; complete it with [`super::complete_sort`] first.
    pub fn new(sort: &[SortKey], schema: &Schema) -> Self {
        Self { keys: sort.iter().map(|key| (*key, schema.columns[key.column].ty)).collect() }
    }

    /// An encoder for keys of these types: rows of no table.
    pub fn of_types(keys: Vec<(SortKey, Type)>) -> Self {
        Self { keys }
    }

    /// Compares two rows as their sort keys would.
    pub(crate) fn compare<R: Cells + ?Sized>(&self, a: &R, b: &R) -> Ordering {
        let cells = self.keys.iter().map(|(key, _)| compare_cells(*key, a, b));
        cells.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Appends the row's sort key; text of any length is encoded whole.
    pub fn encode(&self, row: &(impl Cells + ?Sized), out: &mut Vec<u8>) -> Result<()> {
        for (key, ty) in &self.keys {
            let cell = row.cell(key.column);
            if cell.is_null() {
                out.push(match key.nulls {
                    NullsOrder::First => NULL_FIRST_TAG,
                    NullsOrder::Last => NULL_LAST_TAG,
                });
                continue;
            }
            out.push(VALUE_TAG);
            let start = out.len();
            encode_value(cell, *ty, out)?;
            if key.descending {
                out[start..].iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        Ok(())
    }
}

/// As [`encode_key`], without its limit: that one keeps index entries short.
fn encode_value(cell: ValueRef<'_>, ty: Type, out: &mut Vec<u8>) -> Result<()> {
    let bytes = match cell {
        ValueRef::Text(text) => text.as_bytes(),
        ValueRef::Bytes(bytes) => bytes,
        _ => &[],
    };
    if bytes.len() <= KEY_BYTES_MAX {
        return encode_key(cell, ty, true, out);
    }
    // Every byte is escaped by itself, so pieces join once their ends are dropped.
    let mut pieces = bytes.chunks(KEY_BYTES_MAX).peekable();
    while let Some(piece) = pieces.next() {
        encode_key(ValueRef::Bytes(piece), Type::Bytes, true, out)?;
        if pieces.peek().is_some() {
            out.truncate(out.len() - TEXT_END_BYTES);
        }
    }
    Ok(())
}

/// The first bytes of a key as a number: two keys compare so, or have the same.
#[inline]
fn lead(key: &[u8]) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    let len = key.len().min(bytes.len());
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

/// Sorts items by their keys and keeps only those between offset and offset + limit.
///
/// Items with equal keys stay in the order they came in. Without a limit it is a plain sort.
///
/// ```
/// use store_core::query::TopK;
/// let mut top = TopK::new(Some(2), 1);
/// for word in ["delta", "alpha", "charlie", "bravo"] {
///     top.push(word.as_bytes(), word, 0);
/// }
/// assert_eq!(top.into_sorted().collect::<Vec<_>>(), ["bravo", "charlie"]);
/// ```
#[derive(Debug)]
pub struct TopK<T> {
    /// Most items held; `None` is no limit.
    keep: Option<usize>,
    offset: usize,
    /// Items in any order, until there are `keep` of them; then they move to the heap.
    filling: Vec<Entry<T>>,
    heap: BinaryHeap<Entry<T>>,
    arrivals: u64,
    /// Bytes of all keys and items outside the entries themselves.
    outside_bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    /// The first bytes of the key: they mostly decide.
    lead: u128,
    key: Vec<u8>,
    arrival: u64,
    item: T,
    item_bytes: usize,
}

impl<T> Entry<T> {
    const fn outside_bytes(&self) -> usize {
        self.key.capacity() + self.item_bytes
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = || self.key.cmp(&other.key).then(self.arrival.cmp(&other.arrival));
        self.lead.cmp(&other.lead).then_with(keys)
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> TopK<T> {
    /// Keeps `limit` items after the first `offset` of them, or all of those without a limit.
    pub const fn new(limit: Option<usize>, offset: usize) -> Self {
        let keep = match limit {
            None => None,
            Some(0) => Some(0),
            Some(limit) => Some(limit.saturating_add(offset)),
        };
        Self {
            keep,
            offset,
            filling: Vec::new(),
            heap: BinaryHeap::new(),
            arrivals: 0,
            outside_bytes: 0,
        }
    }

    /// True if an item with this key would be kept now; ask before building a costly one.
    pub fn would_keep(&self, key: &[u8]) -> bool {
        match (self.keep, self.heap.peek()) {
            (Some(0), _) => false,
            (_, None) => true,
            // An equal key came earlier and stays.
            (_, Some(greatest)) => {
                let lead = lead(key);
                lead < greatest.lead || lead == greatest.lead && key < greatest.key.as_slice()
            }
        }
    }

    /// Takes an item, `item_bytes` being what it holds outside itself; false if it is not kept.
    pub fn push(&mut self, key: &[u8], item: T, item_bytes: usize) -> bool {
        if !self.would_keep(key) {
            return false;
        }
        let arrival = self.arrivals;
        self.arrivals += 1;
        if let Some(mut greatest) = self.heap.peek_mut() {
            self.outside_bytes -= greatest.outside_bytes();
            let mut room = std::mem::take(&mut greatest.key);
            room.clear();
            if room.capacity() < key.len() {
                room = Vec::with_capacity(key.len()); // no more than was reserved
            }
            room.extend_from_slice(key);
            *greatest = Entry { lead: lead(key), key: room, arrival, item, item_bytes };
            self.outside_bytes += greatest.outside_bytes();
            return true;
        }
        let entry = Entry { lead: lead(key), key: key.to_vec(), arrival, item, item_bytes };
        self.outside_bytes += entry.outside_bytes();
        self.filling.push(entry);
        if Some(self.filling.len()) == self.keep {
            self.heap = std::mem::take(&mut self.filling).into();
        }
        true
    }

    /// Items held now.
    pub fn len(&self) -> usize {
        self.filling.len() + self.heap.len()
    }

    /// True if no item is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held now, keys and items included.
    pub fn held_bytes(&self) -> usize {
        let entries = self.filling.capacity() + self.heap.capacity();
        entries * size_of::<Entry<T>>() + self.outside_bytes
    }

    /// Most bytes a push may add for a moment: reserve that much before it.
    pub fn growth_bytes(&self, key_bytes: usize, item_bytes: usize) -> usize {
        let full = self.filling.len() == self.filling.capacity() && self.heap.is_empty();
        // A growing vector is copied to one of twice the size (at least 4) before it is freed.
        let grown = if full { (2 * self.filling.capacity()).max(4) } else { 0 };
        grown * size_of::<Entry<T>>() + key_bytes + item_bytes
    }

    /// The items in order, after the offset; sorts in place.
    pub fn into_sorted(self) -> impl ExactSizeIterator<Item = T> {
        // One of the two is empty.
        let mut entries = if self.filling.is_empty() { self.heap.into_vec() } else { self.filling };
        entries.sort_unstable();
        entries.into_iter().skip(self.offset).map(|entry| entry.item)
    }
}

#[cfg(test)]
mod tests;

//! Many entries at once: sorted first, then merged a block's worth in one replacement.

use super::block::Block;
use super::key::{Key, Padding, Shape};
use super::list::List;
use super::merge::{Merged, NewKeys, Run};
use super::node::Node;
use crate::mem::epoch::Guard;

/// New entries merged in one replacement at most: some 32 blocks of them, so that little is lost
/// when the exchange is, and what is built before it stays small.
const MERGE_ENTRIES_MAX: usize = 4096;

/// Entries to be inserted or removed together.
///
/// Costs 16 bytes an entry; keys that vary in width or have more than twelve bytes cost 8 more and
/// their bytes beyond the eighth.
#[derive(Clone)]
pub(crate) struct EntryBatch {
    shape: Shape,
    /// Bytes of the tails, if they lie in the entries.
    inline: Option<usize>,
    entries: Vec<Entry>,
    /// Where tail number `i + 1` ends in `tails`.
    tail_ends: Vec<usize>,
    tails: Vec<u8>,
    sorted: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    head: u64,
    row: u32,
    /// The tail with zeros behind it, or its number, from 1; zeros if there is none.
    tail: [u8; INLINE_BYTES],
}

/// Longest tail that lies in its entry.
const INLINE_BYTES: usize = 4;

impl Entry {
    /// Entries whose tails lie in them compare like these numbers.
    #[inline]
    fn rank(&self) -> u128 {
        let tail = u32::from_be_bytes(self.tail);
        u128::from(self.head) << 64 | u128::from(tail) << 32 | u128::from(self.row)
    }
}

impl EntryBatch {
    /// An empty batch for an index of the same key width.
    pub(crate) fn new(key_width: Option<usize>) -> Self {
        let shape = Shape::new(key_width);
        Self {
            shape,
            inline: shape.tail_width().filter(|width| *width <= INLINE_BYTES),
            entries: Vec::new(),
            tail_ends: Vec::new(),
            tails: Vec::new(),
            sorted: true,
        }
    }

    pub(crate) fn push(&mut self, key: &[u8], row: u32) {
        let mut padding = Padding::new();
        let key = self.shape.key(key, u64::from(row), &mut padding);
        let mut tail = [0; INLINE_BYTES];
        if let Some(width) = self.inline {
            tail[..width].copy_from_slice(key.tail);
        } else if !key.tail.is_empty() {
            self.tails.extend_from_slice(key.tail);
            self.tail_ends.push(self.tails.len());
            tail = (self.tail_ends.len() as u32).to_ne_bytes();
        }
        self.entries.push(Entry { head: key.head, row, tail });
        self.sorted = false;
    }

    /// Sorts the entries and drops repeated ones. What the batch is used for needs that.
    pub(crate) fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        if self.inline.is_some() {
            entries.sort_unstable_by_key(Entry::rank);
        } else {
            entries.sort_unstable_by(|a, b| {
                a.head.cmp(&b.head).then_with(|| self.resolve(a).cmp(&self.resolve(b)))
            });
        }
        entries.dedup_by(|a, b| self.resolve(a) == self.resolve(b));
        self.entries = entries;
        self.sorted = true;
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Empties the batch and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.tail_ends.clear();
        self.tails.clear();
        self.sorted = true;
    }

    /// Heap bytes of the batch.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.tail_ends.capacity() * size_of::<usize>()
            + self.tails.capacity()
    }

    #[inline]
    fn resolve<'e>(&'e self, entry: &'e Entry) -> Key<'e> {
        let tail = match self.inline {
            Some(width) => &entry.tail[..width],
            None => self.tail(u32::from_ne_bytes(entry.tail) as usize),
        };
        Key { head: entry.head, tail, row: u64::from(entry.row) }
    }

    #[inline]
    fn tail(&self, number: usize) -> &[u8] {
        match number {
            0 => &[],
            1 => &self.tails[..self.tail_ends[0]],
            _ => &self.tails[self.tail_ends[number - 2]..self.tail_ends[number - 1]],
        }
    }

    /// The first entry from `from` on, and at most `count_max` after it, that the block does not
    /// cover.
    pub(super) fn end_in(&self, block: Block<'_>, from: usize, count_max: usize) -> usize {
        debug_assert!(self.sorted, "the batch was not sorted");
        let end = self.len().min(from + count_max);
        if block.is_last() {
            return end;
        }
        let (high, mut below, mut step) = (block.high(), from, 1);
        while below + step < end && self.key(below + step) < high {
            below += step;
            step *= 2;
        }
        let within = &self.entries[below..end.min(below + step)];
        below + within.partition_point(|entry| self.resolve(entry) < high)
    }
}

impl NewKeys for EntryBatch {
    #[inline]
    fn key(&self, at: usize) -> Key<'_> {
        self.resolve(&self.entries[at])
    }
}

impl List {
    /// Inserts a sorted batch, pinning anew for every block replaced.
    pub(super) fn insert_sorted(&self, batch: &EntryBatch) {
        assert!(batch.sorted && batch.shape == self.shape, "the batch is unsorted or foreign");
        let (mut next, mut runs) = (0, Vec::new());
        while next < batch.len() {
            // A guard held longer, even if repinned, lets replaced blocks pile up.
            let guard = &self.epoch.pin();
            let key = batch.key(next);
            let mut node = self.start(&key, guard);
            next = loop {
                let (found, block) = self.cover(node, &key, guard);
                let end = batch.end_in(block, next, MERGE_ENTRIES_MAX);
                if self.merge_into(found, block, batch, next..end, &mut runs, guard) {
                    break end;
                }
                node = found;
            };
        }
    }

    fn merge_into(
        &self,
        node: *const Node,
        old: Block<'_>,
        batch: &EntryBatch,
        entries: std::ops::Range<usize>,
        runs: &mut Vec<Run>,
        guard: &Guard,
    ) -> bool {
        old.prefetch_heads();
        runs.clear();
        let (count, mut at) = (old.count(), 0);
        for entry in entries {
            let key = batch.key(entry);
            let place = old.lower_bound_from(at, &key);
            if old.holds(place, &key) {
                continue;
            }
            if let Some(last) = runs.last_mut()
                && place == at
                && last.is_new
                && last.slots.end == entry
            {
                last.slots.end += 1;
                continue;
            }
            if place > at {
                runs.push(Run::old(at..place));
                at = place;
            }
            runs.push(Run::new(entry..entry + 1));
        }
        if runs.is_empty() {
            return true; // all were there
        }
        if at < count {
            runs.push(Run::old(at..count));
        }
        self.publish(node, &Merged { old, new: batch, runs }, guard)
    }
}

//! The first k rows of a sort: in a heap while they fit, in a sort that spills if they do not.

use super::Shared;
use super::sort::{SortOptions, Sorted, Sorter};
use crate::job::TOP_SHARE;
use std::collections::BinaryHeap;
use store_core::Result;
use store_core::mem::Reservation;

/// What a row takes in the heap besides its bytes: its entry, three times while the heap grows, and what the
/// allocator keeps beside two vectors.
const ENTRY_BYTES: usize = 256;

/// A row; the greatest is the one that comes last, of equal ones the later.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: Vec<u8>,
    arrival: u64,
    payload: Vec<u8>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.key.capacity() + self.payload.capacity() + ENTRY_BYTES
    }
}

pub(super) struct TopRows {
    limit: u64,
    heap: BinaryHeap<Entry>,
    bytes: usize,
    bytes_max: usize,
    arrivals: u64,
    held: Reservation,
    sorter: Option<Sorter>,
    /// Rows from this key on are not among the first: there were enough before it.
    beyond: Option<Vec<u8>>,
    shared: Shared,
}

/// The first rows.
pub(super) enum Taken {
    /// Their payloads, in order, and the memory they are in.
    Few(Vec<Vec<u8>>, Reservation),
    Many(Box<Sorted>),
}

impl TopRows {
    pub fn new(limit: u64, shared: &Shared) -> Result<Self> {
        let bytes_max = shared.memory.breaker_bytes as usize / TOP_SHARE;
        Ok(Self {
            limit,
            heap: BinaryHeap::new(),
            bytes: 0,
            bytes_max,
            arrivals: 0,
            held: shared.holder.reserve(bytes_max)?,
            sorter: None,
            beyond: None,
            shared: shared.clone(),
        })
    }

    /// False if a row of this key cannot be among the first.
    #[inline]
    pub fn wants(&self, key: &[u8]) -> bool {
        if let Some(beyond) = &self.beyond {
            return key < beyond.as_slice();
        }
        // Of equal rows the earlier one stays.
        let full = self.sorter.is_none() && self.heap.len() as u64 >= self.limit;
        !full || self.heap.peek().is_some_and(|last| key < last.key.as_slice())
    }

    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<()> {
        if let Some(sorter) = &mut self.sorter {
            return sorter.push(key, payload);
        }
        if self.heap.len() as u64 >= self.limit
            && let Some(last) = self.heap.pop()
        {
            self.bytes -= last.bytes();
        }
        let entry = Entry { key: key.to_vec(), arrival: self.arrivals, payload: payload.to_vec() };
        self.arrivals += 1;
        self.bytes += entry.bytes();
        self.heap.push(entry);
        if self.bytes > self.bytes_max - self.bytes_max / 8 {
            self.spill()?;
        }
        Ok(())
    }

    /// Goes on with a sort of what is there and what will come.
    fn spill(&mut self) -> Result<()> {
        let options = self.shared.memory.sort_options();
        let memory = options.memory - self.bytes_max;
        let options = SortOptions { memory, threads: 1, ..options };
        let mut sorter = Sorter::new(options, self.shared.spill.clone(), &self.shared.holder)?;
        if self.heap.len() as u64 >= self.limit {
            self.beyond = self.heap.peek().map(|last| last.key.clone());
        }
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries.sort_unstable_by_key(|entry| entry.arrival);
        for entry in entries {
            sorter.push(&entry.key, &entry.payload)?;
        }
        self.bytes = 0;
        self.sorter = Some(sorter);
        Ok(())
    }

    pub fn finish(self) -> Result<Taken> {
        if let Some(sorter) = self.sorter {
            return Ok(Taken::Many(Box::new(sorter.finish()?)));
        }
        let sorted = self.heap.into_sorted_vec();
        Ok(Taken::Few(sorted.into_iter().map(|entry| entry.payload).collect(), self.held))
    }
}

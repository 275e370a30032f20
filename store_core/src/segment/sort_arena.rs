//! Records in one area, sorted through an index at its other end.
//!
//! ```text
//!  ┌─────────────────────────────────────┬───────────────┬──────────────────┐
//!  │ records, in the order they came  ─► │      gap      │ ◄─ entries, 16   │
//!  └─────────────────────────────────────┴───────────────┴──────────────────┘
//!   an entry: prefix of the key 8 │ where the record begins 8
//! ```
//!
//! Entries are made when the area is full, because the prefix leaves out the bytes that all keys share
//! ([`KeySpan`]). They are sorted as plain numbers; a record's place, which is the order of input,
//! decides between equal prefixes. Where a prefix does not tell keys apart, each group of equal ones is
//! given the prefix of what its own keys differ in, and so on.

use super::key::KeySpan;
use super::record::{RECORD_BYTES_MAX, RecordAt, read_record, record_bytes, write_record};
use super::run::RunWriter;
use crate::error::Result;
use crate::mem::{WorkArea, as_entries, as_entries_mut, fetch_ahead};
use crate::planted;
use std::ops::Range;

pub(super) const ENTRY_BYTES: usize = 16;
/// Records that are asked for before they are needed: as many as the processor fetches at once.
pub(super) const AHEAD: usize = 12;
/// A group that is smaller is sorted by comparing its keys.
const GROUP_MIN: usize = 24;
/// How often a group is told apart by further bytes; then its keys are compared.
const DEPTH_MAX: u32 = 64;

/// An area that collects records and sorts them.
///
/// ```
/// use store_core::segment::SortArena;
/// use store_core::{MemoryBudget, mem::WorkArea};
/// let area = WorkArea::map(4096, &MemoryBudget::new(8192).holder("job"))?;
/// let mut arena = SortArena::new(area);
/// assert!(arena.push(b"b", b"first") && arena.push(b"a", b"second") && arena.push(b"b", b"third"));
/// arena.sort();
/// let payloads: Vec<&[u8]> = arena.records().map(|(_, payload)| payload).collect();
/// assert_eq!(payloads, [b"second".as_slice(), b"first", b"third"]);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SortArena {
    area: WorkArea,
    used: usize,
    count: usize,
    span: KeySpan,
}

/// What of an area a sorted resident run takes, for whoever merges it.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) area: WorkArea,
    /// Bytes of records at the beginning.
    pub(super) used: usize,
    /// Bytes of entries at the end.
    pub(super) entries: Range<usize>,
    pub(super) span: KeySpan,
}

impl SortArena {
    /// An empty one.
    pub fn new(area: WorkArea) -> Self {
        debug_assert!(area.len().is_multiple_of(ENTRY_BYTES));
        Self { area, used: 0, count: 0, span: KeySpan::new() }
    }

    /// One without memory, to stand where another was.
    pub fn empty() -> Self {
        Self::new(WorkArea::empty())
    }

    /// Takes a record in; false if there is no room, which changes nothing.
    #[inline]
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> bool {
        let len = record_bytes(key.len(), payload.len());
        if len > self.gap().saturating_sub(ENTRY_BYTES).min(RECORD_BYTES_MAX) {
            return false;
        }
        self.used += write_record(&mut self.area[self.used..], key, payload);
        self.count += 1;
        self.span.add(key);
        true
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the records.
    pub fn used_bytes(&self) -> usize {
        self.used
    }

    /// Bytes that neither records nor their entries take.
    pub fn gap(&self) -> usize {
        self.area.len() - self.used - self.count * ENTRY_BYTES
    }

    /// Bytes of the whole area.
    pub fn capacity(&self) -> usize {
        self.area.len()
    }

    /// Puts the records in the order of their keys, and of their coming where keys are equal.
    ///
    /// Until the next [`SortArena::clear`] nothing may be pushed.
    pub fn sort(&mut self) {
        let prefix = self.span.prefix();
        let entries_at = self.area.len() - self.count * ENTRY_BYTES;
        let (records, entries) = self.area.split_at_mut(entries_at);
        let entries = as_entries_mut(entries);
        let mut at = 0;
        for entry in entries.iter_mut() {
            let record = record_at(records, at, self.used);
            *entry = entry_of(prefix.of(record.key_of(records)), at);
            at = record.end;
        }
        debug_assert_eq!(at, self.used);
        entries.sort_unstable();
        if !prefix.tells_all_apart() {
            each_group(entries, |group| sort_group(records, group, 0, 0));
        }
    }

    /// The records as they were last sorted.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries().iter().map(|entry| {
            let record = record_at(&self.area, *entry as u64 as usize, self.used);
            (record.key_of(&self.area), record.payload_of(&self.area))
        })
    }

    /// Writes the sorted records to a run.
    pub fn write_to(&self, writer: &mut RunWriter) -> Result<()> {
        let entries = self.entries();
        for (nth, entry) in entries.iter().enumerate() {
            if let Some(later) = entries.get(nth + AHEAD) {
                fetch_ahead(&self.area, *later as u64 as usize);
            }
            let record = record_at(&self.area, *entry as u64 as usize, self.used);
            writer.push_record(&self.area[record.start..record.end])?;
        }
        writer.add_span(&self.span);
        Ok(())
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        (self.used, self.count, self.span) = (0, 0, KeySpan::new());
    }

    /// The same records, sorted or not, in an area together with these that its own was cut with.
    #[must_use]
    pub fn joined(self, others: Vec<WorkArea>) -> Self {
        let Self { area, used, count, span } = self;
        let (address, len) = (area.address(), area.len());
        let mut parts = others;
        parts.push(area);
        let mut area = WorkArea::joined(parts);
        // Places are counted from where the records begin, so they stay true.
        let start = address - area.address();
        area.copy_within(start..start + used, 0);
        let (entries, end) = (count * ENTRY_BYTES, area.len());
        area.copy_within(start + len - entries..start + len, end - entries);
        Self { area, used, count, span }
    }

    /// Gives the area back.
    pub fn into_area(self) -> WorkArea {
        self.area
    }

    pub(super) fn into_resident(self) -> Resident {
        let entries = self.area.len() - self.count * ENTRY_BYTES..self.area.len();
        Resident { area: self.area, used: self.used, entries, span: self.span }
    }

    fn entries(&self) -> &[u128] {
        as_entries(&self.area[self.area.len() - self.count * ENTRY_BYTES..])
    }
}

#[inline(always)]
fn entry_of(prefix: u64, at: usize) -> u128 {
    u128::from(prefix) << 64 | at as u128
}

#[inline(always)]
fn record_at(bytes: &[u8], at: usize, end: usize) -> RecordAt {
    read_record(bytes, at, end).expect("an entry names a record that was pushed")
}

/// Calls for each group of two and more entries with one prefix.
fn each_group(entries: &mut [u128], mut with: impl FnMut(&mut [u128])) {
    let mut start = 0;
    while start < entries.len() {
        let prefix = (entries[start] >> 64) as u64;
        let same = entries[start..].iter().take_while(|entry| (**entry >> 64) as u64 == prefix);
        let end = start + same.count();
        if end - start > 1 {
            with(&mut entries[start..end]);
        }
        start = end;
    }
}

/// Sorts entries whose keys do not differ in their first `skip` bytes.
fn sort_group(records: &[u8], group: &mut [u128], skip: usize, depth: u32) {
    if planted::bug("equal_prefix_taken") {
        return;
    }
    if group.len() < GROUP_MIN || depth >= DEPTH_MAX {
        return sort_by_keys(records, group);
    }
    let mut skip = skip;
    let span = loop {
        let mut span = KeySpan::new();
        for (nth, entry) in group.iter().enumerate() {
            if let Some(later) = group.get(nth + AHEAD) {
                fetch_ahead(records, *later as u64 as usize);
            }
            span.add(rest_of_key(records, *entry, skip));
        }
        if span.varies() {
            break span;
        }
        if !span.goes_on() {
            // The same bytes: equal keys, or some that end in zeros where others end.
            if !span.is_even() {
                sort_by_keys(records, group);
            }
            return;
        }
        skip += super::key::KEY_WINDOW_BYTES;
    };
    let prefix = span.prefix();
    for entry in group.iter_mut() {
        let key = rest_of_key(records, *entry, skip);
        *entry = entry_of(prefix.of(key), *entry as u64 as usize);
    }
    group.sort_unstable();
    if !prefix.tells_all_apart() {
        each_group(group, |group| sort_group(records, group, skip, depth + 1));
    }
}

fn sort_by_keys(records: &[u8], group: &mut [u128]) {
    group.sort_unstable_by(|a, b| {
        let keys = rest_of_key(records, *a, 0).cmp(rest_of_key(records, *b, 0));
        keys.then((*a as u64).cmp(&(*b as u64)))
    });
}

fn rest_of_key(records: &[u8], entry: u128, skip: usize) -> &[u8] {
    let key = record_at(records, entry as u64 as usize, records.len()).key_of(records);
    key.get(skip..).unwrap_or_default()
}

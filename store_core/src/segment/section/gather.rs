//! Entries of a section on their way: gathered while rows are written, then sorted.

use super::SectionSpec;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::planted;
use crate::segment::cold_index::ColdColumns;
use crate::value::ValueRef;
use std::cmp::Ordering;

/// Bytes of a value that are compared as one number.
const HEAD: usize = 8;
/// Memory for values is reserved in pieces of so much, at least.
const LUMP: usize = 16 << 10;

/// Entries of one section.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) spec: SectionSpec,
    entries: Vec<Entry>,
    /// Of each value its length, then what follows its head.
    rest: Vec<u8>,
    room: Vec<u8>,
    held: Reservation,
    /// A value is too long for an index: there is no section.
    is_given_up: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    head: u64,
    start: u32,
    row: u32,
}

impl Gathering {
    /// For the entries of so many rows at most.
    pub(crate) fn new(spec: SectionSpec, rows_max: usize, holder: &Holder) -> Result<Self> {
        let held = holder.reserve(rows_max * size_of::<Entry>())?;
        let entries = Vec::with_capacity(rows_max);
        Ok(Self { spec, entries, rest: Vec::new(), room: Vec::new(), held, is_given_up: false })
    }

    /// Takes the entry of a row in.
    pub(crate) fn push<'v>(
        &mut self,
        columns: &ColdColumns,
        row: u32,
        cell: impl Fn(usize) -> ValueRef<'v>,
    ) -> Result<()> {
        self.room.clear();
        if self.is_given_up || self.spec.encode(columns, cell, &mut self.room).is_err() {
            self.give_up();
            return Ok(());
        }
        let row = row - u32::from(planted::bug("section_entry_left_out") && row % 7 == 3);
        let more = size_of::<u32>() + self.room.len().saturating_sub(HEAD);
        self.make_room(more)?;
        let start = u32::try_from(self.rest.len()).map_err(|_| {
            Error::new(Kind::OverBudget, "the values of an index are too long for one segment")
        })?;
        let mut head = [0; HEAD];
        let first = self.room.len().min(HEAD);
        head[..first].copy_from_slice(&self.room[..first]);
        self.rest.extend_from_slice(&(self.room.len() as u32).to_le_bytes());
        self.rest.extend_from_slice(&self.room[first..]);
        self.entries.push(Entry { head: u64::from_be_bytes(head), start, row });
        Ok(())
    }

    /// Sorts the entries by value and row; false if there is no section.
    pub(crate) fn sort(&mut self) -> bool {
        let rest = &self.rest;
        self.entries.sort_unstable_by(|a, b| {
            let others = || rest_of(rest, a).cmp(rest_of(rest, b));
            a.head.cmp(&b.head).then_with(others).then_with(|| a.row.cmp(&b.row))
        });
        !self.is_given_up
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The nth entry in order: its value, which is written to `value`, and its row.
    pub(crate) fn entry(&self, nth: usize, value: &mut Vec<u8>) -> u32 {
        let entry = &self.entries[nth];
        let len = len_of(&self.rest, entry);
        value.clear();
        value.extend_from_slice(&entry.head.to_be_bytes()[..len.min(HEAD)]);
        value.extend_from_slice(rest_of(&self.rest, entry));
        entry.row
    }

    /// True if the nth entry has the value of the one before.
    pub(crate) fn repeats(&self, nth: usize) -> bool {
        let same = |a: &Entry, b: &Entry| {
            a.head == b.head
                && rest_of(&self.rest, a).cmp(rest_of(&self.rest, b)) == Ordering::Equal
        };
        nth > 0 && same(&self.entries[nth - 1], &self.entries[nth])
    }

    fn make_room(&mut self, more: usize) -> Result<()> {
        if self.rest.len() + more > self.rest.capacity() {
            let wanted = more.max(LUMP).max(self.rest.len() / 2);
            self.held.grow(wanted)?;
            self.rest.reserve_exact(wanted);
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.is_given_up = true;
        (self.entries, self.rest) = (Vec::new(), Vec::new());
        self.held.shrink(self.held.bytes());
    }
}

fn len_of(rest: &[u8], entry: &Entry) -> usize {
    let start = entry.start as usize;
    let bytes = rest[start..].first_chunk().expect("a length stands before each value");
    u32::from_le_bytes(*bytes) as usize
}

fn rest_of<'r>(rest: &'r [u8], entry: &Entry) -> &'r [u8] {
    let start = entry.start as usize + size_of::<u32>();
    &rest[start..start + len_of(rest, entry).saturating_sub(HEAD)]
}

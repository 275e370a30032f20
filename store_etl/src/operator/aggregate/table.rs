//! Groups in one stretch of memory: slots, then entries one behind the other.
//!
//! ```text
//!  │slot 8│slot 8│ … │states│length of the key 4│key│ … │ free │
//!  slot   │upper half of the hash│place of the entry / 8│, 0 while empty
//! ```
//!
//! Slots are probed one after another. A table never grows by itself: whoever fills it decides what
//! happens to the groups that find no room.

use super::layout::u32_at;
use super::state::States;
use crate::operator::key::same;
use store_core::mem::{WorkArea, fetch_piece};

/// The group found no room.
pub(super) const NO_ROOM: u32 = u32::MAX;
/// Fewest slots.
const SLOTS_MIN: usize = 16;
/// Entries are found by places in units of so many bytes.
const UNIT: usize = 8;

/// A table of groups.
#[derive(Debug)]
pub(super) struct Table {
    area: WorkArea,
    states: usize,
    slots: usize,
    /// Most groups: three quarters of the slots.
    groups_max: usize,
    groups: usize,
    /// Where the entries begin and end.
    first: usize,
    end: usize,
    /// Longest table, in bytes.
    limit: usize,
}

impl Table {
    /// An empty table in this memory. A typical entry has so many bytes.
    pub fn new(area: WorkArea, states: &States) -> Self {
        let limit = area.len().min(u32::MAX as usize * UNIT);
        let mut table = Self {
            area,
            states: states.bytes(),
            slots: 0,
            groups_max: 0,
            groups: 0,
            first: 0,
            end: 0,
            limit,
        };
        table.clear(usize::MAX, 16);
        table
    }

    /// Bytes of an entry with a key of this length.
    pub const fn entry_bytes(states: usize, key: usize) -> usize {
        (states + 4 + key).next_multiple_of(UNIT)
    }

    /// How many groups so much memory has room for, with entries of so many bytes.
    pub fn groups_max(bytes: usize, entry: usize) -> usize {
        let slots = Self::slots_for(bytes, entry, usize::MAX);
        (slots / 4 * 3).min(bytes.saturating_sub(slots * UNIT) / entry)
    }

    /// Slots for so many groups; most of the memory is for entries.
    fn slots_for(bytes: usize, entry: usize, groups: usize) -> usize {
        // Four slots for three groups, rounded up to a power of two.
        let most = bytes / (entry + 2 * UNIT);
        let wanted = (groups.min(most).saturating_mul(4) / 3).max(SLOTS_MIN).next_power_of_two();
        let largest = 1_usize << (bytes / (2 * UNIT)).max(1).ilog2();
        wanted.min(largest.max(SLOTS_MIN))
    }

    /// Forgets all groups and makes room for so many, as far as the memory goes.
    pub fn clear(&mut self, expected: usize, key_bytes: usize) {
        let entry = Self::entry_bytes(self.states, key_bytes);
        self.slots = Self::slots_for(self.limit, entry, expected);
        self.groups_max = self.slots / 4 * 3;
        self.groups = 0;
        self.first = self.slots * UNIT;
        self.end = self.first;
        self.area[..self.first].fill(0);
    }

    /// Fetches the slot that a search for this hash begins with.
    #[inline(always)]
    pub fn fetch_slot(&self, hash: u64) {
        fetch_piece(&self.area, (hash as usize & (self.slots - 1)) * UNIT, 0);
    }

    /// Fetches the entry that this slot has, if any.
    #[inline(always)]
    pub fn fetch_entry(&self, hash: u64) {
        let slot = super::layout::u64_at(&self.area, (hash as usize & (self.slots - 1)) * UNIT);
        // The first state, and the key behind the last one.
        fetch_piece(&self.area, slot as u32 as usize * UNIT, self.states);
    }

    /// The entry of a key, new if it was not there and there is room: its place in units of 8 bytes.
    #[inline(always)]
    pub fn find_or_add(&mut self, hash: u64, key: &[u8], initial: &[u8]) -> u32 {
        let mask = self.slots - 1;
        let tag = hash >> 32;
        let mut at = hash as usize & mask;
        loop {
            let slot = super::layout::u64_at(&self.area, at * UNIT);
            if slot == 0 {
                return self.add(at, tag, key, initial);
            }
            if slot >> 32 == tag && same(self.key_of(slot as u32), key) {
                return slot as u32;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn add(&mut self, slot: usize, tag: u64, key: &[u8], initial: &[u8]) -> u32 {
        let bytes = Self::entry_bytes(self.states, key.len());
        if self.groups >= self.groups_max || self.end + bytes > self.limit {
            return NO_ROOM;
        }
        let place = (self.end / UNIT) as u32;
        let entry = &mut self.area[self.end..self.end + bytes];
        entry[..initial.len()].copy_from_slice(initial);
        entry[initial.len()..initial.len() + 4].copy_from_slice(&(key.len() as u32).to_le_bytes());
        entry[initial.len() + 4..initial.len() + 4 + key.len()].copy_from_slice(key);
        let word = tag << 32 | u64::from(place);
        self.area[slot * UNIT..slot * UNIT + 8].copy_from_slice(&word.to_le_bytes());
        self.groups += 1;
        self.end += bytes;
        place
    }

    /// The key of the entry at this place.
    #[inline(always)]
    pub fn key_of(&self, place: u32) -> &[u8] {
        let at = place as usize * UNIT + self.states;
        let len = u32_at(&self.area, at) as usize;
        &self.area[at + 4..at + 4 + len]
    }

    /// The states of the entry at this place.
    pub fn states_of(&self, place: u32) -> &[u8] {
        let at = place as usize * UNIT;
        &self.area[at..at + self.states]
    }

    /// The memory, for states to be added to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.area
    }

    /// The place of the first entry.
    pub const fn first(&self) -> u32 {
        (self.first / UNIT) as u32
    }

    /// The place behind an entry, or `None` behind the last one.
    pub fn next(&self, place: u32) -> u32 {
        let bytes = Self::entry_bytes(self.states, self.key_of(place).len());
        place + (bytes / UNIT) as u32
    }

    /// The place behind the last entry.
    pub const fn end(&self) -> u32 {
        (self.end / UNIT) as u32
    }
}

//! Short names for texts that repeat.

use crate::operator::key::{hash, same};
use store_core::mem::Reservation;
use store_core::{Holder, Result};

/// Texts longer than this are not worth a place.
const TEXT_BYTES_MAX: usize = 64;
/// Lookups after which a dictionary that is of no use is left alone.
const PATIENCE: u32 = 4096;

/// The texts of one column that came first, numbered from 1.
#[derive(Debug)]
pub(super) struct Dictionary {
    slots: Vec<u32>,
    ends: Vec<u32>,
    all: String,
    bytes_max: usize,
    /// Lookups that found nothing since the dictionary was full, minus those that did.
    misses: u32,
    _held: Option<Reservation>,
}

impl Dictionary {
    /// A dictionary within so many bytes.
    pub fn new(memory: usize, holder: &Holder) -> Result<Self> {
        let held = holder.reserve(memory)?;
        // A text of eight bytes, its end and two slots.
        let count = memory / 24;
        let slots = (count * 2).next_power_of_two() / 2;
        let bytes_max = memory.saturating_sub(slots * 4 + slots / 2 * 4);
        Ok(Self {
            slots: vec![0; slots.max(2)],
            ends: Vec::with_capacity(slots / 2),
            all: String::with_capacity(bytes_max),
            bytes_max,
            misses: 0,
            _held: Some(held),
        })
    }

    /// The number of a text, which is taken in if there is room; 0 if it has none.
    pub fn number(&mut self, text: &[u8]) -> u32 {
        if text.len() > TEXT_BYTES_MAX || self.misses > PATIENCE {
            return 0;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash(text, 0) as usize & mask;
        loop {
            let number = self.slots[at];
            if number == 0 {
                return self.add(at, text);
            }
            if self.text(number).is_some_and(|known| same(known.as_bytes(), text)) {
                self.misses = self.misses.saturating_sub(1);
                return number;
            }
            at = (at + 1) & mask;
        }
    }

    fn add(&mut self, slot: usize, text: &[u8]) -> u32 {
        let is_full = self.ends.len() + 1 > self.slots.len() / 2
            || self.all.len() + text.len() > self.bytes_max;
        // Bytes that are no text have no number either.
        let (false, Ok(text)) = (is_full, std::str::from_utf8(text)) else {
            self.misses += 1;
            return 0;
        };
        self.all.push_str(text);
        self.ends.push(self.all.len() as u32);
        let number = self.ends.len() as u32;
        self.slots[slot] = number;
        number
    }

    /// The text of a number.
    #[inline]
    pub fn text(&self, number: u32) -> Option<&str> {
        let nth = number.checked_sub(1)? as usize;
        let end = *self.ends.get(nth)? as usize;
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.all.get(start..end)
    }
}

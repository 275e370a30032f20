//! When rows of a segment were gone: a table that grows and never moves.
//!
//! ```text
//!  level 0   64 places   ■ ■ ▪ ■ …   half full: the next one is begun
//!  level 1   128 places  ■ ▪ ▪ ▪ …
//! ```
//!
//! One thread at a time adds; readers take no lock. A place is written once, its timestamp before its
//! row, so whoever sees the row sees the timestamp.

use crate::error::Result;
use crate::mem::{Holder, Reservation};
use crate::mvcc::Timestamp;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Mutex, Relaxed, Release};
use std::sync::OnceLock;

const FIRST_PLACES: usize = 64;
const LEVELS: usize = 26;

#[derive(Default)]
struct Place {
    /// The row's number and one more; 0 of an empty place.
    row: AtomicU32,
    at: AtomicU64,
}

/// Timestamps at which rows were gone.
pub(crate) struct Deaths {
    levels: [OnceLock<Box<[Place]>>; LEVELS],
    count: AtomicU32,
    held: Mutex<Reservation>,
}

impl Deaths {
    /// None yet.
    pub(super) fn new(holder: &Holder) -> Result<Self> {
        let held = Mutex::new(holder.reserve(0)?);
        Ok(Self { levels: [const { OnceLock::new() }; LEVELS], count: AtomicU32::new(0), held })
    }

    /// How many rows are gone.
    pub(super) fn len(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// Makes room for so many more, so that adding them cannot fail. For the only one who adds.
    pub(super) fn make_room(&self, more: usize) -> Result<()> {
        let wanted = self.len() as usize + more;
        let (mut room, mut level) = (0, 0);
        while room < wanted {
            let places = places_of(level);
            if self.levels[level].get().is_none() {
                self.held.lock().grow(places * size_of::<Place>())?;
                self.levels[level].get_or_init(|| (0..places).map(|_| Place::default()).collect());
            }
            room += places / 2;
            level += 1;
        }
        Ok(())
    }

    /// Adds a row that is not there, for which there is room. For the only one who adds.
    pub(super) fn add(&self, row: u32, at: Timestamp) {
        let (mut nth, mut level) = (self.len() as usize, 0);
        while nth >= places_of(level) / 2 {
            nth -= places_of(level) / 2;
            level += 1;
        }
        let places = self.levels[level].get().expect("room was made");
        let place = probe(row, places.len()).map(|at| &places[at]);
        let mut place = place.filter(|place| place.row.load(Relaxed) == 0);
        let place = place.next().expect("half of a level stays empty");
        place.at.store(at.0, Relaxed);
        place.row.store(row + 1, Release); // pairs with Acquire in `of`
        self.count.fetch_add(1, Relaxed);
    }

    /// When the row was gone, if it is.
    #[inline]
    pub(super) fn of(&self, row: u32) -> Option<Timestamp> {
        if self.len() == 0 {
            return None; // who must see a row gone has a snapshot of a commit after its count
        }
        for places in self.levels.iter().map_while(OnceLock::get) {
            for at in probe(row, places.len()) {
                match places[at].row.load(Acquire) {
                    0 => break,
                    known if known == row + 1 => {
                        return Some(Timestamp(places[at].at.load(Relaxed)));
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.levels.iter().map_while(OnceLock::get).flatten().filter_map(|place| {
            let row = place.row.load(Acquire).checked_sub(1)?;
            Some((row, Timestamp(place.at.load(Relaxed))))
        })
    }
}

const fn places_of(level: usize) -> usize {
    FIRST_PLACES << level
}

/// The places where a row may be, in order.
#[inline]
fn probe(row: u32, places: usize) -> impl Iterator<Item = usize> {
    let first = (u64::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    (0..places).map(move |step| (first + step) & (places - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryBudget;

    #[test]
    fn every_row_that_is_gone_is_found_and_no_other() {
        let holder = MemoryBudget::for_job(1 << 20).holder("test");
        let deaths = Deaths::new(&holder).unwrap();
        assert_eq!(deaths.of(3), None);
        for nth in 0..5_000 {
            deaths.make_room(1).unwrap();
            deaths.add(nth * 3, Timestamp(u64::from(nth) + 10));
        }
        for row in 0..15_000_u32 {
            let expected = row.is_multiple_of(3).then(|| Timestamp(u64::from(row / 3) + 10));
            assert_eq!(deaths.of(row), expected, "{row}");
        }
        assert_eq!((deaths.len(), deaths.iter().count()), (5_000, 5_000));
        assert!(holder.used() > 0);
        drop(deaths);
        assert_eq!(holder.used(), 0);
    }

    #[test]
    fn room_that_cannot_be_had_is_refused_and_changes_nothing() {
        let holder = MemoryBudget::for_job(4 << 10).holder("test");
        let deaths = Deaths::new(&holder).unwrap();
        deaths.make_room(1).unwrap();
        assert!(deaths.make_room(100_000).is_err());
        deaths.add(1, Timestamp(5));
        assert_eq!((deaths.of(1), deaths.of(2)), (Some(Timestamp(5)), None));
    }
}

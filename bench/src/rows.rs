//! The rows as an owner of a map would hold them.

use std::hash::{Hash, Hasher};
use store_etl::generate::{Flight, Flights};

/// The seed of every run.
const SEED: u64 = 42;

/// A flight's id in place: up to 12 bytes, the rest zero. Hashed as two words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Id(pub [u8; 12]);

impl Id {
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 12];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self(bytes)
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (head, tail) = self.0.split_at(8);
        state.write_u64(u64::from_le_bytes(head.try_into().expect("8 bytes")));
        state.write_u32(u32::from_le_bytes(tail.try_into().expect("4 bytes")));
    }
}

/// The other columns: 40 bytes, no pointer in them.
#[derive(Clone, Copy)]
pub struct Row {
    pub lat: f64,
    pub lon: f64,
    pub updated_at: i64,
    pub altitude: i32,
    pub gs: i32,
    pub origin: [u8; 4],
    pub dest: [u8; 4],
}

/// Every flight of the run, in the order of making.
pub fn flights(rows: usize) -> impl Iterator<Item = Flight> {
    Flights::new(SEED).take(rows)
}

/// The same as text with a header.
pub fn text(rows: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(rows * 74);
    store_etl::generate::write_flights(SEED, rows as u64, true, &mut text, |_, _| ())
        .expect("a vector takes every write");
    text
}

impl Row {
    pub fn of(flight: &Flight) -> Self {
        let airport = |code: &str| code.as_bytes().try_into().expect("four letters");
        Self {
            lat: flight.lat(),
            lon: flight.lon(),
            updated_at: flight.updated_at * 1_000_000,
            altitude: flight.altitude,
            gs: flight.gs,
            origin: airport(flight.origin),
            dest: airport(flight.dest),
        }
    }
}

/// What an update of a round writes to `gs` and `updated_at`; the same whoever comes first.
pub fn update_of(round: usize, rank: u32) -> (i32, i64) {
    ((round as i32 + 1) * 1000 + (rank % 500) as i32, 1_767_312_000_000_000 + round as i64)
}

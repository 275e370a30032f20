//! Maps of rows: papaya, dashmap, and one that never changes.

use super::Engines;
use crate::keys::Keys;
use crate::rows::{Id, Row, update_of};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::ops::Range;

pub struct Papaya(papaya::HashMap<Id, Row, FxBuildHasher>);
/// papaya as most would write it down: `String`s, and the hasher that comes with it.
pub struct Plain(papaya::HashMap<String, PlainRow>);
pub struct Dash(dashmap::DashMap<Id, Row, FxBuildHasher>);
pub struct Frozen(HashMap<Id, Row, FxBuildHasher>);

#[derive(Clone)]
struct PlainRow {
    altitude: i32,
    gs: i32,
    /// Nobody asks for these; they are copied with the row.
    _updated_at: i64,
    _rest: (f64, f64, String, String),
}

fn updated(row: &Row, round: usize, rank: u32) -> Row {
    let (gs, updated_at) = update_of(round, rank);
    Row { gs, updated_at, ..*row }
}

impl Papaya {
    pub fn load(engines: &Engines) -> Self {
        let map = papaya::HashMap::builder().capacity(engines.rows).hasher(FxBuildHasher).build();
        let pinned = map.pin();
        for (id, row) in engines.pairs() {
            pinned.insert(id, row);
        }
        drop(pinned);
        Self(map)
    }

    /// The sum of the altitudes, under one pin.
    pub fn read(&self, keys: &Keys, part: Range<usize>) -> i64 {
        let map = self.0.pin();
        let altitude = |id| i64::from(map.get(id).expect("the row is there").altitude);
        keys.ids[part].iter().map(altitude).sum()
    }

    /// A pin for each update.
    pub fn update(&self, keys: &Keys, part: Range<usize>, round: usize) {
        for at in part {
            let (id, rank) = (keys.ids[at], keys.ranks[at]);
            self.0.pin().update(id, |row| updated(row, round, rank)).expect("the row is there");
        }
    }

    /// A pin for every `batch` updates.
    pub fn update_batches(&self, keys: &Keys, batch: usize, round: usize) {
        for (ids, ranks) in keys.ids.chunks(batch).zip(keys.ranks.chunks(batch)) {
            let map = self.0.pin();
            for (id, rank) in ids.iter().zip(ranks) {
                map.update(*id, |row| updated(row, round, *rank)).expect("the row is there");
            }
        }
    }

    /// Every key read, or updated where `writes` says so; a pin each.
    pub fn mixed(&self, keys: &Keys, part: Range<usize>, round: usize, writes: &[bool]) -> i64 {
        let mut sum = 0;
        for at in part {
            let map = self.0.pin();
            let (id, rank) = (keys.ids[at], keys.ranks[at]);
            if writes[at] {
                map.update(id, |row| updated(row, round, rank)).expect("the row is there");
            } else {
                sum += i64::from(map.get(&id).expect("the row is there").altitude);
            }
        }
        sum
    }

    pub fn speeds(&self, keys: &Keys) -> i64 {
        let map = self.0.pin();
        keys.ids.iter().map(|id| i64::from(map.get(id).expect("the row is there").gs)).sum()
    }
}

impl Plain {
    pub fn load(engines: &Engines) -> Self {
        let map = papaya::HashMap::with_capacity(engines.rows);
        let pinned = map.pin();
        let keys = Keys::of(&engines.ids, (0..engines.rows as u32).collect());
        for (key, row) in keys.texts.iter().zip(&engines.values) {
            let text = |airport: &[u8; 4]| String::from_utf8(airport.to_vec()).expect("letters");
            let _rest = (row.lat, row.lon, text(&row.origin), text(&row.dest));
            let Row { altitude, gs, updated_at: _updated_at, .. } = *row;
            pinned.insert((*key).to_owned(), PlainRow { altitude, gs, _updated_at, _rest });
        }
        drop(pinned);
        Self(map)
    }

    pub fn read(&self, keys: &Keys, part: Range<usize>) -> i64 {
        let map = self.0.pin();
        let altitude = |key: &&str| i64::from(map.get(*key).expect("the row is there").altitude);
        keys.texts[part].iter().map(altitude).sum()
    }

    pub fn update(&self, keys: &Keys, part: Range<usize>, round: usize) {
        for at in part {
            let (gs, _updated_at) = update_of(round, keys.ranks[at]);
            let change = |row: &PlainRow| PlainRow { gs, _updated_at, ..row.clone() };
            self.0.pin().update(keys.texts[at].to_owned(), change).expect("the row is there");
        }
    }

    pub fn speeds(&self, keys: &Keys) -> i64 {
        let map = self.0.pin();
        keys.texts.iter().map(|key| i64::from(map.get(*key).expect("the row is there").gs)).sum()
    }
}

impl Dash {
    pub fn load(engines: &Engines) -> Self {
        let map = dashmap::DashMap::with_capacity_and_hasher(engines.rows, FxBuildHasher);
        for (id, row) in engines.pairs() {
            map.insert(id, row);
        }
        Self(map)
    }

    /// The sum of the altitudes; a shard's lock for each.
    pub fn read(&self, keys: &Keys, part: Range<usize>) -> i64 {
        let altitude = |id| i64::from(self.0.get(id).expect("the row is there").altitude);
        keys.ids[part].iter().map(altitude).sum()
    }
}

impl Frozen {
    pub fn load(engines: &Engines) -> Self {
        Self(engines.pairs().collect())
    }

    pub fn read(&self, keys: &Keys) -> i64 {
        keys.ids.iter().map(|id| i64::from(self.0[id].altitude)).sum()
    }

    /// The sum of altitudes and longitudes, these in whole degrees.
    pub fn scan(&self) -> i64 {
        self.0.values().map(|row| i64::from(row.altitude) + row.lon as i64).sum()
    }
}

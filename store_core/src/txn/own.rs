//! A transaction's own rows: from row to write, without a list to search.

use super::write_set::Write;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Up to this many writes are searched one by one: cheaper than a map.
const SEARCHED_MAX: usize = 8;

/// Which write concerns a row; built when first asked for, so that a load never pays for it.
#[derive(Default)]
pub(super) struct OwnRows(RefCell<Map>);

#[derive(Default)]
struct Map {
    entries: HashMap<u64, usize, BuildHasherDefault<Spread>>,
    /// Writes entered so far.
    entered: usize,
}

/// Table and row in one word.
fn place(table: u32, row: u32) -> u64 {
    u64::from(table) << 32 | u64::from(row)
}

/// Row numbers are given out by the store, so nobody can choose them to collide: one multiplication
/// spreads them.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, place: u64) {
        let wide = u128::from(place ^ 0x9E37_79B9_7F4A_7C15) * 0xA076_1D64_78BD_642F_u128;
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a place is one word")
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl OwnRows {
    /// The write of this transaction that concerns the row.
    pub(super) fn find(&self, writes: &[Write], table: u32, row: u32) -> Option<usize> {
        if writes.len() <= SEARCHED_MAX {
            return writes.iter().position(|write| write.table == table && write.row == row);
        }
        let map = &mut *self.0.borrow_mut();
        for (at, write) in writes.iter().enumerate().skip(map.entered) {
            map.entries.insert(place(write.table, write.row), at);
        }
        map.entered = writes.len();
        map.entries.get(&place(table, row)).copied()
    }

    /// Forgets writes from this one on.
    pub(super) fn truncate(&mut self, writes: &[Write], len: usize) {
        let map = self.0.get_mut();
        for write in writes.iter().take(map.entered).skip(len) {
            map.entries.remove(&place(write.table, write.row));
        }
        map.entered = map.entered.min(len);
    }

    /// Bytes held, for the budget.
    pub(super) fn bytes_per_write() -> usize {
        2 * size_of::<(u64, usize)>()
    }
}

//! A transaction's own rows: from row to write, without a list to search.

use super::write_set::Write;
use std::cell::RefCell;
use std::collections::HashMap;

/// Up to this many writes are searched one by one: cheaper than a map.
const SEARCHED_MAX: usize = 8;

/// Which write concerns a row; built when first asked for, so that a load never pays for it.
#[derive(Default)]
pub(super) struct OwnRows(RefCell<Map>);

#[derive(Default)]
struct Map {
    entries: HashMap<(u32, u32), usize>,
    /// Writes entered so far.
    entered: usize,
}

impl OwnRows {
    /// The write of this transaction that concerns the row.
    pub(super) fn find(&self, writes: &[Write], table: u32, row: u32) -> Option<usize> {
        if writes.len() <= SEARCHED_MAX {
            return writes.iter().position(|write| write.table == table && write.row == row);
        }
        let map = &mut *self.0.borrow_mut();
        for (at, write) in writes.iter().enumerate().skip(map.entered) {
            map.entries.insert((write.table, write.row), at);
        }
        map.entered = writes.len();
        map.entries.get(&(table, row)).copied()
    }

    /// Forgets writes from this one on.
    pub(super) fn truncate(&mut self, writes: &[Write], len: usize) {
        let map = self.0.get_mut();
        for write in writes.iter().take(map.entered).skip(len) {
            map.entries.remove(&(write.table, write.row));
        }
        map.entered = map.entered.min(len);
    }

    /// Bytes held, for the budget.
    pub(super) fn bytes_per_write() -> usize {
        2 * size_of::<((u32, u32), usize)>()
    }
}

//! What concurrent transactions may see of each other, and what they may do to each other.
//!
//! Threads race here, outcomes do not: each test states what must hold in every interleaving.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod atomic;
mod closed;
mod columns;
mod found;
mod groups;
mod images;
mod incr;
mod indexes;
mod kept;
mod live_indexes;
mod log_first;
mod lookups;
mod lost_update;
mod many;
mod own_writes;
mod pages;
mod pressure;
mod prune;
mod reads;
mod row_atomic;
mod scans;
mod serializable;
mod stopped;
mod torn;
mod turns;
mod unique;
mod write_where;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store_core::{Schema, Store, Table, Type};

/// A store without files.
fn store() -> Store {
    Store::options().memory(64 << 20).open_in_memory().unwrap()
}

/// A table of accounts: `id` key, `place` and `value` indexed.
fn accounts(store: &Store, name: &str) -> Table {
    let schema = Schema::builder(name)
        .column("id", Type::Int64)
        .key()
        .column("place", Type::Int32)
        .index()
        .column("value", Type::Int64)
        .index()
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

/// Keeps writers from running away from the reader they race with: what is written under an open
/// snapshot is work for its reader, so one that falls behind would fall further and further.
#[derive(Default)]
struct Pace {
    stop: AtomicBool,
    looks: AtomicU64,
    /// Writes since that look of the reader.
    burst: Mutex<(u64, u64)>,
}

impl Pace {
    /// The reader has looked once more.
    fn looked(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until one more write is allowed, of so many between two looks; false at the end.
    fn may_write(&self, per_look: u64) -> bool {
        while !is_stopped(&self.stop) {
            let looks = self.looks.load(Ordering::Relaxed);
            let mut burst = self.burst.lock().unwrap();
            if burst.0 != looks {
                *burst = (looks, 0);
            }
            if burst.1 < per_look {
                burst.1 += 1;
                return true;
            }
            drop(burst);
            std::thread::sleep(Duration::from_micros(20));
        }
        false
    }
}

/// Sets a flag when dropped, so that helpers stop when a check fails too.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn is_stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

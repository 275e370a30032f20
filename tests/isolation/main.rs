//! What concurrent transactions may see of each other, and what they may do to each other.
//!
//! Threads race here, outcomes do not: each test states what must hold in every interleaving.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod atomic;
mod closed;
mod indexes;
mod kept;
mod log_first;
mod lost_update;
mod own_writes;
mod reads;
mod row_atomic;
mod torn;
mod unique;

use std::sync::atomic::{AtomicBool, Ordering};
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

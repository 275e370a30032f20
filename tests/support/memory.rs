//! What a store holds, and waiting until it holds less.

use std::time::{Duration, Instant};
use store_core::Store;

/// Longer than the upkeep thread needs, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of all tables, without the pages that the pool keeps ready.
pub fn table_bytes(store: &Store) -> u64 {
    let holders = store.stats().holders;
    holders.iter().find(|holder| holder.path == "store/tables").unwrap().bytes
}

/// Waits until something is done that nobody here does.
pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    wait_until_within(PATIENCE, what, done);
}

/// The same, not for as long: where a bug is expected that it would wait for in vain.
pub fn wait_until_within(patience: Duration, what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

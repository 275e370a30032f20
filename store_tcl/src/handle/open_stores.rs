//! The stores that are open in this process, in any thread's interpreters: to be made durable when it
//! ends.
//!
//! `exit` and the end of a script delete no command, so nothing closes a store then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use store_core::Store;

static OPEN: Mutex<BTreeMap<u64, Store>> = Mutex::new(BTreeMap::new());

/// A store's place among the open ones, until it is dropped.
pub struct Listed(u64);

impl Listed {
    /// Lists a store.
    pub fn new(store: &Store) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed); // only ever distinct
        open().insert(number, store.clone());
        Self(number)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let store = open().remove(&self.0);
        drop(store); // with the list free again
    }
}

/// Makes durable what was committed in any of them. Open transactions stay undone.
pub fn sync_all() {
    let stores: Vec<Store> = open().values().cloned().collect();
    for store in stores {
        // The process is ending and nobody is left to be told; `db close` and `db sync` tell.
        let _ = store.sync();
    }
}

fn open() -> MutexGuard<'static, BTreeMap<u64, Store>> {
    // Whoever panicked left a map that is whole.
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

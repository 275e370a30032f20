//! Handles of the engine and its tables, counted apart for threads that work at the same time.
//!
//! A snapshot keeps its store alive, and a transaction the tables that it writes. Counted in one word
//! for all, these handles would pass that word from processor to processor with every transaction
//! that begins or ends. So they are counted in a few *leases*: whoever is registered at a place uses
//! that place's lease, and threads that run at the same time have different places.
//!
//! ```text
//! Store, Table ── SharedEngine ──► leases 0 … 15 ──► Engine
//!                 Snapshot, Txn ──► one of them: its count, and tables written before
//! ```

use super::engine::Engine;
use super::rows::Rows;
use crate::sync::Mutex;
use smallvec::SmallVec;
use std::ops::Deref;
use std::sync::Arc;

/// More than there are processors on most machines; each is 256 bytes.
const LEASES: usize = 16;

/// Tables that a lease keeps for its next transaction.
const SPARE_TABLES: usize = 2;

type Tables = SmallVec<[Arc<Rows>; SPARE_TABLES]>;

/// The engine as public handles keep it.
#[derive(Clone)]
pub(crate) struct SharedEngine(Arc<Leases>);

struct Leases {
    of_places: [Arc<Lease>; LEASES],
    engine: Arc<Engine>,
}

/// The engine as snapshots and transactions keep it.
#[repr(align(128))]
pub(crate) struct Lease {
    /// Handles of tables that an earlier transaction has counted.
    // Dropped before the engine, whose end unmaps what these hold.
    spare: Mutex<Tables>,
    engine: Arc<Engine>,
}

impl SharedEngine {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let lease = |_| Lease { spare: Mutex::default(), engine: Arc::clone(&engine) };
        let of_places = std::array::from_fn(|place| Arc::new(lease(place)));
        Self(Arc::new(Leases { of_places, engine }))
    }

    /// The lease for whoever is registered at this place.
    #[inline]
    pub(crate) fn lease(&self, place: usize) -> Arc<Lease> {
        Arc::clone(&self.0.of_places[place % LEASES])
    }
}

impl Deref for SharedEngine {
    type Target = Arc<Engine>;

    #[inline(always)]
    fn deref(&self) -> &Arc<Engine> {
        &self.0.engine
    }
}

impl Deref for Lease {
    type Target = Arc<Engine>;

    #[inline(always)]
    fn deref(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Lease {
    /// A handle of a table: one that is left over, or a new one.
    #[inline]
    pub(super) fn table(&self, rows: &Arc<Rows>) -> Arc<Rows> {
        let spare = self.spare.try_lock().and_then(|mut spare| {
            let at = spare.iter().position(|known| Arc::ptr_eq(known, rows))?;
            Some(spare.swap_remove(at))
        });
        spare.unwrap_or_else(|| Arc::clone(rows))
    }

    /// Takes the handles of a transaction that has ended, for the next one.
    #[inline]
    pub(super) fn keep_tables(&self, tables: &mut SmallVec<[Arc<Rows>; 2]>) {
        let Some(mut spare) = self.spare.try_lock() else { return };
        for rows in tables.drain(..) {
            if spare.len() < SPARE_TABLES {
                spare.push(rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctest;

    #[test]
    fn every_place_has_the_same_engine_and_few_share_a_count() {
        let shared = SharedEngine::new(Engine::new(8 << 20).unwrap());
        let counts = |place: usize| Arc::as_ptr(&shared.lease(place));
        assert!((0..100).all(|place| Arc::ptr_eq(&shared.lease(place).engine, &shared.0.engine)));
        assert!((1..LEASES).all(|place| counts(place) != counts(place - 1)));
    }

    #[test]
    fn a_lease_hands_the_tables_of_a_transaction_to_the_next() {
        let (store, flights) = doctest::flights();
        let held = || Arc::strong_count(&store.engine().table("flights").unwrap());
        let write = || store.write(|txn| flights.delete(txn, &["nobody".into()])).unwrap();
        write();
        let first = held();
        for _ in 0..100 {
            write();
            store.write(|txn| flights.lock(txn, &["UAL123".into()])).unwrap();
        }
        assert!(held() <= first + 1, "a handle for each lease at most");
    }

    #[test]
    fn the_last_handle_of_any_kind_ends_the_engine() {
        let (store, flights) = doctest::flights();
        let engine = Arc::downgrade(&store.engine());
        let snapshot = store.snapshot().unwrap();
        let mut txn = store.begin().unwrap();
        flights.lock(&mut txn, &["UAL123".into()]).unwrap();
        drop((store, flights));
        assert!(engine.upgrade().is_some());
        drop(txn);
        assert!(engine.upgrade().is_some());
        drop(snapshot);
        assert!(engine.upgrade().is_none());
    }
}

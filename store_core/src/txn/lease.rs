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
use super::live_table::LiveTable;
use super::rows::Rows;
use crate::mem::current::Held;
use crate::sync::Mutex;
use smallvec::SmallVec;
use std::ops::Deref;
use std::sync::Arc;

/// More than there are processors on most machines; each is 256 bytes.
const LEASES: usize = 16;

/// Tables that a lease keeps for its next transaction.
const SPARE_TABLES: usize = 2;

type Tables = SmallVec<[Held<Rows>; SPARE_TABLES]>;

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
    /// Tables that an earlier transaction has counted, none of them replaced.
    // Dropped before the engine, whose end unmaps what these hold.
    spare: Mutex<Tables>,
    engine: Arc<Engine>,
    // After the engine's own count: its end waits for threads that hold the engine. None for those.
    owner: Option<Arc<Owner>>,
}

/// Held by every lease, and so by every handle of a user's, but by no thread of the store's: the last
/// handle ends those threads before it returns, and makes durable what was acknowledged.
struct Owner {
    engine: Arc<Engine>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.engine.is_forked() {
            return; // the threads and the log are the parent's
        }
        self.engine.end_threads();
        // Whoever wants to know asks `Store::close` or `Store::sync` before.
        let _: crate::error::Result<()> = self.engine.sync();
    }
}

impl SharedEngine {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let owner = Arc::new(Owner { engine: Arc::clone(&engine) });
        let lease = |_| Lease {
            spare: Mutex::default(),
            engine: Arc::clone(&engine),
            owner: Some(Arc::clone(&owner)),
        };
        let of_places = std::array::from_fn(|place| Arc::new(lease(place)));
        Self(Arc::new(Leases { of_places, engine }))
    }

    /// The lease for whoever is registered at this place.
    #[inline]
    pub(crate) fn lease(&self, place: usize) -> Arc<Lease> {
        Arc::clone(&self.0.of_places[place % LEASES])
    }

    /// Lets go of what leases keep of a table whose list of indexes was replaced: from now on nobody
    /// holds the old list but transactions that have not ended.
    pub(crate) fn let_go_of_replaced(&self) {
        self.0.of_places.iter().for_each(|lease| lease.let_go_of_replaced());
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
    /// One for transactions of the store's own threads, which keep no handle of the store. It keeps no tables
    /// either: nobody could tell it to let go of them.
    pub(crate) fn of_thread(engine: &Arc<Engine>) -> Arc<Self> {
        let engine = Arc::clone(engine);
        Arc::new(Self { spare: Mutex::default(), engine, owner: None })
    }

    /// See [`SharedEngine::let_go_of_replaced`].
    pub(crate) fn let_go_of_replaced(&self) {
        self.spare.lock().retain(|rows| !rows.is_replaced());
    }

    /// A share of a table for a transaction that is registered: one that is left over, or a new one.
    #[inline]
    pub(super) fn table(&self, table: &LiveTable) -> Held<Rows> {
        let spare = self.spare.try_lock().and_then(|mut spare| {
            let at = spare.iter().position(|known| Arc::ptr_eq(known.data(), &table.data))?;
            Some(spare.swap_remove(at))
        });
        match spare {
            Some(rows) if !rows.is_replaced() => rows,
            _ => table.share(),
        }
    }

    /// Takes the shares of a transaction that has ended, for the next one; not those replaced.
    #[inline]
    pub(super) fn keep_tables(&self, tables: &mut Tables) {
        if self.owner.is_none() {
            return tables.clear();
        }
        // Looked at under the lock, which `let_go_of_replaced` takes after they were marked.
        let Some(mut spare) = self.spare.try_lock() else { return };
        for rows in tables.drain(..) {
            if spare.len() < SPARE_TABLES && !rows.is_replaced() {
                spare.push(rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctest;
    use std::time::Duration;

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
        let held = || store.engine().live_tables()[0].share_locked().others();
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
    fn a_change_of_the_indexes_waits_for_no_lease() {
        let (store, flights) = doctest::flights();
        let write = || {
            let higher = [("altitude", 36_000.into())];
            store.write(|txn| flights.update(txn, &["UAL123".into()], &higher)).unwrap();
        };
        let held = || store.engine().live_tables()[0].share_locked().others();
        let spec =
            crate::IndexSpec::on(&["altitude", "origin"]).patience(Duration::from_millis(100));
        write();
        assert_eq!(held(), 2, "the table's own and the lease's");
        flights.create_index(&spec).unwrap();
        assert_eq!(held(), 1, "the table's own");
        write();
        assert_eq!(held(), 2, "the lease's is the new list");
        flights.drop_index("altitude+origin").unwrap();
        assert_eq!(held(), 1);
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

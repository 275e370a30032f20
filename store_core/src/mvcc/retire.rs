//! Nodes that left the middle of a chain: a reader may still stand on one, so they go back to
//! their arena once nobody who walked then is walking any more.

use crate::mem::arena::Arena;
use crate::mem::epoch::Epoch;
use crate::planted;
use crate::sync::{AtomicU64, Mutex, Relaxed, capacity};
use std::sync::Arc;

/// Nodes handed to the epoch at once: so many that the hand-over does not count, so few that what
/// waits beside a chain stays small.
const BATCH_NODES: usize = capacity(16, 1);

/// What waits for the epoch, and where it goes then.
pub(super) struct Retired {
    nodes: Arc<Arena>,
    epoch: Arc<Epoch>,
    batch: Mutex<Vec<u32>>,
    /// Nodes in the batch and beyond it.
    waiting: AtomicU64,
    /// The same, in a total of what is left to be freed.
    total: Arc<AtomicU64>,
}

impl Retired {
    pub(super) fn new(nodes: Arc<Arena>, epoch: Arc<Epoch>) -> Self {
        let batch = Mutex::new(Vec::with_capacity(BATCH_NODES));
        Self { nodes, epoch, batch, waiting: AtomicU64::new(0), total: Arc::default() }
    }

    /// Counts its nodes in this total too.
    pub(super) fn count_in(&mut self, total: Arc<AtomicU64>) {
        self.total = total;
    }

    /// Takes a node that no chain leads to any more; its words stay as they are until it is free.
    pub(super) fn retire(&self, node: u32) {
        self.waiting.fetch_add(1, Relaxed);
        self.total.fetch_add(1, Relaxed);
        let mut batch = self.batch.lock();
        batch.push(node);
        if batch.len() >= BATCH_NODES {
            let full = std::mem::replace(&mut *batch, Vec::with_capacity(BATCH_NODES));
            drop(batch);
            self.hand_over(full);
        }
    }

    /// Hands over what there is, and frees what may be freed.
    pub(super) fn flush(&self) {
        let batch = std::mem::take(&mut *self.batch.lock());
        if !batch.is_empty() {
            self.hand_over(batch);
        }
        self.free();
    }

    /// Frees the nodes that no reader stands on any more.
    pub(super) fn free(&self) {
        let freed = self.nodes.take_back();
        if freed > 0 {
            self.waiting.fetch_sub(freed, Relaxed);
            self.total.fetch_sub(freed, Relaxed);
        }
    }

    /// Nodes that are neither in a chain nor free.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    fn hand_over(&self, batch: Vec<u32>) {
        let guard = self.epoch.pin();
        let nodes = Arc::clone(&self.nodes);
        // The closure owns all it uses: it may run on any thread, even after the store is gone. That
        // may be a reader's, which must not wait for a lock (invariant I4).
        guard.defer(move || {
            if let Some(_open) = nodes.hold_open() {
                if planted::bug("freed_under_lock") {
                    nodes.release_all(&batch);
                } else {
                    nodes.hand_back(&batch);
                }
            }
        });
        // Not left in this thread's own list: it may never come by again.
        guard.flush();
        drop(guard);
        self.free();
    }
}

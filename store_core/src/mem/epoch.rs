//! Epoch-based reclamation for the blocks of ordered indexes, and for versions taken out of the
//! middle of a chain (not for hash tables, nor for most versions: nobody can stand on those).
//!
//! Each store has a collector of its own, so that a guard somebody sleeps on elsewhere in the
//! process holds back nothing here. A guard lives for one call only. After Fraser, "Practical
//! lock-freedom" (2004), by crossbeam-epoch.

use crossbeam_epoch::LocalHandle;
use std::cell::RefCell;
use std::sync::{Arc, Weak};

pub(crate) use crossbeam_epoch::{Collector, Guard};

/// A store's collector.
pub(crate) struct Epoch {
    collector: Collector,
    alive: Arc<()>,
}

struct Registered {
    collector: Collector,
    alive: Weak<()>,
    handle: LocalHandle,
}

thread_local! {
    /// This thread's handle in each store it has used; those of closed stores go when a new one comes.
    static HANDLES: RefCell<Vec<Registered>> = const { RefCell::new(Vec::new()) };
}

impl Epoch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { collector: Collector::new(), alive: Arc::new(()) })
    }

    /// The collector, for structures that take one.
    pub(crate) fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Pins the thread for one call. About 5 ns.
    #[inline]
    pub(crate) fn pin(&self) -> Guard {
        HANDLES
            .try_with(|handles| {
                let known = handles.borrow();
                if let Some(found) = known.iter().find(|known| known.collector == self.collector) {
                    return found.handle.pin();
                }
                drop(known);
                self.register(handles)
            })
            .unwrap_or_else(|_| self.collector.register().pin()) // the thread is ending
    }

    /// Runs what is due, as far as threads that are pinned allow. For those who wait for memory.
    pub(crate) fn collect(&self) {
        /// Two epochs must pass; a few more tries in case others pin meanwhile.
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            self.pin().flush();
        }
    }

    #[cold]
    fn register(&self, handles: &RefCell<Vec<Registered>>) -> Guard {
        let handle = self.collector.register();
        let guard = handle.pin();
        let closed: Vec<Registered> = {
            let mut known = handles.borrow_mut();
            let closed = known.extract_if(.., |known| known.alive.strong_count() == 0).collect();
            let alive = Arc::downgrade(&self.alive);
            known.push(Registered { collector: self.collector.clone(), alive, handle });
            closed
        };
        drop(closed); // may run deferred work, which must find the cell free
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_closed_stores_go_when_a_new_one_comes() {
        for _ in 0..10 {
            let epoch = Epoch::new();
            drop(epoch.pin());
            drop(epoch.pin());
        }
        HANDLES.with(|handles| assert!(handles.borrow().len() <= 2));
    }
}

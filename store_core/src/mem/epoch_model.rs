//! Epochs as a model sees them: what was retired is freed as soon as nobody is pinned any more who
//! was so then (by `defer`), or when the guard went under which it was retired (by `defer_unchecked`).
//! That is the earliest that an epoch could allow, and it takes no step of the model.
//!
//! It stands in for crossbeam-epoch, whose own atomics a model checker does not see and which would
//! free what is left after the model has ended. What is modelled is our use of epochs, not epochs.

use crate::sync::{AtomicU64, Relaxed, SeqCst, fence};
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

/// A store's collector.
pub(crate) struct Epoch {
    collector: Collector,
    state: Arc<Mutex<State>>,
    steps: Option<Arc<AtomicU64>>,
}

/// As in crossbeam-epoch; nothing here.
#[derive(Clone)]
pub(crate) struct Collector;

/// A pinned thread.
pub(crate) struct Guard {
    number: u64,
    state: Arc<Mutex<State>>,
    /// Something was retired by `defer_unchecked`.
    retired: Cell<bool>,
    steps: Option<Arc<AtomicU64>>,
}

#[derive(Default)]
struct State {
    pins: u64,
    pinned: Vec<u64>,
    waiting: Vec<Deferred>,
    /// Something was retired by `defer`.
    retired: bool,
    /// A guard under which something was retired by `defer_unchecked` is gone.
    unlinked: bool,
}

struct Deferred {
    /// Who was pinned when this was retired.
    held_by: Vec<u64>,
    free: Box<dyn FnOnce()>,
    /// Who retired it by `defer_unchecked`, which takes no fence before the guard goes.
    retirer: Option<u64>,
}

// SAFETY: the threads of a model are one thread of the system.
unsafe impl Send for State {}

impl Epoch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { collector: Collector, state: Arc::default(), steps: None })
    }

    /// Epochs in which a guard that goes and a pin are steps of the model, tried in either order. Else
    /// the fence of the one comes at once with what was done before it.
    #[cfg(loom)]
    pub(crate) fn with_steps() -> Arc<Self> {
        let steps = Some(Arc::new(AtomicU64::new(0)));
        Arc::new(Self { collector: Collector, state: Arc::default(), steps })
    }

    pub(crate) fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Pins the thread for one call.
    pub(crate) fn pin(&self) -> Guard {
        if let Some(steps) = &self.steps {
            steps.load(Relaxed);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.retired || state.unlinked {
            // As in crossbeam-epoch: who pins after something was retired finds it unlinked. Not
            // always, because a fence of ours that is missing must not be made up for.
            fence(SeqCst);
        }
        state.pins += 1;
        let number = state.pins;
        state.pinned.push(number);
        // Who retired it is still pinned, so the epoch may be the same: this guard holds it, too.
        let same = |deferred: &&mut Deferred| {
            deferred.retirer.is_some_and(|retirer| deferred.held_by.contains(&retirer))
        };
        state.waiting.iter_mut().filter(same).for_each(|deferred| deferred.held_by.push(number));
        let (state, steps) = (Arc::clone(&self.state), self.steps.clone());
        Guard { number, state, retired: Cell::new(false), steps }
    }

    /// As in the other one; nothing here, where all that may be freed is.
    #[expect(clippy::unused_self, reason = "nothing is left to do")]
    pub(crate) fn collect(&self) {}
}

impl Guard {
    /// As `defer_unchecked`, of what may go to any thread.
    pub(crate) fn defer(&self, free: impl FnOnce() + Send + 'static) {
        fence(SeqCst); // pairs with the fence in `pin`
        self.state.lock().unwrap_or_else(PoisonError::into_inner).retired = true;
        self.hold(Box::new(free), None);
    }

    /// Runs `free` when nobody is pinned who is now.
    ///
    /// # Safety
    /// As in crossbeam-epoch.
    pub(crate) unsafe fn defer_unchecked(&self, free: impl FnOnce() + 'static) {
        self.retired.set(true);
        self.hold(Box::new(free), Some(self.number));
    }

    fn hold(&self, free: Box<dyn FnOnce()>, retirer: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held_by = state.pinned.clone();
        state.waiting.push(Deferred { held_by, free, retirer });
    }

    /// As in crossbeam-epoch; nothing here.
    #[expect(clippy::unused_self, reason = "nothing is kept in a guard")]
    pub(crate) fn flush(&self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.retired.get() {
            if let Some(steps) = &self.steps {
                steps.fetch_add(1, Relaxed);
            }
            fence(SeqCst); // pairs with the fence in `pin`
        }
        let free: Vec<Deferred> = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.pinned.retain(|number| *number != self.number);
            for waiting in &mut state.waiting {
                waiting.held_by.retain(|number| *number != self.number);
            }
            state.unlinked |= self.retired.get();
            state.waiting.extract_if(.., |waiting| waiting.held_by.is_empty()).collect()
        };
        if std::thread::panicking() {
            std::mem::forget(free);
            return;
        }
        for deferred in free {
            (deferred.free)();
        }
    }
}

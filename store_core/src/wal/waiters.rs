//! Those who wait for a sync: each is woken by itself, and needs no lock to go on.
//!
//! A condition that all wait on would hand the log's mutex from one to the next, a change of
//! threads each, before the last of a batch could return. Instead the leader takes those of its batch
//! out of the list, and one more, who is to lead the next batch, and wakes them without the mutex.

use super::lsn::Lsn;
use crate::planted;
use crate::sync::{Acquire, AtomicBool, Release, Thread, current_thread, park};
use smallvec::SmallVec;
use std::sync::Arc;

/// A thread that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    woken: AtomicBool,
    thread: Thread,
}

/// Waiters to be woken.
pub(super) type Woken = SmallVec<[Arc<Waiter>; 16]>;

/// Who waits, and up to which position.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<(Lsn, Arc<Waiter>)>);

impl Waiter {
    /// Waits to be woken.
    pub(super) fn wait(&self) {
        // Pairs with Release below: whoever is woken sees what was done before.
        while !self.woken.load(Acquire) {
            park();
        }
    }

    fn wake(&self) {
        self.woken.store(true, Release);
        self.thread.unpark();
    }
}

impl Waiters {
    /// Enters the calling thread.
    pub(super) fn enter(&mut self, end: Lsn) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter { woken: AtomicBool::new(false), thread: current_thread() });
        self.0.push((end, Arc::clone(&waiter)));
        waiter
    }

    /// Takes those out who wait for no more than this, and one more, first, to lead for the rest.
    pub(super) fn take_done(&mut self, durable: Lsn) -> Woken {
        let mut woken = Woken::new();
        if planted::bug("followers_forgotten") {
            return woken;
        }
        let next = self.0.iter().position(|(end, _)| *end > durable);
        if let Some(next) = next.filter(|_| !planted::bug("next_leader_forgotten")) {
            woken.push(self.0.swap_remove(next).1);
        }
        let done = self.0.extract_if(.., |(end, _)| *end <= durable);
        woken.extend(done.map(|(_, waiter)| waiter));
        woken
    }

    /// Takes all out.
    pub(super) fn take_all(&mut self) -> Woken {
        if planted::bug("followers_forgotten") {
            return Woken::new();
        }
        self.0.drain(..).map(|(_, waiter)| waiter).collect()
    }
}

/// Wakes them, in their order. With or without the log's mutex.
pub(super) fn wake(woken: &Woken) {
    woken.iter().for_each(|waiter| waiter.wake());
}

//! The thread that syncs commits nobody waits for, publishes those with tickets, and makes room in the
//! log before it is needed.
//!
//! Started with the first such commit, or when room runs short; it holds the engine, so the last handle of a user's ends it
//! and waits for it, at most for one sync.

use super::engine::Engine;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::sync::{AtomicBool, Mutex, Relaxed};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// The thread, if there is one.
#[derive(Default)]
pub(crate) struct LogThread {
    running: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LogThread {
    /// Sees to it that the thread runs; false if the system has none to give. The threads of a model
    /// are its own.
    #[inline]
    pub(super) fn start(&self, engine: &Arc<Engine>) -> bool {
        self.running.load(Relaxed) || self.start_first(engine)
    }

    #[cold]
    fn start_first(&self, engine: &Arc<Engine>) -> bool {
        let mut thread = self.thread.lock();
        if thread.is_none() && !cfg!(any(loom, shuttle)) {
            let engine = Arc::clone(engine);
            *thread = Builder::new().name("store-log".to_owned()).spawn(move || run(&engine)).ok();
            self.running.store(thread.is_some(), Relaxed);
        }
        thread.is_some()
    }

    /// Waits for the thread's end, once it was told to.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // If it panicked, the log is poisoned: no reason to panic in a drop.
            let _ = thread.join();
        }
    }
}

fn run(engine: &Engine) {
    let Some(log) = engine.log() else { return };
    let mut seen = 0;
    while let Some(durable) = log.wal.sync_later(log.lag, seen) {
        seen = durable;
        if planted::bug("tickets_not_published") {
            continue;
        }
        if engine.timeline.wait_published(Timestamp(durable)).is_err() {
            return;
        }
    }
    if log.wal.is_poisoned() {
        // What has a ticket is never published, nor what came after it.
        engine.timeline.give_up();
    }
}

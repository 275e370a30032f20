//! Checkpoints by themselves: when the log has grown, or holds something old.
//!
//! A thread of the store's writes them, one at a time with those that users ask for; no commit waits
//! for one. An error stays in the statistics and is tried again later. The thread holds the engine;
//! the last handle of a user's tells it to end, and waits for a page or a sync of its checkpoint.

use super::run;
use crate::error::Result;
use crate::store::Home;
use crate::txn::Engine;
use crate::wal::Lsn;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How long after a failed checkpoint the next one is tried: a full disk stays so for a while.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// A time that does not come.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// When checkpoints are written without being asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Automatic {
    /// When the log holds so many bytes; 0 for never.
    pub bytes: u64,
    /// When it holds something as old as this; zero for never.
    pub age: Duration,
}

/// Writes a checkpoint and notes what became of it.
pub(crate) fn run_noted(engine: &Arc<Engine>, home: &Home) -> Result<()> {
    let began = Instant::now();
    let outcome = run(engine, home);
    let mut tally = engine.checkpoints.lock();
    match &outcome {
        Ok(()) => {
            tally.done += 1;
            tally.error = None;
            (tally.took, tally.ended) = (Some(began.elapsed()), Some(Instant::now()));
        }
        Err(_) if engine.is_ending() => {}
        Err(error) => {
            tally.failed += 1;
            tally.error = Some(error.to_string());
        }
    }
    outcome
}

/// Starts the thread, if checkpoints are to be written by themselves. If there is none to be had they
/// are not, and the statistics say so.
pub(crate) fn start(engine: &Arc<Engine>, home: &Arc<Home>, when: Automatic) {
    if (when.bytes == 0 && when.age.is_zero()) || cfg!(any(loom, shuttle)) {
        return;
    }
    let (held, home) = (Arc::clone(engine), Arc::clone(home));
    let thread = Builder::new().name("store-checkpoint".to_owned());
    match thread.spawn(move || watch(&held, &home, when)) {
        Ok(thread) => engine.keep_thread(thread),
        Err(fault) => {
            let mut tally = engine.checkpoints.lock();
            tally.failed += 1;
            tally.error = Some(format!("no thread for automatic checkpoints: {fault}"));
        }
    }
}

/// Writes checkpoints until the engine ends, or its log stops for good.
fn watch(engine: &Arc<Engine>, home: &Home, when: Automatic) {
    let Some(log) = engine.log() else { return };
    let bytes = if when.bytes == 0 { u64::MAX } else { when.bytes };
    let far = || Instant::now() + NEVER;
    loop {
        // Not held while waiting: a checkpoint by hand moves it on.
        let from = Lsn(home.manifest.lock().wal_start);
        if !log.wal.wait_grown(from, bytes.min(1), far()) {
            return;
        }
        let due = if when.age.is_zero() { far() } else { Instant::now() + when.age };
        if !log.wal.wait_grown(from, bytes, due) {
            return;
        }
        if home.manifest.lock().wal_start != from.0 {
            continue; // one was written meanwhile
        }
        if run_noted(engine, home).is_err()
            && (engine.check_log().is_err()
                || !log.wal.wait_grown(from, u64::MAX, Instant::now() + RETRY_AFTER))
        {
            return;
        }
    }
}

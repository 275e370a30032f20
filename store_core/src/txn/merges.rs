//! Asking for segments to be merged, and what was merged.

use crate::error::{Kind, Result};
use crate::sync::{AtomicBool, Condvar, Mutex, Relaxed};
use std::time::Duration;

/// What the thread that merges shares with those who ask it to.
#[derive(Default)]
pub(crate) struct Merges {
    /// There is a thread.
    enabled: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    ending: bool,
    tally: MergesTally,
}

/// What merging has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct MergesTally {
    /// Segments made of others.
    pub merges: u64,
    /// Rows written to them.
    pub rows: u64,
    /// Why the last one failed, if it did.
    pub error: Option<String>,
}

impl Merges {
    /// There is a thread from now on.
    pub(crate) fn enable(&self) {
        self.enabled.store(true, Relaxed);
    }

    /// True if what is wanted will be done by a thread.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// Some rows were frozen: there may be something to merge.
    pub(crate) fn want(&self) {
        self.state.lock().wanted = true;
        self.changed.notify_all();
    }

    /// Waits until something may have to be merged; false at the end.
    pub(crate) fn wait_wanted(&self) -> bool {
        let mut state = self.state.lock();
        while !state.wanted && !state.ending {
            self.changed.wait_for(&mut state, Duration::from_secs(3600));
        }
        state.wanted = false;
        !state.ending
    }

    /// A segment of so many rows was made, or not.
    pub(crate) fn note(&self, outcome: &Result<u64>) {
        let tally = &mut self.state.lock().tally;
        match outcome {
            Ok(rows) => {
                tally.merges += 1;
                tally.rows += rows;
                tally.error = None;
            }
            // Told to end, or to leave the memory to others.
            Err(error) if error.kind() == Kind::Cancelled => {}
            Err(error) => tally.error = Some(error.to_string()),
        }
    }

    /// Tells the thread to end.
    pub(crate) fn end(&self) {
        self.state.lock().ending = true;
        self.changed.notify_all();
    }

    /// What was done so far.
    pub(crate) fn tally(&self) -> MergesTally {
        self.state.lock().tally.clone()
    }
}

//! Room made ahead, by the thread that looks after the log, so that no committer pays for it.
//!
//! ```text
//!  … records │ batch │ zeros, durable ………………………│ zeros on their way │
//!                    ▲ end               allocated ▲
//!                    └── half a growth or less: the thread adds to it, piece by piece ──► a growth
//! ```
//!
//! The pieces are small and have pauses between them, for the syncs of commits. A piece is synced as a
//! batch of records is, and with one if there is one: so there are never two syncs of the file at once, of
//! which one could be told of the other's failure. A committer who finds no room makes it himself.

use super::file::PREPARE_STEP;
use super::group_commit::Goal;
use super::writer::{State, Wal};
use crate::options::pause_after;
use crate::sync::{MutexGuard, Relaxed};
use std::sync::Arc;
use std::time::Instant;

/// Room is made ahead only where files grow by so much: smaller growths are over before a thread runs.
const GROWTH_MIN: u64 = 1 << 20;

impl Wal {
    /// Notes, after an append, that the room ahead runs short.
    pub(super) fn note_room(&self, state: &mut State) {
        let growth = self.options.preallocate_bytes;
        let known = state.room_at.is_some() || state.room_refused == Some(state.allocated);
        if growth < GROWTH_MIN || known || state.room() > growth / 2 {
            return;
        }
        state.room_at = Some(Instant::now());
        self.room_wanted.store(true, Relaxed); // a hint for who can start the thread
        self.later_wanted.notify_all();
    }

    /// True if the thread that looks after the log is to make room.
    #[inline]
    pub(crate) fn wants_room(&self) -> bool {
        self.room_wanted.load(Relaxed)
    }

    /// Makes a piece of room; others append, write and sync meanwhile, but make none.
    pub(super) fn grow(&self, state: &mut MutexGuard<'_, State>) {
        let (file, from) = (Arc::clone(&state.file), state.allocated);
        if state.extending || state.room() >= self.options.preallocate_bytes {
            self.stop_growing(state);
            return;
        }
        state.growing = true;
        let began = Instant::now();
        let written = self.unlocked(state, || file.write_zeros(from, from.plus(PREPARE_STEP)));
        let goal = state.syncs_begun + 1; // one that begins after the zeros were written
        while written.is_ok() && state.syncs_done < goal && state.poisoned.is_none() {
            self.lead_or_wait(state, Goal::Durable);
        }
        state.growing = false;
        self.changed.notify_all();
        match written {
            Ok(reached) if reached > from && state.poisoned.is_none() => {
                if Arc::ptr_eq(&file, &state.file) {
                    state.allocated = reached;
                }
                state.room_at = Some(Instant::now() + pause_after(began.elapsed()));
            }
            // Whoever needs the room tries himself, and hears why there is none.
            _ => {
                state.room_refused = Some(from);
                self.stop_growing(state);
            }
        }
    }

    fn stop_growing(&self, state: &mut State) {
        state.room_at = None;
        self.room_wanted.store(false, Relaxed);
    }
}

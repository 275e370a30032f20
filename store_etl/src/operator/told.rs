//! Who is told how far a job is: the thread that runs it, and no other.

use super::Counts;
use std::cell::Cell;

/// Told between two batches.
pub(crate) type Told = Box<dyn FnMut(&Counts)>;

thread_local! {
    static TOLD: Cell<Option<Told>> = const { Cell::new(None) };
}

/// While it lives, this thread's job tells somebody; a job around it tells again after that.
pub(crate) struct Telling(Option<Told>);

impl Telling {
    pub fn begin(told: Option<Told>) -> Self {
        Self(TOLD.replace(told))
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        TOLD.set(self.0.take());
    }
}

/// Tells, if this thread is the one that is to.
pub(super) fn tell(counts: &Counts) {
    // Out of its place meanwhile: it may run a job itself.
    if let Some(mut told) = TOLD.take() {
        told(counts);
        TOLD.set(Some(told));
    }
}

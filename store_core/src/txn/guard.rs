//! What must happen if a commit does not come to its end.

use crate::mvcc::Timeline;

/// From the timestamp to publication: a commit that panics or fails in between can never be
/// published, and neither can any after it. Says so instead of letting them wait.
pub(super) struct Sequenced<'a> {
    timeline: &'a Timeline,
    finished: bool,
}

impl<'a> Sequenced<'a> {
    pub(super) fn new(timeline: &'a Timeline) -> Self {
        Self { timeline, finished: false }
    }

    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Sequenced<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.timeline.give_up();
        }
    }
}

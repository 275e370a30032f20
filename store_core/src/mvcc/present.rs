//! Who reads at a moment, whatever: to be waited for before memory is used for something else.
//!
//! A timestamp does not tell who registered before from who did after, as many read the same one. So
//! each word of the registry counts the snapshots that have ended there: one that was seen is gone once the
//! word is nobody's or the count has changed. Who sits is gone once he was seen risen, or at another
//! timestamp.

use super::registry::{IDLE, PENDING, RESTING, Registry, SEATED};
use super::timeline::Timeline;
use crate::planted;
use crate::sync::{Acquire, SeqCst, fence, heavy_fence};
use smallvec::SmallVec;

/// Everybody who was registered at a look, expired or not, and may be still.
#[derive(Debug)]
pub(crate) struct Present(SmallVec<[Reader; 4]>);

#[derive(Debug)]
struct Reader {
    place: usize,
    /// What the word was, and how many had ended there before.
    read: u64,
    ended: u64,
}

impl Timeline {
    /// Who is registered now. Everybody else who reads sees what the caller has done before. `None` if that
    /// cannot be told.
    pub(crate) fn present(&self) -> Option<Present> {
        if !planted::bug("watermark_without_fence") {
            fence(SeqCst); // pairs with the fence in `register`
        }
        if self.others_have_seats() && !heavy_fence() {
            return None;
        }
        let words = self.registry.words().enumerate();
        let readers = words.filter_map(|(place, word)| {
            let read = word.read.load(Acquire);
            // Read after it: not less than had ended when this one took the word.
            let ended = word.ended.load(Acquire);
            let ignored = read == PENDING && planted::bug("pending_ignored");
            (!is_nobody(read) && !ignored).then_some(Reader { place, read, ended })
        });
        Some(Present(readers.collect()))
    }
}

impl Present {
    /// Takes those out who are gone; true if nobody is left.
    pub(crate) fn are_gone(&mut self, timeline: &Timeline) -> bool {
        self.0.retain(|reader| !reader.is_gone(&timeline.registry));
        self.0.is_empty()
    }
}

impl Reader {
    /// Acquire pairs with Release where a snapshot ends, or a reader rises: what was read comes before.
    fn is_gone(&self, registry: &Registry) -> bool {
        let word = registry.word(self.place);
        let read = word.read.load(Acquire);
        let sits_anew =
            self.read & read & SEATED != 0 && self.read != read && !is_nobody(self.read);
        is_nobody(read) || sits_anew || word.ended.load(Acquire) != self.ended
    }
}

fn is_nobody(read: u64) -> bool {
    matches!(read, IDLE | RESTING)
}

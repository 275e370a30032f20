//! Pages of rows that are empty: when their memory may be used for something else.
//!
//! A row's slot may be looked at when the row is gone: by a scan, by whoever follows an index entry that
//! is about to go, by a reclaimer whose queue named the row twice. Every reader has a registered snapshot
//! or a seat, every reclaimer is pinned ([`Versions::stand`]). So a page that is left - nothing leads to
//! it any more but a pointer that somebody has loaded already - waits
//!
//! * until everybody is gone who was registered when it was left (`present`), and
//! * until everybody has passed who was pinned then (`mem::epoch`).
//!
//! Its number waits as long: who holds the number of a row that was there finds no other row. Where its
//! table needs a page, it need not wait: whoever is on it finds slots of rows, as they always may be used
//! again.

use super::chain::Versions;
use super::present::Present;
use crate::mem::epoch::Guard;
use crate::planted;
use crate::sync::{AcqRel, Acquire, AtomicU64, Mutex, Relaxed};
use std::sync::Arc;

/// Pages that were left, oldest first.
#[derive(Default)]
pub(super) struct LeftPages {
    batches: Mutex<Batches>,
    /// Batches, for those who only look.
    waiting: AtomicU64,
    /// The newest batch of which it is known that nobody is pinned any more who was when it was left. Then
    /// nobody is either who was before.
    passed: Arc<AtomicU64>,
    /// The same, in a total of what is left to be freed.
    total: Arc<AtomicU64>,
}

#[derive(Default)]
struct Batches {
    waiting: Vec<Batch>,
    made: u64,
}

/// Pages that were left at about the same time.
struct Batch {
    /// Their stamps.
    pages: Vec<u64>,
    number: u64,
    /// Who may be on them, once that is known.
    present: Option<Present>,
}

impl LeftPages {
    /// Counts batches in this total too.
    pub(super) fn count_in(&mut self, total: Arc<AtomicU64>) {
        self.total = total;
    }

    fn count(&self, waiting: usize) {
        let before = self.waiting.swap(waiting as u64, Relaxed);
        self.total.fetch_add((waiting as u64).wrapping_sub(before), Relaxed);
    }
}

impl Versions {
    /// Keeps the pages of rows as they are for somebody without a snapshot, who looks at rows that he does
    /// not own.
    #[inline]
    pub(crate) fn stand(&self) -> Guard {
        self.epoch.pin()
    }

    /// True if pages wait for readers, or to be noted.
    pub(crate) fn has_left_pages(&self) -> bool {
        self.waiting_batches() > 0 || self.slots.has_left()
    }

    /// Batches of pages that wait for readers.
    pub(crate) fn waiting_batches(&self) -> u64 {
        self.left.waiting.load(Relaxed)
    }

    /// Notes that pages were left, if some were.
    #[inline]
    pub(crate) fn note_left_pages(&self) {
        if self.slots.has_left() {
            self.add_left_pages();
        }
    }

    #[cold]
    fn add_left_pages(&self) {
        let mut batches = self.left.batches.lock();
        let pages = self.slots.take_left();
        if pages.is_empty() {
            return;
        }
        batches.made += 1;
        let (number, passed) = (batches.made, Arc::clone(&self.left.passed));
        let guard = self.epoch.pin();
        guard.defer(move || note_passed(&passed, number));
        guard.flush();
        batches.waiting.push(Batch { pages, number, present: self.timeline.present() });
        self.left.count(batches.waiting.len());
    }

    /// Gives pages back that nobody can be on any more; true if some wait.
    pub(crate) fn end_left_pages(&self) -> bool {
        if self.waiting_batches() == 0 {
            return false;
        }
        let mut batches = self.left.batches.lock();
        // Pairs with Release in `note_passed`: what those did who were pinned comes before.
        let passed = match self.left.passed.load(Acquire) {
            _ if planted::bug("page_freed_without_epoch") => u64::MAX,
            passed => passed,
        };
        let over = |batch: &mut Batch| batch.number <= passed && self.is_unread(batch);
        for batch in batches.waiting.extract_if(.., over) {
            self.slots.end_pages(&batch.pages);
        }
        self.left.count(batches.waiting.len());
        !batches.waiting.is_empty()
    }

    /// True if everybody is gone who was registered when these pages were left.
    fn is_unread(&self, batch: &mut Batch) -> bool {
        batch.present = batch.present.take().or_else(|| self.timeline.present());
        let gone = |present: &mut Present| present.are_gone(&self.timeline);
        batch.present.as_mut().is_some_and(gone) || planted::bug("page_freed_under_reader")
    }
}

/// Raises the number of the newest batch that was passed. A loop, because the thread sanitizer does not know
/// `fetch_max`.
fn note_passed(passed: &AtomicU64, number: u64) {
    let mut known = passed.load(Relaxed);
    while known < number {
        match passed.compare_exchange_weak(known, number, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(now) => known = now,
        }
    }
}

impl Drop for LeftPages {
    fn drop(&mut self) {
        self.count(0); // the arena gives the pages back
    }
}

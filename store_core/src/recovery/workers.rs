//! What the threads of an opening have in common.

use crate::error::{Error, Result};
use crate::mem::MemoryBudget;
use crate::sync::{AtomicBool, Mutex, Relaxed};

/// Bytes of the budget for each thread beside the first: its buffers are a small part of them.
const BUDGET_OF_A_THREAD: u64 = 16 << 20;

/// How many of so many threads a budget is enough for.
pub(super) fn spare_threads(budget: &MemoryBudget, threads: usize) -> usize {
    let affordable = usize::try_from(budget.limit() / BUDGET_OF_A_THREAD).unwrap_or(usize::MAX);
    threads.min(affordable).max(1)
}

/// The error of several threads that comes first in the order of what they work on.
#[derive(Debug, Default)]
pub(super) struct FirstError {
    is_set: AtomicBool,
    first: Mutex<Option<(u64, Error)>>,
}

impl FirstError {
    /// Takes an error at this place.
    pub(super) fn note(&self, place: u64, error: Error) {
        let mut first = self.first.lock();
        if first.as_ref().is_none_or(|(known, _)| place < *known) {
            *first = Some((place, error));
        }
        self.is_set.store(true, Relaxed); // a hint: what counts is under the lock
    }

    /// True if there is one: then nothing new needs to be begun.
    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Relaxed)
    }

    /// The first error, once all threads have ended.
    pub(super) fn result(&self) -> Result<()> {
        self.first.lock().take().map_or(Ok(()), |(_, error)| Err(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_in_order_counts_whenever_it_comes() {
        let found = FirstError::default();
        assert!(!found.is_set() && found.result().is_ok());
        for place in [7, 3, 5, 3] {
            found.note(place, Error::corrupt(format!("at {place}")));
            assert!(found.is_set());
        }
        assert_eq!(found.result().unwrap_err().to_string(), "at 3");
    }

    #[test]
    fn a_small_budget_has_one_thread() {
        let threads = |bytes| spare_threads(&MemoryBudget::new(bytes), 8);
        assert_eq!([4 << 20, 31 << 20, 64 << 20, 1 << 30].map(threads), [1, 1, 4, 8]);
        assert_eq!(spare_threads(&MemoryBudget::new(1 << 30), 0), 1);
    }
}

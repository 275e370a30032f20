//! A shared value that its keeper takes out of its place one day, while the place stays and is asked.
//!
//! Whoever borrows pays one load, or none with a [`LentRef`]; in return the keeper knows when nobody
//! can borrow any more. Here that is once every snapshot has ended that may look.

use crate::sync::{AcqRel, Acquire, AtomicPtr};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// A place that lends a value until it is taken out.
pub(crate) struct Lent<T> {
    /// From `Arc::into_raw`; null once it was taken out.
    at: AtomicPtr<T>,
}

/// A reference to a lent value, or to a part of one.
pub(crate) struct LentRef<T>(NonNull<T>);

// SAFETY: it gives out references only.
unsafe impl<T: Send + Sync> Send for LentRef<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for LentRef<T> {}

impl<T> Lent<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { at: AtomicPtr::new(Arc::into_raw(value).cast_mut()) }
    }

    /// The value, for a caller for whose end the keeper waits before it takes the value out.
    #[inline(always)]
    pub(crate) fn lend(&self) -> &T {
        let at = self.at.load(Acquire);
        assert!(!at.is_null(), "a value is lent until nobody can ask for it");
        // SAFETY: its keeper has not taken it out, and waits for this caller.
        unsafe { &*at }
    }

    /// A share of it, for such a caller.
    pub(crate) fn share(&self) -> Arc<T> {
        let at: *const T = self.lend();
        // SAFETY: made by `Arc::into_raw`; the place still counts as a holder.
        unsafe {
            Arc::increment_strong_count(at);
            Arc::from_raw(at)
        }
    }

    /// Takes it out: nobody borrows it any more, nor will. `None` if it was.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        let at = self.at.swap(null_mut(), AcqRel);
        // SAFETY: made by `Arc::into_raw`, and given back once.
        (!at.is_null()).then(|| unsafe { Arc::from_raw(at) })
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> LentRef<T> {
    /// Refers to what a [`Lent`] lends. It is looked at by callers for whose end its keeper waits,
    /// and by nobody else.
    pub(crate) fn new(value: &T) -> Self {
        Self(NonNull::from(value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the promise of whoever made it.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Clone for LentRef<T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_with_its_last_holder_once_it_was_taken_out() {
        let value = Arc::new(7);
        let place = Lent::new(Arc::clone(&value));
        let shared = place.share();
        assert_eq!((*place.lend(), *LentRef::new(place.lend()).get()), (7, 7));
        assert_eq!(Arc::strong_count(&value), 3);
        drop(place.take());
        assert!(place.take().is_none());
        drop((place, shared));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

//! A small value that is replaced now and then and lent for as long as its place lasts: so all of
//! them are kept.

use crate::sync::{Acquire, AtomicPtr, Mutex, Release};
use std::ptr::NonNull;

/// The newest of some values, all of which stay.
pub(crate) struct Lasting<T> {
    newest: AtomicPtr<T>,
    all: Mutex<Vec<NonNull<T>>>,
}

// SAFETY: the values are shared by reference and dropped with their place.
unsafe impl<T: Send + Sync> Send for Lasting<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Lasting<T> {}

impl<T> Lasting<T> {
    pub(crate) fn new(value: T) -> Self {
        let first = NonNull::from(Box::leak(Box::new(value)));
        Self { newest: AtomicPtr::new(first.as_ptr()), all: Mutex::new(vec![first]) }
    }

    /// The newest value.
    pub(crate) fn newest(&self) -> &T {
        // Acquire pairs with Release in `put`: the value is complete.
        // SAFETY: never null, and what `all` has stays until the drop.
        unsafe { &*self.newest.load(Acquire) }
    }

    /// Adds a value, which is the newest from now on.
    pub(crate) fn put(&self, value: T) {
        let mut all = self.all.lock();
        let new = NonNull::from(Box::leak(Box::new(value)));
        all.push(new);
        self.newest.store(new.as_ptr(), Release);
    }
}

impl<T> Drop for Lasting<T> {
    fn drop(&mut self) {
        for value in self.all.get_mut().drain(..) {
            // SAFETY: `new` and `put` made it from a box, and it is in the list once.
            drop(unsafe { Box::from_raw(value.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_was_lent_stays() {
        let place = Lasting::new(vec![1]);
        let first = place.newest();
        place.put(vec![2]);
        assert_eq!((first, place.newest()), (&vec![1], &vec![2]));
    }
}

//! A value that is replaced as a whole now and then, shared without a lock.
//!
//! ```text
//! share     look at the newest → count oneself in → fence → still the newest? else count out, again
//! replace   newest := new → fence → whoever is counted in at the old one may use it, nobody comes
//! ```
//!
//! One of the two sees the other: so once only its replacer holds an old value, nobody uses it or
//! ever will. Somebody may still be about to count himself in, and out again: a replaced value's
//! memory must stay until whoever began to share before has ended, which the caller sees to.

use crate::planted;
use crate::sync::{
    Acquire, AtomicPtr, AtomicUsize, Relaxed, Release, SeqCst, Witness, fence, fence_after_exchange,
};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

struct Counted<T> {
    holders: AtomicUsize,
    bytes: Witness,
    value: T,
}

/// A share of a value, which lives as long as the last of them.
pub(crate) struct Held<T> {
    at: NonNull<Counted<T>>,
    _owns: PhantomData<T>,
}

/// The newest of some values.
pub(crate) struct Current<T> {
    /// Counted as one holder.
    newest: AtomicPtr<Counted<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: a share gives out references only, and the last holder, any thread, drops the value.
unsafe impl<T: Send + Sync> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Current<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Current<T> {}

impl<T> Current<T> {
    pub(crate) fn new(value: T) -> Self {
        let first = std::mem::ManuallyDrop::new(Held::new(value));
        Self { newest: AtomicPtr::new(first.at.as_ptr()), _owns: PhantomData }
    }

    /// The newest value.
    ///
    /// The caller is one of those for whose end the keeper of replaced values waits: it began
    /// before the value that it finds here was replaced, and has not ended. Waits for nobody.
    #[inline]
    pub(crate) fn share(&self) -> Held<T> {
        loop {
            // Pairs with Release in `replace`: the value is complete.
            let at = self.newest.load(Acquire);
            // SAFETY: never null, and its keeper waits for this caller.
            let counted = unsafe { &*at };
            counted.bytes.read();
            // Relaxed: the fence orders it with the look below, the holder before keeps the value.
            counted.holders.fetch_add(1, Relaxed);
            if !planted::bug("share_without_fence") {
                fence_after_exchange(); // pairs with the fence in `replace`
            }
            // SAFETY: not null; counted in just now.
            let held = Held { at: unsafe { NonNull::new_unchecked(at) }, _owns: PhantomData };
            if self.newest.load(Acquire) == at || planted::bug("share_not_checked") {
                return held;
            }
        }
    }

    /// Lends what the caller holds for as long as the caller holds it, which is its to see to.
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the lifetime lent is this one's")]
    pub(crate) fn lend<'c>(&'c self, held: &Held<T>) -> &'c T {
        // SAFETY: whoever asks keeps the share until it has done with the reference.
        unsafe { &held.at.as_ref().value }
    }

    /// Puts a new value in the old one's place; one at a time.
    ///
    /// The old one must be kept until everybody has ended who may be in `share`. Those that use it
    /// are its other holders.
    pub(crate) fn replace(&self, value: T) -> Held<T> {
        let new = std::mem::ManuallyDrop::new(Held::new(value));
        let old = self.newest.load(Relaxed);
        self.newest.store(new.at.as_ptr(), Release);
        if !planted::bug("replace_without_fence") {
            fence(SeqCst); // pairs with the fence in `share`
        }
        // SAFETY: never null. It takes over the count that stood for this place.
        Held { at: unsafe { NonNull::new_unchecked(old) }, _owns: PhantomData }
    }
}

impl<T> Drop for Current<T> {
    fn drop(&mut self) {
        let at = self.newest.load(Relaxed);
        // SAFETY: never null. It takes over the count that stood for this place.
        drop(Held::<T> { at: unsafe { NonNull::new_unchecked(at) }, _owns: PhantomData });
    }
}

impl<T> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        let counted = Counted { holders: AtomicUsize::new(1), bytes: Witness::written(), value };
        Self { at: NonNull::from(Box::leak(Box::new(counted))), _owns: PhantomData }
    }

    /// Holders beside this one; what those did that are gone has happened.
    pub(crate) fn others(&self) -> usize {
        // Pairs with Release in `drop`.
        self.counted().holders.load(planted::order("holders_relaxed", Acquire)) - 1
    }

    #[inline(always)]
    fn counted(&self) -> &Counted<T> {
        // SAFETY: counted in, so it lives.
        unsafe { self.at.as_ref() }
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        self.counted().holders.fetch_add(1, Relaxed);
        Self { at: self.at, _owns: PhantomData }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for Held<T> {
    #[inline]
    fn drop(&mut self) {
        if self.counted().holders.fetch_sub(1, Release) == 1 {
            fence(Acquire); // pairs with Release above: the others have done with it
            self.counted().bytes.freed();
            // SAFETY: `new` made it from a box, and this was the last holder.
            drop(unsafe { Box::from_raw(self.at.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    #[test]
    fn a_replaced_value_is_used_by_its_holders_only() {
        let current = Current::new(AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        let held = current.share();
                        assert!(
                            held.load(Relaxed) < 1 << 32,
                            "used after its replacer saw no user"
                        );
                        held.fetch_add(1, Relaxed);
                    }
                });
            }
            // Kept to the end: the threads above may be about to count themselves in.
            let mut kept = Vec::new();
            for _ in 0..2_000 {
                let old = current.replace(AtomicU64::new(0));
                while old.others() > 0 {
                    std::thread::yield_now();
                }
                let used = old.swap(1 << 32, Relaxed);
                kept.push((old, used));
            }
            stop.store(true, Relaxed);
            kept
        });
    }

    #[test]
    fn a_value_goes_with_its_last_holder() {
        let value = std::sync::Arc::new(());
        let current = Current::new(std::sync::Arc::clone(&value));
        let (held, twice) = (current.share(), current.share());
        let old = current.replace(std::sync::Arc::new(()));
        assert_eq!(old.others(), 2);
        drop((held, old));
        assert_eq!(std::sync::Arc::strong_count(&value), 2);
        drop(current);
        drop(twice.clone());
        drop(twice);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }
}

//! Atomics whose every operation is a point where shuttle may let another thread go on.
//!
//! They are std's atomics underneath, of the same size, so that mapped words can be them. shuttle
//! runs one thread at a time: it finds what a wrong order of steps does, not a missing fence.

use std::sync::atomic::{self as base, Ordering};

/// Lets the schedule change, if there is one: statics and tests beside it run without.
fn step() {
    if shuttle::current::try_get_current_task().is_some() {
        shuttle::thread::yield_now();
    }
}

pub(crate) fn fence(order: Ordering) {
    base::fence(order);
}

macro_rules! scheduled {
    ($name:ident $(<$of:ident>)?, $base:ty, $value:ty) => {
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name $(<$of>)? ($base);

        #[allow(dead_code, reason = "not every kind is used in every way")]
        impl $(<$of>)? $name $(<$of>)? {
            pub(crate) const fn new(value: $value) -> Self {
                Self(<$base>::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                done: Ordering,
                failed: Ordering,
            ) -> Result<$value, $value> {
                step();
                self.0.compare_exchange(from, to, done, failed)
            }
        }
    };
}

macro_rules! counting {
    ($name:ident, $value:ty) => {
        impl Default for $name {
            fn default() -> Self {
                Self::new(0)
            }
        }

        #[allow(dead_code, reason = "not every kind is used in every way")]
        impl $name {
            pub(crate) fn compare_exchange_weak(
                &self,
                from: $value,
                to: $value,
                done: Ordering,
                failed: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(from, to, done, failed)
            }

            pub(crate) fn fetch_add(&self, by: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(by, order)
            }

            pub(crate) fn fetch_sub(&self, by: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_sub(by, order)
            }

            pub(crate) fn fetch_max(&self, other: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_max(other, order)
            }
        }
    };
}

scheduled!(AtomicBool, base::AtomicBool, bool);

impl Default for AtomicBool {
    fn default() -> Self {
        Self::new(false)
    }
}

scheduled!(AtomicPtr<T>, base::AtomicPtr<T>, *mut T);
scheduled!(AtomicU32, base::AtomicU32, u32);
scheduled!(AtomicU64, base::AtomicU64, u64);
scheduled!(AtomicUsize, base::AtomicUsize, usize);
counting!(AtomicU32, u32);
counting!(AtomicU64, u64);
counting!(AtomicUsize, usize);

//! The primitives every lock-free piece is built from, chosen once so that a model checker can
//! take their place.

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

/// Waits a little: first by spinning, then by giving the processor away.
pub(crate) fn pause(attempt: &mut u32) {
    *attempt += 1;
    if *attempt < 64 { std::hint::spin_loop() } else { std::thread::yield_now() }
}

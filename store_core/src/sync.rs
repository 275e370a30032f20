//! The primitives every lock-free piece is built from, chosen once so that a model checker can
//! take their place.
//!
//! | built with | atomics | locks |
//! |---|---|---|
//! | nothing | std | `parking_lot` |
//! | `--cfg loom` | loom's, which search all orders that the memory model allows | loom's |
//! | `--cfg shuttle` | std's behind a point where the schedule may change | shuttle's |
//!
//! Words in mapped memory are zeros that become atomics by a cast. loom's atomics are numbers of
//! objects, so whoever casts calls `mem::make_words` first, which does nothing in other builds.

#[cfg(any(loom, shuttle))]
mod locks;
#[cfg(shuttle)]
mod scheduled;

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

#[cfg(not(any(loom, shuttle, miri)))]
use rustix::thread::{MembarrierCommand, membarrier};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};
#[cfg(shuttle)]
pub(crate) use scheduled::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};

#[cfg(any(loom, shuttle))]
pub(crate) use locks::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// `fence(SeqCst)` for whoever has just exchanged a word: on this processor that was one already.
#[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
#[inline(always)]
pub(crate) fn fence_after_exchange() {
    std::sync::atomic::compiler_fence(SeqCst);
}

/// `fence(SeqCst)` for whoever has just exchanged a word.
#[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri)))))]
pub(crate) fn fence_after_exchange() {
    fence(SeqCst);
}

/// One side of a fence whose other side, [`heavy_fence`], is rare: here only the compiler keeps the order.
#[cfg(not(any(loom, shuttle, miri)))]
#[inline(always)]
pub(crate) fn light_fence() {
    std::sync::atomic::compiler_fence(SeqCst);
}

/// Makes each running thread of the process pass a `fence(SeqCst)`, this one as well; false if the
/// kernel refuses.
#[cfg(not(any(loom, shuttle, miri)))]
pub(crate) fn heavy_fence() -> bool {
    membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

/// True if [`heavy_fence`] works in this process, which it is prepared for.
#[cfg(not(any(loom, shuttle, miri)))]
pub(crate) fn can_fence_heavily() -> bool {
    // Registering twice does no harm, and a forked child does it for itself.
    membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() && heavy_fence()
}

/// No model knows fences of other threads.
#[cfg(any(loom, shuttle, miri))]
pub(crate) fn light_fence() {
    fence(SeqCst);
}

/// The other side.
#[cfg(any(loom, shuttle, miri))]
pub(crate) fn heavy_fence() -> bool {
    fence(SeqCst);
    true
}

/// It does.
#[cfg(any(loom, shuttle, miri))]
pub(crate) const fn can_fence_heavily() -> bool {
    true
}

/// Threads that wait for each other without a lock.
#[cfg(loom)]
pub(crate) use loom::thread::{Thread, current as current_thread, park};
#[cfg(all(shuttle, not(loom)))]
pub(crate) use shuttle::thread::{Thread, current as current_thread, park};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::thread::{Thread, current as current_thread, park};

/// Waits a little: first by spinning, then by giving the processor away.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn pause(attempt: &mut u32) {
    *attempt += 1;
    if *attempt < 64 { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// Lets another thread go on: a model checker has no time that could pass.
#[cfg(any(loom, shuttle))]
pub(crate) fn pause(_attempt: &mut u32) {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
}

/// Joins each of a scope's threads. The end of a scope would wait for them as well, but the thread
/// sanitizer does not see that (ARCHITECTURE.md §9).
#[cfg(test)]
pub(crate) fn join_all<'scope>(
    threads: impl IntoIterator<Item = std::thread::ScopedJoinHandle<'scope, ()>>,
) {
    let threads: Vec<_> = threads.into_iter().collect();
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Plain memory that several threads reach, as loom is told of it: whoever reads what was not
/// written before fails the model. No bytes and no code in other builds.
#[derive(Debug)]
pub(crate) struct Witness(#[cfg(loom)] loom::cell::UnsafeCell<()>);

impl Witness {
    /// Memory that its maker has filled.
    #[inline(always)]
    pub(crate) fn written() -> Self {
        Self(
            #[cfg(loom)]
            loom::cell::UnsafeCell::new(()),
        )
    }

    /// Somebody looks at the memory.
    #[inline(always)]
    #[cfg_attr(not(loom), expect(clippy::unused_self, reason = "only loom is told"))]
    pub(crate) fn read(&self) {
        #[cfg(loom)]
        self.0.with(|_| ());
    }

    /// The memory goes: whoever looked must have done so before.
    #[inline(always)]
    #[cfg_attr(not(loom), expect(clippy::unused_self, reason = "only loom is told"))]
    pub(crate) fn freed(&self) {
        #[cfg(loom)]
        self.0.with_mut(|_| ());
    }
}

/// The capacity of something that a model must be able to fill in a few steps.
pub(crate) const fn capacity(real: usize, modelled: usize) -> usize {
    if cfg!(any(loom, shuttle)) { modelled } else { real }
}

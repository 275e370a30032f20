//! Memory: the budget, pages from one pool, blocks of size classes, and epochs.

pub(crate) mod arena;
pub mod budget;
mod byte_mask;
pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod current;
#[cfg(not(any(loom, shuttle)))]
pub(crate) mod epoch;
#[cfg(any(loom, shuttle))]
#[path = "epoch_model.rs"]
pub(crate) mod epoch;
pub(crate) mod key_hash;
pub(crate) mod key_steps;
pub(crate) mod lasting;
pub(crate) mod layout;
pub(crate) mod lent;
pub(crate) mod page_pool;
pub(crate) mod process;
mod process_memory;
pub(crate) mod region;
pub(crate) mod row_batch;
pub(crate) mod row_words;
pub(crate) mod slab;
pub(crate) mod wide;
mod work_area;

pub(crate) use row_words::RowWords;

use crate::sync::AtomicU64;
use std::ptr::NonNull;

pub(crate) use budget::Cache;
pub use budget::{Holder, HolderUsage, MemoryBudget, Reservation};
pub use byte_mask::{MASK_BYTES, mask_of, piece_at};
pub use process_memory::{ProcessMemory, process_memory};
pub use work_area::{WorkArea, as_entries, as_entries_mut, fetch_ahead, fetch_piece};

/// Makes zeroed memory of our own into that many atomics of value 0, which it is already unless a
/// model checker's atomics are numbers of objects.
///
/// # Safety
/// The memory is aligned, writable, that long, and nobody else uses it yet.
#[inline(always)]
pub(crate) unsafe fn make_words(start: NonNull<AtomicU64>, count: usize) {
    const { assert!(size_of::<AtomicU64>() == 8) };
    let made = if cfg!(loom) { count } else { 0 };
    for at in 0..made {
        // SAFETY: the caller's promise.
        unsafe { start.add(at).write(AtomicU64::new(0)) };
    }
}

/// Asks the processor to fetch the cache line of an address to be written, from another one that has
/// written it, too; reads and writes nothing.
#[inline(always)]
pub(crate) fn prefetch_to_write<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch has no effect a program can see, whatever the address; processors without this
    // one take it for no operation.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Asks the processor to fetch the cache line of an address; reads nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect a program can see, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch(address.cast(), std::arch::x86_64::_MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

//! Memory: the budget, pages from one pool, blocks of size classes, and epochs.

pub(crate) mod arena;
pub mod budget;
pub(crate) mod cell;
pub(crate) mod epoch;
pub(crate) mod key_steps;
pub(crate) mod layout;
pub(crate) mod page_pool;
pub(crate) mod region;
pub(crate) mod row_words;
pub(crate) mod slab;

pub(crate) use row_words::RowWords;

pub use budget::{Holder, HolderUsage, MemoryBudget, Reservation};

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

//! Whether something is open, which it is only in the process that opened it: a forked child has
//! copies of its parent's handles, but none of its threads, and shares its files.
//!
//! The mark stands in a page that the kernel empties in a child (`MADV_WIPEONFORK`), so a look at it
//! is one load, where asking for the process's id is a system call. A kernel that cannot do that
//! (before Linux 4.14) leaves children unnoticed.

use crate::error::{Error, Kind, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr::{NonNull, null_mut};
// Not those of a model: a page of the kernel's is no object of it.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PAGE_BYTES: usize = 4096;
const OPEN: u64 = 1;
const CLOSED: u64 = 2;
/// What the kernel leaves.
const FORKED: u64 = 0;

/// A mark in a page of its own.
#[derive(Debug)]
pub(crate) struct ProcessMark(NonNull<AtomicU64>);

// SAFETY: the page holds one atomic, lives as long as this, and only this unmaps it.
unsafe impl Send for ProcessMark {}
// SAFETY: as above.
unsafe impl Sync for ProcessMark {}

impl ProcessMark {
    /// A mark that says open.
    pub(crate) fn open() -> Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping where the kernel likes, which overlaps nothing.
        let page = unsafe { mmap_anonymous(null_mut(), PAGE_BYTES, protection, MapFlags::PRIVATE) };
        let page = page.ok().and_then(|page| NonNull::new(page.cast::<AtomicU64>()));
        let page = page.ok_or_else(|| {
            let message = format!("the system refuses {PAGE_BYTES} bytes of memory");
            Error::new(Kind::OverBudget, message)
        })?;
        if !crate::planted::bug("fork_not_noticed") {
            // SAFETY: the page mapped above. An old kernel refuses, and changes nothing.
            let _ = unsafe { madvise(page.as_ptr().cast(), PAGE_BYTES, Advice::LinuxWipeOnFork) };
        }
        let mark = Self(page);
        mark.word().store(OPEN, Relaxed);
        Ok(mark)
    }

    /// False once it was closed, and in a child that was forked since it was opened.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.word().load(Relaxed) == OPEN
    }

    /// True in a child that was forked since it was opened.
    pub(crate) fn is_forked(&self) -> bool {
        self.word().load(Relaxed) == FORKED
    }

    /// Closes it; false if it was not open.
    pub(crate) fn close(&self) -> bool {
        self.word().compare_exchange(OPEN, CLOSED, Relaxed, Relaxed).is_ok()
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        // SAFETY: mapped until this is dropped, aligned to a page; zeros, as the kernel leaves them
        // in a new page and in a child's, are an atomic of value 0.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for ProcessMark {
    fn drop(&mut self) {
        // SAFETY: the page that `set` mapped; nothing refers to it any more.
        let unmapped = unsafe { munmap(self.0.as_ptr().cast(), PAGE_BYTES) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_open_until_it_is_closed() {
        let mark = ProcessMark::open().unwrap();
        let other = ProcessMark::open().unwrap();
        assert!(mark.is_open() && mark.close() && !mark.is_open() && !mark.close());
        assert!(other.is_open() && !mark.is_forked());
    }
}

//! Mapped memory of one owner: reserved in the budget before it is mapped, unmapped when dropped.

use super::budget::Holder;
use crate::error::{Error, Kind, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr::NonNull;

/// The unit the kernel maps in.
const KERNEL_PAGE_BYTES: usize = 4096;
/// The unit the kernel can back by one entry of the address cache: random reads of a large table
/// then cost one miss each, not two.
pub(crate) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A zeroed mapping for something larger than a page: a hash table, a long value.
pub(crate) struct Region {
    start: NonNull<u8>,
    bytes: usize,
    holder: Option<Holder>,
}

// SAFETY: a region is plain memory; whoever puts something there answers for sharing it.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Maps zeroed, writable memory and counts it at the holder.
    pub(crate) fn map(bytes: usize, holder: &Holder) -> Result<Self> {
        let bytes = bytes.max(1).next_multiple_of(KERNEL_PAGE_BYTES);
        holder.take(bytes)?;
        match map(bytes, ProtFlags::READ | ProtFlags::WRITE) {
            Ok(start) => Ok(Self { start, bytes, holder: Some(holder.clone()) }),
            Err(error) => {
                holder.give(bytes);
                Err(error)
            }
        }
    }

    /// The same without huge pages: for what is touched in part, or in a hurry.
    pub(crate) fn map_small_pages(bytes: usize, holder: &Holder) -> Result<Self> {
        let bytes = bytes.max(1).next_multiple_of(KERNEL_PAGE_BYTES);
        holder.take(bytes)?;
        let start = map_anywhere(bytes, ProtFlags::READ | ProtFlags::WRITE)
            .inspect_err(|_| holder.give(bytes))?;
        // SAFETY: the mapping is ours; a kernel without huge pages refuses, which changes nothing.
        let _refused = unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxNoHugepage) };
        Ok(Self { start, bytes, holder: Some(holder.clone()) })
    }

    /// Takes address space that can be neither read nor written yet and costs nothing.
    pub(crate) fn address_space(bytes: usize) -> Result<Self> {
        let bytes = bytes.max(1).next_multiple_of(KERNEL_PAGE_BYTES);
        Ok(Self { start: map(bytes, ProtFlags::empty())?, bytes, holder: None })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// How long it is, in whole pages of the kernel.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives up the guard; [`Region::from_raw`] takes it back.
    pub(crate) fn into_raw(mut self) -> NonNull<u8> {
        self.holder = None;
        let start = self.start;
        std::mem::forget(self);
        start
    }

    /// Takes back a region given up by [`Region::into_raw`].
    ///
    /// # Safety
    /// `start` and `bytes` come from one `into_raw` of a region that `holder` counted, and nobody
    /// else uses that memory any more.
    pub(crate) unsafe fn from_raw(start: NonNull<u8>, bytes: usize, holder: &Holder) -> Self {
        let bytes = bytes.max(1).next_multiple_of(KERNEL_PAGE_BYTES);
        Self { start, bytes, holder: Some(holder.clone()) }
    }
}

/// Maps; what is at least a huge page long starts at a multiple of one, and may be backed by them.
fn map(bytes: usize, access: ProtFlags) -> Result<NonNull<u8>> {
    if bytes < HUGE_PAGE_BYTES {
        return map_anywhere(bytes, access);
    }
    let start = map_anywhere(bytes + HUGE_PAGE_BYTES, access)?;
    let before = start.as_ptr().align_offset(HUGE_PAGE_BYTES);
    // SAFETY: the offset is below a huge page, by which the mapping is longer.
    let aligned = unsafe { start.add(before) };
    // SAFETY: the parts before and behind lie inside the fresh mapping and nobody knows them.
    let cut = unsafe {
        let after = aligned.add(bytes);
        let front = if before > 0 { munmap(start.as_ptr().cast(), before) } else { Ok(()) };
        front.and(munmap(after.as_ptr().cast(), HUGE_PAGE_BYTES - before))
    };
    debug_assert!(cut.is_ok(), "a fresh mapping can be cut");
    // SAFETY: the mapping is ours; a kernel without huge pages refuses, which changes nothing.
    let _refused = unsafe { madvise(aligned.as_ptr().cast(), bytes, Advice::LinuxHugepage) };
    Ok(aligned)
}

fn map_anywhere(bytes: usize, access: ProtFlags) -> Result<NonNull<u8>> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nobody's memory.
    let mapped = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, access, flags) };
    let start = mapped.map_err(|error| {
        Error::new(Kind::OverBudget, format!("the system refused {bytes} bytes: {error}"))
            .caused_by(error)
    })?;
    Ok(NonNull::new(start.cast()).expect("a mapping never starts at address 0"))
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone; whoever lent pointers into it has ended its use.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "a region is unmapped once");
        if let Some(holder) = &self.holder {
            holder.give(self.bytes);
        }
    }
}

//! One mapped region that a job works in: records from one end, words from the other.
//!
//! Whoever sorts or merges wants all its memory as plain bytes and cuts it up by offsets, without a
//! pointer. The views that need more than offsets are here: bytes as words, and asking the processor
//! to fetch a place early.

use super::budget::Holder;
use super::region::Region;
use crate::error::Result;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Mapped bytes of one owner, counted in the budget before they exist.
///
/// Whole kernel pages, zeros at first; a page costs memory once it is touched. Not backed by huge
/// pages: they would make pages resident that nobody touched.
///
/// ```
/// use store_core::{MemoryBudget, mem::WorkArea};
/// let budget = MemoryBudget::new(1 << 20);
/// let mut area = WorkArea::map(100_000, &budget.holder("job"))?;
/// area[..5].copy_from_slice(b"hello");
/// assert!(area.len() >= 100_000 && budget.used() == area.len() as u64);
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct WorkArea {
    start: NonNull<u8>,
    bytes: usize,
    /// What the two above are in; none if there are no bytes.
    _region: Option<Region>,
}

// SAFETY: `start` is only an address in the region, which may be sent and shared; bytes are changed
// through an exclusive borrow of this alone.
unsafe impl Send for WorkArea {}
// SAFETY: as above.
unsafe impl Sync for WorkArea {}

impl WorkArea {
    /// Maps this many bytes, rounded up to whole pages of the kernel.
    pub fn map(bytes: usize, holder: &Holder) -> Result<Self> {
        if bytes == 0 {
            return Ok(Self::empty());
        }
        let region = Region::map_small_pages(bytes, holder)?;
        Ok(Self { start: region.start(), bytes: region.bytes(), _region: Some(region) })
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self { start: NonNull::<u128>::dangling().cast(), bytes: 0, _region: None }
    }
}

impl Deref for WorkArea {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the region maps that many initialised bytes, only this owns them, and they stay
        // mapped for as long as this is borrowed; without a region there are none.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for WorkArea {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; the borrow is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl fmt::Debug for WorkArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkArea({} bytes)", self.bytes)
    }
}

/// The bytes as words of 16; they must begin and end where such a word may.
#[inline(always)]
pub fn as_entries(bytes: &[u8]) -> &[u128] {
    // SAFETY: every 16 bytes are a number.
    let (before, entries, after) = unsafe { bytes.align_to::<u128>() };
    assert!(before.is_empty() && after.is_empty(), "entries are aligned");
    entries
}

/// The bytes as words of 16 that can be changed; they must begin and end where such a word may.
#[inline(always)]
pub fn as_entries_mut(bytes: &mut [u8]) -> &mut [u128] {
    // SAFETY: every 16 bytes are a number, and every number is 16 bytes.
    let (before, entries, after) = unsafe { bytes.align_to_mut::<u128>() };
    assert!(before.is_empty() && after.is_empty(), "entries are aligned");
    entries
}

/// Asks the processor to fetch two cache lines from this place on; anything may be asked for.
#[inline(always)]
pub fn fetch_ahead(bytes: &[u8], at: usize) {
    let address = bytes.as_ptr().wrapping_add(at);
    super::prefetch(address);
    super::prefetch(address.wrapping_add(64));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::mem::MemoryBudget;

    #[test]
    fn an_area_is_counted_while_it_lives_and_words_are_its_bytes() {
        let budget = MemoryBudget::new(64 << 10);
        let holder = budget.holder("job");
        let mut area = WorkArea::map(10_000, &holder).unwrap();
        assert_eq!((area.len(), budget.used()), (12_288, 12_288));
        let end = area.len();
        as_entries_mut(&mut area[end - 32..])[1] = u128::MAX - 1;
        assert_eq!(area[end - 17..end - 14], [0, 254, 255]);
        assert_eq!(as_entries(&area[end - 32..]), [0, u128::MAX - 1]);
        fetch_ahead(&area, 1 << 40);
        assert_eq!(WorkArea::map(60_000, &holder).unwrap_err().kind(), Kind::OverBudget);
        drop(area);
        let mut nothing = WorkArea::map(0, &holder).unwrap();
        assert_eq!((as_entries_mut(&mut nothing).len(), budget.used()), (0, 0));
    }
}

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
use std::sync::Arc;

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
    /// What the two above are in, with the areas that were cut from it; none if there are no bytes.
    region: Option<Arc<Region>>,
}

// SAFETY: `start` is only an address in the region, which may be sent and shared; these bytes are
// in no other area, and are changed through an exclusive borrow of this alone.
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
        let (start, bytes) = (region.start(), region.bytes());
        Ok(Self { start, bytes, region: Some(Arc::new(region)) })
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self { start: NonNull::<u128>::dangling().cast(), bytes: 0, region: None }
    }

    /// Cuts it in two, of which the first has this many bytes. Each may go to a thread of its own; the
    /// memory is counted until the last part goes.
    pub fn cut(mut self, at: usize) -> (Self, Self) {
        assert!(at <= self.bytes, "an area is cut within itself");
        // SAFETY: the place is inside the region, or just behind its end.
        let start = unsafe { self.start.add(at) };
        let rest = Self { start, bytes: self.bytes - at, region: self.region.clone() };
        self.bytes = at;
        (self, rest)
    }

    /// Puts together what was cut, in any order.
    ///
    /// # Panics
    /// If these are not neighbours in one area.
    pub fn joined(mut parts: Vec<Self>) -> Self {
        parts.sort_by_key(|part| (part.start, part.bytes));
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_else(Self::empty);
        for part in parts {
            let end = whole.start.as_ptr().wrapping_add(whole.bytes);
            let same = match (&whole.region, &part.region) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            assert!(same && end == part.start.as_ptr(), "only neighbours can be put together");
            whole.bytes += part.bytes;
        }
        whole
    }

    /// Where it begins, to tell where it lies in what it was cut from.
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
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

/// Asks the processor to fetch the first and the last byte of a short piece; anything may be asked for.
#[inline(always)]
pub fn fetch_piece(bytes: &[u8], at: usize, len: usize) {
    let address = bytes.as_ptr().wrapping_add(at);
    super::prefetch(address);
    super::prefetch(address.wrapping_add(len));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::mem::MemoryBudget;

    #[test]
    #[should_panic(expected = "only neighbours")]
    fn parts_with_a_gap_are_not_put_together() {
        let area = WorkArea::map(12_288, &MemoryBudget::new(64 << 10).holder("job")).unwrap();
        let (front, rest) = area.cut(4096);
        let (_middle, back) = rest.cut(4096);
        drop(WorkArea::joined(vec![front, back]));
    }

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
        fetch_piece(&area, 1 << 40, usize::MAX);
        assert_eq!(WorkArea::map(60_000, &holder).unwrap_err().kind(), Kind::OverBudget);
        let (front, back) = area.cut(4096);
        let (middle, mut back) = back.cut(4096);
        let worker = std::thread::spawn(move || {
            back[0] = 7;
            back
        });
        let back = worker.join().unwrap();
        assert_eq!(budget.used(), 12_288);
        drop(WorkArea::joined(vec![back, front, middle]));
        assert_eq!(budget.used(), 0);
        let (kept, gone) = WorkArea::map(8192, &holder).unwrap().cut(4096);
        drop(gone);
        assert_eq!((kept.len(), budget.used()), (4096, 8192), "counted to the last part");
        drop(kept);
        let mut nothing = WorkArea::map(0, &holder).unwrap();
        assert_eq!((as_entries_mut(&mut nothing).len(), budget.used()), (0, 0));
    }
}

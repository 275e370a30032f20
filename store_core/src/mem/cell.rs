//! Long cells: text and bytes in two words.
//!
//! ```text
//! up to 12 bytes   [ length u32 | bytes 0..4 ] [ bytes 4..12 ]       zero padded: equal cells, equal words
//! longer           [ length u32 | bytes 0..4 ] [ address of the bytes ]
//! ```
//!
//! The layout is that of Umbra's strings (Neumann and Freitag, CIDR 2020). A long cell in a row or
//! version owns a block of the slab; one in a lookup key borrows the caller's bytes.

use super::slab::Slab;
use crate::error::Result;
use std::ptr::NonNull;

#[cfg(not(target_endian = "little"))]
compile_error!("store lays out long cells for little-endian machines only");

/// Bytes that fit in the cell itself.
pub(crate) const INLINE_BYTES_MAX: usize = 12;

/// The two words of a text or bytes cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongCell(pub [u64; 2]);

impl LongCell {
    /// A cell that borrows `bytes` where they do not fit in it.
    #[inline]
    pub(crate) fn borrowing(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_BYTES_MAX {
            return Self::pointing(bytes, bytes.as_ptr());
        }
        Self::inline(bytes)
    }

    /// A cell of at most twelve bytes; overlapping loads instead of a copy loop.
    #[inline(always)]
    pub(crate) fn inline(bytes: &[u8]) -> Self {
        let len = bytes.len() as u64;
        // The last bytes of a text begin so many bits before the fifth one.
        let before_fifth = |last: u64| 8 * (last + 4).wrapping_sub(len);
        if let Some(first) = bytes.first_chunk::<4>() {
            let first = len | u64::from(u32::from_le_bytes(*first)) << 32;
            if let Some(last) = bytes.last_chunk::<8>() {
                return Self([first, u64::from_le_bytes(*last) >> (before_fifth(8) & 63)]);
            }
            let last = bytes.last_chunk::<4>().copied().unwrap_or_default();
            return Self([first, u64::from(u32::from_le_bytes(last)) >> (before_fifth(4) & 63)]);
        }
        let bytes = match (bytes.first_chunk::<2>(), bytes.last()) {
            (Some(first), Some(end)) => {
                u64::from(u16::from_le_bytes(*first)) | u64::from(*end) << (8 * (len - 1))
            }
            (_, end) => end.map_or(0, |end| u64::from(*end)),
        };
        Self([len | bytes << 32, 0])
    }

    /// A cell that owns its bytes: long ones are copied into a block of the slab.
    pub(crate) fn owning(bytes: &[u8], slab: &Slab) -> Result<Self> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Self::borrowing(bytes));
        }
        let block = slab.try_allocate(bytes.len())?;
        // SAFETY: the block is fresh and as long as the bytes.
        unsafe { block.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(Self::pointing(bytes, block.as_ptr()))
    }

    /// Gives the block of an owning cell back.
    pub(crate) fn release(self, slab: &Slab) {
        if let Some(block) = self.block() {
            slab.release(block, self.len());
        }
    }

    /// How many bytes the cell stands for.
    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.0[0] as u32 as usize
    }

    /// True if a byte of a cell that is not longer than two words is zero.
    #[inline]
    pub(crate) const fn has_nul(self) -> bool {
        // All bytes behind the last are made ones; then the usual test for a zero byte in a word.
        const fn has_zero_byte(word: u64) -> bool {
            word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080 != 0
        }
        let used = 32 + 8 * self.len() as u32; // bits of both words, the length among them
        let (low, high) = (self.0[0] | 0xFFFF_FFFF, self.0[1]);
        if used < 64 {
            return has_zero_byte(low | u64::MAX << used);
        }
        let behind = if used < 128 { u64::MAX << (used - 64) } else { 0 };
        has_zero_byte(low) || has_zero_byte(high | behind)
    }

    /// The block or borrowed bytes of a cell that is longer than two words.
    #[inline]
    pub(crate) const fn block(self) -> Option<NonNull<u8>> {
        if self.len() <= INLINE_BYTES_MAX {
            return None;
        }
        NonNull::new(self.0[1] as *mut u8)
    }

    /// The same of a copy of its bytes at another address.
    pub(super) fn moved_to(self, address: *const u64) -> Self {
        Self([self.0[0], address as u64])
    }

    /// Where that is: tells blocks apart.
    pub(crate) fn address(self) -> Option<usize> {
        self.block().map(|block| block.addr().get())
    }

    /// The bytes of the cell that these two words form.
    ///
    /// # Safety
    /// The words are a cell whose long bytes live and do not change for `'a`: a version visible to
    /// a registered snapshot, a row the caller owns, or a borrowed lookup key.
    #[inline]
    pub(crate) unsafe fn bytes(words: &[u64; 2]) -> &[u8] {
        let cell = Self(*words);
        let start = match cell.block() {
            // SAFETY: 12 bytes follow the length inside the two words.
            None => unsafe { words.as_ptr().cast::<u8>().add(4) },
            Some(block) => block.as_ptr().cast_const(),
        };
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(start, cell.len()) }
    }

    /// False if the two cells surely differ; true only says that their words allow equality.
    #[inline]
    pub(crate) fn may_equal(self, other: Self) -> bool {
        self.0[0] == other.0[0] && (self.len() > INLINE_BYTES_MAX || self.0[1] == other.0[1])
    }

    fn pointing(bytes: &[u8], address: *const u8) -> Self {
        let mut first = [0_u8; 8];
        first[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        first[4..].copy_from_slice(&bytes[..4]);
        Self([u64::from_le_bytes(first), address as u64])
    }
}

/// The bytes of a cell that borrows from a value its caller still holds.
pub(crate) fn borrowed(words: &[u64; 2]) -> &[u8] {
    // SAFETY: `prepare` made the cell from a value borrowed for the whole statement.
    unsafe { LongCell::bytes(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_give_back_their_bytes() {
        let long = "much longer than a cell";
        for text in (0..long.len()).map(|len| &long[..len]) {
            let cell = LongCell::borrowing(text.as_bytes());
            assert_eq!(cell.block().is_some(), text.len() > INLINE_BYTES_MAX);
            // SAFETY: the cell borrows `text`.
            assert_eq!(unsafe { LongCell::bytes(&cell.0) }, text.as_bytes());
            assert!(cell.may_equal(LongCell::borrowing(text.to_owned().as_bytes())));
        }
        let (a, b) = (LongCell::borrowing(b"ab"), LongCell::borrowing(b"ab\0"));
        assert!(!a.may_equal(b));
        for len in 0..=INLINE_BYTES_MAX {
            let mut bytes = vec![b'x'; len];
            assert!(!LongCell::borrowing(&bytes).has_nul());
            for at in 0..len {
                bytes[at] = 0;
                assert!(LongCell::borrowing(&bytes).has_nul(), "{len} {at}");
                bytes[at] = b'x';
            }
        }
    }
}

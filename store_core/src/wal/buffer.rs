//! The batch of frames that waits to be written, counted in the budget.

use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};

/// Smallest buffer: some dozens of small commits.
const BATCH_BYTES_MIN: usize = 16 << 10;

/// Whole frames, one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Counts the capacity of `bytes`.
    _held: Option<Reservation>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes sure that the next bytes fit: afterwards [`Batch::push`] cannot fail.
    pub(super) fn reserve(&mut self, holder: &Holder, more: usize) -> Result<()> {
        let need = self.bytes.len() + more;
        if need <= self.bytes.capacity() {
            return Ok(());
        }
        let wanted = need.max(self.bytes.capacity() * 2).max(BATCH_BYTES_MIN);
        let share = holder.reserve(wanted).or_else(|_| holder.reserve(need))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(share.bytes()).map_err(|fault| {
            let message = format!("the system refuses {} bytes for the log", share.bytes());
            Error::new(Kind::OverBudget, message).caused_by(fault)
        })?;
        bytes.extend_from_slice(&self.bytes);
        *self = Self { bytes, _held: Some(share) };
        Ok(())
    }

    /// Gives the memory of an empty buffer back; false if there are frames in it, or it has none.
    pub(super) fn give_back(&mut self) -> bool {
        let gives = self.bytes.is_empty() && self.bytes.capacity() > 0;
        if gives {
            *self = Self::default();
        }
        gives
    }

    /// Appends bytes for which there is room.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        debug_assert!(self.bytes.len() + bytes.len() <= self.bytes.capacity());
        self.bytes.extend_from_slice(bytes);
    }

    /// Empties the buffer, and gives its memory back if that is more than `keep`.
    pub(super) fn reset(&mut self, keep: usize) {
        if self.bytes.capacity() > keep {
            *self = Self::default();
        } else {
            self.bytes.clear();
        }
    }
}

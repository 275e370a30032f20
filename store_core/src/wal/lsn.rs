//! Positions in the log.

use std::fmt;

/// A position in the log: bytes of records since the store's birth, headers of files not counted.
///
/// Larger means later; positions never repeat, so a record that says another position than the
/// one it is found at is a stale one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lsn(pub(crate) u64);

impl Lsn {
    /// The store's birth.
    pub(crate) const ZERO: Self = Self(0);

    /// The position this many bytes further on.
    #[must_use]
    pub(crate) const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The position this many bytes before, or the store's birth.
    #[must_use]
    pub(crate) const fn minus(self, bytes: u64) -> Self {
        Self(self.0.saturating_sub(bytes))
    }

    /// Bytes from an earlier position to this one.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

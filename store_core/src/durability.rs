//! When a commit counts as done.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When a commit returns: of a store ([`Options::durability`](crate::Options::durability)), or of one
/// transaction ([`TxnOptions::durability`](crate::TxnOptions::durability)).
///
/// The log is one sequence whatever the level, so after a loss of power the store is always a prefix of
/// the commit order, and a commit that was acknowledged as `Sync` is never lost, nor anything that it
/// read or overwrote.
///
/// ```
/// use store_core::Durability;
/// assert_eq!("async".parse::<Durability>()?, Durability::Async);
/// assert_eq!(Durability::Async.to_string(), "async");
/// assert_eq!(Durability::default(), Durability::Sync);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When it would survive a loss of power.
    #[default]
    Sync,
    /// When others see it. A loss of power takes at most the commits of the last
    /// [`async_delay`](crate::Options::async_delay) and at most
    /// [`async_bytes`](crate::Options::async_bytes) of log.
    Async,
    /// When others see it; durable with the next checkpoint, [`Store::sync`](crate::Store::sync), or
    /// closing. For a store only, not for a transaction.
    None,
}

impl Durability {
    /// The levels by the names that every face uses.
    pub const NAMES: [(&'static str, Self); 3] =
        [("sync", Self::Sync), ("async", Self::Async), ("none", Self::None)];
}

impl FromStr for Durability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, level)| *level).ok_or_else(|| {
            Error::invalid(format!("\"{text}\" is no durability: must be sync, async or none"))
        })
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, level)| level == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// How far commits that are acknowledged at once may be ahead of the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lag {
    /// A commit is durable this long after it was acknowledged, unless a sync takes longer than half
    /// of it: then commits wait.
    pub delay: Duration,
    /// At most so many bytes of log are acknowledged and not durable.
    pub bytes: u64,
}

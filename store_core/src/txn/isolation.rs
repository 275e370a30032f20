//! What a transaction asks for when it begins.

use crate::durability::Durability;
use crate::options::RETRIES_MAX;

/// What concurrent transactions may see of each other.
///
/// Levels after Adya, "Weak Consistency" (1999); their anomalies are those of Berenson et al. (1995).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Reads one moment, and the first of two writers of a row wins. Two transactions that read
    /// what the other writes may both commit (write skew).
    #[default]
    Snapshot,
    /// As if the transactions that wrote had run one after another, in the order of their commits:
    /// whoever read what a commit since its snapshot changed gets a conflict when it commits.
    ///
    /// Holds among serializable writers; readers need not be serializable.
    Serializable,
}

/// How a transaction runs; the default is a snapshot transaction that may write.
///
/// ```
/// # use store_core::{Isolation, TxnOptions};
/// # let (store, flights) = store_core::doctest::flights();
/// let options = TxnOptions::new().isolation(Isolation::Serializable).retries(5);
/// store.write_with(options, |txn| {
///     let high = flights.get(txn, &["UAL123".into()])?.is_some();
///     if high { flights.delete(txn, &["DAL7".into()]) } else { Ok(false) }
/// })?;
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TxnOptions {
    pub(crate) isolation: Isolation,
    pub(crate) read_only: bool,
    pub(crate) retries: u32,
    pub(crate) durability: Option<Durability>,
}

impl TxnOptions {
    /// Snapshot isolation, reading and writing, [`RETRIES_MAX`] retries, durable as the store says.
    pub const fn new() -> Self {
        Self {
            isolation: Isolation::Snapshot,
            read_only: false,
            retries: RETRIES_MAX,
            durability: None,
        }
    }

    /// Sets the isolation level.
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Refuses writes with [`Kind::ReadOnly`](crate::Kind::ReadOnly); such a transaction never
    /// aborts, at any level.
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// How often [`Store::write_with`](crate::Store::write_with) runs the work again after a
    /// conflict, at most [`RETRIES_MAX`] times.
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = if retries < RETRIES_MAX { retries } else { RETRIES_MAX };
        self
    }

    /// When the commit returns, whatever the store's own level is. [`Durability::None`] is refused with
    /// [`Kind::Invalid`](crate::Kind::Invalid) when the transaction begins: only a whole store can be
    /// opened that way.
    ///
    /// ```
    /// # use store_core::{Durability, TxnOptions};
    /// # let (store, flights) = store_core::doctest::flights();
    /// let soon = TxnOptions::new().durability(Durability::Async);
    /// store.write_with(soon, |txn| flights.delete(txn, &["DAL7".into()]))?;
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }
}

impl Default for TxnOptions {
    fn default() -> Self {
        Self::new()
    }
}

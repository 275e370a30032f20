//! Commits whose acknowledgement comes later.

use super::engine::{Engine, Log};
use super::lease::Lease;
use crate::error::{Error, Result};
use crate::mvcc::Timestamp;
use crate::options::TICKETS_MAX;
use crate::sync::Acquire;
use crate::wal::Lsn;
use std::fmt;
use std::sync::Arc;

/// A commit on its way to the disk: what [`Txn::commit_ticket`](crate::Txn::commit_ticket) gives.
///
/// The commit has its place in the order and cannot be undone. It is visible to others once it is
/// durable, like any commit that is acknowledged as durable; until then its rows are a conflict for
/// whoever writes them. It becomes durable whether somebody waits or not; dropping a ticket changes
/// nothing. A ticket keeps the store open.
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// let mut tickets = Vec::new();
/// for id in ["UAL123", "DAL7"] {
///     let mut txn = store.begin()?;
///     flights.delete(&mut txn, &[id.into()])?;
///     tickets.push(txn.commit_ticket()?);
/// }
/// store.wait_durable(tickets[1].lsn())?; // one wait for both
/// assert!(tickets.iter().all(|ticket| ticket.is_durable()));
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use = "the commit is not acknowledged before `wait`"]
pub struct Ticket {
    pub(super) engine: Arc<Lease>,
    pub(super) at: Timestamp,
    /// Where its log record ends; the store's birth without a log.
    pub(super) end: Lsn,
}

impl Ticket {
    /// The commit's timestamp.
    pub fn timestamp(&self) -> u64 {
        self.at.0
    }

    /// The position in the log at which the commit ends: [`Store::wait_durable`](crate::Store::wait_durable)
    /// up to it waits for this commit and all before. 0 in memory.
    pub fn lsn(&self) -> u64 {
        self.end.0
    }

    /// True if the commit would survive a loss of power now. Waits for nothing.
    pub fn is_durable(&self) -> bool {
        self.engine.log().is_none_or(|log| log.wal.durable() >= self.end)
    }

    /// Waits until the commit is durable and visible; returns its timestamp. After an error, which is
    /// [`Kind::Poisoned`](crate::Kind::Poisoned), only reopening the store tells whether it is durable.
    pub fn wait(&self) -> Result<u64> {
        wait_durable(&self.engine, self.end)?;
        self.engine.timeline.wait_published(self.at)?;
        Ok(self.at.0)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket of {} up to {}", self.at.0, self.end)
    }
}

/// Waits until the log is durable up to a position.
fn wait_durable(engine: &Engine, end: Lsn) -> Result<()> {
    let Some(log) = engine.log() else { return Ok(()) };
    // Not known to be durable: nothing after it can be published either.
    log.wal.wait_durable(end).inspect_err(|_| engine.timeline.give_up())
}

impl Engine {
    /// Waits until all commits up to a position of the log are durable and visible.
    pub(crate) fn wait_durable(&self, lsn: Lsn) -> Result<()> {
        let end = self.log().map_or(Lsn::ZERO, |log| log.wal.end());
        if lsn > end {
            let message = format!("the log ends at {end}, nothing was committed up to {lsn}");
            return Err(Error::invalid(message));
        }
        wait_durable(self, lsn)?;
        match self.log() {
            Some(_) => self.timeline.wait_published(self.durable_timestamp()),
            None => Ok(()),
        }
    }

    /// The newest commit that is durable.
    fn durable_timestamp(&self) -> Timestamp {
        Timestamp(self.timeline.durable().load(Acquire)) // pairs with the log's Release
    }

    /// Waits while so many commits with tickets are not published that one more might not find a place
    /// in the clock's ring.
    pub(super) fn wait_for_tickets(&self, log: &Log) -> Result<()> {
        let timeline = &self.timeline;
        while timeline.newest().0 - timeline.published().0.min(timeline.newest().0) >= TICKETS_MAX {
            self.check_log()?;
            wait_durable(self, log.wal.end())?;
            timeline.wait_published(self.durable_timestamp())?;
        }
        Ok(())
    }
}

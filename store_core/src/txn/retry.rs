//! Running work again that lost a conflict.

use super::isolation::TxnOptions;
use super::lease::SharedEngine;
use super::turns::Turn;
use super::write_set::Txn;
use crate::error::{Awaited, Error, Kind, Result};
use crate::options::RELIEFS_MAX;
use std::time::Duration;

/// Longest pause after a conflict that does not say what to wait for.
const PAUSE_MAX: Duration = Duration::from_millis(8);

/// What a lost conflict was about, as far as is known; or that memory was refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost(Option<Awaited>);

impl Lost {
    /// What the conflict that doomed this transaction was about.
    pub fn of(txn: &Txn) -> Self {
        Self(txn.awaited())
    }

    /// Some memory, for callers who have no error at hand.
    pub fn room() -> Self {
        Self(Some(Awaited::Room(0)))
    }

    /// What an error, or the transaction that it doomed, knows.
    pub fn by(txn: Option<&Txn>, error: &Error) -> Self {
        if error.kind() == Kind::OverBudget {
            return Self(Some(Awaited::Room(error.bytes_refused())));
        }
        Self(txn.and_then(Txn::awaited).or(error.awaited()))
    }
}

/// The attempts of one piece of work; what [`Store::write_with`](crate::Store::write_with) does, for
/// callers whose work is not a closure.
///
/// ```
/// # use store_core::{Lost, TxnOptions};
/// # let (store, flights) = store_core::doctest::flights();
/// let mut retry = store.retry(TxnOptions::new().retries(3));
/// loop {
///     let mut txn = retry.begin()?;
///     flights.update(&mut txn, &["UAL123".into()], &[("altitude", 36_000.into())])?;
///     match txn.commit() {
///         Err(error) if error.is_retryable() && retry.again(Lost::by(None, &error)) => {}
///         done => break done.map(drop)?,
///     }
/// }
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct Retry {
    engine: SharedEngine,
    options: TxnOptions,
    turn: Option<Turn>,
    tried: u32,
    reliefs: u32,
}

impl Retry {
    pub(crate) fn new(engine: &SharedEngine, options: TxnOptions) -> Self {
        Self { engine: engine.clone(), options, turn: None, tried: 0, reliefs: 0 }
    }

    /// Begins the transaction of the next attempt.
    pub fn begin(&self) -> Result<Txn> {
        let mut txn = Txn::new(&self.engine, self.options)?;
        self.hand_turn_to(&mut txn);
        Ok(txn)
    }

    /// Lets a transaction be the next attempt.
    pub(crate) fn hand_turn_to(&self, txn: &mut Txn) {
        txn.take_turn(self.turn.as_ref());
    }

    /// Waits, for a bounded time, until the conflict is decided; false if no retry is left. After a
    /// refusal of memory it waits until rows are frozen; false if none can be, or often enough were.
    ///
    /// The transaction that lost must have ended. Attempts that lose the same row get it in the order
    /// in which they first lost it.
    pub fn again(&mut self, lost: Lost) -> bool {
        if self.tried >= self.options.retries {
            return false;
        }
        match lost.0 {
            Some(Awaited::Room(bytes)) => {
                self.reliefs += 1;
                if self.reliefs > RELIEFS_MAX || !self.engine.freezer.relieve(bytes) {
                    return false;
                }
            }
            Some(what) => self.turn = Turn::wait(&self.engine, what, self.turn.take()),
            None => std::thread::sleep(pause(self.tried)),
        }
        self.tried += 1;
        true
    }
}

/// Doubles from 50 µs.
fn pause(tried: u32) -> Duration {
    Duration::from_micros(50 << tried.min(10)).min(PAUSE_MAX)
}

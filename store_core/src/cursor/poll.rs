//! Whether a query should go on, asked every so many rows.

use crate::error::{Error, Kind, Result};
use crate::txn::Engine;

/// What may end a query between two rows.
pub(super) struct Poll<'a> {
    /// How often the store's queries had been interrupted when this one began.
    interrupts: u64,
    passed: u64,
    question: Option<Question<'a>>,
}

/// A caller's question.
pub(super) struct Question<'a> {
    every: u64,
    left: u64,
    go_on: Box<dyn FnMut() -> bool + 'a>,
}

impl<'a> Question<'a> {
    pub(super) fn new(every: u64, go_on: Box<dyn FnMut() -> bool + 'a>) -> Self {
        let every = every.max(1);
        Self { every, left: every, go_on }
    }

    fn goes_on(&mut self, rows: u64) -> bool {
        if rows < self.left {
            self.left -= rows;
            return true;
        }
        self.left = self.every;
        (self.go_on)()
    }
}

impl<'a> Poll<'a> {
    pub(super) fn new(engine: &Engine, question: Option<Question<'a>>) -> Self {
        Self { interrupts: engine.interrupts(), passed: 0, question }
    }

    /// Notes that so many rows are looked at; an error if the query is to end.
    pub(super) fn pass(&mut self, rows: u64, engine: &Engine) -> Result<()> {
        self.passed += rows;
        let asked = self.question.as_mut().is_none_or(|question| question.goes_on(rows));
        if asked && engine.interrupts() == self.interrupts {
            return Ok(());
        }
        let message = format!("cancelled after some {} rows were looked at", self.passed);
        Err(Error::new(Kind::Cancelled, message))
    }
}

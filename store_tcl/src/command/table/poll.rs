//! `-poll_code SCRIPT` and `-poll_interval N`: a script run about every N rows that a search looks
//! at, matching or not.
//!
//! `break` ends the search (`STORE CANCELLED`); an error does too and is the call's own error.
//! Without a script it is `update`, without a number every 1024 rows. Not inside a transaction: its
//! rows cannot be read and written at once.

use crate::args::Options;
use crate::failure::Failure;
use crate::handle::Database;
use crate::stubs::{Code, Interp, Obj};
use std::cell::Cell;
use std::rc::Rc;
use store_core::{Error, Query, Result};

/// Rows between two calls unless the search says so.
const INTERVAL: u64 = 1024;

/// The script of a search, if it has one.
pub struct Poll {
    script: Option<Obj>,
    interval: u64,
    /// The script failed and left its error in the interpreter.
    failed: Rc<Cell<bool>>,
}

impl Poll {
    /// Reads the options.
    pub fn read(options: &Options<'_>, database: &Database) -> Result<Self> {
        let (script, interval) = (options.get("-poll_code"), options.number("-poll_interval")?);
        if interval == Some(0) {
            let message = "bad -poll_interval \"0\": must be a number from 1";
            return Err(Error::invalid(message).detail("-poll_interval"));
        }
        let script = match (script, interval) {
            (Some(script), _) => Some(script.clone()),
            (None, interval) => interval.map(|_| Obj::from_text("update")),
        };
        if script.is_some() {
            database.refuse_in_transaction("polling")?;
        }
        let (interval, failed) = (interval.unwrap_or(INTERVAL), Rc::default());
        Ok(Self { script, interval, failed })
    }

    /// Has the query run the script in this interpreter.
    pub fn ask<'q>(&self, interp: &Interp, query: Query<'q>) -> Query<'q> {
        let Some(script) = self.script.clone() else { return query };
        let (interp, failed) = (interp.preserve(), Rc::clone(&self.failed));
        query.poll(self.interval, move || {
            let code = interp.eval(&script);
            failed.set(code == Code::ERROR);
            !matches!(code, Code::ERROR | Code::BREAK)
        })
    }

    /// What an error of the query is to the caller.
    pub fn failure(&self, interp: &Interp, error: Error) -> Failure {
        if self.failed.get() {
            interp.add_error_info("\n    (\"search\" poll code)");
            return Failure::Tcl;
        }
        error.into()
    }
}

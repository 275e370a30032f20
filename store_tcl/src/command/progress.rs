//! `-progress COMMAND`: a command prefix, called after each batch with a dict of counts; which ones says the
//! command that is at work.
//!
//! `break` cancels the work (`STORE CANCELLED`); an error does too and is the call's own error.

use crate::cell::{count_obj, pairs};
use crate::stubs::{Code, Interp, Obj, PreservedInterp};
use std::cell::Cell;
use std::rc::Rc;
use store_core::Result;

/// A count of a progress dict: its name, and its value if it is known.
pub type Count = (&'static str, Option<u64>);

/// The command of a call that has begun.
pub struct Teller {
    interp: PreservedInterp,
    prefix: Vec<Obj>,
    failed: Rc<Cell<bool>>,
}

impl Teller {
    /// Prepares it. The flag tells, after the work, that the command failed and left its error in the
    /// interpreter.
    pub fn new(interp: &Interp, command: &Obj) -> Result<(Self, Rc<Cell<bool>>)> {
        let failed = Rc::new(Cell::new(false));
        let prefix = command.list()?;
        let teller = Self { interp: interp.preserve(), prefix, failed: Rc::clone(&failed) };
        Ok((teller, failed))
    }

    /// Calls the command; false if the work is to end.
    pub fn tell(&self, counts: impl IntoIterator<Item = Count>) -> bool {
        let known = counts.into_iter().filter_map(|(name, count)| Some((name, count_obj(count?))));
        let words: Vec<Obj> = self.prefix.iter().cloned().chain([pairs(known)]).collect();
        let code = self.interp.eval(&Obj::from_list(&words));
        self.failed.set(code == Code::ERROR);
        !matches!(code, Code::ERROR | Code::BREAK)
    }
}

//! `-progress COMMAND`: a command prefix, called after each batch with a dict of `rows_in`,
//! `rows_loaded`, `rows_rejected`, `bytes`, `source_bytes` and, if it is known, `source_size`.
//!
//! `break` cancels the load (`STORE CANCELLED`); an error does too and is the call's own error.

use crate::cell::{count_obj, pairs};
use crate::stubs::{Code, Interp, Obj};
use std::cell::Cell;
use std::rc::Rc;
use store_core::Result;
use store_core::ingest::{Progress, ProgressCallback};

/// Prepares the callback of a load. The flag tells, after a call, that the command failed and left
/// its error in the interpreter.
pub fn callback(interp: &Interp, command: &Obj) -> Result<(ProgressCallback, Rc<Cell<bool>>)> {
    let (interp, prefix) = (interp.preserve(), command.list()?);
    let failed = Rc::new(Cell::new(false));
    let note = Rc::clone(&failed);
    let call = move |progress: &Progress| {
        let words: Vec<Obj> = prefix.iter().cloned().chain([dict(progress)]).collect();
        let code = interp.eval(&Obj::from_list(&words));
        note.set(code == Code::ERROR);
        !matches!(code, Code::ERROR | Code::BREAK)
    };
    Ok((Box::new(call), failed))
}

fn dict(progress: &Progress) -> Obj {
    let known = [
        ("rows_in", Some(progress.rows_in)),
        ("rows_loaded", Some(progress.rows_loaded)),
        ("rows_rejected", Some(progress.rows_rejected)),
        ("bytes", Some(progress.bytes)),
        ("source_bytes", Some(progress.source_bytes)),
        ("source_size", progress.source_size),
    ];
    pairs(known.into_iter().filter_map(|(name, count)| Some((name, count_obj(count?)))))
}

//! Errors on their way to Tcl: a message for people, `errorCode` for programs.

use crate::stubs::{Code, Interp, Obj};
use std::panic::{AssertUnwindSafe, catch_unwind};
use store_core::{Error, Kind};

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// An error of the store's, to be reported.
    Store(Error),
    /// Tcl failed and left its error in the interpreter.
    Tcl,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// What a call gives.
pub enum Reply {
    /// This result.
    Value(Obj),
    /// A script's end is the call's end; its result is in the interpreter.
    Script(Code),
}

impl From<Obj> for Reply {
    fn from(value: Obj) -> Self {
        Self::Value(value)
    }
}

/// What every subcommand returns.
pub type Outcome = Result<Reply, Failure>;

/// Puts an outcome into the interpreter.
pub fn report(interp: &Interp, outcome: Outcome) -> Code {
    match outcome {
        Ok(Reply::Value(value)) => {
            interp.set_result(&value);
            Code::OK
        }
        Ok(Reply::Script(code)) => code,
        Err(Failure::Tcl) => Code::ERROR,
        Err(Failure::Store(error)) => {
            report_error(interp, &error);
            Code::ERROR
        }
    }
}

/// Sets the message, and `errorCode` to `STORE KIND ?detail …?`.
fn report_error(interp: &Interp, error: &Error) {
    interp.set_result(&Obj::from_text(&error.to_string()));
    let words = ["STORE", error.kind().name()].into_iter();
    let words = words.chain(error.details().iter().map(String::as_str));
    let words: Vec<Obj> = words.map(Obj::from_text).collect();
    interp.set_error_code(&Obj::from_list(&words));
}

/// Runs a call so that a panic becomes the error `STORE PANIC`.
pub fn guard(interp: &Interp, call: impl FnOnce() -> Code) -> Code {
    catch(call).unwrap_or_else(|error| {
        report_error(interp, &error);
        Code::ERROR
    })
}

fn catch<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or(payload.downcast_ref::<String>().map(String::as_str));
        let why = text.unwrap_or("no message");
        Error::new(Kind::Panic, format!("a bug in store was caught: {why}"))
    })
}

/// True if the error in the interpreter is of this kind.
pub fn is_kind(interp: &Interp, wanted: Kind) -> bool {
    let Ok(options) = interp.return_options(Code::ERROR).list() else { return false };
    let code = options.chunks_exact(2).find(|pair| pair[0].is("-errorcode"));
    let words = code.and_then(|pair| pair[1].list().ok()).unwrap_or_default();
    matches!(words.as_slice(), [store, kind, ..] if store.is("STORE") && kind.is(wanted.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = catch(|| panic!("slot {} is gone", 7)).unwrap_err();
        assert_eq!(error.kind(), Kind::Panic);
        assert_eq!(error.to_string(), "a bug in store was caught: slot 7 is gone");
        assert_eq!(catch(|| 5).unwrap(), 5);
    }
}

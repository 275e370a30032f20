//! `db transaction ?-retries N? ?-isolation snapshot? SCRIPT`
//!
//! Runs the script; every call on this store inside it is one transaction. Ending with ok,
//! `return`, `break` or `continue` commits and passes that end and the result on; an error rolls
//! back. Inside another transaction it is a savepoint: only its own part is undone by an error.
//!
//! After a lost conflict, or an error thrown with errorCode `STORE CONFLICT`, the outermost one
//! runs its script again, up to N times (0 by default).

use crate::args::{Call, Subcommand, option};
use crate::failure::{Failure, Outcome, Reply, is_conflict};
use crate::handle::Database;
use crate::stubs::Code;
use std::time::Duration;
use store_core::Kind;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "transaction",
    words: "SCRIPT",
    count: 1..=1,
    options: &[option("-retries", "N"), option("-isolation", "snapshot")],
    options_first: true,
    run,
};

/// Longest pause before another attempt: a conflict is over once its winner has committed.
const PAUSE_MAX: Duration = Duration::from_millis(8);

/// How one attempt ended.
enum Attempt {
    Done(Outcome),
    Conflict(Outcome),
}

fn run(call: &Call<'_, Database>) -> Outcome {
    let retries = call.options.number("-retries")?.unwrap_or(0);
    call.options.choice("-isolation", &[("snapshot", ())])?;
    if call.handle.in_transaction() {
        return nested(call);
    }
    let mut tried = 0;
    loop {
        match attempt(call) {
            Attempt::Conflict(_) if tried < retries => {
                call.interp.reset_result();
                std::thread::sleep(pause(tried));
                tried += 1;
            }
            Attempt::Conflict(outcome) | Attempt::Done(outcome) => return outcome,
        }
    }
}

fn attempt(call: &Call<'_, Database>) -> Attempt {
    let (interp, database) = (call.interp, call.handle);
    if let Err(error) = database.begin() {
        return Attempt::Done(Err(error.into()));
    }
    let code = interp.eval(&call.words[0]);
    if code == Code::ERROR {
        database.rollback();
        let conflict = is_conflict(interp);
        let outcome = Err(script_failed(call));
        return if conflict { Attempt::Conflict(outcome) } else { Attempt::Done(outcome) };
    }
    match database.commit() {
        Ok(()) => Attempt::Done(Ok(Reply::Script(code))),
        Err(error) if error.kind() == Kind::Conflict => Attempt::Conflict(Err(error.into())),
        Err(error) => Attempt::Done(Err(error.into())),
    }
}

fn nested(call: &Call<'_, Database>) -> Outcome {
    let database = call.handle;
    let savepoint = database.savepoint()?;
    let code = call.interp.eval(&call.words[0]);
    if code == Code::ERROR {
        // It fails only if the transaction is gone, and then there is nothing left to undo.
        let _ = database.rollback_to(savepoint);
        return Err(script_failed(call));
    }
    database.release(savepoint)?;
    Ok(Reply::Script(code))
}

fn script_failed(call: &Call<'_, Database>) -> Failure {
    call.interp.add_error_info(&format!("\n    (\"{} transaction\" body)", call.handle.name()));
    Failure::Tcl
}

/// Doubles from 50 µs.
fn pause(tried: u64) -> Duration {
    Duration::from_micros(50 << tried.min(10)).min(PAUSE_MAX)
}

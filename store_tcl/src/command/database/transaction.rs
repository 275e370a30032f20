//! `db transaction ?-retries N? ?-isolation snapshot|serializable? ?-readonly BOOL?
//! ?-durability sync|async? SCRIPT`
//!
//! Runs the script; every call on this store inside it is one transaction. Ending with ok,
//! `return`, `break` or `continue` commits and passes that end and the result on; an error rolls
//! back. Inside another transaction it is a savepoint: only its own part is undone by an error.
//!
//! After a lost conflict, or an error thrown with errorCode `STORE CONFLICT`, the outermost one
//! waits until that is decided and runs its script again, up to N times (0 by default); after a refusal of
//! memory, `STORE OVER_BUDGET`, it waits until rows were frozen, if the store freezes by itself.

use crate::args::{Call, Subcommand, option};
use crate::failure::{Failure, Outcome, Reply, is_kind};
use crate::handle::Database;
use crate::stubs::Code;
use store_core::{Durability, Error, Isolation, Kind, Lost, Result, Retry, TxnOptions};

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "transaction",
    words: "SCRIPT",
    count: 1..=1,
    options: &[
        option("-retries", "N"),
        option("-isolation", "snapshot|serializable"),
        option("-readonly", "BOOL"),
        option("-durability", "sync|async"),
    ],
    options_first: true,
    run,
};

/// How one attempt ended.
enum Attempt {
    Done(Outcome),
    /// It may do better when that is decided.
    Lost(Outcome, Lost),
}

fn run(call: &Call<'_, Database>) -> Outcome {
    let options = read_options(call)?;
    if call.handle.in_transaction() {
        for word in ["-isolation", "-readonly", "-durability"] {
            if call.options.get(word).is_some() {
                let what = format!("{word} is for the outermost transaction");
                return Err(Error::invalid(what).detail(word).into());
            }
        }
        return nested(call);
    }
    let mut retry = call.handle.retry(options)?;
    loop {
        match attempt(call, &retry) {
            Attempt::Lost(outcome, lost) => {
                if !retry.again(lost) {
                    return outcome;
                }
                call.interp.reset_result();
            }
            Attempt::Done(outcome) => return outcome,
        }
    }
}

fn read_options(call: &Call<'_, Database>) -> Result<TxnOptions> {
    let retries = call.options.number("-retries")?.unwrap_or(0);
    let levels = [("snapshot", Isolation::Snapshot), ("serializable", Isolation::Serializable)];
    let isolation = call.options.choice("-isolation", &levels)?.unwrap_or_default();
    let options = TxnOptions::new().retries(retries.min(u64::from(u32::MAX)) as u32);
    let levels = [("sync", Durability::Sync), ("async", Durability::Async)];
    let options = match call.options.choice("-durability", &levels)? {
        Some(level) => options.durability(level),
        None => options,
    };
    let options = options.isolation(isolation);
    Ok(if call.options.boolean("-readonly")? { options.read_only() } else { options })
}

fn attempt(call: &Call<'_, Database>, retry: &Retry) -> Attempt {
    let (interp, database) = (call.interp, call.handle);
    match retry.begin() {
        Ok(txn) => database.enter(txn),
        Err(error) => return Attempt::Done(Err(error.into())),
    }
    let code = interp.eval(&call.words[0]);
    if code == Code::ERROR {
        let mut lost = database.rollback();
        let refused = is_kind(interp, Kind::OverBudget);
        if refused {
            lost = Lost::room();
        }
        let again = refused || is_kind(interp, Kind::Conflict);
        let outcome = Err(script_failed(call));
        return if again { Attempt::Lost(outcome, lost) } else { Attempt::Done(outcome) };
    }
    match database.commit() {
        Ok(()) => Attempt::Done(Ok(Reply::Script(code))),
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::OverBudget) => {
            let lost = Lost::by(None, &error);
            Attempt::Lost(Err(error.into()), lost)
        }
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

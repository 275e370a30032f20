//! `db checkpoint`
//!
//! Writes every row to segments and lets go of the log before; nothing in memory. Not inside a
//! transaction.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "checkpoint",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("a checkpoint")?;
    call.handle.store()?.checkpoint()?;
    Ok(Obj::from_text("").into())
}

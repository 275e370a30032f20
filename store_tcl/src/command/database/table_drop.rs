//! `db table drop NAME`
//!
//! Drops a table. Searches that run read on, and calls of its commands say that it was dropped. Not
//! inside a transaction.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "table drop",
    words: "NAME",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("dropping a table")?;
    call.handle.store()?.drop_table(&call.words[0].text()?)?;
    Ok(Obj::from_text("").into())
}

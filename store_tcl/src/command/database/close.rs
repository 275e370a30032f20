//! `db close`
//!
//! Closes the store and deletes the command. Table commands stay and say that it was closed;
//! loops over them end with the rows of their snapshot. Not inside a transaction.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> =
    Subcommand { name: "close", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("closing the store")?;
    let closed = call.handle.close();
    call.handle.delete_command();
    closed?;
    Ok(Obj::from_text("").into())
}

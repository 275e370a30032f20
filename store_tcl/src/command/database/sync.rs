//! `db sync`
//!
//! Makes all that was committed until now durable, whatever its level. Not inside a transaction.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> =
    Subcommand { name: "sync", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("a sync")?;
    call.handle.store()?.sync()?;
    Ok(Obj::from_text("").into())
}

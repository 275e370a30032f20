//! `$table index drop INDEX`
//!
//! Drops an index. Not inside a transaction.

use super::find;
use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index drop",
    words: "INDEX",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    call.handle.database().refuse_in_transaction("dropping an index")?;
    let table = call.handle.table()?;
    table.drop_index(&find(table.schema(), &call.words[0])?.name)?;
    Ok(Obj::from_text("").into())
}

//! `$table methods`
//!
//! The names of all subcommands.

use super::SUBCOMMANDS;
use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "methods",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let names = SUBCOMMANDS.iter().map(|subcommand| Obj::from_text(subcommand.name));
    call.handle.table()?;
    Ok(Obj::from_list(&names.collect::<Vec<_>>()).into())
}

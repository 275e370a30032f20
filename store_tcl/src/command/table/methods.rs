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
    // Of those with two words, the first, once.
    let first = |name: &'static str| name.split(' ').next().unwrap_or_default();
    let mut names: Vec<&str> = SUBCOMMANDS.iter().map(|known| first(known.name)).collect();
    names.dedup();
    call.handle.table()?;
    Ok(Obj::from_list(&names.into_iter().map(Obj::from_text).collect::<Vec<_>>()).into())
}

//! `$table index list`
//!
//! The names of the indexes.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index list",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let names = table.schema().indexes.iter().map(|index| Obj::from_text(&index.name));
    Ok(Obj::from_list(&names.collect::<Vec<_>>()).into())
}

//! `$table index indexable`
//!
//! The columns that an index can be made over: all of them.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index indexable",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let names = table.schema().visible_columns().map(|column| Obj::from_text(&column.name));
    Ok(Obj::from_list(&names.collect::<Vec<_>>()).into())
}

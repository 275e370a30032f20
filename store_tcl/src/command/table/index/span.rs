//! `$table index span INDEX`
//!
//! A list of its lowest and its highest value, each a list if it has several columns; empty if there
//! are no rows. Rows that are NULL in its first column do not count.

use super::find;
use crate::args::{Call, Subcommand};
use crate::cell::value_obj;
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index span",
    words: "INDEX",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let name = &find(table.schema(), &call.words[0])?.name;
    let span = call.handle.database().view()?.index_span(&table, name)?;
    let ends = span.map_or_else(Vec::new, |(low, high)| vec![value_obj(&low), value_obj(&high)]);
    Ok(Obj::from_list(&ends).into())
}

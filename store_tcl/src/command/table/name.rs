//! `$table name`
//!
//! The table's name in its store.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> =
    Subcommand { name: "name", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    Ok(Obj::from_text(call.handle.table()?.name()).into())
}

//! `$table schema`
//!
//! The schema as the command line reads and writes it, such as `id int64 key, name text index`.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> =
    Subcommand { name: "schema", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    Ok(Obj::from_text(&call.handle.table()?.schema().to_string()).into())
}

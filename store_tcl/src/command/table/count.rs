//! `$table count`
//!
//! How many rows there are.

use crate::args::{Call, Subcommand};
use crate::cell::count_obj;
use crate::failure::Outcome;
use crate::handle::TableHandle;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> =
    Subcommand { name: "count", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let rows = call.handle.database().view()?.query(&table).count()?;
    Ok(count_obj(rows).into())
}

//! `$table thaw ?EXPR?`
//!
//! Brings the cold rows for which an SQL expression is true, or all, back to memory; gives how many.

use super::freeze::condition;
use crate::args::{Call, Subcommand};
use crate::cell::count_obj;
use crate::failure::Outcome;
use crate::handle::TableHandle;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "thaw",
    words: "?EXPR?",
    count: 0..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let (table, predicate) = (call.handle.table()?, condition(call.words)?);
    Ok(count_obj(table.thaw(&predicate)?).into())
}

//! `$table freeze ?EXPR?`
//!
//! Moves the rows for which an SQL expression is true, or all, out of memory, into segments; gives a dict of
//! `rows`, `rows_kept` (written by others just then), `segments` and `bytes`. They stay rows of the table.

use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, pairs};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::Result;
use store_core::query::Predicate;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "freeze",
    words: "?EXPR?",
    count: 0..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let (table, predicate) = (call.handle.table()?, condition(call.words)?);
    let report = table.freeze(&predicate, |_| true)?;
    Ok(pairs([
        ("rows", count_obj(report.rows)),
        ("rows_kept", count_obj(report.rows_kept)),
        ("segments", count_obj(report.segments)),
        ("bytes", count_obj(report.bytes)),
    ])
    .into())
}

/// The rows that a call means.
pub fn condition(words: &[Obj]) -> Result<Predicate> {
    match words {
        [expression, ..] => Predicate::parse(&expression.text()?),
        [] => Ok(Predicate::all()),
    }
}

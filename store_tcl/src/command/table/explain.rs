//! `$table explain ?search options?`
//!
//! One line: the way a search with these options takes to its rows, and why.

use super::query::{OPTIONS, Question};
use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "explain",
    words: "",
    count: 0..=0,
    options: OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let question = Question::read(&call.options, table.schema())?;
    let view = call.handle.database().view()?;
    let way = question.ask(view.query(&table))?.explain()?;
    Ok(Obj::from_text(&way).into())
}

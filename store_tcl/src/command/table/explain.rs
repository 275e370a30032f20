//! `$table explain ?-analyze? ?search options?`
//!
//! One line: the way a search with these options takes to its rows, about how many there are, and
//! why. With `-analyze` the search is run, and the line goes on with how many rows were read,
//! matched and given, and the time it took; no script is run and no variable set.

use super::query::{OPTIONS, Question};
use crate::args::{Call, Opt, Subcommand, flag};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// `-analyze`, then what `search` has.
const EXPLAIN_OPTIONS: [Opt; OPTIONS.len() + 1] = {
    let mut options = [flag("-analyze"); OPTIONS.len() + 1];
    let mut at = 0;
    while at < OPTIONS.len() {
        options[at + 1] = OPTIONS[at];
        at += 1;
    }
    options
};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "explain",
    words: "",
    count: 0..=0,
    options: &EXPLAIN_OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let question = Question::read(&call.options, table.schema())?;
    let view = call.handle.database().view()?;
    let query = question.ask(view.query(&table))?;
    let line = if call.options.has("-analyze") {
        query.analyze()?.to_string()
    } else {
        query.explain()?
    };
    Ok(Obj::from_text(&line).into())
}

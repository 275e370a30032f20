//! `db table open NAME`
//!
//! Makes a command for the table and returns its name, `::store_table1` and so on.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "table open",
    words: "NAME",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let name = call.words[0].text()?;
    let store = call.handle.store()?;
    let table = store.open_table(&name).map_err(|error| match error.details() {
        [] => error.detail(name),
        _ => error,
    })?;
    Ok(call.handle.add_table(call.interp, table).into())
}

//! `db memory ?SIZE?`
//!
//! Gives the store another memory budget, while it is in use; returns the budget in bytes. A smaller one is
//! refused if more stays than it allows. Not inside a transaction, which may hold what is to go.

use crate::args::{Call, Subcommand, size};
use crate::cell::count_obj;
use crate::failure::Outcome;
use crate::handle::Database;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "memory",
    words: "?SIZE?",
    count: 0..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let store = call.handle.store()?;
    if let Some(bytes) = call.words.first() {
        let bytes = size("SIZE", bytes)?;
        call.handle.refuse_in_transaction("a change of the memory")?;
        store.set_memory(bytes)?;
    }
    Ok(count_obj(store.stats().memory_limit).into())
}

//! `db table list`

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// The names of all tables, in order.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "table list",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let names = call.handle.store()?.tables();
    let names: Vec<Obj> = names.iter().map(|name| Obj::from_text(name)).collect();
    Ok(Obj::from_list(&names).into())
}

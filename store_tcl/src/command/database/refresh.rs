//! `db refresh`
//!
//! Brings a store that was opened with `-readonly 1` up to all that its owner has made durable; gives
//! the timestamp of the newest commit. A transaction that is open goes on at its own moment.

use crate::args::{Call, Subcommand};
use crate::cell::count_obj;
use crate::failure::Outcome;
use crate::handle::Database;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "refresh",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    Ok(count_obj(call.handle.store()?.refresh()?).into())
}

//! `db etl validate FILE ?options?`
//!
//! Checks a job against its inputs and tables without running it.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "etl validate",
    words: "FILE",
    count: 1..=1,
    options: &super::OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let (job, options) = super::read(call)?;
    job.validate(&options)?;
    Ok(Obj::from_text("").into())
}

//! `db etl explain FILE ?options? ?-json BOOLEAN?`
//!
//! What a run would do, step by step, and the memory of each part, as text or as JSON.

use crate::args::{Call, Opt, Subcommand, option};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// The options of every job, and one more.
const EXPLAIN_OPTIONS: [Opt; super::OPTIONS.len() + 1] =
    super::with([option("-json", "BOOLEAN"); super::OPTIONS.len() + 1]);

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "etl explain",
    words: "FILE",
    count: 1..=1,
    options: &EXPLAIN_OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let (job, options) = super::read(call)?;
    let as_json = call.options.boolean("-json")?;
    let explained = job.explain(&options)?;
    let text = if as_json { explained.to_json().to_string() } else { explained.to_string() };
    Ok(Obj::from_text(&text).into())
}

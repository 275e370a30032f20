//! `db recovery`
//!
//! What opening the store found, as a dict; empty for a store in memory. `cut` is empty, or file, offset
//! and length of an unfinished write at the log's end that was cut off.

use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, pairs};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;
use std::time::Duration;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "recovery",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    let store = call.handle.store()?;
    let Some(report) = store.recovery() else { return Ok(Obj::from_text("").into()) };
    let cut = report.cut.iter().flat_map(|(file, offset, bytes)| {
        [Obj::from_text(file), count_obj(*offset), count_obj(*bytes)]
    });
    let millis = |time: Duration| count_obj(time.as_millis() as u64);
    let all = pairs([
        ("checkpoint_rows", count_obj(report.checkpoint_rows)),
        ("records", count_obj(report.records)),
        ("log_rows", count_obj(report.log_rows)),
        ("index_entries", count_obj(report.index_entries)),
        ("timestamp", count_obj(report.timestamp)),
        ("cut", Obj::from_list(&cut.collect::<Vec<_>>())),
        ("loading_ms", millis(report.loading)),
        ("replaying_ms", millis(report.replaying)),
        ("indexing_ms", millis(report.indexing)),
    ]);
    Ok(all.into())
}

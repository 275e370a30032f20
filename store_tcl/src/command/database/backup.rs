//! `db backup PATH`
//!
//! Copies the store, while it is in use, to a directory where it opens as a store of its own; returns
//! a dict of `timestamp`, `files`, `files_kept` and `bytes`. Not inside a transaction, nor in a safe
//! interpreter, which may name no file.

use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, pairs};
use crate::command::package::files_refused;
use crate::failure::Outcome;
use crate::handle::Database;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "backup",
    words: "PATH",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    if call.interp.is_safe() {
        return Err(files_refused("no backup can be made").into());
    }
    call.handle.refuse_in_transaction("a backup")?;
    let report = call.handle.store()?.backup(&*call.words[0].text()?)?;
    let report = pairs([
        ("timestamp", count_obj(report.timestamp)),
        ("files", count_obj(report.files)),
        ("files_kept", count_obj(report.files_kept)),
        ("bytes", count_obj(report.bytes)),
    ]);
    Ok(report.into())
}

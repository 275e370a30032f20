//! `db check`
//!
//! Verifies the checkpoint's checksums and every index against its table; returns a dict of `rows`,
//! `index_entries`, `segment_rows` and `faults`, a list that is empty if nothing is wrong.

use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, pairs};
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> =
    Subcommand { name: "check", words: "", count: 0..=0, options: &[], options_first: false, run };

fn run(call: &Call<'_, Database>) -> Outcome {
    let report = call.handle.store()?.check()?;
    let faults: Vec<Obj> = report.faults.iter().map(|fault| Obj::from_text(fault)).collect();
    let report = pairs([
        ("rows", count_obj(report.rows)),
        ("index_entries", count_obj(report.index_entries)),
        ("segment_rows", count_obj(report.segment_rows)),
        ("faults", Obj::from_list(&faults)),
    ]);
    Ok(report.into())
}

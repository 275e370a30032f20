//! `$table index unique COLUMNS`
//!
//! 1 if there is a unique index over exactly these columns, or of this name, else 0.

use super::find_known;
use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index unique",
    words: "COLUMNS",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let found = find_known(table.schema(), &call.words[0])?.is_some_and(|index| index.unique);
    Ok(Obj::from_int(i64::from(found)).into())
}

//! `$table exists KEY`
//!
//! 1 if there is a row with this key, else 0.

use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "exists",
    words: "KEY",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let key = read_key(table.schema(), &call.words[0])?;
    let found = call.handle.database().view()?.get(&table, &borrow_all(&key), |_| ())?;
    Ok(Obj::from_int(i64::from(found.is_some())).into())
}

//! `$table delete KEY`
//!
//! Deletes the row with this key: 1, or 0 if there is none. A transaction of its own unless one is
//! open.

use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "delete",
    words: "KEY",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let key = read_key(table.schema(), &call.words[0])?;
    let deleted = call.handle.database().write(|txn| table.delete(txn, &borrow_all(&key)))?;
    Ok(Obj::from_int(i64::from(deleted)).into())
}

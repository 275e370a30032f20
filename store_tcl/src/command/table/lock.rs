//! `$table lock KEY`
//!
//! Keeps others from writing the row with this key until the open transaction ends: 1, or 0 if there
//! is no such row.

use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::Error;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "lock",
    words: "KEY",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let key = read_key(table.schema(), &call.words[0])?;
    let database = call.handle.database();
    if !database.in_transaction() {
        return Err(Error::invalid("a row is locked inside db transaction only").into());
    }
    let locked = database.write(|txn| table.lock(txn, &borrow_all(&key)))?;
    Ok(Obj::from_int(i64::from(locked)).into())
}

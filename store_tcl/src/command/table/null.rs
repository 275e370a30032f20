//! `$table null KEY column ?column ...?`
//!
//! Sets columns of a row to NULL; an unknown key is the error `STORE NOT_FOUND table key`.

use super::no_row;
use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, column_positions, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::ValueRef;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "null",
    words: "KEY column ?column ...?",
    count: 2..=usize::MAX,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let key = read_key(table.schema(), &call.words[0])?;
    let columns = column_positions(table.schema(), &call.words[1..])?;
    let (key, nulls) = (borrow_all(&key), vec![ValueRef::Null; columns.len()]);
    let database = call.handle.database();
    let found = database.write(|txn| table.update_columns(txn, &key, &columns, &nulls))?;
    if !found {
        return Err(no_row(&table, &call.words[0]).into());
    }
    Ok(Obj::from_text("").into())
}

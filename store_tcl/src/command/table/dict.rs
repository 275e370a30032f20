//! `$table dict KEY ?column ...?`
//!
//! The row as a dict of names and values, without NULLs; all columns if none is named. An unknown
//! key is the error `STORE NOT_FOUND table key`.

use super::no_row;
use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, cell_obj, column_names, column_positions, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "dict",
    words: "KEY ?column ...?",
    count: 1..=usize::MAX,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let columns = column_positions(table.schema(), &call.words[1..])?;
    let key = read_key(table.schema(), &call.words[0])?;
    let names = column_names(table.schema(), &columns);
    let dict = call.handle.database().view()?.get(&table, &borrow_all(&key), |row| {
        let mut words = Vec::with_capacity(2 * columns.len());
        for (name, column) in names.iter().zip(&columns) {
            if !row.get(*column).is_null() {
                words.extend([name.clone(), cell_obj(row.get(*column))]);
            }
        }
        Obj::from_list(&words)
    })?;
    Ok(dict.ok_or_else(|| no_row(&table, &call.words[0]))?.into())
}

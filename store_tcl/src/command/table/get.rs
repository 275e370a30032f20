//! `$table get KEY ?column ...?`
//!
//! The row's values as a list, NULL as the empty string; all columns if none is named. An unknown
//! key is the error `STORE NOT_FOUND table key`.

use super::no_row;
use crate::args::{Call, Subcommand};
use crate::cell::{borrow_all, cell_obj, column_positions, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "get",
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
    let values = call.handle.database().view()?.get(&table, &borrow_all(&key), |row| {
        let values: Vec<Obj> = columns.iter().map(|column| cell_obj(row.get(*column))).collect();
        Obj::from_list(&values)
    })?;
    Ok(values.ok_or_else(|| no_row(&table, &call.words[0]))?.into())
}

//! `$table type COLUMN`
//!
//! The name of the column's type, such as `int32` or `decimal(10,2)`.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "type",
    words: "COLUMN",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let column = table.schema().column_position(&call.words[0].text()?)?;
    Ok(Obj::from_text(&table.schema().columns[column].ty.to_string()).into())
}

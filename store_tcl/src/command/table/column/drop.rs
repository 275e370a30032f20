//! `$table column drop NAME`
//!
//! Drops a column that is in no key and no index. Not inside a transaction.

use crate::args::{Call, Subcommand};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "column drop",
    words: "NAME",
    count: 1..=1,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    call.handle.database().refuse_in_transaction("dropping a column")?;
    call.handle.table()?.drop_column(&call.words[0].text()?)?;
    Ok(Obj::from_text("").into())
}

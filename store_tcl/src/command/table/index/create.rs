//! `$table index create ?-name NAME? ?-unique? ?-nocase? COLUMNS`
//!
//! Makes an index over a list of columns from the rows that are there, and returns its name: NAME, or
//! the columns' names with `+` between them, and ` nocase` behind with `-nocase`, for which upper and
//! lower case are equal in its text. Not inside a transaction.

use crate::args::{Call, Subcommand, flag, option};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{IndexSpec, Result};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index create",
    words: "COLUMNS",
    count: 1..=1,
    options: &[option("-name", "NAME"), flag("-unique"), flag("-nocase")],
    options_first: true,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    call.handle.database().refuse_in_transaction("making an index")?;
    let columns = call.words[0].list()?;
    let columns = columns.iter().map(Obj::text).collect::<Result<Vec<_>>>()?;
    let nocase = call.options.has("-nocase");
    let name = match call.options.get("-name") {
        Some(name) => name.text()?.into_owned(),
        None => columns.join("+") + if nocase { " nocase" } else { "" },
    };
    let spec = IndexSpec::on(&columns).name(&name);
    let spec = if call.options.has("-unique") { spec.unique() } else { spec };
    let spec = if nocase { spec.nocase() } else { spec };
    call.handle.table()?.create_index(&spec)?;
    Ok(Obj::from_text(&name).into())
}

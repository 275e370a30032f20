//! `$table column add NAME TYPE ?-notnull? ?-default VALUE?`
//!
//! Adds a column behind the others; rows that are there get the default, or NULL. With `-notnull` it
//! needs one. Not inside a transaction.

use crate::args::{Call, Subcommand, flag, option};
use crate::cell::read_cell;
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{ColumnSpec, Type};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "column add",
    words: "NAME TYPE",
    count: 2..=2,
    options: &[flag("-notnull"), option("-default", "VALUE")],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    call.handle.database().refuse_in_transaction("adding a column")?;
    let (name, ty) = (call.words[0].text()?, Type::from_name(&call.words[1].text()?)?);
    let mut spec = ColumnSpec::new(&*name, ty);
    if call.options.has("-notnull") {
        spec = spec.notnull();
    }
    if let Some(value) = call.options.get("-default") {
        let value = read_cell(value, ty)
            .map_err(|error| error.at(format!("default of \"{name}\"")).detail(&*name))?;
        spec = spec.default(value.into_value());
    }
    call.handle.table()?.add_column(&spec)?;
    Ok(Obj::from_text("").into())
}

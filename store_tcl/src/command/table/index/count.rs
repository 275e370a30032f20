//! `$table index count INDEX ?LOW HIGH?`
//!
//! How many rows it leads to; with LOW and HIGH, whose value in its first column lies between them,
//! both ends included.

use super::find;
use crate::args::{Call, Subcommand};
use crate::cell::{count_obj, read_column};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use store_core::Error;
use store_core::query::column;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "index count",
    words: "INDEX ?LOW HIGH?",
    count: 1..=3,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let schema = table.schema();
    let index = find(schema, &call.words[0])?;
    let view = call.handle.database().view()?;
    let mut query = view.query(&table);
    match &call.words[1..] {
        [] => {}
        [low, high] => {
            let first = index.columns[0];
            let read = |end| Ok::<_, Error>(read_column(schema, first, end)?.into_value());
            let name = &schema.columns[first].name;
            query = query.filter(column(name).between(read(low)?, read(high)?));
        }
        _ => {
            return Err(Error::invalid("LOW and HIGH come together, or neither does").into());
        }
    }
    Ok(count_obj(query.count()?).into())
}

//! `$table`: one table of an open store.

mod aggregate;
mod column;
mod column_type;
mod count;
mod delete;
mod destroy;
mod dict;
mod exists;
mod explain;
mod fields;
mod freeze;
mod get;
mod incr;
mod index;
mod ingest;
mod insert;
mod lock;
mod methods;
mod name;
mod null;
mod poll;
mod query;
mod schema;
mod search;
mod set;
mod thaw;
mod update;

use crate::args::Subcommand;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{Error, Table};

/// Every subcommand of a table command, by name.
pub static SUBCOMMANDS: &[Subcommand<TableHandle>] = &[
    aggregate::SUBCOMMAND,
    column::add::SUBCOMMAND,
    column::drop::SUBCOMMAND,
    count::SUBCOMMAND,
    delete::SUBCOMMAND,
    destroy::SUBCOMMAND,
    dict::SUBCOMMAND,
    exists::SUBCOMMAND,
    explain::SUBCOMMAND,
    fields::SUBCOMMAND,
    freeze::SUBCOMMAND,
    get::SUBCOMMAND,
    incr::SUBCOMMAND,
    index::count::SUBCOMMAND,
    index::create::SUBCOMMAND,
    index::drop::SUBCOMMAND,
    index::indexable::SUBCOMMAND,
    index::indexed::SUBCOMMAND,
    index::list::SUBCOMMAND,
    index::span::SUBCOMMAND,
    index::unique::SUBCOMMAND,
    ingest::SUBCOMMAND,
    insert::SUBCOMMAND,
    lock::SUBCOMMAND,
    methods::SUBCOMMAND,
    name::SUBCOMMAND,
    null::SUBCOMMAND,
    schema::SUBCOMMAND,
    search::SUBCOMMAND,
    set::SUBCOMMAND,
    thaw::SUBCOMMAND,
    column_type::SUBCOMMAND,
    update::SUBCOMMAND,
];

/// The error of a key that no row has: `STORE NOT_FOUND table key`.
fn no_row(table: &Table, key: &Obj) -> Error {
    let (name, key) =
        (table.name(), key.text().map_or_else(|_| key.shown(), |key| key.to_string()));
    Error::not_found(format!("no row {key} in `{name}`")).detail(name).detail(key)
}

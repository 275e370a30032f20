//! `db`: an open store.

mod backup;
mod check;
mod checkpoint;
mod close;
mod etl;
mod memory;
mod recovery;
mod refresh;
mod stats;
mod sync;
mod table_create;
mod table_drop;
mod table_list;
mod table_open;
mod transaction;

use crate::args::Subcommand;
use crate::handle::Database;

/// Every subcommand of a database command, by name.
pub static SUBCOMMANDS: &[Subcommand<Database>] = &[
    backup::SUBCOMMAND,
    check::SUBCOMMAND,
    checkpoint::SUBCOMMAND,
    close::SUBCOMMAND,
    etl::explain::SUBCOMMAND,
    etl::run::SUBCOMMAND,
    etl::validate::SUBCOMMAND,
    memory::SUBCOMMAND,
    recovery::SUBCOMMAND,
    refresh::SUBCOMMAND,
    stats::SUBCOMMAND,
    sync::SUBCOMMAND,
    table_create::SUBCOMMAND,
    table_drop::SUBCOMMAND,
    table_list::SUBCOMMAND,
    table_open::SUBCOMMAND,
    transaction::SUBCOMMAND,
];

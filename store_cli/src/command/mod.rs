//! The subcommands, a file each, and what they share: opening the store.

mod backup;
mod check;
mod checkpoint;
mod compact;
mod gen_flights;
mod generate;
mod ingest;
mod query;
mod schema;
mod stats;
mod tables;

use crate::args::{Cli, Command, Common, Durability, GenCommand};
use crate::failure::{Done, Failure};
use crate::output::say;
use std::path::Path;
use store_core::{Options, Store};

/// Runs the command.
pub fn run(cli: &Cli) -> Done {
    let common = &cli.common;
    match &cli.command {
        Command::Ingest(args) => ingest::run(common, args),
        Command::Query(args) => query::run(common, args),
        Command::Tables(args) => tables::run(common, args),
        Command::Schema(args) => schema::run(common, args),
        Command::Stats(args) => stats::run(common, args),
        Command::Check(args) => check::run(common, args),
        Command::Checkpoint(args) => checkpoint::run(common, args),
        Command::Backup(args) => backup::run(common, args),
        Command::Compact(args) => compact::run(common, args),
        Command::Gen { what: GenCommand::Flights(args) } => gen_flights::run(common, args),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { command } => generate::man(command.as_deref()),
    }
}

/// Opens a store that must be there.
fn open(common: &Common, db: &Path) -> Result<Store, Failure> {
    open_with(common, db, options(common).create(false))
}

/// Opens a store, or makes one.
fn open_or_create(common: &Common, db: &Path) -> Result<Store, Failure> {
    open_with(common, db, options(common).create(true))
}

/// What the command line says of opening.
fn options(common: &Common) -> Options {
    let Durability::Sync = common.durability; // the only one so far, and the core's default
    let options = Store::options();
    common.memory.map_or(options.clone(), |bytes| options.memory(bytes))
}

fn open_with(common: &Common, db: &Path, options: Options) -> Result<Store, Failure> {
    let store = options.open(db)?;
    tell_recovery(common, &store);
    Ok(store)
}

/// Says what opening found: a cut always, the rest if more is wanted.
fn tell_recovery(common: &Common, store: &Store) {
    let Some(report) = store.recovery().filter(|_| !common.quiet) else { return };
    if let Some((file, offset, bytes)) = &report.cut {
        say(&format!("store: {file}: cut {bytes} bytes of an unfinished write at offset {offset}"));
    }
    if common.verbose {
        let (rows, records, timestamp) = (report.checkpoint_rows, report.records, report.timestamp);
        say(&format!(
            "store: recovered {rows} rows of the checkpoint and {records} records of the log, up \
             to commit {timestamp}"
        ));
    }
}

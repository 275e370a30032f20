//! The subcommands, a file each, and what they share: opening the store.

mod backup;
mod check;
mod checkpoint;
mod cold;
mod compact;
mod etl;
mod generate;
mod ingest;
mod made_rows;
mod query;
mod schema;
mod stats;
mod tables;

use crate::args::{Cli, Command, Common};
use crate::failure::{Done, Failure};
use crate::output::say;
use std::path::Path;
use std::time::Duration;
use store_core::{Kind, Options, Store};

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
        Command::Freeze(args) => cold::freeze(common, args),
        Command::Thaw(args) => cold::thaw(common, args),
        Command::Etl { what } => etl::run(common, what),
        Command::Gen { what } => made_rows::run(common, what),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { command } => generate::man(command.as_deref()),
    }
}

/// Opens a store that must be there.
fn open(common: &Common, db: &Path) -> Result<Store, Failure> {
    open_with(common, db, options(common).create(false))
}

/// Opens a store that must be there for reading: while another process owns it, it is followed.
fn open_to_read(common: &Common, db: &Path) -> Result<Store, Failure> {
    match options(common).create(false).open(db) {
        Err(error) if error.kind() == Kind::Busy => {}
        opened => {
            let store = opened?;
            tell_recovery(common, &store);
            return Ok(store);
        }
    }
    // One moment of it is all that is looked at.
    let store = options(common).read_only().keep_up(false).open(db)?;
    if !common.quiet {
        let (db, at) = (db.display(), store.snapshot()?.timestamp());
        say(&format!("store: {db}: another process owns it; reading it as of commit {at}"));
    }
    tell_recovery(common, &store);
    Ok(store)
}

/// Opens a store, or makes one.
fn open_or_create(common: &Common, db: &Path) -> Result<Store, Failure> {
    open_with(common, db, options(common).create(true))
}

/// What the command line says of opening.
fn options(common: &Common) -> Options {
    let mut options = Store::options();
    options = options.durability(common.durability.into()).freeze(true);
    if let Some(delay) = common.async_delay {
        options = options.async_delay(Duration::from_millis(delay));
    }
    if let Some(bytes) = common.async_bytes {
        options = options.async_bytes(bytes);
    }
    if let Some(bytes) = common.checkpoint_bytes {
        options = options.checkpoint_bytes(bytes);
    }
    if let Some(age) = common.checkpoint_age {
        options = options.checkpoint_age(Duration::from_secs(age));
    }
    if let Some(threads) = common.threads {
        options = options.threads(threads);
    }
    if let Some(bytes) = common.memory {
        options = options.memory(bytes);
    }
    options
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
        let (log_rows, entries) = (report.log_rows, report.index_entries);
        let [loading, replaying, indexing] =
            [report.loading, report.replaying, report.indexing].map(|time| time.as_secs_f64());
        say(&format!(
            "store: recovered {rows} rows of the checkpoint and {records} records of the log, up \
             to commit {timestamp}"
        ));
        say(&format!(
            "store: the checkpoint took {loading:.2} s, {log_rows} rows of the log {replaying:.2} s, \
             {entries} index entries {indexing:.2} s"
        ));
    }
}

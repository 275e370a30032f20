//! `store gen flights|transactions|accounts --rows N [--seed S] [--out FILE]`: made rows as TSV.

use crate::args::{Common, GenCommand, MadeArgs};
use crate::failure::{Done, Exit, Failure};
use crate::output::say;
use crate::progress;
use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;
use store_core::Error;
use store_etl::generate::{write_accounts, write_flights, write_transactions};

/// What to make, and how much of it.
struct Made<'a> {
    what: &'a GenCommand,
    rows: u64,
    args: &'a MadeArgs,
}

/// Writes the rows where they are wanted.
pub fn run(common: &Common, what: &GenCommand) -> Done {
    if common.json {
        return Err(Failure::usage("gen writes tsv: it has no --json"));
    }
    let (rows, args) = match what {
        GenCommand::Flights(args) => (args.rows, &args.made),
        GenCommand::Transactions(args) => (args.rows, &args.made),
        GenCommand::Accounts(args) => (args.rows, &args.made),
    };
    let made = Made { what, rows, args };
    let Some(path) = args.out.as_deref().filter(|path| *path != Path::new("-")) else {
        write_rows(common, &made, &mut io::stdout().lock())
            .map_err(|error| Failure::of_output(Error::io("output", error)))?;
        return Ok(Exit::Done);
    };
    let began = Instant::now();
    let bytes = write_file(common, &made, path)
        .map_err(|error| Failure::from(Error::io(path.display(), error)))?;
    if !common.quiet {
        let (shown, seconds) = (path.display(), began.elapsed().as_secs_f64());
        say(&format!("wrote {rows} rows, {bytes} bytes of text, to {shown} in {seconds:.2} s"));
    }
    Ok(Exit::Done)
}

/// A name that ends in `.gz` gets gzip.
fn write_file(common: &Common, made: &Made<'_>, path: &Path) -> io::Result<u64> {
    let mut file = File::create(path)?;
    if path.extension().is_none_or(|end| end != "gz") {
        return write_rows(common, made, &mut file);
    }
    let mut packed = GzEncoder::new(file, Compression::fast());
    let bytes = write_rows(common, made, &mut packed)?;
    packed.finish().map(|_| bytes)
}

/// The bytes of text written; `out` gets them in large pieces.
fn write_rows(common: &Common, made: &Made<'_>, out: &mut impl Write) -> io::Result<u64> {
    let line = progress::Rows::of(common.quiet, made.rows, made.args.out.is_none());
    let mut all = 0;
    let tell = |rows, bytes| {
        all = bytes;
        line.tell(rows, bytes);
    };
    let (seed, header) = (made.args.seed, !made.args.no_header);
    match made.what {
        GenCommand::Flights(_) => write_flights(seed, made.rows, header, out, tell)?,
        GenCommand::Transactions(_) => write_transactions(seed, made.rows, header, out, tell)?,
        GenCommand::Accounts(_) => write_accounts(seed, made.rows, header, out, tell)?,
    }
    Ok(all)
}

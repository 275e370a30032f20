//! `store gen flights --rows N [--seed S] [--out FILE]`: made flights as TSV.

use crate::args::{Common, FlightsArgs};
use crate::failure::{Done, Exit, Failure};
use crate::output::say;
use crate::progress;
use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;
use store_core::Error;
use store_etl::generate::write_flights;

/// Writes the rows where they are wanted.
pub fn run(common: &Common, args: &FlightsArgs) -> Done {
    if common.json {
        return Err(Failure::usage("gen writes tsv: it has no --json"));
    }
    let Some(path) = args.out.as_deref().filter(|path| *path != Path::new("-")) else {
        write_rows(common, args, &mut io::stdout().lock())
            .map_err(|error| Failure::of_output(Error::io("output", error)))?;
        return Ok(Exit::Done);
    };
    let began = Instant::now();
    let bytes = write_file(common, args, path)
        .map_err(|error| Failure::from(Error::io(path.display(), error)))?;
    if !common.quiet {
        let (rows, shown, seconds) = (args.rows, path.display(), began.elapsed().as_secs_f64());
        say(&format!("wrote {rows} rows, {bytes} bytes of text, to {shown} in {seconds:.2} s"));
    }
    Ok(Exit::Done)
}

/// A name that ends in `.gz` gets gzip.
fn write_file(common: &Common, args: &FlightsArgs, path: &Path) -> io::Result<u64> {
    let mut file = File::create(path)?;
    if path.extension().is_none_or(|end| end != "gz") {
        return write_rows(common, args, &mut file);
    }
    let mut packed = GzEncoder::new(file, Compression::fast());
    let bytes = write_rows(common, args, &mut packed)?;
    packed.finish().map(|_| bytes)
}

/// The bytes of text written; `out` gets them in large pieces.
fn write_rows(common: &Common, args: &FlightsArgs, out: &mut impl Write) -> io::Result<u64> {
    let line = progress::Rows::of(common.quiet, args.rows, args.out.is_none());
    let mut all = 0;
    write_flights(args.seed, args.rows, !args.no_header, out, |rows, bytes| {
        all = bytes;
        line.tell(rows, bytes);
    })?;
    Ok(all)
}

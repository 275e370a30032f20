//! How the files are written: words into the core's options.

use crate::args::{Escape, IngestArgs, IngestFormat, IngestMode, OnError};
use crate::failure::Failure;
use std::path::Path;
use store_core::ingest::{self, Format, IngestOptions};

/// Bad rows that `collect` bears unless `--max-errors` says more.
const COLLECT_ERRORS: u64 = 100;

/// Refuses words that do not go together, before anything is opened.
pub fn check(args: &IngestArgs) -> Result<(), Failure> {
    if args.atomic && args.files.len() > 1 {
        return Err(Failure::usage("--atomic takes one file, which is one transaction"));
    }
    if args.on_error == crate::args::OnError::Stop {
        for (given, name) in
            [(args.max_errors.is_some(), "--max-errors"), (args.reject.is_some(), "--reject")]
        {
            if given {
                let message = format!("{name} needs --on-error skip or --on-error collect");
                return Err(Failure::usage(message));
            }
        }
    }
    args.files.iter().try_for_each(|file| check_marks(&options(args, file)))
}

fn check_marks(options: &IngestOptions) -> Result<(), Failure> {
    if options.quote == Some(options.delimiter) {
        return Err(Failure::usage("--delimiter and --quote are the same character"));
    }
    if options.escape == ingest::Escape::None {
        return Ok(());
    }
    if options.quote.is_some() {
        return Err(Failure::usage(
            "--escape backslash goes with tsv, or with --quote none, not with quotes",
        ));
    }
    if options.delimiter == b'\\' {
        return Err(Failure::usage("--delimiter is the character that escapes"));
    }
    Ok(())
}

/// The core's options for this file.
pub fn options(args: &IngestArgs, file: &Path) -> IngestOptions {
    let mut options = IngestOptions::new(match args.format {
        Some(IngestFormat::Tsv) => Format::Tsv,
        Some(IngestFormat::Csv) => Format::Csv,
        None => Format::of_name(file),
    });
    options.header = args.header;
    options.nulls.clone_from(&args.null);
    options.delimiter = args.delimiter.unwrap_or(options.delimiter);
    options.quote = args.quote.map_or(options.quote, |quote| quote.0);
    options.escape = match args.escape {
        Escape::None => ingest::Escape::None,
        Escape::Backslash => ingest::Escape::Backslash,
    };
    options.on_error = match args.on_error {
        OnError::Stop => ingest::OnError::Stop,
        OnError::Skip => ingest::OnError::Skip,
        OnError::Collect => ingest::OnError::Collect,
    };
    options.mode = match args.mode {
        None | Some(IngestMode::Insert) => ingest::IngestMode::Insert,
        Some(IngestMode::Upsert) => ingest::IngestMode::Upsert,
        Some(IngestMode::Replace) => ingest::IngestMode::Replace,
        Some(IngestMode::Ignore) => ingest::IngestMode::Ignore,
    };
    options.batch_rows = args.batch.unwrap_or(options.batch_rows);
    options.reject.clone_from(&args.reject);
    options.atomic = args.atomic;
    options
}

/// Bad rows borne over all files; absent means any number, or none at all under `stop`.
pub fn errors_borne(args: &IngestArgs) -> Option<u64> {
    match args.on_error {
        OnError::Stop => None,
        OnError::Skip => args.max_errors,
        OnError::Collect => Some(args.max_errors.unwrap_or(COLLECT_ERRORS)),
    }
}

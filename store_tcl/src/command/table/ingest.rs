//! `$table ingest FILE ?-header 1? ?-null MARK? …`
//!
//! Loads delimited text, packed by gzip or zstd or not, a commit per batch, and returns a dict of `rows_in`,
//! `rows_loaded`, `rows_rejected`, `bytes`, `batches` and `errors`, a list of dicts of `line` and
//! `message`. The progress command is told the first four, `source_bytes` and, if it is known, `source_size`.
//! On an error the batches before stay, unless `-atomic 1`. Not inside a transaction,
//! and not in a safe interpreter.

use crate::args::{Call, Options, Subcommand, option};
use crate::cell::{count_obj, pairs};
use crate::command::package::files_refused;
use crate::command::progress::{Count, Teller};
use crate::failure::{Failure, Outcome};
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::Result;
use store_core::ingest::{
    Format, IngestMode, IngestOptions, IngestReport, OnError, Progress, Source,
};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "ingest",
    words: "FILE",
    count: 1..=1,
    options: &[
        option("-header", "BOOLEAN"),
        option("-null", "MARK"),
        option("-format", "FORMAT"),
        option("-mode", "MODE"),
        option("-on_error", "ACTION"),
        option("-max_errors", "N"),
        option("-reject", "FILE"),
        option("-batch", "N"),
        option("-atomic", "BOOLEAN"),
        option("-progress", "COMMAND"),
    ],
    options_first: false,
    run,
};

const FORMATS: [(&str, Format); 2] = [("tsv", Format::Tsv), ("csv", Format::Csv)];
const MODES: [(&str, IngestMode); 4] = [
    ("insert", IngestMode::Insert),
    ("upsert", IngestMode::Upsert),
    ("replace", IngestMode::Replace),
    ("ignore", IngestMode::Ignore),
];
const ACTIONS: [(&str, OnError); 3] =
    [("stop", OnError::Stop), ("skip", OnError::Skip), ("collect", OnError::Collect)];

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    if call.interp.is_safe() {
        return Err(files_refused("no file can be ingested").into());
    }
    let table = call.handle.table()?;
    call.handle.database().refuse_in_transaction("an ingest")?;
    let path = call.words[0].text()?;
    let mut options = read_options(&call.options, &path)?;
    let mut failed = None;
    if let Some(command) = call.options.get("-progress") {
        let (teller, flag) = Teller::new(call.interp, command)?;
        options.progress = Some(Box::new(move |progress| teller.tell(counts(progress))));
        failed = Some(flag);
    }
    let loaded = table.ingest(Source::open(&*path)?, options);
    if failed.is_some_and(|flag| flag.get()) {
        return Err(Failure::Tcl);
    }
    Ok(report_dict(&loaded?).into())
}

fn read_options(given: &Options<'_>, path: &str) -> Result<IngestOptions> {
    let format = given.choice("-format", &FORMATS)?.unwrap_or_else(|| Format::of_name(path));
    let mut options = IngestOptions::new(format);
    options.header = given.boolean("-header")?;
    options.atomic = given.boolean("-atomic")?;
    for mark in given.all("-null") {
        options.nulls.push(mark.text()?.into_owned());
    }
    if let Some(mode) = given.choice("-mode", &MODES)? {
        options.mode = mode;
    }
    if let Some(action) = given.choice("-on_error", &ACTIONS)? {
        options.on_error = action;
    }
    options.max_errors = given.number("-max_errors")?;
    if let Some(batch) = given.number("-batch")? {
        options.batch_rows = batch;
    }
    if let Some(file) = given.get("-reject") {
        options.reject = Some(file.text()?.into_owned().into());
    }
    Ok(options)
}

fn counts(progress: &Progress) -> [Count; 6] {
    [
        ("rows_in", Some(progress.rows_in)),
        ("rows_loaded", Some(progress.rows_loaded)),
        ("rows_rejected", Some(progress.rows_rejected)),
        ("bytes", Some(progress.bytes)),
        ("source_bytes", Some(progress.source_bytes)),
        ("source_size", progress.source_size),
    ]
}

fn report_dict(report: &IngestReport) -> Obj {
    let errors = report.errors.iter().map(|error| {
        pairs([("line", count_obj(error.line)), ("message", Obj::from_text(&error.message))])
    });
    let errors: Vec<Obj> = errors.collect();
    pairs([
        ("rows_in", count_obj(report.rows_in)),
        ("rows_loaded", count_obj(report.rows_loaded)),
        ("rows_rejected", count_obj(report.rows_rejected)),
        ("bytes", count_obj(report.bytes)),
        ("batches", count_obj(report.batches)),
        ("errors", Obj::from_list(&errors)),
    ])
}

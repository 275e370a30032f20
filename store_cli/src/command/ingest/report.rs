//! What an ingest did, over all its files.

use crate::args::Common;
use crate::failure::Failure;
use crate::output::{print_json, say};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Instant;
use store_core::ingest::IngestReport;
use store_core::{Error, Result};

/// The sums of the files' reports.
pub struct Totals {
    began: Instant,
    pub files: u64,
    rows_in: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
    bytes: u64,
    batches: u64,
    /// File, line and message of the rows described.
    errors: Vec<(String, u64, String)>,
}

impl Totals {
    /// Nothing yet; the clock runs from here.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            files: 0,
            rows_in: 0,
            rows_loaded: 0,
            rows_rejected: 0,
            bytes: 0,
            batches: 0,
            errors: Vec::new(),
        }
    }

    /// Adds a file's report.
    pub fn add(&mut self, name: &str, report: IngestReport) {
        self.files += 1;
        self.rows_in += report.rows_in;
        self.rows_loaded += report.rows_loaded;
        self.rows_rejected += report.rows_rejected;
        self.bytes += report.bytes;
        self.batches += report.batches;
        let described = report.errors.into_iter();
        self.errors.extend(described.map(|error| (name.to_owned(), error.line, error.message)));
    }

    /// Describes collected rows and sums up on standard error; as JSON on standard output.
    pub fn tell(&self, common: &Common, table: &str) -> Result<(), Failure> {
        let seconds = self.began.elapsed().as_secs_f64();
        if common.json {
            print_json(&self.json(table, seconds))?;
        }
        if common.quiet {
            return Ok(());
        }
        for (file, line, message) in &self.errors {
            say(&format!("store: {file}:{line}: {message}"));
        }
        let (loaded, rejected) = (self.rows_loaded, self.rows_rejected);
        let rate = self.rows_per_second(seconds);
        say(&format!(
            "loaded {loaded} rows into `{table}`, rejected {rejected}, in {seconds:.2} s \
             ({rate} rows/s)"
        ));
        Ok(())
    }

    fn rows_per_second(&self, seconds: f64) -> u64 {
        (self.rows_in as f64 / seconds.max(1e-6)) as u64
    }

    fn json(&self, table: &str, seconds: f64) -> Value {
        let error = |(file, line, message): &(String, u64, String)| json!({ "file": file, "line": line, "message": message });
        json!({
            "table": table,
            "rows_in": self.rows_in,
            "rows_loaded": self.rows_loaded,
            "rows_rejected": self.rows_rejected,
            "bytes": self.bytes,
            "batches": self.batches,
            "seconds": seconds,
            "rows_per_second": self.rows_per_second(seconds),
            "errors": self.errors.iter().map(error).collect::<Vec<_>>(),
        })
    }
}

/// Moves one file's rejects to the end of those before it.
pub fn append_rejects(part: &Path, whole: &Path) -> Result<()> {
    let open = |path: &Path, options: &OpenOptions| {
        options.open(path).map_err(|error| Error::io(path.display(), error))
    };
    let Ok(mut from) = File::open(part) else { return Ok(()) }; // failed before it had rejects
    let mut to = open(whole, OpenOptions::new().append(true).create(true))?;
    std::io::copy(&mut from, &mut to).map_err(|error| Error::io(whole.display(), error))?;
    std::fs::remove_file(part).map_err(|error| Error::io(part.display(), error))
}

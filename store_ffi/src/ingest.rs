//! Loading delimited text.

use crate::args::{self, Out};
use crate::error::{c_string, store_error};
use crate::handle;
use crate::ingest_options::{Choices, store_ingest_options};
use crate::panic::guard;
use crate::status::store_status;
use crate::table::store_table;
use store_core::Result;
use store_core::ingest::{IngestReport, Source};

/// What an ingest did: rows_in is rows_loaded plus rows_rejected. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct store_ingest_report {
    /// Rows read, without the header.
    pub rows_in: u64,
    /// Rows the table took.
    pub rows_loaded: u64,
    /// Rows refused.
    pub rows_rejected: u64,
    /// Bytes of text read, after decompression.
    pub bytes: u64,
    /// Commits made.
    pub batches: u64,
    /// Room to grow; 0.
    pub reserved: [u64; 3],
}

/// Loads a file of delimited text, a commit per batch; gzip and zstd are recognised, "-" is standard input.
///
/// `options` may be NULL for the defaults, and is not kept. *report_out, which may be NULL, is
/// all 0 on failure. On a failure the batches committed before stay, as the message says; nothing
/// of the batch at hand does. Thread-safe, but for the options. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_file(
    table: *const store_table,
    path: *const u8,
    path_len: usize,
    options: *const store_ingest_options,
    report_out: *mut store_ingest_report,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(report_out, "report_out", store_ingest_report::default())?;
        let path = args::text(path, path_len, "path")?;
        ingest(table, options, out.as_ref(), || Source::open(path))
    })
}

/// Loads delimited text from memory, as store_ingest_file does from a file.
///
/// Thread-safe, but for the options. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_buffer(
    table: *const store_table,
    bytes: *const u8,
    bytes_len: usize,
    options: *const store_ingest_options,
    report_out: *mut store_ingest_report,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(report_out, "report_out", store_ingest_report::default())?;
        // 'static for the source, which is gone before this call returns.
        let bytes: &'static [u8] = args::slice(bytes, bytes_len, "bytes")?;
        ingest(table, options, out.as_ref(), || Source::from_reader("buffer", bytes))
    })
}

fn ingest(
    table: *const store_table,
    options: *const store_ingest_options,
    out: Option<&Out<store_ingest_report>>,
    source: impl FnOnce() -> Result<Source>,
) -> Result<()> {
    // Copies: the callbacks may use both handles, and close them.
    let table = handle::shared(table)?.clone();
    let choices = handle::optional(options)?.map(|choices| choices.clone()).unwrap_or_default();
    let report = table.table.ingest(source()?, choices.to_options())?;
    if let Some(out) = out {
        out.set(summary(&report));
    }
    tell_errors(&choices, &report);
    Ok(())
}

fn summary(report: &IngestReport) -> store_ingest_report {
    store_ingest_report {
        rows_in: report.rows_in,
        rows_loaded: report.rows_loaded,
        rows_rejected: report.rows_rejected,
        bytes: report.bytes,
        batches: report.batches,
        reserved: [0; 3],
    }
}

fn tell_errors(choices: &Choices, report: &IngestReport) {
    let Some((Some(tell), context)) = choices.row_error else { return };
    for error in &report.errors {
        let message = c_string(error.message.clone());
        // SAFETY: the caller gave a function of this type, with its context.
        unsafe { tell(context.0, error.line, message.as_ptr()) }
    }
}

//! How to read delimited text.

use crate::args::{self, Out, choice, flag};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use std::ffi::c_void;
use std::path::PathBuf;
use store_core::ingest::{
    Escape, Format, IngestMode, IngestOptions, OnError, Progress, ProgressCallback,
};
use store_core::{Error, Result};

/// How to read delimited text: made by store_ingest_options_new, changed by setters, freed by
/// store_ingest_options_free.
///
/// One thread at a time. Since 0.1.
pub struct store_ingest_options {
    _opaque: [u8; 0],
}

/// The families of delimited text. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum store_format {
    /// Tab-separated, raw: no quotes, no escapes. The default.
    STORE_FORMAT_TSV = 1,
    /// Comma-separated with double quotes (RFC 4180).
    STORE_FORMAT_CSV = 2,
}

/// What becomes of a row whose key exists. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum store_ingest_mode {
    /// It is a bad row. The default.
    STORE_INGEST_INSERT = 1,
    /// Its columns are written over the row's.
    STORE_INGEST_UPSERT = 2,
    /// It replaces the row; columns not in the file take their defaults.
    STORE_INGEST_REPLACE = 3,
    /// It is left out.
    STORE_INGEST_IGNORE = 4,
}

/// What becomes of a bad row. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum store_on_error {
    /// It stops the ingest. The default.
    STORE_ON_ERROR_STOP = 1,
    /// It is counted and left out.
    STORE_ON_ERROR_SKIP = 2,
    /// It is counted, left out and told to the callback of store_ingest_options_row_error.
    STORE_ON_ERROR_COLLECT = 3,
}

/// How far an ingest is. It may grow at its end: only the library makes one. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct store_progress {
    /// Rows read.
    pub rows_in: u64,
    /// Rows the table took, committed or not.
    pub rows_loaded: u64,
    /// Rows refused.
    pub rows_rejected: u64,
    /// Bytes of text read, after decompression.
    pub bytes: u64,
    /// Bytes read from the file, before decompression.
    pub source_bytes: u64,
    /// The file's size; 0 if it is not known.
    pub source_size: u64,
}

/// Told how far an ingest is, after each batch; anything but 0 cancels it (STORE_CANCELLED).
///
/// It may call the library, and must return: no longjmp, no exception. Since 0.1.
pub type store_progress_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, progress: *const store_progress) -> i32>;

/// Told each refused row, when an ingest that collects them has ended well: its line, from 1, and
/// what is wrong with it, NUL-terminated, for the length of the call.
///
/// It must return: no longjmp, no exception. Since 0.1.
pub type store_row_error_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, line: u64, message: *const std::ffi::c_char)>;

/// A callback's context: whatever C makes of it.
#[derive(Clone, Copy)]
pub(crate) struct Context(pub *mut c_void);

// SAFETY: the library only hands it back, on the thread that ingests; that this thread may use it
// is the promise of who set it.
unsafe impl Send for Context {}

// SAFETY: through a shared reference it is only copied; the rest is said above.
unsafe impl Sync for Context {}

/// What was chosen; the rest takes the format's defaults.
#[derive(Clone)]
pub(crate) struct Choices {
    format: Format,
    header: bool,
    nulls: Vec<String>,
    delimiter: Option<u8>,
    escape: Escape,
    mode: IngestMode,
    on_error: OnError,
    max_errors: Option<u64>,
    reject: Option<PathBuf>,
    batch_rows: Option<u64>,
    atomic: bool,
    progress: Option<(store_progress_fn, Context)>,
    pub row_error: Option<(store_row_error_fn, Context)>,
}

opaque!(store_ingest_options, Choices, b"st_ingst");

impl Default for Choices {
    fn default() -> Self {
        Self {
            format: Format::Tsv,
            header: false,
            nulls: Vec::new(),
            delimiter: None,
            escape: Escape::None,
            mode: IngestMode::Insert,
            on_error: OnError::Stop,
            max_errors: None,
            reject: None,
            batch_rows: None,
            atomic: false,
            progress: None,
            row_error: None,
        }
    }
}

impl Choices {
    /// The core's options.
    pub(crate) fn to_options(&self) -> IngestOptions {
        let mut options = IngestOptions::new(self.format);
        options.header = self.header;
        options.nulls.clone_from(&self.nulls);
        options.delimiter = self.delimiter.unwrap_or(options.delimiter);
        options.escape = self.escape;
        options.mode = self.mode;
        options.on_error = self.on_error;
        options.max_errors = self.max_errors;
        options.reject.clone_from(&self.reject);
        options.batch_rows = self.batch_rows.unwrap_or(options.batch_rows);
        options.atomic = self.atomic;
        options.progress = self.progress.map(progress_callback);
        options
    }
}

fn progress_callback((function, context): (store_progress_fn, Context)) -> ProgressCallback {
    Box::new(move |progress: &Progress| {
        let told = store_progress {
            rows_in: progress.rows_in,
            rows_loaded: progress.rows_loaded,
            rows_rejected: progress.rows_rejected,
            bytes: progress.bytes,
            source_bytes: progress.source_bytes,
            source_size: progress.source_size.unwrap_or(0),
        };
        // SAFETY: the caller gave a function of this type, with its context.
        function.is_none_or(|function| unsafe { function(context.0, &raw const told) } == 0)
    })
}

/// Makes options with every default: TSV, no header, insert, stop at the first bad row.
///
/// *options_out is NULL on failure; free it with store_ingest_options_free. Thread-safe. Since
/// 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_new(
    options_out: *mut *mut store_ingest_options,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(options_out, "options_out")?;
        out.set(handle::new(Choices::default()));
        Ok(())
    })
}

/// Checks the handle and changes a choice.
fn change(
    options: *mut store_ingest_options,
    err: *mut *mut store_error,
    apply: impl FnOnce(&mut Choices) -> Result<()>,
) -> store_status {
    guard(err, || apply(&mut *handle::exclusive(options)?))
}

/// Sets the format: one of store_format.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_format(
    options: *mut store_ingest_options,
    format: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        let formats = [
            (store_format::STORE_FORMAT_TSV as i32, Format::Tsv),
            (store_format::STORE_FORMAT_CSV as i32, Format::Csv),
        ];
        choices.format = choice(format, &formats, "format")?;
        Ok(())
    })
}

/// Sets whether the first record names the columns (1) or they are those of the table in order
/// (0, the default).
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_header(
    options: *mut store_ingest_options,
    header: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.header = flag(header, "header")?;
        Ok(())
    })
}

/// Adds a field that means NULL, such as "NA". An empty field is NULL in any case, except in text
/// columns.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_null(
    options: *mut store_ingest_options,
    marker: *const u8,
    marker_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.nulls.push(args::text(marker, marker_len, "marker")?.to_owned());
        Ok(())
    })
}

/// Sets the ASCII character between fields; by default a tab for TSV, a comma for CSV.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_delimiter(
    options: *mut store_ingest_options,
    delimiter: u8,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        if !delimiter.is_ascii() {
            return Err(Error::invalid("the delimiter must be an ASCII character"));
        }
        choices.delimiter = Some(delimiter);
        Ok(())
    })
}

/// Sets whether TSV has backslash escapes, with \N for NULL (1), or none (0, the default).
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_backslash(
    options: *mut store_ingest_options,
    backslash: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        let backslash = flag(backslash, "backslash")?;
        choices.escape = if backslash { Escape::Backslash } else { Escape::None };
        Ok(())
    })
}

/// Sets what becomes of a row whose key exists: one of store_ingest_mode.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_mode(
    options: *mut store_ingest_options,
    mode: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        let modes = [
            (store_ingest_mode::STORE_INGEST_INSERT as i32, IngestMode::Insert),
            (store_ingest_mode::STORE_INGEST_UPSERT as i32, IngestMode::Upsert),
            (store_ingest_mode::STORE_INGEST_REPLACE as i32, IngestMode::Replace),
            (store_ingest_mode::STORE_INGEST_IGNORE as i32, IngestMode::Ignore),
        ];
        choices.mode = choice(mode, &modes, "mode")?;
        Ok(())
    })
}

/// Sets what becomes of a bad row: one of store_on_error.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_on_error(
    options: *mut store_ingest_options,
    on_error: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        let ways = [
            (store_on_error::STORE_ON_ERROR_STOP as i32, OnError::Stop),
            (store_on_error::STORE_ON_ERROR_SKIP as i32, OnError::Skip),
            (store_on_error::STORE_ON_ERROR_COLLECT as i32, OnError::Collect),
        ];
        choices.on_error = choice(on_error, &ways, "on_error")?;
        Ok(())
    })
}

/// Sets how many bad rows are borne; by default 100 when they are collected, any number when they
/// are skipped.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_max_errors(
    options: *mut store_ingest_options,
    max_errors: u64,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.max_errors = Some(max_errors);
        Ok(())
    })
}

/// Sets a file for the refused records, as they stood.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_reject(
    options: *mut store_ingest_options,
    path: *const u8,
    path_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.reject = Some(PathBuf::from(args::text(path, path_len, "path")?));
        Ok(())
    })
}

/// Sets how many rows are read between two commits, and between two calls of the progress
/// callback. A batch is committed sooner where its text is a 64th of the store's memory.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_batch_rows(
    options: *mut store_ingest_options,
    rows: u64,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        if rows == 0 {
            return Err(Error::invalid("a batch has at least one row"));
        }
        choices.batch_rows = Some(rows);
        Ok(())
    })
}

/// Sets whether to commit once at the end, or nothing (1), or after each batch (0, the default).
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_atomic(
    options: *mut store_ingest_options,
    atomic: i32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.atomic = flag(atomic, "atomic")?;
        Ok(())
    })
}

/// Sets who is told how far the ingest is; NULL for nobody. `context` is handed back as it is.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_progress(
    options: *mut store_ingest_options,
    callback: store_progress_fn,
    context: *mut c_void,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.progress = callback.map(|callback| (Some(callback), Context(context)));
        Ok(())
    })
}

/// Sets who is told the rows that STORE_ON_ERROR_COLLECT collects; NULL for nobody. `context` is
/// handed back as it is.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_row_error(
    options: *mut store_ingest_options,
    callback: store_row_error_fn,
    context: *mut c_void,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.row_error = callback.map(|callback| (Some(callback), Context(context)));
        Ok(())
    })
}

/// Frees options and sets *options to NULL; NULL is a no-op.
///
/// STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_ingest_options_free(
    options: *mut *mut store_ingest_options,
) -> store_status {
    guard_status(|| handle::close(options).map(drop))
}

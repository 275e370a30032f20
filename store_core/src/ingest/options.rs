//! What a caller may choose about an ingest, and what it reports.

use super::fields::{Dialect, NullMarks};
use crate::error::{Error, Result};
use crate::mem::Holder;
use crate::schema::COLUMNS_MAX;
use std::path::{Path, PathBuf};

/// First size of the buffer: large enough that system calls do not show.
const BUFFER_BYTES: usize = 256 << 10;
/// Longest record: a line without end is a broken file, not a row.
const ROW_BYTES_MAX: usize = 16 << 20;
/// Most that `row_bytes_max` may be set to: positions in a record are 32 bits wide.
const ROW_BYTES_CEILING: usize = 1 << 30;
/// Rows between commits: amortises the commit, keeps the write set small.
const BATCH_ROWS: u64 = 10_000;
/// Bad rows that `collect` bears before it gives up.
const COLLECT_ERRORS: u64 = 100;
/// How much of the input inference looks at.
const INFER_BYTES: usize = 1 << 20;
const INFER_ROWS: u64 = 100_000;

/// The two families of delimited text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Tab-separated, raw: no quotes, no escapes.
    Tsv,
    /// Comma-separated with double quotes (RFC 4180).
    Csv,
}

impl Format {
    /// What a file's name says: CSV if it ends in `.csv`, behind which `.gz` or `.zst` may stand, else TSV.
    ///
    /// ```
    /// use store_core::ingest::Format;
    /// assert_eq!(Format::of_name("flights.CSV.zst"), Format::Csv);
    /// assert_eq!(Format::of_name("flights.txt"), Format::Tsv);
    /// ```
    pub fn of_name(path: impl AsRef<Path>) -> Self {
        let ends = |file: &Path, end: &str| {
            file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end))
        };
        let path = path.as_ref();
        let inner = path.with_extension("");
        let is_packed = ends(path, "gz") || ends(path, "zst");
        if ends(if is_packed { &inner } else { path }, "csv") { Self::Csv } else { Self::Tsv }
    }
}

/// How special characters are written inside an unquoted field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escape {
    /// Not at all: a backslash is a backslash.
    #[default]
    None,
    /// `\t \n \r \\`, a backslash before the delimiter, and `\N` for NULL.
    Backslash,
}

/// What becomes of a bad row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// It stops the ingest.
    #[default]
    Stop,
    /// It is counted and left out.
    Skip,
    /// It is counted, left out and described in the report.
    Collect,
}

/// What becomes of a row whose key exists; carried to the table, which does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestMode {
    /// It is a bad row.
    #[default]
    Insert,
    /// Its columns are written over the row's.
    Upsert,
    /// It replaces the row; columns not in the file take their defaults.
    Replace,
    /// It is left out.
    Ignore,
}

/// How far an ingest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
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
    /// The file's size, if it is known.
    pub source_size: Option<u64>,
}

/// Called after each batch; `false` cancels the ingest.
pub type ProgressCallback = Box<dyn FnMut(&Progress) -> bool>;

/// One refused row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowError {
    /// The line it begins on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// What an ingest did. `rows_in = rows_loaded + rows_rejected`, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestReport {
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
    /// The first refused rows, under [`OnError::Collect`].
    pub errors: Vec<RowError>,
}

/// Everything a caller may choose, with its default.
///
/// ```
/// use store_core::ingest::{Format, IngestOptions, OnError};
/// let mut options = IngestOptions::new(Format::Csv);
/// options.header = true;
/// options.nulls = vec!["NA".to_owned()];
/// options.on_error = OnError::Skip;
/// assert_eq!((options.delimiter, options.batch_rows), (b',', 10_000));
/// ```
#[non_exhaustive]
pub struct IngestOptions {
    /// The first record names the columns; without it they are positional.
    pub header: bool,
    /// Between fields: tab for TSV, comma for CSV.
    pub delimiter: u8,
    /// Around fields that hold special characters: none for TSV, `"` for CSV.
    pub quote: Option<u8>,
    /// Backslash escapes; not together with `quote`.
    pub escape: Escape,
    /// Fields that mean NULL, compared as they stand in the file, quotes and escapes included.
    /// An empty field is NULL in any case, except in text columns.
    pub nulls: Vec<String>,
    /// What becomes of a bad row.
    pub on_error: OnError,
    /// Bad rows borne by skip and collect; by default 100 for collect, any number for skip.
    pub max_errors: Option<u64>,
    /// A file for the refused records, as they stood, one after another.
    pub reject: Option<PathBuf>,
    /// Rows read between two calls of `progress`, and between two commits; a batch ends sooner where its text
    /// is much for the store's memory.
    pub batch_rows: u64,
    /// Commit once at the end, or nothing.
    pub atomic: bool,
    /// What becomes of a row whose key exists.
    pub mode: IngestMode,
    /// Told after each batch.
    pub progress: Option<ProgressCallback>,
    /// First size of the buffer; it grows up to `row_bytes_max` for a long record.
    pub buffer_bytes: usize,
    /// Longest record in bytes.
    pub row_bytes_max: usize,
    /// How many bytes inference looks at.
    pub infer_bytes: usize,
    /// How many rows inference looks at.
    pub infer_rows: u64,
    /// Most fields of a record that are kept: a table has no more columns, and a record of delimiters only
    /// must not cost 20 bytes for each.
    pub columns_max: usize,
    /// Who pays for the buffers; nobody if absent.
    pub memory: Option<Holder>,
}

impl IngestOptions {
    /// The defaults of a format.
    pub fn new(format: Format) -> Self {
        let (delimiter, quote) = match format {
            Format::Tsv => (b'\t', None),
            Format::Csv => (b',', Some(b'"')),
        };
        Self {
            header: false,
            delimiter,
            quote,
            escape: Escape::None,
            nulls: Vec::new(),
            on_error: OnError::Stop,
            max_errors: None,
            reject: None,
            batch_rows: BATCH_ROWS,
            atomic: false,
            mode: IngestMode::Insert,
            progress: None,
            buffer_bytes: BUFFER_BYTES,
            row_bytes_max: ROW_BYTES_MAX,
            infer_bytes: INFER_BYTES,
            infer_rows: INFER_ROWS,
            columns_max: COLUMNS_MAX,
            memory: None,
        }
    }

    /// Bad rows borne before the ingest gives up.
    pub(super) fn errors_borne(&self) -> u64 {
        match self.on_error {
            OnError::Stop => 0,
            OnError::Skip => self.max_errors.unwrap_or(u64::MAX),
            OnError::Collect => self.max_errors.unwrap_or(COLLECT_ERRORS),
        }
    }

    /// Checks what belongs together and gives the way records are split.
    pub(super) fn dialect(&self) -> Result<Dialect> {
        let special = |byte: u8| matches!(byte, b'\n' | b'\r');
        if special(self.delimiter) || self.quote.is_some_and(special) {
            return Err(Error::invalid("a line end can be neither delimiter nor quote"));
        }
        if !self.delimiter.is_ascii() || self.quote.is_some_and(|quote| !quote.is_ascii()) {
            return Err(Error::invalid("delimiter and quote must be ASCII characters"));
        }
        if self.quote == Some(self.delimiter) {
            return Err(Error::invalid("delimiter and quote are the same character"));
        }
        if self.row_bytes_max > ROW_BYTES_CEILING {
            return Err(Error::invalid("row_bytes_max is more than 1 GiB"));
        }
        if self.batch_rows == 0 {
            return Err(Error::invalid("a batch has at least one row"));
        }
        let delimiter = self.delimiter;
        match (self.quote, self.escape) {
            (None, Escape::None) => Ok(Dialect::Raw { delimiter }),
            (None, Escape::Backslash) if delimiter == b'\\' => {
                Err(Error::invalid("delimiter and escape are the same character"))
            }
            (None, Escape::Backslash) => Ok(Dialect::Backslash { delimiter }),
            (Some(quote), Escape::None) => Ok(Dialect::Quoted { delimiter, quote }),
            (Some(_), Escape::Backslash) => {
                Err(Error::invalid("escape backslash goes with tsv, not with quotes"))
            }
        }
    }

    /// The marks for NULL: those named, and `\N` among backslash escapes.
    pub(super) fn null_marks(&self) -> NullMarks {
        let escaped = (self.escape == Escape::Backslash).then_some("\\N");
        NullMarks::new(self.nulls.iter().map(String::as_str).chain(escaped))
    }
}

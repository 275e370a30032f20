//! Ingest: delimited text into rows, in batches, with every bad row accounted for.
//!
//! ```text
//! Source ──bytes──▶ Scanner ──record──▶ Fields ──cells──▶ RowSink
//! file, gzip, zstd, one bounded         split, unescaped  a table: push, commit a batch,
//! stdin, reader     buffer, lines                         roll back
//! ```
//!
//! Promises, each with a test:
//!
//! - **Total** (I16): no input makes it panic or allocate without bound. A record longer than
//!   `row_bytes_max` is an error with its line, memory stays within the buffer.
//! - **Conserved** (I14): `rows_in = rows_loaded + rows_rejected` in every report.
//! - **Nothing silent**: a record with too few or too many fields, a number that does not fit, an
//!   unknown header name, a truncated gzip or zstd file are errors with file and line; NULL markers match a
//!   whole field or not at all.
//! - **Whole batches**: on an error the batch at hand is rolled back and those before it stay;
//!   with `atomic` there is one batch.
//!
//! Fields are parsed where they lie in the buffer: no allocation per field or row.

mod escape;
mod fields;
mod header;
mod infer;
mod load;
mod options;
mod records;
mod reject;
mod scanner;
mod source;
mod zstd;

#[cfg(test)]
mod tests;

pub use escape::unescape;
pub use infer::{infer_columns, infer_schema, infer_written};
pub(crate) use load::{RowSink, load};
pub use options::{
    Escape, Format, IngestMode, IngestOptions, IngestReport, OnError, Progress, ProgressCallback,
    RowError,
};
pub use records::Records;
pub use source::Source;

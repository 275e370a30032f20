//! Formats: rows written as text, one row at a time, to any `Write`.
//!
//! | format | NULL | bytes | special characters |
//! |---|---|---|---|
//! | TSV | `\N` | as they are | refused, or escaped with a backslash |
//! | CSV | nothing; `""` is the empty text | as they are | quoted (RFC 4180) |
//! | JSON, JSON lines | `null`, also for NaN and infinities | `\x` and hexadecimal digits | escaped |
//! | Markdown | nothing | `\x` and hexadecimal digits | escaped |
//!
//! Decimals have all the digits of their column, in JSON as numbers; addresses are text.
//!
//! Nothing is held back beyond one row, so memory does not grow with the result. Writers make many
//! small writes: give them a buffer.

pub(crate) mod arrow;
pub(crate) mod columnar;
mod csv;
mod json;
mod jsonl;
mod lines;
mod markdown;
pub(crate) mod parquet;
mod text;
mod tsv;

pub use csv::CsvWriter;
pub use json::JsonWriter;
pub use jsonl::JsonLinesWriter;
pub(crate) use lines::{LineWriter, line_writer};
pub use markdown::MarkdownWriter;
pub(crate) use text::put;
pub use text::write_readable;
pub use tsv::TsvWriter;

use std::io::Write;
use store_core::{Result, ValueRef, ingest::Escape};

/// Takes the rows of one result, in order.
///
/// Calls come in this order: [`RowWriter::header`] once, [`RowWriter::row`] for each row with one
/// value for each name, [`RowWriter::finish`] once. After an error the output is incomplete, and
/// further calls make no sense. An error of the output itself has the `std::io::Error` as its
/// `source()`.
pub trait RowWriter {
    /// Names the columns; writes a header line if the format has one and the options want it.
    fn header(&mut self, names: &[&str]) -> Result<()>;

    /// Writes one row.
    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()>;

    /// Writes what closes the result, and flushes the output.
    fn finish(&mut self) -> Result<()>;
}

/// The formats of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Tab-separated values.
    Tsv,
    /// Comma-separated values.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// A Markdown table.
    Markdown,
}

/// What a caller may choose about the output.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// TSV and CSV begin with a line of column names.
    pub header: bool,
    /// What stands for NULL in TSV, CSV and Markdown; absent, the format's own mark.
    pub null: Option<String>,
    /// Whether TSV may escape what it could not hold otherwise.
    pub escape: Escape,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { header: true, null: None, escape: Escape::None }
    }
}

/// The writer of a format.
pub fn row_writer<'w, W: Write + 'w>(
    format: Format,
    options: &WriteOptions,
    out: W,
) -> Box<dyn RowWriter + 'w> {
    match format {
        Format::Tsv => Box::new(TsvWriter::new(out, options)),
        Format::Csv => Box::new(CsvWriter::new(out, options)),
        Format::Json => Box::new(JsonWriter::new(out)),
        Format::JsonLines => Box::new(JsonLinesWriter::new(out)),
        Format::Markdown => Box::new(MarkdownWriter::new(out, options)),
    }
}

#[cfg(test)]
mod columnar_tests;
#[cfg(test)]
mod tests;

//! Tab-separated values: raw, or with backslash escapes.
//!
//! Raw text holds any value but one with a tab, a line feed or a carriage return: that is an error,
//! never a broken line. With [`Escape::Backslash`] they are written `\t`, `\n`, `\r`, and a
//! backslash `\\`.

use super::lines::LineWriter;
use super::text::{check_null_mark, flush, put};
use super::{RowWriter, WriteOptions};
use crate::batch::{Batch, Values};
use std::io::Write;
use store_core::ingest::Escape;
use store_core::value::write_value;
use store_core::{Error, Result, ValueRef};

/// What stands for NULL unless the caller names another mark.
const NULL_MARK: &str = "\\N";

/// Writes tab-separated values.
pub struct TsvWriter<W: Write> {
    out: W,
    lines: TsvLines,
    line: Vec<u8>,
}

impl<W: Write> TsvWriter<W> {
    /// A writer with these options.
    pub fn new(out: W, options: &WriteOptions) -> Self {
        Self { out, lines: TsvLines::new(options), line: Vec::new() }
    }
}

impl<W: Write> RowWriter for TsvWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        self.line.clear();
        self.lines.header(names, &mut self.line)?;
        put(&mut self.out, &self.line)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.line.clear();
        self.lines.is_plain = false;
        for (nth, cell) in cells.iter().enumerate() {
            self.lines.cell(nth, *cell, &mut self.line)?;
        }
        self.lines.end_line(&mut self.line);
        put(&mut self.out, &self.line)
    }

    fn finish(&mut self) -> Result<()> {
        flush(&mut self.out)
    }
}

/// Makes the lines.
pub(super) struct TsvLines {
    header: bool,
    null: String,
    /// Raw text equal to the format's own mark is refused; a mark of the caller's is their choice.
    own_mark: bool,
    escape: Escape,
    names: Vec<String>,
    rows: u64,
    /// No text of the batch at hand has anything that must be looked at.
    is_plain: bool,
}

impl TsvLines {
    /// Lines with these options.
    pub fn new(options: &WriteOptions) -> Self {
        Self {
            header: options.header,
            null: options.null.clone().unwrap_or_else(|| NULL_MARK.to_owned()),
            own_mark: options.null.is_none(),
            escape: options.escape,
            names: Vec::new(),
            rows: 0,
            is_plain: false,
        }
    }

    #[inline(always)]
    fn cell(&mut self, nth: usize, value: ValueRef<'_>, line: &mut Vec<u8>) -> Result<()> {
        if nth > 0 {
            line.push(b'\t');
        }
        match value {
            ValueRef::Null => line.extend_from_slice(self.null.as_bytes()),
            // Nothing but text holds what must not stand there.
            ValueRef::Text(text) if !self.is_plain => self.text(nth, text.as_bytes(), line)?,
            ValueRef::Bytes(bytes) if !self.is_plain => self.text(nth, bytes, line)?,
            value => write_value(value, line),
        }
        Ok(())
    }

    /// Appends a text, escaped if it may be; else looks at it.
    fn text(&mut self, nth: usize, text: &[u8], line: &mut Vec<u8>) -> Result<()> {
        if self.escape == Escape::Backslash {
            escape_into(text, line);
            return Ok(());
        }
        if let Some(byte) = text.iter().find(|byte| is_special(**byte)) {
            return Err(self.refused(nth, special_name(*byte)));
        }
        if self.own_mark && text == NULL_MARK.as_bytes() {
            return Err(self.refused(nth, "the text \\N, which marks NULL,"));
        }
        line.extend_from_slice(text);
        Ok(())
    }

    #[cold]
    fn refused(&self, nth: usize, what: &str) -> Error {
        let name = self.names.get(nth).map_or("?", String::as_str);
        let row = self.rows + 1;
        Error::invalid(format!(
            "column \"{name}\", row {row}: tsv cannot hold {what} unless it may escape \
             (escape backslash), or take another format"
        ))
        .detail(name)
        .detail(row.to_string())
    }

    fn end_line(&mut self, line: &mut Vec<u8>) {
        self.rows += 1;
        line.push(b'\n');
    }
}

impl LineWriter for TsvLines {
    fn header(&mut self, names: &[&str], out: &mut Vec<u8>) -> Result<()> {
        check_null_mark(&self.null, "tsv", &['\t', '\n', '\r'])?;
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        if self.header {
            // Names hold no control characters: the schema refuses them.
            out.extend_from_slice(names.join("\t").as_bytes());
            out.push(b'\n');
        }
        Ok(())
    }

    fn begin(&mut self, batch: &Batch) {
        let is_plain = |bytes: &[u8]| {
            memchr::memchr3(b'\t', b'\n', b'\r', bytes).is_none()
                && memchr::memchr(b'\\', bytes).is_none()
        };
        self.is_plain = batch.columns().iter().all(|column| match column.values() {
            Values::Text(texts) => is_plain(texts.data().as_bytes()),
            Values::Bytes(texts) => is_plain(texts.data()),
            _ => true,
        });
    }

    fn line(&mut self, batch: &Batch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        for (nth, column) in batch.columns().iter().enumerate() {
            self.cell(nth, column.get(row), out)?;
        }
        self.end_line(out);
        Ok(())
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r')
}

const fn special_name(byte: u8) -> &'static str {
    match byte {
        b'\t' => "a tab",
        b'\n' => "a line feed",
        _ => "a carriage return",
    }
}

fn escape_into(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            byte => line.push(*byte),
        }
    }
}

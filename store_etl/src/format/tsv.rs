//! Tab-separated values: raw, or with backslash escapes.
//!
//! Raw text holds any value but one with a tab, a line feed or a carriage return: that is an error,
//! never a broken line. With [`Escape::Backslash`] they are written `\t`, `\n`, `\r`, and a
//! backslash `\\`.

use super::text::{check_null_mark, flush, put};
use super::{RowWriter, WriteOptions};
use std::io::Write;
use store_core::ingest::Escape;
use store_core::value::write_value;
use store_core::{Error, Result, ValueRef};

/// What stands for NULL unless the caller names another mark.
const NULL_MARK: &str = "\\N";

/// Writes tab-separated values.
pub struct TsvWriter<W: Write> {
    out: W,
    header: bool,
    null: String,
    /// Raw text equal to the format's own mark is refused; a mark of the caller's is their choice.
    own_mark: bool,
    escape: Escape,
    names: Vec<String>,
    rows: u64,
    line: Vec<u8>,
    cell: Vec<u8>,
}

impl<W: Write> TsvWriter<W> {
    /// A writer with these options.
    pub fn new(out: W, options: &WriteOptions) -> Self {
        Self {
            out,
            header: options.header,
            null: options.null.clone().unwrap_or_else(|| NULL_MARK.to_owned()),
            own_mark: options.null.is_none(),
            escape: options.escape,
            names: Vec::new(),
            rows: 0,
            line: Vec::new(),
            cell: Vec::new(),
        }
    }

    /// Looks at the cell that begins here in the line.
    fn check_cell(&self, nth: usize, start: usize) -> Result<()> {
        let cell = &self.line[start..];
        if let Some(byte) = cell.iter().find(|byte| is_special(**byte)) {
            return Err(self.refused(nth, special_name(*byte)));
        }
        if self.own_mark && cell == NULL_MARK.as_bytes() {
            return Err(self.refused(nth, "the text \\N, which marks NULL,"));
        }
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

    fn end_line(&mut self) -> Result<()> {
        self.line.push(b'\n');
        put(&mut self.out, &self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> RowWriter for TsvWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        check_null_mark(&self.null, "tsv", &['\t', '\n', '\r'])?;
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        if !self.header {
            return Ok(());
        }
        // Names hold no control characters: the schema refuses them.
        self.line.extend_from_slice(names.join("\t").as_bytes());
        self.end_line()
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.line.clear();
        for (nth, cell) in cells.iter().enumerate() {
            if nth > 0 {
                self.line.push(b'\t');
            }
            if cell.is_null() {
                self.line.extend_from_slice(self.null.as_bytes());
                continue;
            }
            if self.escape == Escape::Backslash {
                self.cell.clear();
                write_value(*cell, &mut self.cell);
                escape_into(&self.cell, &mut self.line);
                continue;
            }
            let start = self.line.len();
            write_value(*cell, &mut self.line);
            // Nothing but text holds what must not stand there.
            if matches!(cell, ValueRef::Text(_) | ValueRef::Bytes(_)) {
                self.check_cell(nth, start)?;
            }
        }
        self.rows += 1;
        self.end_line()
    }

    fn finish(&mut self) -> Result<()> {
        flush(&mut self.out)
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

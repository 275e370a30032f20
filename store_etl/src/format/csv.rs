//! Comma-separated values as RFC 4180 has them, with line feeds at the ends of lines.
//!
//! A value is quoted when it holds a comma, a double quote or a line end, when it is the empty text,
//! and when it equals the mark for NULL: so NULL, which is never quoted, differs from every text.

use super::text::{check_null_mark, flush, put};
use super::{RowWriter, WriteOptions};
use std::io::Write;
use store_core::value::write_value;
use store_core::{Result, ValueRef};

/// Writes comma-separated values.
pub struct CsvWriter<W: Write> {
    out: W,
    header: bool,
    null: String,
    line: Vec<u8>,
    cell: Vec<u8>,
}

impl<W: Write> CsvWriter<W> {
    /// A writer with these options.
    pub fn new(out: W, options: &WriteOptions) -> Self {
        Self {
            out,
            header: options.header,
            null: options.null.clone().unwrap_or_default(),
            line: Vec::new(),
            cell: Vec::new(),
        }
    }

    fn push(&mut self, nth: usize, value: ValueRef<'_>) {
        if nth > 0 {
            self.line.push(b',');
        }
        if value.is_null() {
            self.line.extend_from_slice(self.null.as_bytes());
            return;
        }
        self.cell.clear();
        write_value(value, &mut self.cell);
        if needs_quotes(&self.cell) || self.cell == self.null.as_bytes() {
            quote_into(&self.cell, &mut self.line);
        } else {
            self.line.extend_from_slice(&self.cell);
        }
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push(b'\n');
        put(&mut self.out, &self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> RowWriter for CsvWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        check_null_mark(&self.null, "csv", &[',', '"', '\n', '\r'])?;
        if !self.header {
            return Ok(());
        }
        for (nth, name) in names.iter().enumerate() {
            self.push(nth, ValueRef::Text(name));
        }
        self.end_line()
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        for (nth, cell) in cells.iter().enumerate() {
            self.push(nth, *cell);
        }
        self.end_line()
    }

    fn finish(&mut self) -> Result<()> {
        flush(&mut self.out)
    }
}

fn needs_quotes(cell: &[u8]) -> bool {
    cell.is_empty() || cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

fn quote_into(cell: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            line.push(b'"');
        }
        line.push(*byte);
    }
    line.push(b'"');
}

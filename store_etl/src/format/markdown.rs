//! Markdown tables in GitHub's form. The header is part of the form and always written.

use super::text::{flush, put, write_readable};
use super::{RowWriter, WriteOptions};
use std::io::Write;
use store_core::{Result, ValueRef};

/// Writes a Markdown table.
pub struct MarkdownWriter<W: Write> {
    out: W,
    null: String,
    line: Vec<u8>,
    cell: Vec<u8>,
}

impl<W: Write> MarkdownWriter<W> {
    /// A writer with these options; only the mark for NULL counts here.
    pub fn new(out: W, options: &WriteOptions) -> Self {
        let null = options.null.clone().unwrap_or_default();
        Self { out, null, line: Vec::new(), cell: Vec::new() }
    }

    fn write_line(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.line.clear();
        self.line.push(b'|');
        for cell in cells {
            self.cell.clear();
            if cell.is_null() {
                self.cell.extend_from_slice(self.null.as_bytes());
            } else {
                write_readable(*cell, &mut self.cell);
            }
            self.line.push(b' ');
            escape_into(&self.cell, &mut self.line);
            self.line.extend_from_slice(b" |");
        }
        self.line.push(b'\n');
        put(&mut self.out, &self.line)
    }
}

impl<W: Write> RowWriter for MarkdownWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        let cells: Vec<ValueRef<'_>> = names.iter().map(|name| ValueRef::Text(name)).collect();
        self.write_line(&cells)?;
        put(&mut self.out, format!("|{}\n", " --- |".repeat(names.len())).as_bytes())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.write_line(cells)
    }

    fn finish(&mut self) -> Result<()> {
        flush(&mut self.out)
    }
}

/// Escapes what would end the cell, the row or the text.
fn escape_into(cell: &[u8], line: &mut Vec<u8>) {
    let mut before = 0;
    for byte in cell {
        match byte {
            b'|' | b'\\' | b'<' => line.extend_from_slice(&[b'\\', *byte]),
            b'\n' if before == b'\r' => {} // one line end of two bytes
            b'\n' | b'\r' => line.extend_from_slice(b"<br>"),
            byte => line.push(*byte),
        }
        before = *byte;
    }
}

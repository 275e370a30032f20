//! JSON lines: one object a line, nothing around them; values as in [`super::JsonWriter`].

use super::RowWriter;
use super::json::JsonObject;
use super::text::{flush, put};
use std::io::Write;
use store_core::{Result, ValueRef};

/// Writes JSON lines.
pub struct JsonLinesWriter<W: Write> {
    out: W,
    object: JsonObject,
}

impl<W: Write> JsonLinesWriter<W> {
    /// A writer of one object a line.
    pub fn new(out: W) -> Self {
        Self { out, object: JsonObject::default() }
    }
}

impl<W: Write> RowWriter for JsonLinesWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        self.object.name_columns(names);
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        put(&mut self.out, self.object.text(cells))?;
        put(&mut self.out, b"\n")
    }

    fn finish(&mut self) -> Result<()> {
        flush(&mut self.out)
    }
}

//! JSON: one array of objects, an object a line.
//!
//! Numbers are numbers; NaN and the infinities, which JSON lacks, are `null` as NULL is. Decimals are
//! numbers too, with all their digits, as `DuckDB` and `PostgreSQL` write them: exact in the text, though
//! a reader that makes floats of numbers keeps some 16 digits only. Dates and timestamps are ISO 8601
//! strings, as are addresses in their own form, bytes are `\x` and hexadecimal digits.

use super::RowWriter;
use super::text::{flush, put, write_hex};
use std::io::Write;
use store_core::value::write_value;
use store_core::{Result, ValueRef};

/// Writes one JSON array.
pub struct JsonWriter<W: Write> {
    out: W,
    object: JsonObject,
    rows: u64,
}

impl<W: Write> JsonWriter<W> {
    /// A writer of one array.
    pub fn new(out: W) -> Self {
        Self { out, object: JsonObject::default(), rows: 0 }
    }
}

impl<W: Write> RowWriter for JsonWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        self.object.name_columns(names);
        put(&mut self.out, b"[")
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        let before: &[u8] = if self.rows == 0 { b"\n" } else { b",\n" };
        put(&mut self.out, before)?;
        self.rows += 1;
        put(&mut self.out, self.object.text(cells))
    }

    fn finish(&mut self) -> Result<()> {
        put(&mut self.out, if self.rows == 0 { b"]\n" } else { b"\n]\n" })?;
        flush(&mut self.out)
    }
}

/// Makes a row into the text of an object.
#[derive(Default)]
pub(super) struct JsonObject {
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    line: Vec<u8>,
}

impl JsonObject {
    pub fn name_columns(&mut self, names: &[&str]) {
        let key = |name: &&str| {
            let mut key = Vec::new();
            string_into(name, &mut key);
            key.push(b':');
            key
        };
        self.keys = names.iter().map(key).collect();
    }

    pub fn text(&mut self, cells: &[ValueRef<'_>]) -> &[u8] {
        self.line.clear();
        self.line.push(b'{');
        for (nth, (key, cell)) in self.keys.iter().zip(cells).enumerate() {
            if nth > 0 {
                self.line.push(b',');
            }
            self.line.extend_from_slice(key);
            value_into(*cell, &mut self.line);
        }
        self.line.push(b'}');
        &self.line
    }
}

fn value_into(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Decimal(..) => write_value(value, out),
        ValueRef::Float32(number) if number.is_finite() => write_value(value, out),
        ValueRef::Float64(number) if number.is_finite() => write_value(value, out),
        ValueRef::Null | ValueRef::Float32(_) | ValueRef::Float64(_) => {
            out.extend_from_slice(b"null");
        }
        ValueRef::Text(text) => string_into(text, out),
        ValueRef::Bytes(bytes) => {
            out.extend_from_slice(b"\"\\"); // the backslash of \x, escaped
            write_hex(bytes, out);
            out.push(b'"');
        }
        value => {
            out.push(b'"');
            write_value(value, out); // dates, moments and addresses hold nothing special
            out.push(b'"');
        }
    }
}

fn string_into(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

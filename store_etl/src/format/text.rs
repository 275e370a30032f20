//! What the formats share: writes with the store's errors, values as text.

use std::io::Write;
use store_core::value::write_value;
use store_core::{Error, Result, ValueRef};

/// Writes all bytes; an error names the output and keeps the system's error as its source.
pub(crate) fn put(out: &mut impl Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(|error| Error::io("output", error))
}

/// Flushes the output.
pub(super) fn flush(out: &mut impl Write) -> Result<()> {
    out.flush().map_err(|error| Error::io("output", error))
}

/// Refuses a mark for NULL that would end a field or a line: NULL is written as the mark stands.
pub(super) fn check_null_mark(mark: &str, format: &str, special: &[char]) -> Result<()> {
    match mark.chars().find(|char| special.contains(char)) {
        None => Ok(()),
        Some(char) => Err(Error::invalid(format!(
            "bad mark for NULL {mark:?}: {format} cannot hold {char:?} in it"
        ))),
    }
}

/// Appends the value as people read it: bytes as `\x` and hexadecimal digits, NULL as nothing.
pub fn write_readable(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Bytes(bytes) => write_hex(bytes, out),
        value => write_value(value, out),
    }
}

/// Appends `\x` and two hexadecimal digits for each byte.
pub(super) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

//! A row as opaque bytes, for operators that move whole rows through files.
//!
//! ```text
//! NULL marks, a bit a column │ for each cell that is not NULL: its bytes, little endian;
//!                              text and bytes behind their length, a varint
//! ```

use super::{Batch, Column};
use store_core::{Decimal, Error, Inet, Mac, Result, Type, ValueRef};

/// Appends a row's bytes.
pub fn encode_row(batch: &Batch, row: usize, out: &mut Vec<u8>) {
    let columns = batch.columns();
    let marks = out.len();
    out.resize(marks + columns.len().div_ceil(8), 0);
    for (nth, column) in columns.iter().enumerate() {
        match column.get(row) {
            ValueRef::Null => out[marks + nth / 8] |= 1 << (nth % 8),
            value => encode_cell(value, column.ty(), out),
        }
    }
}

fn encode_cell(value: ValueRef<'_>, ty: Type, out: &mut Vec<u8>) {
    match value {
        ValueRef::Bool(value) => out.push(u8::from(value)),
        ValueRef::Int(value) => match ty {
            Type::Int16 => out.extend_from_slice(&(value as i16).to_le_bytes()),
            Type::Int32 => out.extend_from_slice(&(value as i32).to_le_bytes()),
            _ => out.extend_from_slice(&value.to_le_bytes()),
        },
        ValueRef::Float32(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Float64(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Date(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Timestamp(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Decimal(units, _) => out.extend_from_slice(&units.get().to_le_bytes()),
        ValueRef::Text(text) => encode_long(text.as_bytes(), out),
        ValueRef::Bytes(bytes) => encode_long(bytes, out),
        ValueRef::Inet(value) => out.extend_from_slice(&value.octets()),
        ValueRef::Mac(value) => out.extend_from_slice(&value.octets()),
        _ => {}
    }
}

fn encode_long(bytes: &[u8], out: &mut Vec<u8>) {
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
}

/// Adds the row of these bytes to a batch of the same columns.
pub fn decode_row(bytes: &[u8], batch: &mut Batch) -> Result<()> {
    let rows = batch.rows();
    let columns = batch.columns_mut();
    let mut rest = bytes;
    let marks = take(&mut rest, columns.len().div_ceil(8))?;
    for (nth, column) in columns.iter_mut().enumerate() {
        if marks[nth / 8] >> (nth % 8) & 1 == 1 {
            column.push_null()?;
        } else {
            decode_cell(&mut rest, column)?;
        }
    }
    if !rest.is_empty() {
        return Err(damaged());
    }
    batch.set_rows(rows + 1);
    Ok(())
}

fn decode_cell(rest: &mut &[u8], column: &mut Column) -> Result<()> {
    let value = match column.ty() {
        Type::Bool => ValueRef::Bool(fixed::<1>(rest)?[0] != 0),
        Type::Int16 => ValueRef::Int(i16::from_le_bytes(fixed(rest)?).into()),
        Type::Int32 => ValueRef::Int(i32::from_le_bytes(fixed(rest)?).into()),
        Type::Int64 => ValueRef::Int(i64::from_le_bytes(fixed(rest)?)),
        Type::Float32 => ValueRef::Float32(f32::from_le_bytes(fixed(rest)?)),
        Type::Float64 => ValueRef::Float64(f64::from_le_bytes(fixed(rest)?)),
        Type::Date => ValueRef::Date(i32::from_le_bytes(fixed(rest)?)),
        Type::Timestamp => ValueRef::Timestamp(i64::from_le_bytes(fixed(rest)?)),
        Type::Decimal { scale, .. } => {
            Decimal::new(i128::from_le_bytes(fixed(rest)?), scale).map_err(|_| damaged())?.into()
        }
        Type::Text => ValueRef::Text(std::str::from_utf8(long(rest)?).map_err(|_| damaged())?),
        Type::Bytes => ValueRef::Bytes(long(rest)?),
        Type::Inet => ValueRef::Inet(Inet::from_octets(fixed(rest)?)),
        Type::Mac => ValueRef::Mac(Mac::from_octets(fixed(rest)?)),
        _ => return Err(damaged()),
    };
    column.push(value)
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (found, after) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = after;
    Ok(*found)
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Result<&'b [u8]> {
    let (found, after) = rest.split_at_checked(len).ok_or_else(damaged)?;
    *rest = after;
    Ok(found)
}

fn long<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8]> {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let byte = fixed::<1>(rest)?[0];
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return take(rest, len);
        }
        if shift > 28 {
            return Err(damaged());
        }
    }
}

fn damaged() -> Error {
    Error::corrupt("the bytes of a row that was put aside make no sense")
}

//! A row as opaque bytes, for operators that move whole rows through files.
//!
//! ```text
//! NULL marks, a bit a column │ for each cell that is not NULL: its bytes, little endian;
//!                              text and bytes behind their length, a varint
//! ```

use super::{Batch, Column, Values};
use store_core::{Decimal, Error, Result, Type};

/// Appends a row's bytes.
pub fn encode_row(batch: &Batch, row: usize, out: &mut Vec<u8>) {
    let columns = batch.columns();
    let marks = out.len();
    out.resize(marks + columns.len().div_ceil(8), 0);
    for (nth, column) in columns.iter().enumerate() {
        if column.is_null(row) {
            out[marks + nth / 8] |= 1 << (nth % 8);
        } else {
            encode_cell(column.values(), row, out);
        }
    }
}

/// Without a value between: a row has as many cells as a column has rows.
#[inline]
fn encode_cell(values: &Values, row: usize, out: &mut Vec<u8>) {
    match values {
        Values::Bool(map) => out.push(u8::from(map.get(row))),
        Values::Int16(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Int32(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Int64(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Float32(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Float64(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Decimal(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Text(texts) => encode_long(texts.get(row).as_bytes(), out),
        Values::Bytes(texts) => encode_long(texts.get(row), out),
        Values::Inet(v) => out.extend_from_slice(&v[row]),
        Values::Mac(v) => out.extend_from_slice(&v[row]),
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

#[inline]
fn decode_cell(rest: &mut &[u8], column: &mut Column) -> Result<()> {
    match column.values_mut() {
        Values::Text(texts) => {
            texts.push(std::str::from_utf8(long(rest)?).map_err(|_| damaged())?)?;
        }
        Values::Bytes(texts) => texts.push(long(rest)?)?,
        _ => return decode_fixed(rest, column),
    }
    column.mark_valid();
    Ok(())
}

/// Takes a value of fixed width, little endian, from the beginning of the bytes, and adds it as a cell.
#[inline]
pub(crate) fn decode_fixed(rest: &mut &[u8], column: &mut Column) -> Result<()> {
    let ty = column.ty();
    match column.values_mut() {
        Values::Bool(map) => map.push(fixed::<1>(rest)?[0] != 0),
        Values::Int16(v) => v.push(i16::from_le_bytes(fixed(rest)?)),
        Values::Int32(v) => v.push(i32::from_le_bytes(fixed(rest)?)),
        Values::Int64(v) => v.push(i64::from_le_bytes(fixed(rest)?)),
        Values::Float32(v) => v.push(f32::from_le_bytes(fixed(rest)?)),
        Values::Float64(v) => v.push(f64::from_le_bytes(fixed(rest)?)),
        Values::Decimal(v) => {
            let Type::Decimal { scale, .. } = ty else { return Err(damaged()) };
            let units = i128::from_le_bytes(fixed(rest)?);
            Decimal::new(units, scale).map_err(|_| damaged())?;
            v.push(units);
        }
        Values::Inet(v) => v.push(fixed(rest)?),
        Values::Mac(v) => v.push(fixed(rest)?),
        Values::Text(_) | Values::Bytes(_) => return Err(damaged()),
    }
    column.mark_valid();
    Ok(())
}

#[inline(always)]
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

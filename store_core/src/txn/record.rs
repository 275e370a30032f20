//! Row images: what the log and checkpoints say about rows.
//!
//! ```text
//! commit    [ 0 | 1 birth number ] op…          1: fragments with this birth and number come before
//! op 1      table: id, schema version, columns, their ids      for the rows that follow
//! op 2      put: every cell of a row
//! op 3      update: key cells, then how many columns changed, and position and cell of each
//! op 4      delete: key cells
//! op 5      cold rows: segment, its part that is there from now on, how many of its rows are not, these
//! op 6      a cold row that is in memory from now on: segment, its number there
//! op 7      a segment whose rows are in another one from now on: its number, that of the other
//! cell      0 for NULL, else 1 and the value; notnull columns have no such byte
//!           a decimal is its units, the column knows the scale; inet and mac are their bytes
//! ```
//!
//! Numbers are bincode's variable-length integers (`codec`).

use super::engine::Log;
use super::prepare::{RowWords, check_bytes, set_cell};
use super::rows::TableData;
use crate::codec::{self, Reader};
use crate::cold::{ColdChange, PART_ROWS};
use crate::error::{Error, Result};
use crate::options::RECORD_BYTES_MAX;
use crate::schema::{Column, Schema};
use crate::sync::{RwLock, RwLockReadGuard};
use crate::value::{Decimal, Inet, Mac, Type, ValueRef, power_of_ten};
use crate::wal::{HashedPayload, Lsn};
use smallvec::SmallVec;

const OP_TABLE: u8 = 1;
const OP_PUT: u8 = 2;
const OP_UPDATE: u8 = 3;
const OP_DELETE: u8 = 4;
const OP_BORN: u8 = 5;
const OP_GONE: u8 = 6;
const OP_OVER: u8 = 7;

/// Writes a commit's payload, in fragments once it grows too large for one record.
pub(super) struct CommitEncoder<'a> {
    log: &'a Log,
    number: u64,
    gate: &'a RwLock<()>,
    /// Held from the first fragment on.
    passed: Option<RwLockReadGuard<'a, ()>>,
    payload: Vec<u8>,
    table: Option<u32>,
}

/// A finished payload; keeps the fragments' gate until the record is in the log.
pub(super) struct Encoded<'a> {
    pub payload: Vec<u8>,
    _passed: Option<RwLockReadGuard<'a, ()>>,
}

impl<'a> CommitEncoder<'a> {
    pub(super) fn new(log: &'a Log, gate: &'a RwLock<()>, number: u64) -> Self {
        Self { log, number, gate, passed: None, payload: vec![0], table: None }
    }

    /// Logs every cell of a row.
    pub(super) fn put(&mut self, rows: &TableData, words: &[u64]) -> Result<()> {
        self.start(rows)?;
        self.payload.push(OP_PUT);
        put_row(rows, words, &mut self.payload);
        Ok(())
    }

    /// Logs a row's key and the columns that changed.
    pub(super) fn update(&mut self, rows: &TableData, before: &[u64], after: &[u64]) -> Result<()> {
        self.start(rows)?;
        self.payload.push(OP_UPDATE);
        put_key(rows, after, &mut self.payload);
        let (old, new) = (rows.view(before), rows.view(after));
        let changed: SmallVec<[usize; 16]> = (0..rows.schema.columns.len())
            .filter(|at| !rows.schema.is_key(*at) && differ(old.cell(*at), new.cell(*at)))
            .collect();
        codec::put_u64(&mut self.payload, changed.len() as u64);
        for column in changed {
            codec::put_u64(&mut self.payload, column as u64);
            put_cell(new.cell(column), &rows.schema.columns[column], &mut self.payload);
        }
        Ok(())
    }

    /// Logs a row's key.
    pub(super) fn delete(&mut self, rows: &TableData, words: &[u64]) -> Result<()> {
        self.start(rows)?;
        self.payload.push(OP_DELETE);
        put_key(rows, words, &mut self.payload);
        Ok(())
    }

    /// Logs what becomes of cold rows.
    pub(super) fn cold(&mut self, rows: &TableData, change: &ColdChange) -> Result<()> {
        self.start(rows)?;
        match change {
            ColdChange::Born { segment, part, without } => {
                self.payload.push(OP_BORN);
                codec::put_u64(&mut self.payload, *segment);
                codec::put_u64(&mut self.payload, u64::from(*part));
                codec::put_u64(&mut self.payload, without.len() as u64);
                for row in without {
                    codec::put_u64(&mut self.payload, u64::from(*row));
                }
            }
            ColdChange::Gone { segment, row } => {
                self.payload.push(OP_GONE);
                codec::put_u64(&mut self.payload, *segment);
                codec::put_u64(&mut self.payload, u64::from(*row));
            }
            ColdChange::Over { segment, into } => {
                self.payload.push(OP_OVER);
                codec::put_u64(&mut self.payload, *segment);
                codec::put_u64(&mut self.payload, *into);
            }
        }
        Ok(())
    }

    /// The payload of the commit record.
    pub(super) fn finish(self) -> Encoded<'a> {
        Encoded { payload: self.payload, _passed: self.passed }
    }

    fn start(&mut self, rows: &TableData) -> Result<()> {
        if self.payload.len() >= RECORD_BYTES_MAX {
            self.cut_fragment()?;
        }
        if self.table != Some(rows.id) {
            self.payload.push(OP_TABLE);
            put_table(rows.id, &rows.schema, &mut self.payload);
            self.table = Some(rows.id);
        }
        Ok(())
    }

    fn cut_fragment(&mut self) -> Result<()> {
        if self.passed.is_none() {
            self.passed = Some(self.gate.read());
        }
        let mut head = vec![1];
        codec::put_u64(&mut head, self.log.start.0);
        codec::put_u64(&mut head, self.number);
        let flag = if self.payload[0] == 0 { 1 } else { head.len() };
        let mut fragment = head.clone();
        fragment.extend_from_slice(&self.payload[flag..]);
        self.log.wal.append_fragment(&HashedPayload::new(&fragment))?;
        self.payload.clear();
        self.payload.extend_from_slice(&head);
        Ok(())
    }
}

/// True unless both are the same to the last bit: 0.0 and −0.0 are equal, but not the same.
fn differ(old: ValueRef<'_>, new: ValueRef<'_>) -> bool {
    match (old, new) {
        (ValueRef::Float32(old), ValueRef::Float32(new)) => old.to_bits() != new.to_bits(),
        (ValueRef::Float64(old), ValueRef::Float64(new)) => old.to_bits() != new.to_bits(),
        (old, new) => old != new,
    }
}

/// The head of a commit's or fragment's payload: which fragments it belongs to.
pub(crate) fn read_head(reader: &mut Reader<'_>) -> Result<Option<(Lsn, u64)>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => Ok(Some((Lsn(reader.u64()?), reader.u64()?))),
        other => Err(Error::corrupt(format!("a commit record begins with {other}"))),
    }
}

/// Appends every cell of a row, in the order of the columns.
pub(crate) fn put_row(rows: &TableData, words: &[u64], out: &mut Vec<u8>) {
    let view = rows.view(words);
    for (column, spec) in rows.schema.columns.iter().enumerate() {
        put_cell(view.cell(column), spec, out);
    }
}

fn put_key(rows: &TableData, words: &[u64], out: &mut Vec<u8>) {
    let view = rows.view(words);
    for column in &rows.schema.key {
        put_cell(view.cell(*column), &rows.schema.columns[*column], out);
    }
}

fn put_table(id: u32, schema: &Schema, out: &mut Vec<u8>) {
    codec::put_u64(out, u64::from(id));
    codec::put_u64(out, u64::from(schema.version));
    codec::put_u64(out, schema.columns.len() as u64);
    for column in &schema.columns {
        codec::put_u64(out, u64::from(column.id));
    }
}

#[inline]
fn put_cell(value: ValueRef<'_>, column: &Column, out: &mut Vec<u8>) {
    if !column.notnull {
        out.push(u8::from(!value.is_null()));
    }
    match value {
        ValueRef::Null => {}
        ValueRef::Bool(value) => out.push(u8::from(value)),
        ValueRef::Int(value) | ValueRef::Timestamp(value) => codec::put_i64(out, value),
        ValueRef::Float32(value) => codec::put_f32(out, value),
        ValueRef::Float64(value) => codec::put_f64(out, value),
        ValueRef::Text(value) => codec::put_bytes(out, value.as_bytes()),
        ValueRef::Bytes(value) => codec::put_bytes(out, value),
        ValueRef::Date(value) => codec::put_i64(out, i64::from(value)),
        ValueRef::Decimal(units, _) => codec::put_i128(out, units.get()),
        ValueRef::Inet(value) => out.extend_from_slice(&value.octets()),
        ValueRef::Mac(value) => out.extend_from_slice(&value.octets()),
    }
}

/// The table that the operations of a commit concern from here on.
pub(crate) struct NamedTable {
    pub id: u32,
    pub version: u32,
    /// Its columns' numbers, in the order of the cells.
    pub columns: SmallVec<[u32; 16]>,
}

/// What names a table in a commit, byte for byte.
pub(crate) fn table_name_bytes(id: u32, schema: &Schema) -> Vec<u8> {
    let mut bytes = vec![OP_TABLE];
    put_table(id, schema, &mut bytes);
    bytes
}

/// Takes the name of a table; `None`, and nothing taken, if an operation on a row comes next.
pub(crate) fn read_table(reader: &mut Reader<'_>) -> Result<Option<NamedTable>> {
    if reader.rest().first() != Some(&OP_TABLE) {
        return Ok(None);
    }
    reader.u8()?;
    let number = |value: u64| {
        u32::try_from(value).map_err(|_| Error::corrupt("a table or column number is too large"))
    };
    let id = number(reader.u64()?)?;
    let version = number(reader.u64()?)?;
    let count = reader.u64()?;
    let mut columns = SmallVec::new();
    for _ in 0..count {
        columns.push(number(reader.u64()?)?);
    }
    Ok(Some(NamedTable { id, version, columns }))
}

/// Takes what became of cold rows; `None`, and nothing taken, if an operation on a row comes next.
pub(crate) fn read_cold(reader: &mut Reader<'_>) -> Result<Option<ColdChange>> {
    let op = match reader.rest().first() {
        Some(op) if [OP_BORN, OP_GONE, OP_OVER].contains(op) => reader.u8()?,
        _ => return Ok(None),
    };
    let segment = reader.u64()?;
    if op == OP_OVER {
        return Ok(Some(ColdChange::Over { segment, into: reader.u64()? }));
    }
    let number = |reader: &mut Reader<'_>| {
        u32::try_from(reader.u64()?).map_err(|_| Error::corrupt("a cold row's number is too large"))
    };
    if op == OP_GONE {
        return Ok(Some(ColdChange::Gone { segment, row: number(reader)? }));
    }
    let (part, count) = (number(reader)?, reader.u64()?);
    if count > u64::from(PART_ROWS) {
        return Err(Error::corrupt("more cold rows than a part has"));
    }
    let without = (0..count).map(|_| number(reader)).collect::<Result<_>>()?;
    Ok(Some(ColdChange::Born { segment, part, without }))
}

/// An operation on a row, still as the log has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowOp<'a> {
    /// The operation, which [`read_change`] takes apart.
    pub bytes: &'a [u8],
    /// The hash of the row's key.
    pub hash: u64,
}

/// Takes the next operation on a row of this table; builds its key in `key`. Looks at no more of the
/// other cells than where they end.
pub(crate) fn read_op<'a>(
    reader: &mut Reader<'a>,
    rows: &TableData,
    key: &mut RowWords,
) -> Result<RowOp<'a>> {
    let whole = reader.rest();
    let schema = &rows.schema;
    key.reset(rows.layout.key_words());
    match reader.u8()? {
        OP_PUT => {
            for (at, column) in schema.columns.iter().enumerate() {
                if schema.is_key(at) {
                    take_cell(reader, rows, at, key)?;
                } else {
                    skip_cell(reader, column)?;
                }
            }
        }
        OP_DELETE => read_key(reader, rows, key)?,
        OP_UPDATE => {
            read_key(reader, rows, key)?;
            for _ in 0..reader.u64()? {
                let column = changed_column(reader, schema)?;
                skip_cell(reader, &schema.columns[column])?;
            }
        }
        other => {
            return Err(Error::corrupt(format!("unknown operation {other} in a commit record")));
        }
    }
    let bytes = &whole[..whole.len() - reader.rest().len()];
    Ok(RowOp { bytes, hash: rows.view(key).key_hash() })
}

/// What an operation does to its row; its cells come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A whole row.
    Put,
    /// The row's key, then the changed columns: [`read_columns`].
    Update,
    /// The row's key.
    Delete,
}

/// Takes the first byte of an operation on a row.
pub(crate) fn read_change(reader: &mut Reader<'_>) -> Result<Change> {
    match reader.u8()? {
        OP_PUT => Ok(Change::Put),
        OP_UPDATE => Ok(Change::Update),
        OP_DELETE => Ok(Change::Delete),
        other => Err(Error::corrupt(format!("unknown operation {other} in a commit record"))),
    }
}

/// Takes every cell of a row, as words that borrow from the bytes.
pub(crate) fn read_row(
    reader: &mut Reader<'_>,
    rows: &TableData,
    words: &mut RowWords,
) -> Result<()> {
    words.reset(rows.layout.words());
    for column in 0..rows.schema.columns.len() {
        take_cell(reader, rows, column, words)?;
    }
    check_bytes(rows, words).map_err(damaged)
}

/// Takes the cells of a key, as words that borrow from the bytes.
pub(crate) fn read_key(reader: &mut Reader<'_>, rows: &TableData, words: &mut [u64]) -> Result<()> {
    for column in &rows.schema.key {
        take_cell(reader, rows, *column, words)?;
    }
    Ok(())
}

/// Takes the changed columns of an update, whose cells go into the row's words; says which they are.
pub(crate) fn read_columns(
    reader: &mut Reader<'_>,
    rows: &TableData,
    words: &mut [u64],
) -> Result<SmallVec<[usize; 16]>> {
    let mut columns = SmallVec::new();
    for _ in 0..reader.u64()? {
        let column = changed_column(reader, &rows.schema)?;
        take_cell(reader, rows, column, words)?;
        columns.push(column);
    }
    Ok(columns)
}

fn changed_column(reader: &mut Reader<'_>, schema: &Schema) -> Result<usize> {
    let column = reader.u64()? as usize;
    if column >= schema.columns.len() || schema.is_key(column) {
        return Err(Error::corrupt("an update of an unknown column"));
    }
    Ok(column)
}

#[inline]
fn take_cell(
    reader: &mut Reader<'_>,
    rows: &TableData,
    column: usize,
    words: &mut [u64],
) -> Result<()> {
    let value = read_cell(reader, &rows.schema.columns[column])?;
    set_cell(rows, words, column, value).map_err(damaged)
}

/// What was checked when it was written is damage when it is read.
pub(crate) fn damaged(error: Error) -> Error {
    Error::corrupt(error.to_string()).caused_by(error)
}

/// Takes a cell, and looks at nothing but where it ends.
#[inline]
fn skip_cell(reader: &mut Reader<'_>, column: &Column) -> Result<()> {
    if !column.notnull {
        match reader.u8()? {
            0 => return Ok(()),
            1 => {}
            other => return Err(Error::corrupt(format!("a cell begins with {other}"))),
        }
    }
    match column.ty {
        Type::Bool => reader.u8().map(drop),
        Type::Int16 | Type::Int32 | Type::Int64 | Type::Timestamp | Type::Date => {
            reader.u64().map(drop)
        }
        Type::Float32 => reader.array::<4>().map(drop),
        Type::Float64 => reader.array::<8>().map(drop),
        Type::Text | Type::Bytes => reader.bytes().map(drop),
        Type::Decimal { .. } => reader.i128().map(drop),
        Type::Inet => reader.array::<16>().map(drop),
        Type::Mac => reader.array::<6>().map(drop),
    }
}

#[inline]
fn read_cell<'a>(reader: &mut Reader<'a>, column: &Column) -> Result<ValueRef<'a>> {
    if !column.notnull {
        match reader.u8()? {
            0 => return Ok(ValueRef::Null),
            1 => {}
            other => return Err(Error::corrupt(format!("a cell begins with {other}"))),
        }
    }
    Ok(match column.ty {
        Type::Bool => ValueRef::Bool(reader.u8()? != 0),
        Type::Int16 | Type::Int32 | Type::Int64 => ValueRef::Int(reader.i64()?),
        Type::Float32 => ValueRef::Float32(reader.f32()?),
        Type::Float64 => ValueRef::Float64(reader.f64()?),
        Type::Timestamp => ValueRef::Timestamp(reader.i64()?),
        Type::Bytes => ValueRef::Bytes(reader.bytes()?),
        Type::Text => ValueRef::Text(
            std::str::from_utf8(reader.bytes()?)
                .map_err(|_| Error::corrupt("a text cell is not valid UTF-8"))?,
        ),
        Type::Date => ValueRef::Date(
            i32::try_from(reader.i64()?).map_err(|_| Error::corrupt("a date is out of range"))?,
        ),
        Type::Decimal { precision, scale } => {
            let units = reader.i128()?;
            if units.unsigned_abs() >= power_of_ten(precision).unsigned_abs() {
                return Err(Error::corrupt("a decimal has too many digits"));
            }
            Decimal::of(units, scale).into()
        }
        Type::Inet => ValueRef::Inet(Inet::from_octets(reader.array()?)),
        Type::Mac => ValueRef::Mac(Mac::from_octets(reader.array()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_decimal_of_too_many_digits_or_half_an_address_is_corrupt() {
        let schema = "a decimal(3,1) notnull, b decimal(38,38), c inet notnull, d mac";
        let schema = Schema::parse("t", schema).unwrap();
        let cells = [
            Decimal::of(-999, 1).into(),
            Decimal::of(power_of_ten(38) - 1, 38).into(),
            ValueRef::Inet(Inet::from_octets([9; 16])),
            ValueRef::Mac(Mac::from_octets([7; 6])),
        ];
        let mut bytes = Vec::new();
        for (cell, column) in cells.iter().zip(&schema.columns) {
            put_cell(*cell, column, &mut bytes);
        }
        let read = |bytes: &[u8]| {
            let row = schema.columns[..4].iter().scan(Reader::new(bytes), |reader, column| {
                Some(read_cell(reader, column).map(ValueRef::to_owned))
            });
            row.collect::<Result<Vec<_>>>()
        };
        let back = read(&bytes).unwrap();
        assert!(back.iter().zip(&cells).all(|(back, cell)| back.as_ref() == *cell));
        for len in 0..bytes.len() {
            assert_eq!(read(&bytes[..len]).unwrap_err().kind(), Kind::Corrupt, "{len}");
        }
        let mut beyond = Vec::new();
        put_cell(Decimal::of(1000, 1).into(), &schema.columns[0], &mut beyond);
        assert_eq!(read(&beyond).unwrap_err().to_string(), "a decimal has too many digits");
    }
}

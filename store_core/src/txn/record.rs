//! Row images: what the log and checkpoints say about rows.
//!
//! ```text
//! commit    [ 0 | 1 birth number ] op…          1: fragments with this birth and number come before
//! op 1      table: id, schema version, columns, their ids      for the rows that follow
//! op 2      put: every cell of a row
//! op 3      update: key cells, then how many columns changed, and position and cell of each
//! op 4      delete: key cells
//! cell      0 for NULL, else 1 and the value; notnull columns have no such byte
//!           a decimal is its units, the column knows the scale; inet and mac are their bytes
//! ```
//!
//! Numbers are bincode's variable-length integers (`codec`).

use super::engine::Log;
use super::rows::TableData;
use crate::codec::{self, Reader};
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

/// Cells of one row, on the stack for rows of usual width.
pub(crate) type Cells<'a> = SmallVec<[ValueRef<'a>; 12]>;

/// One operation of a commit.
#[expect(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
pub(crate) enum Op<'a> {
    /// The operations that follow concern this table; its column ids, in the order of the cells.
    Table { id: u32, version: u32, columns: SmallVec<[u32; 16]> },
    /// A whole row.
    Put(Cells<'a>),
    /// A row's key and its changed columns.
    Update { key: Cells<'a>, columns: SmallVec<[usize; 16]>, cells: Cells<'a> },
    /// A row's key.
    Delete(Cells<'a>),
}

/// Takes the next operation; `schema` is that of the table named last.
pub(crate) fn read_op<'a>(reader: &mut Reader<'a>, schema: Option<&Schema>) -> Result<Op<'a>> {
    let op = reader.u8()?;
    if op == OP_TABLE {
        return read_table(reader);
    }
    let schema = schema.ok_or_else(|| Error::corrupt("a row comes before its table"))?;
    Ok(match op {
        OP_PUT => Op::Put(read_row(reader, schema)?),
        OP_DELETE => Op::Delete(read_key(reader, schema)?),
        OP_UPDATE => {
            let key = read_key(reader, schema)?;
            let (mut columns, mut cells) = (SmallVec::new(), SmallVec::new());
            for _ in 0..reader.u64()? {
                let column = reader.u64()? as usize;
                let spec = schema.columns.get(column).filter(|_| !schema.is_key(column));
                let spec = spec.ok_or_else(|| Error::corrupt("an update of an unknown column"))?;
                columns.push(column);
                cells.push(read_cell(reader, spec)?);
            }
            Op::Update { key, columns, cells }
        }
        other => {
            return Err(Error::corrupt(format!("unknown operation {other} in a commit record")));
        }
    })
}

fn read_table<'a>(reader: &mut Reader<'a>) -> Result<Op<'a>> {
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
    Ok(Op::Table { id, version, columns })
}

/// Takes every cell of a row.
pub(crate) fn read_row<'a>(reader: &mut Reader<'a>, schema: &Schema) -> Result<Cells<'a>> {
    let mut cells = Cells::with_capacity(schema.columns.len());
    for column in &schema.columns {
        cells.push(read_cell(reader, column)?);
    }
    Ok(cells)
}

fn read_key<'a>(reader: &mut Reader<'a>, schema: &Schema) -> Result<Cells<'a>> {
    let mut cells = Cells::with_capacity(schema.key.len());
    for column in &schema.key {
        cells.push(read_cell(reader, &schema.columns[*column])?);
    }
    Ok(cells)
}

/// The table and the key of the first row of a commit without fragments, if it is what it should be.
pub(crate) fn first_key<'a, 't>(
    payload: &'a [u8],
    table: impl FnOnce(u32) -> Option<&'t TableData>,
) -> Result<Option<(&'t TableData, Cells<'a>)>> {
    let mut reader = Reader::new(payload);
    if read_head(&mut reader)?.is_some() || reader.u8()? != OP_TABLE {
        return Ok(None);
    }
    let Op::Table { id, .. } = read_table(&mut reader)? else { return Ok(None) };
    let Some(rows) = table(id) else { return Ok(None) };
    let op = reader.u8()?;
    if op != OP_PUT {
        return Ok(Some((rows, read_key(&mut reader, &rows.schema)?)));
    }
    let row = read_row(&mut reader, &rows.schema)?;
    Ok(Some((rows, rows.schema.key.iter().map(|column| row[*column]).collect())))
}

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

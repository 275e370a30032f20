//! Blocks of columns: the rows of a block column by column, each in the form that takes the fewest bytes.
//!
//! ```text
//!  block   rows, columns, column …
//!  column  bytes of the rest, nulls, values
//!  nulls   0 none │ 1 all │ 2 a bit a row
//!  values  those that are not NULL: numbers (`ints`), floats (`floats`), texts and bytes (`strings`)
//! ```
//!
//! A column is read without the others. Whether a column's cells are numbers, floats or strings is not
//! in the block: its reader knows the types. What is damaged behind a checksum that holds is an error,
//! and takes no more memory than the block's rows can.

mod bits;
mod floats;
pub(in crate::segment) mod ints;
mod strings;

use crate::codec::{Reader, put_u64};
use crate::error::{Error, Result};
use crate::value::{Decimal, DecimalUnits, Inet, Mac, Type, ValueRef};
use floats::Width;
use std::ops::Range;
use strings::Strings;

const NO_NULL: u8 = 0;
const ALL_NULL: u8 = 1;
const SOME_NULL: u8 = 2;

/// Most rows of a block.
pub(crate) const BLOCK_ROWS_MAX: usize = 4096;
/// Most columns of a block.
const COLUMNS_MAX: usize = 4096;
/// What a cell of a fixed width counts for, and one of another besides its bytes.
const CELL_BYTES: usize = 8;

/// How the cells of a column are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ints,
    Floats(Width),
    Strings,
}

impl Form {
    fn of(ty: Type) -> Self {
        match ty {
            Type::Float32 => Self::Floats(Width::Four),
            Type::Float64 => Self::Floats(Width::Eight),
            Type::Text | Type::Bytes | Type::Inet => Self::Strings,
            Type::Decimal { .. } if ty.is_wide() => Self::Strings,
            _ => Self::Ints,
        }
    }
}

/// Gathers rows, and writes them as a block.
#[derive(Debug)]
pub(crate) struct ColumnsWriter {
    columns: Vec<Gathered>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Gathered {
    form: Form,
    has: Vec<bool>,
    /// Numbers, or the bits of floats.
    words: Vec<i64>,
    strings: Strings,
}

impl ColumnsWriter {
    /// For rows with columns of these types.
    pub(crate) fn new(types: impl Iterator<Item = Type>) -> Self {
        let column = |ty| Gathered {
            form: Form::of(ty),
            has: Vec::new(),
            words: Vec::new(),
            strings: Strings::default(),
        };
        Self { columns: types.map(column).collect(), rows: 0, bytes: 0 }
    }

    /// Adds a row, whose cells have the columns' types.
    pub(crate) fn push<'v>(&mut self, cell: impl Fn(usize) -> ValueRef<'v>) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            self.bytes += column.push(cell(at));
        }
        self.rows += 1;
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// About what the rows take once they are read again.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the block, and begins another one.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        put_u64(out, self.rows as u64);
        put_u64(out, self.columns.len() as u64);
        let mut bytes = Vec::new();
        for column in &mut self.columns {
            bytes.clear();
            column.put(&mut bytes);
            put_u64(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
            column.has.clear();
            column.words.clear();
            column.strings.clear();
        }
        (self.rows, self.bytes) = (0, 0);
    }
}

impl Gathered {
    fn push(&mut self, value: ValueRef<'_>) -> usize {
        self.has.push(!value.is_null());
        match value {
            ValueRef::Null => {}
            ValueRef::Bool(value) => self.words.push(i64::from(value)),
            ValueRef::Int(value) | ValueRef::Timestamp(value) => self.words.push(value),
            ValueRef::Date(value) => self.words.push(i64::from(value)),
            ValueRef::Mac(value) => self.words.push(value.to_bits().cast_signed()),
            ValueRef::Float32(value) => self.words.push(i64::from(value.to_bits())),
            ValueRef::Float64(value) => self.words.push(value.to_bits().cast_signed()),
            ValueRef::Text(value) => self.strings.push(value.as_bytes()),
            ValueRef::Bytes(value) => self.strings.push(value),
            ValueRef::Inet(value) => self.strings.push(&value.octets()),
            ValueRef::Decimal(units, _) if self.form == Form::Strings => {
                self.strings.push(&units.get().to_le_bytes());
            }
            ValueRef::Decimal(units, _) => self.words.push(units.get() as i64),
        }
        let string = match value {
            ValueRef::Text(text) => text.len(),
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Inet(_) | ValueRef::Decimal(..) => CELL_BYTES,
            _ => 0,
        };
        CELL_BYTES + string
    }

    fn put(&self, out: &mut Vec<u8>) {
        let nulls = self.has.iter().filter(|has| !**has).count();
        match nulls {
            0 => out.push(NO_NULL),
            all if all == self.has.len() => return out.push(ALL_NULL),
            _ => {
                out.push(SOME_NULL);
                bits::pack(self.has.iter().map(|has| u64::from(*has)), 1, out);
            }
        }
        match self.form {
            Form::Ints => ints::put(&self.words, out),
            Form::Floats(width) => {
                let floats: Vec<u64> = self.words.iter().map(|word| word.cast_unsigned()).collect();
                floats::put(&floats, width, out);
            }
            Form::Strings => strings::put(&self.strings, out),
        }
    }
}

/// Where the columns of a block are.
#[derive(Clone, Debug)]
pub(crate) struct ColumnsBlock {
    rows: usize,
    columns: Vec<Range<u32>>,
}

impl ColumnsBlock {
    /// Finds the columns of a block.
    pub(crate) fn open(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let (rows, columns) = (reader.u64()?, reader.u64()?);
        if rows > BLOCK_ROWS_MAX as u64 || columns > COLUMNS_MAX as u64 {
            return Err(damaged("more rows or columns than a block may have"));
        }
        let mut found = Vec::with_capacity(columns as usize);
        for _ in 0..columns {
            let len = reader.bytes()?.len() as u32;
            let end = reader.position() as u32;
            found.push(end - len..end);
        }
        if !reader.is_empty() {
            return Err(damaged("bytes are left over"));
        }
        Ok(Self { rows: rows as usize, columns: found })
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Reads the nth column, of this type, of the block that was opened.
    pub(crate) fn column(&self, bytes: &[u8], nth: usize, ty: Type) -> Result<ColumnCells> {
        let place = self.columns.get(nth).ok_or_else(|| damaged("a column is missing"))?;
        let bytes = &bytes[place.start as usize..place.end as usize];
        let mut reader = Reader::new(bytes);
        let cells = ColumnCells::read(&mut reader, ty, self.rows)?;
        if reader.is_empty() { Ok(cells) } else { Err(damaged("bytes are left over in a column")) }
    }
}

/// The cells of one column of a block.
#[derive(Clone, Debug)]
pub(crate) struct ColumnCells {
    ty: Type,
    /// Which rows have a value, unless all do.
    has: Option<Vec<bool>>,
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    Nothing,
    /// Numbers, or the bits of floats, of all rows.
    Words(Vec<i64>),
    Strings(Strings),
}

impl ColumnCells {
    fn read(reader: &mut Reader<'_>, ty: Type, rows: usize) -> Result<Self> {
        let has: Option<Vec<bool>> = match reader.u8()? {
            NO_NULL => None,
            ALL_NULL => return Ok(Self { ty, has: None, cells: Cells::Nothing }),
            SOME_NULL => {
                let packed = take(reader, bits::packed_bytes(rows, 1))?;
                Some((0..rows).map(|nth| bits::unpack(packed, 1, nth) == 1).collect())
            }
            _ => return Err(damaged("an unknown form of nulls")),
        };
        let count = has.as_ref().map_or(rows, |has| has.iter().filter(|has| **has).count());
        let cells = match Form::of(ty) {
            Form::Ints => Cells::Words(spread(ints::get(reader, count)?, has.as_deref())),
            Form::Floats(width) => {
                let floats = floats::get(reader, width, count)?;
                let words = floats.into_iter().map(u64::cast_signed).collect();
                Cells::Words(spread(words, has.as_deref()))
            }
            Form::Strings => {
                let mut strings = strings::get(reader, count)?;
                check_strings(ty, &strings, count)?;
                if let Some(has) = &has {
                    strings.spread(has);
                }
                Cells::Strings(strings)
            }
        };
        Ok(Self { ty, has, cells })
    }

    /// True if a row has none.
    pub(crate) fn has_nulls(&self) -> bool {
        matches!(self.cells, Cells::Nothing) || self.has.is_some()
    }

    /// The cell of the nth row.
    #[inline]
    pub(crate) fn get(&self, nth: usize) -> ValueRef<'_> {
        if self.has.as_ref().is_some_and(|has| !has[nth]) {
            return ValueRef::Null;
        }
        match &self.cells {
            Cells::Nothing => ValueRef::Null,
            Cells::Words(words) => self.of_word(words[nth]),
            Cells::Strings(strings) => self.of_string(strings.get(nth)),
        }
    }

    /// Bytes it takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let cells = match &self.cells {
            Cells::Nothing => 0,
            Cells::Words(words) => words.capacity() * size_of::<i64>(),
            Cells::Strings(strings) => strings.heap_bytes(),
        };
        cells + self.has.as_ref().map_or(0, Vec::capacity)
    }

    fn of_word(&self, word: i64) -> ValueRef<'_> {
        match self.ty {
            Type::Bool => ValueRef::Bool(word != 0),
            Type::Float32 => ValueRef::Float32(f32::from_bits(word as u32)),
            Type::Float64 => ValueRef::Float64(f64::from_bits(word.cast_unsigned())),
            Type::Date => ValueRef::Date(word as i32),
            Type::Timestamp => ValueRef::Timestamp(word),
            Type::Mac => ValueRef::Mac(Mac::from_bits(word.cast_unsigned())),
            Type::Decimal { scale, .. } => Decimal::of(i128::from(word), scale).into(),
            _ => ValueRef::Int(word),
        }
    }

    fn of_string<'s>(&self, string: &'s [u8]) -> ValueRef<'s> {
        let wide = || string.try_into().expect("lengths were checked when it was read");
        match self.ty {
            Type::Text => {
                ValueRef::Text(std::str::from_utf8(string).expect("checked when it was read"))
            }
            Type::Inet => ValueRef::Inet(Inet::from_octets(wide())),
            Type::Decimal { scale, .. } => Decimal::of(i128::from_le_bytes(wide()), scale).into(),
            _ => ValueRef::Bytes(string),
        }
    }
}

/// Puts zeros where a row has no value.
fn spread(words: Vec<i64>, has: Option<&[bool]>) -> Vec<i64> {
    let Some(has) = has else { return words };
    let mut given = words.into_iter();
    has.iter().map(|has| if *has { given.next().unwrap_or(0) } else { 0 }).collect()
}

fn check_strings(ty: Type, strings: &Strings, count: usize) -> Result<()> {
    let sound = |nth: usize| match ty {
        Type::Text => std::str::from_utf8(strings.get(nth)).is_ok(),
        Type::Bytes => true,
        _ => strings.get(nth).len() == size_of::<DecimalUnits>(),
    };
    if (0..count).all(sound) { Ok(()) } else { Err(damaged("a cell that its type cannot have")) }
}

fn take<'b>(reader: &mut Reader<'b>, len: usize) -> Result<&'b [u8]> {
    reader.take(len)
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("a block of columns is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn rows() -> (Vec<Type>, Vec<Vec<Value>>) {
        let types = vec![
            Type::Int64,
            Type::Text,
            Type::Float64,
            Type::Bool,
            Type::Date,
            Type::Timestamp,
            Type::decimal(10, 2).unwrap(),
            Type::decimal(38, 3).unwrap(),
            Type::Inet,
            Type::Mac,
            Type::Bytes,
            Type::Float32,
            Type::Int16,
        ];
        let row = |n: i64| {
            let null = |value: Value, every: i64| if n % every == 1 { Value::Null } else { value };
            vec![
                Value::Int(n * 3),
                null(Value::Text(format!("KA{}", n % 7)), 5),
                null(Value::Float64(n as f64 / 100.0), 3),
                null(Value::Bool(n % 2 == 0), 4),
                Value::Date(n as i32 - 50),
                null(Value::Timestamp(n * 1_000_000), 9),
                null(Decimal::of(i128::from(n) - 9, 2).into(), 6),
                null(Decimal::of(i128::from(n) << 90, 3).into(), 7),
                Value::Inet(Inet::from_octets([n as u8; 16])),
                null(Value::Mac(Mac::from_octets([n as u8; 6])), 8),
                null(Value::Bytes(vec![n as u8; n as usize % 40]), 3),
                Value::Float32(n as f32 / 8.0),
                Value::Null,
            ]
        };
        (types, (0..300).map(row).collect())
    }

    #[test]
    fn rows_of_every_type_come_back_and_no_cut_block_does() {
        let (types, rows) = rows();
        let mut writer = ColumnsWriter::new(types.iter().copied());
        for row in &rows {
            writer.push(|column| row[column].as_ref());
        }
        assert!(writer.rows() == 300 && writer.bytes() > 300 * 8 * 13);
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        assert_eq!((writer.rows(), writer.bytes()), (0, 0));
        let block = ColumnsBlock::open(&bytes).unwrap();
        assert_eq!(block.rows(), 300);
        for (at, ty) in types.iter().enumerate() {
            let cells = block.column(&bytes, at, *ty).unwrap();
            for (nth, row) in rows.iter().enumerate() {
                assert_eq!(cells.get(nth).to_owned(), row[at], "{ty:?} {nth}");
            }
        }
        for len in 0..bytes.len() {
            assert!(ColumnsBlock::open(&bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn changed_bytes_give_an_error_or_other_cells_and_never_a_panic() {
        let (types, rows) = rows();
        let mut writer = ColumnsWriter::new(types.iter().copied());
        for row in &rows[..40] {
            writer.push(|column| row[column].as_ref());
        }
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                if let Ok(block) = ColumnsBlock::open(&bytes) {
                    for (nth, ty) in types.iter().enumerate() {
                        if let Ok(cells) = block.column(&bytes, nth, *ty) {
                            (0..block.rows()).for_each(|row| drop(cells.get(row).to_owned()));
                        }
                    }
                }
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

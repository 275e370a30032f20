//! The columns of a Parquet file, and what cells of ours its values become.

use super::thrift::{BINARY, FieldHead, LIST, Reader, STRUCT, damaged};
use store_core::{Error, Result, Type};

/// Most columns of a file, nested ones with all that is in them.
const LEAVES_MAX: usize = 100_000;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Most digits of a decimal.
const DIGITS_MAX: u8 = 38;

/// How values lie in the file, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    Bool,
    /// 32 bits that must fit 16.
    Int16,
    /// 32 bits as they are, dates among them.
    Int32,
    /// 32 bits without a sign.
    UInt32,
    /// 64 bits as they are, microseconds among them.
    Int64,
    /// 64 bits without a sign.
    UInt64,
    Millis,
    Nanos,
    /// A day and nanoseconds of it, as old writers have moments.
    Int96,
    Float32,
    Float64,
    Text,
    Bytes,
    FixedBytes(usize),
    Decimal32,
    Decimal64,
    /// Big-endian, of any length.
    DecimalBytes,
    DecimalFixed(usize),
}

impl Cells {
    /// Bytes of a value in the plain encoding; `None` for truths and for texts, which have no width.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Text | Self::Bytes | Self::DecimalBytes => None,
            Self::Int16 | Self::Int32 | Self::UInt32 | Self::Float32 | Self::Decimal32 => Some(4),
            Self::Int96 => Some(12),
            Self::FixedBytes(width) | Self::DecimalFixed(width) => Some(width),
            _ => Some(8),
        }
    }

    /// The number of the physical type.
    const fn physical(self) -> i64 {
        match self {
            Self::Bool => 0,
            Self::Int16 | Self::Int32 | Self::UInt32 | Self::Decimal32 => 1,
            Self::Int96 => 3,
            Self::Float32 => 4,
            Self::Float64 => 5,
            Self::Text | Self::Bytes | Self::DecimalBytes => 6,
            Self::FixedBytes(_) | Self::DecimalFixed(_) => 7,
            _ => 2,
        }
    }

    /// True if a chunk's own physical type is that of the schema.
    pub const fn is_physical(self, number: i64) -> bool {
        self.physical() == number
    }
}

/// A column at the top of a file.
#[derive(Clone, Debug)]
pub(crate) struct FileColumn {
    pub name: String,
    /// Which of the file's leaves it is.
    pub leaf: usize,
    pub optional: bool,
    /// What it holds; or why it cannot be read.
    pub kind: std::result::Result<(Cells, Type), String>,
}

/// One entry of the schema, as it is written.
#[derive(Clone, Debug, Default)]
struct Element {
    name: String,
    physical: Option<i64>,
    width: i64,
    repetition: i64,
    children: u64,
    converted: Option<i64>,
    scale: i64,
    precision: i64,
    logical: Option<Logical>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logical {
    Text,
    Decimal,
    Date,
    Millis,
    Micros,
    Nanos,
    Int(i64, bool),
    Bytes,
    Other(&'static str),
}

/// Reads the list of elements; gives the columns and how many leaves there are.
pub(super) fn read_schema(reader: &mut Reader<'_>) -> Result<(Vec<FileColumn>, usize)> {
    let (count, item) = reader.list()?;
    if item != STRUCT || count == 0 {
        return Err(damaged("it has no schema"));
    }
    let mut left = count - 1;
    let root = element(reader)?;
    let (mut columns, mut leaves) = (Vec::new(), 0);
    for _ in 0..root.children {
        let first = leaves;
        let top = next(reader, &mut left)?;
        let name = top.name.clone();
        let (optional, nested) = (top.repetition == 1, top.children > 0 || top.repetition == 2);
        let kind = if nested { Err("is nested".to_owned()) } else { top.kind() };
        below(reader, &top, &mut left, &mut leaves, 0)?;
        columns.push(FileColumn { name, leaf: first, optional, kind });
    }
    if left > 0 {
        return Err(damaged("its schema has elements that belong nowhere"));
    }
    Ok((columns, leaves))
}

fn next(reader: &mut Reader<'_>, left: &mut u64) -> Result<Element> {
    *left = left.checked_sub(1).ok_or_else(|| damaged("its schema ends too early"))?;
    element(reader)
}

/// Counts the leaves of an element.
fn below(
    reader: &mut Reader<'_>,
    of: &Element,
    left: &mut u64,
    leaves: &mut usize,
    depth: usize,
) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(damaged("its schema is nested too deep"));
    }
    if of.physical.is_some() {
        *leaves += 1;
    }
    if *leaves > LEAVES_MAX {
        return Err(Error::unsupported(format!("it has more than {LEAVES_MAX} columns")));
    }
    for _ in 0..of.children {
        let child = next(reader, left)?;
        below(reader, &child, left, leaves, depth + 1)?;
    }
    Ok(())
}

fn element(reader: &mut Reader<'_>) -> Result<Element> {
    let mut made = Element::default();
    reader.fields(&mut |reader, field| {
        match (field.id, field.ty) {
            (4, BINARY) => {
                let name = std::str::from_utf8(reader.binary()?);
                let name = name.map_err(|_| damaged("a column's name is no UTF-8"))?;
                name.clone_into(&mut made.name);
            }
            (10, STRUCT) => made.logical = logical(reader, &mut made.scale, &mut made.precision)?,
            (1, _) => made.physical = Some(reader.int()?),
            (2, _) => made.width = reader.int()?,
            (3, _) => made.repetition = reader.int()?,
            (5, _) => made.children = reader.count()?,
            (6, _) => made.converted = Some(reader.int()?),
            (7, _) => made.scale = reader.int()?,
            (8, _) => made.precision = reader.int()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(made)
}

/// A union: the one field that is there says which it is.
fn logical(
    reader: &mut Reader<'_>,
    scale: &mut i64,
    precision: &mut i64,
) -> Result<Option<Logical>> {
    let mut found = None;
    reader.fields(&mut |reader, field| {
        found = Some(match field.id {
            1 | 4 | 12 => Logical::Text,
            6 => Logical::Date,
            13 | 14 => Logical::Bytes,
            5 => {
                reader.fields(&mut |reader, field| {
                    match field.id {
                        1 => *scale = reader.int()?,
                        2 => *precision = reader.int()?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                found = Some(Logical::Decimal);
                return Ok(true);
            }
            8 => {
                found = Some(moment(reader)?);
                return Ok(true);
            }
            10 => {
                found = Some(integer(reader)?);
                return Ok(true);
            }
            7 => Logical::Other("a time of day"),
            11 => Logical::Other("nothing but NULL"),
            15 => Logical::Other("float16"),
            2 | 3 => Logical::Other("nested"),
            16 => Logical::Other("a variant"),
            17 | 18 => Logical::Other("a shape"),
            _ => return Ok(false),
        });
        Ok(false)
    })?;
    Ok(found)
}

fn moment(reader: &mut Reader<'_>) -> Result<Logical> {
    let mut unit = Logical::Other("a moment of an unknown unit");
    reader.fields(&mut |reader, field| {
        if field.id != 2 {
            return Ok(false);
        }
        reader.fields(&mut |_, FieldHead { id, .. }| {
            unit = match id {
                1 => Logical::Millis,
                2 => Logical::Micros,
                3 => Logical::Nanos,
                _ => unit,
            };
            Ok(false)
        })?;
        Ok(true)
    })?;
    Ok(unit)
}

fn integer(reader: &mut Reader<'_>) -> Result<Logical> {
    let (mut bits, mut signed) = (0, true);
    reader.fields(&mut |reader, field| match field.id {
        // A byte, which is no varint.
        1 => {
            bits = reader.small()?;
            Ok(true)
        }
        2 => {
            signed = field.ty == super::thrift::TRUE;
            Ok(true)
        }
        _ => Ok(false),
    })?;
    Ok(Logical::Int(bits, signed))
}

impl Element {
    /// What the older words say, where the newer are missing.
    fn meaning(&self) -> Option<Logical> {
        let older = |word: i64| match word {
            0 | 4 | 19 => Some(Logical::Text),
            5 => Some(Logical::Decimal),
            6 => Some(Logical::Date),
            7 | 8 => Some(Logical::Other("a time of day")),
            9 => Some(Logical::Millis),
            10 => Some(Logical::Micros),
            nth @ 11..=14 => Some(Logical::Int(8 << (nth - 11), false)),
            nth @ 15..=18 => Some(Logical::Int(8 << (nth - 15), true)),
            20 => Some(Logical::Bytes),
            21 => Some(Logical::Other("an interval")),
            _ => Some(Logical::Other("nested")),
        };
        self.logical.or_else(|| self.converted.and_then(older))
    }

    fn kind(&self) -> std::result::Result<(Cells, Type), String> {
        let meaning = self.meaning();
        if let Some(Logical::Other(what)) = meaning {
            return Err(format!("is {what}"));
        }
        let physical = self.physical.ok_or_else(|| "has no type".to_owned())?;
        if meaning == Some(Logical::Decimal) {
            return self.decimal(physical);
        }
        let whole = |bits: i64, signed: bool| match (bits, signed) {
            (8 | 16, true) | (8, false) => Some((Cells::Int16, Type::Int16)),
            (32, true) | (16, false) => Some((Cells::Int32, Type::Int32)),
            (32, false) => Some((Cells::UInt32, Type::Int64)),
            _ => None,
        };
        let width = usize::try_from(self.width).ok().filter(|width| *width > 0);
        let found = match (physical, meaning) {
            (0, None) => Some((Cells::Bool, Type::Bool)),
            (1, None) => Some((Cells::Int32, Type::Int32)),
            (1, Some(Logical::Date)) => Some((Cells::Int32, Type::Date)),
            (1, Some(Logical::Int(bits, signed))) => whole(bits, signed),
            (2, None | Some(Logical::Int(64, true))) => Some((Cells::Int64, Type::Int64)),
            (2, Some(Logical::Int(64, false))) => {
                Some((Cells::UInt64, Type::Decimal { precision: 20, scale: 0 }))
            }
            (2, Some(Logical::Millis)) => Some((Cells::Millis, Type::Timestamp)),
            (2, Some(Logical::Micros)) => Some((Cells::Int64, Type::Timestamp)),
            (2, Some(Logical::Nanos)) => Some((Cells::Nanos, Type::Timestamp)),
            (3, None) => Some((Cells::Int96, Type::Timestamp)),
            (4, None) => Some((Cells::Float32, Type::Float32)),
            (5, None) => Some((Cells::Float64, Type::Float64)),
            (6, Some(Logical::Text)) => Some((Cells::Text, Type::Text)),
            (6, None | Some(Logical::Bytes)) => Some((Cells::Bytes, Type::Bytes)),
            (7, None | Some(Logical::Bytes)) => {
                width.map(|width| (Cells::FixedBytes(width), Type::Bytes))
            }
            _ => None,
        };
        found.ok_or_else(|| format!("is of physical type {physical} with a meaning unknown here"))
    }

    fn decimal(&self, physical: i64) -> std::result::Result<(Cells, Type), String> {
        let digits = (u8::try_from(self.precision), u8::try_from(self.scale));
        let (Ok(precision @ 1..=DIGITS_MAX), Ok(scale)) = digits else {
            return Err(format!("is a decimal of {} digits", self.precision));
        };
        let ty = Type::Decimal { precision, scale };
        if scale > precision {
            return Err(format!("is a decimal of {precision} digits, {scale} behind the point"));
        }
        let width = usize::try_from(self.width).ok().filter(|width| *width > 0);
        match (physical, width) {
            (1, _) => Ok((Cells::Decimal32, ty)),
            (2, _) => Ok((Cells::Decimal64, ty)),
            (6, _) => Ok((Cells::DecimalBytes, ty)),
            (7, Some(width)) => Ok((Cells::DecimalFixed(width), ty)),
            _ => Err("is a decimal of no known form".to_owned()),
        }
    }
}

/// True if a field of a list of structs begins here.
pub(super) const fn is_list(field: FieldHead, id: i16) -> bool {
    field.id == id && field.ty == LIST
}

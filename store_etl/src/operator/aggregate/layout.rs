//! How a row of the input becomes a record: what aggregates read of it, and its key.
//!
//! ```text
//!  │NULL marks of arguments│position 8│arguments, 8 or 16 each│length of the key 4│key│
//! ```
//!
//! The position in the input and the length of the key are left out where nobody needs them.

use super::function::field_at;
use crate::batch::{Batch, Column, Field, Values};
use crate::operator::key::{KeyLayout, Mark, damaged, each_null, next_mark};
use std::ops::Range;
use store_core::{Error, Kind, Result, Type};

/// Rows that are made into records at once: what is done to them column by column stays in the
/// processor's first cache.
pub(super) const CHUNK_ROWS: usize = 256;

/// How an argument's value lies in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgKind {
    /// Whole numbers, moments, bools, cards: 8 bytes, compared as whole numbers.
    Int,
    /// A float: 8 bytes.
    Float,
    /// A decimal or an address: 16 bytes, compared as whole numbers.
    Wide,
    /// Only whether it is NULL.
    Mark,
}

/// A column that aggregates read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arg {
    pub column: usize,
    pub kind: ArgKind,
    /// Where its value is in a record.
    pub at: usize,
    /// Where its NULL mark is: byte and bit.
    pub null: Option<Mark>,
}

/// The layout of records.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub args: Vec<Arg>,
    pub keys: KeyLayout,
    /// Where the position in the input is.
    pub position: Option<usize>,
    marks: usize,
    /// Where the key's length is, if keys differ in it.
    key_len: Option<usize>,
    /// Where the key begins.
    pub key: usize,
}

impl Layout {
    /// Lays out a key and the arguments of the columns at these positions, each with whether its value
    /// is read.
    pub fn new(
        input: &[Field],
        keys: &[usize],
        args: &[(usize, bool)],
        with_position: bool,
    ) -> Result<Self> {
        let mut marks = 0;
        let mut laid = Vec::with_capacity(args.len());
        for (column, read) in args {
            let Field { ty, nullable, .. } = *field_at(input, *column)?;
            let kind = if *read { arg_kind(ty) } else { ArgKind::Mark };
            laid.push(Arg { column: *column, kind, at: 0, null: next_mark(nullable, &mut marks) });
        }
        let marks = marks.div_ceil(8);
        let mut at = marks + if with_position { 8 } else { 0 };
        for arg in &mut laid {
            arg.at = at;
            at += arg.kind.width();
        }
        let mut columns = Vec::with_capacity(keys.len());
        for key in keys {
            let Field { ty, nullable, .. } = *field_at(input, *key)?;
            columns.push((*key, ty, nullable));
        }
        let keys = KeyLayout::new(columns);
        let key_len = keys.width().is_none().then_some(at);
        Ok(Self {
            args: laid,
            position: with_position.then_some(marks),
            marks,
            key_len,
            key: if key_len.is_some() { at + 4 } else { at },
            keys,
        })
    }

    /// Bytes of every record, if all have the same.
    pub fn stride(&self) -> Option<usize> {
        self.keys.width().map(|width| self.key + width)
    }

    /// The key of the record that begins here.
    #[inline(always)]
    pub fn key_of<'r>(&self, bytes: &'r [u8], start: usize) -> &'r [u8] {
        let from = start + self.key;
        let len = match (self.keys.width(), self.key_len) {
            (Some(width), _) => width,
            (None, Some(at)) => u32_at(bytes, start + at) as usize,
            (None, None) => 0,
        };
        &bytes[from..from + len]
    }

    /// Where the record that begins here is.
    #[inline(always)]
    pub fn range(&self, bytes: &[u8], start: usize) -> Range<usize> {
        start..start + self.key + self.key_of(bytes, start).len()
    }

    /// The record that begins here.
    #[inline(always)]
    pub fn record<'r>(&self, bytes: &'r [u8], start: usize) -> &'r [u8] {
        &bytes[self.range(bytes, start)]
    }

    /// Bytes of the longest record of rows with so many bytes.
    pub fn record_max(&self, row_bytes: usize) -> usize {
        // Cells may be wider here than they were, and have marks and lengths.
        self.key + 2 * row_bytes + 64
    }

    /// Makes records of the rows from this one on, as many as fit and [`CHUNK_ROWS`] at most; the
    /// places where they begin. `position` is the first row's.
    pub fn encode(
        &self,
        batch: &Batch,
        from: usize,
        position: u64,
        out: &mut [u8],
        starts: &mut Vec<u32>,
    ) -> Result<usize> {
        let most = (batch.rows() - from).min(CHUNK_ROWS);
        starts.clear();
        let mut end = 0;
        for row in from..from + most {
            let bytes = match self.stride() {
                Some(stride) => stride,
                None => self.key + self.keys.bytes_of(batch, row),
            };
            if end + bytes > out.len() {
                break;
            }
            if let Some(at) = self.key_len {
                let len = (bytes - self.key) as u32;
                out[end + at..end + at + 4].copy_from_slice(&len.to_le_bytes());
            }
            starts.push(end as u32);
            end += bytes;
        }
        if starts.is_empty() && most > 0 {
            return Err(too_long(self.key + self.keys.bytes_of(batch, from), out.len()));
        }
        let rows = from..from + starts.len();
        self.write_args(batch, rows.clone(), position, out, starts);
        // The same places, moved to where keys begin.
        for start in starts.iter_mut() {
            *start += self.key as u32;
        }
        self.keys.write(batch, rows, out, starts);
        for start in starts.iter_mut() {
            *start -= self.key as u32;
        }
        Ok(end)
    }

    fn write_args(
        &self,
        batch: &Batch,
        rows: Range<usize>,
        position: u64,
        out: &mut [u8],
        starts: &[u32],
    ) {
        for (nth, start) in starts.iter().enumerate() {
            let start = *start as usize;
            out[start..start + self.marks].fill(0);
            if let Some(at) = self.position {
                let bytes = (position + nth as u64).to_le_bytes();
                out[start + at..start + at + 8].copy_from_slice(&bytes);
            }
        }
        for arg in &self.args {
            let column = &batch.columns()[arg.column];
            write_arg(column, arg, rows.clone(), out, starts);
            if let (Some(valid), Some((byte, bit))) = (column.valid(), arg.null) {
                each_null(valid, rows.clone(), |nth| out[starts[nth] as usize + byte] |= bit);
            }
        }
    }

    /// The places where records begin, from `at` on, as far as `end` and [`CHUNK_ROWS`] at most; returns
    /// where the last one ends.
    pub fn find(
        &self,
        bytes: &[u8],
        mut at: usize,
        end: usize,
        starts: &mut Vec<u32>,
    ) -> Result<usize> {
        starts.clear();
        while at < end && starts.len() < CHUNK_ROWS {
            let len = match (self.keys.width(), self.key_len) {
                (Some(width), _) => self.key + width,
                (None, Some(len)) if at + len + 4 <= end => {
                    self.key + u32_at(bytes, at + len) as usize
                }
                _ => return Err(damaged()),
            };
            if at + len > end {
                return Err(damaged());
            }
            starts.push(at as u32);
            at += len;
        }
        Ok(at)
    }
}

impl ArgKind {
    /// Bytes of its values.
    pub const fn width(self) -> usize {
        match self {
            Self::Int | Self::Float => 8,
            Self::Wide => 16,
            Self::Mark => 0,
        }
    }
}

/// A little-endian number.
#[inline(always)]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

/// A little-endian number.
#[inline(always)]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes"))
}

fn arg_kind(ty: Type) -> ArgKind {
    match ty {
        Type::Float32 | Type::Float64 => ArgKind::Float,
        Type::Decimal { .. } | Type::Inet => ArgKind::Wide,
        Type::Text | Type::Bytes => ArgKind::Mark,
        _ => ArgKind::Int,
    }
}

fn write_arg(column: &Column, arg: &Arg, rows: Range<usize>, out: &mut [u8], starts: &[u32]) {
    let first = rows.start;
    macro_rules! put {
        ($values:expr, $value:ident => $bytes:expr) => {
            for ($value, start) in $values[rows].iter().copied().zip(starts) {
                let (to, bytes) = (*start as usize + arg.at, $bytes);
                out[to..to + bytes.len()].copy_from_slice(&bytes);
            }
        };
    }
    match column.values() {
        _ if arg.kind == ArgKind::Mark => {}
        Values::Int16(v) => put!(v, value => i64::from(value).to_le_bytes()),
        Values::Int32(v) => put!(v, value => i64::from(value).to_le_bytes()),
        Values::Int64(v) => put!(v, value => value.to_le_bytes()),
        Values::Float32(v) => put!(v, value => f64::from(value).to_le_bytes()),
        Values::Float64(v) => put!(v, value => value.to_le_bytes()),
        Values::Decimal(v) => put!(v, value => value.to_le_bytes()),
        // Moved so that whole numbers with a sign compare as addresses do.
        Values::Inet(v) => {
            put!(v, value => (u128::from_be_bytes(value) as i128 ^ i128::MIN).to_le_bytes());
        }
        Values::Mac(v) => put!(v, value => {
            let mut wide = [0; 8];
            wide[2..].copy_from_slice(&value);
            i64::from_be_bytes(wide).to_le_bytes()
        }),
        Values::Bool(map) => {
            for (nth, start) in starts.iter().enumerate() {
                let to = *start as usize + arg.at;
                out[to..to + 8].copy_from_slice(&i64::from(map.get(first + nth)).to_le_bytes());
            }
        }
        Values::Text(_) | Values::Bytes(_) => {}
    }
}

#[cold]
pub(super) fn too_long(bytes: usize, most: usize) -> Error {
    let message = format!(
        "a row of {bytes} bytes is too long to aggregate within this memory, which takes rows up to \
         {most}; raise the memory"
    );
    Error::new(Kind::OverBudget, message).detail(bytes.to_string())
}

//! Columns of rows as the bytes of a key: equal exactly if the rows are.
//!
//! ```text
//!  │NULL marks│cells of fixed width, zeros for NULL│texts, each behind its length│
//! ```
//!
//! NULL is marked apart from every value, −0.0 is 0.0 and every NaN is one. No key begins another one,
//! so sorted keys keep what follows them together. Marks of columns that are never NULL are left out.

use crate::batch::{Batch, Bitmap, Column, Values, decode_fixed, fixed_bytes};
use std::ops::Range;
use store_core::{Error, Result, Type, ValueRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A byte and a bit of it.
pub(super) type Mark = (usize, u8);

/// A column of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyColumn {
    pub column: usize,
    /// The type it is written as: the column's own, or a wider one.
    pub ty: Type,
    /// Where it is; texts follow all that is fixed.
    at: Option<usize>,
    null: Option<Mark>,
}

/// How keys are laid out.
#[derive(Clone, Debug)]
pub(super) struct KeyLayout {
    columns: Vec<KeyColumn>,
    /// Bytes without the texts.
    fixed: usize,
    texts: usize,
    /// Floats as they are, not as one of all that are equal.
    exact: bool,
}

/// Hands out the next mark to columns that may be NULL.
pub(super) fn next_mark(nullable: bool, count: &mut usize) -> Option<Mark> {
    nullable.then(|| {
        let mark = (*count / 8, 1 << (*count % 8));
        *count += 1;
        mark
    })
}

impl KeyLayout {
    /// Keys of these columns, each with the type it is written as and whether it may be NULL.
    pub fn new(columns: impl IntoIterator<Item = (usize, Type, bool)>) -> Self {
        let mut marks = 0;
        let mut columns: Vec<KeyColumn> = columns
            .into_iter()
            .map(|(column, ty, nullable)| {
                let null = next_mark(nullable, &mut marks);
                KeyColumn { column, ty, at: None, null }
            })
            .collect();
        let mut fixed = marks.div_ceil(8);
        for key in columns.iter_mut().filter(|key| !key.ty.is_long()) {
            key.at = Some(fixed);
            fixed += fixed_bytes(key.ty);
        }
        let texts = columns.iter().filter(|key| key.at.is_none()).count();
        Self { columns, fixed, texts, exact: false }
    }

    /// The same for cells that are only carried: every float comes back as it was.
    pub fn exact(columns: impl IntoIterator<Item = (usize, Type, bool)>) -> Self {
        Self { exact: true, ..Self::new(columns) }
    }

    /// Its columns.
    pub fn columns(&self) -> &[KeyColumn] {
        &self.columns
    }

    /// Its columns of texts.
    pub fn long_columns(&self) -> impl Iterator<Item = &KeyColumn> {
        self.columns.iter().filter(|key| key.at.is_none())
    }

    /// How many of its columns are texts.
    pub const fn texts(&self) -> usize {
        self.texts
    }

    /// Bytes of what is not text.
    pub const fn fixed(&self) -> usize {
        self.fixed
    }

    /// Bytes of every key, if all have the same.
    pub const fn width(&self) -> Option<usize> {
        if self.texts == 0 { Some(self.fixed) } else { None }
    }

    /// Bytes of a row's key.
    pub fn bytes_of(&self, batch: &Batch, row: usize) -> usize {
        let text = |key: &KeyColumn| {
            let len = long_of(&batch.columns()[key.column], row).map_or(0, <[u8]>::len);
            length_bytes(len) + len
        };
        self.fixed + self.long_columns().map(text).sum::<usize>()
    }

    /// Writes the keys of rows to these places; each has [`KeyLayout::bytes_of`] its row.
    pub fn write(&self, batch: &Batch, rows: Range<usize>, out: &mut [u8], starts: &[u32]) {
        self.write_fixed(batch, rows.clone(), out, starts);
        if self.texts > 0 {
            self.write_texts(batch, rows, out, starts);
        }
    }

    /// Bytes of the marks that keys begin with.
    pub fn marks(&self) -> usize {
        self.columns.iter().filter_map(|key| key.null).map(|(byte, _)| byte + 1).max().unwrap_or(0)
    }

    /// Writes all of them but the texts.
    pub fn write_fixed(&self, batch: &Batch, rows: Range<usize>, out: &mut [u8], starts: &[u32]) {
        let marks = self.marks();
        if marks > 0 {
            for start in starts {
                out[*start as usize..*start as usize + marks].fill(0);
            }
        }
        self.write_cells(batch, rows, out, starts);
    }

    /// The same where marks are zeros already, or are left out, for no cell is NULL.
    pub fn write_cells(&self, batch: &Batch, rows: Range<usize>, out: &mut [u8], starts: &[u32]) {
        for key in &self.columns {
            let column = &batch.columns()[key.column];
            if let Some(at) = key.at {
                let places = Places { starts, at, exact: self.exact };
                write_fixed(column, key.ty, rows.clone(), out, places);
            }
            if let (Some(valid), Some((byte, bit))) = (column.valid(), key.null) {
                let zeros = key.at.map_or(0..0, |at| at..at + fixed_bytes(key.ty));
                each_null(valid, rows.clone(), |nth| {
                    let start = starts[nth] as usize;
                    out[start + byte] |= bit;
                    out[start + zeros.start..start + zeros.end].fill(0);
                });
            }
        }
    }

    fn write_texts(&self, batch: &Batch, rows: Range<usize>, out: &mut [u8], starts: &[u32]) {
        for (row, start) in rows.zip(starts) {
            let mut at = *start as usize + self.fixed;
            for key in self.long_columns() {
                let text = long_of(&batch.columns()[key.column], row).unwrap_or_default();
                at += write_length(&mut out[at..], text.len());
                out[at..at + text.len()].copy_from_slice(text);
                at += text.len();
            }
        }
    }

    /// Adds the cells of a key to columns of their types, one for each, in their order.
    pub fn read(&self, key: &[u8], columns: &mut [Column]) -> Result<()> {
        let mut rest = key.get(self.fixed..).ok_or_else(damaged)?;
        for (own, column) in self.columns.iter().zip(columns) {
            let text = if own.at.is_none() { take_long(&mut rest)? } else { &[] };
            if own.is_null(key) {
                column.push_null()?;
            } else if !own.is_long() {
                own.push_fixed(key, 0, column)?;
            } else if own.ty == Type::Text {
                column.push(ValueRef::Text(std::str::from_utf8(text).map_err(|_| damaged())?))?;
            } else {
                column.push(ValueRef::Bytes(text))?;
            }
        }
        Ok(())
    }
}

impl KeyColumn {
    /// True if it is text or bytes.
    #[inline(always)]
    pub const fn is_long(&self) -> bool {
        self.at.is_none()
    }

    /// True if its cell is NULL.
    #[inline(always)]
    pub fn is_null(&self, key: &[u8]) -> bool {
        self.null.is_some_and(|(byte, bit)| key[byte] & bit != 0)
    }

    /// Adds its cell, which is neither NULL nor a text, to a column of its type. So many bytes at the
    /// beginning of the key were left out.
    #[inline(always)]
    pub fn push_fixed(&self, key: &[u8], left_out: usize, column: &mut Column) -> Result<()> {
        debug_assert_eq!(self.ty, column.ty());
        let cell = self.at.and_then(|at| key.get(at - left_out..));
        decode_fixed(&mut cell.ok_or_else(damaged)?, column)
    }
}

/// The bytes of a text or bytes cell; `None` for NULL.
#[inline(always)]
pub(super) fn long_of(column: &Column, row: usize) -> Option<&[u8]> {
    column.long(row)
}

/// Calls with the place of each NULL among these rows.
pub(super) fn each_null(valid: &Bitmap, rows: Range<usize>, mut see: impl FnMut(usize)) {
    let first = rows.start;
    for row in rows {
        if !valid.get(row) {
            see(row - first);
        }
    }
}

/// Where a column's cells go: so far behind the start of each row.
#[derive(Clone, Copy)]
struct Places<'s> {
    starts: &'s [u32],
    at: usize,
    exact: bool,
}

impl Places<'_> {
    #[inline(always)]
    fn put<const N: usize, T: Copy>(
        self,
        out: &mut [u8],
        values: &[T],
        bytes: impl Fn(T) -> [u8; N],
    ) {
        for (value, start) in values.iter().zip(self.starts) {
            let to = *start as usize + self.at;
            out[to..to + N].copy_from_slice(&bytes(*value));
        }
    }
}

fn write_fixed(column: &Column, ty: Type, rows: Range<usize>, out: &mut [u8], to: Places<'_>) {
    let wide = |value: i64| value.to_le_bytes();
    match (column.values(), ty) {
        (Values::Bool(map), _) => {
            for (row, start) in rows.zip(to.starts) {
                out[*start as usize + to.at] = u8::from(map.get(row));
            }
        }
        (Values::Int16(v), Type::Int64) => to.put(out, &v[rows], |value| wide(value.into())),
        (Values::Int32(v), Type::Int64) => to.put(out, &v[rows], |value| wide(value.into())),
        (Values::Int16(v), _) => to.put(out, &v[rows], i16::to_le_bytes),
        (Values::Int32(v), _) => to.put(out, &v[rows], i32::to_le_bytes),
        (Values::Int64(v), _) => to.put(out, &v[rows], i64::to_le_bytes),
        (Values::Float32(v), _) if to.exact => to.put(out, &v[rows], f32::to_le_bytes),
        (Values::Float64(v), _) if to.exact => to.put(out, &v[rows], f64::to_le_bytes),
        (Values::Float32(v), Type::Float64) => {
            to.put(out, &v[rows], |value| canonical(value.into()).to_le_bytes());
        }
        (Values::Float32(v), _) => to.put(out, &v[rows], |value| {
            let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
            value.to_le_bytes()
        }),
        (Values::Float64(v), _) => {
            to.put(out, &v[rows], |value| canonical(value).to_le_bytes());
        }
        (Values::Decimal(v), _) => to.put(out, &v[rows], i128::to_le_bytes),
        (Values::Inet(v), _) => to.put(out, &v[rows], |octets| octets),
        (Values::Mac(v), _) => to.put(out, &v[rows], |octets| octets),
        (Values::Text(_) | Values::Bytes(_), _) => {}
    }
}

/// One of all floats that are equal.
#[inline(always)]
fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}

/// Bytes that a length takes.
pub(super) const fn length_bytes(len: usize) -> usize {
    let mut bytes = 1;
    let mut rest = len >> 7;
    while rest > 0 {
        bytes += 1;
        rest >>= 7;
    }
    bytes
}

/// Writes a length; returns how many bytes it took.
pub(super) fn write_length(out: &mut [u8], mut len: usize) -> usize {
    let mut at = 0;
    while len >= 0x80 {
        out[at] = len as u8 | 0x80;
        len >>= 7;
        at += 1;
    }
    out[at] = len as u8;
    at + 1
}

/// Takes a length from the beginning of the bytes.
#[inline(always)]
pub(super) fn take_length(rest: &mut &[u8]) -> Result<usize> {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let (byte, after) = rest.split_first().ok_or_else(damaged)?;
        *rest = after;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            return Ok(len);
        }
        if shift > 28 {
            return Err(damaged());
        }
    }
}

/// Takes bytes behind their length.
#[inline(always)]
pub(super) fn take_long<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8]> {
    let len = take_length(rest)?;
    let (found, after) = rest.split_at_checked(len).ok_or_else(damaged)?;
    *rest = after;
    Ok(found)
}

pub(super) fn damaged() -> Error {
    Error::corrupt("the bytes of a row that was put aside make no sense")
}

/// The hashes of one operator's keys: one for each level of its partitions, all of them others for
/// another seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashing {
    seed: u64,
    /// The bits that are kept of every hash: all but in tests, to see what happens when hashes do not tell
    /// keys apart.
    pub mask: u64,
}

impl Hashing {
    pub const fn new(seed: u64) -> Self {
        Self { seed, mask: u64::MAX }
    }

    #[inline(always)]
    pub fn of(self, key: &[u8], level: u64) -> u64 {
        hash(key, self.seed.wrapping_add(level)) & self.mask
    }
}

/// A hash of a key: another one for every seed.
#[inline(always)]
pub(super) fn hash(key: &[u8], seed: u64) -> u64 {
    const A: u64 = 0xA076_1D64_78BD_642F;
    const B: u64 = 0xE703_7ED1_A0B4_28DB;
    // As wyhash does it: two words folded by multiplication, twice.
    let (low, high) = match key.len() {
        8..=16 => (word(key, 0), word(key, key.len() - 8)),
        4..=7 => (half(key, 0), half(key, key.len() - 4)),
        1..=3 => {
            (u64::from(key[0]) << 8 | u64::from(key[key.len() / 2]), key[key.len() - 1].into())
        }
        0 => (0, 0),
        _ => return xxh3_64_with_seed(key, seed),
    };
    let seed = seed.wrapping_mul(B) ^ key.len() as u64;
    fold(fold(low ^ A ^ seed, high ^ B).wrapping_add(seed), A)
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let all = u128::from(a) * u128::from(b);
    all as u64 ^ (all >> 64) as u64
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("a key of eight bytes or more"))
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(*bytes[at..].first_chunk().expect("a key of four or more")))
}

/// True if both keys are the same bytes.
#[inline(always)]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if (8..=16).contains(&a.len()) {
        let last = a.len() - 8;
        return word(a, 0) == word(b, 0) && word(a, last) == word(b, last);
    }
    a == b
}

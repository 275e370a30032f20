//! Fields into cells, a column at a time.

use super::cut::Cutter;
use super::plain::{Digits, Field, date, decimal, float, integer};
use super::written::{Dialect, NullMarks};
use crate::batch::{Batch, Column, Texts, Values};
use std::ops::Range;
use std::sync::Arc;
use store_core::value::parse_value_into;
use store_core::{Error, Kind, Result, Type, ValueRef};

/// A column that is wanted.
#[derive(Debug)]
pub(super) struct Target {
    pub ty: Type,
    pub nullable: bool,
    pub name: Arc<str>,
    /// Its place in the records of the file that is open.
    pub field: usize,
}

/// What fields of a file may be.
#[derive(Debug)]
pub(super) struct Written {
    pub dialect: Dialect,
    pub nulls: NullMarks,
}

/// Memory of its own that making cells takes.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// A value that is not written as it is.
    value: Vec<u8>,
    /// 0 for each NULL of the column at hand.
    valid: Vec<u8>,
}

/// Records that were cut, and what they lie in.
#[derive(Clone, Copy)]
pub(super) struct Cells<'c> {
    bytes: &'c [u8],
    /// The bytes, if all of them are text without NUL.
    text: Option<&'c str>,
    cutter: &'c Cutter,
    written: &'c Written,
}

/// A row that cannot be taken, and why.
pub(super) type Refused = (usize, Error);

impl<'c> Cells<'c> {
    pub fn new(bytes: &'c [u8], cutter: &'c Cutter, written: &'c Written, texts: bool) -> Self {
        let end = cutter.records().last().map_or(0, |record| record.end as usize);
        let bytes = &bytes[..end];
        let text = if texts && memchr::memchr(0, bytes).is_none() {
            std::str::from_utf8(bytes).ok()
        } else {
            None
        };
        Self { bytes, text, cutter, written }
    }

    /// Adds the cells of these rows; the first row that has a bad one, if any, and no cells from it on.
    pub fn add(
        self,
        rows: Range<usize>,
        targets: &[Target],
        scratch: &mut Scratch,
        batch: &mut Batch,
        before: usize,
    ) -> Option<Refused> {
        let Range { start, mut end } = rows;
        let mut refused = None;
        for (target, column) in targets.iter().zip(batch.columns_mut()) {
            // Of a row's bad cells the first one is told.
            if let Some((row, error)) = self.add_column(start..end, target, scratch, column) {
                end = row;
                refused = Some((row, error));
            }
        }
        if refused.is_some() {
            batch.truncate_columns(before + end - start);
        }
        refused
    }

    fn add_column(
        self,
        rows: Range<usize>,
        target: &Target,
        scratch: &mut Scratch,
        column: &mut Column,
    ) -> Option<Refused> {
        let before = column.len();
        scratch.valid.clear();
        scratch.valid.resize(rows.len(), 1);
        let refused = self.add_values(rows, target, scratch, column.values_mut());
        let added = column.len() - before;
        column.mark_nulls(before, Some(&scratch.valid[..added]));
        refused
    }

    fn add_values(
        self,
        rows: Range<usize>,
        target: &Target,
        scratch: &mut Scratch,
        to: &mut Values,
    ) -> Option<Refused> {
        let of = Fields { cells: self, target };
        macro_rules! each {
            ($to:ident, $quick:expr, $form:pat => $value:expr) => {
                of.each(rows, scratch, $to, $quick, |value| match value {
                    $form => $value,
                    _ => Default::default(),
                })
            };
        }
        match (to, target.ty) {
            (Values::Int64(to), Type::Int64) => each!(to, integer, ValueRef::Int(value) => value),
            (Values::Int64(to), _) => each!(to, never, ValueRef::Timestamp(value) => value),
            (Values::Int32(to), Type::Date) => each!(to, date, ValueRef::Date(value) => value),
            (Values::Int32(to), _) => {
                let quick =
                    |field: Field<'_>| integer(field).and_then(|value| i32::try_from(value).ok());
                each!(to, quick, ValueRef::Int(value) => value as i32)
            }
            (Values::Int16(to), _) => {
                let quick =
                    |field: Field<'_>| integer(field).and_then(|value| i16::try_from(value).ok());
                each!(to, quick, ValueRef::Int(value) => value as i16)
            }
            (Values::Decimal(to), ty) => {
                let digits = Digits::of(ty);
                let quick = |field: Field<'_>| decimal(field, digits);
                each!(to, quick, ValueRef::Decimal(units, _) => units.get())
            }
            (Values::Float64(to), _) => each!(to, float, ValueRef::Float64(value) => value),
            (Values::Float32(to), _) => each!(to, never, ValueRef::Float32(value) => value),
            (Values::Inet(to), _) => each!(to, never, ValueRef::Inet(value) => value.octets()),
            (Values::Mac(to), _) => each!(to, never, ValueRef::Mac(value) => value.octets()),
            (Values::Text(to), _) => of.texts(rows, scratch, to),
            (Values::Bytes(to), _) => of.one_by_one(rows, scratch, |value| match value {
                ValueRef::Bytes(bytes) => to.push(bytes),
                _ => to.push(&[]),
            }),
            (Values::Bool(to), _) => of.one_by_one(rows, scratch, |value| {
                to.push(matches!(value, ValueRef::Bool(true)));
                Ok(())
            }),
        }
    }
}

/// A type that has no quick way.
const fn never<T>(_: Field<'_>) -> Option<T> {
    None
}

/// The fields of one column.
#[derive(Clone, Copy)]
struct Fields<'c> {
    cells: Cells<'c>,
    target: &'c Target,
}

impl Fields<'_> {
    #[inline(always)]
    fn span(self, row: usize) -> Range<usize> {
        self.cells.cutter.field(row, self.target.field)
    }

    /// Adds a value for each row: the quick way's, or what the core makes of the field.
    #[inline(always)]
    fn each<T: Default>(
        self,
        rows: Range<usize>,
        scratch: &mut Scratch,
        to: &mut Vec<T>,
        quick: impl Fn(Field<'_>) -> Option<T>,
        of: impl Fn(ValueRef<'_>) -> T,
    ) -> Option<Refused> {
        let nulls = &self.cells.written.nulls;
        let first = rows.start;
        to.reserve(rows.len());
        for row in rows {
            let whole = Field::of(self.cells.bytes, &self.span(row));
            let field = whole.text();
            if !nulls.may_have(field)
                && let Some(value) = quick(whole)
            {
                to.push(value);
                continue;
            }
            match self.slow(field, &mut scratch.value, &of) {
                Ok(Some(value)) => to.push(value),
                Ok(None) => {
                    scratch.valid[row - first] = 0;
                    to.push(T::default());
                }
                Err(error) => return Some((row, error)),
            }
        }
        None
    }

    fn texts(
        self,
        rows: Range<usize>,
        scratch: &mut Scratch,
        to: &mut Texts<String>,
    ) -> Option<Refused> {
        let Written { dialect, nulls } = self.cells.written;
        let Some(all) = self.cells.text else {
            return self.one_by_one(rows, scratch, |value| to.push(text_of(value)));
        };
        if self.plain_texts(rows.clone(), scratch, to) {
            return None;
        }
        let first = rows.start;
        for row in rows {
            let span = self.span(row);
            let field = &self.cells.bytes[span.clone()];
            // Most fields are what they stand for; an empty one may be a mark.
            let pushed = if !nulls.may_have(field) && !dialect.may_decode(field) {
                to.push(&all[span])
            } else {
                let push = |value: ValueRef<'_>| to.push(text_of(value));
                match self.slow(field, &mut scratch.value, push) {
                    Ok(Some(pushed)) => pushed,
                    Ok(None) => {
                        scratch.valid[row - first] = 0;
                        to.push("")
                    }
                    Err(error) => Err(error),
                }
            };
            if let Err(error) = pushed {
                return Some((row, error));
            }
        }
        None
    }

    /// Adds the texts of rows if all of them are what they stand for; else none, and it is false. Short ones are
    /// copied in pieces of one length, which is cheaper than their own.
    fn plain_texts(
        self,
        rows: Range<usize>,
        scratch: &mut Scratch,
        to: &mut Texts<String>,
    ) -> bool {
        const PIECE: usize = 16;
        let Written { dialect, nulls } = self.cells.written;
        let all = &mut scratch.value;
        let mut total = 0;
        for row in rows.clone() {
            let span = self.span(row);
            let field = &self.cells.bytes[span];
            if nulls.may_have(field) || dialect.may_decode(field) {
                return false;
            }
            total += field.len();
        }
        all.clear();
        all.resize(total + PIECE, 0);
        let mut at = 0;
        for row in rows.clone() {
            let span = self.span(row);
            let len = span.len();
            match self.cells.bytes.get(span.start..span.start + PIECE) {
                Some(piece) if len <= PIECE => all[at..at + PIECE].copy_from_slice(piece),
                _ => all[at..at + len].copy_from_slice(&self.cells.bytes[span]),
            }
            at += len;
        }
        // Each is a part of a text between two delimiters.
        let Ok(all) = std::str::from_utf8(&all[..total]) else { return false };
        to.push_many(all, rows.map(|row| self.span(row).len() as u32))
    }

    /// Adds each row's value by the core alone.
    fn one_by_one(
        self,
        rows: Range<usize>,
        scratch: &mut Scratch,
        mut push: impl FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Option<Refused> {
        let first = rows.start;
        for row in rows {
            let field = &self.cells.bytes[self.span(row)];
            let pushed = match self.slow(field, &mut scratch.value, &mut push) {
                Ok(Some(pushed)) => pushed,
                Ok(None) => {
                    scratch.valid[row - first] = 0;
                    push(ValueRef::Null)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = pushed {
                return Some((row, error));
            }
        }
        None
    }

    /// Hands on what the core makes of a field; `None` for NULL.
    fn slow<T>(
        self,
        field: &[u8],
        scratch: &mut Vec<u8>,
        take: impl FnOnce(ValueRef<'_>) -> T,
    ) -> Result<Option<T>> {
        let Target { ty, nullable, name, .. } = self.target;
        let Written { dialect, nulls } = self.cells.written;
        let value = dialect.value(field, scratch);
        if value.is_empty() && *ty != Type::Text || nulls.may_have(field) && nulls.has(field) {
            if *nullable {
                return Ok(None);
            }
            let message = format!("column \"{name}\": NULL where none may be");
            return Err(Error::new(Kind::NotNull, message));
        }
        parse_value_into(value, *ty, take).map(Some).map_err(|error| named(name, error))
    }
}

const fn text_of(value: ValueRef<'_>) -> &str {
    if let ValueRef::Text(text) = value { text } else { "" }
}

/// Says of which column an error is.
#[cold]
pub(in crate::operator) fn named(column: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("column \"{column}\": {error}")).caused_by(error)
}

//! A row of either side as a record.
//!
//! ```text
//!  │next 4│length of the key│length of the payload│key│payload│ up to a multiple of 4
//!  next     while in memory: the next record of its chain, in units of 4; bit 31: it has met a partner;
//!           bit 30: the payload has NULL marks, which are left out where no row that was laid out with it has a NULL
//!  payload  │NULL marks│cells of fixed width│texts: a number of the dictionary, or 0, length and bytes│
//! ```
//!
//! Lengths that are the same for all rows are left out.

use super::bind::NOWHERE;
use super::dictionary::Dictionary;
use crate::batch::{Batch, Column};
use crate::operator::key::{
    KeyColumn, KeyLayout, damaged, length_bytes, long_of, take_length, take_long, write_length,
};
use std::ops::Range;
use store_core::mem::WorkArea;
use store_core::{Error, Kind, Result, Type, ValueRef};

/// Records begin at multiples of so many bytes.
pub(super) const UNIT: usize = 4;
/// The bit of `next` that says that the row has met a partner.
pub(super) const MET: u32 = 1 << 31;
/// The bit of `next` that says that the payload has marks.
const MARKED: u32 = 1 << 30;
/// Longer marks are always there.
const MARKS_LEFT_OUT_MAX: usize = UNIT;
/// Rows made into records at once.
pub(super) const CHUNK_ROWS: usize = 256;

/// How records of one side are laid out.
#[derive(Clone, Debug)]
pub(super) struct RecordLayout {
    pub key: KeyLayout,
    pub payload: KeyLayout,
    /// Whether its texts have numbers.
    pub numbered: bool,
    /// Bytes of the payload's marks, if they may be left out.
    marks: usize,
}

/// Where the parts of a record are.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub key: Range<usize>,
    pub payload: Range<usize>,
    /// Bytes of marks that the payload lacks.
    pub left_out: usize,
    pub end: usize,
}

/// Rows that are laid out in a scratch.
#[derive(Debug, Default)]
pub(super) struct Laid {
    /// Where each record begins, or key, and where the last one ends.
    pub starts: Vec<u32>,
    keys: Vec<u32>,
    payloads: Vec<u32>,
    /// For each row the numbers of its texts.
    numbers: Vec<u32>,
}

impl Laid {
    /// Bytes of the lists, for a payload of so many texts.
    pub const fn bytes(texts: usize) -> usize {
        (CHUNK_ROWS + 1) * 4 * (3 + texts) * 2
    }
}

impl RecordLayout {
    pub fn new(key: KeyLayout, payload: KeyLayout, numbered: bool) -> Self {
        let marks = payload.marks();
        let marks = if marks > MARKS_LEFT_OUT_MAX { 0 } else { marks };
        Self { key, payload, numbered, marks }
    }

    /// The parts of the record that begins here.
    #[inline(always)]
    pub fn parts(&self, bytes: &[u8], at: usize) -> Result<Parts> {
        let mut rest = bytes.get(at + 4..).ok_or_else(damaged)?;
        let left_out = if next_at(bytes, at) & MARKED == 0 { self.marks } else { 0 };
        let key = match self.key.width() {
            Some(width) => width,
            None => take_length(&mut rest)?,
        };
        let payload = match self.payload.width() {
            Some(width) => width - left_out,
            None => take_length(&mut rest)?,
        };
        let start = bytes.len() - rest.len();
        let end = (start + key + payload).next_multiple_of(UNIT);
        if end > bytes.len() {
            return Err(damaged());
        }
        let key = start..start + key;
        Ok(Parts { payload: key.end..key.end + payload, key, left_out, end })
    }

    /// The key of the record that begins here.
    #[inline(always)]
    pub fn key_at(&self, bytes: &[u8], at: usize) -> Result<Range<usize>> {
        if let (Some(width), Some(_)) = (self.key.width(), self.payload.width()) {
            let end = at + 4 + width;
            return if end <= bytes.len() { Ok(at + 4..end) } else { Err(damaged()) };
        }
        Ok(self.parts(bytes, at)?.key)
    }

    /// Bytes of the shortest record.
    pub fn record_min(&self) -> usize {
        let lengths =
            usize::from(self.key.width().is_none()) + usize::from(self.payload.width().is_none());
        let fixed =
            self.key.fixed() + self.payload.fixed() + self.key.texts() + self.payload.texts();
        (4 + lengths + fixed - self.marks).next_multiple_of(UNIT)
    }

    /// Bytes of the longest record of rows with so many bytes.
    pub fn record_max(&self, row_bytes: usize) -> usize {
        // The key is there twice, and cells may be wider than they were, and have marks and lengths.
        let cells = self.key.columns().len() + self.payload.columns().len();
        (4 * row_bytes + 24 * cells + 64).next_multiple_of(UNIT)
    }

    /// Lays out rows from this one on, as many as fit and [`CHUNK_ROWS`] at most, with their payload or
    /// only the key. Returns the row behind the last one.
    pub fn lay(
        &self,
        batch: &Batch,
        from: usize,
        out: &mut WorkArea,
        dictionaries: Option<&mut [Dictionary]>,
        laid: &mut Laid,
    ) -> Result<usize> {
        let is_whole = dictionaries.is_some();
        let dictionaries = dictionaries.unwrap_or_default();
        laid.clear();
        let most = (batch.rows() - from).min(CHUNK_ROWS);
        let has_null = |key: &KeyColumn| batch.columns()[key.column].valid().is_some();
        let is_marked = self.marks > 0 && self.payload.columns().iter().any(has_null);
        let left_out = if is_marked { 0 } else { self.marks };
        let payload = if is_whole { self.payload.width() } else { Some(left_out) };
        let end = if let (Some(key), Some(payload)) = (self.key.width(), payload) {
            lay_equal([key, payload - left_out], most, out, laid)?
        } else {
            let rows = from..from + most;
            self.lay_each(batch, rows, out, (is_whole, left_out, dictionaries), laid)?
        };
        let rows = from..from + laid.starts.len();
        self.key.write(batch, rows.clone(), out, &laid.keys);
        if is_whole {
            // From where marks would be, if they were there.
            laid.payloads.iter_mut().for_each(|start| *start -= left_out as u32);
            if is_marked {
                laid.starts.iter().for_each(|start| set_next(out, *start as usize, MARKED));
                self.payload.write_fixed(batch, rows.clone(), out, &laid.payloads);
            } else if self.marks == 0 {
                self.payload.write_fixed(batch, rows.clone(), out, &laid.payloads);
            } else {
                self.payload.write_cells(batch, rows.clone(), out, &laid.payloads);
            }
            self.write_texts(batch, rows.clone(), out, laid);
            laid.payloads.iter_mut().for_each(|start| *start += left_out as u32);
        }
        laid.starts.push(end as u32);
        Ok(rows.end)
    }

    /// Finds places for records of these rows, each as long as it is, as many as fit; where they end.
    fn lay_each(
        &self,
        batch: &Batch,
        rows: Range<usize>,
        out: &mut [u8],
        (is_whole, left_out, dictionaries): (bool, usize, &mut [Dictionary]),
        laid: &mut Laid,
    ) -> Result<usize> {
        let mut end = 0;
        for row in rows {
            let key = self.key.bytes_of(batch, row);
            let payload = if is_whole {
                self.payload_bytes(batch, row, dictionaries, laid) - left_out
            } else {
                0
            };
            let bytes = self.bytes_of(key, payload);
            if end + bytes > out.len() {
                if laid.starts.is_empty() {
                    return Err(too_long(bytes, out.len()));
                }
                break;
            }
            laid.starts.push(end as u32);
            let mut at = end + 4;
            out[end..at].fill(0);
            if self.key.width().is_none() {
                at += write_length(&mut out[at..], key);
            }
            if self.payload.width().is_none() {
                at += write_length(&mut out[at..], payload);
            }
            laid.keys.push(at as u32);
            laid.payloads.push((at + key) as u32);
            out[at + key + payload..end + bytes].fill(0);
            end += bytes;
        }
        Ok(end)
    }

    fn bytes_of(&self, key: usize, payload: usize) -> usize {
        let lengths = if self.key.width().is_none() { length_bytes(key) } else { 0 }
            + if self.payload.width().is_none() { length_bytes(payload) } else { 0 };
        (4 + lengths + key + payload).next_multiple_of(UNIT)
    }

    /// Bytes of a row's payload; the numbers of its texts are noted.
    fn payload_bytes(
        &self,
        batch: &Batch,
        row: usize,
        dictionaries: &mut [Dictionary],
        laid: &mut Laid,
    ) -> usize {
        let mut bytes = self.payload.fixed();
        for (nth, key) in self.payload.long_columns().enumerate() {
            let text = long_of(&batch.columns()[key.column], row).unwrap_or_default();
            let number = dictionaries.get_mut(nth).map_or(0, |known| known.number(text));
            laid.numbers.push(number);
            bytes += match (self.numbered, number) {
                (true, 0) => 1 + length_bytes(text.len()) + text.len(),
                (true, number) => length_bytes(number as usize),
                (false, _) => length_bytes(text.len()) + text.len(),
            };
        }
        bytes
    }

    fn write_texts(&self, batch: &Batch, rows: Range<usize>, out: &mut [u8], laid: &Laid) {
        let texts = self.payload.texts();
        if texts == 0 {
            return;
        }
        let numbers = laid.numbers.chunks(texts);
        for ((row, start), numbers) in rows.zip(&laid.payloads).zip(numbers) {
            let mut at = *start as usize + self.payload.fixed();
            for (key, number) in self.payload.long_columns().zip(numbers) {
                if self.numbered {
                    at += write_length(&mut out[at..], *number as usize);
                }
                if !self.numbered || *number == 0 {
                    let text = long_of(&batch.columns()[key.column], row).unwrap_or_default();
                    at += write_length(&mut out[at..], text.len());
                    out[at..at + text.len()].copy_from_slice(text);
                    at += text.len();
                }
            }
        }
    }

    /// Adds the cells of a payload to the columns where the map says they come out; returns how many
    /// bytes of text they have.
    pub fn read(
        &self,
        (payload, left_out): (&[u8], usize),
        dictionaries: &[Dictionary],
        map: &[usize],
        out: &mut [Column],
    ) -> Result<usize> {
        let mut rest = payload.get(self.payload.fixed() - left_out..).ok_or_else(damaged)?;
        let (mut bytes, mut nth) = (0, 0);
        for (key, to) in self.payload.columns().iter().zip(map) {
            let text = if key.is_long() {
                nth += 1;
                self.take_text(&mut rest, dictionaries, nth - 1)?
            } else {
                Long::Known("")
            };
            if *to == NOWHERE {
                continue;
            }
            let column = &mut out[*to];
            if left_out == 0 && key.is_null(payload) {
                column.push_null()?;
            } else if key.is_long() {
                bytes += text.push(column, key.ty)?;
            } else {
                key.push_fixed(payload, left_out, column)?;
            }
        }
        Ok(bytes)
    }

    fn take_text<'r>(
        &self,
        rest: &mut &'r [u8],
        dictionaries: &'r [Dictionary],
        nth: usize,
    ) -> Result<Long<'r>> {
        if self.numbered {
            let number = take_length(rest)?;
            if number > 0 {
                let known = dictionaries.get(nth).and_then(|known| known.text(number as u32));
                return known.map(Long::Known).ok_or_else(damaged);
            }
        }
        take_long(rest).map(Long::Bytes)
    }
}

/// Finds places for so many records of one length, as many as fit; where they end.
fn lay_equal(
    [key, payload]: [usize; 2],
    most: usize,
    out: &mut [u8],
    laid: &mut Laid,
) -> Result<usize> {
    let bytes = (4 + key + payload).next_multiple_of(UNIT);
    let count = most.min(out.len() / bytes);
    if count == 0 && most > 0 {
        return Err(too_long(bytes, out.len()));
    }
    let starts = (0..count).map(|nth| (nth * bytes) as u32);
    out[..count * bytes].fill(0);
    laid.starts.extend(starts.clone());
    laid.keys.extend(starts.clone().map(|start| start + 4));
    laid.payloads.extend(starts.map(|start| start + 4 + key as u32));
    Ok(count * bytes)
}

impl Laid {
    fn clear(&mut self) {
        self.starts.clear();
        self.keys.clear();
        self.payloads.clear();
        self.numbers.clear();
    }

    /// Where a record is.
    pub fn range(&self, nth: usize) -> Range<usize> {
        self.starts[nth] as usize..self.starts[nth + 1] as usize
    }

    /// Where a record's key is.
    #[inline(always)]
    pub fn key(&self, nth: usize) -> Range<usize> {
        self.keys[nth] as usize..self.payloads[nth] as usize
    }
}

/// The value of a text or bytes column.
enum Long<'r> {
    /// One of a dictionary, which holds texts.
    Known(&'r str),
    Bytes(&'r [u8]),
}

impl Long<'_> {
    /// Adds it to a column; how many bytes it has.
    #[inline]
    fn push(self, column: &mut Column, ty: Type) -> Result<usize> {
        let (value, bytes) = match self {
            Self::Known(text) if ty == Type::Text => (ValueRef::Text(text), text.len()),
            Self::Known(text) => (ValueRef::Bytes(text.as_bytes()), text.len()),
            Self::Bytes(bytes) if ty == Type::Text => {
                let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
                (ValueRef::Text(text), bytes.len())
            }
            Self::Bytes(bytes) => (ValueRef::Bytes(bytes), bytes.len()),
        };
        column.push(value)?;
        Ok(bytes)
    }
}

#[cold]
fn too_long(bytes: usize, most: usize) -> Error {
    let message = format!(
        "a row of {bytes} bytes is too long to join within this memory, which takes rows up to {most}; \
         raise the memory"
    );
    Error::new(Kind::OverBudget, message).detail(bytes.to_string())
}

/// What a record's first word says beside the next record.
pub(super) const FLAGS: u32 = MET | MARKED;

#[inline(always)]
pub(super) fn next_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("a record has four bytes"))
}

/// Puts a record on the chain that another one begins; it has met nobody.
#[inline(always)]
pub(super) fn chain(bytes: &mut [u8], at: usize, next: u32) {
    set_next(bytes, at, next_at(bytes, at) & MARKED | next);
}

#[inline(always)]
pub(super) fn set_next(bytes: &mut [u8], at: usize, next: u32) {
    bytes[at..at + 4].copy_from_slice(&next.to_le_bytes());
}

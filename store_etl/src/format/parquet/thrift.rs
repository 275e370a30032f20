//! Thrift's compact protocol: what Parquet's footers and page headers are written in.
//!
//! Fields are read one by one and unknown ones skipped. Nothing is made larger than the bytes that say
//! it: a list is read item by item, and a text is a piece of the input.

use store_core::{Error, Kind, Result};

/// Deepest nesting of what is skipped: skipping walks on the stack.
const DEPTH_MAX: u32 = 32;
/// Most bytes of a number of 64 bits.
const VARINT_BYTES_MAX: u32 = 10;

pub(super) const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub(super) const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Damage, or the end of the input in the middle of something.
#[cold]
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Corrupt, format!("{what}"))
}

/// Reads values one after another.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A field's number and type.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldHead {
    pub id: i16,
    pub ty: u8,
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or_else(|| damaged("it ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for nth in 0..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * nth);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a number is too long"))
    }

    /// A whole number of any width.
    pub fn int(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A whole number of eight bits.
    pub fn small(&mut self) -> Result<i64> {
        Ok(i64::from(self.byte()? as i8))
    }

    /// A number that counts something.
    pub fn count(&mut self) -> Result<u64> {
        let value = self.int()?;
        u64::try_from(value).map_err(|_| damaged(format!("a count is {value}")))
    }

    /// Bytes, or a text.
    pub fn binary(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        let rest = &self.bytes[self.at..];
        let bytes = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let bytes = bytes.ok_or_else(|| damaged("a text is longer than what is left"))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    /// The head of a list: how many items, and their type.
    pub fn list(&mut self) -> Result<(u64, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        // Every item takes a byte at least.
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(damaged("a list is longer than what is left"));
        }
        Ok((count, head & 15))
    }

    /// The next field of a struct; `None` at its end. `last` is the number of the field before, 0 at first.
    pub fn field(&mut self, last: &mut i16) -> Result<Option<FieldHead>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let id = match head >> 4 {
            0 => self.int()? as i16,
            more => last.wrapping_add(i16::from(more)),
        };
        *last = id;
        Ok(Some(FieldHead { id, ty: head & 15 }))
    }

    /// Goes through the fields of a struct; what `see` does not take is skipped.
    pub fn fields(
        &mut self,
        see: &mut dyn FnMut(&mut Self, FieldHead) -> Result<bool>,
    ) -> Result<()> {
        let mut last = 0;
        while let Some(field) = self.field(&mut last)? {
            if !see(self, field)? {
                self.skip(field.ty)?;
            }
        }
        Ok(())
    }

    /// Goes over a value.
    pub fn skip(&mut self, ty: u8) -> Result<()> {
        self.skip_within(ty, 0)
    }

    fn skip_within(&mut self, ty: u8, depth: u32) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(damaged("it is nested too deep"));
        }
        let fixed = match ty {
            TRUE | FALSE => 0,
            BYTE => 1,
            DOUBLE => 8,
            UUID => 16,
            4 | I32 | I64 => return self.varint().map(drop),
            BINARY => return self.binary().map(drop),
            LIST | SET => {
                let (count, item) = self.list()?;
                // A truth takes a byte in a list and none in a struct.
                let item = if item == TRUE || item == FALSE { BYTE } else { item };
                return (0..count).try_for_each(|_| self.skip_within(item, depth + 1));
            }
            MAP => return self.skip_map(depth),
            STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    self.skip_within(field.ty, depth + 1)?;
                }
                return Ok(());
            }
            _ => return Err(damaged(format!("no type has the number {ty}"))),
        };
        if self.bytes.len() - self.at < fixed {
            return Err(damaged("it ends too early"));
        }
        self.at += fixed;
        Ok(())
    }

    fn skip_map(&mut self, depth: u32) -> Result<()> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(damaged("a map is longer than what is left"));
        }
        let types = self.byte()?;
        for _ in 0..count {
            for item in [types >> 4, types & 15] {
                let item = if item == TRUE || item == FALSE { BYTE } else { item };
                self.skip_within(item, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Writes structs; fields come in ascending order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub bytes: Vec<u8>,
    last: i16,
    outer: Vec<i16>,
}

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A number that stands alone: an item of a list.
    pub fn number(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A text that stands alone.
    pub fn text(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn head(&mut self, id: i16, ty: u8) {
        let more = id - self.last;
        debug_assert!(more > 0, "fields ascend");
        if more < 16 {
            self.bytes.push((more as u8) << 4 | ty);
        } else {
            self.bytes.push(ty);
            self.number(id.into());
        }
        self.last = id;
    }

    /// What follows stands behind this field, which was written elsewhere.
    pub const fn after(&mut self, id: i16) {
        self.last = id;
    }

    pub fn i32(&mut self, id: i16, value: i32) {
        self.head(id, I32);
        self.number(value.into());
    }

    pub fn i64(&mut self, id: i16, value: i64) {
        self.head(id, I64);
        self.number(value);
    }

    pub fn byte(&mut self, id: i16, value: i8) {
        self.head(id, BYTE);
        self.bytes.push(value as u8);
    }

    pub fn truth(&mut self, id: i16, value: bool) {
        self.head(id, if value { TRUE } else { FALSE });
    }

    pub fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.head(id, BINARY);
        self.text(bytes);
    }

    /// The head of a list; its items follow.
    pub fn list(&mut self, id: i16, item: u8, count: usize) {
        self.head(id, LIST);
        if count < 15 {
            self.bytes.push((count as u8) << 4 | item);
        } else {
            self.bytes.push(0xf0 | item);
            self.varint(count as u64);
        }
    }

    /// A struct in a field.
    pub fn nested(&mut self, id: i16, fill: impl FnOnce(&mut Self)) {
        self.head(id, STRUCT);
        self.item(fill);
    }

    /// A struct as an item of a list, or one that stands alone.
    pub fn item(&mut self, fill: impl FnOnce(&mut Self)) {
        self.outer.push(std::mem::take(&mut self.last));
        fill(self);
        self.bytes.push(0);
        self.last = self.outer.pop().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Writer::default();
        out.item(|out| {
            out.i32(1, -5);
            out.binary(4, b"abc");
            out.nested(30, |out| {
                out.truth(1, true);
                out.truth(2, false);
                out.byte(3, 9);
            });
            out.list(31, I64, 20);
            (0..20).for_each(|n| out.number(n * 1_000_000_007));
            out.i64(32, i64::MIN);
        });
        let mut seen = Vec::new();
        let mut reader = Reader::new(&out.bytes);
        reader
            .fields(&mut |reader, field| {
                seen.push(field.id);
                match field.id {
                    1 => assert_eq!(reader.int().unwrap(), -5),
                    4 => assert_eq!(reader.binary().unwrap(), b"abc"),
                    32 => assert_eq!(reader.int().unwrap(), i64::MIN),
                    _ => return Ok(false),
                }
                Ok(true)
            })
            .unwrap();
        assert_eq!(seen, [1, 4, 30, 31, 32]);
        assert_eq!(reader.position(), out.bytes.len());
    }

    #[test]
    fn no_bytes_make_skipping_panic() {
        let mut state = 3_u64;
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state as u8
                })
                .collect();
            let _ = Reader::new(&bytes).skip(STRUCT);
        }
        let deep = vec![0x1c; 100_000];
        assert!(Reader::new(&deep).skip(STRUCT).is_err());
    }
}

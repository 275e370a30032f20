//! One block on its way from the file to its rows.

use super::format::{BlockHeader, SegmentCodec};
use super::pack::Unpacker;
use crate::codec::Reader;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A block as it is stored, and, once it is [verified](Self::verify), its rows.
///
/// Holds the block's bytes as they are stored and as they were, the longest so far. Who reads the file
/// fills it; who takes the rows may be another thread.
#[derive(Debug)]
pub(crate) struct SegmentBlock {
    name: Arc<str>,
    /// Where it starts.
    pub(super) at: u64,
    codec: SegmentCodec,
    hash: u64,
    raw: usize,
    stored: Vec<u8>,
    unpacked: Vec<u8>,
    unpacker: Unpacker,
    /// The next row, and rows left.
    row_at: usize,
    rows_left: u32,
    stored_held: Reservation,
    unpacked_held: Reservation,
    holder: Holder,
}

impl SegmentBlock {
    /// An empty block; its memory is counted here as it comes.
    pub(crate) fn new(holder: &Holder) -> Result<Self> {
        Ok(Self {
            name: Arc::from(""),
            at: 0,
            codec: SegmentCodec::Raw,
            hash: 0,
            raw: 0,
            stored: Vec::new(),
            unpacked: Vec::new(),
            unpacker: Unpacker::default(),
            row_at: 0,
            rows_left: 0,
            stored_held: holder.reserve(0)?,
            unpacked_held: holder.reserve(0)?,
            holder: holder.clone(),
        })
    }

    /// Moves it out, and leaves an empty one in its place.
    pub(super) fn take(&mut self) -> Result<Self> {
        let empty = Self::new(&self.holder)?;
        Ok(std::mem::replace(self, empty))
    }

    /// Becomes a block of this header, without rows until it is verified; gives its bytes to be read.
    pub(super) fn begin(
        &mut self,
        name: &Arc<str>,
        at: u64,
        header: &BlockHeader,
    ) -> Result<&mut [u8]> {
        self.forget();
        if !Arc::ptr_eq(&self.name, name) {
            self.name = Arc::clone(name);
        }
        (self.at, self.codec, self.hash) = (at, header.codec, header.stored_hash);
        self.raw = header.raw as usize;
        resize(&mut self.stored, header.stored as usize, &mut self.stored_held)?;
        self.rows_left = header.records;
        Ok(&mut self.stored)
    }

    /// Has no rows any more.
    pub(super) fn forget(&mut self) {
        (self.row_at, self.rows_left, self.codec) = (0, 0, SegmentCodec::Raw);
        self.stored.clear();
    }

    /// Checks the bytes and unpacks them.
    pub(crate) fn verify(&mut self) -> Result<()> {
        if xxh3_64(&self.stored) != self.hash {
            let stored_at = self.at + super::format::BLOCK_HEADER_BYTES as u64;
            return Err(damaged(&self.name, stored_at, "the block's checksum does not hold"));
        }
        if self.codec != SegmentCodec::Raw {
            resize(&mut self.unpacked, self.raw, &mut self.unpacked_held)?;
            if !self.unpacker.unpack(self.codec, &self.stored, &mut self.unpacked) {
                return Err(self.damaged("the block cannot be unpacked"));
            }
        }
        Ok(())
    }

    /// Rows that were not given yet.
    pub(crate) fn rows_left(&self) -> u32 {
        self.rows_left
    }

    /// All its rows that were not given yet, once it is verified.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { block: self, at: self.row_at, left: self.rows_left }
    }

    /// The next row; `None` when all were given, and no byte is left.
    pub(super) fn next_row(&mut self) -> Result<Option<&[u8]>> {
        let mut rows = self.rows();
        let len = rows.next()?.map(<[u8]>::len);
        (self.row_at, self.rows_left) = (rows.at, rows.left);
        Ok(len.map(|len| &self.bytes()[self.row_at - len..self.row_at]))
    }

    fn bytes(&self) -> &[u8] {
        match self.codec {
            SegmentCodec::Raw => &self.stored,
            SegmentCodec::Lz4 | SegmentCodec::Zstd => &self.unpacked,
        }
    }

    fn damaged(&self, reason: &str) -> Error {
        damaged(&self.name, self.at, reason)
    }
}

/// The rows of a block.
pub(crate) struct Rows<'b> {
    block: &'b SegmentBlock,
    at: usize,
    left: u32,
}

impl<'b> Rows<'b> {
    /// The next row; `None` when all were given, and no byte is left.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<&'b [u8]>> {
        let rest = &self.block.bytes()[self.at..];
        if self.left == 0 {
            if !rest.is_empty() {
                return Err(self.block.damaged("bytes are left over in the block"));
            }
            return Ok(None);
        }
        let mut reader = Reader::new(rest);
        let Ok(row) = reader.bytes() else {
            return Err(self.block.damaged("a row is longer than its block"));
        };
        self.at += reader.position();
        self.left -= 1;
        Ok(Some(row))
    }
}

/// Gives a buffer another length; memory is reserved before it exists.
fn resize(buffer: &mut Vec<u8>, len: usize, held: &mut Reservation) -> Result<()> {
    buffer.clear();
    if len > buffer.capacity() {
        *buffer = Vec::new();
        held.grow_to(len)?;
        buffer.try_reserve_exact(len).map_err(|fault| {
            Error::new(Kind::OverBudget, format!("the system refuses {len} bytes for a block"))
                .caused_by(fault)
        })?;
    }
    buffer.resize(len, 0);
    Ok(())
}

pub(super) fn damaged(name: &str, offset: u64, reason: &str) -> Error {
    Error::corrupt(format!("{name}: damaged at offset {offset}: {reason}"))
        .detail(name)
        .detail(offset.to_string())
}

//! Reading a segment in order, verifying every byte.

use super::format::{
    BLOCK_HEADER_BYTES, BlockHeader, FOOTER_BYTES, Flaw, Footer, HEADER_BYTES, Header,
    SegmentCodec, SegmentKind,
};
use super::pack::Unpacker;
use crate::codec::Reader;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::wal::device::read_full_at;
use crate::wal::{Device, DeviceFile, OpenMode};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes looked through at once for the next block.
const SKIP_WINDOW_BYTES: usize = 64 << 10;

/// The rows of one segment, in the order they were written.
///
/// Holds one block as it is stored and one as it was, the longest so far.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: Box<dyn DeviceFile>,
    name: String,
    header: Header,
    /// What the footer says, and what was seen so far.
    footer: Footer,
    seen: Footer,
    at: u64,
    stored: Vec<u8>,
    unpacked: Vec<u8>,
    codec: SegmentCodec,
    unpacker: Unpacker,
    /// The current block: where it starts, its next row, and rows left in it.
    block_at: u64,
    row_at: usize,
    rows_left: u32,
    /// The footer's totals must be those of the blocks.
    whole: bool,
    /// The block at `at` is damaged.
    block_refused: bool,
    stored_held: Reservation,
    unpacked_held: Reservation,
}

impl SegmentReader {
    /// Opens a segment and verifies header and footer.
    pub(crate) fn open(device: &dyn Device, name: &str, holder: &Holder) -> Result<Self> {
        let file = device.open(name, OpenMode::Read).map_err(|fault| Error::io(name, fault))?;
        let len = file.len().map_err(|fault| Error::io(name, fault))?;
        let Some(footer_at) = len.checked_sub(FOOTER_BYTES as u64) else {
            return Err(damaged(name, 0, "too short for a segment"));
        };
        let flaw_at = |at| move |flaw| flaw_error(name, at, flaw);
        let header = read_array::<HEADER_BYTES>(&*file, name, 0)?;
        let header = Header::from_bytes(&header).map_err(flaw_at(0))?;
        let footer = read_array::<FOOTER_BYTES>(&*file, name, footer_at)?;
        let footer = Footer::from_bytes(&footer, header.file_id).map_err(flaw_at(footer_at))?;
        if footer.file_len != len || footer_at < HEADER_BYTES as u64 {
            return Err(damaged(name, footer_at, "the footer speaks of another length"));
        }
        Self::new(file, name, header, footer, holder)
    }

    /// Opens a segment of which only the header must be sound: blocks go to the end of the file.
    pub(crate) fn open_damaged(device: &dyn Device, name: &str, holder: &Holder) -> Result<Self> {
        let file = device.open(name, OpenMode::Read).map_err(|fault| Error::io(name, fault))?;
        let len = file.len().map_err(|fault| Error::io(name, fault))?;
        let header = read_array::<HEADER_BYTES>(&*file, name, 0)?;
        let header = Header::from_bytes(&header).map_err(|flaw| flaw_error(name, 0, flaw))?;
        let footer = Footer { file_len: len + FOOTER_BYTES as u64, ..Footer::default() };
        let mut reader = Self::new(file, name, header, footer, holder)?;
        reader.whole = false;
        Ok(reader)
    }

    fn new(
        file: Box<dyn DeviceFile>,
        name: &str,
        header: Header,
        footer: Footer,
        holder: &Holder,
    ) -> Result<Self> {
        Ok(Self {
            file,
            name: name.to_owned(),
            header,
            footer,
            whole: true,
            block_refused: false,
            seen: Footer::default(),
            at: HEADER_BYTES as u64,
            stored: Vec::new(),
            unpacked: Vec::new(),
            codec: SegmentCodec::Raw,
            unpacker: Unpacker::default(),
            block_at: 0,
            row_at: 0,
            rows_left: 0,
            stored_held: holder.reserve(0)?,
            unpacked_held: holder.reserve(0)?,
        })
    }

    /// What it is for.
    pub(crate) fn kind(&self) -> SegmentKind {
        self.header.kind
    }

    /// The schema's number, as the writer gave it.
    pub(crate) fn schema_id(&self) -> u64 {
        self.header.schema_id
    }

    /// How many rows it holds.
    pub(crate) fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// The next row, or `None` when all rows and the totals of the footer have been verified.
    pub(crate) fn next_row(&mut self) -> Result<Option<&[u8]>> {
        while self.rows_left == 0 {
            if self.row_at != self.block().len() {
                return Err(self.damaged(self.block_at, "bytes are left over in the block"));
            }
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let start = self.row_at;
        let mut reader = Reader::new(&self.block()[start..]);
        let row = reader.bytes().map(<[u8]>::len);
        let used = reader.position();
        let Ok(len) = row else {
            return Err(self.damaged(self.block_at, "a row is longer than its block"));
        };
        self.row_at = start + used;
        self.rows_left -= 1;
        Ok(Some(&self.block()[self.row_at - len..self.row_at]))
    }

    /// After an error of [`Self::next_row`], goes to the next block that looks sound; false if there
    /// is none. Costs a hash for each byte in between.
    pub(crate) fn skip_damage(&mut self) -> Result<bool> {
        // A block that was read ends at `at`; one that was not begins there.
        let first = self.at + u64::from(self.block_refused);
        (self.row_at, self.rows_left, self.whole) = (0, 0, false);
        self.block_refused = false;
        (self.codec, self.stored) = (SegmentCodec::Raw, Vec::new());
        let end = self.footer.file_len - FOOTER_BYTES as u64;
        let last = end.saturating_sub(BLOCK_HEADER_BYTES as u64);
        let mut window = vec![0; SKIP_WINDOW_BYTES];
        let mut at = first;
        while at < last {
            let count = read_full_at(&*self.file, &mut window, at);
            let count = count.map_err(|fault| Error::io(&self.name, fault))?;
            for (offset, place) in window[..count].windows(BLOCK_HEADER_BYTES).enumerate() {
                let bytes = place.try_into().expect("a window has this length");
                let Ok((block, _)) = BlockHeader::from_bytes(bytes, self.header.file_id) else {
                    continue;
                };
                self.at = at + offset as u64;
                self.seen.blocks = block.number;
                return Ok(true);
            }
            at += (count.saturating_sub(BLOCK_HEADER_BYTES) + 1) as u64;
        }
        self.at = end;
        Ok(false)
    }

    fn block(&self) -> &[u8] {
        match self.codec {
            SegmentCodec::Raw => &self.stored,
            SegmentCodec::Lz4 | SegmentCodec::Zstd => &self.unpacked,
        }
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> Result<bool> {
        let end = self.footer.file_len - FOOTER_BYTES as u64;
        if self.at == end {
            let totals = Footer { file_len: self.footer.file_len, ..self.seen };
            if self.whole && totals != self.footer {
                return Err(self.damaged(end, "the footer's totals are not those of the blocks"));
            }
            return Ok(false);
        }
        let at = self.at;
        self.block_refused = true;
        if end - at < BLOCK_HEADER_BYTES as u64 {
            return Err(self.damaged(at, "no room for a block"));
        }
        let bytes = read_array::<BLOCK_HEADER_BYTES>(&*self.file, &self.name, at)?;
        let (block, checksum) = BlockHeader::from_bytes(&bytes, self.header.file_id)
            .map_err(|flaw| flaw_error(&self.name, at, flaw))?;
        let stored_at = at + BLOCK_HEADER_BYTES as u64;
        if block.number != self.seen.blocks || u64::from(block.stored) > end - stored_at {
            return Err(self.damaged(at, "the block belongs to another place"));
        }
        self.read_stored(&block, stored_at)?;
        self.codec = block.codec;
        if block.codec != SegmentCodec::Raw {
            self.unpack(block.codec, block.raw as usize)?;
        }
        self.block_refused = false;
        self.seen.add(&block, checksum);
        self.at = stored_at + u64::from(block.stored);
        (self.block_at, self.row_at, self.rows_left) = (at, 0, block.records);
        Ok(true)
    }

    fn read_stored(&mut self, block: &BlockHeader, at: u64) -> Result<()> {
        resize(&mut self.stored, block.stored as usize, &mut self.stored_held)?;
        let read = read_full_at(&*self.file, &mut self.stored, at);
        let count = read.map_err(|fault| Error::io(&self.name, fault))?;
        if count != self.stored.len() || xxh3_64(&self.stored) != block.stored_hash {
            return Err(self.damaged(at, "the block's checksum does not hold"));
        }
        Ok(())
    }

    fn unpack(&mut self, codec: SegmentCodec, raw: usize) -> Result<()> {
        resize(&mut self.unpacked, raw, &mut self.unpacked_held)?;
        if self.unpacker.unpack(codec, &self.stored, &mut self.unpacked) {
            Ok(())
        } else {
            Err(self.damaged(self.at, "the block cannot be unpacked"))
        }
    }

    fn damaged(&self, offset: u64, reason: &str) -> Error {
        damaged(&self.name, offset, reason)
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

fn read_array<const N: usize>(file: &dyn DeviceFile, name: &str, at: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match read_full_at(file, &mut bytes, at).map_err(|fault| Error::io(name, fault))? {
        count if count == N => Ok(bytes),
        _ => Err(damaged(name, at, "the file ends here")),
    }
}

fn flaw_error(name: &str, at: u64, flaw: Flaw) -> Error {
    match flaw {
        Flaw::Damaged(reason) => damaged(name, at, reason),
        Flaw::Newer(error) => error.at(name),
    }
}

fn damaged(name: &str, offset: u64, reason: &str) -> Error {
    Error::corrupt(format!("{name}: damaged at offset {offset}: {reason}"))
        .detail(name)
        .detail(offset.to_string())
}

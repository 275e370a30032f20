//! Reading a segment in order, verifying every byte.

use super::block::{SegmentBlock, damaged};
use super::format::{
    BLOCK_HEADER_BYTES, BlockHeader, FOOTER_BYTES, Flaw, Footer, HEADER_BYTES, Header, SegmentKind,
};
use crate::error::{Error, Result};
use crate::mem::Holder;
use crate::wal::device::read_full_at;
use crate::wal::{Device, DeviceFile, OpenMode};
use std::sync::Arc;

/// Bytes looked through at once for the next block.
const SKIP_WINDOW_BYTES: usize = 64 << 10;

/// The rows of one segment, in the order they were written.
///
/// Holds one block.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: Box<dyn DeviceFile>,
    name: Arc<str>,
    header: Header,
    /// What the footer says, and what was seen so far.
    footer: Footer,
    seen: Footer,
    at: u64,
    /// The block that [`Self::next_row`] is in.
    block: SegmentBlock,
    /// The footer's totals must be those of the blocks.
    whole: bool,
    /// The block at `at` is damaged.
    block_refused: bool,
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
            name: Arc::from(name),
            header,
            footer,
            whole: true,
            block_refused: false,
            seen: Footer::default(),
            at: HEADER_BYTES as u64,
            block: SegmentBlock::new(holder)?,
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

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.footer.file_len
    }

    /// The next row, or `None` when all rows and the totals of the footer have been verified.
    pub(crate) fn next_row(&mut self) -> Result<Option<&[u8]>> {
        while self.block.rows_left() == 0 {
            self.block.next_row()?; // no byte may be left over
            if !self.next_block()? {
                return Ok(None);
            }
        }
        self.block.next_row()
    }

    /// How many blocks it has.
    pub(crate) fn blocks(&self) -> u64 {
        self.footer.blocks
    }

    /// Reads the block of this place and number, to be verified by whoever takes its rows.
    pub(crate) fn read_block_at(
        &self,
        at: u64,
        number: u64,
        block: &mut SegmentBlock,
    ) -> Result<()> {
        self.read_place(at, number, block).map(drop)
    }

    /// Reads the next block into `block`, to be verified by whoever takes its rows; false at the end,
    /// when the totals of the footer are those of all blocks.
    ///
    /// The number of its rows is then [`SegmentBlock::rows_left`].
    pub(crate) fn read_block(&mut self, block: &mut SegmentBlock) -> Result<bool> {
        match self.read_next(block)? {
            Some(next) => {
                self.pass(block, &next);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// After an error of [`Self::next_row`], goes to the next block that looks sound; false if there
    /// is none. Costs a hash for each byte in between.
    pub(crate) fn skip_damage(&mut self) -> Result<bool> {
        // A block that was read ends at `at`; one that was not begins there.
        let first = self.at + u64::from(self.block_refused);
        self.block.forget();
        (self.whole, self.block_refused) = (false, false);
        let end = self.footer.file_len - FOOTER_BYTES as u64;
        let last = end.saturating_sub(BLOCK_HEADER_BYTES as u64);
        let mut window = vec![0; SKIP_WINDOW_BYTES];
        let mut at = first;
        while at < last {
            let count = read_full_at(&*self.file, &mut window, at);
            let count = count.map_err(|fault| Error::io(&*self.name, fault))?;
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

    /// Goes to the next block; false at the end.
    fn next_block(&mut self) -> Result<bool> {
        let mut block = self.block.take()?;
        let read = self.read_next(&mut block).and_then(|next| match next {
            Some(next) => block.verify().map(|()| Some(next)),
            None => Ok(None),
        });
        match &read {
            Ok(Some(next)) => self.pass(&block, next),
            Ok(None) => {}
            Err(_) => block.forget(),
        }
        self.block = block;
        Ok(read?.is_some())
    }

    /// Reads the block at `at`, which stays there.
    fn read_next(&mut self, block: &mut SegmentBlock) -> Result<Option<Next>> {
        let end = self.footer.file_len - FOOTER_BYTES as u64;
        if self.at == end {
            let totals = Footer { file_len: self.footer.file_len, ..self.seen };
            if self.whole && totals != self.footer {
                return Err(self.damaged(end, "the footer's totals are not those of the blocks"));
            }
            return Ok(None);
        }
        self.block_refused = true;
        self.read_place(self.at, self.seen.blocks, block).map(Some)
    }

    /// Reads the block at this place, which must have this number.
    fn read_place(&self, at: u64, number: u64, block: &mut SegmentBlock) -> Result<Next> {
        let end = self.footer.file_len - FOOTER_BYTES as u64;
        let room = end.checked_sub(at).filter(|room| *room >= BLOCK_HEADER_BYTES as u64);
        if at < HEADER_BYTES as u64 || room.is_none() {
            return Err(self.damaged(at, "no room for a block"));
        }
        let bytes = read_array::<BLOCK_HEADER_BYTES>(&*self.file, &self.name, at)?;
        let (header, checksum) = BlockHeader::from_bytes(&bytes, self.header.file_id)
            .map_err(|flaw| flaw_error(&self.name, at, flaw))?;
        let stored_at = at + BLOCK_HEADER_BYTES as u64;
        if header.number != number || u64::from(header.stored) > end - stored_at {
            return Err(self.damaged(at, "the block belongs to another place"));
        }
        let stored = block.begin(&self.name, at, &header)?;
        let read = read_full_at(&*self.file, stored, stored_at);
        let count = read.map_err(|fault| Error::io(&*self.name, fault))?;
        if count != stored.len() {
            return Err(self.damaged(stored_at, "the block's checksum does not hold"));
        }
        Ok(Next { header, checksum })
    }

    /// Goes behind the block that was read.
    fn pass(&mut self, block: &SegmentBlock, next: &Next) {
        self.block_refused = false;
        self.seen.add(&next.header, next.checksum);
        self.at = block.at + BLOCK_HEADER_BYTES as u64 + u64::from(next.header.stored);
    }

    fn damaged(&self, offset: u64, reason: &str) -> Error {
        damaged(&self.name, offset, reason)
    }
}

/// A block that was read.
struct Next {
    header: BlockHeader,
    checksum: u64,
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

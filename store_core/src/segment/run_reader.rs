//! Reading a run, block by block, into a buffer of the caller's; every byte is verified.

use super::format::{
    BLOCK_HEADER_BYTES, BlockHeader, FOOTER_BYTES, Flaw, Footer, HEADER_BYTES, Header,
    SegmentCodec, SegmentKind,
};
use super::key::KeySpan;
use super::pack::{Unpacker, unpack_heap_bytes};
use super::record::read_record;
use super::run::Run;
use super::spill::RunOptions;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation, WorkArea};
use crate::planted;
use crate::wal::device::read_full_at;
use crate::wal::{DeviceFile, OpenMode};
use xxhash_rust::xxh3::xxh3_64;

/// The blocks of a run, in order. Holds no buffer.
#[derive(Debug)]
pub(super) struct RunBlocks {
    run: Run,
    file: Box<dyn DeviceFile>,
    file_id: u64,
    /// The header of the next block with its checksum; none at the end.
    next: Option<(BlockHeader, u64)>,
    /// Where the next block's bytes are.
    at: u64,
    seen: Footer,
}

/// What reading blocks takes beside their buffers.
#[derive(Debug)]
pub(super) struct BlockScratch {
    /// Room in the caller's memory for a packed block: where it begins and ends.
    pub(super) room: std::ops::Range<usize>,
    unpacker: Unpacker,
}

impl BlockScratch {
    pub(super) fn new(room: std::ops::Range<usize>) -> Self {
        Self { room, unpacker: Unpacker::default() }
    }
}

impl RunBlocks {
    /// Opens the run's file and verifies its header.
    pub(super) fn open(run: Run) -> Result<Self> {
        let name = run.name();
        let device = run.spill().device()?;
        let file = device.open(&name, OpenMode::Read).map_err(|fault| Error::io(&name, fault))?;
        let len = file.len().map_err(|fault| Error::io(&name, fault))?;
        let mut blocks = Self { run, file, file_id: 0, next: None, at: 0, seen: Footer::default() };
        if len != blocks.run.file_bytes() {
            return Err(blocks.damaged(len, "the file has another length than was written"));
        }
        let mut head = [0; HEADER_BYTES + BLOCK_HEADER_BYTES];
        blocks.read(&mut head)?;
        let bytes = head.first_chunk().expect("the head begins with the header");
        let header = Header::from_bytes(bytes).map_err(|flaw| blocks.flaw(0, flaw))?;
        if header.kind != SegmentKind::Run {
            return Err(blocks.damaged(0, "the segment is no run"));
        }
        blocks.file_id = header.file_id;
        blocks.take_header(HEADER_BYTES as u64, &head[HEADER_BYTES..])?;
        Ok(blocks)
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    /// Reads the next block's records to the beginning of a buffer of [`Run::buffer_bytes`], which lies
    /// in this memory; returns how long they are, or `None` when the footer has confirmed the totals.
    pub(super) fn next_block(
        &mut self,
        memory: &mut [u8],
        buffer: std::ops::Range<usize>,
        scratch: &mut BlockScratch,
    ) -> Result<Option<usize>> {
        let Some((block, checksum)) = self.next.take() else {
            return self.check_end().map(|()| None);
        };
        let at = self.at;
        let (raw, stored) = (block.raw as usize, block.stored as usize);
        let packed = block.codec != SegmentCodec::Raw;
        let room = if packed { scratch.room.clone() } else { buffer.clone() };
        let left = self.run.file_bytes() - FOOTER_BYTES as u64 - at;
        if raw > self.run.block_max() || stored as u64 > left || stored > room.len() {
            return Err(self.damaged(at, "the block is longer than what was written"));
        }
        // With the next block's header, if there is one.
        let len = (stored + BLOCK_HEADER_BYTES).min(left as usize).min(room.len());
        let read = &mut memory[room.start..room.start + len];
        self.read(read)?;
        if xxh3_64(&read[..stored]) != block.stored_hash && !planted::bug("run_unverified") {
            return Err(self.damaged(at, "the block's checksum does not hold"));
        }
        let header_bytes: [u8; BLOCK_HEADER_BYTES] = {
            let mut bytes = [0; BLOCK_HEADER_BYTES];
            let behind = &read[stored..];
            bytes[..behind.len()].copy_from_slice(behind);
            bytes
        };
        self.seen.add(&block, checksum);
        self.at = at + stored as u64;
        self.take_header(self.at, &header_bytes)?;
        if packed {
            let [stored_at, raw_at] = memory
                .get_disjoint_mut([
                    room.start..room.start + stored,
                    buffer.start..buffer.start + raw,
                ])
                .map_err(|_| self.damaged(at, "the block is longer than its buffer"))?;
            if !scratch.unpacker.unpack(block.codec, stored_at, raw_at) {
                return Err(self.damaged(at, "the block cannot be unpacked"));
            }
        }
        Ok(Some(raw))
    }

    /// Believes the header of the block that begins at `at`, unless the footer stands there.
    fn take_header(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let end = self.run.file_bytes() - FOOTER_BYTES as u64;
        if at == end {
            self.at = at;
            return Ok(());
        }
        let bytes = bytes.first_chunk().expect("a whole header was read");
        let (block, checksum) =
            BlockHeader::from_bytes(bytes, self.file_id).map_err(|flaw| self.flaw(at, flaw))?;
        if block.number != self.seen.blocks || end - at < BLOCK_HEADER_BYTES as u64 {
            return Err(self.damaged(at, "the block belongs to another place"));
        }
        self.next = Some((block, checksum));
        self.at = at + BLOCK_HEADER_BYTES as u64;
        Ok(())
    }

    fn check_end(&mut self) -> Result<()> {
        let mut bytes = [0; FOOTER_BYTES];
        self.read(&mut bytes)?;
        let at = self.at;
        let footer =
            Footer::from_bytes(&bytes, self.file_id).map_err(|flaw| self.flaw(at, flaw))?;
        let totals = Footer { file_len: self.run.file_bytes(), ..self.seen };
        if footer != totals || footer.rows != self.run.rows() {
            return Err(self.damaged(at, "the footer's totals are not those of the blocks"));
        }
        Ok(())
    }

    /// Fills the buffer from where the next bytes are.
    fn read(&self, buffer: &mut [u8]) -> Result<()> {
        let read = read_full_at(&*self.file, buffer, self.at);
        match read.map_err(|fault| Error::io(self.run.name(), fault))? {
            count if count == buffer.len() => Ok(()),
            _ => Err(self.damaged(self.at, "the file ends here")),
        }
    }

    fn flaw(&self, at: u64, flaw: Flaw) -> Error {
        match flaw {
            Flaw::Damaged(reason) => self.damaged(at, reason),
            Flaw::Newer(error) => error.at(self.run.name()),
        }
    }

    /// The error of a record that goes beyond its block.
    pub(super) fn torn(&self) -> Error {
        self.damaged(self.at, "a record before this is longer than its block")
    }

    #[cold]
    fn damaged(&self, at: u64, reason: &str) -> Error {
        let name = self.run.name();
        Error::corrupt(format!("{name}: damaged at offset {at}: {reason}"))
            .detail(name)
            .detail(at.to_string())
    }
}

/// Reads one run from its beginning, with buffers of its own.
#[derive(Debug)]
pub struct RunReader {
    blocks: RunBlocks,
    memory: WorkArea,
    scratch: BlockScratch,
    buffer: std::ops::Range<usize>,
    /// Where the next record is, and where the block ends.
    at: usize,
    end: usize,
    failed: bool,
    _heap: Reservation,
}

impl RunReader {
    /// Opens a run that was written with these options.
    pub fn open(run: Run, options: &RunOptions, holder: &Holder) -> Result<Self> {
        let scratch = Run::scratch_bytes(options);
        let buffer = scratch..scratch + run.buffer_bytes();
        let memory = WorkArea::map(buffer.end, holder)?;
        Ok(Self {
            _heap: holder.reserve(unpack_heap_bytes(options.codec))?,
            blocks: RunBlocks::open(run)?,
            memory,
            scratch: BlockScratch::new(0..scratch),
            at: buffer.start,
            end: buffer.start,
            buffer,
            failed: false,
        })
    }

    /// The next record, key and payload, or `None` when all have been read and the totals hold.
    #[expect(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.failed {
            return Err(Error::new(Kind::Closed, "reading the run failed before"));
        }
        self.failed = true;
        if self.at == self.end {
            let read =
                self.blocks.next_block(&mut self.memory, self.buffer.clone(), &mut self.scratch)?;
            let Some(len) = read else {
                (self.failed, self.at, self.end) = (false, 0, 0);
                return Ok(None);
            };
            (self.at, self.end) = (self.buffer.start, self.buffer.start + len);
        }
        let Some(record) = read_record(&self.memory, self.at, self.end) else {
            return Err(self.blocks.torn());
        };
        self.at = record.end;
        self.failed = false;
        Ok(Some((record.key_of(&self.memory), record.payload_of(&self.memory))))
    }

    /// What is known of the run's keys.
    pub fn span(&self) -> &KeySpan {
        self.blocks.run().span()
    }
}

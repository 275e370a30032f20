//! Sorted runs: segments of records that one job writes once and reads once.
//!
//! Blocks are those of every segment. They are not synced, because nobody needs them after a crash.
//! A record that is longer than a block travels in a block of its own, always raw, and is written
//! from where it lies. The next block's header is read with the block before it, so a block costs one
//! call of the system.

use super::format::{
    BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, BlockHeader, FOOTER_BYTES, Footer, Header, SegmentCodec,
    SegmentKind,
};
use super::key::KeySpan;
use super::pack::{Packer, pack_heap_bytes, packed_bytes_max};
use super::record::{record_bytes, write_record};
use super::spill::{RunOptions, Spill, run_name};
use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation, WorkArea};
use crate::random::random_id;
use crate::wal::{DeviceFile, OpenMode};
use xxhash_rust::xxh3::xxh3_64;

/// The memory that writing a run takes, used again for the next one.
#[derive(Debug)]
pub struct RunBuffers {
    options: RunOptions,
    /// Room for a header, then the records of the block that fills.
    raw: WorkArea,
    /// The same for the packed form; empty for raw blocks.
    packed: Option<WorkArea>,
    packer: Packer,
    _heap: Reservation,
}

/// A finished run. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct Run {
    file: RunFile,
    rows: u64,
    raw_bytes: u64,
    /// Longest block before packing, without its header.
    block_max: u32,
    span: KeySpan,
}

/// A file of a spill directory that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct RunFile {
    spill: Spill,
    number: u64,
    bytes: u64,
}

/// Writes one run, record by record; removed again unless it is finished.
#[derive(Debug)]
pub struct RunWriter {
    run: RunFile,
    file: Box<dyn DeviceFile>,
    file_id: u64,
    buffers: RunBuffers,
    filled: usize,
    records: u32,
    block_max: usize,
    footer: Footer,
    span: KeySpan,
}

impl RunBuffers {
    /// Takes the memory for runs with these options.
    pub fn new(options: &RunOptions, holder: &Holder) -> Result<Self> {
        let block = options.block_bytes;
        if !(2 * BLOCK_HEADER_BYTES..BLOCK_BYTES_MAX).contains(&block) {
            return Err(Error::invalid(format!("a run cannot have blocks of {block} bytes")));
        }
        let packed = packed_bytes_max(options.codec, block);
        Ok(Self {
            options: *options,
            _heap: holder.reserve(pack_heap_bytes(options.codec))?,
            raw: WorkArea::map(block, holder)?,
            packed: (packed > 0)
                .then(|| WorkArea::map(BLOCK_HEADER_BYTES + packed, holder))
                .transpose()?,
            packer: Packer::new(options.codec)?,
        })
    }

    /// What [`RunBuffers::new`] takes out of the budget.
    pub fn bytes_of(options: &RunOptions) -> usize {
        let pages = |bytes: usize| bytes.next_multiple_of(4096);
        let packed = match packed_bytes_max(options.codec, options.block_bytes) {
            0 => 0,
            packed => pages(BLOCK_HEADER_BYTES + packed),
        };
        pages(options.block_bytes) + packed + pack_heap_bytes(options.codec)
    }
}

impl RunWriter {
    /// Begins a run.
    pub fn create(spill: &Spill, buffers: RunBuffers) -> Result<Self> {
        let (run, file) = RunFile::create(spill)?;
        let mut writer = Self {
            run,
            file,
            file_id: random_id(),
            buffers,
            filled: BLOCK_HEADER_BYTES,
            records: 0,
            block_max: 0,
            footer: Footer::default(),
            span: KeySpan::new(),
        };
        let header = Header {
            kind: SegmentKind::Run,
            version: SegmentKind::Run.version(),
            schema_id: 0,
            file_id: writer.file_id,
        };
        writer.write(&header.to_bytes())?;
        Ok(writer)
    }

    /// Appends a record. Records of a sorted run come in order; after an error the run is lost.
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<()> {
        self.span.add(key);
        let len = record_bytes(key.len(), payload.len());
        if !self.make_room(len)? {
            // Too long for a block, and seldom: put together apart.
            let mut record = Vec::new();
            record.try_reserve_exact(len).map_err(|fault| {
                let message = format!("the system refuses {len} bytes for a record");
                Error::new(crate::Kind::OverBudget, message).caused_by(fault)
            })?;
            record.resize(len, 0);
            write_record(&mut record, key, payload);
            return self.write_jumbo(&record);
        }
        self.filled += write_record(&mut self.buffers.raw[self.filled..], key, payload);
        self.records += 1;
        Ok(())
    }

    /// Appends a record that is in its form already; the caller says what keys there are.
    #[inline]
    pub(super) fn push_record(&mut self, record: &[u8]) -> Result<()> {
        if !self.make_room(record.len())? {
            return self.write_jumbo(record);
        }
        self.buffers.raw[self.filled..self.filled + record.len()].copy_from_slice(record);
        self.filled += record.len();
        self.records += 1;
        Ok(())
    }

    /// Tells the keys of what [`RunWriter::push_record`] is given.
    pub(super) fn add_span(&mut self, span: &KeySpan) {
        self.span.merge(span);
    }

    /// Writes the rest and hands the run over, with the buffers for the next one.
    pub fn finish(mut self) -> Result<(Run, RunBuffers)> {
        self.write_block()?;
        self.footer.file_len = self.run.bytes + FOOTER_BYTES as u64;
        let footer = self.footer.to_bytes(self.file_id);
        self.write(&footer)?;
        let run = Run {
            file: self.run,
            rows: self.footer.rows,
            raw_bytes: self.footer.raw_bytes,
            block_max: self.block_max as u32,
            span: self.span,
        };
        Ok((run, self.buffers))
    }

    /// Makes room for so many bytes in the block; false if no block has that.
    #[inline(always)]
    fn make_room(&mut self, len: usize) -> Result<bool> {
        if self.filled + len > self.buffers.options.block_bytes {
            self.write_block()?;
            return Ok(len <= self.buffers.options.block_bytes - BLOCK_HEADER_BYTES);
        }
        Ok(true)
    }

    fn write_block(&mut self) -> Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let raw = BLOCK_HEADER_BYTES..self.filled;
        let (records, raw_len) = (self.records, raw.len());
        (self.filled, self.records) = (BLOCK_HEADER_BYTES, 0);
        self.block_max = self.block_max.max(raw_len);
        let buffers = &mut self.buffers;
        let packed = buffers.packed.as_mut().and_then(|room| {
            buffers.packer.pack(&buffers.raw[raw.clone()], &mut room[BLOCK_HEADER_BYTES..])
        });
        let (codec, block) = match (packed, &mut buffers.packed) {
            (Some(len), Some(room)) => {
                (buffers.options.codec, &mut room[..BLOCK_HEADER_BYTES + len])
            }
            _ => (SegmentCodec::Raw, &mut buffers.raw[..raw.end]),
        };
        let stored = &block[BLOCK_HEADER_BYTES..];
        let header = BlockHeader {
            number: self.footer.blocks,
            stored_hash: xxh3_64(stored),
            records,
            raw: raw_len as u32,
            stored: stored.len() as u32,
            codec,
        };
        let (bytes, checksum) = header.to_bytes(self.file_id);
        block[..BLOCK_HEADER_BYTES].copy_from_slice(&bytes);
        self.footer.add(&header, checksum);
        self.run.write(&*self.file, block)
    }

    /// Writes a record that no block has room for; the block before it is written.
    #[cold]
    fn write_jumbo(&mut self, record: &[u8]) -> Result<()> {
        if record.len() > BLOCK_BYTES_MAX {
            let message = format!("a record of {} bytes is too long for a run", record.len());
            return Err(Error::invalid(message).detail(record.len().to_string()));
        }
        let header = BlockHeader {
            number: self.footer.blocks,
            stored_hash: xxh3_64(record),
            records: 1,
            raw: record.len() as u32,
            stored: record.len() as u32,
            codec: SegmentCodec::Raw,
        };
        let (bytes, checksum) = header.to_bytes(self.file_id);
        self.block_max = self.block_max.max(record.len());
        self.footer.add(&header, checksum);
        self.write(&bytes)?;
        self.write(record)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.run.write(&*self.file, bytes)
    }
}

impl Run {
    /// How many records it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of its records, before packing.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// Bytes of its file.
    pub fn file_bytes(&self) -> u64 {
        self.file.bytes
    }

    /// What is known of its keys.
    pub fn span(&self) -> &KeySpan {
        &self.span
    }

    /// Bytes of the buffer that reading it takes: its longest block, with the next one's header.
    pub fn buffer_bytes(&self) -> usize {
        self.block_max as usize + BLOCK_HEADER_BYTES
    }

    /// Bytes of the buffer that packed blocks are read into.
    pub(super) fn scratch_bytes(options: &RunOptions) -> usize {
        match options.codec {
            SegmentCodec::Raw => 0,
            SegmentCodec::Lz4 | SegmentCodec::Zstd => options.block_bytes + BLOCK_HEADER_BYTES,
        }
    }

    pub(super) fn block_max(&self) -> usize {
        self.block_max as usize
    }

    pub(super) fn spill(&self) -> &Spill {
        &self.file.spill
    }

    pub(super) fn name(&self) -> String {
        run_name(self.file.number)
    }
}

impl RunFile {
    /// Makes an empty file.
    pub(super) fn create(spill: &Spill) -> Result<(Self, Box<dyn DeviceFile>)> {
        let number = spill.next_run();
        let name = run_name(number);
        let file = spill
            .device()?
            .open(&name, OpenMode::CreateNew)
            .map_err(|fault| Error::io(format_args!("{name}: creating"), fault))?;
        Ok((Self { spill: spill.clone(), number, bytes: 0 }, file))
    }

    pub(super) fn name(&self) -> String {
        run_name(self.number)
    }

    /// Bytes written so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cold]
    pub(super) fn damaged(&self, at: u64, reason: &str) -> Error {
        let name = self.name();
        Error::corrupt(format!("{name}: damaged at offset {at}: {reason}"))
            .detail(name)
            .detail(at.to_string())
    }

    pub(super) fn write(&mut self, file: &dyn DeviceFile, bytes: &[u8]) -> Result<()> {
        self.spill.reserve(bytes.len() as u64)?;
        let at = self.bytes;
        self.bytes += bytes.len() as u64;
        let _turn = self.spill.turn();
        file.write_all_at(bytes, at)
            .map_err(|fault| Error::io(format_args!("{}: writing", run_name(self.number)), fault))
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        self.spill.remove_run(self.number);
        self.spill.give_back(self.bytes);
    }
}

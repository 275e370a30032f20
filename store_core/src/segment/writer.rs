//! Writing a segment, row by row.

use super::format::{
    BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, BlockHeader, FOOTER_BYTES, Footer, HEADER_BYTES, Header,
    SEGMENT_BLOCK_BYTES, SegmentCodec, SegmentKind,
};
use super::pack::{Packer, pack_heap_bytes, packed_bytes_max};
use crate::codec::put_bytes;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::random::random_id;
use crate::wal::{Device, DeviceFile, OpenMode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes written between two syncs: the device never has more to write at once than this, so that the
/// log's syncs, which commits wait for, do not queue behind a whole segment.
const SYNC_BYTES: usize = 256 << 10;

/// Most bytes a row's length takes.
const ROW_LENGTH_BYTES_MAX: usize = 9;

/// How a segment is written.
#[derive(Clone, Debug)]
pub(crate) struct SegmentOptions {
    /// How blocks are packed.
    pub(crate) codec: SegmentCodec,
    /// Bytes of rows in a block; longer rows travel alone.
    pub(crate) block_bytes: usize,
    /// The format's version, if it is not the usual one of the kind.
    pub(crate) version: Option<u32>,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { codec: SegmentCodec::Lz4, block_bytes: SEGMENT_BLOCK_BYTES, version: None }
    }
}

/// What a finished segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSummary {
    /// Rows.
    pub(crate) rows: u64,
    /// Blocks.
    pub(crate) blocks: u64,
    /// Bytes of the rows with their lengths, before packing.
    pub(crate) raw_bytes: u64,
    /// Bytes of the file.
    pub(crate) file_bytes: u64,
}

/// Writes one segment under a temporary name, which is removed again unless it is finished.
///
/// Holds two blocks in memory, more only while a longer row passes.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    device: Arc<dyn Device>,
    file: Option<Box<dyn DeviceFile>>,
    name: String,
    file_id: u64,
    options: SegmentOptions,
    /// Rows of the block that fills.
    raw: Vec<u8>,
    records: u32,
    /// The block as it is written: its header, then its stored bytes.
    out: Vec<u8>,
    packer: Packer,
    held: Reservation,
    at: u64,
    /// Bytes written since the last sync.
    unsynced: usize,
    sync_time: Option<Duration>,
    footer: Footer,
}

impl SegmentWriter {
    /// Begins a segment under a temporary name, replacing a file that has it.
    pub(crate) fn create(
        device: Arc<dyn Device>,
        temporary_name: impl Into<String>,
        kind: SegmentKind,
        schema_id: u64,
        options: SegmentOptions,
        holder: &Holder,
    ) -> Result<Self> {
        let name = temporary_name.into();
        let heap = pack_heap_bytes(options.codec);
        let held = holder.reserve(buffer_bytes(&options, options.block_bytes) + heap)?;
        let file = device
            .open(&name, OpenMode::Truncate)
            .map_err(|fault| Error::io(format_args!("{name}: creating"), fault))?;
        let file_id = random_id();
        let mut writer = Self {
            device,
            file: Some(file),
            name,
            file_id,
            raw: buffer(options.block_bytes)?,
            out: buffer(out_bytes(&options, options.block_bytes))?,
            packer: Packer::new(options.codec)?,
            options,
            records: 0,
            held,
            at: 0,
            unsynced: 0,
            sync_time: None,
            footer: Footer::default(),
        };
        let version = writer.options.version.unwrap_or_else(|| kind.version());
        let header = Header { kind, version, schema_id, file_id };
        writer.out.extend_from_slice(&header.to_bytes());
        writer.write_out()?;
        Ok(writer)
    }

    /// Appends a row. After an error the segment cannot be finished.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<()> {
        let most = row.len() + ROW_LENGTH_BYTES_MAX;
        if self.raw.len() + most > self.options.block_bytes {
            self.write_block()?;
        }
        if most > self.options.block_bytes {
            return self.push_jumbo(row, most);
        }
        put_bytes(&mut self.raw, row);
        self.records += 1;
        Ok(())
    }

    /// Writes the rest, syncs, and gives the file its name; durable when this returns.
    pub(crate) fn finish(mut self, final_name: &str) -> Result<SegmentSummary> {
        self.write_block()?;
        self.footer.file_len = self.at + FOOTER_BYTES as u64;
        self.out.extend_from_slice(&self.footer.to_bytes(self.file_id));
        self.write_out()?;
        let io_error = |fault| Error::io(format_args!("{final_name}: finishing"), fault);
        self.open_file()?.sync_all().map_err(io_error)?;
        self.device.rename(&self.name, final_name).map_err(io_error)?;
        self.file = None; // The temporary name is gone: nothing is left to remove.
        self.device.sync_directory().map_err(io_error)?;
        Ok(SegmentSummary {
            rows: self.footer.rows,
            blocks: self.footer.blocks,
            raw_bytes: self.footer.raw_bytes,
            file_bytes: self.footer.file_len,
        })
    }

    /// Where the next block will be, if every record is a block of its own.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// Leaves what comes from now on as it is.
    pub(crate) fn stop_packing(&mut self) -> Result<()> {
        self.write_block()?;
        self.options.codec = SegmentCodec::Raw;
        self.packer = Packer::new(SegmentCodec::Raw)?;
        Ok(())
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.footer.rows + u64::from(self.records)
    }

    fn push_jumbo(&mut self, row: &[u8], most: usize) -> Result<()> {
        if most > BLOCK_BYTES_MAX {
            let message = format!("a row of {} bytes is too long for a segment", row.len());
            return Err(Error::invalid(message).detail(row.len().to_string()));
        }
        let before = self.held.bytes();
        self.held.grow(buffer_bytes(&self.options, most))?;
        let usual_raw = std::mem::replace(&mut self.raw, buffer(most)?);
        let usual_out = std::mem::replace(&mut self.out, buffer(out_bytes(&self.options, most))?);
        put_bytes(&mut self.raw, row);
        self.records = 1;
        self.write_block()?;
        (self.raw, self.out) = (usual_raw, usual_out);
        self.held.shrink(self.held.bytes() - before);
        Ok(())
    }

    fn write_block(&mut self) -> Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let codec = self.pack();
        let stored = &self.out[BLOCK_HEADER_BYTES..];
        let block = BlockHeader {
            number: self.footer.blocks,
            stored_hash: xxh3_64(stored),
            records: self.records,
            raw: self.raw.len() as u32,
            stored: stored.len() as u32,
            codec,
        };
        let (header, checksum) = block.to_bytes(self.file_id);
        self.out[..BLOCK_HEADER_BYTES].copy_from_slice(&header);
        self.footer.add(&block, checksum);
        self.raw.clear();
        self.records = 0;
        self.write_out()
    }

    /// Puts the block's bytes behind the place of its header, packed if that helps.
    fn pack(&mut self) -> SegmentCodec {
        self.out.clear();
        self.out.resize(BLOCK_HEADER_BYTES, 0);
        let room = packed_bytes_max(self.options.codec, self.raw.len());
        self.out.resize(BLOCK_HEADER_BYTES + room, 0);
        if let Some(len) = self.packer.pack(&self.raw, &mut self.out[BLOCK_HEADER_BYTES..]) {
            self.out.truncate(BLOCK_HEADER_BYTES + len);
            return self.options.codec;
        }
        self.out.truncate(BLOCK_HEADER_BYTES);
        self.out.extend_from_slice(&self.raw);
        SegmentCodec::Raw
    }

    fn write_out(&mut self) -> Result<()> {
        let written = self.open_file()?.write_all_at(&self.out, self.at);
        if let Err(fault) = written {
            self.give_up();
            return Err(Error::io(format_args!("{}: writing", self.name), fault));
        }
        self.at += self.out.len() as u64;
        self.unsynced += self.out.len();
        self.out.clear();
        if self.unsynced < SYNC_BYTES {
            return Ok(());
        }
        self.unsynced = 0;
        let began = Instant::now();
        let synced = self.open_file()?.sync_data();
        self.sync_time = Some(began.elapsed());
        synced.map_err(|fault| {
            self.give_up();
            Error::io(format_args!("{}: syncing", self.name), fault)
        })
    }

    /// How long the last sync took, once after each: for whoever leaves the device to others as well.
    pub(crate) fn take_sync_time(&mut self) -> Option<Duration> {
        self.sync_time.take()
    }

    fn open_file(&self) -> Result<&dyn DeviceFile> {
        self.file.as_deref().ok_or_else(|| {
            Error::new(Kind::Closed, format!("{}: a write failed before", self.name))
        })
    }

    /// Removes the temporary file: after a failed write it is useless.
    fn give_up(&mut self) {
        if self.file.take().is_some() {
            drop(self.device.remove(&self.name));
        }
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Bytes of both buffers for blocks of this length.
fn buffer_bytes(options: &SegmentOptions, block: usize) -> usize {
    block + out_bytes(options, block)
}

fn out_bytes(options: &SegmentOptions, block: usize) -> usize {
    let stored = packed_bytes_max(options.codec, block).max(block);
    BLOCK_HEADER_BYTES.max(HEADER_BYTES).max(FOOTER_BYTES) + stored
}

fn buffer(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|fault| {
        Error::new(Kind::OverBudget, format!("the system refuses {bytes} bytes for a segment"))
            .caused_by(fault)
    })?;
    Ok(buffer)
}

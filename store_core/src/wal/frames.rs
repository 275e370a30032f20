//! Reading frames with bounded memory.

use super::device::read_full_at;
use super::file::WalFile;
use super::lsn::Lsn;
use super::record::{FRAME_BYTES, FRAME_VERSION, Frame, Record, RecordKind, seal};
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::planted;
use xxhash_rust::xxh3::Xxh3;

/// Bytes read at once: one seek in many on a disk, small against any budget.
pub(super) const WINDOW_BYTES: usize = 256 << 10;

/// Reads the frames of one file through a window.
///
/// A payload that does not fit the window gets memory of its own, but only after its checksum
/// proved that its length is real.
pub(super) struct FrameReader<'a> {
    pub(super) file: &'a WalFile,
    /// Length of the file.
    pub(super) len: u64,
    /// The newest durable position that the records handed out speak of.
    pub(super) durable: Lsn,
    window: Vec<u8>,
    window_at: u64,
    large: Vec<u8>,
    holder: &'a Holder,
    window_held: Reservation,
    large_held: Reservation,
}

impl<'a> FrameReader<'a> {
    pub(super) fn new(file: &'a WalFile, holder: &'a Holder) -> Result<Self> {
        let len = file.file.len().map_err(|fault| Error::io(&file.name, fault))?;
        Ok(Self {
            file,
            len,
            durable: file.start.lsn,
            window: Vec::new(),
            window_at: 0,
            large: Vec::new(),
            window_held: holder.reserve(WINDOW_BYTES)?,
            large_held: holder.reserve(0)?,
            holder,
        })
    }

    /// The record at this position, or `None` if no valid frame stands there.
    pub(super) fn record_at(&mut self, lsn: Lsn) -> Result<Option<Record<'_>>> {
        let Some(frame) = self.frame_at(lsn)? else { return Ok(None) };
        let kind = RecordKind::from_code(frame.kind);
        let (Some(kind), FRAME_VERSION) = (kind, frame.version) else {
            return Err(Error::unsupported(format!(
                "{}: record of kind {} and version {} at offset {} is from a newer program",
                self.file.name,
                frame.kind,
                frame.version,
                self.file.offset_of(lsn)
            )));
        };
        self.durable = self.durable.max(frame.durable);
        let payload = self.payload(lsn, frame.length as usize)?;
        Ok(Some(Record {
            kind,
            lsn,
            end: lsn.plus(frame.total()),
            timestamp: frame.timestamp,
            wall: frame.wall,
            payload,
        }))
    }

    /// The header of the frame at this position, if its checksum holds.
    pub(super) fn frame_at(&mut self, lsn: Lsn) -> Result<Option<Frame>> {
        let offset = self.file.offset_of(lsn);
        let Some(&header) = self.bytes_at(offset, FRAME_BYTES)?.first_chunk::<FRAME_BYTES>() else {
            return Ok(None);
        };
        let frame = Frame::from_bytes(&header);
        if frame.lsn != lsn || frame.total() > self.len - offset {
            return Ok(None);
        }
        let hash = self.hash_at(offset + FRAME_BYTES as u64, u64::from(frame.length))?;
        let valid = frame.checksum == seal(&header, hash, self.file.id);
        let believed = valid || (frame.length > 0 && planted::bug("checksum_unverified"));
        Ok(believed.then_some(frame))
    }

    /// Up to `len` bytes at an offset, fewer at the end of the file; at most a window.
    pub(super) fn bytes_at(&mut self, offset: u64, len: usize) -> Result<&[u8]> {
        let end = self.window_at + self.window.len() as u64;
        let wanted = (offset + len as u64).min(self.len);
        if offset < self.window_at || wanted > end {
            let fill = self.len.saturating_sub(offset).min(WINDOW_BYTES as u64) as usize;
            self.window.resize(fill, 0);
            self.window_at = offset;
            let read = read_full_at(&*self.file.file, &mut self.window, offset);
            let count = read.map_err(|fault| Error::io(&self.file.name, fault))?;
            self.window.truncate(count);
        }
        let start = ((offset - self.window_at) as usize).min(self.window.len());
        let end = (start + len).min(self.window.len());
        Ok(&self.window[start..end])
    }

    fn hash_at(&mut self, mut offset: u64, len: u64) -> Result<u64> {
        let end = offset + len;
        let mut hash = Xxh3::new();
        while offset < end {
            let part = (end - offset).min(WINDOW_BYTES as u64) as usize;
            let bytes = self.bytes_at(offset, part)?;
            hash.update(bytes);
            if bytes.len() < part {
                break; // The file is shorter than it said: the checksum will not hold.
            }
            offset += part as u64;
        }
        Ok(hash.digest())
    }

    fn payload(&mut self, lsn: Lsn, len: usize) -> Result<&[u8]> {
        let offset = self.file.offset_of(lsn) + FRAME_BYTES as u64;
        if len <= WINDOW_BYTES {
            return self.bytes_at(offset, len);
        }
        if len > self.large.capacity() {
            self.large = Vec::new();
            self.large_held = self.holder.reserve(len)?;
            self.large.try_reserve_exact(len).map_err(|fault| {
                Error::new(Kind::OverBudget, format!("a log record of {len} bytes: {fault}"))
            })?;
        }
        self.large.resize(len, 0);
        let read = read_full_at(&*self.file.file, &mut self.large, offset);
        match read.map_err(|fault| Error::io(&self.file.name, fault))? {
            count if count == len => Ok(&self.large),
            _ => Err(Error::corrupt(format!(
                "{}: the file became shorter while it was read",
                self.file.name
            ))),
        }
    }
}

impl std::fmt::Debug for FrameReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.window_held.bytes() + self.large_held.bytes();
        write!(f, "FrameReader({}, {} bytes, {held} held)", self.file.name, self.len)
    }
}

//! A bounded buffer over a file's text. It holds at least one record, and is doubled when one fills it.

use store_core::ingest::Source;
use store_core::mem::Reservation;
use store_core::{Error, Holder, Kind, Result};

/// First size of the buffer that a file is read into.
pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// What a source may hold besides: the gzip decoder's window and input.
const SOURCE_BYTES: usize = 128 << 10;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) struct TextBuffer {
    source: Source,
    bytes: Vec<u8>,
    /// The bytes that were read and not yet taken.
    start: usize,
    end: usize,
    ended: bool,
    /// Bytes taken so far.
    taken: u64,
    row_bytes_max: usize,
    /// How many times its bytes are in memory: once more where records are decoded.
    buffers: usize,
    held: Reservation,
}

impl TextBuffer {
    /// What one for records up to this length holds, beside what unpacking takes.
    pub const fn bytes_for(row_bytes_max: usize, buffers: usize) -> usize {
        // While the buffer grows the shorter one is there as well.
        let buffer = row_bytes_max + 2;
        SOURCE_BYTES + buffer + buffer / 2 + (buffers - 1) * buffer
    }

    /// Reads what the source begins with.
    pub fn open(
        source: Source,
        row_bytes_max: usize,
        buffers: usize,
        holder: &Holder,
    ) -> Result<Self> {
        let held = holder.reserve(SOURCE_BYTES)?;
        let (bytes, taken) = (Vec::new(), 0);
        let mut buffer = Self {
            source,
            bytes,
            start: 0,
            end: 0,
            ended: false,
            taken,
            row_bytes_max,
            buffers,
            held,
        };
        buffer.grow_to(BUFFER_BYTES.min(row_bytes_max).max(16))?;
        buffer.fill()?;
        if buffer.rest().starts_with(BYTE_ORDER_MARK) {
            buffer.take(BYTE_ORDER_MARK.len());
        }
        Ok(buffer)
    }

    /// The bytes that were read and not yet taken.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// True if nothing follows them.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The bytes taken so far.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Takes the first bytes of the rest.
    pub fn take(&mut self, bytes: usize) {
        self.start += bytes;
        self.taken += bytes as u64;
    }

    /// Reads until the buffer is full or the input ends; false if there was no room for a byte, for the record
    /// is too long.
    pub fn read_on(&mut self) -> Result<bool> {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.bytes.len() {
            let most = self.row_bytes_max + 2; // and its line end
            if self.end >= most {
                return Ok(false);
            }
            self.grow_to((self.end * 2).min(most))?;
        }
        self.fill()?;
        Ok(true)
    }

    fn fill(&mut self) -> Result<()> {
        while self.end < self.bytes.len() && !self.ended {
            let read = std::io::Read::read(&mut self.source, &mut self.bytes[self.end..]);
            match read.map_err(own_error)? {
                0 => self.ended = true,
                read => self.end += read,
            }
        }
        Ok(())
    }

    /// Reserves, then allocates.
    fn grow_to(&mut self, bytes: usize) -> Result<()> {
        self.held.grow_to(SOURCE_BYTES + self.buffers * bytes)?;
        let more = bytes.saturating_sub(self.bytes.len());
        self.bytes.try_reserve_exact(more).map_err(|error| {
            Error::new(Kind::OverBudget, format!("no memory for a buffer of {bytes} bytes"))
                .caused_by(error)
        })?;
        self.bytes.resize(bytes, 0);
        Ok(())
    }
}

/// A source's errors are the store's, within those of the system.
#[cold]
fn own_error(error: std::io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io("input", error))
}

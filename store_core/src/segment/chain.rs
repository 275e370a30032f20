//! Blocks of many partitions in one file: each partition's blocks are a chain, read from its last one.
//!
//! ```text
//!  header │ block of 3 │ block of 0 │ block of 3 │ …
//!              ▲                         │
//!              └────── link ─────────────┘         a chain knows its last block only
//! ```
//!
//! Whoever partitions rows writes a block whenever one partition has filled its page. A file for each
//! partition would take as many open files, a list of blocks memory that grows with the input. Here a
//! block begins with the place, number and lengths of the one before it in its chain, all of it below
//! the block's checksum. Only who wrote such a file reads it, so it has no footer; the counts that a
//! footer would confirm are in the chains.

use super::format::{BLOCK_BYTES_MAX, SegmentKind};
use super::format::{BLOCK_HEADER_BYTES, BlockHeader, Flaw, Header, SegmentCodec};
use super::pack::{Packer, Unpacker, pack_heap_bytes, packed_bytes_max, unpack_heap_bytes};
use super::run::RunFile;
use super::spill::{RunOptions, Spill};
use crate::codec::u64_at;
use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation, WorkArea};
use crate::planted;
use crate::random::random_id;
use crate::wal::DeviceFile;
use crate::wal::device::read_full_at;
use xxhash_rust::xxh3::xxh3_64;

const LINK_BYTES: usize = 24;

/// A file of chained blocks; removed when dropped.
///
/// ```
/// use store_core::MemoryBudget;
/// use store_core::segment::{Chain, ChainFile, RunOptions, Spill};
/// let holder = MemoryBudget::new(1 << 20).holder("job");
/// let spill = Spill::new(std::env::temp_dir(), None)?;
/// let mut file = ChainFile::create(&spill, &RunOptions::default(), &holder)?;
/// let mut chain = Chain::default();
/// for word in ["one", "two"] {
///     let mut block = vec![0; ChainFile::HEAD_BYTES];
///     block.extend_from_slice(word.as_bytes());
///     file.append(&mut chain, &mut block, 1)?;
/// }
/// let mut room = vec![0; 100];
/// let last = file.take_last(&mut chain, &mut room)?;
/// assert_eq!(&room[last], b"two");
/// assert_eq!(chain.blocks(), 1);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ChainFile {
    run: RunFile,
    file: Box<dyn DeviceFile>,
    file_id: u64,
    blocks: u64,
    block_bytes: usize,
    codec: SegmentCodec,
    /// Room for a packed block; empty for raw ones.
    packed: Option<WorkArea>,
    packer: Packer,
    unpacker: Unpacker,
    _heap: Reservation,
}

/// The blocks of one partition in a [`ChainFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    last: Link,
    blocks: u64,
    records: u64,
}

/// Where a block is; at 0 there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link {
    at: u64,
    number: u64,
    raw: u32,
    stored: u32,
}

impl Chain {
    /// A chain without blocks.
    pub const fn empty() -> Self {
        Self { last: Link { at: 0, number: 0, raw: 0, stored: 0 }, blocks: 0, records: 0 }
    }

    /// How many blocks it has.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many records it has.
    pub const fn records(&self) -> u64 {
        self.records
    }
}

impl Link {
    fn to_bytes(self) -> [u8; LINK_BYTES] {
        let mut bytes = [0; LINK_BYTES];
        bytes[..8].copy_from_slice(&self.at.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.raw.to_le_bytes());
        bytes[20..].copy_from_slice(&self.stored.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let lengths = u64_at(bytes, 16);
        Self {
            at: u64_at(bytes, 0),
            number: u64_at(bytes, 8),
            raw: lengths as u32,
            stored: (lengths >> 32) as u32,
        }
    }
}

impl ChainFile {
    /// Bytes at the beginning of a block that belong to the file.
    pub const HEAD_BYTES: usize = BLOCK_HEADER_BYTES + LINK_BYTES;

    /// Makes the file. Blocks up to the options' length are packed by their codec.
    pub fn create(spill: &Spill, options: &RunOptions, holder: &Holder) -> Result<Self> {
        let heap = holder.reserve(Self::heap_bytes(options))?;
        let packed = packed_bytes_max(options.codec, options.block_bytes);
        let packed = match packed {
            0 => None,
            packed => Some(WorkArea::map(BLOCK_HEADER_BYTES + packed, holder)?),
        };
        let (mut run, file) = RunFile::create(spill)?;
        let file_id = random_id();
        let header = Header {
            kind: SegmentKind::Run,
            version: SegmentKind::Run.version(),
            schema_id: 0,
            file_id,
        };
        run.write(&*file, &header.to_bytes())?;
        Ok(Self {
            run,
            file,
            file_id,
            blocks: 0,
            block_bytes: options.block_bytes,
            codec: options.codec,
            packed,
            packer: Packer::new(options.codec)?,
            unpacker: Unpacker::default(),
            _heap: heap,
        })
    }

    /// What [`ChainFile::create`] takes out of the budget.
    pub const fn bytes_of(options: &RunOptions) -> usize {
        let packed = match packed_bytes_max(options.codec, options.block_bytes) {
            0 => 0,
            packed => (BLOCK_HEADER_BYTES + packed).next_multiple_of(4096),
        };
        packed + Self::heap_bytes(options)
    }

    const fn heap_bytes(options: &RunOptions) -> usize {
        pack_heap_bytes(options.codec) + unpack_heap_bytes(options.codec)
    }

    /// Bytes of the file.
    pub fn file_bytes(&self) -> u64 {
        self.run.bytes()
    }

    /// Writes a block of some records behind the others of its chain. The block's first
    /// [`ChainFile::HEAD_BYTES`] are overwritten.
    pub fn append(&mut self, chain: &mut Chain, block: &mut [u8], records: u32) -> Result<()> {
        let raw = block.len() - BLOCK_HEADER_BYTES;
        if raw > BLOCK_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a block of {raw} bytes is too long to be put aside"
            )));
        }
        block[BLOCK_HEADER_BYTES..Self::HEAD_BYTES].copy_from_slice(&chain.last.to_bytes());
        let fits = block.len() <= self.block_bytes;
        let packed = self.packed.as_mut().filter(|_| fits).and_then(|room| {
            self.packer.pack(&block[BLOCK_HEADER_BYTES..], &mut room[BLOCK_HEADER_BYTES..])
        });
        let (codec, bytes) = match (packed, &mut self.packed) {
            (Some(len), Some(room)) => (self.codec, &mut room[..BLOCK_HEADER_BYTES + len]),
            _ => (SegmentCodec::Raw, block),
        };
        let stored = bytes.len() - BLOCK_HEADER_BYTES;
        let header = BlockHeader {
            number: self.blocks,
            stored_hash: xxh3_64(&bytes[BLOCK_HEADER_BYTES..]),
            records,
            raw: raw as u32,
            stored: stored as u32,
            codec,
        };
        bytes[..BLOCK_HEADER_BYTES].copy_from_slice(&header.to_bytes(self.file_id).0);
        let at = self.run.bytes();
        self.run.write(&*self.file, bytes)?;
        chain.last = Link { at, number: self.blocks, raw: raw as u32, stored: stored as u32 };
        chain.blocks += 1;
        chain.records += u64::from(records);
        self.blocks += 1;
        Ok(())
    }

    /// Bytes of the room that the chain's last block takes.
    pub const fn last_bytes(chain: &Chain) -> usize {
        chain.last.raw as usize + BLOCK_HEADER_BYTES
    }

    /// Reads the chain's last block into the room and takes it off the chain; returns where in the
    /// room its content is.
    pub fn take_last(
        &mut self,
        chain: &mut Chain,
        room: &mut [u8],
    ) -> Result<std::ops::Range<usize>> {
        let Link { at, number, raw, stored } = chain.last;
        let (raw, stored) = (raw as usize, stored as usize);
        let unpack = stored < raw;
        let end = BLOCK_HEADER_BYTES + raw;
        let bytes = match (&mut self.packed, unpack) {
            (Some(packed), true) => &mut packed[..BLOCK_HEADER_BYTES + stored],
            _ => &mut room[..BLOCK_HEADER_BYTES + stored],
        };
        let read = read_full_at(&*self.file, bytes, at);
        let read = read.map_err(|fault| Error::io(self.run.name(), fault))?;
        if read < bytes.len() || at == 0 {
            return Err(self.run.damaged(at, "the file ends here"));
        }
        let head = bytes.first_chunk().expect("a block is longer than its header");
        let (header, _) = BlockHeader::from_bytes(head, self.file_id)
            .map_err(|flaw| flaw_error(&self.run, at, flaw))?;
        let is_this = header.number == number
            && (header.raw as usize, header.stored as usize) == (raw, stored);
        if !is_this || chain.blocks == 0 {
            return Err(self.run.damaged(at, "the block belongs to another place"));
        }
        let whole = xxh3_64(&bytes[BLOCK_HEADER_BYTES..]) == header.stored_hash;
        if !whole && !planted::bug("chain_unverified") {
            return Err(self.run.damaged(at, "the block's checksum does not hold"));
        }
        if let (Some(packed), true) = (&self.packed, unpack) {
            let from = &packed[BLOCK_HEADER_BYTES..BLOCK_HEADER_BYTES + stored];
            if !self.unpacker.unpack(header.codec, from, &mut room[BLOCK_HEADER_BYTES..end]) {
                return Err(self.run.damaged(at, "the block cannot be unpacked"));
            }
        }
        chain.last = Link::from_bytes(&room[BLOCK_HEADER_BYTES..Self::HEAD_BYTES]);
        chain.blocks -= 1;
        chain.records = chain
            .records
            .checked_sub(header.records.into())
            .filter(|left| {
                (chain.blocks == 0) == (chain.last.at == 0) && (chain.blocks > 0 || *left == 0)
            })
            .ok_or_else(|| self.run.damaged(at, "the chain has other blocks than were written"))?;
        Ok(Self::HEAD_BYTES..end)
    }
}

#[cold]
fn flaw_error(run: &RunFile, at: u64, flaw: Flaw) -> Error {
    match flaw {
        Flaw::Damaged(reason) => run.damaged(at, reason),
        Flaw::Newer(error) => error.at(run.name()),
    }
}

//! The byte layout of segments; pure conversions.
//!
//! ```text
//!  header  │magic 8 │version 4 │kind 1 │0 3 │schema id 8 │file id 8 │0 8 │checksum 8│
//!  block   │checksum 8 │number 8 │hash of stored bytes 8 │records 4 │raw 4 │stored 4 │codec 1 │0 3│
//!  footer  │magic 8 │blocks 8 │rows 8 │raw bytes 8 │chain 8 │file length 8 │checksum 8│
//! ```
//!
//! The chain is a hash over the checksums of all blocks in their order.

use crate::codec::u64_at;
use crate::error::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(super) const HEADER_BYTES: usize = 48;
pub(super) const BLOCK_HEADER_BYTES: usize = 40;
pub(super) const FOOTER_BYTES: usize = 56;
/// Rows of a block before packing: one seek's worth, and small against any budget.
pub(crate) const SEGMENT_BLOCK_BYTES: usize = 64 << 10;
/// Longest block, jumbo blocks included; lengths are 32 bits and LZ4 counts in them.
pub(super) const BLOCK_BYTES_MAX: usize = 1 << 30;
/// LZ4 never packs better than this: a longer claim is damage.
pub(super) const LZ4_RATIO_MAX: usize = 256;

const MAGIC: [u8; 8] = *b"storeseg";
const FOOTER_MAGIC: [u8; 8] = *b"storeend";
const VERSION: u32 = 1;
/// Of cold segments, since their filters are in pieces.
const VERSION_COLD: u32 = 2;
/// Of cold segments with sections for indexes.
pub(super) const VERSION_SECTIONS: u32 = 3;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SegmentKind {
    /// The rows of one table at a checkpoint.
    Checkpoint = 1,
    /// A sorted run, or a partition of a join or an aggregate.
    Run = 2,
    /// A cold partition.
    Cold = 3,
}

impl SegmentKind {
    /// The version in which segments of this kind are written, unless they have something newer.
    pub(super) fn version(self) -> u32 {
        if self == Self::Cold { VERSION_COLD } else { VERSION }
    }

    /// The newest version that is read.
    fn newest(self) -> u32 {
        if self == Self::Cold { VERSION_SECTIONS } else { VERSION }
    }
}

/// How the bytes of blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SegmentCodec {
    /// As they are: fastest.
    Raw = 0,
    /// LZ4, where that makes a block smaller.
    Lz4 = 1,
    /// Zstandard at its level 1, where that makes a block smaller.
    Zstd = 2,
}

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: SegmentKind,
    pub(super) version: u32,
    pub(super) schema_id: u64,
    pub(super) file_id: u64,
}

/// What stands before the bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) number: u64,
    pub(super) stored_hash: u64,
    pub(super) records: u32,
    pub(super) raw: u32,
    pub(super) stored: u32,
    pub(super) codec: SegmentCodec,
}

/// The last bytes of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) blocks: u64,
    pub(super) rows: u64,
    pub(super) raw_bytes: u64,
    pub(super) chain: u64,
    pub(super) file_len: u64,
}

/// Why bytes are not what they should be.
#[derive(Debug)]
pub(super) enum Flaw {
    Damaged(&'static str),
    Newer(Error),
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12] = self.kind as u8;
        put(&mut bytes, 16, self.schema_id);
        put(&mut bytes, 24, self.file_id);
        let checksum = xxh3_64_with_seed(&bytes[..40], 0);
        put(&mut bytes, 40, checksum);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Flaw> {
        if bytes[..8] != MAGIC {
            return Err(Flaw::Damaged("not a segment"));
        }
        if u64_at(bytes, 40) != xxh3_64_with_seed(&bytes[..40], 0) {
            return Err(Flaw::Damaged("the header's checksum does not hold"));
        }
        let version = u64_at(bytes, 8) as u32;
        let kind = [SegmentKind::Checkpoint, SegmentKind::Run, SegmentKind::Cold]
            .into_iter()
            .find(|kind| *kind as u8 == bytes[12]);
        match kind {
            Some(kind) if (VERSION..=kind.newest()).contains(&version) => {
                Ok(Self { kind, version, schema_id: u64_at(bytes, 16), file_id: u64_at(bytes, 24) })
            }
            _ => Err(Flaw::Newer(Error::unsupported(format!(
                "segment format {version}, kind {}: this program reads format {}",
                bytes[12],
                kind.map_or(VERSION_SECTIONS, SegmentKind::newest)
            )))),
        }
    }
}

impl BlockHeader {
    /// The bytes, with the checksum that the chain takes in.
    pub(super) fn to_bytes(self, file_id: u64) -> ([u8; BLOCK_HEADER_BYTES], u64) {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        put(&mut bytes, 8, self.number);
        put(&mut bytes, 16, self.stored_hash);
        bytes[24..28].copy_from_slice(&self.records.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.raw.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.stored.to_le_bytes());
        bytes[36] = self.codec as u8;
        let checksum = xxh3_64_with_seed(&bytes[8..], file_id);
        put(&mut bytes, 0, checksum);
        (bytes, checksum)
    }

    pub(super) fn from_bytes(
        bytes: &[u8; BLOCK_HEADER_BYTES],
        file_id: u64,
    ) -> Result<(Self, u64), Flaw> {
        let checksum = xxh3_64_with_seed(&bytes[8..], file_id);
        if u64_at(bytes, 0) != checksum {
            return Err(Flaw::Damaged("the block header's checksum does not hold"));
        }
        let codec = match bytes[36] {
            0 => SegmentCodec::Raw,
            1 => SegmentCodec::Lz4,
            2 => SegmentCodec::Zstd,
            code => {
                return Err(Flaw::Newer(Error::unsupported(format!("block codec {code}"))));
            }
        };
        let header = Self {
            number: u64_at(bytes, 8),
            stored_hash: u64_at(bytes, 16),
            records: u64_at(bytes, 24) as u32,
            raw: (u64_at(bytes, 24) >> 32) as u32,
            stored: u64_at(bytes, 32) as u32,
            codec,
        };
        if header.is_plausible() {
            Ok((header, checksum))
        } else {
            Err(Flaw::Damaged("the block's lengths contradict each other"))
        }
    }

    fn is_plausible(&self) -> bool {
        let (raw, stored) = (self.raw as usize, self.stored as usize);
        let lengths = match self.codec {
            SegmentCodec::Raw => raw == stored,
            SegmentCodec::Lz4 => stored < raw && raw <= stored.saturating_mul(LZ4_RATIO_MAX),
            SegmentCodec::Zstd => stored < raw,
        };
        // A row takes one byte at least, its length.
        lengths && raw <= BLOCK_BYTES_MAX && self.records > 0 && self.records <= self.raw
    }
}

impl Footer {
    pub(super) fn to_bytes(self, file_id: u64) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(&FOOTER_MAGIC);
        put(&mut bytes, 8, self.blocks);
        put(&mut bytes, 16, self.rows);
        put(&mut bytes, 24, self.raw_bytes);
        put(&mut bytes, 32, self.chain);
        put(&mut bytes, 40, self.file_len);
        let checksum = xxh3_64_with_seed(&bytes[..48], file_id);
        put(&mut bytes, 48, checksum);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; FOOTER_BYTES], file_id: u64) -> Result<Self, Flaw> {
        if bytes[..8] != FOOTER_MAGIC
            || u64_at(bytes, 48) != xxh3_64_with_seed(&bytes[..48], file_id)
        {
            return Err(Flaw::Damaged("the footer's checksum does not hold"));
        }
        Ok(Self {
            blocks: u64_at(bytes, 8),
            rows: u64_at(bytes, 16),
            raw_bytes: u64_at(bytes, 24),
            chain: u64_at(bytes, 32),
            file_len: u64_at(bytes, 40),
        })
    }

    /// Counts a block in.
    pub(super) fn add(&mut self, block: &BlockHeader, checksum: u64) {
        self.blocks += 1;
        self.rows += u64::from(block.records);
        self.raw_bytes += u64::from(block.raw);
        self.chain = xxh3_64_with_seed(&checksum.to_le_bytes(), self.chain);
    }
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

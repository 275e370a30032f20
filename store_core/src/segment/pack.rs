//! Packing blocks, and unpacking them, by any codec.

use super::format::SegmentCodec;
use crate::error::{Error, Kind, Result};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use zstd::bulk::{Compressor, Decompressor};

/// Level 1: higher ones cost more time than the bytes they save.
const ZSTD_LEVEL: i32 = 1;
/// The table LZ4 packs with, while it runs.
const LZ4_TABLE_BYTES: usize = 16 << 10;
/// What Zstandard's own structures take, to pack blocks up to a megabyte and to unpack them.
const ZSTD_PACK_BYTES: usize = 1536 << 10;
const ZSTD_UNPACK_BYTES: usize = 192 << 10;

/// Packs blocks one after another.
#[derive(Debug)]
pub(super) struct Packer {
    codec: SegmentCodec,
    zstd: Option<Zstd<Compressor<'static>>>,
}

/// Unpacks blocks one after another.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    zstd: Option<Zstd<Decompressor<'static>>>,
}

/// A context of the library's, which has no form to print.
struct Zstd<T>(T);

impl<T> std::fmt::Debug for Zstd<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zstd")
    }
}

impl Packer {
    pub(super) fn new(codec: SegmentCodec) -> Result<Self> {
        let zstd = match codec {
            SegmentCodec::Zstd => Some(Zstd(Compressor::new(ZSTD_LEVEL).map_err(no_context)?)),
            SegmentCodec::Raw | SegmentCodec::Lz4 => None,
        };
        Ok(Self { codec, zstd })
    }

    /// Packs into the room; `None` if that makes the block no smaller, or it is to stay raw.
    pub(super) fn pack(&mut self, raw: &[u8], room: &mut [u8]) -> Option<usize> {
        // An error would mean too little room, which is no harm: the block stays raw.
        let packed = match self.codec {
            SegmentCodec::Raw => None,
            SegmentCodec::Lz4 => compress_into(raw, room).ok(),
            SegmentCodec::Zstd => self.zstd.as_mut()?.0.compress_to_buffer(raw, room).ok(),
        };
        packed.filter(|len| *len < raw.len())
    }
}

impl Unpacker {
    /// Fills the room with exactly what was packed; false if the bytes are not that.
    pub(super) fn unpack(&mut self, codec: SegmentCodec, stored: &[u8], room: &mut [u8]) -> bool {
        let len = match codec {
            SegmentCodec::Raw => {
                let fits = stored.len() == room.len();
                if fits {
                    room.copy_from_slice(stored);
                }
                return fits;
            }
            SegmentCodec::Lz4 => decompress_into(stored, room).ok(),
            SegmentCodec::Zstd => {
                if self.zstd.is_none() {
                    self.zstd = Decompressor::new().ok().map(Zstd);
                }
                let Some(zstd) = &mut self.zstd else { return false };
                zstd.0.decompress_to_buffer(stored, room).ok()
            }
        };
        len == Some(room.len())
    }
}

/// Room that packing a block of this length may need, 0 for a codec that does not pack.
pub(super) const fn packed_bytes_max(codec: SegmentCodec, raw: usize) -> usize {
    match codec {
        SegmentCodec::Raw => 0,
        SegmentCodec::Lz4 => get_maximum_output_size(raw),
        SegmentCodec::Zstd => raw + raw / 128 + 1024,
    }
}

/// Heap that a codec's own structures take while it packs.
pub(super) const fn pack_heap_bytes(codec: SegmentCodec) -> usize {
    match codec {
        SegmentCodec::Raw => 0,
        SegmentCodec::Lz4 => LZ4_TABLE_BYTES,
        SegmentCodec::Zstd => ZSTD_PACK_BYTES,
    }
}

/// Heap that a codec's own structures take while it unpacks.
pub(super) const fn unpack_heap_bytes(codec: SegmentCodec) -> usize {
    match codec {
        SegmentCodec::Raw | SegmentCodec::Lz4 => 0,
        SegmentCodec::Zstd => ZSTD_UNPACK_BYTES,
    }
}

fn no_context(fault: std::io::Error) -> Error {
    Error::new(Kind::OverBudget, "the system refuses the memory that Zstandard packs with")
        .caused_by(fault)
}

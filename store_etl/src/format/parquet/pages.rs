//! The pages of a chunk: their heads, which say how large they are, and their bytes, unpacked.
//!
//! Heads are read on their own, so what a page takes is known before it is read; one that asks for more
//! than was planned is refused.

use super::footer::{Chunk, Codec};
use super::thrift::{Reader, STRUCT, damaged};
use flate2::Crc;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use store_core::planted::bug;
use store_core::{Error, Result};
use zstd::bulk::Decompressor;

/// What is read at first to find a page's head, and at most.
const HEAD_BYTES: usize = 256;
const HEAD_BYTES_MAX: usize = 1 << 20;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Dictionary,
    Data,
    /// Data with the levels apart, which are not packed.
    DataV2 {
        levels: usize,
        packed: bool,
    },
    /// One that nobody needs.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PageHead {
    pub kind: PageKind,
    /// Bytes once it is unpacked, and in the file.
    pub raw: usize,
    pub packed: usize,
    crc: Option<u32>,
    pub values: usize,
    pub encoding: i64,
    pub level_encoding: i64,
}

pub(super) const PLAIN: i64 = 0;
pub(super) const PLAIN_DICTIONARY: i64 = 2;
pub(super) const RLE: i64 = 3;
pub(super) const DELTA_BINARY_PACKED: i64 = 5;
pub(super) const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
pub(super) const DELTA_BYTE_ARRAY: i64 = 7;
pub(super) const RLE_DICTIONARY: i64 = 8;
pub(super) const BYTE_STREAM_SPLIT: i64 = 9;

/// Goes from page to page of a chunk.
#[derive(Debug)]
pub(super) struct Pages {
    at: u64,
    end: u64,
    pub codec: Codec,
}

impl Pages {
    pub const fn of(chunk: &Chunk) -> Self {
        Self { at: chunk.start, end: chunk.end, codec: chunk.codec }
    }

    /// The head of the next page, behind which [`Pages::skip`] or [`Pages::read`] goes on.
    pub fn head(&mut self, file: &File) -> Result<Option<PageHead>> {
        let mut window = HEAD_BYTES;
        if self.at == self.end {
            return Ok(None);
        }
        loop {
            let left = self.end - self.at;
            let len = left.min(window as u64) as usize;
            let mut small = [0; HEAD_BYTES];
            let mut large = Vec::new();
            let bytes = if len <= HEAD_BYTES {
                &mut small[..len]
            } else {
                large.resize(len, 0);
                &mut large[..]
            };
            file.read_exact_at(bytes, self.at).map_err(cut)?;
            let mut reader = Reader::new(bytes);
            match head(&mut reader) {
                Ok(head) => {
                    self.at += reader.position() as u64;
                    if head.packed as u64 > self.end - self.at {
                        return Err(damaged("a page is longer than its chunk"));
                    }
                    return Ok(Some(head));
                }
                // It may only be longer than what was read.
                Err(_) if (len as u64) < left && window < HEAD_BYTES_MAX => window *= 16,
                Err(error) => return Err(error),
            }
        }
    }

    pub fn skip(&mut self, head: &PageHead) {
        self.at += head.packed as u64;
    }

    /// Reads and unpacks the page of a head.
    pub fn read(
        &mut self,
        file: &File,
        head: &PageHead,
        unpacker: &mut Unpacker,
        into: &mut Vec<u8>,
    ) -> Result<()> {
        let (at, codec) = (self.at, self.codec);
        self.skip(head);
        into.clear();
        let levels = match head.kind {
            PageKind::DataV2 { levels, packed: true } => levels,
            PageKind::DataV2 { packed: false, .. } => head.raw,
            _ if codec == Codec::Plain => head.raw,
            _ => 0,
        };
        if codec == Codec::Plain || levels == head.raw {
            if head.packed != head.raw {
                return Err(damaged("a page that is not packed has two lengths"));
            }
            into.resize(head.raw, 0);
            file.read_exact_at(into, at).map_err(cut)?;
            return check(head, into);
        }
        if levels > head.packed || levels > head.raw {
            return Err(damaged("a page is shorter than its levels"));
        }
        unpacker.packed.resize(head.packed, 0);
        file.read_exact_at(&mut unpacker.packed, at).map_err(cut)?;
        check(head, &unpacker.packed)?;
        believable(codec, &unpacker.packed[levels..], head.raw - levels)?;
        into.resize(head.raw, 0);
        into[..levels].copy_from_slice(&unpacker.packed[..levels]);
        unpacker.unpack(codec, levels, &mut into[levels..])
    }
}

fn cut(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("a page is behind the end of the file"),
        _ => Error::io("reading", error),
    }
}

/// Refuses a length that such bytes cannot unpack to, before there is memory for it.
fn believable(codec: Codec, packed: &[u8], raw: usize) -> Result<()> {
    /// The most that a byte of LZ4, and one of deflate, can stand for.
    const LZ4_RATIO: usize = 255;
    const GZIP_RATIO: usize = 1032;
    const SLACK: usize = 64;
    let believed = match codec {
        Codec::Plain => packed.len() == raw,
        Codec::Snappy => snap::raw::decompress_len(packed).is_ok_and(|len| len == raw),
        Codec::Lz4 => raw <= packed.len().saturating_mul(LZ4_RATIO) + SLACK,
        Codec::Gzip => raw <= packed.len().saturating_mul(GZIP_RATIO) + SLACK,
        Codec::Zstd => match zstd::zstd_safe::get_frame_content_size(packed) {
            Ok(Some(len)) => len == raw as u64,
            Ok(None) => true,
            Err(_) => false,
        },
    };
    if believed || raw == 0 {
        Ok(())
    } else {
        Err(damaged("a page says a length that is not its own"))
    }
}

fn check(head: &PageHead, bytes: &[u8]) -> Result<()> {
    let Some(told) = head.crc.filter(|_| !bug("page_unverified")) else { return Ok(()) };
    let mut crc = Crc::new();
    crc.update(bytes);
    if crc.sum() == told { Ok(()) } else { Err(damaged("the checksum of a page does not hold")) }
}

/// What unpacking needs, once for all columns of a scan.
pub(super) struct Unpacker {
    packed: Vec<u8>,
    zstd: Option<Decompressor<'static>>,
}

impl Unpacker {
    /// Bytes that one takes for pages of so many bytes at most.
    pub const fn bytes_for(packed: usize) -> usize {
        /// What the largest of the unpackers holds.
        const CONTEXT_BYTES: usize = 256 << 10;
        packed + CONTEXT_BYTES
    }

    /// One for pages of so many bytes at most.
    pub fn new(packed: usize) -> Self {
        Self { packed: Vec::with_capacity(packed), zstd: None }
    }

    fn unpack(&mut self, codec: Codec, from: usize, into: &mut [u8]) -> Result<()> {
        let packed = &self.packed[from..];
        let bad =
            |error: &dyn std::fmt::Display| damaged(format!("a page does not unpack: {error}"));
        let count = match codec {
            Codec::Plain => 0,
            // Nothing is sometimes packed as nothing.
            _ if into.is_empty() => 0,
            Codec::Zstd => {
                let unpacker = match &mut self.zstd {
                    Some(known) => known,
                    none => none
                        .insert(Decompressor::new().map_err(|error| Error::io("reading", error))?),
                };
                unpacker.decompress_to_buffer(packed, into).map_err(|error| bad(&error))?
            }
            Codec::Snappy => {
                snap::raw::Decoder::new().decompress(packed, into).map_err(|error| bad(&error))?
            }
            Codec::Lz4 => {
                lz4_flex::block::decompress_into(packed, into).map_err(|error| bad(&error))?
            }
            Codec::Gzip => {
                let mut from = flate2::bufread::MultiGzDecoder::new(packed);
                from.read_exact(into).map_err(|error| bad(&error))?;
                into.len()
            }
        };
        if count == into.len() { Ok(()) } else { Err(bad(&"it has another length")) }
    }
}

/// Reads a head.
fn head(reader: &mut Reader<'_>) -> Result<PageHead> {
    let mut found = PageHead {
        kind: PageKind::Other,
        raw: usize::MAX,
        packed: usize::MAX,
        crc: None,
        values: 0,
        encoding: PLAIN,
        level_encoding: RLE,
    };
    let (mut kind, mut body, mut reps) = (None, None, 0);
    reader.fields(&mut |reader, field| {
        match (field.id, field.ty) {
            (1, _) => kind = Some(reader.int()?),
            (2, _) => found.raw = size(reader)?,
            (3, _) => found.packed = size(reader)?,
            (4, _) => found.crc = Some(reader.int()? as u32),
            (5, STRUCT) => {
                body = Some(PageKind::Data);
                data(reader, &mut found)?;
            }
            (7, STRUCT) => {
                body = Some(PageKind::Dictionary);
                data(reader, &mut found)?;
            }
            (8, STRUCT) => body = Some(data_v2(reader, &mut found, &mut reps)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if found.raw == usize::MAX || found.packed == usize::MAX {
        return Err(damaged("a page does not say how long it is"));
    }
    found.kind = match (kind, body) {
        (Some(0), Some(PageKind::Data)) | (Some(2), Some(PageKind::Dictionary)) => {
            body.unwrap_or(PageKind::Other)
        }
        (Some(3), Some(kind @ PageKind::DataV2 { .. })) if reps == 0 => kind,
        (Some(0 | 2 | 3) | None, _) => return Err(damaged("a page's head is not of its kind")),
        _ => PageKind::Other,
    };
    Ok(found)
}

fn size(reader: &mut Reader<'_>) -> Result<usize> {
    let bytes = reader.int()?;
    let sound = i32::try_from(bytes).ok().and_then(|bytes| usize::try_from(bytes).ok());
    sound.ok_or_else(|| damaged(format!("a length of {bytes} bytes")))
}

/// Of data and of dictionaries alike.
fn data(reader: &mut Reader<'_>, head: &mut PageHead) -> Result<()> {
    reader.fields(&mut |reader, field| {
        match field.id {
            1 => head.values = size(reader)?,
            2 => head.encoding = reader.int()?,
            // Of a dictionary it is whether it is sorted, which has no bytes of its own.
            3 if field.ty == super::thrift::I32 => head.level_encoding = reader.int()?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn data_v2(reader: &mut Reader<'_>, head: &mut PageHead, reps: &mut usize) -> Result<PageKind> {
    let (mut levels, mut packed) = (0, true);
    reader.fields(&mut |reader, field| {
        match field.id {
            1 => head.values = size(reader)?,
            4 => head.encoding = reader.int()?,
            5 => levels = size(reader)?,
            6 => *reps = size(reader)?,
            7 => packed = field.ty == super::thrift::TRUE,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(PageKind::DataV2 { levels, packed })
}

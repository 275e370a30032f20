//! Files of a store taken apart and put together again with checksums that hold, so that what stands
//! behind a checksum can be tested with bytes that no store has written.

use std::collections::BTreeMap;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

const LOG_HEADER_BYTES: usize = 4096;
const FRAME_BYTES: usize = 48;
const SEGMENT_HEADER_BYTES: usize = 48;
const BLOCK_HEADER_BYTES: usize = 40;
const MANIFEST_HEADER_BYTES: usize = 32;
/// What a segment's header says of cold rows, and what ends them: where their index is, and its number.
const COLD_SEGMENT: u8 = 3;
const TRAILER_BYTES: usize = 16;

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A header, and the parts that follow it: the payloads of a log's records, the rows of a segment's
/// blocks, the body of a manifest. Each part has a header of its own.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What kind of file it is.
    pub kind: FileKind,
    /// The file's header.
    pub header: Vec<u8>,
    /// Header and bytes of each part.
    pub parts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the index of a cold segment was.
    index_at: Option<u64>,
    /// Packed parts: as they were, unpacked and packed.
    packed: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
}

/// A segment of any kind as a program of another version would begin it, with a header that holds.
pub fn segment_of_version(bytes: &[u8], version: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let checksum = xxh3_64_with_seed(&bytes[..40], 0);
    put(&mut bytes, 40, checksum);
    bytes
}

/// The kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file of the log.
    Log,
    /// A segment.
    Segment,
    /// The manifest.
    Manifest,
}

impl FileKind {
    /// The kind of the file of this name.
    pub fn of(name: &str) -> Option<Self> {
        let ending = std::path::Path::new(name).extension().and_then(|ending| ending.to_str());
        match (name, ending) {
            ("manifest", _) => Some(Self::Manifest),
            (_, Some("log")) => Some(Self::Log),
            (_, Some("seg")) => Some(Self::Segment),
            _ => None,
        }
    }
}

impl Sealed {
    /// Takes a sound file apart; packed blocks are unpacked.
    ///
    /// # Panics
    /// If it is not sound.
    #[must_use]
    pub fn open(kind: FileKind, bytes: &[u8]) -> Self {
        let (header_bytes, part_bytes) = match kind {
            FileKind::Log => (LOG_HEADER_BYTES, FRAME_BYTES),
            FileKind::Segment => (SEGMENT_HEADER_BYTES, BLOCK_HEADER_BYTES),
            FileKind::Manifest => (MANIFEST_HEADER_BYTES, 0),
        };
        let (header, mut rest) = bytes.split_at(header_bytes);
        let (mut parts, mut as_packed) = (Vec::new(), BTreeMap::new());
        loop {
            let (len, packed) = match kind {
                FileKind::Log if rest.len() < FRAME_BYTES || u64_at(rest, 0) == 0 => break,
                FileKind::Log => (u32_at(rest, 8), None),
                FileKind::Segment if rest[..8] == *b"storeend" => break,
                FileKind::Segment => (u32_at(rest, 32), (rest[36] == 1).then(|| u32_at(rest, 28))),
                FileKind::Manifest if rest.is_empty() => break,
                FileKind::Manifest => (rest.len(), None),
            };
            let (part, after) = rest.split_at(part_bytes + len);
            let (head, stored) = part.split_at(part_bytes);
            let bytes = match packed {
                None => stored.to_vec(),
                Some(raw) => {
                    let bytes = lz4_flex::block::decompress(stored, raw).unwrap();
                    as_packed.insert(parts.len(), (bytes.clone(), stored.to_vec()));
                    bytes
                }
            };
            parts.push((head.to_vec(), bytes));
            rest = after;
        }
        let cold = kind == FileKind::Segment && header[12] == COLD_SEGMENT;
        let trailer = parts.last().filter(|_| cold).map(|(_, bytes)| bytes);
        let index_at = trailer.map(|bytes| u64_at(bytes, bytes.len() - TRAILER_BYTES));
        Self { kind, header: header.to_vec(), parts, index_at, packed: as_packed }
    }

    /// The file, with lengths, positions and checksums that hold. Blocks of a cold segment are found where
    /// they were: what comes behind one that has another length is not, but for the index.
    pub fn seal(&self) -> Vec<u8> {
        match self.kind {
            FileKind::Log => self.seal_log(),
            FileKind::Segment => self.seal_segment(),
            FileKind::Manifest => self.seal_manifest(),
        }
    }

    fn seal_log(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        let checksum = xxh3_64(&bytes[..48]);
        put(&mut bytes, 48, checksum);
        let (id, start) = (u64_at(&bytes, 16), u64_at(&bytes, 24));
        for (head, payload) in &self.parts {
            let mut head = head.clone();
            head[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
            put(&mut head, 16, start + (bytes.len() - LOG_HEADER_BYTES) as u64);
            let sealed = [&head[8..], &xxh3_64(payload).to_le_bytes()].concat();
            put(&mut head, 0, xxh3_64_with_seed(&sealed, id));
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    fn seal_segment(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        let checksum = xxh3_64_with_seed(&bytes[..40], 0);
        put(&mut bytes, 40, checksum);
        let id = u64_at(&bytes, 24);
        let (mut rows, mut raw, mut chain) = (0, 0, 0);
        let mut last_at = 0;
        for (number, (head, stored)) in self.parts.iter().enumerate() {
            let (mut head, mut stored) = (head.clone(), stored.clone());
            if number + 1 == self.parts.len() {
                self.point_to_index(&mut stored, last_at);
            }
            last_at = bytes.len() as u64;
            let unpacked = stored.len() as u32;
            let packed = self.packed.get(&number).filter(|(bytes, _)| *bytes == stored);
            let stored = packed.map_or(&stored[..], |(_, packed)| packed);
            put(&mut head, 8, number as u64);
            put(&mut head, 16, xxh3_64(stored));
            head[28..32].copy_from_slice(&unpacked.to_le_bytes());
            head[32..36].copy_from_slice(&(stored.len() as u32).to_le_bytes());
            head[36] = u8::from(packed.is_some());
            let checksum = xxh3_64_with_seed(&head[8..], id);
            put(&mut head, 0, checksum);
            rows += u32_at(&head, 24) as u64;
            raw += u64::from(unpacked);
            chain = xxh3_64_with_seed(&checksum.to_le_bytes(), chain);
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(stored);
        }
        let mut footer = [0; 56];
        footer[..8].copy_from_slice(b"storeend");
        let len = bytes.len() as u64 + 56;
        for (at, value) in [self.parts.len() as u64, rows, raw, chain, len].into_iter().enumerate()
        {
            put(&mut footer, 8 + 8 * at, value);
        }
        let checksum = xxh3_64_with_seed(&footer[..48], id);
        put(&mut footer, 48, checksum);
        bytes.extend_from_slice(&footer);
        bytes
    }

    /// Lets a trailer that says where the index was say where it is.
    fn point_to_index(&self, trailer: &mut [u8], at: u64) {
        let Some(place) = trailer.len().checked_sub(TRAILER_BYTES) else { return };
        if self.index_at == Some(u64_at(trailer, place)) {
            put(trailer, place, at);
        }
    }

    fn seal_manifest(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        self.parts.iter().for_each(|(_, body)| bytes.extend_from_slice(body));
        let len = (bytes.len() - MANIFEST_HEADER_BYTES) as u64;
        put(&mut bytes, 16, len);
        let mut hash = Xxh3::new();
        hash.update(&bytes[..24]);
        hash.update(&bytes[MANIFEST_HEADER_BYTES..]);
        put(&mut bytes, 24, hash.digest());
        bytes
    }
}

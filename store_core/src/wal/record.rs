//! Frames: one record of the log with what it takes to believe it.
//!
//! ```text
//!  0         8       12    13       14      16    24        32          40           48
//!  │checksum │length │kind │version │0 0    │lsn  │durable  │timestamp  │wall clock  │payload…
//! ```
//!
//! Integers are little endian. The checksum is xxh3, seeded with the file's random number, over
//! bytes 8 to 48 and the payload's own hash. So a payload is hashed before the log is locked, and
//! the frame is sealed by whoever writes it; until then the payload's hash stands in its place.

use super::lsn::Lsn;
use crate::codec::u64_at;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Bytes of a frame before its payload.
pub(crate) const FRAME_BYTES: usize = 48;
/// Version of the frame's layout.
pub(super) const FRAME_VERSION: u8 = 1;
/// Bytes of a frame the checksum covers directly.
const SEALED_BYTES: usize = FRAME_BYTES - 8;

/// What a record is for; the log itself treats all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// A whole transaction, or the end of one that came in fragments.
    Commit = 1,
    /// A part of a transaction that may never be committed.
    Fragment = 2,
    /// A change of the tables.
    Schema = 3,
}

impl RecordKind {
    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Commit, Self::Fragment, Self::Schema].into_iter().find(|kind| *kind as u8 == code)
    }
}

/// A payload with its hash, which is taken before the log is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashedPayload<'a> {
    bytes: &'a [u8],
    hash: u64,
}

impl<'a> HashedPayload<'a> {
    /// Hashes the payload; about 30 bytes a nanosecond.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, hash: xxh3_64(bytes) }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// A record as replay hands it out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// What it is for.
    pub(crate) kind: RecordKind,
    /// Where it starts.
    pub(crate) lsn: Lsn,
    /// Where the next one starts.
    pub(crate) end: Lsn,
    /// Its commit timestamp; 0 for a fragment.
    pub(crate) timestamp: u64,
    /// Wall clock when it was sequenced, in microseconds since 1970; never steps back.
    pub(crate) wall: i64,
    /// The caller's bytes.
    pub(crate) payload: &'a [u8],
}

/// The header of a frame, not yet believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The seal, or the payload's hash while the frame is not sealed.
    pub(super) checksum: u64,
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) version: u8,
    pub(super) lsn: Lsn,
    /// All before this position was synced when the frame was written.
    pub(super) durable: Lsn,
    pub(super) timestamp: u64,
    pub(super) wall: i64,
}

impl Frame {
    /// Bytes of the frame with its payload.
    pub(super) fn total(&self) -> u64 {
        FRAME_BYTES as u64 + u64::from(self.length)
    }

    pub(super) fn to_bytes(self) -> [u8; FRAME_BYTES] {
        let mut bytes = [0; FRAME_BYTES];
        bytes[..8].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12] = self.kind;
        bytes[13] = self.version;
        bytes[16..24].copy_from_slice(&self.lsn.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.durable.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.timestamp.to_le_bytes());
        bytes[40..].copy_from_slice(&self.wall.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; FRAME_BYTES]) -> Self {
        Self {
            checksum: u64_at(bytes, 0),
            length: u64_at(bytes, 8) as u32,
            kind: bytes[12],
            version: bytes[13],
            lsn: Lsn(u64_at(bytes, 16)),
            durable: Lsn(u64_at(bytes, 24)),
            timestamp: u64_at(bytes, 32),
            wall: u64_at(bytes, 40) as i64,
        }
    }
}

/// The checksum of a frame in the file of this seed.
pub(super) fn seal(frame: &[u8; FRAME_BYTES], payload_hash: u64, seed: u64) -> u64 {
    let mut sealed = [0; SEALED_BYTES + 8];
    sealed[..SEALED_BYTES].copy_from_slice(&frame[8..]);
    sealed[SEALED_BYTES..].copy_from_slice(&payload_hash.to_le_bytes());
    xxh3_64_with_seed(&sealed, seed)
}

/// Seals every frame of a batch that is about to be written.
///
/// The batch holds whole frames whose checksum is still the hash of their payload.
pub(super) fn seal_batch(batch: &mut [u8], seed: u64, durable: Lsn) {
    let mut at = 0;
    while at < batch.len() {
        let header = batch[at..]
            .first_chunk_mut::<FRAME_BYTES>()
            .expect("a batch of the log holds whole frames");
        let payload_hash = u64_at(header, 0);
        header[24..32].copy_from_slice(&durable.0.to_le_bytes());
        let checksum = seal(header, payload_hash, seed);
        header[..8].copy_from_slice(&checksum.to_le_bytes());
        at += Frame::from_bytes(header).total() as usize;
    }
    assert!(at == batch.len(), "a batch of the log ends inside a frame");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &HashedPayload<'_>) -> Frame {
        Frame {
            checksum: payload.hash(),
            length: payload.bytes().len() as u32,
            kind: RecordKind::Commit as u8,
            version: FRAME_VERSION,
            lsn: Lsn(77),
            durable: Lsn::ZERO,
            timestamp: u64::MAX - 1,
            wall: -5,
        }
    }

    #[test]
    fn a_frame_comes_back() {
        let frame = frame(&HashedPayload::new(b"abc"));
        assert_eq!(Frame::from_bytes(&frame.to_bytes()), frame);
        assert_eq!(frame.total(), 51);
    }

    #[test]
    fn a_seal_depends_on_file_header_and_payload() {
        let payload = HashedPayload::new(b"abc");
        let mut batch = frame(&payload).to_bytes().to_vec();
        batch.extend_from_slice(payload.bytes());
        let twice = [batch.clone(), batch].concat();
        let mut batch = twice;
        seal_batch(&mut batch, 9, Lsn(70));
        for at in [0, 51] {
            let header: [u8; FRAME_BYTES] = batch[at..at + FRAME_BYTES].try_into().unwrap();
            let sealed = Frame::from_bytes(&header);
            assert_eq!(sealed.durable, Lsn(70));
            assert_eq!(sealed.checksum, seal(&header, payload.hash(), 9));
            assert_ne!(sealed.checksum, seal(&header, payload.hash(), 10));
            assert_ne!(sealed.checksum, seal(&header, payload.hash() ^ 1, 9));
            for bit in 64..FRAME_BYTES * 8 {
                let mut flipped = header;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(sealed.checksum, seal(&flipped, payload.hash(), 9), "bit {bit}");
            }
        }
    }
}

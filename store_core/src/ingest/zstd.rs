//! Zstandard: unpacked frame by frame, each within memory that is reserved before it is decoded.
//!
//! ```text
//! frame: magic 4 | descriptor 1 | window 0–1 | dictionary 0–4 | content size 0–8 | blocks …
//! ```
//!
//! The decoder keeps a window of the text behind it; how much, the frame's first bytes say (RFC 8878,
//! 3.1.1.1). So they are read first. Frames that are to be skipped take no window.

use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use std::io::{self, ErrorKind, Read};
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// How a file begins: a frame.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Or one to be skipped, as `pzstd` writes: the last of these bytes but for its lower half.
const SKIPPED_MAGIC: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
/// As much of a frame as says how large its window is.
const HEADER_BYTES_MAX: usize = 18;
/// The packed bytes held before decoding: one large read.
const INPUT_BYTES: usize = 64 << 10;
/// What the decoder holds besides its window: a block before and after decoding, its tables.
const DECODER_BYTES: usize = 640 << 10;
/// The largest window that is decoded, and the library's own limit; levels up to 19 use 8 MiB at most.
const WINDOW_LOG_MAX: u32 = 27;
/// The smallest limit that the library takes.
const WINDOW_LOG_MIN: u32 = 10;

/// True if a file that begins so is one to be unpacked here.
pub(super) fn is_packed(start: &[u8]) -> bool {
    let [first, rest @ ..] = start else { return false };
    let is_skipped = first & 0xf0 == SKIPPED_MAGIC[0] && *rest == SKIPPED_MAGIC[1..];
    start == MAGIC || is_skipped
}

/// Unpacks what a reader gives.
pub(super) struct ZstdReader<R> {
    reader: R,
    decoder: Decoder<'static>,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    ended: bool,
    in_frame: bool,
    /// What input and decoder take so far: the decoder's buffers only grow.
    bytes: usize,
    held: Option<Reservation>,
}

impl<R: Read> ZstdReader<R> {
    /// A reader that holds nothing yet but its input.
    pub fn new(reader: R) -> io::Result<Self> {
        Ok(Self {
            reader,
            decoder: Decoder::new()?,
            input: vec![0; INPUT_BYTES].into(),
            start: 0,
            end: 0,
            ended: false,
            in_frame: false,
            bytes: INPUT_BYTES + DECODER_BYTES,
            held: None,
        })
    }

    /// Says whose memory it is.
    pub fn count_at(&mut self, memory: &Holder) -> Result<()> {
        if self.held.is_none() {
            self.held = Some(memory.reserve(self.bytes)?);
        }
        Ok(())
    }

    /// Moves what is left to the front and reads until `bytes` are there or the input ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < bytes && !self.ended {
            match self.reader.read(&mut self.input[self.end..]) {
                Ok(read) => (self.end, self.ended) = (self.end + read, read == 0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What input, decoder and the first frame's window take.
    pub fn expected_bytes(&mut self) -> io::Result<usize> {
        let window = self.look_at_frame()?.map_or(0, |(window, _)| window);
        Ok(INPUT_BYTES + DECODER_BYTES + window)
    }

    /// The next frame's window in bytes and as a power of two; `None` if there is no frame.
    fn look_at_frame(&mut self) -> io::Result<Option<(usize, u32)>> {
        self.fill(HEADER_BYTES_MAX)?;
        let header = &self.input[..self.end];
        if header.is_empty() {
            return Ok(None);
        }
        let window = window_bytes(header);
        let window_log = window.next_power_of_two().trailing_zeros().max(WINDOW_LOG_MIN);
        if window_log > WINDOW_LOG_MAX {
            return Err(io::Error::other(too_wide(window)));
        }
        Ok(Some((window as usize, window_log)))
    }

    /// Makes room for the next frame's window; false if there is no frame.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let Some((window, window_log)) = self.look_at_frame()? else { return Ok(false) };
        self.bytes = self.bytes.max(INPUT_BYTES + DECODER_BYTES + window);
        if let Some(held) = &mut self.held {
            held.grow_to(self.bytes).map_err(io::Error::other)?;
        }
        self.decoder.reinit()?;
        self.decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        self.in_frame = true;
        Ok(true)
    }
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.begin_frame()? {
                return Ok(0);
            }
            let packed = &self.input[self.start..self.end];
            let status = self.decoder.run_on_buffers(packed, into);
            let status = status.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.start += status.bytes_read;
            self.in_frame = status.remaining != 0;
            if status.bytes_written > 0 {
                return Ok(status.bytes_written);
            }
            if self.in_frame && self.start == self.end {
                self.fill(1)?;
                if self.start == self.end {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "incomplete frame"));
                }
            }
        }
    }
}

/// The window that a frame says it needs; 0 for one that is skipped, cut off or no frame: what is wrong
/// with it the decoder will say.
fn window_bytes(header: &[u8]) -> u64 {
    let Some((descriptor, rest)) = header.strip_prefix(&MAGIC).and_then(<[u8]>::split_first) else {
        return 0;
    };
    let is_single = descriptor & 0x20 != 0;
    if !is_single {
        let Some(window) = rest.first() else { return 0 };
        let base = 1_u64 << (10 + (window >> 3));
        return base + base / 8 * u64::from(window & 7);
    }
    let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (size_len, added) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let Some(size) = rest.get(dictionary_len..dictionary_len + size_len) else { return 0 };
    let size = size.iter().rev().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    size.saturating_add(added)
}

#[cold]
fn too_wide(window: u64) -> Error {
    let most = 1_u64 << WINDOW_LOG_MAX;
    Error::new(
        Kind::Unsupported,
        format!(
            "a zstd window of {window} bytes, at most {most}: pipe it through zstd -dc --long=31"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_how_large_its_window_is() {
        let of = |rest: &[u8]| window_bytes(&[&MAGIC[..], rest].concat());
        assert_eq!(of(&[0x00, 0x58]), 2 << 20); // 2^(10 + 11)
        assert_eq!(of(&[0x00, 0x59]), (2 << 20) + (2 << 20) / 8);
        assert_eq!(of(&[0x20, 7]), 7);
        assert_eq!(of(&[0x60, 1, 1]), 257 + 256);
        assert_eq!(of(&[0xA1, 9, 0, 0, 1, 0]), 1 << 16); // behind a dictionary's number
        assert_eq!(of(&[0xE0, 255, 255, 255, 255, 255, 255, 255, 255]), u64::MAX);
        for cut in [&[][..], &[0x00], &[0xE0, 1, 2]] {
            assert_eq!(of(cut), 0);
        }
        assert_eq!(window_bytes(b"PK\x03\x04zip"), 0);
    }

    #[test]
    fn the_decoder_holds_no_more_than_is_counted() {
        for level in [1, 3, 19] {
            let text: Vec<u8> = (0..3_000_000_u32)
                .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
                .collect();
            // Streamed, so that the frame does not know its length.
            let mut packer = zstd::stream::write::Encoder::new(Vec::new(), level).unwrap();
            io::Write::write_all(&mut packer, &text).unwrap();
            let packed = packer.finish().unwrap();
            let mut context = zstd::zstd_safe::DCtx::create();
            let mut out = vec![0; 1 << 20];
            let mut decoder = Decoder::with_context(&mut context);
            let (mut at, mut len) = (0, 0);
            while at < packed.len() {
                let status = decoder.run_on_buffers(&packed[at..], &mut out).unwrap();
                (at, len) = (at + status.bytes_read, len + status.bytes_written);
            }
            drop(decoder);
            assert!(len > text.len() / 2);
            let window = window_bytes(&packed);
            let counted = DECODER_BYTES + window as usize;
            assert!(context.sizeof() <= counted, "{level}: {} of {counted}", context.sizeof());
            assert!(context.sizeof() > window as usize, "the window is part of it");
        }
    }
}

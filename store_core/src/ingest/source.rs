//! Where the bytes come from: a file, a gzip, standard input, any reader.

use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::sync::{AtomicU64, Relaxed};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The compressed bytes held before decoding: one large read.
const PACKED_BUFFER_BYTES: usize = 64 << 10;
/// How much of a file tells how it is packed, and what window it asks for.
const HEAD_BYTES: usize = 18;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What unpacking zstd holds besides its window: blocks in and out, tables.
const ZSTD_BYTES: usize = 640 << 10;
/// Largest window of zstd that is read: what its levels use without being asked for more.
const ZSTD_WINDOW_MAX: usize = 8 << 20;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        if head.starts_with(GZIP_MAGIC) {
            Self::Gzip
        } else if head.starts_with(ZSTD_MAGIC) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// The window that a frame of zstd asks for, from its header (RFC 8878).
fn zstd_window(head: &[u8], name: &str) -> Result<usize> {
    let descriptor = head.get(4).copied().unwrap_or_default();
    let single = descriptor & 0x20 != 0;
    let byte = |at: usize| u64::from(head.get(at).copied().unwrap_or_default());
    let window = if single {
        // The whole content at once; its length follows the number of a dictionary.
        let at = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
        match descriptor >> 6 {
            0 => byte(at),
            1 => 256 + byte(at) + (byte(at + 1) << 8),
            2 => (0..4).map(|nth| byte(at + nth) << (8 * nth)).sum(),
            _ => (0..8).map(|nth| byte(at + nth) << (8 * nth)).fold(0, |all, part| all | part),
        }
    } else {
        let (exponent, mantissa) = (byte(5) >> 3, byte(5) & 7);
        let base = 1_u64 << (10 + exponent);
        base + base / 8 * mantissa
    };
    if window > ZSTD_WINDOW_MAX as u64 {
        let message = format!(
            "{name}: its zstd window is {window} bytes, at most {ZSTD_WINDOW_MAX} are read; pack it \
             without --long or --ultra"
        );
        return Err(Error::unsupported(message).detail(name));
    }
    Ok(window as usize)
}

/// Bytes to ingest, with a name for messages. Gzip and zstd are recognised by their first bytes.
///
/// ```
/// use store_core::ingest::{Format, IngestOptions, Source, infer_schema};
/// let mut source = Source::from_reader("example", &b"id\tname\n1\tKAUS\n"[..])?;
/// let mut options = IngestOptions::new(Format::Tsv);
/// options.header = true;
/// let schema = infer_schema(&mut source, "airports", &options)?;
/// assert_eq!(schema.to_string(), "id int64, name text");
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct Source {
    name: String,
    path: Option<PathBuf>,
    size: Option<u64>,
    consumed: Arc<AtomicU64>,
    packing: Packing,
    held_bytes: usize,
    reader: Box<dyn Read + Send>,
    /// Read ahead for inference, served first.
    ahead: Vec<u8>,
    ahead_at: usize,
    ahead_held: Option<Reservation>,
    ended: bool,
}

impl Source {
    /// A file, compressed or not, or standard input for `-`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Self::from_reader("-", std::io::stdin());
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| Error::io(&name, error))?;
        let metadata = file.metadata().map_err(|error| Error::io(&name, error))?;
        if metadata.is_dir() {
            return Err(Error::invalid(format!("{name}: is a directory, not a file")).detail(name));
        }
        let mut source = Self::from_reader(name, file)?;
        source.path = Some(path.to_owned());
        source.size = metadata.is_file().then_some(metadata.len());
        Ok(source)
    }

    /// Any reader, under this name in messages.
    pub fn from_reader(
        name: impl Into<String>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self> {
        let name = name.into();
        let consumed = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { reader, consumed: Arc::clone(&consumed) };
        let (mut magic, mut len) = ([0; HEAD_BYTES], 0);
        while len < magic.len() {
            match read_retrying(&mut counted, &mut magic[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) => return Err(Error::io(&name, error).detail(name)),
            }
        }
        let head = &magic[..len];
        let (packing, window) = match Packing::of(head) {
            Packing::Zstd => (Packing::Zstd, zstd_window(head, &name)?),
            other => (other, 0),
        };
        let whole = std::io::Cursor::new(magic).take(len as u64).chain(counted);
        let buffered = |whole| BufReader::with_capacity(PACKED_BUFFER_BYTES, whole);
        let reader: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(MultiGzDecoder::new(buffered(whole))),
            Packing::Zstd => {
                let opened = zstd::Decoder::with_buffer(buffered(whole)).and_then(|mut decoder| {
                    decoder.window_log_max(window.max(1).next_power_of_two().ilog2().max(10))?;
                    Ok(decoder)
                });
                Box::new(opened.map_err(|error| Error::io(&name, error))?)
            }
        };
        let held_bytes = if packing == Packing::Zstd { window + ZSTD_BYTES } else { 0 };
        Ok(Self {
            name,
            path: None,
            size: None,
            consumed,
            packing,
            held_bytes,
            reader,
            ahead: Vec::new(),
            ahead_at: 0,
            ahead_held: None,
            ended: false,
        })
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What unpacking it holds, beyond the buffers of a plain file.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The file's size and how much of it was read, both before decompression.
    pub(super) fn position(&self) -> (Option<u64>, u64) {
        (self.size, self.consumed.load(Relaxed))
    }

    /// Reads ahead until `bytes` are held or the input ends (then true); nothing is lost.
    pub(super) fn read_ahead(&mut self, bytes: usize, memory: Option<&Holder>) -> Result<bool> {
        debug_assert!(self.ahead_at == 0, "inference comes before reading");
        if let Some(holder) = memory {
            match &mut self.ahead_held {
                Some(held) => held.grow_to(bytes)?,
                None => self.ahead_held = Some(holder.reserve(bytes)?),
            }
        }
        let mut len = self.ahead.len();
        if len < bytes {
            self.ahead.try_reserve_exact(bytes - len).map_err(|error| {
                Error::new(Kind::OverBudget, format!("no memory for {bytes} bytes"))
                    .caused_by(error)
            })?;
            self.ahead.resize(bytes, 0);
        }
        while len < bytes && !self.ended {
            match read_retrying(&mut self.reader, &mut self.ahead[len..]) {
                Ok(0) => self.ended = true,
                Ok(read) => len += read,
                Err(error) => {
                    self.ahead.truncate(len);
                    return Err(self.fault(error));
                }
            }
        }
        self.ahead.truncate(len);
        Ok(self.ended)
    }

    /// What [`Source::read_ahead`] holds.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// A damaged archive is damage; everything else is the system's refusal.
    fn fault(&self, error: std::io::Error) -> Error {
        let name = &self.name;
        let what = match (self.packing, error.kind()) {
            (Packing::Gzip, ErrorKind::UnexpectedEof) => "the gzip is truncated",
            (Packing::Gzip, ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
                "the gzip is damaged"
            }
            (Packing::Zstd, ErrorKind::UnexpectedEof) => "the zstd is truncated",
            // Its library has no kinds of errors.
            (Packing::Zstd, _) if error.raw_os_error().is_none() => "the zstd is damaged",
            _ => return Error::io(name, error).detail(name),
        };
        Error::corrupt(format!("{name}: {what}: {error}")).detail(name).caused_by(error)
    }
}

/// What a scanner reads from.
pub(super) trait Input {
    /// What it holds, beyond the buffers of a plain file.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Reads some bytes; 0 is the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;
}

impl Input for Source {
    fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.ahead_at < self.ahead.len() {
            let rest = &self.ahead[self.ahead_at..];
            let len = rest.len().min(into.len());
            into[..len].copy_from_slice(&rest[..len]);
            self.ahead_at += len;
            if self.ahead_at == self.ahead.len() {
                (self.ahead, self.ahead_at, self.ahead_held) = (Vec::new(), 0, None);
            }
            return Ok(len);
        }
        if self.ended {
            return Ok(0);
        }
        let read = read_retrying(&mut self.reader, into).map_err(|error| self.fault(error))?;
        self.ended = read == 0;
        Ok(read)
    }
}

impl Input for &[u8] {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let (now, later) = self.split_at(self.len().min(into.len()));
        into[..now.len()].copy_from_slice(now);
        *self = later;
        Ok(now.len())
    }
}

fn read_retrying(reader: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

struct Counted<R> {
    reader: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(into)?;
        self.consumed.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

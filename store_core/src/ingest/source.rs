//! Where the bytes come from: a file, packed or not, standard input, any reader.

use super::zstd::{self, ZstdReader};
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation};
use crate::sync::{AtomicU64, Relaxed};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The compressed bytes held before decoding: one large read.
const GZIP_BUFFER_BYTES: usize = 64 << 10;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// Bytes to ingest, with a name for messages. Gzip and Zstandard are recognised by their first bytes.
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
    reader: Reader,
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
        let (mut magic, mut len) = ([0; 4], 0);
        while len < magic.len() {
            match read_retrying(&mut counted, &mut magic[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) => return Err(Error::io(&name, error).detail(name)),
            }
        }
        let magic = &magic[..len];
        let whole: Plain = Box::new(std::io::Cursor::new(magic.to_vec()).chain(counted));
        let reader = if magic.starts_with(GZIP_MAGIC) {
            let buffered = BufReader::with_capacity(GZIP_BUFFER_BYTES, whole);
            Reader::Gzip(Box::new(MultiGzDecoder::new(buffered)))
        } else if zstd::is_packed(magic) {
            let reader = ZstdReader::new(whole);
            Reader::Zstd(Box::new(reader.map_err(|error| Error::io(&name, error))?))
        } else {
            Reader::Plain(whole)
        };
        Ok(Self {
            name,
            path: None,
            size: None,
            consumed,
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

    /// What unpacking it takes, beyond the buffers of a plain file, as far as its beginning tells.
    pub fn unpacking_bytes(&mut self) -> Result<usize> {
        match &mut self.reader {
            Reader::Zstd(reader) => reader.expected_bytes().map_err(|error| self.fault(error)),
            Reader::Plain(_) | Reader::Gzip(_) => Ok(0), // the scanner counts a gzip's
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The file's size and how much of it was read, both before decompression.
    pub(super) fn position(&self) -> (Option<u64>, u64) {
        (self.size, self.consumed.load(Relaxed))
    }

    /// Says whose memory a decoder's window is: what it takes is reserved there before it is taken.
    pub fn count_at(&mut self, memory: &Holder) -> Result<()> {
        match &mut self.reader {
            Reader::Zstd(reader) => reader.count_at(memory).map_err(|error| error.at(&self.name)),
            Reader::Plain(_) | Reader::Gzip(_) => Ok(()), // the scanner counts a gzip's
        }
    }

    /// Reads ahead until `bytes` are held or the input ends (then true); nothing is lost.
    pub(super) fn read_ahead(&mut self, bytes: usize, memory: Option<&Holder>) -> Result<bool> {
        debug_assert!(self.ahead_at == 0, "inference comes before reading");
        if let Some(holder) = memory {
            self.count_at(holder)?;
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

    /// A damaged archive is damage, lack of memory is that; everything else is the system's refusal.
    fn fault(&self, error: std::io::Error) -> Error {
        let name = &self.name;
        let packed = match self.reader {
            Reader::Plain(_) => return Error::io(name, error).detail(name),
            Reader::Gzip(_) => "gzip",
            Reader::Zstd(_) => "zstd file",
        };
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "is truncated, or other bytes follow it",
            ErrorKind::InvalidData | ErrorKind::InvalidInput => "is damaged",
            _ => {
                return match error.downcast::<Error>() {
                    Ok(own) => own.at(name).detail(name),
                    Err(error) => Error::io(name, error).detail(name),
                };
            }
        };
        Error::corrupt(format!("{name}: the {packed} {what}: {error}"))
            .detail(name)
            .caused_by(error)
    }
}

/// The text, unpacked. An error of a damaged archive is [`Kind::Corrupt`] within the `io::Error`.
impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        Input::read(self, into).map_err(std::io::Error::other)
    }
}

/// Bytes as they are in the file.
type Plain = Box<dyn Read + Send>;

/// Bytes as they are to be read.
enum Reader {
    Plain(Plain),
    Gzip(Box<MultiGzDecoder<BufReader<Plain>>>),
    Zstd(Box<ZstdReader<Plain>>),
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(into),
            Self::Gzip(reader) => reader.read(into),
            Self::Zstd(reader) => reader.read(into),
        }
    }
}

/// What a scanner reads from.
pub(super) trait Input {
    /// Reads some bytes; 0 is the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;
}

impl Input for Source {
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

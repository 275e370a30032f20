//! A file that is there whole or not at all, with the digest of its bytes.

use crate::job::SINK_BUFFER_BYTES;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use store_core::planted::bug;
use store_core::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

/// Names tried for the file that is written before it is renamed.
const NAMES_MAX: u32 = 1000;
/// Level of zstd: higher ones cost more time than the bytes they save.
const ZSTD_LEVEL: i32 = 1;

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct OutputFacts {
    pub bytes: u64,
    pub hash: u64,
}

/// Writes a file under another name, which becomes its own when it is whole; or standard output.
pub(crate) struct Output {
    packed: Option<Packed>,
    name: String,
    /// The file it becomes and the one it is; none for standard output.
    place: Option<Place>,
}

struct Place {
    path: PathBuf,
    temporary: PathBuf,
}

enum Packed {
    Plain(Digesting),
    Gzip(Box<GzEncoder<Digesting>>),
    Zstd(zstd::Encoder<'static, Digesting>),
}

/// Counts and hashes what is written.
struct Digesting {
    out: BufWriter<Target>,
    bytes: u64,
    hash: Box<Xxh3>,
}

enum Target {
    File(File),
    Stdout(std::io::Stdout),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl Output {
    /// Begins to write; `-` is standard output. A name that ends in `.gz` or `.zst` is packed so.
    pub fn create(destination: &str) -> Result<Self> {
        let name = destination.to_owned();
        let failed = |error| Error::io(destination, error).detail(destination);
        let (target, place) = if destination == "-" {
            (Target::Stdout(std::io::stdout()), None)
        } else {
            let path = PathBuf::from(destination);
            if path.is_dir() {
                return Err(Error::invalid(format!("{destination}: is a directory, not a file")));
            }
            let (file, temporary) = temporary_beside(&path).map_err(failed)?;
            (Target::File(file), Some(Place { path, temporary }))
        };
        let out = BufWriter::with_capacity(SINK_BUFFER_BYTES, target);
        let out = Digesting { out, bytes: 0, hash: Box::new(Xxh3::new()) };
        let mut made = Self { packed: None, name, place };
        // From here on the temporary file is removed with it.
        made.packed = Some(match destination.rsplit_once('.').map(|(_, ending)| ending) {
            Some("gz") => Packed::Gzip(Box::new(GzEncoder::new(out, Compression::new(6)))),
            Some("zst") => Packed::Zstd(zstd::Encoder::new(out, ZSTD_LEVEL).map_err(failed)?),
            _ => Packed::Plain(out),
        });
        Ok(made)
    }

    /// Makes the file whole: written, durable, and under its name.
    pub fn finish(&mut self) -> Result<OutputFacts> {
        let name = self.name.clone();
        let failed = |error| Error::io(&name, error).detail(&name);
        let packed = self.packed.take().ok_or_else(|| Error::invalid("the output is finished"))?;
        let mut out = match packed {
            Packed::Plain(out) => out,
            Packed::Gzip(out) => out.finish().map_err(failed)?,
            Packed::Zstd(out) => out.finish().map_err(failed)?,
        };
        out.flush().map_err(failed)?;
        let facts = OutputFacts { bytes: out.bytes, hash: out.hash.digest() };
        if let (Target::File(file), Some(place)) = (out.out.get_ref(), &self.place) {
            file.sync_all().map_err(failed)?;
            std::fs::rename(&place.temporary, &place.path).map_err(failed)?;
            self.place
                .take()
                .map_or(Ok(()), |place| sync_directory(&place.path))
                .map_err(failed)?;
        }
        Ok(facts)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.packed {
            Some(Packed::Plain(out)) => out.write(bytes),
            Some(Packed::Gzip(out)) => out.write(bytes),
            Some(Packed::Zstd(out)) => out.write(bytes),
            None => Err(std::io::Error::other("the output is finished")),
        }
    }

    /// Nothing goes out before a buffer is full: rows are flushed when all are there.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was not finished leaves nothing.
impl Drop for Output {
    fn drop(&mut self) {
        if let Some(place) = self.place.as_ref().filter(|_| !bug("unfinished_file_left")) {
            let _ = std::fs::remove_file(&place.temporary);
        }
    }
}

/// A new file beside another, and its name.
pub(crate) fn temporary_beside(path: &Path) -> std::io::Result<(File, PathBuf)> {
    let name = path.file_name().unwrap_or_default().to_os_string();
    for number in 0..NAMES_MAX {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(&name);
        hidden.push(format!(".{}-{number}.tmp", std::process::id()));
        let temporary = path.with_file_name(hidden);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (file, temporary)),
        }
    }
    Err(std::io::Error::other("no name is free for a temporary file"))
}

/// Makes the name of a file durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

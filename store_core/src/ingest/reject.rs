//! The file of refused records.

use super::source::Source;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Takes refused records as they stood in the input, each followed by a line feed.
pub(super) struct RejectFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl RejectFile {
    /// Makes or empties the file; refuses the file that is being read.
    pub fn create(path: &Path, source: &Source) -> Result<Self> {
        let read = source.path().and_then(|path| path.canonicalize().ok());
        if read.is_some() && read == path.canonicalize().ok() {
            let shown = path.display();
            return Err(Error::invalid(format!(
                "{shown}: is the input, so it cannot take rejects"
            )));
        }
        let file = File::create(path).map_err(|error| Error::io(path.display(), error))?;
        Ok(Self { path: path.to_owned(), writer: BufWriter::new(file) })
    }

    /// Adds a record.
    pub fn push(&mut self, record: &[u8]) -> Result<()> {
        let written = self.writer.write_all(record).and_then(|()| self.writer.write_all(b"\n"));
        written.map_err(|error| Error::io(self.path.display(), error))
    }

    /// Hands what was added to the system; nothing is swallowed by a drop.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|error| Error::io(self.path.display(), error))
    }
}

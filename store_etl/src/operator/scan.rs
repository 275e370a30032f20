//! Files into batches, one file after another.

use super::json_scan::JsonRows;
use super::text::TextRows;
use super::{Counts, Operator, Shared};
use crate::batch::{Batch, Field, Limits};
use crate::job::{FileFormat, InputFile, OnBadRow, ScanPlan};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use store_core::ingest::Source;
use store_core::mem::Reservation;
use store_core::{Error, Kind, Result};
use xxhash_rust::xxh3::Xxh3;

/// What was read of a file.
pub(crate) struct InputDigest {
    pub name: String,
    pub bytes: AtomicU64,
    pub whole: AtomicBool,
    hash: parking_lot::Mutex<Xxh3>,
    /// The hash is of the footer: files with columns are read in parts.
    pub of_footer: bool,
    /// Row groups of such a file, and those of them that were left out.
    pub groups: AtomicU64,
    pub groups_skipped: AtomicU64,
}

impl InputDigest {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            bytes: AtomicU64::new(0),
            whole: AtomicBool::new(false),
            hash: parking_lot::Mutex::new(Xxh3::new()),
            of_footer: false,
            groups: AtomicU64::new(0),
            groups_skipped: AtomicU64::new(0),
        }
    }

    /// That of a file with a footer, of which only parts may be read.
    pub fn of_footer(name: &str, footer: &[u8]) -> Arc<Self> {
        let digest = Self { of_footer: true, ..Self::new(name) };
        digest.hash.lock().update(footer);
        Arc::new(digest)
    }

    /// The hash of the bytes read.
    pub fn hash(&self) -> u64 {
        self.hash.lock().digest()
    }
}

/// Reads a file and keeps its digest.
struct Digesting<R> {
    from: R,
    digest: Arc<InputDigest>,
    counts: Arc<Counts>,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(into)?;
        if read == 0 && !into.is_empty() {
            self.digest.whole.store(true, Relaxed);
        }
        self.digest.hash.lock().update(&into[..read]);
        self.digest.bytes.fetch_add(read as u64, Relaxed);
        self.counts.source_bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// A file to read, unpacked, with its digest kept.
pub(super) fn open_source(file: &InputFile, shared: &Shared) -> Result<Source> {
    let name = file.name();
    let digest = Arc::new(InputDigest::new(&name));
    shared.digests.lock().push(Arc::clone(&digest));
    let counts = Arc::clone(&shared.counts);
    let mut source = if file.is_stdin() {
        Source::from_reader(&name, Digesting { from: std::io::stdin(), digest, counts })?
    } else {
        let from = File::open(&file.path).map_err(|error| Error::io(&name, error).detail(&name))?;
        Source::from_reader(&name, Digesting { from, digest, counts })?
    };
    source.count_at(&shared.holder)?;
    Ok(source)
}

/// What a reader of rows has added to a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled {
    /// Rows that the batch got.
    pub rows: usize,
    /// Bytes of their cells, about.
    pub bytes: usize,
    /// Rows that were read, bad ones among them.
    pub taken: u64,
    /// Bytes of text that were read.
    pub text_bytes: u64,
    /// Nothing of the file is left.
    pub has_ended: bool,
}

/// Makes rows of files.
pub(super) trait Rows {
    /// Takes in what a file begins with: its header.
    fn begin(&mut self, source: Source) -> Result<()>;

    /// Adds rows of the file to an empty batch until it has as many rows or bytes as there is room for, or the
    /// file ends.
    fn fill(&mut self, batch: &mut Batch, room: Limits, refusals: &mut Refusals) -> Result<Filled>;
}

/// A scan of files.
pub(crate) struct Scan {
    step: usize,
    shared: Shared,
    rows: Box<dyn Rows>,
    batch: Batch,
    files: std::vec::IntoIter<InputFile>,
    /// The file that is being read.
    source: Option<Arc<str>>,
    refusals: Refusals,
    _held: Reservation,
}

impl Scan {
    pub fn new(plan: &Arc<ScanPlan>, step: usize, shared: &Shared) -> Result<Self> {
        let fields: Vec<Field> = plan.wanted.iter().map(|at| plan.columns[*at].clone()).collect();
        let limits = shared.limits();
        let held = shared.holder.reserve(limits.resident_bytes(fields.len()))?;
        let rows: Box<dyn Rows> = match plan.format {
            FileFormat::JsonLines => Box::new(JsonRows::new(plan, limits, &shared.holder)),
            _ => Box::new(TextRows::new(plan, limits, &shared.holder)),
        };
        Ok(Self {
            step,
            shared: shared.clone(),
            rows,
            batch: Batch::new(&fields),
            files: plan.files.clone().into_iter(),
            source: None,
            refusals: Refusals::new(plan)?,
            _held: held,
        })
    }

    /// Opens the next file; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        let Some(file) = self.files.next() else { return Ok(false) };
        let source = open_source(&file, &self.shared)?;
        let begun = self.rows.begin(source);
        begun.map_err(|error| self.too_long(error))?;
        self.source = Some(file.name().as_str().into());
        Ok(true)
    }

    /// Adds rows of the open file until the batch is full or the file ends.
    fn fill(&mut self) -> Result<()> {
        let Some(source) = &self.source else { return Ok(()) };
        let limits = self.shared.limits();
        let room = Limits { bytes: limits.fill_bytes(), ..limits };
        let rejected = self.refusals.rejected;
        let filled = self.rows.fill(&mut self.batch, room, &mut self.refusals);
        let filled = filled.map_err(|error| self.too_long(error))?;
        self.batch.places.set_source(source);
        let counts = &self.shared.counts;
        counts.bytes.fetch_add(filled.text_bytes, Relaxed);
        counts.scanned.fetch_add(filled.taken, Relaxed);
        counts.steps[self.step].took(filled.taken);
        counts.steps[self.step].rejected(self.refusals.rejected - rejected);
        counts.steps[self.step].gave(filled.rows as u64);
        if filled.has_ended {
            self.source = None;
        }
        Ok(())
    }

    fn too_long(&self, error: Error) -> Error {
        too_long(error, self.shared.limits().row_bytes, self.shared.memory.cap)
    }
}

impl Operator for Scan {
    fn advance(&mut self) -> Result<bool> {
        self.batch.clear();
        loop {
            self.shared.tick()?;
            if self.source.is_none() && !self.open_next()? {
                self.refusals.finish()?;
                return Ok(false);
            }
            self.fill()?;
            if !self.batch.is_empty() {
                return Ok(true);
            }
        }
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// A record that is longer than the memory allows is no fault of the file's.
fn too_long(error: Error, most: usize, cap: u64) -> Error {
    if error.details().last().is_none_or(|word| word != "row_bytes_max") {
        return error;
    }
    let place = error.details().iter().take(2).cloned().collect::<Vec<_>>().join(":");
    let message = format!(
        "{place}: a row is longer than {most} bytes, which is the most within {cap} bytes of memory; raise \
         the memory"
    );
    Error::new(Kind::OverBudget, message).caused_by(error)
}

/// What becomes of bad rows.
pub(super) struct Refusals {
    borne: u64,
    rejected: u64,
    file: Option<RejectFile>,
}

impl Refusals {
    fn new(plan: &ScanPlan) -> Result<Self> {
        let borne = match plan.on_error {
            OnBadRow::Stop => 0,
            OnBadRow::Skip => plan.max_errors.unwrap_or(u64::MAX),
        };
        let file = plan.reject.as_ref().map(|path| RejectFile::create(path)).transpose()?;
        Ok(Self { borne, rejected: 0, file })
    }

    /// Puts a record aside; an error if there are too many of them.
    pub fn refuse(&mut self, error: Error, record: &[u8]) -> Result<()> {
        self.rejected += 1;
        if self.rejected > self.borne {
            return Err(beyond(error, self.borne));
        }
        match &mut self.file {
            Some(file) => file.push(record),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.file.take().map_or(Ok(()), |mut file| file.finish())
    }
}

fn beyond(error: Error, borne: u64) -> Error {
    if borne == 0 {
        return error;
    }
    Error::new(error.kind(), format!("{error}; more than {borne} bad rows (max_errors)"))
        .caused_by(error)
}

/// Takes refused records as they stood.
struct RejectFile {
    name: String,
    out: BufWriter<File>,
}

impl RejectFile {
    fn create(path: &std::path::Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Error::io(&name, error))?;
        Ok(Self { name, out: BufWriter::new(file) })
    }

    fn push(&mut self, record: &[u8]) -> Result<()> {
        let written = self.out.write_all(record).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| Error::io(&self.name, error))
    }

    fn finish(&mut self) -> Result<()> {
        self.out.flush().map_err(|error| Error::io(&self.name, error))
    }
}

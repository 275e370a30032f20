//! Files into batches, one file after another.

use super::json_scan::JsonRows;
use super::text_scan::{TextRows, text_options};
use super::{Counts, Operator, Shared};
use crate::batch::{Batch, Field};
use crate::job::{FileFormat, InputFile, OnBadRow, ScanPlan};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use store_core::ingest::{Records, Source};
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
    if file.is_stdin() {
        return Source::from_reader(&name, Digesting { from: std::io::stdin(), digest, counts });
    }
    let from = File::open(&file.path).map_err(|error| Error::io(&name, error).detail(&name))?;
    Source::from_reader(&name, Digesting { from, digest, counts })
}

/// Makes cells of a record.
pub(super) trait Rows {
    /// Takes in what a file begins with: its header.
    fn begin(&mut self, records: &mut Records) -> Result<()>;

    /// Adds the cells of the record that the reader stands on; after an error the columns may be of
    /// different lengths.
    fn push(&mut self, records: &Records, batch: &mut Batch) -> Result<()>;
}

/// A scan of files.
pub(crate) struct Scan {
    plan: Arc<ScanPlan>,
    step: usize,
    shared: Shared,
    rows: Box<dyn Rows>,
    batch: Batch,
    files: std::vec::IntoIter<InputFile>,
    open: Option<Records>,
    source: Arc<str>,
    reject: Option<RejectFile>,
    rejected: u64,
    /// Bytes of a row's cells of fixed width.
    row_bytes: usize,
    bytes_before: u64,
    _held: Reservation,
}

impl Scan {
    pub fn new(plan: &Arc<ScanPlan>, step: usize, shared: &Shared) -> Result<Self> {
        let fields: Vec<Field> = plan.wanted.iter().map(|at| plan.columns[*at].clone()).collect();
        let held = shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?;
        let rows: Box<dyn Rows> = match plan.format {
            FileFormat::JsonLines => Box::new(JsonRows::new(plan)),
            _ => Box::new(TextRows::new(plan)),
        };
        let reject = plan.reject.as_ref().map(|path| RejectFile::create(path)).transpose()?;
        let row_bytes =
            fields.iter().map(|field| crate::batch::fixed_bytes(field.ty)).sum::<usize>() + 8;
        Ok(Self {
            plan: Arc::clone(plan),
            step,
            shared: shared.clone(),
            rows,
            batch: Batch::new(&fields),
            files: plan.files.clone().into_iter(),
            open: None,
            source: "".into(),
            reject,
            rejected: 0,
            row_bytes,
            bytes_before: 0,
            _held: held,
        })
    }

    /// Opens the next file; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        let Some(file) = self.files.next() else { return Ok(false) };
        let name = file.name();
        let source = open_source(&file, &self.shared)?;
        let mut options = text_options(&self.plan, self.shared.limits().row_bytes);
        options.memory = Some(self.shared.holder.clone());
        let mut records = Records::new(source, &options)?;
        self.rows.begin(&mut records)?;
        self.bytes_before = 0;
        self.source = name.as_str().into();
        self.open = Some(records);
        Ok(true)
    }

    /// Adds rows of the open file until the batch is full or the file ends.
    fn fill(&mut self) -> Result<()> {
        let limits = self.shared.limits();
        let Some(records) = &mut self.open else { return Ok(()) };
        let (mut rows, mut bytes, mut taken, mut bad) = (0, 0, 0_u64, 0_u64);
        let mut ended = false;
        while rows < limits.rows && bytes < limits.fill_bytes() {
            match records.next() {
                Ok(true) => {}
                Ok(false) => {
                    ended = true;
                    break;
                }
                Err(error) => {
                    return Err(too_long(error, limits.row_bytes, self.shared.memory.cap));
                }
            }
            taken += 1;
            match self.rows.push(records, &mut self.batch) {
                Ok(()) => {
                    rows += 1;
                    self.batch.places.push(records.line());
                    bytes += self.row_bytes + records.record().len();
                }
                Err(error) => {
                    // What the row has added so far goes again.
                    self.batch.truncate_columns(rows);
                    let error = records.at_line(error);
                    bad += 1;
                    let borne = match self.plan.on_error {
                        OnBadRow::Stop => 0,
                        OnBadRow::Skip => self.plan.max_errors.unwrap_or(u64::MAX),
                    };
                    if self.rejected + bad > borne {
                        return Err(beyond(error, borne));
                    }
                    if let Some(file) = &mut self.reject {
                        file.push(records.record())?;
                    }
                }
            }
        }
        self.batch.set_rows(rows);
        self.batch.places.set_source(&self.source);
        self.rejected += bad;
        let counts = &self.shared.counts;
        counts.bytes.fetch_add(records.bytes() - self.bytes_before, Relaxed);
        self.bytes_before = records.bytes();
        counts.scanned.fetch_add(taken, Relaxed);
        counts.steps[self.step].took(taken);
        counts.steps[self.step].rejected(bad);
        counts.steps[self.step].gave(rows as u64);
        if ended {
            self.open = None;
        }
        Ok(())
    }
}

impl Operator for Scan {
    fn advance(&mut self) -> Result<bool> {
        self.batch.clear();
        loop {
            self.shared.tick()?;
            if self.open.is_none() && !self.open_next()? {
                if let Some(mut file) = self.reject.take() {
                    file.finish()?;
                }
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

//! The loop: record, cells, sink; a commit per batch; bad rows refused one by one.

use super::fields::NullMarks;
use super::header::{columns_by_name, read_header};
use super::options::{IngestOptions, IngestReport, OnError, Progress, RowError};
use super::reject::RejectFile;
use super::scanner::Scanner;
use super::source::Source;
use crate::error::{Error, Kind, Result};
use crate::options::RELIEFS_MAX;
use crate::schema::Schema;
use crate::value::{Type, ValueRef, parse_value_into};
use smallvec::SmallVec;

/// Most refused rows a report describes, whatever `max_errors` is: a report must fit in memory.
const ERRORS_KEPT_MAX: usize = 10_000;

/// A row's cells; rows of more columns than this cost an allocation each.
type Cells<'a> = SmallVec<[ValueRef<'a>; 32]>;

/// What takes the rows: a table, or a test.
pub(crate) trait RowSink {
    /// Told once, before any row: the schema's position of each cell to come.
    fn begin(&mut self, columns: &[usize]) -> Result<()>;

    /// Takes one row, its cells in the order of `columns`, or nothing of it.
    ///
    /// An error of kind `Type`, `NotNull`, `Duplicate` or `Invalid` is the row's fault; any other
    /// stops the load.
    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()>;

    /// Commits what was pushed since the last call: durable and visible from here on.
    fn commit(&mut self) -> Result<()>;

    /// Drops what was pushed since the last commit.
    fn rollback(&mut self) -> Result<()>;

    /// True if memory may be made free for a push that was refused some.
    fn can_make_room(&self) -> bool;

    /// Waits for as much as was refused, with nothing pushed since the last commit; false if there will be
    /// none.
    fn make_room(&mut self, refusal: &Error) -> bool;

    /// How many bytes of text to commit at once at most.
    fn batch_bytes(&self) -> u64;
}

/// Reads the source to its end into the sink.
///
/// On an error the batch at hand was rolled back; the message says how many rows before it stay.
/// Costs no allocation per row up to 32 columns.
pub(crate) fn load(
    mut source: Source,
    schema: &Schema,
    options: &mut IngestOptions,
    sink: &mut dyn RowSink,
) -> Result<IngestReport> {
    let rejects = match &options.reject {
        Some(path) => Some(RejectFile::create(path, &source)?),
        None => None,
    };
    if let Some(memory) = &options.memory {
        source.count_at(memory)?;
    }
    let name = source.name().to_owned();
    let mut scanner = Scanner::new(source, &name, options)?;
    let targets = targets(&mut scanner, schema, options)?;
    let positions: Vec<usize> = targets.iter().map(|target| target.position).collect();
    sink.begin(&positions)?;
    let report = IngestReport::default();
    let batch_bytes = sink.batch_bytes();
    let mut load = Load {
        scanner,
        targets,
        nulls: options.null_marks(),
        options,
        sink,
        rejects,
        report,
        pending: 0,
        committed: 0,
        committed_bytes: 0,
        batch_bytes,
    };
    match load.run() {
        Ok(()) => Ok(load.report),
        Err(error) => Err(load.give_up(error)),
    }
}

/// Where a field of the file goes.
struct Target {
    position: usize,
    ty: Type,
    name: String,
}

/// The columns of the file: the header's, in its order, or all of the schema's.
fn targets(
    scanner: &mut Scanner<Source>,
    schema: &Schema,
    options: &IngestOptions,
) -> Result<Vec<Target>> {
    let positions = if options.header && scanner.next()? {
        let positions = read_header(scanner).and_then(|names| columns_by_name(schema, &names));
        positions.map_err(|error| scanner.at_line(error))?
    } else {
        (0..schema.visible_len()).collect()
    };
    let target = |position: usize| {
        let column = &schema.columns[position];
        Target { position, ty: column.ty, name: column.name.clone() }
    };
    Ok(positions.into_iter().map(target).collect())
}

struct Load<'a> {
    scanner: Scanner<Source>,
    targets: Vec<Target>,
    nulls: NullMarks,
    options: &'a mut IngestOptions,
    sink: &'a mut dyn RowSink,
    rejects: Option<RejectFile>,
    report: IngestReport,
    /// Rows the sink took since its last commit, and up to it.
    pending: u64,
    committed: u64,
    /// Bytes of text up to the last commit, and how many may be committed at once.
    committed_bytes: u64,
    batch_bytes: u64,
}

impl Load<'_> {
    fn run(&mut self) -> Result<()> {
        while self.scanner.next()? {
            self.report.rows_in += 1;
            match self.push_in_room()? {
                Ok(()) => {
                    self.report.rows_loaded += 1;
                    self.pending += 1;
                }
                Err(error) => self.refuse(error)?,
            }
            if self.report.rows_in.is_multiple_of(self.options.batch_rows) {
                self.end_batch()?;
            } else if self.is_large() {
                self.flush_rejects()?;
                self.commit()?;
            }
        }
        self.flush_rejects()?;
        self.commit()?;
        self.report.bytes = self.scanner.bytes();
        self.tell_progress(); // too late to cancel
        Ok(())
    }

    /// Pushes the record the scanner stands on, or gives the row's error. If memory is refused, the batch
    /// ends with the row before it, and this row begins the next one.
    fn push_in_room(&mut self) -> Result<Result<()>> {
        for _ in 0..RELIEFS_MAX {
            match self.push_row() {
                Err(error) if error.kind() == Kind::OverBudget && self.can_make_room() => {
                    self.flush_rejects()?;
                    self.commit()?;
                    if !self.sink.make_room(&error) {
                        return Ok(Err(error));
                    }
                }
                done => return Ok(done),
            }
        }
        Ok(self.push_row())
    }

    /// True if the rows since the last commit are much for the memory there is.
    fn is_large(&self) -> bool {
        !self.options.atomic && self.scanner.bytes() - self.committed_bytes >= self.batch_bytes
    }

    fn can_make_room(&self) -> bool {
        !self.options.atomic && self.sink.can_make_room()
    }

    /// Parses the record the scanner stands on; the cells borrow from its buffer.
    fn push_row(&mut self) -> Result<()> {
        let (fields, record) = (self.scanner.fields(), self.scanner.record());
        if fields.count() != self.targets.len() {
            return Err(ragged(self.targets.len(), fields.count()));
        }
        if let Some(fault) = fields.fault() {
            return Err(in_column(&self.targets[fault.field], Error::invalid(&fault.message)));
        }
        let mut cells = Cells::new();
        for (nth, target) in self.targets.iter().enumerate() {
            let text = fields.value(record, nth);
            let is_null = (text.is_empty() && target.ty != Type::Text)
                || self.nulls.contains(fields.raw(record, nth));
            if is_null {
                cells.push(ValueRef::Null);
                continue;
            }
            let parsed = parse_value_into(text, target.ty, |value| cells.push(value));
            parsed.map_err(|error| in_column(target, error))?;
        }
        self.sink.push(&cells)
    }

    /// Counts a bad row, or ends the load with its error.
    #[cold]
    fn refuse(&mut self, error: Error) -> Result<()> {
        let is_row_fault =
            matches!(error.kind(), Kind::Type | Kind::NotNull | Kind::Duplicate | Kind::Invalid);
        if !is_row_fault || self.options.on_error == OnError::Stop {
            return Err(self.scanner.at_line(error));
        }
        self.report.rows_rejected += 1;
        if let Some(rejects) = &mut self.rejects {
            rejects.push(self.scanner.record())?;
        }
        let borne = self.options.errors_borne();
        if self.report.rows_rejected > borne {
            let kind = error.kind();
            let full = Error::new(kind, format!("{error}; more than {borne} bad rows"));
            return Err(self.scanner.at_line(full));
        }
        if self.options.on_error == OnError::Collect && self.report.errors.len() < ERRORS_KEPT_MAX {
            let (line, message) = (self.scanner.line(), error.to_string());
            self.report.errors.push(RowError { line, message });
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<()> {
        self.flush_rejects()?;
        if !self.options.atomic {
            self.commit()?;
        }
        if self.tell_progress() {
            return Ok(());
        }
        let rows = self.report.rows_in;
        let cancelled = Error::new(Kind::Cancelled, format!("cancelled after {rows} rows"));
        Err(cancelled.at(self.scanner.name()))
    }

    fn commit(&mut self) -> Result<()> {
        if self.pending > 0 {
            self.sink.commit()?;
            self.committed += self.pending;
            self.pending = 0;
            self.report.batches += 1;
        }
        self.committed_bytes = self.scanner.bytes();
        Ok(())
    }

    fn flush_rejects(&mut self) -> Result<()> {
        self.rejects.as_mut().map_or(Ok(()), RejectFile::flush)
    }

    /// False if the caller wants no more.
    fn tell_progress(&mut self) -> bool {
        let (source_size, source_bytes) = self.scanner.input().position();
        let progress = Progress {
            rows_in: self.report.rows_in,
            rows_loaded: self.report.rows_loaded,
            rows_rejected: self.report.rows_rejected,
            bytes: self.scanner.bytes(),
            source_bytes,
            source_size,
        };
        self.options.progress.as_mut().is_none_or(|tell| tell(&progress))
    }

    /// Rolls back the batch at hand and completes the error's message.
    fn give_up(&mut self, error: Error) -> Error {
        let mut message = error.to_string();
        if let Err(second) = self.sink.rollback() {
            message = format!("{message}; and the rollback failed: {second}");
        }
        if let Err(second) = self.flush_rejects() {
            message = format!("{message}; and the rejects were not written: {second}");
        }
        if self.committed > 0 {
            message = format!("{message} ({} rows before it are loaded)", self.committed);
        }
        let mut whole = Error::new(error.kind(), message);
        for word in error.details() {
            whole = whole.detail(word);
        }
        whole.caused_by(error)
    }
}

#[cold]
fn ragged(expected: usize, found: usize) -> Error {
    let s = if expected == 1 { "" } else { "s" };
    Error::invalid(format!("expected {expected} field{s}, found {found}"))
}

#[cold]
fn in_column(target: &Target, error: Error) -> Error {
    error.at(format_args!("column \"{}\"", target.name))
}

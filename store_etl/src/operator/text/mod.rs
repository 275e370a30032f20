//! Delimited text into batches.
//!
//! ```text
//!  file ─► buffer ─► records cut into fields ─► column by column: cells ─► batch
//!          buffer.rs  cut.rs                     cells.rs, plain.rs, written.rs
//! ```
//!
//! Some hundred records are cut and then made cells of, one column after another, while they lie in the
//! processor's caches. A bad row is told as if rows had come one by one: the first, and its first column.

mod buffer;
mod cells;
mod cut;
mod plain;
mod written;

#[cfg(test)]
mod tests;

pub(super) use cells::named;

use super::scan::{Filled, Refusals, Rows};
use crate::batch::{Batch, Limits, fixed_bytes};
use crate::job::{FileFormat, ScanPlan, unique_names};
use buffer::{BUFFER_BYTES, TextBuffer};
use cells::{Cells, Scratch, Target, Written};
use cut::{Bad, Cutter, Record, Room};
use std::ops::Range;
use std::sync::Arc;
use store_core::ingest::{Format, IngestOptions, Records, Source};
use store_core::{Error, Holder, Result, Type};
use written::{Dialect, NullMarks};

/// How much of a file tells its schema, whatever memory there is.
const INFER_BYTES: usize = 256 << 10;
/// Most records, and bytes of them, that go before a header is known to be one.
const HEADER: Room = Room { rows: 1, bytes: usize::MAX, row_bytes: 0 };

/// How the core is to read the text of a scan.
pub(crate) fn text_options(plan: &ScanPlan, row_bytes_max: usize) -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    options.row_bytes_max = row_bytes_max;
    options.buffer_bytes = BUFFER_BYTES.min(row_bytes_max);
    options.infer_bytes = INFER_BYTES;
    options.header = plan.header;
    if plan.format == FileFormat::JsonLines {
        // Whole lines: the only field that is kept is not looked at.
        options.delimiter = 0;
        options.columns_max = 1;
        return options;
    }
    options.delimiter = plan.delimiter;
    options.quote = plan.quote;
    options.escape = plan.escape;
    options.nulls.clone_from(&plan.nulls);
    options.columns_max = crate::job::COLUMNS_MAX + 1;
    options
}

fn dialect_of(plan: &ScanPlan) -> Dialect {
    Dialect::of(plan.delimiter, plan.quote, plan.escape)
}

/// What a scan of such text holds beside its batch: a constant, and how many times the longest row.
pub(crate) fn text_bytes(plan: &ScanPlan) -> (usize, u64) {
    let buffers = dialect_of(plan).buffers();
    let places = Cutter::bytes() + plan.columns.len() * size_of::<[u32; 6]>();
    (TextBuffer::bytes_for(0, buffers) + places, 1 + buffers as u64)
}

/// Rows of delimited text.
pub(super) struct TextRows {
    plan: Arc<ScanPlan>,
    targets: Vec<Target>,
    /// Bytes of a row's cells of fixed width, with its line.
    row_bytes: usize,
    row_bytes_max: usize,
    written: Written,
    cutter: Cutter,
    scratch: Scratch,
    buffer: Option<TextBuffer>,
    holder: Holder,
}

impl TextRows {
    pub fn new(plan: &Arc<ScanPlan>, limits: Limits, holder: &Holder) -> Self {
        let dialect = dialect_of(plan);
        let targets: Vec<Target> = plan
            .wanted
            .iter()
            .map(|at| &plan.columns[*at])
            .map(|field| Target {
                ty: field.ty,
                nullable: field.nullable,
                name: field.name.as_str().into(),
                field: 0,
            })
            .collect();
        let row_bytes = targets.iter().map(|target| fixed_bytes(target.ty)).sum::<usize>() + 8;
        Self {
            plan: Arc::clone(plan),
            targets,
            row_bytes,
            row_bytes_max: limits.row_bytes,
            written: Written { dialect, nulls: NullMarks::new(&plan.nulls, dialect) },
            cutter: Cutter::new(dialect, limits.row_bytes),
            scratch: Scratch::default(),
            buffer: None,
            holder: holder.clone(),
        }
    }

    /// The names of the header, as they are to be looked for.
    fn header(&mut self, buffer: &mut TextBuffer) -> Result<Vec<String>> {
        let is_there = cut(&mut self.cutter, buffer, HEADER)?;
        if let Some((record, mut bad)) = self.cutter.take_bad() {
            if let Bad::Fault(fault) = &mut bad {
                fault.insert_str(0, "header: ");
            }
            return Err(bad_record(buffer.name(), record, &bad, 0, self.row_bytes_max));
        }
        if !is_there {
            let message = format!("{}: is empty, and should begin with a header", buffer.name());
            return Err(Error::invalid(message));
        }
        let bytes = buffer.rest()[..self.cutter.next()].to_vec();
        buffer.take(bytes.len());
        // The core knows what a header may be.
        let mut options = text_options(&self.plan, self.row_bytes_max);
        options.buffer_bytes = bytes.len();
        let source = Source::from_reader(buffer.name(), std::io::Cursor::new(bytes))?;
        let written = Records::new(source, &options)?.header()?.unwrap_or_default();
        let names = unique_names(written.iter().map(String::as_str));
        // All columns of the schema must be there, wanted or not.
        for field in &self.plan.columns {
            if !names.contains(&field.name) {
                let message = format!("the header has no column \"{}\"", field.name);
                let error = Error::not_found(message);
                return Err(at_line(buffer.name(), 1, &error).caused_by(error));
            }
        }
        Ok(names)
    }

    /// Adds the records that were cut, but those with a bad cell.
    fn take_records(
        &mut self,
        filled: &mut Filled,
        batch: &mut Batch,
        refusals: &mut Refusals,
    ) -> Result<()> {
        let Self { cutter, written, targets, scratch, buffer, .. } = self;
        let Some(buffer) = buffer else { return Ok(()) };
        let bytes = buffer.rest();
        let texts = targets.iter().any(|target| target.ty == Type::Text);
        let cells = Cells::new(bytes, cutter, written, texts);
        let count = cutter.records().len();
        let (mut at, mut stride) = (0, count);
        while at < count {
            let end = (at + stride).min(count);
            let refused = cells.add(at..end, targets, scratch, batch, filled.rows);
            let good = refused.as_ref().map_or(end, |(row, _)| *row);
            for record in &cutter.records()[at..good] {
                batch.places.push(record.line);
                filled.bytes += self.row_bytes + (record.end - record.start) as usize;
            }
            filled.rows += good - at;
            filled.taken += (good - at) as u64;
            at = good;
            stride *= 2;
            if let Some((row, error)) = refused {
                let record = cutter.records()[row];
                filled.taken += 1;
                let error = at_line(buffer.name(), record.line, &error).caused_by(error);
                refusals.refuse(error, &bytes[record.start as usize..record.end as usize])?;
                // Others may be bad as well: what stands behind them would be read again and again.
                (at, stride) = (row + 1, 1);
            }
        }
        Ok(())
    }
}

impl Rows for TextRows {
    fn begin(&mut self, source: Source) -> Result<()> {
        let buffers = self.written.dialect.buffers();
        let mut buffer = TextBuffer::open(source, self.row_bytes_max, buffers, &self.holder)?;
        self.cutter.begin_file();
        let names = if self.plan.header { Some(self.header(&mut buffer)?) } else { None };
        self.cutter.expect(names.as_ref().map_or(self.plan.columns.len(), Vec::len));
        for (target, at) in self.targets.iter_mut().zip(&self.plan.wanted) {
            let place = |names: &Vec<String>| names.iter().position(|name| **name == *target.name);
            let found = names.as_ref().map_or(Some(*at), place);
            target.field = found.expect("looked for in the header");
        }
        self.buffer = Some(buffer);
        Ok(())
    }

    fn fill(&mut self, batch: &mut Batch, room: Limits, refusals: &mut Refusals) -> Result<Filled> {
        let mut filled = Filled::default();
        while filled.rows < room.rows && filled.bytes < room.bytes {
            let Some(buffer) = &mut self.buffer else { break };
            let room = Room {
                rows: room.rows - filled.rows,
                bytes: room.bytes - filled.bytes,
                row_bytes: self.row_bytes,
            };
            let before = buffer.taken();
            if !cut(&mut self.cutter, buffer, room)? {
                filled.has_ended = true;
                self.buffer = None;
                break;
            }
            self.take_records(&mut filled, batch, refusals)?;
            let Some(buffer) = &mut self.buffer else { break };
            if let Some((record, bad)) = self.cutter.take_bad() {
                let count = self.cutter.count();
                let error = bad_record(buffer.name(), record, &bad, count, self.row_bytes_max);
                if matches!(bad, Bad::Long | Bad::Open) {
                    return Err(error);
                }
                filled.taken += 1;
                let range = Range { start: record.start as usize, end: record.end as usize };
                refusals.refuse(error, &buffer.rest()[range])?;
            }
            buffer.take(self.cutter.next());
            filled.text_bytes += buffer.taken() - before;
        }
        batch.set_rows(filled.rows);
        Ok(filled)
    }
}

/// Cuts the next records; false at the end of the file. One that no buffer has room for is a bad one.
fn cut(cutter: &mut Cutter, buffer: &mut TextBuffer, room: Room) -> Result<bool> {
    loop {
        cutter.cut(buffer.rest(), buffer.has_ended(), room);
        if cutter.has_some() {
            return Ok(true);
        }
        if buffer.has_ended() {
            return Ok(false);
        }
        if !buffer.read_on()? {
            cutter.refuse_long(buffer.rest().len());
            return Ok(true);
        }
    }
}

/// The error of a record that cannot be cut into what it should be.
#[cold]
fn bad_record(name: &str, record: Record, bad: &Bad, count: usize, most: usize) -> Error {
    let error = match bad {
        Bad::Count(found) => Error::invalid(format!("{found} fields instead of {count}")),
        Bad::Fault(fault) => Error::invalid(fault.clone()),
        Bad::Open => Error::invalid("a quoted field never ends"),
        Bad::Long => {
            let message = format!("the record is longer than {most} bytes (row_bytes_max)");
            Error::invalid(message).detail("row_bytes_max")
        }
    };
    at_line(name, record.line, &error).caused_by(error)
}

/// Puts `file:line: ` before an error, and both before its details.
#[cold]
fn at_line(name: &str, line: u64, error: &Error) -> Error {
    let placed = Error::new(error.kind(), format!("{name}:{line}: {error}"))
        .detail(name)
        .detail(line.to_string());
    error.details().iter().fold(placed, Error::detail)
}

//! Rows into a file.

use super::column_sink::ColumnSink;
use super::output::Output;
use super::table_sink::TableWriter;
use super::{Operator, OutputFacts, Shared};
use crate::batch::Field;
use crate::format::{Format, LineWriter, WriteOptions, line_writer, put};
use crate::job::{FileFormat, SINK_BUFFER_BYTES, SinkPlan};
use store_core::Result;
use store_core::mem::Reservation;

/// Lines that are written together.
const LINES_BYTES: usize = SINK_BUFFER_BYTES / 2;

/// Where the rows of a job end.
pub(crate) enum Sink {
    File(Box<FileSink>),
    Columns(Box<ColumnSink>),
    Table(Box<TableWriter>),
}

impl Sink {
    pub fn new(plan: &SinkPlan, fields: &[Field], step: usize, shared: &Shared) -> Result<Self> {
        Ok(match &plan.table {
            Some(table) => Self::Table(Box::new(TableWriter::new(table, step, shared))),
            None if plan.format.is_columnar() => {
                Self::Columns(Box::new(ColumnSink::new(plan, fields, step, shared)?))
            }
            None => Self::File(Box::new(FileSink::new(plan, fields, step, shared)?)),
        })
    }

    /// Takes one batch.
    pub fn take(&mut self, input: &dyn Operator) -> Result<()> {
        match self {
            Self::File(sink) => sink.take(input),
            Self::Columns(sink) => sink.take(input),
            Self::Table(sink) => sink.take(input),
        }
    }

    /// Makes the output whole; what a file has then.
    pub fn finish(self) -> Result<Option<OutputFacts>> {
        match self {
            Self::File(sink) => sink.finish().map(Some),
            Self::Columns(sink) => sink.finish().map(Some),
            Self::Table(sink) => sink.finish().map(|()| None),
        }
    }
}

/// Writes all rows of an operator to a file.
pub(crate) struct FileSink {
    output: Output,
    writer: Box<dyn LineWriter>,
    /// Lines that wait to be written.
    lines: Vec<u8>,
    step: usize,
    shared: Shared,
    _held: Reservation,
}

impl FileSink {
    pub fn new(plan: &SinkPlan, fields: &[Field], step: usize, shared: &Shared) -> Result<Self> {
        let held = shared.holder.reserve(2 * SINK_BUFFER_BYTES)?;
        let output = Output::create(&plan.destination)?;
        let options =
            WriteOptions { header: plan.header, null: plan.null.clone(), escape: plan.escape };
        let format = match plan.format {
            FileFormat::Csv => Format::Csv,
            FileFormat::JsonLines => Format::JsonLines,
            _ => Format::Tsv,
        };
        let mut writer = line_writer(format, &options);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let mut lines = Vec::new();
        writer.header(&names, &mut lines)?;
        Ok(Self { output, writer, lines, step, shared: shared.clone(), _held: held })
    }

    /// Makes lines of rows, for somebody who gives them back in another order.
    pub fn writer(&mut self) -> &mut dyn LineWriter {
        &mut *self.writer
    }

    /// Writes one batch.
    fn take(&mut self, input: &dyn Operator) -> Result<()> {
        let batch = input.batch();
        self.writer.begin(batch);
        for row in 0..batch.rows() {
            self.writer.line(batch, row, &mut self.lines)?;
            self.write_if(LINES_BYTES)?;
        }
        self.count(batch.rows() as u64);
        Ok(())
    }

    /// Writes a line that its writer made.
    pub fn take_line(&mut self, line: &[u8]) -> Result<()> {
        self.lines.extend_from_slice(line);
        self.write_if(LINES_BYTES)
    }

    /// Counts rows that were written.
    pub fn count(&self, rows: u64) {
        let counts = &self.shared.counts.steps[self.step];
        counts.took(rows);
        counts.gave(rows);
    }

    #[inline(always)]
    fn write_if(&mut self, bytes: usize) -> Result<()> {
        if self.lines.len() >= bytes {
            put(&mut self.output, &self.lines)?;
            self.lines.clear();
        }
        Ok(())
    }

    /// Makes the output whole.
    pub fn finish(mut self) -> Result<OutputFacts> {
        self.write_if(0)?;
        self.output.finish()
    }
}

//! Rows into a file.

use super::column_sink::ColumnSink;
use super::output::Output;
use super::table_sink::TableWriter;
use super::{Operator, OutputFacts, Shared};
use crate::batch::Field;
use crate::format::{Format, RowWriter, WriteOptions, row_writer};
use crate::job::{FileFormat, SINK_BUFFER_BYTES, SinkPlan};
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use store_core::mem::Reservation;
use store_core::{Result, ValueRef};

/// The output, which the writer writes to and the sink finishes.
#[derive(Clone)]
struct SharedOutput(Rc<RefCell<Output>>);

impl Write for SharedOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.borrow_mut().write_all(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

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
    output: SharedOutput,
    writer: Box<dyn RowWriter>,
    step: usize,
    shared: Shared,
    _held: Reservation,
}

impl FileSink {
    fn new(plan: &SinkPlan, fields: &[Field], step: usize, shared: &Shared) -> Result<Self> {
        let held = shared.holder.reserve(2 * SINK_BUFFER_BYTES)?;
        let output = SharedOutput(Rc::new(RefCell::new(Output::create(&plan.destination)?)));
        let options =
            WriteOptions { header: plan.header, null: plan.null.clone(), escape: plan.escape };
        let format = match plan.format {
            FileFormat::Csv => Format::Csv,
            FileFormat::JsonLines => Format::JsonLines,
            _ => Format::Tsv,
        };
        let mut writer = row_writer(format, &options, output.clone());
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        writer.header(&names)?;
        Ok(Self { output, writer, step, shared: shared.clone(), _held: held })
    }

    /// Writes one batch.
    fn take(&mut self, input: &dyn Operator) -> Result<()> {
        let batch = input.batch();
        let columns = batch.columns();
        let mut cells: Vec<ValueRef<'_>> = Vec::with_capacity(columns.len());
        for row in 0..batch.rows() {
            cells.clear();
            cells.extend(columns.iter().map(|column| column.get(row)));
            self.writer.row(&cells)?;
        }
        let counts = &self.shared.counts.steps[self.step];
        counts.took(batch.rows() as u64);
        counts.gave(batch.rows() as u64);
        Ok(())
    }

    /// Makes the output whole.
    fn finish(mut self) -> Result<OutputFacts> {
        self.writer.finish()?;
        self.output.0.borrow_mut().finish()
    }
}

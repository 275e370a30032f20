//! Rows into a file that has columns of its own.

use super::output::{Output, temporary_beside};
use super::{Operator, OutputFacts, Shared};
use crate::batch::Field;
use crate::format::{arrow, parquet};
use crate::job::{FileFormat, SINK_BATCHES, SINK_BUFFER_BYTES, SinkPlan};
use std::fs::File;
use std::path::PathBuf;
use store_core::Result;
use store_core::mem::Reservation;

/// Writes all rows of an operator to such a file.
pub(crate) struct ColumnSink {
    writer: Writer,
    destination: String,
    step: usize,
    shared: Shared,
    _held: Reservation,
}

enum Writer {
    Parquet(Box<parquet::FileWriter<Output>>),
    Arrow(Box<arrow::FileWriter<Output>>),
}

impl ColumnSink {
    pub fn new(plan: &SinkPlan, fields: &[Field], step: usize, shared: &Shared) -> Result<Self> {
        let limits = shared.limits();
        let more = SINK_BATCHES * limits.bytes;
        let least = match plan.format {
            FileFormat::Arrow => arrow::sink_bytes_min(fields),
            _ => parquet::Settings::bytes_min(fields),
        };
        // What a long row makes of a page is stated, and not there before it comes.
        let held = shared.holder.reserve(2 * SINK_BUFFER_BYTES + least + more)?;
        let output = Output::create(&plan.destination)?;
        let writer = if plan.format == FileFormat::Arrow {
            Writer::Arrow(Box::new(arrow::FileWriter::new(output, fields, more)?))
        } else {
            let settings = parquet::Settings::within(fields, least + more);
            let place = plan.destination.clone();
            let tail = Box::new(move || tail_file(&place));
            let writer = parquet::FileWriter::new(output, fields, settings, tail)?;
            Writer::Parquet(Box::new(writer))
        };
        let destination = plan.destination.clone();
        Ok(Self { writer, destination, step, shared: shared.clone(), _held: held })
    }

    /// Writes one batch.
    pub fn take(&mut self, input: &dyn Operator) -> Result<()> {
        let batch = input.batch();
        let written = match &mut self.writer {
            Writer::Parquet(writer) => writer.write(batch),
            Writer::Arrow(writer) => writer.write(batch),
        };
        written.map_err(|error| error.at(&self.destination))?;
        let counts = &self.shared.counts.steps[self.step];
        counts.took(batch.rows() as u64);
        counts.gave(batch.rows() as u64);
        Ok(())
    }

    /// Makes the output whole.
    pub fn finish(self) -> Result<OutputFacts> {
        let output = match self.writer {
            Writer::Parquet(writer) => writer.finish(),
            Writer::Arrow(writer) => writer.finish(),
        };
        output.map_err(|error| error.at(&self.destination))?.finish()
    }
}

/// A file without a name, on the disk of the output: it goes with its handle, whatever happens.
fn tail_file(destination: &str) -> std::io::Result<File> {
    let place = match destination {
        "-" => std::env::temp_dir().join("store-footer"),
        name => PathBuf::from(name),
    };
    let (file, temporary) = temporary_beside(&place)?;
    std::fs::remove_file(&temporary)?;
    Ok(file)
}

//! Rows of batches as lines of text.

use super::tsv::TsvLines;
use super::{Format, RowWriter, WriteOptions, row_writer};
use crate::batch::Batch;
use std::cell::RefCell;
use std::rc::Rc;
use store_core::{Result, ValueRef};

/// Makes a line of each row of a result.
pub(crate) trait LineWriter {
    /// Names the columns; appends a header line if the format has one and the options want it.
    fn header(&mut self, names: &[&str], out: &mut Vec<u8>) -> Result<()>;

    /// Rows of this batch follow.
    fn begin(&mut self, _batch: &Batch) {}

    /// Appends the line of a row, and its line end.
    fn line(&mut self, batch: &Batch, row: usize, out: &mut Vec<u8>) -> Result<()>;
}

/// Makes lines of a format.
pub(crate) fn line_writer(format: Format, options: &WriteOptions) -> Box<dyn LineWriter> {
    match format {
        Format::Tsv => Box::new(TsvLines::new(options)),
        _ => Box::new(Lines::new(format, options)),
    }
}

/// The lines of a [`RowWriter`].
struct Lines {
    writer: Box<dyn RowWriter>,
    written: Rc<RefCell<Vec<u8>>>,
}

struct Written(Rc<RefCell<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn new(format: Format, options: &WriteOptions) -> Self {
        let written = Rc::new(RefCell::new(Vec::new()));
        Self { writer: row_writer(format, options, Written(Rc::clone(&written))), written }
    }

    fn take(&self, out: &mut Vec<u8>) {
        out.append(&mut self.written.borrow_mut());
    }
}

impl LineWriter for Lines {
    fn header(&mut self, names: &[&str], out: &mut Vec<u8>) -> Result<()> {
        self.writer.header(names)?;
        self.take(out);
        Ok(())
    }

    fn line(&mut self, batch: &Batch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let cells: Vec<ValueRef<'_>> =
            batch.columns().iter().map(|column| column.get(row)).collect();
        self.writer.row(&cells)?;
        self.take(out);
        Ok(())
    }
}

//! Rows into a table: each is inserted, or written over the one with its key; a commit every so many.

use super::{Operator, Shared};
use crate::job::TableSink;
use store_core::{Error, Result, Txn, ValueRef};

/// Rows of a commit: amortises it, and keeps the write set small.
const COMMIT_ROWS: usize = 10_000;

pub(crate) struct TableWriter {
    sink: TableSink,
    step: usize,
    shared: Shared,
    txn: Option<Txn>,
    pending: usize,
    written: u64,
}

impl TableWriter {
    pub fn new(sink: &TableSink, step: usize, shared: &Shared) -> Self {
        Self { sink: sink.clone(), step, shared: shared.clone(), txn: None, pending: 0, written: 0 }
    }

    /// Writes one batch.
    pub fn take(&mut self, input: &dyn Operator) -> Result<()> {
        let batch = input.batch();
        let schema = self.sink.table.schema();
        let types: Vec<_> = self.sink.columns.iter().map(|at| schema.columns[*at].ty).collect();
        let mut cells: Vec<ValueRef<'_>> = Vec::with_capacity(types.len());
        for row in 0..batch.rows() {
            cells.clear();
            for (column, ty) in batch.columns().iter().zip(&types) {
                let cell =
                    column.get(row).coerce(*ty).map_err(|error| self.placed(&error, row, input))?;
                cells.push(cell);
            }
            let txn = match &mut self.txn {
                Some(txn) => txn,
                none => none.insert(self.sink.store.begin()?),
            };
            let put = self.sink.table.upsert_columns(txn, &self.sink.columns, &cells);
            if let Err(error) = put {
                return Err(self.placed(&error, row, input));
            }
            self.pending += 1;
            if self.pending == COMMIT_ROWS {
                self.commit()?;
            }
        }
        let counts = &self.shared.counts.steps[self.step];
        counts.took(batch.rows() as u64);
        counts.gave(batch.rows() as u64);
        Ok(())
    }

    /// What is wrong with a row, where it is, and what stays.
    fn placed(&self, error: &Error, row: usize, input: &dyn Operator) -> Error {
        let place = input.batch().places.name(row, self.written + self.pending as u64);
        let left = match self.written {
            0 => String::new(),
            rows => format!("; {rows} rows before it are written"),
        };
        Error::new(error.kind(), format!("{place}{error}{left}"))
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(txn) = self.txn.take() {
            txn.commit()?;
        }
        self.written += std::mem::take(&mut self.pending) as u64;
        Ok(())
    }

    /// Commits the last rows.
    pub fn finish(mut self) -> Result<()> {
        self.commit()
    }
}

//! The rows of a table as one snapshot sees them.

use super::{Operator, Shared};
use crate::batch::{Batch, Field, fixed_bytes};
use crate::job::TablePlan;
use store_core::mem::Reservation;
use store_core::{Cursor, Result, Snapshot, ValueRef};

pub(crate) struct TableScan {
    /// Columns by their position in the table.
    columns: Vec<usize>,
    /// Begun with the first batch.
    cursor: Option<Cursor<'static>>,
    plan: TablePlan,
    snapshot: Snapshot,
    step: usize,
    shared: Shared,
    batch: Batch,
    row_bytes: usize,
    ended: bool,
    _held: Reservation,
}

impl TableScan {
    pub fn new(plan: &TablePlan, fields: &[Field], step: usize, shared: &Shared) -> Result<Self> {
        let held = shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?;
        let schema = plan.table.schema();
        let columns: Result<Vec<usize>> =
            fields.iter().map(|field| schema.column_position(&field.name)).collect();
        Ok(Self {
            columns: columns?,
            cursor: None,
            snapshot: plan.store.snapshot()?,
            plan: plan.clone(),
            step,
            shared: shared.clone(),
            batch: Batch::new(fields),
            row_bytes: fields.iter().map(|field| fixed_bytes(field.ty)).sum(),
            ended: false,
            _held: held,
        })
    }
}

impl Operator for TableScan {
    fn advance(&mut self) -> Result<bool> {
        self.shared.tick()?;
        self.batch.clear();
        if self.ended {
            return Ok(false);
        }
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            none => none.insert(self.plan.table.query_at(&self.snapshot).run()?),
        };
        let limits = self.shared.limits();
        let (mut rows, mut bytes) = (0, 0);
        while rows < limits.rows && bytes < limits.fill_bytes() {
            let Some(row) = cursor.next()? else {
                self.ended = true;
                break;
            };
            for (at, column) in self.columns.iter().zip(self.batch.columns_mut()) {
                let cell = row.get(*at);
                bytes += match cell {
                    ValueRef::Text(text) => text.len(),
                    ValueRef::Bytes(text) => text.len(),
                    _ => 0,
                };
                column.push(cell)?;
            }
            bytes += self.row_bytes;
            rows += 1;
        }
        self.batch.set_rows(rows);
        let counts = &self.shared.counts;
        counts.scanned.fetch_add(rows as u64, std::sync::atomic::Ordering::Relaxed);
        counts.steps[self.step].took(rows as u64);
        counts.steps[self.step].gave(rows as u64);
        Ok(rows > 0)
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

//! Rows for which a condition is true.

use super::{Operator, Shared};
use crate::batch::{Batch, Field};
use crate::expr::{Bound, Evaluation};
use store_core::Result;
use store_core::mem::Reservation;
use store_core::planted::bug;

pub(crate) struct Filter {
    input: Box<dyn Operator>,
    condition: Bound,
    step: usize,
    shared: Shared,
    batch: Batch,
    picked: Vec<u32>,
    /// The batch of the input is given on: all its rows passed.
    through: bool,
    rows_before: u64,
    _held: Reservation,
}

impl Filter {
    pub fn new(
        input: Box<dyn Operator>,
        condition: Bound,
        fields: &[Field],
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let held = shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?;
        Ok(Self {
            input,
            condition,
            step,
            shared: shared.clone(),
            batch: Batch::new(fields),
            picked: Vec::new(),
            through: false,
            rows_before: 0,
            _held: held,
        })
    }
}

impl Operator for Filter {
    fn advance(&mut self) -> Result<bool> {
        let limits = self.shared.limits();
        loop {
            if !self.input.advance()? {
                return Ok(false);
            }
            let batch = self.input.batch();
            // Text on the way to a condition is gone when the next part of it is made.
            let mut run = Evaluation::new(limits.bytes + limits.row_bytes);
            run.rows(&self.condition, batch, &mut self.picked)
                .map_err(|fault| self.shared.fault(self.step, fault, batch, self.rows_before))?;
            let counts = &self.shared.counts.steps[self.step];
            let (rows, kept) = (batch.rows(), self.picked.len());
            self.rows_before += rows as u64;
            counts.took(rows as u64);
            counts.gave(kept as u64);
            if !bug("filtered_not_counted") {
                counts.filtered((rows - kept) as u64);
            }
            self.through = kept == rows;
            if self.through {
                return Ok(true);
            }
            if kept > 0 {
                self.batch.clear();
                self.batch.append_picked(batch, &self.picked)?;
                return Ok(true);
            }
        }
    }

    fn batch(&self) -> &Batch {
        if self.through { self.input.batch() } else { &self.batch }
    }
}

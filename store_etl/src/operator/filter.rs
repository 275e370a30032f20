//! Rows for which a condition is true.

use super::{Operator, Shared};
use crate::batch::{Batch, Field};
use crate::expr::{Bound, Evaluation, Fault};
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

impl Filter {
    /// Decides on a batch whose condition makes too much text on its way, some rows at a time.
    fn in_parts(&mut self) -> Result<()> {
        let batch = self.input.batch();
        let limits = self.shared.limits();
        let (mut at, mut stride) = (0, (batch.rows() / 2).max(1));
        let mut found = Vec::new();
        self.picked.clear();
        while at < batch.rows() {
            let end = (at + stride).min(batch.rows());
            self.batch.clear();
            self.batch.append_range(batch, at..end)?;
            let room = if stride == 1 { limits.row_bytes } else { limits.bytes };
            match Evaluation::new(room).rows(&self.condition, &self.batch, &mut found) {
                Ok(()) => {
                    self.picked.extend(found.iter().map(|row| at as u32 + row));
                    at = end;
                }
                Err(Fault::Room) if stride > 1 => stride /= 2,
                Err(fault) => {
                    let before = self.rows_before + at as u64;
                    return Err(self.shared.fault(self.step, fault, &self.batch, before));
                }
            }
        }
        Ok(())
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
            let mut run = Evaluation::new(limits.bytes + limits.row_bytes);
            match run.rows(&self.condition, batch, &mut self.picked) {
                Ok(()) => {}
                Err(Fault::Room) => self.in_parts()?,
                Err(fault) => {
                    return Err(self.shared.fault(self.step, fault, batch, self.rows_before));
                }
            }
            let batch = self.input.batch();
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

    fn prepare(&mut self) -> Result<()> {
        self.input.prepare()
    }

    fn batch(&self) -> &Batch {
        if self.through { self.input.batch() } else { &self.batch }
    }
}

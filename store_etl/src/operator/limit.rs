//! Some rows of the input; what comes after them is not read.

use super::{Operator, Shared};
use crate::batch::{Batch, Field};
use store_core::Result;
use store_core::mem::Reservation;

pub(crate) struct Limit {
    /// Gone once nothing of it is wanted.
    input: Option<Box<dyn Operator>>,
    skip: u64,
    left: u64,
    step: usize,
    shared: Shared,
    batch: Batch,
    _held: Reservation,
}

impl Limit {
    pub fn new(
        input: Box<dyn Operator>,
        [offset, rows]: [u64; 2],
        fields: &[Field],
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        Ok(Self {
            input: Some(input),
            skip: offset,
            left: rows,
            step,
            shared: shared.clone(),
            batch: Batch::new(fields),
            _held: shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?,
        })
    }
}

impl Operator for Limit {
    fn advance(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.input = None;
        }
        while let Some(input) = &mut self.input {
            if !input.advance()? {
                self.input = None;
                break;
            }
            let batch = input.batch();
            let rows = batch.rows() as u64;
            let from = self.skip.min(rows);
            let to = rows.min(from.saturating_add(self.left));
            self.skip -= from;
            self.left -= to - from;
            let counts = &self.shared.counts.steps[self.step];
            counts.took(rows);
            counts.gave(to - from);
            counts.filtered(rows - (to - from));
            if to > from {
                self.batch.clear();
                self.batch.append_range(batch, from as usize..to as usize)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn prepare(&mut self) -> Result<()> {
        match &mut self.input {
            Some(input) if self.left > 0 => input.prepare(),
            _ => Ok(()),
        }
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

//! The rows of one input after those of another.

use super::{Operator, Shared};
use crate::batch::Batch;
use store_core::Result;

pub(crate) struct Union {
    /// The one that is read is the last.
    inputs: Vec<Box<dyn Operator>>,
    step: usize,
    shared: Shared,
    empty: Batch,
}

impl Union {
    pub fn new(mut inputs: Vec<Box<dyn Operator>>, step: usize, shared: &Shared) -> Self {
        inputs.reverse();
        Self { inputs, step, shared: shared.clone(), empty: Batch::of_types([]) }
    }
}

impl Operator for Union {
    fn advance(&mut self) -> Result<bool> {
        while let Some(input) = self.inputs.last_mut() {
            if input.advance()? {
                let rows = input.batch().rows() as u64;
                self.shared.counts.steps[self.step].took(rows);
                self.shared.counts.steps[self.step].gave(rows);
                return Ok(true);
            }
            self.inputs.pop(); // with its memory
        }
        Ok(false)
    }

    fn prepare(&mut self) -> Result<()> {
        self.inputs.last_mut().map_or(Ok(()), |input| input.prepare())
    }

    fn batch(&self) -> &Batch {
        self.inputs.last().map_or(&self.empty, |input| input.batch())
    }
}

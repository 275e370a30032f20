//! Columns computed from columns.

use super::{Operator, Place, Shared};
use crate::batch::{Batch, Field};
use crate::expr::{Bound, Evaluation, Fault};
use store_core::Result;
use store_core::mem::Reservation;

pub(crate) struct Project {
    input: Box<dyn Operator>,
    items: Vec<Bound>,
    step: usize,
    /// Where its rows are counted.
    counts: usize,
    shared: Shared,
    batch: Batch,
    /// Rows whose text was too much at once, and how far they are.
    rest: Batch,
    at: usize,
    /// Rows at a time, of the rest.
    stride: usize,
    part: Batch,
    rows_before: u64,
    _held: Reservation,
}

impl Project {
    pub fn new(
        input: Box<dyn Operator>,
        items: Vec<Bound>,
        from: &[Field],
        fields: &[Field],
        Place { step, counts }: Place,
        shared: &Shared,
    ) -> Result<Self> {
        let bytes = shared.limits().resident_bytes(fields.len())
            + shared.limits().resident_bytes(from.len());
        Ok(Self {
            input,
            items,
            step,
            counts,
            shared: shared.clone(),
            batch: Batch::new(fields),
            rest: Batch::new(from),
            at: 0,
            stride: 0,
            part: Batch::new(from),
            rows_before: 0,
            _held: shared.holder.reserve(bytes)?,
        })
    }

    /// Computes the next rows of those that were put aside.
    fn go_on(&mut self) -> Result<()> {
        loop {
            let end = (self.at + self.stride).min(self.rest.rows());
            self.part.clear();
            self.part.append_range(&self.rest, self.at..end)?;
            let limits = self.shared.limits();
            // A single row may have all that a row may have.
            let room = if self.stride == 1 { limits.row_bytes } else { limits.bytes };
            match compute(&self.items, &self.part, &mut self.batch, room) {
                Ok(()) => {
                    self.at = end;
                    return Ok(());
                }
                Err(Fault::Room) if self.stride > 1 => self.stride /= 2,
                Err(fault) => {
                    let before = self.rows_before + self.at as u64;
                    return Err(self.shared.fault(self.step, fault, &self.part, before));
                }
            }
        }
    }

    fn count(&self) {
        let counts = &self.shared.counts.steps[self.counts];
        counts.took(self.batch.rows() as u64);
        counts.gave(self.batch.rows() as u64);
    }
}

fn compute(items: &[Bound], from: &Batch, to: &mut Batch, room: usize) -> Result<(), Fault> {
    to.clear();
    let mut run = Evaluation::new(room);
    for (nth, item) in items.iter().enumerate() {
        let column = run.column(item, from)?;
        to.replace_column(nth, column);
    }
    to.set_rows(from.rows());
    to.places.copy_from(&from.places);
    Ok(())
}

impl Operator for Project {
    fn advance(&mut self) -> Result<bool> {
        if self.at < self.rest.rows() {
            self.go_on()?;
            self.count();
            if self.at == self.rest.rows() {
                self.rows_before += self.rest.rows() as u64;
            }
            return Ok(true);
        }
        if !self.input.advance()? {
            return Ok(false);
        }
        let from = self.input.batch();
        let limits = self.shared.limits();
        match compute(&self.items, from, &mut self.batch, limits.bytes + limits.row_bytes) {
            Ok(()) => {
                self.rows_before += from.rows() as u64;
                self.count();
                Ok(true)
            }
            Err(Fault::Room) => {
                self.rest.clear();
                self.rest.append_range(from, 0..from.rows())?;
                (self.at, self.stride) = (0, (from.rows() / 2).max(1));
                self.advance()
            }
            Err(fault) => Err(self.shared.fault(self.step, fault, from, self.rows_before)),
        }
    }

    fn prepare(&mut self) -> Result<()> {
        self.input.prepare()
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

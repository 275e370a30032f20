//! Groups of rows: an [`Aggregator`] as a step.

use super::aggregate::{Aggregated, Aggregation, Aggregator};
use super::{HashNote, HashOptions, Operator, Shared};
use crate::batch::{Batch, Limits};
use store_core::Result;
use store_core::mem::Reservation;

pub(crate) struct GroupRows {
    /// What is to be grouped; gone once it was.
    input: Option<(Box<dyn Operator>, Aggregation, HashOptions)>,
    step: usize,
    shared: Shared,
    groups: Option<Aggregated>,
    batch: Batch,
    limits: Limits,
    has_ended: bool,
    _held: Reservation,
}

impl GroupRows {
    /// Groups the rows of the input. `limits` are those of a batch of groups.
    pub fn new(
        input: Box<dyn Operator>,
        plan: Aggregation,
        options: HashOptions,
        limits: Limits,
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let held = shared.holder.reserve(limits.resident_bytes(plan.fields().len()))?;
        Ok(Self {
            batch: Batch::new(plan.fields()),
            input: Some((input, plan, options)),
            step,
            shared: shared.clone(),
            groups: None,
            limits: Limits { bytes: limits.fill_bytes(), ..limits },
            has_ended: false,
            _held: held,
        })
    }

    /// Notes what was done, once all groups were given.
    fn end(&mut self) {
        let Some(groups) = self.groups.take() else { return };
        let stats = groups.stats();
        let counts = &self.shared.counts;
        counts.steps[self.step].merged(stats.grouped_rows, stats.groups);
        counts.note_hash(HashNote {
            step: self.step,
            rows: stats.rows,
            levels: stats.levels,
            stubborn: stats.sorted_parts,
            spill_bytes: stats.spill_bytes,
        });
        self.has_ended = true;
    }
}

impl Operator for GroupRows {
    fn prepare(&mut self) -> Result<()> {
        let Some((mut input, plan, options)) = self.input.take() else { return Ok(()) };
        input.prepare()?;
        let (spill, holder) = (self.shared.spill.clone(), &self.shared.holder);
        let mut aggregator = Aggregator::new(plan, options, spill, holder)?;
        while input.advance()? {
            let batch = input.batch();
            aggregator.push(batch)?;
            self.shared.counts.steps[self.step].took(batch.rows() as u64);
            self.shared.check_cancelled()?;
        }
        drop(input); // with its memory
        self.groups = Some(aggregator.finish()?);
        Ok(())
    }

    fn advance(&mut self) -> Result<bool> {
        self.prepare()?;
        self.shared.check_cancelled()?;
        self.batch.clear();
        if let Some(groups) = &mut self.groups
            && !groups.next(&mut self.batch, &self.limits)?
        {
            self.end();
        }
        self.shared.counts.steps[self.step].gave(self.batch.rows() as u64);
        Ok(!self.batch.is_empty())
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Rows whose groups nobody wanted are accounted for.
impl Drop for GroupRows {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.counts.steps[self.step].rest_is_filtered();
        }
    }
}

//! Each row once: a sort by all columns, of which the first of equal rows is given.

use super::sort::Sorted;
use super::sort_rows::{encoder, sort_all};
use super::{Operator, Place, Shared};
use crate::batch::{Batch, Field, decode_row};
use store_core::Result;
use store_core::mem::Reservation;
use store_core::query::{SortEncoder, SortKey};

pub(crate) struct Distinct {
    input: Option<Box<dyn Operator>>,
    encoder: SortEncoder,
    step: usize,
    shared: Shared,
    sorted: Option<Box<Sorted>>,
    /// The key of the row given last.
    last: Option<Vec<u8>>,
    batch: Batch,
    _held: Reservation,
}

impl Distinct {
    pub fn new(
        input: Box<dyn Operator>,
        fields: &[Field],
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let keys: Vec<SortKey> = (0..fields.len()).map(SortKey::ascending).collect();
        Ok(Self {
            input: Some(input),
            encoder: encoder(&keys, fields),
            step,
            shared: shared.clone(),
            sorted: None,
            last: None,
            batch: Batch::new(fields),
            _held: shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?,
        })
    }

    fn take(&mut self) -> Result<()> {
        let Some(mut input) = self.input.take() else { return Ok(()) };
        let place = Place { step: self.step, counts: self.step };
        self.sorted = Some(sort_all(&mut *input, &self.encoder, place, &self.shared)?);
        Ok(())
    }
}

impl Operator for Distinct {
    fn advance(&mut self) -> Result<bool> {
        self.take()?;
        self.shared.check_cancelled()?;
        self.batch.clear();
        let limits = self.shared.limits();
        let (mut bytes, mut equal) = (0, 0);
        while self.batch.rows() < limits.rows && bytes < limits.fill_bytes() {
            let Some(sorted) = &mut self.sorted else { break };
            let Some((key, payload)) = sorted.next()? else {
                self.sorted = None; // with its memory
                break;
            };
            match &mut self.last {
                Some(last) if last == key => {
                    equal += 1;
                    continue;
                }
                Some(last) => {
                    last.clear();
                    last.extend_from_slice(key);
                }
                None => self.last = Some(key.to_vec()),
            }
            bytes += payload.len();
            decode_row(payload, &mut self.batch)?;
        }
        let counts = &self.shared.counts.steps[self.step];
        counts.gave(self.batch.rows() as u64);
        counts.filtered(equal);
        Ok(!self.batch.is_empty())
    }

    fn prepare(&mut self) -> Result<()> {
        self.take()
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Rows that were sorted and that nobody wanted are accounted for.
impl Drop for Distinct {
    fn drop(&mut self) {
        self.shared.counts.steps[self.step].rest_is_filtered();
    }
}

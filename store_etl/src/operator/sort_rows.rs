//! Rows in order: keys encoded once, rows as opaque bytes, sorted by [`super::sort::Sorter`].

use super::sort::{Sorted, Sorter};
use super::top_k::{Taken, TopRows};
use super::{Operator, Place, Shared};
use crate::batch::{Batch, Field, decode_row, encode_row};
use store_core::mem::Reservation;
use store_core::query::{Cells, SortEncoder, SortKey};
use store_core::{Result, ValueRef};

/// A row of a batch.
pub(super) struct RowOf<'b> {
    pub batch: &'b Batch,
    pub row: usize,
}

impl Cells for RowOf<'_> {
    fn cell(&self, column: usize) -> ValueRef<'_> {
        self.batch.cell(self.row, column)
    }
}

/// The encoder of these keys.
pub(super) fn encoder(keys: &[SortKey], fields: &[Field]) -> SortEncoder {
    SortEncoder::of_types(keys.iter().map(|key| (*key, fields[key.column].ty)).collect())
}

/// Sorts all rows of the input by the encoder's keys.
pub(super) fn sort_all(
    input: &mut dyn Operator,
    encoder: &SortEncoder,
    Place { step, counts }: Place,
    shared: &Shared,
) -> Result<Box<Sorted>> {
    input.prepare()?;
    let options = shared.memory.sort_options();
    let mut sorter = Sorter::new(options, shared.spill.clone(), &shared.holder)?;
    let (mut key, mut payload) = (Vec::new(), Vec::new());
    while input.advance()? {
        let batch = input.batch();
        for row in 0..batch.rows() {
            key.clear();
            payload.clear();
            encoder.encode(&RowOf { batch, row }, &mut key)?;
            encode_row(batch, row, &mut payload);
            sorter.push(&key, &payload)?;
        }
        shared.counts.steps[counts].took(batch.rows() as u64);
        shared.check_cancelled()?;
    }
    let sorted = sorter.finish()?;
    shared.counts.note_sort(step, sorted.stats(), sorted.fan_in());
    Ok(Box::new(sorted))
}

pub(crate) struct Sort {
    input: Option<Box<dyn Operator>>,
    encoder: SortEncoder,
    limit: Option<u64>,
    step: usize,
    /// Where its rows are counted.
    counts: usize,
    shared: Shared,
    sorted: Option<Giving>,
    batch: Batch,
    _held: Reservation,
}

/// Where sorted rows come from.
enum Giving {
    Sorted(Box<Sorted>),
    /// The payloads of the first rows.
    Top {
        rows: std::vec::IntoIter<Vec<u8>>,
        _held: Reservation,
    },
}

impl Sort {
    pub fn new(
        input: Box<dyn Operator>,
        keys: &[SortKey],
        limit: Option<u64>,
        fields: &[Field],
        Place { step, counts }: Place,
        shared: &Shared,
    ) -> Result<Self> {
        Ok(Self {
            input: Some(input),
            encoder: encoder(keys, fields),
            limit,
            step,
            counts,
            shared: shared.clone(),
            sorted: None,
            batch: Batch::new(fields),
            _held: shared.holder.reserve(shared.limits().resident_bytes(fields.len()))?,
        })
    }

    /// Takes all of the input in.
    fn take(&mut self) -> Result<()> {
        let Some(mut input) = self.input.take() else { return Ok(()) };
        self.sorted = Some(if let Some(limit) = self.limit {
            self.take_top(&mut *input, limit)?
        } else {
            let place = Place { step: self.step, counts: self.counts };
            Giving::Sorted(sort_all(&mut *input, &self.encoder, place, &self.shared)?)
        });
        Ok(())
    }

    fn take_top(&self, input: &mut dyn Operator, limit: u64) -> Result<Giving> {
        if limit > 0 {
            input.prepare()?;
        }
        let mut top = TopRows::new(limit, &self.shared)?;
        let (mut key, mut payload) = (Vec::new(), Vec::new());
        let counts = &self.shared.counts.steps[self.counts];
        while limit > 0 && input.advance()? {
            let batch = input.batch();
            for row in 0..batch.rows() {
                key.clear();
                self.encoder.encode(&RowOf { batch, row }, &mut key)?;
                if top.wants(&key) {
                    payload.clear();
                    encode_row(batch, row, &mut payload);
                    top.push(&key, &payload)?;
                }
            }
            counts.took(batch.rows() as u64);
            self.shared.check_cancelled()?;
        }
        Ok(match top.finish()? {
            Taken::Few(rows, held) => Giving::Top { rows: rows.into_iter(), _held: held },
            Taken::Many(sorted) => {
                self.shared.counts.note_sort(self.step, sorted.stats(), sorted.fan_in());
                Giving::Sorted(sorted)
            }
        })
    }
}

impl Operator for Sort {
    fn advance(&mut self) -> Result<bool> {
        self.take()?;
        self.shared.check_cancelled()?;
        self.batch.clear();
        let limits = self.shared.limits();
        let mut bytes = 0;
        while self.batch.rows() < limits.rows && bytes < limits.fill_bytes() {
            let more = match &mut self.sorted {
                Some(Giving::Sorted(sorted)) => match sorted.next()? {
                    Some((_, payload)) => {
                        bytes += payload.len();
                        decode_row(payload, &mut self.batch)?;
                        true
                    }
                    None => false,
                },
                Some(Giving::Top { rows, .. }) => match rows.next() {
                    Some(payload) => {
                        bytes += payload.len();
                        decode_row(&payload, &mut self.batch)?;
                        true
                    }
                    None => false,
                },
                None => false,
            };
            if !more {
                self.sorted = None; // with its memory
                break;
            }
        }
        self.shared.counts.steps[self.counts].gave(self.batch.rows() as u64);
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
impl Drop for Sort {
    fn drop(&mut self) {
        self.shared.counts.steps[self.counts].rest_is_filtered();
    }
}

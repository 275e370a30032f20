//! Joined rows: a join as a step. One side is taken in, the other streams by.

use super::join::{Join, JoinBuild, Joined, Side};
use super::{HashNote, HashOptions, Operator, Shared};
use crate::batch::{Batch, Limits};
use store_core::Result;
use store_core::mem::Reservation;

/// Which side goes about its work first, where it needs all of its rows before it gives one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// The one that is taken in.
    Built,
    /// The one that streams by: what it gives waits until the other one was taken in.
    Streamed,
}

pub(crate) struct JoinRows {
    /// What is taken in; gone once it was.
    built: Option<(Box<dyn Operator>, Join, HashOptions)>,
    streamed: Option<Box<dyn Operator>>,
    /// A batch of the streaming side is being looked at.
    has_begun: bool,
    first: First,
    joined: Option<Joined>,
    step: usize,
    shared: Shared,
    batch: Batch,
    limits: Limits,
    has_ended: bool,
    _held: Reservation,
}

impl JoinRows {
    /// Joins left and right. `limits` are those of a batch of joined rows.
    pub fn new(
        [left, right]: [Box<dyn Operator>; 2],
        plan: Join,
        options: HashOptions,
        (first, limits): (First, Limits),
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let (built, streamed) = match plan.build() {
            Side::Left => (left, right),
            Side::Right => (right, left),
        };
        let held = shared.holder.reserve(limits.resident_bytes(plan.fields().len()))?;
        Ok(Self {
            batch: Batch::new(plan.fields()),
            built: Some((built, plan, options)),
            streamed: Some(streamed),
            has_begun: false,
            first,
            joined: None,
            step,
            shared: shared.clone(),
            limits: Limits { bytes: limits.fill_bytes(), ..limits },
            has_ended: false,
            _held: held,
        })
    }

    fn took(&self, rows: usize) {
        self.shared.counts.steps[self.step].took(rows as u64);
    }

    /// Goes on for a while; false at the end.
    fn go_on(&mut self) -> Result<bool> {
        let Some(joined) = &mut self.joined else { return Ok(false) };
        let Some(streamed) = &mut self.streamed else {
            let has_more = joined.rest(&mut self.batch, &self.limits)?;
            if !has_more {
                self.end();
            }
            return Ok(has_more);
        };
        if self.has_begun {
            self.has_begun = joined.next(streamed.batch(), &mut self.batch, &self.limits)?;
        } else if streamed.advance()? {
            joined.begin(streamed.batch());
            self.has_begun = true;
            let rows = streamed.batch().rows();
            self.took(rows);
        } else {
            self.streamed = None; // with its memory
        }
        Ok(true)
    }

    /// Notes what was done, once all rows were given.
    fn end(&mut self) {
        let Some(joined) = self.joined.take() else { return };
        let stats = joined.stats();
        let counts = &self.shared.counts;
        let rows = stats.left_rows + stats.right_rows;
        counts.steps[self.step].merged(rows, stats.rows);
        counts.note_hash(HashNote {
            step: self.step,
            rows,
            levels: stats.levels,
            stubborn: stats.nested,
            spill_bytes: stats.spill_bytes,
        });
        self.has_ended = true;
    }

    fn is_full(&self) -> bool {
        self.batch.rows() >= self.limits.rows || self.batch.data_bytes() >= self.limits.bytes
    }
}

impl Operator for JoinRows {
    fn prepare(&mut self) -> Result<()> {
        let Some((mut built, plan, options)) = self.built.take() else { return Ok(()) };
        if let (First::Streamed, Some(streamed)) = (self.first, &mut self.streamed) {
            streamed.prepare()?;
        }
        let (spill, holder) = (self.shared.spill.clone(), &self.shared.holder);
        built.prepare()?;
        let mut build = JoinBuild::new(plan, options, spill, holder)?;
        while built.advance()? {
            let batch = built.batch();
            build.push(batch)?;
            self.took(batch.rows());
            self.shared.check_cancelled()?;
        }
        drop(built); // with its memory
        self.joined = Some(build.finish()?);
        Ok(())
    }

    fn advance(&mut self) -> Result<bool> {
        self.prepare()?;
        self.batch.clear();
        loop {
            self.shared.check_cancelled()?;
            if !self.go_on()? || self.is_full() {
                break;
            }
        }
        let rows = self.batch.rows();
        // Rows that were put aside have no place.
        self.batch.places.settle(rows);
        self.shared.counts.steps[self.step].gave(rows as u64);
        Ok(rows > 0)
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Rows whose partners nobody wanted are accounted for.
impl Drop for JoinRows {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.counts.steps[self.step].rest_is_filtered();
        }
    }
}

//! Joins: rows of two inputs whose keys are equal, within a given memory.
//!
//! ```text
//!  right ─► partitions by hash ── all fit ────────────► table of all of them ◄── left rows, streaming
//!               │ largest ones put aside                      │
//!               ▼                                             ▼ of partitions put aside
//!             file                                          file
//!               └─── pair by pair: the smaller side in memory, the other streams ───┘
//!                    too large: both again, with another hash; one heavy key: block by block
//! ```
//!
//! A hybrid hash join (Graefe 1993): what fits stays in memory and is never written. NULL equals nothing.
//! Rows come in no order. The output has the columns of the left input and then those of the right; a key
//! that is called the same on both sides comes once, with the value of the side that has the row.
//! Semi and anti joins have the left columns only.

mod bind;
mod dictionary;
mod hashed;
mod load;
mod pairs;
mod record;
mod sizes;
mod walk;

#[cfg(test)]
mod tests;

pub use bind::{Join, JoinKind, Shape, Side};

use crate::batch::{Batch, Limits};
use crate::operator::HashOptions;
use hashed::Hashed;
use store_core::segment::Spill;
use store_core::{Holder, Result};

/// What a join has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinStats {
    /// Rows taken from the left input.
    pub left_rows: u64,
    /// Rows taken from the right input.
    pub right_rows: u64,
    /// Rows given out.
    pub rows: u64,
    /// How often rows were partitioned, at most; 1 if all of the right input fitted.
    pub levels: u32,
    /// Pairs of partitions joined block by block, because hashes did not make them smaller.
    pub nested: u64,
    /// Bytes written to files, all of them.
    pub spill_bytes: u64,
}

/// Takes the right input in.
///
/// ```
/// use store_core::{MemoryBudget, Type};
/// use store_etl::batch::{Batch, Field, Limits};
/// use store_etl::operator::HashOptions;
/// use store_etl::operator::join::{Join, JoinBuild, JoinKind};
///
/// let flights = [Field::new("flight", Type::Text), Field::new("origin", Type::Text)];
/// let airports = [Field::new("code", Type::Text), Field::new("city", Type::Text)];
/// let plan = Join::bind(&flights, &airports, &[(1, 0)], JoinKind::Left, None)?;
/// let mut out = Batch::new(plan.fields());
/// let options = HashOptions::within(1 << 20, 1000);
/// let mut build = JoinBuild::new(plan, options, None, &MemoryBudget::new(1 << 20).holder("job"))?;
/// let mut right = Batch::new(&airports);
/// right.push_row(&["KAUS".into(), "Austin".into()])?;
/// build.push(&right)?;
///
/// let mut join = build.finish()?;
/// let mut left = Batch::new(&flights);
/// left.push_row(&["UAL123".into(), "KAUS".into()])?;
/// let limits = Limits { rows: 100, bytes: 10_000, row_bytes: 1000 };
/// join.begin(&left);
/// while join.next(&left, &mut out, &limits)? {} // a full batch would be read and cleared here
/// while join.rest(&mut out, &limits)? {}
/// assert_eq!(out.cell(0, 3), "Austin".into());
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct JoinBuild(Box<Hashed>);

/// Takes the left input and gives the rows.
#[derive(Debug)]
pub struct Joined(Box<Hashed>);

impl JoinBuild {
    /// Takes the memory. Without a place to spill to, what does not fit is `OverBudget`.
    pub fn new(
        plan: Join,
        options: HashOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        Ok(Self(Box::new(Hashed::new(plan, &options, spill, holder)?)))
    }

    /// Takes right rows in.
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        self.0.push_right(batch)
    }

    /// Ends the right input.
    pub fn finish(mut self) -> Result<Joined> {
        self.0.finish_right()?;
        Ok(Joined(self.0))
    }
}

impl Joined {
    /// Begins with the next left rows.
    pub fn begin(&mut self, left: &Batch) {
        self.0.begin_left(left);
    }

    /// Adds the results of these left rows until the output is full; false when there are no more of
    /// them, and another batch may begin.
    pub fn next(&mut self, left: &Batch, out: &mut Batch, limits: &Limits) -> Result<bool> {
        self.0.next_of_left(left, out, limits)
    }

    /// After the last left rows: adds some of what remains, until the output is full; false at the end. It
    /// comes back after each piece of work, so that whoever wants to stop can.
    pub fn rest(&mut self, out: &mut Batch, limits: &Limits) -> Result<bool> {
        self.0.rest(out, limits)
    }

    /// What was done so far.
    pub fn stats(&self) -> JoinStats {
        self.0.stats()
    }
}

//! Aggregation: a row for each group, within a given memory.
//!
//! Counts, sums, means, extremes, deviations and first and last values have states of fixed width and are
//! aggregated by hash (`hashed.rs`); COUNT DISTINCT, MEDIAN, `STRING_AGG` and extremes of texts need their
//! values in order and are aggregated by one sort (`sorted.rs`). Memory is cut up before the first row
//! (`sizes.rs`). Results do not depend on it.
//!
//! | | of whole numbers | of decimals | of floats |
//! |---|---|---|---|
//! | SUM | int64 of int16 and int32, decimal(38,0) of int64 | 38 digits | float64 |
//! | AVG | float64 | six more digits | float64 |
//! | MEDIAN | float64 | as AVG | float64 |
//! | STDDEV, VARIANCE | float64 | float64 | float64 |
//!
//! A sum that does not fit its type is an error, whatever the order of the rows; every other result of no
//! values is NULL, and a count 0. NULL is a group of its own.

mod exact;
mod function;
mod hashed;
mod layout;
mod plan;
mod result;
mod sizes;
mod sorted;
mod state;
mod table;

#[cfg(test)]
mod tests;

pub use function::{Call, Function};
pub use plan::Aggregation;

use crate::batch::{Batch, Limits};
use crate::operator::HashOptions;
use hashed::Hashed;
use sorted::{SortInput, SortedGroups};
use store_core::mem::WorkArea;
use store_core::segment::Spill;
use store_core::{Error, Holder, Kind, Result};

/// What an aggregation has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AggregateStats {
    /// Rows taken in.
    pub rows: u64,
    /// Rows added to their groups; all of them at the end.
    pub grouped_rows: u64,
    /// Groups given out.
    pub groups: u64,
    /// Rows that went through partitions, counted once for each level.
    pub partitioned_rows: u64,
    /// How often rows were partitioned, at most.
    pub levels: u32,
    /// Partitions that were sorted because hashes did not take them apart.
    pub sorted_parts: u64,
    /// Bytes written to files, all of them.
    pub spill_bytes: u64,
}

/// Takes rows in.
///
/// ```
/// use store_core::{MemoryBudget, Type, query};
/// use store_etl::batch::{Batch, Field, Limits};
/// use store_etl::operator::HashOptions;
/// use store_etl::operator::aggregate::{Aggregation, Aggregator, Call, Function};
///
/// let input = [Field::new("origin", Type::Text), Field::new("altitude", Type::Int32)];
/// let max = Call::new(Function::Table(query::Function::Max), Some(1), "highest");
/// let plan = Aggregation::bind(&input, &[0], vec![max])?;
/// let mut out = Batch::new(plan.fields());
/// let options = HashOptions::within(1 << 20, 1000);
/// let holder = MemoryBudget::new(1 << 20).holder("job");
/// let mut aggregator = Aggregator::new(plan, options, None, &holder)?;
/// let mut rows = Batch::new(&input);
/// rows.push_row(&["KAUS".into(), 31_000.into()])?;
/// rows.push_row(&["KAUS".into(), 35_000.into()])?;
/// aggregator.push(&rows)?;
/// let mut groups = aggregator.finish()?;
/// let limits = Limits { rows: 100, bytes: 10_000, row_bytes: 1000 };
/// groups.next(&mut out, &limits)?;
/// assert_eq!((out.rows(), out.cell(0, 1)), (1, 35_000.into()));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Aggregator {
    plan: Aggregation,
    way: Way,
    holder: Holder,
    row_bytes: usize,
    rows: u64,
}

#[derive(Debug)]
enum Way {
    Hash(Box<Hashed>),
    Sort(Box<SortWay>),
}

#[derive(Debug)]
struct SortWay {
    input: SortInput,
    scratch: WorkArea,
    starts: Vec<u32>,
    rows: u64,
}

/// Gives the groups, in no order.
#[derive(Debug)]
pub struct Aggregated {
    plan: Aggregation,
    from: From,
    rows: u64,
    groups: u64,
    empty: bool,
    failed: bool,
}

#[derive(Debug)]
enum From {
    Hash(Box<Hashed>),
    Sort(Box<SortedGroups>),
}

impl Aggregator {
    /// Takes the memory. Without a place to spill to, what does not fit is `OverBudget`.
    pub fn new(
        plan: Aggregation,
        options: HashOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let way = if plan.sorts() {
            Way::Sort(Box::new(SortWay::new(&plan, &options, spill, holder)?))
        } else {
            Way::Hash(Box::new(Hashed::new(&plan, &options, spill, holder)?))
        };
        Ok(Self { plan, way, holder: holder.clone(), row_bytes: options.row_bytes, rows: 0 })
    }

    /// Takes the rows of a batch in. They have positions in the order in which they come.
    pub fn push(&mut self, batch: &Batch) -> Result<()> {
        match &mut self.way {
            Way::Hash(hashed) => hashed.push(&self.plan, batch)?,
            Way::Sort(sort) => sort.push(&self.plan, batch)?,
        }
        self.rows += batch.rows() as u64;
        Ok(())
    }

    /// Ends the input.
    pub fn finish(self) -> Result<Aggregated> {
        let Self { plan, way, holder, row_bytes, rows } = self;
        let from = match way {
            Way::Hash(mut hashed) => {
                hashed.finish(&plan);
                From::Hash(hashed)
            }
            Way::Sort(sort) => {
                let SortWay { input, .. } = *sort;
                From::Sort(Box::new(input.finish(&plan, row_bytes, &holder)?))
            }
        };
        Ok(Aggregated {
            empty: plan.keys == 0 && rows == 0,
            plan,
            from,
            rows,
            groups: 0,
            failed: false,
        })
    }
}

impl SortWay {
    fn new(
        plan: &Aggregation,
        options: &HashOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let row = plan.layout.record_max(options.row_bytes);
        let memory = options.memory.saturating_sub(Self::fixed(plan, options));
        Ok(Self {
            input: SortInput::new(memory, row, options.run, spill, holder)?,
            scratch: WorkArea::map(Self::scratch_bytes(row), holder)?,
            starts: Vec::new(),
            rows: 0,
        })
    }

    fn scratch_bytes(row: usize) -> usize {
        row.max(layout::CHUNK_ROWS * 16).next_multiple_of(4096)
    }

    /// What it holds beside the sort.
    fn fixed(plan: &Aggregation, options: &HashOptions) -> usize {
        let row = plan.layout.record_max(options.row_bytes);
        let groups = SortInput::group_bytes(plan.sections.len(), options.row_bytes);
        Self::scratch_bytes(row) + groups + layout::CHUNK_ROWS * 8
    }

    fn memory_min(plan: &Aggregation, options: &HashOptions) -> usize {
        let row = plan.layout.record_max(options.row_bytes);
        Self::fixed(plan, options) + SortInput::memory_min(row, options.run)
    }

    fn push(&mut self, plan: &Aggregation, batch: &Batch) -> Result<()> {
        let mut row = 0;
        while row < batch.rows() {
            plan.layout.encode(batch, row, self.rows, &mut self.scratch, &mut self.starts)?;
            self.rows += self.starts.len() as u64;
            let rows = row..row + self.starts.len();
            self.input.push(plan, batch, rows.clone(), &self.scratch, &self.starts)?;
            row = rows.end;
        }
        Ok(())
    }
}

impl Aggregated {
    /// Adds groups to the batch until it is full; false when there are no more. The batch has the
    /// columns of [`Aggregation::fields`].
    pub fn next(&mut self, out: &mut Batch, limits: &Limits) -> Result<bool> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::new(Kind::Closed, "the aggregation failed before"));
        }
        let before = out.rows();
        let has_more = match &mut self.from {
            From::Hash(hashed) => hashed.next(&self.plan, out, limits)?,
            From::Sort(sorted) => sorted.next(&self.plan, out, limits)?,
        };
        if std::mem::take(&mut self.empty) && matches!(self.from, From::Sort(_)) {
            self.plan.push_empty(out)?;
        }
        self.groups += (out.rows() - before) as u64;
        self.failed = false;
        Ok(has_more)
    }

    /// What was done so far.
    pub fn stats(&self) -> AggregateStats {
        let stats = match &self.from {
            From::Hash(hashed) => hashed.stats(),
            From::Sort(sorted) => AggregateStats {
                spill_bytes: sorted.stats().spill_bytes,
                grouped_rows: sorted.rows(),
                ..AggregateStats::default()
            },
        };
        AggregateStats { rows: self.rows, groups: self.groups, ..stats }
    }
}

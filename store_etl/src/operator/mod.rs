//! Operators of jobs: each within memory that it is given, whatever its input.
//!
//! Rows are pulled: whoever wants some asks the operator below to `advance` and then looks at
//! its batch, which is its own until it is asked again. Each operator reserves what it stated before it
//! allocates, and counts its rows.

pub mod aggregate;
mod ahead;
mod column_scan;
mod column_sink;
mod counts;
mod distinct;
mod filter;
mod group_rows;
mod hash_sizes;
pub mod join;
mod join_rows;
mod json_scan;
mod key;
mod limit;
mod line_sort;
mod output;
mod pool;
mod project;
mod scan;
mod sink;
pub mod sort;
mod sort_rows;
mod table_scan;
mod table_sink;
mod text;
mod told;
mod top_k;
mod union;
mod written_sort;

pub(crate) use ahead::{AHEAD_BATCHES, AHEAD_THREAD_BYTES, Ahead};
pub(crate) use column_scan::ColumnScan;
pub(crate) use counts::{Counts, HashNote, RowCounts};
pub(crate) use distinct::Distinct;
pub(crate) use filter::Filter;
pub(crate) use group_rows::GroupRows;
pub use hash_sizes::HashOptions;
pub(crate) use join_rows::{First, JoinRows};
pub(crate) use json_scan::json_columns;
pub(crate) use limit::Limit;
pub(crate) use line_sort::sort_lines;
pub(crate) use output::{OutputFacts, sync_directory, temporary_beside};
pub(crate) use project::Project;
pub(crate) use scan::{InputDigest, Scan};
pub(crate) use sink::{FileSink, Sink};
pub(crate) use sort_rows::Sort;
pub(crate) use table_scan::TableScan;
pub(crate) use text::{text_bytes, text_options};
pub(crate) use told::{Telling, Told};
pub(crate) use union::Union;
pub(crate) use written_sort::WrittenSort;

use crate::batch::{Batch, Limits};
use crate::expr::Fault;
use crate::job::MemoryPlan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use store_core::segment::Spill;
use store_core::{Error, Holder, Kind, Result};

/// Gives rows, batch by batch.
pub(crate) trait Operator {
    /// Moves to the next batch, which is not empty; false at the end.
    fn advance(&mut self) -> Result<bool>;

    /// The batch that it moved to.
    fn batch(&self) -> &Batch;

    /// Takes in all that must be there before it gives a first row, so that what only that needs is gone
    /// before others begin. Nothing changes but the order of the work.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What was read of each file, in order.
pub(crate) type Digests = Arc<parking_lot::Mutex<Vec<Arc<InputDigest>>>>;

/// Which step of a job an operator is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its number, for errors.
    pub step: usize,
    /// Where its rows are counted: beside all steps if it is only a part of one.
    pub counts: usize,
}

/// What all operators of a job share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub memory: Arc<MemoryPlan>,
    pub holder: Holder,
    pub spill: Option<Spill>,
    pub cancelled: Arc<AtomicBool>,
    pub counts: Arc<Counts>,
    pub names: Arc<[String]>,
    pub digests: Digests,
}

impl Shared {
    pub fn limits(&self) -> Limits {
        self.memory.limits
    }

    /// Between two batches: tells how far the job is, and ends it if somebody wants that.
    pub fn tick(&self) -> Result<()> {
        told::tell(&self.counts);
        self.check_cancelled()
    }

    /// An error if somebody wants the job to end.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) {
            return Err(Error::new(Kind::Cancelled, "the job was cancelled"));
        }
        Ok(())
    }

    /// What went wrong with a row of a batch, with its place and the step.
    pub fn fault(&self, step: usize, fault: Fault, batch: &Batch, rows_before: u64) -> Error {
        let name = &self.names[step];
        match fault {
            Fault::Row { row, error } => {
                let place = batch.places.name(row, rows_before);
                let message = format!("{place}step {} ({name}): {error}", step + 1);
                Error::new(error.kind(), message).caused_by(error)
            }
            Fault::Room => {
                let most = self.limits().row_bytes;
                let place = batch.places.name(0, rows_before);
                let message = format!(
                    "{place}step {} ({name}): makes more than {most} bytes of text for one row, which is \
                     the most within {} bytes of memory; raise the memory",
                    step + 1,
                    self.memory.cap
                );
                Error::new(Kind::OverBudget, message)
            }
            Fault::Failed(error) => error,
        }
    }
}

//! What a query did: the plan's estimate beside what was read.

use std::fmt;
use std::time::Duration;

/// What [`super::Query::analyze`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Analysis {
    /// The way to the rows, how many were expected there, and why it was chosen: what
    /// [`super::Query::explain`] says.
    pub way: String,
    /// Rows that were read there and put to the filter.
    pub rows_read: u64,
    /// Rows that matched it, before the offset.
    pub rows_matched: u64,
    /// Rows that the query gave.
    pub rows_given: u64,
    /// The time from planning to the last row.
    pub elapsed: Duration,
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, rows_read, rows_matched, rows_given, elapsed } = self;
        let elapsed = elapsed.as_secs_f64() * 1000.0;
        write!(
            f,
            "{way}; read {rows_read}, matched {rows_matched}, gave {rows_given} rows in {elapsed:.3} ms"
        )
    }
}

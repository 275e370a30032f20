//! Running a query: rows by the chosen path, checked one by one at one snapshot.
//!
//! ```text
//! Plan ─► Candidates (row numbers, in batches) ─► read at the snapshot ─► filter ─► limit ─► RowRef
//!                                                                          └► top-k by encoded sort key
//! ```
//!
//! A cursor holds no lock and no epoch guard between calls; its snapshot alone keeps its rows.

mod candidates;
mod read;
mod run;

pub use read::{Reader, RowRef};
pub use run::Cursor;

pub(crate) use read::ReadSource;

use crate::error::{Error, Result};
use crate::query::{AccessPath, Filter, PlanInput, Predicate, SortKey, SortName};
use crate::query::{Plan, parse_sort};
use crate::query::{bind_sort, counting_ranges, plan};
use crate::txn::{Engine, LiveTable, Rows, SecondaryIndex};
use candidates::estimate;
use std::sync::Arc;

/// A question about one table, at one snapshot or inside one transaction.
///
/// ```
/// # use store_core::query::column;
/// # let (store, flights) = store_core::doctest::flights();
/// let snapshot = store.snapshot()?;
/// let query = flights.query(&snapshot).filter(column("altitude").ge(30_000)).sort(&["-altitude"])?;
/// println!("{}", query.explain()?);
/// assert_eq!(query.limit(1).run()?.next()?.unwrap().get(0).to_string(), "UAL123");
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct Query<'a> {
    table: Arc<LiveTable>,
    /// The table's store, which the reader's must be.
    engine: Arc<Engine>,
    source: ReadSource<'a>,
    predicate: Predicate,
    sort: Vec<SortName>,
    limit: Option<u64>,
    offset: u64,
}

/// A query bound to its table's schema.
struct Bound {
    filter: Filter,
    sort: Vec<SortKey>,
    plan: Plan,
    /// The index that the plan walks.
    index: Option<Arc<SecondaryIndex>>,
}

impl<'a> Query<'a> {
    pub(crate) fn new(engine: Arc<Engine>, table: Arc<LiveTable>, source: ReadSource<'a>) -> Self {
        Self {
            table,
            engine,
            source,
            predicate: Predicate::all(),
            sort: Vec::new(),
            limit: None,
            offset: 0,
        }
    }

    /// Keeps the rows for which the predicate is true; several calls must all hold.
    pub fn filter(mut self, predicate: Predicate) -> Self {
        self.predicate = self.predicate.and(predicate);
        self
    }

    /// Orders the rows, `"-column"` descending; NULLs come last either way and ties follow the key.
    pub fn sort<W: AsRef<str>>(mut self, columns: &[W]) -> Result<Self> {
        let words: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        self.sort = parse_sort(&words)?;
        Ok(self)
    }

    /// Gives at most this many rows. Without a sort it may be any of them.
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Leaves out the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.offset = rows;
        self
    }

    /// Starts the query; a sorted one reads all its rows here.
    pub fn run(self) -> Result<Cursor<'a>> {
        let bound = self.bind()?;
        Cursor::start(self, bound)
    }

    /// How many rows match, after offset and limit.
    ///
    /// If the filter is a range of an index, or several, and nothing about the index is unsettled at
    /// the reader's snapshot, this counts its blocks' entries and reads no row.
    pub fn count(mut self) -> Result<u64> {
        self.sort.clear();
        let (limit, offset) = (self.limit.take(), std::mem::take(&mut self.offset));
        let matched = match self.count_entries()? {
            Some(entries) => entries,
            None => self.run()?.count_all()?,
        };
        let left = matched.saturating_sub(offset);
        Ok(limit.map_or(left, |limit| left.min(limit)))
    }

    /// One line: the way to the rows, and why.
    pub fn explain(&self) -> Result<String> {
        Ok(self.bind()?.plan.reason)
    }

    /// How many rows match, if an index tells it.
    fn count_entries(&self) -> Result<Option<u64>> {
        let at = self.source.at().at;
        let (filter, _, counted) = self.look(|input, rows| {
            let (index, ranges) = counting_ranges(input)?;
            let index = &rows.indexes[index];
            let count = || ranges.iter().map(|range| estimate(index, range)).sum();
            rows.settled.count(at, &index.tree, count)
        })?;
        if counted.is_some() {
            self.source.note_range(&self.table.data, &filter);
        }
        Ok(counted)
    }

    fn bind(&self) -> Result<Bound> {
        let (filter, sort, (plan, index)) = self.look(|input, rows| {
            let plan = plan(input);
            let index = match plan.path {
                AccessPath::Index { index, .. } => Some(Arc::clone(&rows.indexes[index])),
                _ => None,
            };
            (plan, index)
        })?;
        Ok(Bound { filter, sort, plan, index })
    }

    /// Binds the question and shows it with the table's indexes now; a change of these waits
    /// meanwhile.
    fn look<T>(
        &self,
        look: impl FnOnce(&PlanInput<'_>, &Rows) -> T,
    ) -> Result<(Filter, Vec<SortKey>, T)> {
        if !Arc::ptr_eq(self.source.engine(), &self.engine) {
            return Err(Error::invalid("the snapshot or transaction belongs to another store"));
        }
        let rows = self.table.share();
        let schema = &*rows.schema;
        let filter = self.predicate.bind(schema)?;
        let sort = bind_sort(&self.sort, schema)?;
        let estimates =
            |index: usize, range: &crate::query::KeyRange| estimate(&rows.indexes[index], range);
        let at = self.source.at().at;
        let serves = |index: usize| rows.indexes[index].serves(at);
        let input = PlanInput {
            filter: &filter,
            schema,
            sort: &sort,
            serves: &serves,
            estimates: &estimates,
            table_rows: rows.primary.len(),
            overlay: self.source.has_writes(),
        };
        let found = look(&input, &rows);
        Ok((filter, sort, found))
    }
}

#[cfg(test)]
mod tests;

//! Running a query: rows by the chosen path, checked one by one at one snapshot.
//!
//! ```text
//! Plan ─► Candidates (row numbers, in batches) ─► read at the snapshot ─► filter ─► limit ─► RowRef
//!                                                                          └► top-k by encoded sort key
//! ```
//!
//! A cursor holds no lock and no epoch guard between calls; its snapshot alone keeps its rows.

mod analysis;
mod batches;
mod by_page;
mod candidates;
mod group_table;
mod groups;
mod poll;
mod read;
mod run;

pub use analysis::Analysis;
pub use batches::{Batches, ColumnBatch};
pub use groups::Groups;
pub use read::{Reader, RowRef};
pub use run::Cursor;

pub(crate) use read::ReadSource;
pub(crate) use run::RowNumbers;

use crate::error::{Error, Result};
use crate::mem::budget::Reservation;
use crate::options::THREADS_MAX;
use crate::query::{
    AccessPath, Filter, PlanInput, Predicate, RowCount, SortKey, SortName, bind_sort,
    counting_ranges, plan,
};
use crate::query::{Plan, Reason, behind, complete_sort, parse_sort};
use crate::txn::{Engine, LiveTable, Rows, SecondaryIndex};
use crate::value::Value;
use candidates::estimate;
use poll::Question;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

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
    /// As the reader sees it, or why there is none.
    table: Result<Arc<LiveTable>>,
    /// The table's store, which the reader's must be.
    engine: Arc<Engine>,
    source: ReadSource<'a>,
    predicate: Predicate,
    sort: Vec<SortName>,
    limit: Option<u64>,
    offset: u64,
    threads: u32,
    /// Scan these pages only, whatever the filter.
    pages: Option<Range<u32>>,
    /// Leave the cold rows out.
    without_cold: bool,
    /// The place in the order behind which the rows lie.
    after: Option<Vec<Value>>,
    /// The index that must be walked.
    index: Option<String>,
    poll: Option<Question<'a>>,
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
    pub(crate) fn new(
        engine: Arc<Engine>,
        table: Result<Arc<LiveTable>>,
        source: ReadSource<'a>,
    ) -> Self {
        Self {
            table,
            engine,
            source,
            predicate: Predicate::all(),
            sort: Vec::new(),
            limit: None,
            offset: 0,
            threads: 1,
            pages: None,
            without_cold: false,
            after: None,
            index: None,
            poll: None,
        }
    }

    /// Keeps the rows for which the predicate is true; several calls must all hold.
    pub fn filter(mut self, predicate: Predicate) -> Self {
        self.predicate = self.predicate.and(predicate);
        self
    }

    /// Orders the rows, `"-column"` descending; NULLs come last either way and ties follow the key.
    pub fn sort<W: AsRef<str>>(mut self, columns: &[W]) -> Result<Self> {
        self.sort = parse_sort(columns)?;
        Ok(self)
    }

    /// Orders the rows by these columns, by name; what [`Query::sort`] reads from words.
    pub fn sort_by(mut self, order: Vec<SortName>) -> Self {
        self.sort = order;
        self
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

    /// Lets [`Query::aggregate`] scan on so many threads, the caller's among them: 1 unless this is
    /// called, at most [`THREADS_MAX`](crate::options::THREADS_MAX). Inside a transaction, and with a
    /// question to [`Query::poll`], it is one.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads.clamp(1, THREADS_MAX);
        self
    }

    /// Gives only rows that come behind this place in the order: the values of the sort columns, then
    /// those of the key columns that are not among them, as the last row of another query had them.
    ///
    /// Reading on so costs nothing for the rows before it where an index serves the order, unlike an
    /// offset, and no row is given twice or left out, whatever was inserted or deleted meanwhile.
    /// Without a sort, or with too few values, the query fails when it runs.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let snapshot = store.snapshot()?;
    /// let page = || flights.query(&snapshot).sort(&["-altitude"]).map(|query| query.limit(1));
    /// let mut first = page()?.run()?;
    /// let last = first.next()?.unwrap();
    /// let (altitude, id) = (flights.schema().column_position("altitude")?, 0);
    /// let place = [last.get(altitude).to_owned(), last.get(id).to_owned()];
    /// let mut second = page()?.after(place).run()?;
    /// assert!(second.next()?.is_none(), "there is one flight only");
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn after(mut self, place: impl Into<Vec<Value>>) -> Self {
        self.after = Some(place.into());
        self
    }

    /// Walks this index whatever the planner thinks of it. An index that is not there, or that
    /// neither filter nor sort can use, is an error when the query runs; so is one that was made after
    /// the reader's snapshot.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.index = Some(name.into());
        self
    }

    /// Asks about every so many rows looked at, matching or not, whether to go on; false ends the
    /// query with [`crate::Kind::Cancelled`].
    ///
    /// Rows are counted by pages and batches, so it is asked a little late, and costs nothing
    /// between. Rows already gathered are sorted without asking.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// # let snapshot = store.snapshot()?;
    /// let stopped = flights.query(&snapshot).poll(1, || false).run()?.next().map(drop);
    /// assert_eq!(stopped.unwrap_err().kind(), store_core::Kind::Cancelled);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn poll(mut self, every: u64, go_on: impl FnMut() -> bool + 'a) -> Self {
        self.poll = Some(Question::new(every, Box::new(go_on)));
        self
    }

    /// Leaves cold rows out.
    pub(crate) fn in_memory(mut self) -> Self {
        self.without_cold = true;
        self
    }

    /// Leaves the rows in memory out.
    pub(crate) fn cold_only(mut self) -> Self {
        self.pages = Some(0..0);
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
        if let Some(behind) = self.behind(&bind_sort(&self.sort, &self.table()?.data.schema)?)? {
            (self.predicate, self.after) = (self.predicate.and(behind), None);
        }
        self.sort.clear();
        let (limit, offset) = (self.limit.take(), std::mem::take(&mut self.offset));
        let matched = match self.count_entries()? {
            Some(entries) => entries,
            None => self.batches_of(&[])?.count()?,
        };
        let left = matched.saturating_sub(offset);
        Ok(limit.map_or(left, |limit| left.min(limit)))
    }

    /// The numbers of the rows, in order, after offset and limit.
    pub(crate) fn row_numbers(self) -> Result<RowNumbers> {
        self.run()?.into_row_numbers(Reservation::grow)
    }

    /// The same to delete them, which must be possible when the budget is used up.
    pub(crate) fn row_numbers_to_delete(self) -> Result<RowNumbers> {
        let grow = |held: &mut Reservation, by| held.grow(by).or_else(|_| held.grow_urgent(by));
        self.run()?.into_row_numbers(grow)
    }

    /// One line: the way to the rows, about how many there are, and why.
    pub fn explain(&self) -> Result<String> {
        Ok(self.bind()?.plan.reason.to_string())
    }

    /// Runs the query to its end and says what it read, beside what [`Query::explain`] says.
    ///
    /// Costs more than the query: rows are looked at one by one.
    ///
    /// ```
    /// # use store_core::query::column;
    /// # let (store, flights) = store_core::doctest::flights();
    /// # let snapshot = store.snapshot()?;
    /// let analysis = flights.query(&snapshot).filter(column("altitude").ge(30_000)).analyze()?;
    /// assert!(analysis.rows_read >= analysis.rows_matched);
    /// println!("{analysis}");
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn analyze(self) -> Result<Analysis> {
        let began = Instant::now();
        let mut bound = self.bind()?;
        let way = bound.plan.reason.to_string();
        let (read, matched) = (RowCount::default(), RowCount::default());
        bound.filter = bound.filter.counted(&read, &matched);
        let mut cursor = Cursor::start(self, bound)?;
        let mut rows_given = 0;
        while cursor.next()?.is_some() {
            rows_given += 1;
        }
        let (rows_read, rows_matched) = (read.count(), matched.count());
        Ok(Analysis { way, rows_read, rows_matched, rows_given, elapsed: began.elapsed() })
    }

    fn table(&self) -> Result<&Arc<LiveTable>> {
        self.table.as_ref().map_err(Error::again)
    }

    /// What [`Query::after`] demands.
    fn behind(&self, sort: &[SortKey]) -> Result<Option<Predicate>> {
        let Some(place) = &self.after else { return Ok(None) };
        if sort.is_empty() {
            return Err(Error::invalid("rows behind a place need an order: give the query a sort"));
        }
        let schema = &self.table()?.data.schema;
        behind(&complete_sort(sort, &schema.key), place, schema).map(Some)
    }

    /// How many rows match, if an index tells it.
    fn count_entries(&self) -> Result<Option<u64>> {
        let at = self.source.at().at;
        let (filter, _, counted) = self.look(|input, rows| {
            let Some((index, ranges)) = counting_ranges(input) else { return Ok(None) };
            let index = &rows.indexes[index];
            let count = || ranges.iter().map(|range| estimate(index, range)).sum();
            Ok(rows.settled.count(at, &index.tree, count))
        })?;
        if counted.is_some() {
            self.source.note_range(&self.table()?.data, &filter);
        }
        Ok(counted)
    }

    fn bind(&self) -> Result<Bound> {
        let (filter, sort, (plan, index)) = self.look(|input, rows| {
            if self.pages.is_some() {
                let reason = Reason::plain("scan: a part of it");
                return Ok((Plan { path: AccessPath::Scan, reason }, None));
            }
            let plan = plan(input)?;
            let index = match plan.path {
                AccessPath::Index { index, .. } => Some(Arc::clone(&rows.indexes[index])),
                _ => None,
            };
            Ok((plan, index))
        })?;
        Ok(Bound { filter, sort, plan, index })
    }

    /// Binds the question and shows it with the table's indexes now; a change of these waits
    /// meanwhile.
    fn look<T>(
        &self,
        look: impl FnOnce(&PlanInput<'_>, &Rows) -> Result<T>,
    ) -> Result<(Filter, Vec<SortKey>, T)> {
        let rows = self.table()?.share();
        let schema = &*rows.schema;
        let sort = bind_sort(&self.sort, schema)?;
        let filter = match self.behind(&sort)? {
            None => self.predicate.bind(schema)?,
            Some(behind) => self.predicate.clone().and(behind).bind(schema)?,
        };
        let hint = self.index.as_ref().map(|name| schema.index_position(name));
        let estimates = |index: usize, range: &crate::query::KeyRange| {
            let index = &rows.indexes[index];
            estimate(index, range) + rows.cold.estimate(schema, &index.spec, range)
        };
        let at = self.source.at().at;
        let serves = |index: usize| rows.indexes[index].serves(at);
        let input = PlanInput {
            filter: &filter,
            schema,
            sort: &sort,
            serves: &serves,
            estimates: &estimates,
            table_rows: rows.primary.len() + rows.cold.rows(),
            hint: hint.transpose()?,
            // Cold rows come after those in memory, not in the order of an index.
            overlay: self.source.has_writes() || !rows.cold.is_empty(),
        };
        let found = look(&input, &rows)?;
        Ok((filter, sort, found))
    }
}

#[cfg(test)]
mod tests;

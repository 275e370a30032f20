//! Queries whose rows come as structs.

use super::Record;
use super::column::TypedPredicate;
use super::order::TypedSort;
use crate::cursor::{Analysis, Cursor, Groups, Query};
use crate::error::Result;
use crate::query::{Aggregate, SortName};
use crate::value::Value;
use std::marker::PhantomData;

/// A question about the table of one [`Record`]: a [`Query`] whose rows come as structs.
///
/// ```
/// # use store_core::{Record, Store};
/// # #[derive(Record)]
/// # struct Flight { #[record(key)] id: i32, altitude: i32 }
/// # let store = Store::in_memory()?;
/// # let flights = store.table::<Flight>()?;
/// # let flight = |id| Flight { id, altitude: id };
/// # store.write(|txn| (0..3).try_for_each(|id| flights.insert(txn, &flight(id))))?;
/// let snapshot = store.snapshot()?;
/// let climbing = || flights.query(&snapshot).filter(Flight::ALTITUDE.ge(1));
/// for flight in climbing().sort(Flight::ALTITUDE.desc()).run()? {
///     println!("{}", flight?.id);
/// }
/// assert_eq!(climbing().count()?, 2);
/// assert!(climbing().filter(Flight::ID.gt(2)).first()?.is_none());
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct TypedQuery<'r, R> {
    query: Query<'r>,
    sort: Vec<TypedSort<R>>,
}

impl<'r, R: Record> TypedQuery<'r, R> {
    pub(super) fn new(query: Query<'r>) -> Self {
        Self { query, sort: Vec::new() }
    }

    /// Keeps the rows for which the predicate is true; several calls must all hold.
    ///
    /// Takes what a [`TypedColumn`](super::TypedColumn) makes, or an untyped
    /// [`Predicate`](crate::query::Predicate).
    pub fn filter(mut self, predicate: impl Into<TypedPredicate<R>>) -> Self {
        self.query = self.query.filter(predicate.into().untyped());
        self
    }

    /// Orders the rows by a column: `Flight::LAT.desc()`, or a word like `"-lat"`. A further call
    /// breaks ties; the last ones follow the key.
    ///
    /// A word that names no column is an error when the query runs.
    pub fn sort(mut self, column: impl Into<TypedSort<R>>) -> Self {
        self.sort.push(column.into());
        self
    }

    /// Gives at most this many rows. Without a sort it may be any of them.
    pub fn limit(mut self, rows: u64) -> Self {
        self.query = self.query.limit(rows);
        self
    }

    /// Leaves out the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.query = self.query.offset(rows);
        self
    }

    /// Gives only rows that come behind this place in the order; see [`Query::after`].
    pub fn after(mut self, place: impl Into<Vec<Value>>) -> Self {
        self.query = self.query.after(place);
        self
    }

    /// Walks this index whatever the planner thinks of it; see [`Query::index`].
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.query = self.query.index(name);
        self
    }

    /// Asks about every so many rows looked at whether to go on; see [`Query::poll`].
    pub fn poll(mut self, every: u64, go_on: impl FnMut() -> bool + 'r) -> Self {
        self.query = self.query.poll(every, go_on);
        self
    }

    /// Lets [`TypedQuery::aggregate`] scan on so many threads; see [`Query::threads`].
    pub fn threads(mut self, threads: u32) -> Self {
        self.query = self.query.threads(threads);
        self
    }

    /// Every row at once; [`TypedQuery::run`] holds one at a time.
    ///
    /// The vector belongs to the caller and is not part of the memory budget.
    pub fn collect(self) -> Result<Vec<R>> {
        self.run()?.collect()
    }

    /// The first row, if there is one; without a sort it may be any of them.
    pub fn first(self) -> Result<Option<R>> {
        self.limit(1).run()?.next().transpose()
    }

    /// Starts the query; a sorted one reads all its rows here.
    pub fn run(self) -> Result<TypedCursor<'r, R>> {
        let cursor = self.sorted()?.run()?;
        Ok(TypedCursor { cursor, ended: false, record: PhantomData })
    }

    /// How many rows match, after offset and limit.
    pub fn count(self) -> Result<u64> {
        self.sorted()?.count()
    }

    /// Computes aggregates by groups; see [`Query::aggregate`]. A sort is by columns of the record that
    /// are among those grouped by.
    pub fn aggregate<N: AsRef<str>>(self, by: &[N], aggregates: &[Aggregate]) -> Result<Groups> {
        self.sorted()?.aggregate(by, aggregates)
    }

    /// One line: the way to the rows, about how many there are, and why.
    pub fn explain(self) -> Result<String> {
        self.sorted()?.explain()
    }

    /// Runs the query and says what it read; see [`Query::analyze`].
    pub fn analyze(self) -> Result<Analysis> {
        self.sorted()?.analyze()
    }

    fn sorted(self) -> Result<Query<'r>> {
        let sort: Result<Vec<SortName>> = self.sort.into_iter().map(TypedSort::into_sort).collect();
        Ok(self.query.sort_by(sort?))
    }
}

/// The records of a query, one after another, all at one snapshot; ends after an error.
pub struct TypedCursor<'r, R> {
    cursor: Cursor<'r>,
    ended: bool,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Iterator for TypedCursor<'_, R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        if self.ended {
            return None;
        }
        let row = self.cursor.next().and_then(|row| row.map(|row| R::from_row(&row)).transpose());
        self.ended = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

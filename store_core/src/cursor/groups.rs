//! Aggregates of a query's rows, by groups.
//!
//! ```text
//! batches of columns ─► group of each row ─► states of the groups ─► sorted by the group's values
//! ```
//!
//! Groups are told apart by their encoded values, whose order is the result's; NULLs are one group.

use super::group_table::GroupTable;
use super::{Query, ReadSource};
use crate::error::{Error, Kind, Result};
use crate::mem::budget::Reservation;
use crate::planted;
use crate::query::{AccessPath, Aggregate, BoundAggregate, SortKey, SortName, compare_rows};
use crate::schema::Schema;
use crate::txn::Snapshot;
use crate::value::Value;
use std::ops::Range;
use std::sync::Arc;

/// The groups of a query's rows and what was computed of them; made by [`Query::aggregate`].
///
/// ```
/// # use store_core::query::Aggregate;
/// # let (store, flights) = store_core::doctest::flights();
/// let snapshot = store.snapshot()?;
/// let wanted = [Aggregate::count(), Aggregate::avg("altitude")];
/// let groups = flights.query(&snapshot).aggregate(&["origin"], &wanted)?;
/// assert_eq!(groups.names(), ["origin", "count", "avg_altitude"]);
/// for row in groups.rows() {
///     println!("{}: {} flights at {}", row[0].as_ref(), row[1].as_ref(), row[2].as_ref());
/// }
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Groups {
    names: Vec<String>,
    rows: Vec<Vec<Value>>,
    /// What the rows hold.
    _held: Reservation,
}

impl Groups {
    /// What the values of a row are called: the columns grouped by, then the aggregates.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A row for each group, ordered by the columns grouped by unless the query was sorted.
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }
}

impl Query<'_> {
    /// Computes the aggregates of the rows that match, for each group of rows with equal values in
    /// the columns `by`; without such columns all rows are one group, also if there are none.
    ///
    /// A sort, limit and offset of the query apply to the groups, by the names of the result. Takes
    /// memory for each group, and for each different value of a `count(distinct …)`; a result that
    /// does not fit in the budget is [`Kind::OverBudget`](crate::Kind::OverBudget).
    pub fn aggregate<N: AsRef<str>>(
        mut self,
        by: &[N],
        aggregates: &[Aggregate],
    ) -> Result<Groups> {
        let schema = &self.table()?.data.schema;
        let position = |name: &N| schema.column_position(name.as_ref());
        let by: Vec<usize> = by.iter().map(position).collect::<Result<_>>()?;
        let bound = aggregates.iter().map(|aggregate| aggregate.bind(schema));
        let bound: Vec<BoundAggregate> = bound.collect::<Result<_>>()?;
        let names = result_names(schema, &by, aggregates)?;
        let sort = bind_result_sort(&std::mem::take(&mut self.sort), &names)?;
        let (limit, offset) = (self.limit.take(), std::mem::take(&mut self.offset));
        let (mut rows, held) = self.groups(&by, &bound)?.finish()?;
        if !sort.is_empty() {
            rows.sort_by(|a, b| compare_rows(&sort, &a[..], &b[..])); // stable: ties follow the group's values
        }
        rows.drain(..rows.len().min(usize::try_from(offset).unwrap_or(usize::MAX)));
        rows.truncate(
            limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        );
        Ok(Groups { names, rows, _held: held })
    }
}

impl Query<'_> {
    /// The groups of all rows, found on as many threads as wanted.
    fn groups(self, by: &[usize], aggregates: &[BoundAggregate]) -> Result<GroupTable> {
        if self.threads > 1
            && self.poll.is_none()
            && let Some(snapshot) = self.source.snapshot()
            && self.bind()?.plan.path == AccessPath::Scan
        {
            return self.groups_of_parts(snapshot, by, aggregates);
        }
        let mut table = GroupTable::new(&self, by, aggregates)?;
        let mut batches = self.batches_of(&table.columns)?;
        while let Some(batch) = batches.next()? {
            table.add(batch)?;
        }
        Ok(table)
    }

    fn groups_of_parts(
        &self,
        snapshot: &Snapshot,
        by: &[usize],
        aggregates: &[BoundAggregate],
    ) -> Result<GroupTable> {
        let (engine, live, predicate) = (&self.engine, self.table()?, &self.predicate);
        let part = &|pages: Range<u32>, without_cold: bool| {
            let source = ReadSource::Snapshot(snapshot);
            let mut query = Query::new(Arc::clone(engine), Ok(Arc::clone(live)), source);
            (query.predicate, query.pages) = (predicate.clone(), Some(pages));
            query.without_cold = without_cold;
            query.groups(by, aggregates)
        };
        let mut parts = live.data.versions.page_parts(self.threads).into_iter();
        let own = parts.next().expect("there is at least one part");
        std::thread::scope(|scope| {
            let others = parts.map(|pages| {
                let thread = std::thread::Builder::new().name("store-scan".to_owned());
                let work = pages.clone();
                (pages, thread.spawn_scoped(scope, move || part(work, true)))
            });
            let others: Vec<_> = others.collect();
            let mut table = part(own, false)?;
            for (pages, thread) in others {
                if planted::bug("part_left_out") {
                    continue;
                }
                let found = match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|_| Err(panicked())),
                    Err(_) => part(pages, true), // no more threads to be had
                };
                table.merge(found?)?;
            }
            Ok(table)
        })
    }
}

#[cold]
fn panicked() -> Error {
    Error::new(Kind::Error, "a thread that scanned a part of the table panicked")
}

/// The names of the result's values; two that are the same are an error.
fn result_names(schema: &Schema, by: &[usize], aggregates: &[Aggregate]) -> Result<Vec<String>> {
    let columns = by.iter().map(|at| schema.columns[*at].name.clone());
    let names: Vec<String> = columns.chain(aggregates.iter().map(Aggregate::name)).collect();
    if names.is_empty() {
        return Err(Error::invalid("nothing to compute: name an aggregate, such as count(*)"));
    }
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(Error::invalid(format!(
                "two results are called \"{name}\": give one of them another name, as in \
                 count(*) as n"
            )));
        }
    }
    Ok(names)
}

/// The order of the result's rows, by positions of its values.
fn bind_result_sort(sort: &[SortName], names: &[String]) -> Result<Vec<SortKey>> {
    let bind = |sort: &SortName| {
        let column = names.iter().position(|name| *name == sort.name).ok_or_else(|| {
            let known = names.join(", ");
            Error::invalid(format!("no result is called \"{}\": they are {known}", sort.name))
        })?;
        Ok(SortKey { column, descending: sort.descending, nulls: sort.nulls })
    };
    sort.iter().map(bind).collect()
}

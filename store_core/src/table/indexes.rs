//! Making, dropping and asking indexes.

use super::Table;
use crate::cursor::{Query, Reader};
use crate::error::Result;
use crate::indexing;
use crate::query::column;
use crate::schema::{IndexSpec, Schema};
use crate::value::Value;

impl Table {
    /// Makes an index of the rows that are there, while others read and write; returns when it is
    /// complete and durable.
    ///
    /// Takes the table's rows in batches, each at a snapshot of its own, and stops nobody. Snapshots
    /// older than the last of these do without the index. It waits for transactions that wrote to
    /// this table before and have not ended ([`Kind::Busy`](crate::Kind::Busy) if they do not within
    /// [`IndexSpec::patience`]), so it cannot be called inside one. If rows have equal values, a
    /// unique index is refused with the keys of two of them. After any error nothing is left.
    ///
    /// ```
    /// # use store_core::IndexSpec;
    /// # let (store, flights) = store_core::doctest::flights();
    /// flights.create_index(&IndexSpec::on(&["origin", "altitude"]))?;
    /// let snapshot = store.snapshot()?;
    /// let query = flights.query(&snapshot).sort(&["origin"])?;
    /// assert!(query.explain()?.starts_with("index `origin+altitude`"));
    /// flights.drop_index("origin+altitude")?;
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.create_index_with(spec, &mut |_| true)
    }

    /// The same with a look at the rows entered so far, before each batch of some 65,536 and at the
    /// end; if `progress` gives false it ends with [`Kind::Cancelled`](crate::Kind::Cancelled).
    pub fn create_index_with(
        &self,
        spec: &IndexSpec,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<()> {
        indexing::create(&self.engine, &self.live, spec, progress)
    }

    /// Drops the index of this name; durable when this returns. Queries that walk it go on, and its
    /// memory comes back when they, and every snapshot that is open now, have ended.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        indexing::drop_index(&self.engine, &self.live, name)
    }

    /// The lowest and the highest value of the index of this name among the rows that the reader
    /// sees, one cell for each of its columns; `None` if there are no rows. Rows that are NULL in
    /// its first column do not count.
    ///
    /// Reads the rows at both ends.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let (lowest, highest) = flights.index_span(&store.snapshot()?, "altitude")?.unwrap();
    /// assert_eq!((lowest, highest), (vec![35_000.into()], vec![35_000.into()]));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn index_span<R: Reader>(
        &self,
        reader: &R,
        name: &str,
    ) -> Result<Option<(Vec<Value>, Vec<Value>)>> {
        let schema = self.schema();
        let columns = &schema.index(name)?.columns;
        let lowest = self.end_of(reader, schema, columns, "")?;
        let highest = self.end_of(reader, schema, columns, "-")?;
        Ok(lowest.zip(highest))
    }

    /// The cells of the first row in the order of these columns.
    fn end_of<R: Reader>(
        &self,
        reader: &R,
        schema: &Schema,
        columns: &[usize],
        direction: &str,
    ) -> Result<Option<Vec<Value>>> {
        let name = |at: &usize| schema.columns[*at].name.as_str();
        let order: Vec<String> =
            columns.iter().map(|at| format!("{direction}{}", name(at))).collect();
        let query: Query<'_> = self.query(reader).filter(column(name(&columns[0])).is_not_null());
        let mut cursor = query.sort(&order)?.limit(1).run()?;
        let row = cursor.next()?;
        Ok(row.map(|row| columns.iter().map(|at| row.get(*at).to_owned()).collect()))
    }
}

//! Adding and dropping columns.

use super::{Demands, Table};
use crate::altering;
use crate::cursor::Reader;
use crate::error::Result;
use crate::options::CHANGE_PATIENCE;
use crate::schema::{ColumnSpec, Schema};
use std::sync::Arc;

impl Table {
    /// Adds a column behind the others, while others read; durable when this returns. Rows that are
    /// there get its default, or NULL.
    ///
    /// Snapshots older than the change see the table as it was, by every handle, and so does a
    /// transaction begun before: it gets [`Kind::Conflict`](crate::Kind::Conflict) if it wants to write
    /// to the table then, as [`Store::write`](crate::Store::write) retries. Transactions that have written to it are waited for
    /// ([`Kind::Busy`](crate::Kind::Busy) if they do not end within [`ColumnSpec::patience`]), so this
    /// cannot be called inside one; others wait with their first write. Typed tables are to be opened
    /// again.
    ///
    /// All rows are copied, so for that time the table needs its memory twice, until the last
    /// snapshot from before has ended. After any error nothing has changed.
    ///
    /// ```
    /// # use store_core::{ColumnSpec, Type};
    /// # let (store, flights) = store_core::doctest::flights();
    /// let before = store.snapshot()?;
    /// flights.add_column(&ColumnSpec::new("squawk", Type::Int32).notnull().default(2000))?;
    /// let row = |at| Ok::<_, store_core::Error>(flights.get(at, &["UAL123".into()])?.unwrap().to_values());
    /// assert_eq!(row(&before)?.len(), 3);
    /// assert_eq!(row(&store.snapshot()?)?[3], 2000.into());
    /// flights.drop_column("squawk")?;
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn add_column(&self, spec: &ColumnSpec) -> Result<()> {
        self.add_column_with(spec, &mut |_| true)
    }

    /// The same with a look at the rows copied so far, before each batch of some 65,536 and at the
    /// end; if `progress` gives false it ends with [`Kind::Cancelled`](crate::Kind::Cancelled).
    pub fn add_column_with(
        &self,
        spec: &ColumnSpec,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<()> {
        altering::add_column(&self.engine, &self.edition, spec, progress)
    }

    /// Drops the column of this name, as [`Table::add_column`] adds one. One that is in the key or in
    /// an index is refused, and so is the last one.
    pub fn drop_column(&self, name: &str) -> Result<()> {
        self.drop_column_with(name, &mut |_| true)
    }

    /// The same with a look at the rows copied so far; see [`Table::add_column_with`].
    pub fn drop_column_with(
        &self,
        name: &str,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<()> {
        altering::drop_column(&self.engine, &self.edition, name, CHANGE_PATIENCE, progress)
    }

    /// The table's columns, key and indexes as this reader sees the table: columns that were added or
    /// dropped after its moment are not, or still, there.
    pub fn schema_at<R: Reader>(&self, reader: &R) -> Result<&Schema> {
        self.check_reader(reader)?;
        self.edition_at(reader.source().at().at).map(|edition| edition.schema())
    }

    /// A handle bound to the columns that this reader sees, for calls by position: a reader or writer
    /// to whom the table has others, after or before a change, gets [`Kind::Invalid`](crate::Kind::Invalid).
    ///
    /// ```
    /// # use store_core::{ColumnSpec, Type};
    /// # let (store, flights) = store_core::doctest::flights();
    /// let bound = flights.bound_at(&store.snapshot()?)?;
    /// flights.drop_column("origin")?;
    /// assert!(store.write(|txn| bound.update_columns(txn, &["UAL123".into()], &[2], &["".into()])).is_err());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn bound_at<R: Reader>(&self, reader: &R) -> Result<Self> {
        self.check_reader(reader)?;
        let edition = self.edition_at(reader.source().at().at)?;
        let table = Self::new(self.engine.clone(), Arc::clone(edition));
        Ok(Self { demands: Demands::Edition, ..table })
    }

    /// The same handle, bound to the columns it was opened with.
    pub(crate) fn bound(&self) -> Self {
        Self { demands: Demands::Edition, ..self.clone() }
    }

    /// The same handle for calls by position that go on when columns are added behind those it was
    /// opened with: whoever finds one of these elsewhere, or not at all, gets
    /// [`Kind::Invalid`](crate::Kind::Invalid).
    #[must_use]
    pub fn with_positions(&self) -> Self {
        Self { demands: Demands::Positions, ..self.clone() }
    }
}

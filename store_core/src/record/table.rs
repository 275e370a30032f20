//! Tables whose rows are structs.

use super::{Keyed, Record, TypedQuery};
use crate::cursor::Reader;
use crate::error::Result;
use crate::table::Table;
use crate::txn::Txn;
use crate::value::ValueRef;
use std::fmt;
use std::marker::PhantomData;

/// A handle to the table of one [`Record`]; cheap to clone, keeps its store open.
///
/// ```
/// # use store_core::{Record, Store};
/// #[derive(Record)]
/// struct Visit {
///     page: String,
///     seconds: f32,
/// }
///
/// let store = Store::in_memory()?;
/// let visits = store.table::<Visit>()?;
/// store.write(|txn| visits.insert(txn, &Visit { page: "/".into(), seconds: 2.5 }))?;
/// assert_eq!(visits.query(&store.snapshot()?).collect()?[0].page, "/");
/// assert_eq!(visits.untyped().name(), "visit");
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct TypedTable<R> {
    table: Table,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> TypedTable<R> {
    pub(super) fn new(table: Table) -> Self {
        Self { table, record: PhantomData }
    }

    /// The same table for everything that goes by name: partial updates, ingest, statistics.
    pub fn untyped(&self) -> &Table {
        &self.table
    }

    /// Starts a query; without a filter it gives every row.
    pub fn query<'r, S: Reader>(&self, reader: &'r S) -> TypedQuery<'r, R> {
        TypedQuery::new(self.table.query(reader))
    }

    /// Inserts the record; an existing key is [`Kind::Duplicate`](crate::Kind::Duplicate).
    pub fn insert(&self, txn: &mut Txn, record: &R) -> Result<()> {
        self.table.insert(txn, &self.cells(record))
    }

    /// Writes the record over the row with its key, or inserts it; true if it was inserted.
    ///
    /// Without a key it always inserts.
    pub fn upsert(&self, txn: &mut Txn, record: &R) -> Result<bool> {
        self.table.upsert(txn, &self.cells(record))
    }

    pub(super) fn cells<'c>(&self, record: &'c R) -> Vec<ValueRef<'c>> {
        let mut cells = Vec::with_capacity(self.table.schema().visible_len());
        record.cells(&mut cells);
        cells
    }
}

/// By key: its column's value, or a tuple if there are several; see [`Keyed::Key`].
impl<R: Keyed> TypedTable<R> {
    /// The row with this key, or `None` if the reader sees none; see [`Table::get`].
    pub fn get<S: Reader>(&self, reader: &S, key: R::Key<'_>) -> Result<Option<R>> {
        let key = R::key_cells(key);
        self.table.get_with(reader, key.as_ref(), |row| R::from_row(&row))?.transpose()
    }

    /// The row of each key, in order; `None` for a key whose row the reader does not see. Waits for
    /// the memory of 16 rows at once; see [`Table::get_many`].
    ///
    /// ```
    /// # use store_core::{Record, Store};
    /// # #[derive(Record)]
    /// # struct Flight { #[record(key)] id: i32, altitude: i32 }
    /// # let store = Store::in_memory()?;
    /// # let flights = store.table::<Flight>()?;
    /// # store.write(|txn| flights.insert(txn, &Flight { id: 7, altitude: 9_000 }))?;
    /// let found = flights.get_many(&store.snapshot()?, [7, 8])?;
    /// assert!(found[0].is_some() && found[1].is_none());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn get_many<'k, S: Reader>(
        &self,
        reader: &S,
        keys: impl IntoIterator<Item = R::Key<'k>>,
    ) -> Result<Vec<Option<R>>> {
        let keys: Vec<R::KeyCells<'k>> = keys.into_iter().map(R::key_cells).collect();
        let mut found = Vec::with_capacity(keys.len());
        self.table.get_many(reader, &keys, |_, row| {
            found.push(row.map(|row| R::from_row(&row)).transpose());
        })?;
        found.into_iter().collect()
    }

    /// True if the reader sees a row with this key.
    pub fn exists<S: Reader>(&self, reader: &S, key: R::Key<'_>) -> Result<bool> {
        self.table.exists(reader, R::key_cells(key).as_ref())
    }

    /// Writes the record over the row with its key; false if there is none, and then nothing
    /// happens.
    ///
    /// ```
    /// # use store_core::{Record, Store};
    /// # #[derive(Record)]
    /// # struct Flight { #[record(key)] id: i32, altitude: i32 }
    /// # let store = Store::in_memory()?;
    /// # let flights = store.table::<Flight>()?;
    /// store.write(|txn| flights.insert(txn, &Flight { id: 7, altitude: 9_000 }))?;
    /// let climbed = Flight { id: 7, altitude: 10_000 };
    /// assert!(store.write(|txn| flights.update(txn, &climbed))?);
    /// assert!(store.write(|txn| flights.delete(txn, 7))?);
    /// assert!(!store.write(|txn| flights.update(txn, &climbed))?);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update(&self, txn: &mut Txn, record: &R) -> Result<bool> {
        let schema = self.table.schema();
        let cells = self.cells(record);
        let columns: Vec<usize> = (0..cells.len()).filter(|at| !schema.is_key(*at)).collect();
        let cells: Vec<ValueRef<'_>> = columns.iter().map(|at| cells[*at]).collect();
        let key = R::key_cells(record.key());
        self.table.update_columns(txn, key.as_ref(), &columns, &cells)
    }

    /// Deletes the row with this key; false if there is none.
    pub fn delete(&self, txn: &mut Txn, key: R::Key<'_>) -> Result<bool> {
        self.table.delete(txn, R::key_cells(key).as_ref())
    }
}

// Not derived: a handle is cloned and shown whether or not its record can be.
impl<R> Clone for TypedTable<R> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone(), record: PhantomData }
    }
}

impl<R> fmt::Debug for TypedTable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedTable({})", self.table.name())
    }
}

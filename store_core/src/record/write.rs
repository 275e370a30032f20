//! Writing records other than one by one: many, by a predicate, or a column alone.

use super::column::{Operand, TypedColumn, TypedPredicate};
use super::field::{Field, Number};
use super::{Keyed, Record, TypedTable};
use crate::error::Result;
use crate::txn::Txn;
use crate::value::{Value, ValueRef};
use std::fmt;
use std::marker::PhantomData;

/// A new value for a column of records of type `R`, made by [`TypedColumn::set`].
#[must_use]
pub struct TypedChange<R> {
    column: &'static str,
    value: Value,
    of: PhantomData<fn() -> R>,
}

impl<R, F> TypedColumn<R, F> {
    /// The change to this value, for [`TypedTable::update_where`] and [`TypedTable::update_if`].
    pub fn set(self, value: impl Operand<F>) -> TypedChange<R> {
        TypedChange { column: self.name(), value: value.into_value(), of: PhantomData }
    }
}

impl<R, T: Field> TypedColumn<R, Option<T>> {
    /// The change to NULL.
    pub fn set_null(self) -> TypedChange<R> {
        TypedChange { column: self.name(), value: Value::Null, of: PhantomData }
    }
}

impl<R> fmt::Debug for TypedChange<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedChange({}, {:?})", self.column, self.value)
    }
}

/// Changes as the untyped table takes them.
fn untyped<R>(changes: &[TypedChange<R>]) -> Vec<(&str, ValueRef<'_>)> {
    changes.iter().map(|change| (change.column, change.value.as_ref())).collect()
}

impl<R: Record> TypedTable<R> {
    /// Inserts the records, or none of them: an error names the position of the one that was
    /// refused. See [`Table::insert_many`](crate::Table::insert_many).
    pub fn insert_many<'r>(
        &self,
        txn: &mut Txn,
        records: impl IntoIterator<Item = &'r R>,
    ) -> Result<()>
    where
        R: 'r,
    {
        let rows: Vec<_> = records.into_iter().map(|record| self.cells(record)).collect();
        self.untyped().insert_many(txn, &rows)
    }

    /// Upserts the records, or none of them; says how many it inserted. See
    /// [`Table::upsert_many`](crate::Table::upsert_many).
    pub fn upsert_many<'r>(
        &self,
        txn: &mut Txn,
        records: impl IntoIterator<Item = &'r R>,
    ) -> Result<usize>
    where
        R: 'r,
    {
        let rows: Vec<_> = records.into_iter().map(|record| self.cells(record)).collect();
        self.untyped().upsert_many(txn, &rows)
    }

    /// Changes columns of every record for which the predicate is true, in one statement; says how
    /// many there were. See [`Table::update_where`](crate::Table::update_where).
    ///
    /// ```
    /// # use store_core::{Record, Store};
    /// #[derive(Record, Clone)]
    /// struct Flight {
    ///     #[record(key)]
    ///     id: i32,
    ///     altitude: i32,
    ///     origin: Option<String>,
    /// }
    /// # let store = Store::in_memory()?;
    /// # let flights = store.table::<Flight>()?;
    /// let flight = |id| Flight { id, altitude: id * 1_000, origin: Some("KAUS".into()) };
    /// let all: Vec<Flight> = (0..10).map(flight).collect();
    /// let (low, high) = store.write(|txn| {
    ///     flights.insert_many(txn, &all)?;
    ///     let landed = [Flight::ALTITUDE.set(0), Flight::ORIGIN.set_null()];
    ///     let low = flights.update_where(txn, Flight::ALTITUDE.lt(5_000), &landed)?;
    ///     Ok((low, flights.delete_where(txn, Flight::ALTITUDE.ge(5_000))?))
    /// })?;
    /// assert_eq!((low, high), (5, 5));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update_where(
        &self,
        txn: &mut Txn,
        predicate: impl Into<TypedPredicate<R>>,
        changes: &[TypedChange<R>],
    ) -> Result<u64> {
        self.untyped().update_where(txn, &predicate.into().untyped(), &untyped(changes))
    }

    /// Deletes every record for which the predicate is true, in one statement; says how many there
    /// were.
    pub fn delete_where(
        &self,
        txn: &mut Txn,
        predicate: impl Into<TypedPredicate<R>>,
    ) -> Result<u64> {
        self.untyped().delete_where(txn, &predicate.into().untyped())
    }
}

impl<R: Keyed> TypedTable<R> {
    /// Changes columns of the record with this key if the predicate is true for it; false if it is
    /// not, or if there is no such record.
    pub fn update_if(
        &self,
        txn: &mut Txn,
        key: R::Key<'_>,
        predicate: impl Into<TypedPredicate<R>>,
        changes: &[TypedChange<R>],
    ) -> Result<bool> {
        let (key, predicate) = (R::key_cells(key), predicate.into().untyped());
        self.untyped().update_if(txn, key.as_ref(), &predicate, &untyped(changes))
    }

    /// Adds to a column of the record with this key and gives its new value; `None` if there is no
    /// such record. See [`Table::incr`](crate::Table::incr).
    ///
    /// ```
    /// # use store_core::{Record, Store};
    /// # #[derive(Record)]
    /// # struct Flight { #[record(key)] id: i32, altitude: i32 }
    /// # let store = Store::in_memory()?;
    /// # let flights = store.table::<Flight>()?;
    /// store.write(|txn| flights.insert(txn, &Flight { id: 7, altitude: 9_000 }))?;
    /// let altitude = store.write(|txn| flights.incr(txn, 7, Flight::ALTITUDE, 500))?;
    /// assert_eq!(altitude, Some(9_500));
    /// let landed = [Flight::ALTITUDE.set(0)];
    /// assert!(!store.write(|txn| flights.update_if(txn, 7, Flight::ALTITUDE.lt(500), &landed))?);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn incr<F: Number>(
        &self,
        txn: &mut Txn,
        key: R::Key<'_>,
        column: TypedColumn<R, F>,
        amount: impl Operand<F>,
    ) -> Result<Option<F>> {
        let (key, amount) = (R::key_cells(key), amount.into_value());
        let sum = self.untyped().incr(txn, key.as_ref(), column.name(), amount.as_ref())?;
        sum.map(|sum| F::from_value(sum.as_ref())).transpose()
    }
}

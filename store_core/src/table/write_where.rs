//! Changing and deleting rows by a predicate, each call one statement.

use super::{Table, check_columns, read_changes};
use crate::cursor::{Query, RowNumbers};
use crate::error::Result;
use crate::planted;
use crate::query::Predicate;
use crate::txn::{NewCells, RowWords, Txn, prepare_key};
use crate::value::ValueRef;

impl Table {
    /// Changes columns of every row for which the predicate is true, to the same values; says how
    /// many rows there were.
    ///
    /// One statement: which rows match is decided before the first is changed, as this transaction
    /// sees them then, and each is changed once. If one is refused the error names it, and nothing
    /// of the call stays, while what the transaction wrote before does. The numbers of the rows
    /// found, 4 bytes each, are held in the memory budget meanwhile.
    ///
    /// ```
    /// # use store_core::query::column;
    /// # let (store, flights) = store_core::doctest::flights();
    /// let high = column("altitude").gt(30_000);
    /// let lower = [("altitude", 30_000.into()), ("origin", "KDFW".into())];
    /// assert_eq!(store.write(|txn| flights.update_where(txn, &high, &lower))?, 1);
    /// assert_eq!(store.write(|txn| flights.delete_where(txn, &high))?, 0);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update_where(
        &self,
        txn: &mut Txn,
        predicate: &Predicate,
        changes: &[(&str, ValueRef<'_>)],
    ) -> Result<u64> {
        let (columns, cells) = read_changes(self.written_by(txn)?, changes)?;
        self.update_found(txn, |query| Ok(query.filter(predicate.clone())), &columns, &cells)
    }

    /// [`Table::update_where`] for the rows of a query, with its sort, limit and offset, and columns
    /// by position. `ask` is given a query for every row, and may be called again if memory is short.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let changed = store.write(|txn| {
    ///     flights.update_found(txn, |query| Ok(query.sort(&["-altitude"])?.limit(1)), &[1], &[0.into()])
    /// })?;
    /// assert_eq!(changed, 1);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update_found(
        &self,
        txn: &mut Txn,
        ask: impl Fn(Query<'_>) -> Result<Query<'_>>,
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<u64> {
        let live = self.written_by(txn)?;
        check_columns(live, columns, cells)?;
        txn.check_update(&live.data, columns)?;
        let found = self.find_rows(txn, &ask)?;
        txn.update_rows(live, &found.numbers, columns, cells)?;
        let mut count = found.numbers.len();
        if planted::bug("own_output_met") {
            let again = self.find_rows(txn, &ask)?;
            txn.update_rows(live, &again.numbers, columns, cells)?;
            count += again.numbers.len();
        }
        Ok(count as u64)
    }

    /// Deletes every row for which the predicate is true; says how many there were.
    ///
    /// One statement, as [`Table::update_where`].
    pub fn delete_where(&self, txn: &mut Txn, predicate: &Predicate) -> Result<u64> {
        self.delete_found(txn, |query| Ok(query.filter(predicate.clone())))
    }

    /// [`Table::delete_where`] for the rows of a query, with its sort, limit and offset; see
    /// [`Table::update_found`].
    pub fn delete_found(
        &self,
        txn: &mut Txn,
        ask: impl Fn(Query<'_>) -> Result<Query<'_>>,
    ) -> Result<u64> {
        let live = self.written_by(txn)?;
        txn.check_update(&live.data, &[])?;
        let found = txn.relieved(|txn| ask(self.query(txn))?.row_numbers_to_delete())?;
        txn.delete_rows(live, &found.numbers)?;
        Ok(found.numbers.len() as u64)
    }

    /// Changes columns of the row with this key if the predicate is true for it; false if it is not,
    /// or if there is no such row.
    ///
    /// ```
    /// # use store_core::query::column;
    /// # let (store, flights) = store_core::doctest::flights();
    /// let taken = store.write(|txn| {
    ///     let (key, free) = (["UAL123".into()], column("origin").eq("KAUS"));
    ///     flights.update_if(txn, &key, &free, &[("origin", "KDFW".into())])
    /// })?;
    /// assert!(taken);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update_if(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        predicate: &Predicate,
        changes: &[(&str, ValueRef<'_>)],
    ) -> Result<bool> {
        let (columns, cells) = read_changes(self.written_by(txn)?, changes)?;
        self.update_columns_if(txn, key, predicate, &columns, &cells)
    }

    /// [`Table::update_if`] with columns by position.
    pub fn update_columns_if(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        predicate: &Predicate,
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        let live = self.written_by(txn)?;
        check_columns(live, columns, cells)?;
        let filter = predicate.bind(&live.data.schema)?;
        let mut key_words = RowWords::new();
        prepare_key(&live.data, key, &mut key_words)?;
        let changed = txn.update_seen(live, &key_words, columns, &mut |row| {
            let new = || cells.iter().map(|cell| (*cell).to_owned()).collect::<NewCells>();
            Ok(filter.matches(row).then(new))
        })?;
        Ok(changed == Some(true))
    }

    /// The rows of a query as the transaction sees them now, by number.
    fn find_rows(
        &self,
        txn: &mut Txn,
        ask: &impl Fn(Query<'_>) -> Result<Query<'_>>,
    ) -> Result<RowNumbers> {
        txn.relieved(|txn| ask(self.query(txn))?.row_numbers())
    }
}

//! Adding to columns of a row.

use super::{Table, check_columns};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::txn::{NewCells, RowWords, Txn, prepare_key};
use crate::value::{Value, ValueRef};

impl Table {
    /// Adds to a column of the row with this key and gives its new value; `None` if there is no such
    /// row.
    ///
    /// No other transaction's increment is lost: one of two that meet gets
    /// [`Kind::Conflict`](crate::Kind::Conflict). An integer column takes an integer, a float column
    /// any number; NULL counts as 0. A sum beyond the column's range is
    /// [`Kind::Type`](crate::Kind::Type), and the row stays as it was.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let key = ["UAL123".into()];
    /// let higher = store.write(|txn| flights.incr(txn, &key, "altitude", 1_000.into()))?;
    /// assert_eq!(higher, Some(36_000.into()));
    /// let far = store.write(|txn| flights.incr(txn, &key, "altitude", i64::MAX.into()));
    /// assert!(far.unwrap_err().to_string().contains("out of range for int32"));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn incr(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        column: &str,
        amount: ValueRef<'_>,
    ) -> Result<Option<Value>> {
        let column = self.written_by(txn)?.data.schema.column_position(column)?;
        let sums = self.incr_columns(txn, key, &[column], &[amount])?;
        Ok(sums.map(|mut sums| sums.remove(0)))
    }

    /// [`Table::incr`] for several columns, by position, at once: all of them change or none.
    pub fn incr_columns(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        columns: &[usize],
        amounts: &[ValueRef<'_>],
    ) -> Result<Option<Vec<Value>>> {
        let live = self.written_by(txn)?;
        check_columns(live, columns, amounts)?;
        let schema = &live.data.schema;
        check_once(schema, columns)?;
        let mut key_words = RowWords::new();
        prepare_key(&live.data, key, &mut key_words)?;
        let mut sums = NewCells::new();
        let found = txn.update_seen(live, &key_words, columns, &mut |row| {
            let pairs = columns.iter().zip(amounts);
            sums = pairs
                .map(|(at, amount)| sum(schema, *at, row.cell(*at), *amount))
                .collect::<Result<_>>()?;
            Ok(Some(sums.clone()))
        })?;
        Ok(found.map(|_| sums.into_vec()))
    }
}

fn sum(schema: &Schema, column: usize, held: ValueRef<'_>, amount: ValueRef<'_>) -> Result<Value> {
    let spec = &schema.columns[column];
    held.add(amount, spec.ty).map_err(|error| {
        let place = format!("column \"{}\" of `{}`", spec.name, schema.table);
        error.at(place).detail(&schema.table).detail(&spec.name)
    })
}

/// Refuses a column that is named twice.
fn check_once(schema: &Schema, columns: &[usize]) -> Result<()> {
    let twice = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at]));
    let Some(at) = twice else { return Ok(()) };
    let name = &schema.columns[columns[at]].name;
    Err(Error::invalid(format!("column \"{name}\" is named twice"))
        .detail(&schema.table)
        .detail(name))
}

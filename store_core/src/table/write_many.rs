//! Inserts and upserts of many rows in one statement.

use super::Table;
use crate::error::Result;
use crate::txn::Txn;
use crate::value::ValueRef;

impl Table {
    /// Inserts rows of all columns in order.
    ///
    /// One statement: if one of them is refused the error names its position, and nothing of the
    /// call stays, while what the transaction wrote before does.
    ///
    /// ```
    /// # use store_core::{Kind, ValueRef};
    /// # let (store, flights) = store_core::doctest::flights();
    /// let row = |id: &'static str| -> [ValueRef<'_>; 3] { [id.into(), 0.into(), "KATL".into()] };
    /// store.write(|txn| flights.insert_many(txn, &[row("DAL7"), row("DAL8")]))?;
    /// let error = store.write(|txn| flights.insert_many(txn, &[row("DAL9"), row("DAL7")]));
    /// let error = error.unwrap_err();
    /// assert_eq!(error.kind(), Kind::Duplicate);
    /// assert!(error.to_string().starts_with("row 1: "));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn insert_many<'c, C: AsRef<[ValueRef<'c>]>>(
        &self,
        txn: &mut Txn,
        rows: &[C],
    ) -> Result<()> {
        self.write_each(txn, rows, |txn, row| self.insert(txn, row))
    }

    /// Writes rows of all columns over those with their keys, or inserts them; says how many it
    /// inserted.
    ///
    /// One statement, as [`Table::insert_many`]. In the order of the rows: of two with one key the
    /// last one stays.
    ///
    /// ```
    /// # use store_core::ValueRef;
    /// # let (store, flights) = store_core::doctest::flights();
    /// let row = |id: &'static str| -> [ValueRef<'_>; 3] { [id.into(), 0.into(), "KATL".into()] };
    /// let inserted = store.write(|txn| flights.upsert_many(txn, &[row("UAL123"), row("DAL7")]))?;
    /// assert_eq!(inserted, 1);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn upsert_many<'c, C: AsRef<[ValueRef<'c>]>>(
        &self,
        txn: &mut Txn,
        rows: &[C],
    ) -> Result<usize> {
        let mut inserted = 0;
        self.write_each(txn, rows, |txn, row| {
            inserted += usize::from(self.upsert(txn, row)?);
            Ok(())
        })?;
        Ok(inserted)
    }

    fn write_each<'c, C: AsRef<[ValueRef<'c>]>>(
        &self,
        txn: &mut Txn,
        rows: &[C],
        mut write: impl FnMut(&mut Txn, &[ValueRef<'_>]) -> Result<()>,
    ) -> Result<()> {
        self.written_by(txn)?;
        txn.statement(|txn| {
            rows.iter().enumerate().try_for_each(|(nth, row)| {
                write(txn, row.as_ref()).map_err(|error| error.at(format_args!("row {nth}")))
            })
        })
    }
}

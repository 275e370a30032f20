//! Tables: the handle, and writing rows one by one; `write_many` and `write_where` write several in
//! one statement, `incr` adds to columns, `read` reads rows, `load` loads them from text, `indexes`
//! makes and drops indexes.

mod incr;
mod indexes;
mod load;
mod read;
mod row;
mod write_many;
mod write_where;

use crate::error::{Error, Kind, Result};
use crate::query::{Predicate, column};
use crate::schema::Schema;
use crate::stats::TableStats;
use crate::txn::{LiveTable, RowWords, SharedEngine, TableData, Txn, prepare_key, prepare_row};
use crate::value::ValueRef;
use std::fmt;
use std::sync::Arc;

pub use row::Row;

/// A handle to one table; cheap to clone, keeps its store open.
///
/// Reads take a [`Reader`](crate::Reader): a snapshot, or a transaction that also sees its own writes. Keys are
/// given as values in the order of the key columns.
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// store.write(|txn| {
///     flights.insert(txn, &["DAL7".into(), 31_000.into(), "KATL".into()])?;
///     flights.update(txn, &["DAL7".into()], &[("altitude", 33_000.into())])
/// })?;
/// let snapshot = store.snapshot()?;
/// let row = flights.get(&snapshot, &["DAL7".into()])?.unwrap();
/// assert_eq!(row.get("altitude")?.to_string(), "33000");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Table {
    // Dropped before the engine, whose end unmaps what these hold.
    rows: Arc<TableData>,
    live: Arc<LiveTable>,
    engine: SharedEngine,
}

impl Table {
    pub(crate) fn new(engine: SharedEngine, live: Arc<LiveTable>) -> Self {
        Self { rows: Arc::clone(&live.data), live, engine }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.rows.schema.table
    }

    /// The table's columns, key and indexes, as they are now.
    pub fn schema(&self) -> &Schema {
        self.live.schema()
    }

    // ---- writing

    /// Inserts a row of all columns in order; an existing key is [`Kind::Duplicate`].
    pub fn insert(&self, txn: &mut Txn, cells: &[ValueRef<'_>]) -> Result<()> {
        if cells.len() != self.rows.schema.visible_len() {
            return Err(Error::invalid(format!(
                "a row of `{}` has {} values, not {}",
                self.name(),
                self.rows.schema.visible_len(),
                cells.len()
            )));
        }
        let columns: Vec<usize> = (0..cells.len()).collect();
        self.insert_columns(txn, &columns, cells)
    }

    /// Inserts a row of some columns, by position; the others take their defaults.
    pub fn insert_columns(
        &self,
        txn: &mut Txn,
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<()> {
        self.check_writer(txn)?;
        self.check_columns(columns, cells)?;
        let words = self.prepare(columns, cells)?;
        txn.insert(&self.live, &words)
    }

    /// Writes these columns over the row with their key, or inserts it; true if it was inserted.
    ///
    /// An insert takes defaults for the other columns, an update leaves them as they are.
    pub fn upsert_columns(
        &self,
        txn: &mut Txn,
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        self.check_writer(txn)?;
        self.check_columns(columns, cells)?;
        if self.rows.schema.has_hidden_key() {
            return self.insert_columns(txn, columns, cells).map(|()| true);
        }
        let mut key = RowWords::new();
        prepare_key(&self.rows, &self.key_cells(columns, cells)?, &mut key)?;
        let is_rest = |at: &usize| !self.rows.schema.is_key(columns[*at]);
        let rest: Vec<usize> = (0..columns.len()).filter(is_rest).collect();
        let rest_columns: Vec<usize> = rest.iter().map(|at| columns[*at]).collect();
        let rest_cells: Vec<ValueRef<'_>> = rest.iter().map(|at| cells[*at]).collect();
        if txn.update_prepared(&self.live, &key, &rest_columns, &rest_cells)? {
            return Ok(false);
        }
        let words = self.prepare(columns, cells)?;
        txn.insert(&self.live, &words)?;
        Ok(true)
    }

    /// [`Table::upsert_columns`] with a value for every column, in order.
    pub fn upsert(&self, txn: &mut Txn, cells: &[ValueRef<'_>]) -> Result<bool> {
        let columns: Vec<usize> = (0..self.rows.schema.visible_len()).collect();
        if cells.len() != columns.len() {
            return self.insert(txn, cells).map(|()| true); // says what is wrong
        }
        self.upsert_columns(txn, &columns, cells)
    }

    /// Changes columns of the row with this key; false if there is none.
    pub fn update(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        changes: &[(&str, ValueRef<'_>)],
    ) -> Result<bool> {
        let (columns, cells) = self.read_changes(changes)?;
        self.update_columns(txn, key, &columns, &cells)
    }

    /// Changes columns, by position, of the row with this key; false if there is none.
    pub fn update_columns(
        &self,
        txn: &mut Txn,
        key: &[ValueRef<'_>],
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        self.check_writer(txn)?;
        self.check_columns(columns, cells)?;
        txn.update(&self.live, key, columns, cells)
    }

    /// Changes columns, by position, of the rows with these keys: `cells` has the new values of each,
    /// in the order of `columns`. Gives how many of the keys have a row; for the others nothing happens.
    ///
    /// Waits for the memory of 16 rows at once, so it is much faster than [`Table::update_columns`]
    /// key by key, and means the same, in the order of the keys: a key given twice has its row changed
    /// twice. But it is one statement: if one of the rows is refused, the error names the position of
    /// its key and nothing of the call stays, while what the transaction wrote before does.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let altitude = flights.schema().column_position("altitude")?;
    /// let keys = [["UAL123".into()], ["nobody".into()]];
    /// let cells = [[37_000.into()], [1_000.into()]];
    /// let found = store.write(|txn| flights.update_many(txn, &keys, &[altitude], &cells))?;
    /// assert_eq!(found, 1);
    /// let row = flights.get(&store.snapshot()?, &keys[0])?.map(|row| row.to_values());
    /// assert_eq!(row.unwrap()[altitude], 37_000.into());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn update_many<'k, 'c, K: AsRef<[ValueRef<'k>]>, C: AsRef<[ValueRef<'c>]>>(
        &self,
        txn: &mut Txn,
        keys: &[K],
        columns: &[usize],
        cells: &[C],
    ) -> Result<usize> {
        self.check_writer(txn)?;
        txn.update_many(&self.live, keys, columns, cells)
    }

    /// Keeps others from writing the row with this key until the transaction ends, without changing
    /// it; false if there is none. Others may read it meanwhile; who wants to write it gets
    /// [`Kind::Conflict`].
    pub fn lock(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        self.check_writer(txn)?;
        let mut key_words = RowWords::new();
        prepare_key(&self.rows, key, &mut key_words)?;
        txn.lock(&self.live, &key_words)
    }

    /// Deletes the row with this key; false if there is none.
    pub fn delete(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        self.check_writer(txn)?;
        let mut key_words = RowWords::new();
        prepare_key(&self.rows, key, &mut key_words)?;
        txn.delete(&self.live, &key_words)
    }

    /// What the table holds.
    pub fn stats(&self) -> TableStats {
        TableStats::of(&self.live)
    }

    /// Columns by position with their values.
    fn read_changes<'v>(
        &self,
        changes: &[(&str, ValueRef<'v>)],
    ) -> Result<(Vec<usize>, Vec<ValueRef<'v>>)> {
        let position = |change: &(&str, _)| self.rows.schema.column_position(change.0);
        let columns = changes.iter().map(position).collect::<Result<_>>()?;
        Ok((columns, changes.iter().map(|change| change.1).collect()))
    }

    fn prepare(&self, columns: &[usize], cells: &[ValueRef<'_>]) -> Result<RowWords> {
        let mut words = RowWords::new();
        if self.rows.schema.has_hidden_key() {
            let row = self.rows.schema.columns.len() - 1;
            let columns: Vec<usize> = columns.iter().copied().chain([row]).collect();
            let number = ValueRef::Int(self.rows.take_row_number());
            let cells: Vec<ValueRef<'_>> = cells.iter().copied().chain([number]).collect();
            prepare_row(&self.rows, &columns, &cells, &mut words)?;
        } else {
            prepare_row(&self.rows, columns, cells, &mut words)?;
        }
        Ok(words)
    }

    fn key_cells<'v>(
        &self,
        columns: &[usize],
        cells: &[ValueRef<'v>],
    ) -> Result<Vec<ValueRef<'v>>> {
        let schema = &self.rows.schema;
        let cell = |key: &usize| {
            let at = columns.iter().position(|column| column == key).ok_or_else(|| {
                let name = &schema.columns[*key].name;
                Error::new(Kind::NotNull, format!("key column \"{name}\" has no value"))
                    .detail(&schema.table)
                    .detail(name)
            })?;
            Ok(cells[at])
        };
        schema.key.iter().map(cell).collect()
    }

    /// Refuses positions that no column has, and values for none.
    #[inline]
    fn check_columns(&self, columns: &[usize], cells: &[ValueRef<'_>]) -> Result<()> {
        let known = self.rows.schema.visible_len();
        if columns.len() == cells.len() && columns.iter().all(|column| *column < known) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} values for the columns {columns:?} of `{}`, which has columns 0 to {}: give one value for each \
             column, by its position",
            cells.len(),
            self.name(),
            known - 1
        )))
    }

    fn check_writer(&self, txn: &Txn) -> Result<()> {
        if !Arc::ptr_eq(txn.engine(), &self.engine) {
            return Err(Error::invalid("the transaction belongs to another store"));
        }
        Ok(())
    }

    /// A predicate that holds for the row with this key.
    pub fn key_predicate(&self, key: &[ValueRef<'_>]) -> Predicate {
        let schema = &self.rows.schema;
        let parts = schema
            .key
            .iter()
            .zip(key)
            .map(|(at, value)| column(&schema.columns[*at].name).eq((*value).to_owned()));
        parts.fold(Predicate::all(), Predicate::and)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use crate::doctest;
    use crate::error::Kind;
    use crate::value::ValueRef;

    #[test]
    fn columns_that_are_not_there_and_values_too_few_are_errors() {
        let (store, flights) = doctest::flights();
        let mut txn = store.begin().unwrap();
        let known: [ValueRef<'_>; 1] = ["UAL123".into()];
        let wrong: [(&[usize], &[ValueRef<'_>]); 4] =
            [(&[99], &[1.into()]), (&[1, 2], &[1.into()]), (&[1], &[]), (&[], &[1.into()])];
        for (columns, cells) in wrong {
            for refused in [
                flights.insert_columns(&mut txn, columns, cells),
                flights.upsert_columns(&mut txn, columns, cells).map(drop),
                flights.update_columns(&mut txn, &known, columns, cells).map(drop),
                flights.update_columns(&mut txn, &["nobody".into()], columns, cells).map(drop),
                flights.update_many(&mut txn, &[known], columns, &[cells]).map(drop),
            ] {
                assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{columns:?} {cells:?}");
            }
        }
        txn.commit().unwrap();
    }
}

//! Tables: the handle, and writing rows one by one; `write_many` and `write_where` write several in
//! one statement, `incr` adds to columns, `read` reads rows, `lookup` some columns of them by key, `load`
//! loads them from text, `indexes` makes and drops indexes, `columns` changes the columns.

mod cold;
mod columns;
mod incr;
mod indexes;
mod load;
mod lookup;
mod read;
mod row;
mod write_many;
mod write_where;

use crate::error::{Error, Kind, Result};
use crate::mem::lent::LentRef;
use crate::mvcc::Timestamp;
use crate::query::{Predicate, column};
use crate::schema::{ROW_COLUMN, Schema};
use crate::stats::TableStats;
use crate::txn::{
    Edition, LiveTable, RowWords, SharedEngine, TableData, Txn, prepare_key, prepare_row,
};
use crate::value::ValueRef;
use std::fmt;
use std::sync::Arc;

pub use lookup::{Cells, Lookup, LookupAt};
pub use row::Row;

/// A handle to one table; cheap to clone, keeps its store open.
///
/// It outlives changes of the table's columns: each reader finds those that its moment has. After the
/// table was dropped, readers from before still read it, and others get [`Kind::NotFound`].
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
    /// The rows of `edition`, for readers whom it covers: at hand, as every look by key needs them.
    rows: LentRef<TableData>,
    live: LentRef<LiveTable>,
    /// The newest one when this was opened.
    edition: Arc<Edition>,
    /// The oldest one that a reader could use when this was opened.
    oldest: Arc<Edition>,
    demands: Demands,
    // Dropped after the editions: its end unmaps what these hold.
    engine: SharedEngine,
}

/// Which readers of other editions a handle serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demands {
    /// All of them.
    Nothing,
    /// Those who find the columns of its edition at their positions, whatever comes behind.
    Positions,
    /// None.
    Edition,
}

impl Table {
    /// A handle on the newest edition of a table, which cannot end meanwhile.
    pub(crate) fn new(engine: SharedEngine, edition: Arc<Edition>) -> Self {
        let (live, rows) = edition.lend();
        Self { rows, live, oldest: edition.oldest(), edition, demands: Demands::Nothing, engine }
    }

    /// A handle on the table of this name.
    pub(crate) fn open(engine: &SharedEngine, name: &str) -> Result<Self> {
        loop {
            let edition = engine.edition(name)?;
            let _catalog = engine.tables.read(); // nothing in it ends meanwhile
            if edition.is_open() {
                return Ok(Self::new(engine.clone(), edition));
            }
        }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.edition.schema().table
    }

    /// The table's columns, key and indexes, as they are now, or of a handle that is
    /// [bound](Table::bound_at) to columns, those. What a reader sees, who may be older, is
    /// [`Table::schema_at`].
    pub fn schema(&self) -> &Schema {
        match self.demands {
            Demands::Edition => self.edition.schema(),
            Demands::Nothing | Demands::Positions => self.edition.newest().schema(),
        }
    }

    // ---- the edition that a reader sees

    /// The table as readers of this timestamp, registered in this store, see it.
    #[inline(always)]
    fn live_at(&self, at: Timestamp) -> Result<&LiveTable> {
        if self.edition.covers(at) { Ok(self.live.get()) } else { self.other_at(at) }
    }

    #[cold]
    #[inline(never)]
    fn other_at(&self, at: Timestamp) -> Result<&LiveTable> {
        self.edition_at(at).map(|edition| edition.live().lend())
    }

    fn edition_at(&self, at: Timestamp) -> Result<&Arc<Edition>> {
        if self.edition.covers(at) {
            return Ok(&self.edition);
        }
        let edition = self.oldest.of_reader(at)?;
        match self.demands {
            Demands::Edition => Err(self.edition.changed()),
            Demands::Positions if !self.edition.schema().leads(edition.schema()) => {
                Err(self.edition.changed())
            }
            Demands::Nothing | Demands::Positions => Ok(edition),
        }
    }

    /// The table as this transaction writes it.
    #[inline(always)]
    fn written_by(&self, txn: &Txn) -> Result<&LiveTable> {
        if !Arc::ptr_eq(txn.engine(), &self.engine) {
            return Err(Error::invalid("the transaction belongs to another store"));
        }
        self.live_at(txn.moment().at)
    }

    // ---- writing

    /// Inserts a row of all columns in order; an existing key is [`Kind::Duplicate`].
    pub fn insert(&self, txn: &mut Txn, cells: &[ValueRef<'_>]) -> Result<()> {
        let schema = &self.written_by(txn)?.data.schema;
        if cells.len() != schema.visible_len() {
            return Err(Error::invalid(format!(
                "a row of `{}` has {} values, not {}",
                self.name(),
                schema.visible_len(),
                cells.len()
            )));
        }
        let columns: Vec<usize> = (0..cells.len()).collect();
        self.insert_columns(txn, &columns, cells)
    }

    /// Inserts a row of some columns, by position; the others take their defaults.
    ///
    /// Positions, here and elsewhere, are those of [`Table::schema_at`] for the transaction.
    pub fn insert_columns(
        &self,
        txn: &mut Txn,
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<()> {
        let live = self.written_by(txn)?;
        check_columns(live, columns, cells)?;
        let words = prepare(live, columns, cells)?;
        txn.insert(live, &words)
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
        let live = self.written_by(txn)?;
        check_columns(live, columns, cells)?;
        let schema = &live.data.schema;
        if schema.has_hidden_key() {
            return self.insert_columns(txn, columns, cells).map(|()| true);
        }
        let mut key = RowWords::new();
        prepare_key(&live.data, &key_cells(schema, columns, cells)?, &mut key)?;
        let is_rest = |at: &usize| !schema.is_key(columns[*at]);
        let rest: Vec<usize> = (0..columns.len()).filter(is_rest).collect();
        let rest_columns: Vec<usize> = rest.iter().map(|at| columns[*at]).collect();
        let rest_cells: Vec<ValueRef<'_>> = rest.iter().map(|at| cells[*at]).collect();
        if txn.update_prepared(live, &key, &rest_columns, &rest_cells)? {
            return Ok(false);
        }
        let words = prepare(live, columns, cells)?;
        txn.insert(live, &words)?;
        Ok(true)
    }

    /// [`Table::upsert_columns`] with a value for every column, in order.
    pub fn upsert(&self, txn: &mut Txn, cells: &[ValueRef<'_>]) -> Result<bool> {
        let visible = self.written_by(txn)?.data.schema.visible_len();
        let columns: Vec<usize> = (0..visible).collect();
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
        let (columns, cells) = read_changes(self.written_by(txn)?, changes)?;
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
        let live = self.written_by(txn)?;
        check_columns(live, columns, cells)?;
        txn.update(live, key, columns, cells)
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
        let live = self.written_by(txn)?;
        txn.update_many(live, keys, columns, cells)
    }

    /// Keeps others from writing the row with this key until the transaction ends, without changing
    /// it; false if there is none. Others may read it meanwhile; who wants to write it gets
    /// [`Kind::Conflict`].
    pub fn lock(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        let live = self.written_by(txn)?;
        let mut key_words = RowWords::new();
        prepare_key(&live.data, key, &mut key_words)?;
        txn.lock(live, &key_words)
    }

    /// Deletes the row with this key; false if there is none.
    pub fn delete(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        let live = self.written_by(txn)?;
        let mut key_words = RowWords::new();
        prepare_key(&live.data, key, &mut key_words)?;
        txn.delete(live, &key_words)
    }

    /// What the table holds now; nothing if it was dropped.
    pub fn stats(&self) -> TableStats {
        let current = self.engine.current(&self.edition);
        current.map_or_else(|_| TableStats::none(self.name()), |(_, live)| TableStats::of(&live))
    }

    /// A predicate that holds for the row with this key.
    pub fn key_predicate(&self, key: &[ValueRef<'_>]) -> Predicate {
        let schema = self.schema();
        let parts = schema
            .key
            .iter()
            .zip(key)
            .map(|(at, value)| column(&schema.columns[*at].name).eq((*value).to_owned()));
        parts.fold(Predicate::all(), Predicate::and)
    }
}

/// Columns by position with their values.
fn read_changes<'v>(
    live: &LiveTable,
    changes: &[(&str, ValueRef<'v>)],
) -> Result<(Vec<usize>, Vec<ValueRef<'v>>)> {
    let position = |change: &(&str, _)| live.data.schema.column_position(change.0);
    let columns = changes.iter().map(position).collect::<Result<_>>()?;
    Ok((columns, changes.iter().map(|change| change.1).collect()))
}

fn prepare(live: &LiveTable, columns: &[usize], cells: &[ValueRef<'_>]) -> Result<RowWords> {
    let rows = &*live.data;
    let mut words = RowWords::new();
    if rows.schema.has_hidden_key() {
        let row = rows.schema.columns.len() - 1;
        let columns: Vec<usize> = columns.iter().copied().chain([row]).collect();
        let number = ValueRef::Int(rows.take_row_number());
        let cells: Vec<ValueRef<'_>> = cells.iter().copied().chain([number]).collect();
        prepare_row(rows, &columns, &cells, &mut words)?;
    } else {
        prepare_row(rows, columns, cells, &mut words)?;
    }
    Ok(words)
}

fn key_cells<'v>(
    schema: &Schema,
    columns: &[usize],
    cells: &[ValueRef<'v>],
) -> Result<Vec<ValueRef<'v>>> {
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
fn check_columns(live: &LiveTable, columns: &[usize], cells: &[ValueRef<'_>]) -> Result<()> {
    let schema = &live.data.schema;
    let known = schema.visible_len();
    if columns.len() == cells.len() && columns.iter().all(|column| *column < known) {
        return Ok(());
    }
    Err(bad_columns(schema, columns, cells))
}

#[cold]
fn bad_columns(schema: &Schema, columns: &[usize], cells: &[ValueRef<'_>]) -> Error {
    let table = &schema.table;
    let mut named = columns.iter().filter_map(|column| schema.columns.get(*column));
    if named.any(|column| column.name == ROW_COLUMN) {
        let message = format!(
            "column \"{ROW_COLUMN}\" of `{table}` is given by the store: it cannot be written"
        );
        return Error::invalid(message).detail(table).detail(ROW_COLUMN);
    }
    let (count, last) = (cells.len(), schema.visible_len() - 1);
    Error::invalid(format!(
        "{count} values for the columns {columns:?} of `{table}`, which has columns 0 to {last}: give one \
         value for each column, by its position"
    ))
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

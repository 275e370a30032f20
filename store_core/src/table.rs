//! Tables: reading, writing and loading rows.

use crate::cursor::{Query, ReadSource, Reader, RowRef};
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, IngestMode, IngestOptions, IngestReport, Source};
use crate::query::{Predicate, column};
use crate::schema::Schema;
use crate::stats::TableStats;
use crate::txn::{Engine, RowWords, Rows, Snapshot, Txn, prepare_key, prepare_row};
use crate::value::{Value, ValueRef};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A handle to one table; cheap to clone, keeps its store open.
///
/// Reads take a [`Reader`]: a snapshot, or a transaction that also sees its own writes. Keys are
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
    rows: Arc<Rows>,
    engine: Arc<Engine>,
}

/// One row as its reader sees it.
pub struct Row<'r> {
    rows: &'r Rows,
    words: RowWords,
    // A long value is kept by the reader's snapshot.
    _reader: PhantomData<&'r ()>,
}

impl Table {
    pub(crate) fn new(engine: Arc<Engine>, rows: Arc<Rows>) -> Self {
        Self { rows, engine }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.rows.schema.table
    }

    /// The table's columns, key and indexes.
    pub fn schema(&self) -> &Schema {
        &self.rows.schema
    }

    // ---- reading

    /// The row with this key, or `None` if the reader sees none.
    ///
    /// Takes no lock and copies the row out; walks the chain of older versions, so its cost grows
    /// with the versions newer than the reader (invariant I4).
    pub fn get<'r, R: Reader>(
        &'r self,
        reader: &'r R,
        key: &[ValueRef<'_>],
    ) -> Result<Option<Row<'r>>> {
        let mut words = RowWords::new();
        let found = self.find(reader, key, &mut words)?;
        Ok(found.then(|| Row { rows: &self.rows, words, _reader: PhantomData }))
    }

    /// Shows the row with this key to `look`; `None` if the reader sees none. The cheapest read:
    /// nothing but the words of the row is copied.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let snapshot = store.snapshot()?;
    /// let altitude = flights.get_with(&snapshot, &["UAL123".into()], |row| row.get(1).to_owned())?;
    /// assert_eq!(altitude, Some(35_000.into()));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    #[inline]
    pub fn get_with<T, R: Reader>(
        &self,
        reader: &R,
        key: &[ValueRef<'_>],
        look: impl FnOnce(RowRef<'_>) -> T,
    ) -> Result<Option<T>> {
        let mut words = RowWords::new();
        let found = self.find(reader, key, &mut words)?;
        Ok(found.then(|| look(RowRef::new(&self.rows, &words))))
    }

    /// Copies the words of the row with this key; false if the reader sees none.
    #[inline]
    fn find<R: Reader>(
        &self,
        reader: &R,
        key: &[ValueRef<'_>],
        words: &mut RowWords,
    ) -> Result<bool> {
        let mut key_words = RowWords::new();
        prepare_key(&self.rows, key, &mut key_words)?;
        let source = reader.source();
        self.check_reader(&source)?;
        let key = self.rows.view(&key_words);
        words.reset(self.rows.layout.words());
        let all = 0..words.len();
        let found = self.rows.primary.find(key.key_hash(), |row| {
            (source.read(&self.rows, row, &all, words) && self.rows.view(words).same_key(&key))
                .then_some(())
        });
        Ok(found.is_some())
    }

    /// True if the reader sees a row with this key.
    pub fn exists<R: Reader>(&self, reader: &R, key: &[ValueRef<'_>]) -> Result<bool> {
        self.find(reader, key, &mut RowWords::new())
    }

    /// Starts a query; without a filter it gives every row.
    pub fn query<'r, R: Reader>(&self, reader: &'r R) -> Query<'r> {
        Query::new(Arc::clone(&self.engine), Arc::clone(&self.rows), reader.source())
    }

    /// Starts a query that keeps its own share of the snapshot, for handles that outlive a borrow.
    pub fn query_at(&self, snapshot: &Snapshot) -> Query<'static> {
        let source = ReadSource::Owned(snapshot.clone());
        Query::new(Arc::clone(&self.engine), Arc::clone(&self.rows), source)
    }

    /// How many rows the reader sees.
    pub fn count<R: Reader>(&self, reader: &R) -> Result<u64> {
        self.query(reader).count()
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
        let words = self.prepare(columns, cells)?;
        txn.insert(&self.rows, &words)
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
        if self.rows.schema.has_hidden_key() {
            return self.insert_columns(txn, columns, cells).map(|()| true);
        }
        let mut key = RowWords::new();
        prepare_key(&self.rows, &self.key_cells(columns, cells)?, &mut key)?;
        let is_rest = |at: &usize| !self.rows.schema.is_key(columns[*at]);
        let rest: Vec<usize> = (0..columns.len()).filter(is_rest).collect();
        let rest_columns: Vec<usize> = rest.iter().map(|at| columns[*at]).collect();
        let rest_cells: Vec<ValueRef<'_>> = rest.iter().map(|at| cells[*at]).collect();
        if txn.update(&self.rows, &key, &rest_columns, &rest_cells)? {
            return Ok(false);
        }
        let words = self.prepare(columns, cells)?;
        txn.insert(&self.rows, &words)?;
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
        let position = |change: &(&str, _)| self.rows.schema.column_position(change.0);
        let columns: Vec<usize> = changes.iter().map(position).collect::<Result<_>>()?;
        let cells: Vec<ValueRef<'_>> = changes.iter().map(|change| change.1).collect();
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
        let mut key_words = RowWords::new();
        prepare_key(&self.rows, key, &mut key_words)?;
        txn.update(&self.rows, &key_words, columns, cells)
    }

    /// Deletes the row with this key; false if there is none.
    pub fn delete(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        self.check_writer(txn)?;
        let mut key_words = RowWords::new();
        prepare_key(&self.rows, key, &mut key_words)?;
        txn.delete(&self.rows, &key_words)
    }

    // ---- loading

    /// Loads delimited text, a commit per batch; see [`IngestOptions`].
    ///
    /// On an error the batches committed before stay, nothing of the batch at hand does.
    pub fn ingest(&self, source: Source, mut options: IngestOptions) -> Result<IngestReport> {
        if options.memory.is_none() {
            options.memory = Some(self.engine.holder.child("ingest"));
        }
        let mode = options.mode;
        let mut sink = Sink { table: self, mode, columns: Vec::new(), txn: None };
        ingest::load(source, &self.rows.schema, &mut options, &mut sink)
    }

    /// What the table holds.
    pub fn stats(&self) -> TableStats {
        TableStats::of(&self.rows)
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

    fn check_reader(&self, source: &ReadSource<'_>) -> Result<()> {
        if !Arc::ptr_eq(source.engine(), &self.engine) {
            return Err(Error::invalid("the snapshot or transaction belongs to another store"));
        }
        Ok(())
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

impl Row<'_> {
    /// The value of the column of this name.
    pub fn get(&self, name: &str) -> Result<ValueRef<'_>> {
        Ok(self.at(self.rows.schema.column_position(name)?))
    }

    /// The value of the column at this position.
    #[inline]
    pub fn at(&self, column: usize) -> ValueRef<'_> {
        self.rows.view(&self.words).cell(column)
    }

    /// The row as a cursor gives it.
    pub fn as_ref(&self) -> RowRef<'_> {
        RowRef::new(self.rows, &self.words)
    }

    /// Copies of the columns a user named, in order.
    pub fn to_values(&self) -> Vec<Value> {
        self.as_ref().values().map(ValueRef::to_owned).collect()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_ref().values()).finish()
    }
}

/// Takes an ingest's rows into a transaction per batch.
struct Sink<'t> {
    table: &'t Table,
    mode: IngestMode,
    columns: Vec<usize>,
    txn: Option<Txn>,
}

impl ingest::RowSink for Sink<'_> {
    fn begin(&mut self, columns: &[usize]) -> Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        let txn = match &mut self.txn {
            Some(txn) => txn,
            None => self.txn.insert(Txn::new(&self.table.engine)?),
        };
        match self.mode {
            IngestMode::Upsert => self.table.upsert_columns(txn, &self.columns, cells).map(drop),
            IngestMode::Insert => self.table.insert_columns(txn, &self.columns, cells),
            IngestMode::Ignore => match self.table.insert_columns(txn, &self.columns, cells) {
                Err(error) if error.kind() == Kind::Duplicate => Ok(()),
                result => result,
            },
            IngestMode::Replace => {
                let words = self.table.prepare(&self.columns, cells)?;
                let before = txn.savepoint()?;
                let replaced = txn
                    .delete(&self.table.rows, &words)
                    .and_then(|_| txn.insert(&self.table.rows, &words));
                match replaced {
                    Ok(()) => txn.release(before),
                    Err(error) => {
                        txn.rollback_to(before)?; // a refused row leaves the old one
                        Err(error)
                    }
                }
            }
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.txn.take().map_or(Ok(()), |txn| txn.commit().map(drop))
    }

    fn rollback(&mut self) -> Result<()> {
        self.txn = None;
        Ok(())
    }
}

//! Rust structs as rows: [`Record`], usually derived, and tables that speak it.
//!
//! ```text
//! struct ─ Record::cells ─► Table (untyped) ─► RowRef ─ Record::from_row ─► struct
//!            └─ Field per field: its type, its value, and back
//! ```

use crate::cursor::{Cursor, Query, Reader, RowRef};
use crate::error::{Error, Kind, Result};
use crate::query::Predicate;
use crate::schema::{Index, Schema, SchemaBuilder};
use crate::store::Store;
use crate::table::Table;
use crate::txn::Txn;
use crate::value::{Type, ValueRef};
use std::fmt;
use std::marker::PhantomData;

/// A Rust struct that is a row of a table; derived with `#[derive(Record)]`.
///
/// | option | on | means |
/// |---|---|---|
/// | `table = "flights"` | struct | the table's name; by default the struct's in `snake_case` |
/// | `crate = "path"` | struct | where `store_core` is, if not under its own name |
/// | `key` | field | part of the key, in the order of the fields |
/// | `index`, `unique` | field | an index, a unique index |
/// | `default = EXPR` | field | what inserts that do not name the column take |
/// | `rename = "name"` | field | the column's name, if it is not the field's |
///
/// Field types are those that implement [`Field`]; an `Option` is a nullable column, everything
/// else is notnull. Without a key the table has a hidden one that is no part of the struct.
///
/// ```
/// use store_core::{Record, Store, query::column};
///
/// #[derive(Record, Clone, Debug, PartialEq)]
/// #[record(table = "flights")]
/// struct Flight {
///     #[record(key)]
///     flight_id: String,
///     #[record(index)]
///     altitude: i32,
///     lat: f64,
///     origin: Option<String>,
/// }
///
/// let store = Store::in_memory()?;
/// let flights = store.table::<Flight>()?;
/// let flight =
///     Flight { flight_id: "UAL123".into(), altitude: 35_000, lat: 29.98, origin: None };
/// store.write(|txn| flights.upsert(txn, &flight))?;
///
/// let snapshot = store.snapshot()?;
/// assert_eq!(flights.get(&snapshot, &["UAL123".into()])?.as_ref(), Some(&flight));
/// let high: Vec<Flight> = flights
///     .query(&snapshot)
///     .filter(column("altitude").gt(10_000))
///     .sort("lat")
///     .limit(10)
///     .collect()?;
/// assert_eq!(high, [flight]);
/// # Ok::<_, store_core::Error>(())
/// ```
///
/// A key is never NULL, so a key that is an `Option` does not compile:
///
/// ```compile_fail
/// #[derive(store_core::Record)]
/// struct Flight {
///     #[record(key)]
///     flight_id: Option<String>,
/// }
/// ```
pub trait Record: Sized {
    /// The table as the struct declares it, with one visible column per field, in order.
    fn schema() -> Result<Schema>;

    /// Appends the value of every visible column, in order.
    fn cells<'r>(&'r self, out: &mut Vec<ValueRef<'r>>);

    /// Makes the struct from a row of a table that [`Store::table`] checked.
    fn from_row(row: &RowRef<'_>) -> Result<Self>;
}

/// A Rust type that a column can hold.
///
/// Implement it for a type of your own by way of one that has it:
///
/// ```
/// use store_core::{Field, Record, Result, Type, ValueRef};
///
/// struct Feet(i32);
///
/// impl Field for Feet {
///     const TYPE: Type = i32::TYPE;
///     fn as_value(&self) -> ValueRef<'_> {
///         self.0.as_value()
///     }
///     fn from_value(value: ValueRef<'_>) -> Result<Self> {
///         i32::from_value(value).map(Feet)
///     }
/// }
///
/// #[derive(Record)]
/// struct Hill {
///     #[record(key)]
///     name: String,
///     height: Option<Feet>,
/// }
/// assert_eq!(Hill::schema()?.columns[1].ty, Type::Int32);
/// # Ok::<_, store_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of a column",
    label = "does not implement `store_core::Field`",
    note = "columns hold bool, i16, i32, i64, f32, f64, String, Vec<u8>, and `Option` of these"
)]
pub trait Field: Sized {
    /// The column's type.
    const TYPE: Type;

    /// True if the column may be NULL, as for `Option`.
    const NULLABLE: bool = false;

    /// The value as the store takes it.
    fn as_value(&self) -> ValueRef<'_>;

    /// The value from a cell; an error if the cell holds anything else.
    fn from_value(value: ValueRef<'_>) -> Result<Self>;
}

macro_rules! fields {
    ($(
        $field:ty, $ty:ident, $value:ident => |$own:ident| $borrow:expr, |$cell:ident| $make:expr;
    )*) => { $(
        impl Field for $field {
            const TYPE: Type = Type::$ty;

            #[inline]
            fn as_value(&self) -> ValueRef<'_> {
                let $own = self;
                ValueRef::$value($borrow)
            }

            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self> {
                match value.coerce(Self::TYPE)? {
                    ValueRef::$value($cell) => Ok($make),
                    _ => Err(null_in_notnull()),
                }
            }
        }
    )* };
}

// `coerce` has checked the range of an integer before it is cut down.
fields! {
    bool, Bool, Bool => |own| *own, |cell| cell;
    i16, Int16, Int => |own| i64::from(*own), |cell| cell as i16;
    i32, Int32, Int => |own| i64::from(*own), |cell| cell as i32;
    i64, Int64, Int => |own| *own, |cell| cell;
    f32, Float32, Float32 => |own| *own, |cell| cell;
    f64, Float64, Float64 => |own| *own, |cell| cell;
    String, Text, Text => |own| own, |cell| cell.to_owned();
    Vec<u8>, Bytes, Bytes => |own| own, |cell| cell.to_owned();
}

fn null_in_notnull() -> Error {
    Error::new(Kind::NotNull, "NULL where the field is no `Option`")
}

impl<T: Field> Field for Option<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = {
        assert!(!T::NULLABLE, "an `Option` of an `Option` has two NULLs, a column one");
        true
    };

    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, T::as_value)
    }

    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl SchemaBuilder {
    /// Adds a column for a Rust type: notnull unless it is an `Option`.
    pub fn field<T: Field>(self, name: impl Into<String>) -> Self {
        let added = self.column(name, T::TYPE);
        if T::NULLABLE { added } else { added.notnull() }
    }
}

impl RowRef<'_> {
    /// The value of the column at this position as a Rust type.
    pub fn field<T: Field>(&self, column: usize) -> Result<T> {
        let schema = self.schema();
        let name = |error: Error| match schema.columns.get(column) {
            Some(known) => {
                error.at(format_args!("column \"{}\" of `{}`", known.name, schema.table))
            }
            None => error,
        };
        if column >= schema.columns.len() {
            return Err(Error::invalid(format!("`{}` has no column {column}", schema.table)));
        }
        T::from_value(self.get(column)).map_err(name)
    }
}

impl Store {
    /// The table of this record, made if there is none.
    ///
    /// A table that exists must have the record's columns (name, type, notnull, in order), its key and
    /// its indexes; otherwise the error names the first difference. It may have more indexes. Column
    /// defaults are not compared: a record always gives every column.
    pub fn table<R: Record>(&self) -> Result<TypedTable<R>> {
        let declared = R::schema()?;
        let table = match self.open_table(&declared.table) {
            Err(error) if error.kind() == Kind::NotFound => self.create_or_open(&declared)?,
            opened => opened?,
        };
        if let Some(difference) = first_difference(&declared, table.schema()) {
            let record = std::any::type_name::<R>();
            return Err(Error::invalid(format!(
                "record `{record}` does not fit table `{}`: {difference}",
                table.name()
            ))
            .detail(table.name()));
        }
        Ok(TypedTable { table, record: PhantomData })
    }

    fn create_or_open(&self, declared: &Schema) -> Result<Table> {
        match self.create_table(declared.clone()) {
            // Another thread made it in between.
            Err(error) if error.kind() == Kind::Duplicate => self.open_table(&declared.table),
            created => created,
        }
    }
}

/// What a table has that its record declares otherwise, in words.
fn first_difference(declared: &Schema, found: &Schema) -> Option<String> {
    column_difference(declared, found)
        .or_else(|| key_difference(declared, found))
        .or_else(|| index_difference(declared, found))
}

fn column_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let pairs = declared.visible_columns().zip(found.visible_columns());
    for (at, (ours, theirs)) in pairs.enumerate() {
        let (name, number) = (&ours.name, at + 1);
        if *name != theirs.name {
            let theirs = &theirs.name;
            return Some(format!("column {number} is \"{theirs}\" there, \"{name}\" here"));
        }
        if ours.ty != theirs.ty {
            return Some(format!("column \"{name}\" is {} there, {} here", theirs.ty, ours.ty));
        }
        if ours.notnull != theirs.notnull {
            let word = |notnull| if notnull { "notnull" } else { "nullable" };
            let (theirs, ours) = (word(theirs.notnull), word(ours.notnull));
            return Some(format!("column \"{name}\" is {theirs} there, {ours} here"));
        }
    }
    let more = |schema: &Schema, than: &Schema| {
        schema.visible_columns().nth(than.visible_len()).map(|column| column.name.clone())
    };
    let missing = more(declared, found).map(|name| format!("column \"{name}\" is not there"));
    missing.or_else(|| more(found, declared).map(|name| format!("column \"{name}\" is not here")))
}

fn key_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let key = |schema: &Schema| {
        if schema.has_hidden_key() { "hidden".to_owned() } else { names(schema, &schema.key) }
    };
    let (ours, theirs) = (key(declared), key(found));
    (ours != theirs).then(|| format!("the key is {theirs} there, {ours} here"))
}

/// Each of the record's indexes must be there, over the same columns; names and order do not matter.
fn index_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let twin = |index: &Index, of: &Schema| {
        of.indexes.iter().find(|known| known.columns == index.columns).map(|known| known.unique)
    };
    let word = |unique| if unique { "unique" } else { "not unique" };
    for index in &declared.indexes {
        let columns = names(declared, &index.columns);
        match twin(index, found) {
            None => {
                return Some(format!(
                    "an index over {columns} is not there (`Table::create_index` makes it)"
                ));
            }
            Some(unique) if unique != index.unique => {
                let (theirs, ours) = (word(unique), word(index.unique));
                return Some(format!("the index over {columns} is {theirs} there, {ours} here"));
            }
            Some(_) => {}
        }
    }
    None // indexes that the table has besides are its own affair
}

fn names(schema: &Schema, columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|at| schema.columns[*at].name.as_str()).collect();
    format!("({})", names.join(", "))
}

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
    /// The same table for everything that goes by name: partial updates, ingest, statistics.
    pub fn untyped(&self) -> &Table {
        &self.table
    }

    /// The row with this key, or `None` if the reader sees none; see [`Table::get`].
    pub fn get<S: Reader>(&self, reader: &S, key: &[ValueRef<'_>]) -> Result<Option<R>> {
        self.table.get(reader, key)?.map(|row| R::from_row(&row.as_ref())).transpose()
    }

    /// True if the reader sees a row with this key.
    pub fn exists<S: Reader>(&self, reader: &S, key: &[ValueRef<'_>]) -> Result<bool> {
        self.table.exists(reader, key)
    }

    /// Starts a query; without a filter it gives every row.
    pub fn query<'r, S: Reader>(&self, reader: &'r S) -> TypedQuery<'r, R> {
        TypedQuery { query: self.table.query(reader), sort: Vec::new(), record: PhantomData }
    }

    /// Inserts the record; an existing key is [`Kind::Duplicate`].
    pub fn insert(&self, txn: &mut Txn, record: &R) -> Result<()> {
        self.table.insert(txn, &self.cells(record))
    }

    /// Writes the record over the row with its key, or inserts it; true if it was inserted.
    pub fn upsert(&self, txn: &mut Txn, record: &R) -> Result<bool> {
        self.table.upsert(txn, &self.cells(record))
    }

    /// Deletes the row with this key; false if there is none.
    pub fn delete(&self, txn: &mut Txn, key: &[ValueRef<'_>]) -> Result<bool> {
        self.table.delete(txn, key)
    }

    fn cells<'c>(&self, record: &'c R) -> Vec<ValueRef<'c>> {
        let mut cells = Vec::with_capacity(self.table.schema().visible_len());
        record.cells(&mut cells);
        cells
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

/// A question about the table of one [`Record`]: a [`Query`] whose rows come as structs.
///
/// ```
/// # use store_core::{Record, Store, query::column};
/// # #[derive(Record)]
/// # struct Flight { #[record(key)] id: i32, altitude: i32 }
/// # let store = Store::in_memory()?;
/// # let flights = store.table::<Flight>()?;
/// # let flight = |id| Flight { id, altitude: id };
/// # store.write(|txn| (0..3).try_for_each(|id| flights.insert(txn, &flight(id))))?;
/// let snapshot = store.snapshot()?;
/// let query = flights.query(&snapshot).filter(column("altitude").ge(1)).sort("-altitude");
/// for flight in query.run()? {
///     println!("{}", flight?.id);
/// }
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct TypedQuery<'r, R> {
    query: Query<'r>,
    sort: Vec<String>,
    record: PhantomData<fn() -> R>,
}

impl<'r, R: Record> TypedQuery<'r, R> {
    /// Keeps the rows for which the predicate is true; several calls must all hold.
    pub fn filter(mut self, predicate: Predicate) -> Self {
        self.query = self.query.filter(predicate);
        self
    }

    /// Orders the rows by a column, `"-column"` descending; a further call breaks ties.
    ///
    /// A word that names no column is an error when the query runs.
    pub fn sort(mut self, column: impl AsRef<str>) -> Self {
        self.sort.push(column.as_ref().to_owned());
        self
    }

    /// Gives at most this many rows. Without a sort it may be any of them.
    pub fn limit(mut self, rows: u64) -> Self {
        self.query = self.query.limit(rows);
        self
    }

    /// Leaves out the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.query = self.query.offset(rows);
        self
    }

    /// Every row at once; [`TypedQuery::run`] holds one at a time.
    ///
    /// The vector belongs to the caller and is not part of the memory budget.
    pub fn collect(self) -> Result<Vec<R>> {
        self.run()?.collect()
    }

    /// Starts the query; a sorted one reads all its rows here.
    pub fn run(self) -> Result<TypedCursor<'r, R>> {
        let cursor = self.sorted()?.run()?;
        Ok(TypedCursor { cursor, ended: false, record: PhantomData })
    }

    /// How many rows match, after offset and limit.
    pub fn count(self) -> Result<u64> {
        self.sorted()?.count()
    }

    /// One line: the way to the rows, and why.
    pub fn explain(self) -> Result<String> {
        self.sorted()?.explain()
    }

    fn sorted(self) -> Result<Query<'r>> {
        self.query.sort(&self.sort)
    }
}

/// The records of a query, one after another, all at one snapshot; ends after an error.
pub struct TypedCursor<'r, R> {
    cursor: Cursor<'r>,
    ended: bool,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Iterator for TypedCursor<'_, R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        if self.ended {
            return None;
        }
        let row = self.cursor.next().and_then(|row| row.map(|row| R::from_row(&row)).transpose());
        self.ended = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

#[cfg(test)]
mod tests;

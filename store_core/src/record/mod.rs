//! Rust structs as rows: [`Record`], usually derived, and tables that speak it.
//!
//! ```text
//! struct ─ Record::cells ─► Table (untyped) ─► RowRef ─ Record::from_row ─► struct
//!            └─ field   per field: its type, its value, and back
//! Flight::ALTITUDE.gt(10_000) ─ column ─► Predicate, SortName, (column, new value)
//! ```

mod column;
mod field;
mod open;
mod order;
mod query;
mod table;
mod write;

use crate::cursor::RowRef;
use crate::error::Result;
use crate::schema::Schema;
use crate::value::ValueRef;

pub use column::{Operand, TypedColumn, TypedPredicate};
pub use field::{Field, Number, Scalar};
pub use order::TypedSort;
pub use query::{TypedCursor, TypedQuery};
pub use table::TypedTable;
pub use write::TypedChange;

/// A Rust struct that is a row of a table; derived with `#[derive(Record)]`.
///
/// | option | on | means |
/// |---|---|---|
/// | `table = "flights"` | struct | the table's name; by default the struct's in `snake_case` |
/// | `crate = "path"` | struct | where `store_core` is, if not under its own name |
/// | `key(a, b)` | struct | these fields are the key, in this order |
/// | `index(a, b)`, `unique(a, b)` | struct | an index, a unique index over these fields, the most significant first |
/// | `key` | field | part of the key, in the order of the fields |
/// | `index`, `unique` | field | an index, a unique index |
/// | `nocase` | field | with one of these: upper and lower case are equal in it |
/// | `decimal(10, 2)` | field | the digits of a [`Decimal`](crate::Decimal): in all, and after the point; without it, `decimal(18, 3)` |
/// | `default = EXPR` | field | what inserts that do not name the column take |
/// | `rename = "name"` | field | the column's name, if it is not the field's |
/// | `constant = NAME` | field | the name of the column's constant, if it is not the field's in upper case |
///
/// Field types are those that implement [`Field`]; an `Option` is a nullable column, everything
/// else is notnull. Without a key the table has a hidden one that is no part of the struct; with
/// one the struct is [`Keyed`].
///
/// Each field has a constant, `Flight::ALTITUDE` for `altitude`, as visible as the struct, from which
/// predicates and sort orders are made that the compiler checks: see [`TypedColumn`]. Where the
/// struct has a constant of that name already, `constant` gives the column's another one.
///
/// ```
/// use store_core::{Record, Store};
///
/// #[derive(Record, Clone, Debug, PartialEq)]
/// #[record(table = "flights", index(origin, altitude))]
/// struct Flight {
///     #[record(key)]
///     flight_id: String,
///     #[record(index)]
///     altitude: i32,
///     lat: f64,
///     origin: Option<String>,
/// }
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path();
/// const MIB: u64 = 1 << 20;
/// let store = Store::options().memory(512 * MIB).open(path)?;
/// let flights = store.table::<Flight>()?; // created, or checked against the file's schema
/// let flight =
///     Flight { flight_id: "UAL123".into(), altitude: 35_000, lat: 29.98, origin: None };
/// store.write(|txn| flights.upsert(txn, &flight))?;
///
/// let snapshot = store.snapshot()?;
/// assert_eq!(flights.get(&snapshot, "UAL123")?.as_ref(), Some(&flight));
/// let rows: Vec<Flight> = flights
///     .query(&snapshot)
///     .filter(Flight::ALTITUDE.gt(10_000))
///     .sort(Flight::LAT.asc())
///     .limit(10)
///     .collect()?;
/// assert_eq!(rows, [flight]);
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no record",
    note = "derive it: `#[derive(store_core::Record)]`"
)]
pub trait Record: Sized {
    /// The table as the struct declares it, with one visible column per field, in order.
    fn schema() -> Result<Schema>;

    /// Appends the value of every visible column, in order.
    fn cells<'r>(&'r self, out: &mut Vec<ValueRef<'r>>);

    /// Makes the struct from a row of a table that [`Store::table`](crate::Store::table) checked.
    fn from_row(row: &RowRef<'_>) -> Result<Self>;

    /// A number for the columns and the key: [`Schema::hash`] of [`Record::schema`].
    ///
    /// Two programs whose structs have the same one understand each other's rows.
    ///
    /// ```
    /// # use store_core::{Record, Store};
    /// #[derive(Record)]
    /// struct Visit {
    ///     page: String,
    /// }
    /// let store = Store::in_memory()?;
    /// let visits = store.table::<Visit>()?;
    /// assert_eq!(Visit::schema_hash()?, visits.untyped().schema().hash());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    fn schema_hash() -> Result<u64> {
        Ok(Self::schema()?.hash())
    }
}

/// A [`Record`] with a key; derived with it.
///
/// ```
/// use store_core::{Keyed, Record, Store};
///
/// #[derive(Record)]
/// struct Leg {
///     #[record(key)]
///     flight: String,
///     #[record(key)]
///     number: i16,
///     miles: i32,
/// }
/// let store = Store::in_memory()?;
/// let legs = store.table::<Leg>()?;
/// let first = Leg { flight: "UAL123".into(), number: 1, miles: 1_235 };
/// store.write(|txn| legs.insert(txn, &first))?;
/// assert_eq!(first.key(), ("UAL123", 1));
/// assert_eq!(legs.get(&store.snapshot()?, ("UAL123", 1))?.unwrap().miles, 1_235);
/// # Ok::<_, store_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the record `{Self}` has no key",
    note = "mark a field with `#[record(key)]`"
)]
pub trait Keyed: Record {
    /// The key column's value, or a tuple if there are several, in the key's order. Text and bytes
    /// are borrowed.
    type Key<'k>;

    /// The cells of a key.
    type KeyCells<'k>: AsRef<[ValueRef<'k>]>;

    /// This record's key.
    fn key(&self) -> Self::Key<'_>;

    /// A key as the untyped [`Table`](crate::Table) takes it.
    fn key_cells(key: Self::Key<'_>) -> Self::KeyCells<'_>;
}

#[cfg(test)]
mod tests;

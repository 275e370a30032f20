//! Rows that leave memory and come back (invariants I11 and I13): a store smaller than its rows, readers
//! and writers beside freezes and thaws, and what cannot be frozen.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod beside;
mod budget;
mod by_index;
mod merge;
mod refused;
mod resize;
mod unique;

use store_core::{Schema, Store, Table, Type, Value, ValueRef};
use tempfile::TempDir;

/// A mebibyte.
pub const MIB: u64 = 1 << 20;

/// A store of so many bytes in a directory of its own.
///
/// # Panics
/// If it cannot be made.
pub fn store(memory: u64) -> (Store, TempDir) {
    let place = tempfile::tempdir().unwrap();
    (Store::options().memory(memory).freeze(true).open(place.path()).unwrap(), place)
}

/// A table of made flights.
///
/// # Panics
/// If it cannot be made.
pub fn flights(store: &Store) -> Table {
    let schema = Schema::builder("flights")
        .column("id", Type::Text)
        .key()
        .column("altitude", Type::Int32)
        .index()
        .column("remark", Type::Text)
        .column("seen", Type::Timestamp);
    store.create_table(schema.build().unwrap()).unwrap()
}

/// The nth row: some remarks are longer than a cell, some altitudes are NULL.
pub fn row(nth: i64) -> [Value; 4] {
    let remark =
        if nth % 3 == 0 { "as planned, and a little late".to_owned() } else { format!("r{nth}") };
    let altitude = if nth % 11 == 0 { Value::Null } else { Value::Int(nth * 7 % 40_000) };
    [
        Value::Text(format!("UAL{nth:07}")),
        altitude,
        Value::Text(remark),
        Value::Timestamp(nth * 1_000),
    ]
}

/// The key of the nth row.
pub fn key(nth: i64) -> String {
    format!("UAL{nth:07}")
}

/// Writes these rows.
///
/// # Panics
/// If one is refused.
pub fn put(store: &Store, table: &Table, rows: impl Iterator<Item = i64>) {
    let rows: Vec<i64> = rows.collect();
    // A commit promises a page or so for every ten entries of an index.
    for part in rows.chunks(100) {
        store
            .write(|txn| {
                part.iter().try_for_each(|nth| {
                    let row = row(*nth);
                    let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
                    table.upsert(txn, &cells).map(drop)
                })
            })
            .unwrap_or_else(|error| panic!("{error}\n{:#?}", store.stats()));
    }
}

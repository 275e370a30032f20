//! Rows out of a store, and checks that every test ends with.

use store_core::query::Predicate;
use store_core::{Cursor, Reader, Store, Table, Value};

/// Every row a cursor has left.
///
/// # Panics
/// If the cursor fails.
pub fn drain(mut cursor: Cursor<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        rows.push(row.values().map(store_core::ValueRef::to_owned).collect());
    }
    rows
}

/// The rows that match, in no order.
///
/// # Panics
/// If the query fails.
pub fn matching<R: Reader>(table: &Table, reader: &R, predicate: Predicate) -> Vec<Vec<Value>> {
    drain(table.query(reader).filter(predicate).run().unwrap())
}

/// The sum of an integer column over rows.
///
/// # Panics
/// If the column holds anything else.
pub fn sum(rows: &[Vec<Value>], column: usize) -> i64 {
    rows.iter().map(|row| int(&row[column])).sum()
}

/// The number in a cell.
///
/// # Panics
/// If it holds none.
pub fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other:?} is not an integer"),
    }
}

/// Asserts that every index agrees with its table and every checksum holds.
///
/// # Panics
/// If not.
pub fn assert_sound(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

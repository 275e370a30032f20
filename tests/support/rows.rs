//! Rows out of a store, and checks that every test ends with.

use store_core::query::Predicate;
use store_core::{Batches, Cursor, Reader, Result, Store, Table, Value, ValueRef};

/// Every row a cursor has left.
///
/// # Panics
/// If the cursor fails.
pub fn drain(cursor: Cursor<'_>) -> Vec<Vec<Value>> {
    read_on(cursor).unwrap()
}

/// Every row a cursor has left, or its error.
pub fn read_on(mut cursor: Cursor<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        rows.push(row.values().map(store_core::ValueRef::to_owned).collect());
    }
    Ok(rows)
}

/// The rows that match, in no order.
///
/// # Panics
/// If the query fails.
pub fn matching<R: Reader>(table: &Table, reader: &R, predicate: Predicate) -> Vec<Vec<Value>> {
    drain(table.query(reader).filter(predicate).run().unwrap())
}

/// The columns of all batches that are left, row by row. Each value is there in every form that a
/// batch has for it.
pub fn unbatched(mut batches: Batches<'_>, columns: usize) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    while let Some(batch) = batches.next()? {
        assert!(!batch.is_empty(), "a batch has rows");
        for row in 0..batch.len() {
            let values = (0..columns).map(|nth| {
                let value = batch.get(nth, row);
                let is_null = batch.nulls(nth).is_some_and(|nulls| nulls[row]);
                assert_eq!(is_null, value.is_null());
                let int = batch.ints(nth).map(|ints| ints[row]);
                let float = batch.floats(nth).map(|floats| floats[row].to_bits());
                match value {
                    ValueRef::Null => assert!(int.is_none_or(|int| int == 0)),
                    ValueRef::Bool(value) => assert_eq!(int, Some(i64::from(value))),
                    ValueRef::Int(value) | ValueRef::Timestamp(value) => {
                        assert_eq!(int, Some(value));
                    }
                    ValueRef::Date(value) => assert_eq!(int, Some(i64::from(value))),
                    ValueRef::Float32(value) => {
                        assert_eq!(float, Some(f64::from(value).to_bits()));
                    }
                    ValueRef::Float64(value) => assert_eq!(float, Some(value.to_bits())),
                    _ => assert_eq!((int, float), (None, None)),
                }
                value.to_owned()
            });
            rows.push(values.collect());
        }
    }
    Ok(rows)
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

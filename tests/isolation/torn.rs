//! I2: a version's bytes are complete before anybody can reach it. Every column of a row holds one
//! number, in one form or another; a copy with two numbers is torn.

use crate::{StopAtEnd, is_stopped, store};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use store_core::query::Predicate;
use store_core::{Schema, Store, Table, Type, Value};
use store_tests::rows::{assert_sound, int, matching};

const COLUMNS: usize = 20;
const HOT_ROWS: i64 = 2;

/// `id` and twenty columns: integers, and every fourth a text too long for its cell.
fn wide(store: &Store) -> Table {
    let mut schema = Schema::builder("wide").column("id", Type::Int64).key();
    for at in 0..COLUMNS {
        let ty = if is_text(at) { Type::Text } else { Type::Int64 };
        schema = schema.column(format!("c{at}"), ty);
    }
    store.create_table(schema.build().unwrap()).unwrap()
}

const fn is_text(column: usize) -> bool {
    column % 4 == 3
}

/// Columns that all hold this number.
fn seal(number: i64) -> Vec<Value> {
    let cell = |at| {
        if !is_text(at) {
            return Value::Int(number);
        }
        let mut text = String::new();
        // Longer than a cell, and of a length that changes with the number.
        for _ in 0..2 + number % 5 {
            write!(text, "{number:012};").unwrap();
        }
        Value::Text(text)
    };
    (0..COLUMNS).map(cell).collect()
}

fn cells(row: &[Value]) -> Vec<store_core::ValueRef<'_>> {
    row.iter().map(Value::as_ref).collect()
}

fn assert_whole(row: &[Value]) -> i64 {
    let number = int(&row[1]);
    assert_eq!(row[1..], seal(number), "torn");
    number
}

fn write_rows(store: &Store, table: &Table, next: &AtomicI64, id: i64) {
    let number = next.fetch_add(1, Ordering::Relaxed);
    let mut row = vec![Value::Int(id)];
    row.extend(seal(number));
    let columns: Vec<usize> = (0..=COLUMNS).collect();
    let outcome = store.write(|txn| {
        if number % 17 == 16 {
            table.delete(txn, &[id.into()])?; // and comes back with the next number
            return Ok(());
        }
        table.upsert_columns(txn, &columns, &cells(&row)).map(drop)
    });
    outcome.unwrap();
}

#[test]
fn a_row_is_never_read_half_written() {
    let store = store();
    let table = wide(&store);
    let (next, stop) = (AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // A writer to a row: no conflicts, so that versions change as fast as they can.
        scope.spawn(|| {
            while !is_stopped(&stop) {
                write_rows(&store, &table, &next, 0);
                write_rows(&store, &table, &next, 1);
            }
        });
        let _stop = StopAtEnd(&stop);
        let mut newest = [0; HOT_ROWS as usize];
        for round in 0..200_000_usize {
            let snapshot = store.snapshot().unwrap();
            for id in 0..HOT_ROWS {
                let Some(row) = table.get(&snapshot, &[id.into()]).unwrap() else { continue };
                let number = assert_whole(&row.to_values());
                assert!(number >= newest[id as usize], "time ran backwards");
                newest[id as usize] = number;
            }
            if round % 64 == 0 {
                let rows = matching(&table, &snapshot, Predicate::all());
                for row in &rows {
                    assert_whole(row);
                }
            }
        }
    });
    assert_sound(&store);
}

#[test]
fn an_old_snapshot_reads_its_version_while_the_row_changes() {
    let store = store();
    let table = wide(&store);
    let (next, stop) = (AtomicI64::new(0), AtomicBool::new(false));
    write_rows(&store, &table, &next, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_stopped(&stop) {
                write_rows(&store, &table, &next, 0);
            }
        });
        let _stop = StopAtEnd(&stop);
        for _ in 0..20_000 {
            let snapshot = store.snapshot().unwrap();
            let read = || {
                let row = table.get(&snapshot, &[0_i64.into()]).unwrap();
                row.map(|row| assert_whole(&row.to_values()))
            };
            let first = read();
            for _ in 0..20 {
                assert_eq!(read(), first, "a snapshot changed its mind");
            }
        }
    });
}

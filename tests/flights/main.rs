//! Real data end to end: 336,776 flights, and files that are wrong in every way we know (I14, I16).
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod bad_input;
mod full;

use std::path::{Path, PathBuf};
use store_core::ingest::{Format, IngestOptions};
use store_core::query::{Predicate, column};
use store_core::{Schema, Store, Table, Type, Value};

const INTEGERS: [&str; 14] = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "flight",
    "air_time",
    "distance",
    "hour",
    "minute",
];

fn create(store: &Store) -> Table {
    let columns = [
        "year",
        "month",
        "day",
        "dep_time",
        "sched_dep_time",
        "dep_delay",
        "arr_time",
        "sched_arr_time",
        "arr_delay",
        "carrier",
        "flight",
        "tailnum",
        "origin",
        "dest",
        "air_time",
        "distance",
        "hour",
        "minute",
        "time_hour",
    ];
    let schema = columns.iter().fold(Schema::builder("flights"), |schema, name| {
        let ty = match *name {
            "time_hour" => Type::Timestamp,
            name if INTEGERS.contains(&name) => Type::Int32,
            _ => Type::Text,
        };
        let schema = schema.column(*name, ty);
        if matches!(*name, "carrier" | "dep_delay") { schema.index() } else { schema }
    });
    store.create_table(schema.index_of(&["origin", "dep_delay"], false).build().unwrap()).unwrap()
}

fn options(batch_rows: u64) -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    options.header = true;
    options.nulls = vec!["NA".to_owned()];
    options.batch_rows = batch_rows;
    options
}

/// The whole year if it lies beside the workspace, or where `STORE_FLIGHTS` says.
fn full_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("STORE_FLIGHTS") {
        return Some(path.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let beside = std::fs::read_dir(workspace.parent()?).ok()?;
    let in_folder = |folder: PathBuf| folder.join("data/nycflights13/flights.tsv.gz");
    let found = beside.flatten().map(|entry| in_folder(entry.path())).find(|path| path.exists());
    if found.is_none() {
        println!("SKIPPED: full flights file not found");
    }
    found
}

/// January 2013, as the examples use it.
fn january_file() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let path = workspace.join("examples/data/flights-2013-01.tsv.gz");
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} not found", path.display());
    None
}

/// Count and sum of an integer column over the rows that match and have it.
fn totals(store: &Store, table: &Table, filter: Predicate, name: &str) -> (u64, i64) {
    let snapshot = store.snapshot().unwrap();
    let at = table.schema().column_position(name).unwrap();
    let mut cursor = table.query(&snapshot).filter(filter).run().unwrap();
    let (mut count, mut sum) = (0, 0);
    while let Some(row) = cursor.next().unwrap() {
        if let Value::Int(number) = row.get(at).to_owned() {
            count += 1;
            sum += number;
        }
    }
    (count, sum)
}

fn count(store: &Store, table: &Table, filter: Predicate) -> u64 {
    table.query(&store.snapshot().unwrap()).filter(filter).count().unwrap()
}

fn of_carrier(carrier: &str) -> Predicate {
    column("carrier").eq(carrier)
}

//! Our side.

use super::flights::{DISTANCE, Flights, Key, SCHEMA};
use store_core::ingest::{Format, IngestOptions, Source};
use store_core::query::column;
use store_core::{RowRef, Schema, Store, Table, ValueRef};

/// Keys read in one call.
const BATCH: usize = 256;

pub struct Loaded {
    store: Store,
    table: Table,
}

/// Loads the text into a table in memory.
pub fn load(flights: &Flights) -> Loaded {
    let store = Store::options().memory(1 << 30).open_in_memory().expect("a store opens");
    let schema = Schema::parse("flights", SCHEMA).expect("the schema is right");
    let table = store.create_table(schema).expect("the table is new");
    let mut options = IngestOptions::new(Format::Tsv);
    options.header = true;
    options.nulls = vec!["NA".to_owned()];
    let text = std::io::Cursor::new(flights.text.clone());
    let source = Source::from_reader("flights", text).expect("the text can be read");
    let report = table.ingest(source, options).expect("every row loads");
    assert_eq!(report.rows_loaded as usize, flights.rows());
    Loaded { store, table }
}

impl Loaded {
    /// Reads each key's row; the sum of the distances.
    pub fn read(&self, keys: &[Key]) -> i64 {
        let snapshot = self.store.snapshot().expect("a snapshot opens");
        let mut sum = 0;
        for key in keys {
            let row = self.table.get_with(&snapshot, &cells(key), |row| distance(&row));
            sum += row.expect("a key of the right shape").expect("the row is there");
        }
        sum
    }

    /// Reads the rows of [`BATCH`] keys at a time; the sum of the distances.
    pub fn read_batches(&self, keys: &[Key]) -> i64 {
        let snapshot = self.store.snapshot().expect("a snapshot opens");
        let mut sum = 0;
        let mut batch = Vec::with_capacity(BATCH);
        for keys in keys.chunks(BATCH) {
            batch.clear();
            batch.extend(keys.iter().map(cells));
            let look = |_, row: Option<RowRef<'_>>| {
                sum += distance(&row.expect("the row is there"));
            };
            self.table.get_many(&snapshot, &batch, look).expect("keys of the right shape");
        }
        sum
    }

    pub fn late_from_jfk(&self) -> i64 {
        let snapshot = self.store.snapshot().expect("a snapshot opens");
        let late = column("origin").eq("JFK").and(column("dep_delay").ge(60));
        self.table.query(&snapshot).filter(late).count().expect("the query runs") as i64
    }

    pub fn bytes_per_row(&self) -> f64 {
        let stats = self.table.stats();
        stats.bytes as f64 / stats.rows as f64
    }
}

fn cells(key: &Key) -> [ValueRef<'_>; 7] {
    let [year, month, day, flight, departure] = key.numbers.map(ValueRef::Int);
    let (carrier, origin) = (ValueRef::Text(&key.carrier), ValueRef::Text(&key.origin));
    [year, month, day, carrier, flight, origin, departure]
}

fn distance(row: &RowRef<'_>) -> i64 {
    match row.get(DISTANCE) {
        ValueRef::Int(distance) => distance,
        other => panic!("a distance of {other:?}"),
    }
}

/// Where the bytes of a row are.
pub fn describe(flights: &Flights) -> String {
    let loaded = load(flights);
    let rows = flights.rows() as u64;
    let stats = loaded.store.stats();
    let part = |line: &store_core::HolderUsage| {
        let name = line.path.strip_prefix("store/tables/flights/")?;
        Some(format!("{name} {} bytes a row", line.bytes / rows))
    };
    stats.holders.iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

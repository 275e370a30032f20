//! `make bench-cold`: rows that have left memory.
//!
//! | part | what is shown | gates |
//! |---|---|---|
//! | `access` | reads and transactions of ten updates while 100, 99, 95 and 80 % of the rows asked for are in memory (the measure of Eldawy, Levandoski and Larson, "Trekking through Siberia", VLDB 2014) | at 99 %: updates 0.85 x, reads 0.4 x of all in memory |
//! | `freeze` | the time to freeze, per gigabyte of memory that is freed, and bytes a row on disk beside Parquet, zstd | 1.3 x Parquet |
//! | `ingest` | a text ten times the budget: memory that was held, bytes written for each byte of text | 4 |
//!
//! CPU time unless a line says wall; `STORE_BENCH_DIR` names the directory, `PLOT=out.svg` draws the memory
//! of the ingest over time.

mod access;
mod freeze;
mod ingest;
mod plot;

use crate::durability::Place;
use crate::rows;
use store_core::ingest::{Format, IngestOptions, Source};
use store_core::{Durability, Options, Schema, Store, Table};
use store_etl::generate::FLIGHTS_SCHEMA;

/// Rounds that count; one more warms up.
const ROUNDS: usize = 5;

/// Runs the parts; `BENCH_PART=access,freeze,ingest` runs some only.
pub fn run(rows: usize) {
    let parts = std::env::var("BENCH_PART").unwrap_or_else(|_| "access,freeze,ingest".to_owned());
    for part in parts.split(',').map(str::trim) {
        println!("\n== cold: {part}\n");
        match part {
            "access" => access::run_part(rows),
            "freeze" => freeze::run_part(rows),
            "ingest" => ingest::run_part(rows),
            other => {
                eprintln!("BENCH_PART={other}: must be access, freeze or ingest");
                std::process::exit(2);
            }
        }
    }
}

fn options(memory: u64) -> Options {
    Store::options().memory(memory).durability(Durability::None)
}

/// A store of made flights in a directory of its own, all in memory.
fn loaded(name: &str, rows: usize) -> (Place, Store, Table) {
    let place = Place::new(name);
    let store = options(rows as u64 * 400 + (64 << 20)).open(&place.0).expect("a store");
    let table = ingested(&store, rows::text(rows));
    (place, store, table)
}

/// Loads a text of flights into a new table.
fn ingested(store: &Store, text: Vec<u8>) -> Table {
    let schema = Schema::parse("flights", FLIGHTS_SCHEMA).expect("columns");
    let table = store.create_table(schema).expect("a new table");
    let mut ingest = IngestOptions::new(Format::Tsv);
    ingest.header = true;
    let source = Source::from_reader("made", std::io::Cursor::new(text)).expect("text");
    table.ingest(source, ingest).expect("every row loads");
    table
}

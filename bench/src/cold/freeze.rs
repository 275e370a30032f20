//! Freezing all rows of a table, and what they take on disk.

use super::loaded;
use crate::durability::Place;
use crate::measure::{cpu_seconds, verdict};
use crate::rows;
use std::time::Instant;
use store_core::query::Predicate;
use store_etl::generate::FLIGHTS_SCHEMA;
use store_etl::job::{Job, JobOptions};

/// Most times the bytes a row of Parquet.
const GATE: f64 = 1.3;

pub fn run_part(rows: usize) {
    let (_place, store, table) = loaded("freeze", rows);
    let bytes = table.stats().bytes;
    let began = Instant::now();
    let (seconds, report) =
        cpu_seconds(|| table.freeze(&Predicate::all(), |_| true).expect("room on the disk"));
    let wall = began.elapsed().as_secs_f64();
    let gigabytes = bytes as f64 / 1e9;
    assert_eq!(report.rows as usize, rows);
    println!(
        "{rows} rows, {gigabytes:.2} GB in memory, {} segments: {:.2} s a GB, wall {:.2}",
        report.segments,
        seconds / gigabytes,
        wall / gigabytes
    );
    let on_disk = report.bytes as f64 / rows as f64;
    let parquet = parquet_bytes(rows) as f64 / rows as f64;
    println!(
        "    bytes a row: {on_disk:.1}, Parquet of the same rows in their order, zstd: {parquet:.1}"
    );
    let ratio = parquet / on_disk;
    println!("    Parquet to segments {}", verdict((ratio, ratio, ratio), Some(1.0 / GATE)));
    drop(store);
}

/// The bytes of a Parquet file of the flights, written by a job.
fn parquet_bytes(rows: usize) -> u64 {
    let place = Place::new("parquet");
    let (from, to) = (place.0.join("flights.tsv"), place.0.join("flights.parquet"));
    std::fs::write(&from, rows::text(rows)).expect("room on the disk");
    let columns = FLIGHTS_SCHEMA.split(',').map(|column| {
        let mut words = column.split_whitespace();
        let mut next = || words.next().expect("a name and a type");
        format!("        - {{ name: {}, type: {} }}\n", next(), next())
    });
    let columns: String = columns.collect();
    let text = format!(
        "steps:\n  - scan:\n      source: {}\n      header: true\n      schema:\n{columns}  - sink: {{ destination: {} }}\n",
        from.display(),
        to.display()
    );
    let job = Job::from_yaml("flights", &text).expect("a job");
    let mut options = JobOptions::default();
    options.memory = Some(256 << 20);
    job.run(options).expect("it runs");
    std::fs::metadata(to).expect("it was written").len()
}

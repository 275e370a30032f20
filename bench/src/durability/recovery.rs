//! Opening a store after a crash: a checkpoint of the made flights and a log on top, beside the time to
//! parse the same rows from text.

use super::{Place, ROUNDS};
use crate::measure::{median, verdict};
use crate::rows;
use std::path::Path;
use std::time::Instant;
use store_core::ingest::{Format, IngestOptions, Source};
use store_core::value::parse_value;
use store_core::{Durability, Options, Schema, Store, Type};
use store_etl::generate::FLIGHTS_SCHEMA;

const ROWS: usize = 1_000_000;
const LOG_BYTES: u64 = 100 << 20;
/// Most times the parse time until all indexes are ready.
const GATE: f64 = 4.5;
/// Least records of the log in a second, in millions.
const REPLAY_GATE: f64 = 1.0;

fn options() -> Options {
    Store::options().memory(2 << 30).durability(Durability::None).checkpoint_bytes(0)
}

/// Loads the flights, writes a checkpoint, and then updates of single rows until the log is long enough.
fn fill(path: &Path, text: &[u8]) {
    let store = options().open(path).expect("a store");
    let schema = Schema::parse("flights", FLIGHTS_SCHEMA).expect("columns");
    let table = store.create_table(schema).expect("a new table");
    let mut ingest = IngestOptions::new(Format::Tsv);
    ingest.header = true;
    let source = Source::from_reader("made", std::io::Cursor::new(text.to_vec())).expect("text");
    table.ingest(source, ingest).expect("every row loads");
    store.checkpoint().expect("room on the disk");
    let begin = store.stats().wal_end;
    let ids: Vec<String> =
        rows::flights(ROWS).map(|flight| flight.id.as_str().to_owned()).collect();
    let mut at = 0;
    loop {
        for _ in 0..10_000 {
            let id = &ids[at * 7_919 % ROWS];
            let changes = [("altitude", ((at % 450) as i64 * 100).into()), ("gs", 400_i64.into())];
            store
                .write(|txn| table.update(txn, &[id.into()], &changes))
                .expect("a row that is there");
            at += 1;
        }
        if store.stats().wal_end - begin >= LOG_BYTES {
            return;
        }
    }
}

/// Seconds to parse every field of the text by its type.
fn parse(text: &[u8]) -> f64 {
    let types = [
        Type::Text,
        Type::Float64,
        Type::Float64,
        Type::Int32,
        Type::Int32,
        Type::Text,
        Type::Text,
        Type::Timestamp,
    ];
    let began = Instant::now();
    let mut rows = 0;
    for line in text.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty()) {
        for (field, ty) in line.split(|byte| *byte == b'\t').zip(types) {
            std::hint::black_box(parse_value(field, ty).expect("a field of its type"));
        }
        rows += 1;
    }
    assert_eq!(rows, ROWS);
    began.elapsed().as_secs_f64()
}

pub fn run_part() {
    let text = rows::text(ROWS);
    let place = Place::new("recovery");
    fill(&place.0, &text);
    let (mut ratios, mut opened, mut parsed, mut rates) = (vec![], vec![], vec![], vec![]);
    let mut told = String::new();
    for round in 0..=ROUNDS {
        let parsing = parse(&text);
        let began = Instant::now();
        let store = options().open(&place.0).expect("the store comes back");
        let opening = began.elapsed().as_secs_f64();
        let report = store.recovery().expect("it is on a disk");
        assert_eq!(report.checkpoint_rows as usize, ROWS);
        if round > 0 {
            ratios.push(parsing / opening);
            opened.push(opening);
            parsed.push(parsing);
            rates.push(report.records as f64 / report.replaying.as_secs_f64() / 1e6);
        }
        told = format!(
            "checkpoint {:.2} s, log {:.2} s ({} records), indexes {:.2} s ({} entries)",
            report.loading.as_secs_f64(),
            report.replaying.as_secs_f64(),
            report.records,
            report.indexing.as_secs_f64(),
            report.index_entries
        );
    }
    let times = median(&mut ratios);
    println!(
        "{ROWS} rows, 2 indexes, {} MB of log: open {:.2} s, parse {:.2} s: {:.2} x the parse time, gate {GATE} x{}",
        LOG_BYTES >> 20,
        median(&mut opened).0,
        median(&mut parsed).0,
        1.0 / times.0,
        if 1.0 / times.0 > GATE { "   MISSED" } else { "" }
    );
    println!("    the last: {told}");
    let rate = median(&mut rates);
    println!("    replay, M records/s        {}", verdict(rate, Some(REPLAY_GATE)));
}

//! Known figures of the data set, before and after restarts, checkpoints and `kill -9`.

use crate::{count, create, full_file, january_file, of_carrier, options, totals};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use store_core::ingest::Source;
use store_core::query::{Predicate, column};
use store_core::{Store, Table};
use store_tests::rows::assert_sound;

const PLACE: &str = "STORE_TESTS_FLIGHTS_PLACE";
const ROWS: u64 = 336_776;
const BATCH: u64 = 10_000;

fn open(place: &Path) -> Store {
    Store::options().memory(512 << 20).open(place).unwrap()
}

fn assert_figures(store: &Store, table: &Table, when: &str) {
    let counted = |filter| count(store, table, filter);
    assert_eq!(counted(Predicate::all()), ROWS, "{when}");
    assert_eq!(counted(column("dep_time").is_not_null()), 328_521, "{when}");
    assert_eq!(totals(store, table, Predicate::all(), "distance"), (ROWS, 350_217_607), "{when}");
    let carriers = ["UA", "B6", "EV"].map(|carrier| counted(of_carrier(carrier)));
    assert_eq!(carriers, [58_665, 54_635, 54_173], "{when}");
    let late = column("origin").eq("JFK").and(column("dep_delay").ge(60));
    assert_eq!(counted(late), 8_541, "{when}");
    let (flights, minutes) = totals(store, table, of_carrier("EV"), "arr_delay");
    let mean = minutes as f64 / flights as f64;
    assert!((mean - 15.796_431).abs() < 1e-6, "{when}: {mean}");
}

#[test]
fn a_year_of_flights_keeps_its_figures() {
    let Some(file) = full_file() else { return };
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let table = create(&store);
    let report = table.ingest(Source::open(file).unwrap(), options(BATCH)).unwrap();
    assert_eq!((report.rows_in, report.rows_loaded, report.rows_rejected), (ROWS, ROWS, 0));
    assert_eq!(report.batches, ROWS.div_ceil(BATCH));
    assert_figures(&store, &table, "after the ingest");
    drop((store, table));
    let store = open(place.path());
    let table = store.open_table("flights").unwrap();
    assert_figures(&store, &table, "after a restart");
    store.checkpoint().unwrap();
    drop((store, table));
    let store = open(place.path());
    assert_eq!(store.recovery().unwrap().checkpoint_rows, ROWS);
    let table = store.open_table("flights").unwrap();
    assert_figures(&store, &table, "after a checkpoint and a restart");
    assert_sound(&store);
}

#[test]
fn january_comes_in_whole() {
    let Some(file) = january_file() else { return };
    let store = Store::options().memory(128 << 20).open_in_memory().unwrap();
    let table = create(&store);
    let report = table.ingest(Source::open(file).unwrap(), options(BATCH)).unwrap();
    assert_eq!((report.rows_in, report.rows_loaded), (27_004, 27_004));
    assert_eq!(count(&store, &table, column("month").eq(1)), 27_004);
    let by_hand = totals(&store, &table, column("flight").ge(0), "distance");
    assert_eq!(by_hand.0, 27_004);
    assert_sound(&store);
}

/// The child: loads, tells of each batch, is killed somewhere.
#[test]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let Some(file) = full_file() else { return };
    let store = open(Path::new(&place));
    let table = create(&store);
    let mut options = options(BATCH);
    options.progress = Some(Box::new(|progress| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nloaded {}", progress.rows_loaded).and_then(|()| out.flush()).is_ok()
    }));
    table.ingest(Source::open(file).unwrap(), options).unwrap();
}

#[test]
fn a_killed_ingest_leaves_whole_batches() {
    if full_file().is_none() {
        return;
    }
    for batches in [1, 5, 12] {
        let place = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["full::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(PLACE, place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let number = |line: std::io::Result<String>| -> Option<u64> {
            line.ok()?.strip_prefix("loaded ")?.parse().ok()
        };
        let mut told = 0;
        while told < batches * BATCH {
            told = number(lines.next().expect("the child ended by itself")).unwrap_or(told);
        }
        child.kill().unwrap();
        told = lines.filter_map(number).last().unwrap_or(told);
        child.wait().unwrap();
        let store = open(place.path());
        let table = store.open_table("flights").unwrap();
        let rows = count(&store, &table, Predicate::all());
        assert!(rows >= told && rows.is_multiple_of(BATCH), "told {told}, found {rows}");
        // A prefix of the file: hidden row numbers count its lines.
        let snapshot = store.snapshot().unwrap();
        let last = table.get(&snapshot, &[(rows as i64).into()]).unwrap();
        assert!(
            last.is_some() && table.get(&snapshot, &[(rows as i64 + 1).into()]).unwrap().is_none()
        );
        assert_sound(&store);
    }
}

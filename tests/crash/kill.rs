//! `kill -9` on a real process with real files (I6): every batch it acknowledged is there, and
//! only whole batches are.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{Schema, Store, Type};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, matching};

/// Where the child works; only set for the child.
const PLACE: &str = "STORE_TESTS_KILL_PLACE";
const BATCH_ROWS: i64 = 20;
const ROUNDS: u64 = 10;

fn open(place: &Path) -> Store {
    Store::options().memory(128 << 20).open(place).unwrap()
}

/// The child: commits batches for ever, prints the number of each once it is acknowledged.
#[test]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let store = open(Path::new(&place));
    let table = store.open_table("t").or_else(|_| {
        let schema = Schema::builder("t").column("id", Type::Int64).key();
        let schema = schema.column("batch", Type::Int64).index().column("text", Type::Text);
        store.create_table(schema.build()?)
    });
    let table = table.unwrap();
    let known = table.count(&store.snapshot().unwrap()).unwrap() as i64 / BATCH_ROWS;
    for batch in known.. {
        let write = store.write(|txn| {
            (0..BATCH_ROWS).try_for_each(|row| {
                let id = batch * BATCH_ROWS + row;
                table.insert(txn, &[id.into(), batch.into(), "a text longer than a cell".into()])
            })
        });
        write.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {batch}").and_then(|()| out.flush()).unwrap();
        if batch % 50 == 49 {
            store.checkpoint().unwrap();
        }
    }
}

/// Runs the child until it has acknowledged some batches, kills it; the last one it told of.
fn round(place: &Path, batches: u64) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = -1;
    let mut told = 0;
    let number = |line: std::io::Result<String>| -> Option<i64> {
        line.ok()?.strip_prefix("acknowledged ")?.parse().ok()
    };
    while told < batches {
        let line = lines.next().expect("the child ended by itself");
        if let Some(batch) = number(line) {
            (last, told) = (batch, told + 1);
        }
    }
    std::thread::sleep(Duration::from_micros(37 * batches));
    child.kill().unwrap(); // SIGKILL
    // What it told before it died counts too.
    last = lines.filter_map(number).last().unwrap_or(last);
    child.wait().unwrap();
    last
}

#[test]
fn a_killed_process_loses_no_acknowledged_batch() {
    let place = tempfile::tempdir().unwrap();
    let mut random = Random::new(11);
    for nth in 0..ROUNDS {
        let last = round(place.path(), 1 + random.below(60));
        let store = open(place.path());
        let table = store.open_table("t").unwrap();
        let snapshot = store.snapshot().unwrap();
        let rows = matching(&table, &snapshot, Predicate::all());
        let newest = rows.iter().map(|row| int(&row[1])).max().unwrap_or(-1);
        assert!(newest >= last, "round {nth}: told {last}, found {newest}");
        assert_eq!(rows.len() as i64, (newest + 1) * BATCH_ROWS, "round {nth}: whole batches");
        let of_newest = matching(&table, &snapshot, column("batch").eq(newest));
        assert_eq!(of_newest.len() as i64, BATCH_ROWS, "round {nth}: by index");
        assert_sound(&store);
    }
}

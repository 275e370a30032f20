//! The promise about the process: its resident memory stays within the cap (I12).

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use store_core::mem::process_memory;
use store_core::segment::Spill;
use store_core::{MemoryBudget, Type};
use store_etl::generate::write_transactions;
use store_etl::operator::sort::{LineKey, LineOptions, LineSorter, SortColumn};

/// Tells this binary, started again, to sort `in.tsv` here within so many bytes.
const CHILD_PLACE: &str = "STORE_TEST_SORT_PLACE";
const CHILD_CAP: &str = "STORE_TEST_SORT_CAP";
/// Code that runs for the first time comes into memory, and stacks grow a little.
const MARGIN_BYTES: u64 = 1 << 20;

/// Not a test of its own: what the next ones start.
#[test]
fn child_that_sorts_within_a_cap() {
    let Some(place) = std::env::var_os(CHILD_PLACE).map(PathBuf::from) else { return };
    let cap: u64 = std::env::var(CHILD_CAP).unwrap().parse().unwrap();
    let base = process_memory().unwrap().resident + MARGIN_BYTES;
    let budget = MemoryBudget::for_job(cap - base);
    let keys = vec![
        LineKey { column: 2, sort: SortColumn::ascending(Type::Int32) },
        LineKey { column: 1, sort: SortColumn::ascending(Type::Timestamp) },
    ];
    let options = LineOptions::within((cap - base) as usize / 4096 * 4096);
    let spill = Spill::new(&place, None).unwrap();
    let holder = budget.holder("job");
    let mut sorter = LineSorter::new(options, keys, Some(spill.clone()), &holder).unwrap();
    sorter.read(&mut File::open(place.join("in.tsv")).unwrap(), "in.tsv").unwrap();
    let mut out = File::create(place.join("out.tsv")).unwrap();
    let stats = sorter.finish().unwrap().write_to(&mut out, "out.tsv").unwrap();
    assert_eq!(stats.rows_out, stats.rows_in);
    assert!(stats.sort.runs > 0, "{stats:?}");
    let peak = process_memory().unwrap().peak;
    println!("peak {peak} of {cap}, {stats:?}");
    std::fs::write(place.join("peak"), peak.to_string()).unwrap();
}

/// The peak of a process of its own that sorts made transactions; what it wrote is checked.
fn peak_of(rows: u64, cap: u64, limited: bool) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    write_transactions(1, rows, true, &mut text, |_, _| ()).unwrap();
    std::fs::write(place.path().join("in.tsv"), &text).unwrap();
    let exe = std::env::current_exe().unwrap();
    let mut command = if limited {
        let mut command = Command::new("prlimit");
        command.arg(format!("--data={cap}")).arg(exe);
        command
    } else {
        Command::new(exe)
    };
    let output = command
        .args(["--exact", "cap::child_that_sorts_within_a_cap", "--nocapture", "--test-threads=1"])
        .env(CHILD_PLACE, place.path())
        .env(CHILD_CAP, cap.to_string())
        // The harness gives its thread two megabytes otherwise, which the limit counts.
        .env("RUST_MIN_STACK", "262144")
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sorted = std::fs::read_to_string(place.path().join("out.tsv")).unwrap();
    let mut lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
    lines[1..].sort_by_key(|line| {
        let mut fields = line.split('\t').skip(1);
        let ts = fields.next().unwrap();
        (fields.next().unwrap().parse::<u32>().unwrap(), ts)
    });
    assert!(sorted.lines().eq(lines), "other lines");
    std::fs::read_to_string(place.path().join("peak")).unwrap().parse().unwrap()
}

#[test]
fn a_sort_keeps_the_cap_of_the_whole_process() {
    for (rows, cap) in [(400_000, 16 << 20), (800_000, 24 << 20)] {
        let peak = peak_of(rows, cap, false);
        assert!(peak <= cap, "{peak} of {cap}");
    }
}

#[test]
fn the_peak_does_not_grow_with_the_input() {
    let cap = 16 << 20;
    let peaks: Vec<u64> = [250_000, 1_000_000].map(|rows| peak_of(rows, cap, false)).to_vec();
    assert!(peaks.iter().all(|peak| *peak <= cap), "{peaks:?}");
    assert!(peaks[1] <= peaks[0] + (512 << 10), "{peaks:?}");
}

#[test]
fn a_sort_runs_where_the_system_allows_no_more() {
    let cap = 16 << 20;
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("SKIPPED: prlimit is not installed");
        return;
    }
    assert!(peak_of(300_000, cap, true) <= cap);
}

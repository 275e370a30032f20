//! What the program `jobs.c` works on, and what it must come to: the bytes that Rust's face writes.

use super::{compile, root, run};
use std::path::Path;
use std::process::Command;
use store_etl::job::{Job, JobOptions};

const SCANS: &str = "steps:\n  - scan: { source: keys.tsv, header: true }\n    name: keys\n  - scan: { source: in.tsv, \
                     header: true }\n  - join: { with: keys, on: key, how: left }\n";
const ROWS: u64 = 60_000;
const KEYS: u64 = 500;

/// Inputs and jobs, in this directory.
fn prepare(place: &Path) {
    let write = |name: &str, text: String| std::fs::write(place.join(name), text).unwrap();
    let row = |nth: u64| {
        let id = nth * 7919 % 1_000_003;
        format!("{id}\t{}\tname {id:012}\n", nth % KEYS)
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    write("in.tsv", format!("id\tkey\tname\n{}", rows.concat()));
    let keys: Vec<String> = (0..400).map(|key| format!("{key}\tlabel {key}\n")).collect();
    write("keys.tsv", format!("key\tlabel\n{}", keys.concat()));
    let sink = "  - sink: { destination: '${to}' }\n";
    let group = "  - aggregate: { group_by: [key, label], aggs: [count(*) AS n, sum(id) AS ids] }\n  - sort: { \
                 by: [ids desc] }\n";
    write("sorted.yaml", format!("name: sorted\n{SCANS}{group}{sink}"));
    write("rows.yaml", format!("name: rows\n{SCANS}  - sort: {{ by: name }}\n{sink}"));
    let counts = "steps:\n  - scan: { table: counts, db: db }\n    name: before\n  - scan: { source: in.tsv, header: \
                  true }\n  - aggregate: { group_by: key, aggs: [count(*) AS m] }\n  - join: { with: before, on: \
                  key, how: left }\n  - project: { columns: [key, 'coalesce(n, 0) + m AS n'] }\n  - sink: { table: \
                  counts, db: db }\n";
    write("counts.yaml", counts.to_owned());
    std::fs::create_dir(place.join("aside")).unwrap();
}

/// A job of this directory as Rust has it, with the paths that the program reaches by its own directory.
fn job(place: &Path, name: &str, to: &str) -> Job {
    let text = std::fs::read_to_string(place.join(name)).unwrap();
    let at = |file: &str| place.join(file).display().to_string();
    let text = text
        .replace("keys.tsv", &at("keys.tsv"))
        .replace("source: in.tsv", &format!("source: {}", at("in.tsv")));
    Job::parse("job", &text, &[("to".to_owned(), at(to))]).unwrap()
}

/// A text in which numbers are alike: the memory of another process is another one.
fn without_numbers(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::new();
    for char in words.chars() {
        if !char.is_ascii_digit() {
            out.push(char);
        } else if !out.ends_with('0') {
            out.push('0');
        }
    }
    out
}

#[test]
fn jobs_run_within_and_without_a_store() {
    let place = tempfile::tempdir().unwrap();
    let source = root().join("tests/c/jobs.c");
    let Some(program) = compile("cc", &["-std=c11"], &source, place.path()) else { return };
    let at = place.path().join("work");
    std::fs::create_dir(&at).unwrap();
    prepare(&at);
    run(Command::new(program).arg(&at));
    let run_here = |name: &str, to: &str| {
        job(&at, name, to).run(JobOptions::default()).unwrap();
        std::fs::read(at.join(to)).unwrap()
    };
    let made = |name: &str| std::fs::read(at.join(name)).unwrap();
    let sorted = run_here("sorted.yaml", "rust.tsv");
    for name in ["c.tsv", "least.tsv", "closed.tsv", "beside_c.tsv"] {
        assert!(made(name) == sorted, "{name}");
    }
    // Where its row groups end depends on the memory, of which another process has other parts left.
    assert!(made("c.parquet").starts_with(b"PAR1") && made("c.parquet").ends_with(b"PAR1"));
    assert!(made("rows_c.tsv") == run_here("rows.yaml", "rust_rows.tsv"));
    let mut options = JobOptions::default();
    options.threads = Some(2);
    let told = job(&at, "sorted.yaml", "c.tsv").explain(&options).unwrap().to_string();
    let place = format!("{}/", at.display());
    let told = without_numbers(&told.replace(&place, ""));
    // The hash is of the paths, too.
    let steps = |text: &str| text.split_once("phase").unwrap().1.to_owned();
    let found = without_numbers(&String::from_utf8(made("explain.txt")).unwrap());
    assert_eq!(steps(&found), steps(&told));
    let left = std::fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("spill")).collect();
    assert!(left.is_empty(), "{left:?}");
}

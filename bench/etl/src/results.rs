//! Whether results are right: each is held against DuckDB's before anything is timed.

use crate::cell::{Bench, Cell, Who};
use crate::job::Job;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Runs a job in each of the store's cells and compares what it writes; panics if anything is wrong.
/// Gives how many different outputs there were.
pub fn check(bench: &Bench<'_>, job: &Job) -> usize {
    let cells = Cell::of(bench.settings, job);
    let mut seen = HashSet::new();
    for cell in cells.into_iter().filter(|cell| cell.cap_mib().is_some()) {
        bench.run(job, cell);
        let output = bench.output(job, cell);
        if !seen.insert(digest(&output)) {
            continue;
        }
        assert!(
            !job.same_bytes || seen.len() == 1,
            "{}: other bytes within {:?} MiB by {} threads",
            job.name,
            cell.cap_mib(),
            cell.threads
        );
        compare(bench, job, cell, &output);
    }
    seen.len()
}

fn compare(bench: &Bench<'_>, job: &Job, cell: Cell, output: &Path) {
    let mut command = bench.python("compare.py");
    crate::run(command.arg(job.name).arg(output).args(bench.inputs(job, cell)));
    if job.is_sort_of_lines() {
        let cell = Cell { who: Who::Sort, ..cell };
        bench.run(job, cell);
        let theirs = bench.output(job, cell);
        assert!(same(output, &theirs, true), "GNU sort's lines are others");
        std::fs::remove_file(theirs).expect("it was made");
    }
    if job.reads_parquet() {
        assert!(same(output, bench.data.path("d1"), false), "what came back is not what went in");
    }
}

/// Read piece by piece: what this process holds is counted into its children's peaks.
fn digest(path: &Path) -> u128 {
    let mut file = File::open(path).expect("the output is there");
    let (mut hash, mut piece) = (Xxh3::new(), [0; 1 << 14]);
    loop {
        match file.read(&mut piece).expect("it is read") {
            0 => return hash.digest128(),
            count => hash.update(&piece[..count]),
        }
    }
}

/// True if two files have the same bytes, but for the header of the first.
fn same(a: &Path, b: &Path, header: bool) -> bool {
    let open = |path: &Path| BufReader::new(File::open(path).expect("the output is there"));
    let (mut a, mut b) = (open(a), open(b));
    if header {
        a.skip_until(b'\n').expect("it is read");
    }
    let (mut of_a, mut of_b) = ([0; 1 << 13], [0; 1 << 13]);
    loop {
        let count = a.read(&mut of_a).expect("it is read");
        if count == 0 {
            return b.read(&mut of_b).expect("it is read") == 0;
        }
        if b.read_exact(&mut of_b[..count]).is_err() || of_a[..count] != of_b[..count] {
            return false;
        }
    }
}

//! Jobs as a Rust program runs them.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod seed;
mod within;

use std::fmt::Write;
use std::path::Path;
use store_etl::job::Job;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// A place with an input of so many rows, in no order, and a smaller one to join it with.
fn place(rows: u64) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let mut text = String::from("id\tkey\tname\n");
    let mut keys = String::from("key\tlabel\n");
    for nth in 0..rows {
        let id = nth * 7919 % 1_000_003;
        writeln!(text, "{id}\t{}\tname {id:012}", nth % 500).unwrap();
    }
    for key in 0..400 {
        writeln!(keys, "{key}\tlabel {key}").unwrap();
    }
    std::fs::write(place.path().join("in.tsv"), text).unwrap();
    std::fs::write(place.path().join("keys.tsv"), keys).unwrap();
    std::fs::create_dir(place.path().join("aside")).unwrap();
    place
}

/// A job over the inputs of a place: these steps, to this file.
fn job(place: &Path, steps: &str, to: &str) -> Job {
    let (at, name) = (place.display(), to.split('.').next().unwrap());
    let yaml = format!(
        "name: {name}\nspill: {{ dir: '{at}/aside' }}\nsteps:\n  - scan: {{ source: '{at}/keys.tsv', header: \
         true }}\n    name: keys\n  - scan: {{ source: '{at}/in.tsv', header: true }}\n    name: rows\n{steps}  - \
         sink: {{ destination: '{at}/{to}' }}\n"
    );
    Job::from_yaml("job.yaml", &yaml).unwrap()
}

const JOIN: &str = "  - join: { with: keys, on: key, how: left }\n";
const SORT: &str = "  - join: { with: keys, on: key }\n  - sort: { by: [name] }\n";
const GROUP: &str = "  - join: { with: keys, on: key, how: left }\n  - aggregate: { group_by: [label], aggs: \
                     [count(*) AS n, sum(id) AS all_ids, max(name)] }\n  - sort: { by: n desc }\n";

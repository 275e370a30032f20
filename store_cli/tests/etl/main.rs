//! Jobs as a user meets them: YAML, the built command, files, exit codes, memory.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]
#![expect(clippy::format_collect, reason = "small inputs are made once a test")]

mod answers;
mod columnar;
mod combined;
mod faults;
mod formats;
mod memory;
mod naive;
#[path = "../cli/place.rs"]
#[allow(dead_code, reason = "the command's other tests use all of it")]
mod place;
mod tables;
mod words;

use place::{Place, Run};
use serde_json::Value;

/// Runs a job in a place; its manifest, if it is sound, must add up.
fn run_job(place: &Place, yaml: &str, more: &[&str]) -> Run {
    place.file("job.yaml", yaml);
    let mut args = vec!["etl", "run", "job.yaml", "--quiet"];
    args.extend(more);
    place.run_args(&args)
}

/// Runs a job that must do, and gives its manifest.
#[track_caller]
fn done(place: &Place, yaml: &str, more: &[&str]) -> Value {
    let run = run_job(place, yaml, more);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    manifest(place, "out.tsv")
}

/// The manifest beside a sink, checked (I12, I14).
#[track_caller]
fn manifest(place: &Place, sink: &str) -> Value {
    let text = place.read(&format!("{sink}.manifest.json"));
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let mut previous = None;
    for step in manifest["steps"].as_array().unwrap() {
        let count = |name: &str| step[name].as_u64().unwrap();
        let gone = count("rows_filtered") + count("rows_rejected") + count("rows_merged");
        assert_eq!(count("rows_in") + count("rows_made"), count("rows_out") + gone, "{step}");
        previous = Some(count("rows_out"));
    }
    assert_eq!(manifest["output"]["rows"].as_u64(), previous);
    let memory = |name: &str| manifest["memory"][name].as_u64().unwrap();
    assert!(memory("measured_peak") <= memory("predicted_peak"), "{}", manifest["memory"]);
    assert!(memory("predicted_peak") <= memory("cap"), "{}", manifest["memory"]);
    assert_eq!(
        place.path(sink).metadata().unwrap().len(),
        manifest["output"]["bytes"].as_u64().unwrap()
    );
    manifest
}

/// The smallest memory that a job says it works in.
fn min_cap(place: &Place, yaml: &str) -> u64 {
    place.file("job.yaml", yaml);
    let run = place.run("etl explain job.yaml --json");
    assert_eq!(run.code, 0, "{run:?}");
    let explained: Value = serde_json::from_str(&run.out).unwrap();
    explained["memory"]["min_cap"].as_u64().unwrap()
}

/// Names in a place, sorted.
fn names(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path(".")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

//! The promise of memory (I12): measured ≤ predicted ≤ cap, for the whole process, at every cap from the
//! smallest one up, and no more for four times the input.

use super::place::Place;
use super::{done, manifest, min_cap};
use serde_json::Value;
use std::process::Stdio;

fn input(place: &Place, rows: u64) {
    let text: String = (0..rows)
        .map(|nth| {
            let key = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            format!("{nth}\t{key}\tname {}\t{}.5\n", key % 1000, key % 77)
        })
        .collect();
    place.file("in.tsv", text);
}

const SCAN: &str = "  - scan: { source: in.tsv, schema: [{ name: id, type: int64 }, { name: key, type: int64 \
                    }, { name: name, type: text }, { name: x, type: float64 }] }\n";

fn job(steps: &str) -> String {
    format!("steps:\n{SCAN}{steps}  - sink: {{ destination: out.tsv }}\n")
}

/// Runs the command and watches its resident peak from outside until it ends.
pub(super) fn watched_peak(place: &Place, cap: u64) -> u64 {
    let memory = cap.to_string();
    let args = ["etl", "run", "job.yaml", "--memory", &memory];
    let mut command = place.command(&args);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    let run = super::Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "cap {cap}: {run:?}");
    peak
}

/// Peaks at several caps; each within what was said before.
fn check(steps: &str, rows: u64) -> Vec<u64> {
    check_after_scan(&format!("{SCAN}{steps}"), rows)
}

fn check_after_scan(steps: &str, rows: u64) -> Vec<u64> {
    let place = Place::new();
    input(&place, rows);
    let job = format!("steps:\n{steps}  - sink: {{ destination: out.tsv }}\n");
    let least = min_cap(&place, &job) + (256 << 10);
    let mut peaks = Vec::new();
    for cap in [least, least + (2 << 20), 2 * least, 96_000_000] {
        let watched = watched_peak(&place, cap);
        let facts = manifest(&place, "out.tsv");
        let predicted = facts["memory"]["predicted_peak"].as_u64().unwrap();
        let measured = facts["memory"]["measured_peak"].as_u64().unwrap();
        assert!(
            watched <= cap && measured <= predicted,
            "{steps} at {cap}: {watched} {measured} {predicted}"
        );
        peaks.push(measured.max(watched));
    }
    peaks
}

/// Bytes put aside and passes, as they were said beforehand and as they were.
fn spilled(place: &Place, job: &str) -> [(u64, u64); 2] {
    place.file("job.yaml", job);
    let explained = place.run("etl explain job.yaml --memory 24MiB --json");
    let explained: Value = serde_json::from_str(&explained.out).unwrap();
    let facts = done(place, job, &["--memory", "24MiB"]);
    [&explained["memory"], &facts].map(|said| {
        let number = |name: &str| said[name].as_u64().unwrap();
        (number("spill_bytes"), number("passes"))
    })
}

#[test]
fn what_is_put_aside_is_foretold() {
    let place = Place::new();
    input(&place, 400_000);
    let as_lines = "steps:\n  - scan: { source: in.tsv }\n  - sort: { by: [c2 desc] }\n  - sink: { destination: \
                    out.tsv, header: false }\n";
    let grouped = "  - aggregate: { group_by: [key, id], aggs: [max(name), sum(x)] }\n";
    for job in [as_lines, &job("  - sort: { by: [key desc] }\n"), &job(grouped)] {
        let [foretold, was] = spilled(&place, job);
        assert!(was.0 > 1 << 20, "{job}: nothing is put aside");
        assert!(foretold.0 / 2 <= was.0 && was.0 <= foretold.0 * 2, "{job}: {foretold:?} {was:?}");
        // How groups are spread over partitions is not known beforehand.
        let known = !job.contains("aggregate");
        assert!(!known || foretold.1 == was.1, "{job}: {foretold:?} {was:?}");
    }
    let streaming = job("  - filter: { expr: x > 3 }\n");
    assert_eq!(spilled(&place, &streaming), [(0, 0); 2]);
}

#[test]
fn a_streaming_job_keeps_its_cap() {
    let steps = "  - filter: { expr: \"x > 3 and name like 'name%'\" }\n  - project: { columns: [id, name || '-' \
                 || name AS n, key % 7 AS k, x * 2 AS y] }\n";
    let small = check(steps, 40_000);
    let large = check(steps, 160_000);
    for (small, large) in small.iter().zip(&large) {
        assert!(*large < small + (1 << 20), "{small:?} grows to {large:?} with the input");
    }
}

#[test]
fn a_sort_keeps_its_cap_whatever_its_input() {
    for rows in [20_000, 200_000, 800_000] {
        check("  - sort: { by: [key, name desc] }\n", rows);
    }
}

#[test]
fn a_sort_of_lines_keeps_its_cap() {
    let place = Place::new();
    input(&place, 400_000);
    let yaml = "steps:\n  - scan: { source: in.tsv }\n  - sort: { by: [c3, c2 desc] }\n  - sink: { destination: \
                out.tsv, header: false }\n";
    let least = min_cap(&place, yaml) + (256 << 10);
    for cap in [least, least + (1 << 20), 3 * least, 96_000_000] {
        let watched = watched_peak(&place, cap);
        manifest(&place, "out.tsv");
        assert!(watched <= cap, "{watched} within {cap}");
    }
}

#[test]
fn sorts_and_first_rows_together_keep_the_cap() {
    check("  - distinct:\n  - sort: { by: name }\n  - limit: { rows: 50000 }\n", 150_000);
}

#[test]
fn aggregates_and_joins_keep_the_cap_whatever_their_input() {
    let aggregate =
        "  - aggregate: { group_by: key, aggs: [count(*) AS n, sum(x), min(id), stddev(x)] }\n";
    for rows in [20_000, 600_000] {
        check(aggregate, rows);
    }
    check(
        "  - aggregate: { group_by: name, aggs: [count(distinct key), median(x), max(name)] }\n",
        200_000,
    );
    let join = format!(
        "{SCAN}    name: other\n{SCAN}  - join: {{ with: other, on: key, how: full }}\n  - aggregate: {{ group_by: [name, \
         other_name], aggs: [count(*) AS n, max(other_id)] }}\n  - sort: {{ by: n desc }}\n"
    );
    for rows in [20_000, 250_000] {
        check_after_scan(&join, rows);
    }
}

#[test]
fn a_cap_below_the_smallest_is_refused_with_it() {
    let place = Place::new();
    input(&place, 10);
    place.file("job.yaml", job("  - sort: { by: key }\n"));
    for cap in ["1", "1MB", "4MiB"] {
        let run = place.run(&format!("etl run job.yaml --memory {cap}"));
        run.refused(4, "the smallest that works is ");
        assert!(!place.path("out.tsv").exists());
        let words: Vec<&str> = run.err.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "works").unwrap() + 2;
        let least: u64 = words[at].trim_end_matches(',').parse().unwrap();
        // It tells the truth, but for what the program itself happens to take.
        let memory = (least + (256 << 10)).to_string();
        let run = place.run_args(&["etl", "run", "job.yaml", "--quiet", "--memory", &memory]);
        assert_eq!(run.code, 0, "{run:?}");
        std::fs::remove_file(place.path("out.tsv")).unwrap();
    }
}

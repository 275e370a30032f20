//! `make test-peers`: over few rows, every job gives what DuckDB does, whatever its memory and threads.

use store_bench_etl::{Bench, Data, JOBS, Settings, check};

/// Enough that the jobs put rows aside at the smallest cap.
const ROWS: u64 = 50_000;
const SCALE: f64 = 0.02;

fn settings(place: &std::path::Path) -> Settings {
    let named = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
    Settings {
        rows: ROWS,
        scale: SCALE,
        rounds: 0,
        // Columnar jobs begin with the second.
        caps: vec![16, 64],
        threads: vec![1, 2],
        jobs: JOBS.iter().collect(),
        limited: false,
        codec: None,
        store: named("STORE").into(),
        python: named("STORE_PEER_PYTHON").into(),
        place: place.to_path_buf(),
    }
}

#[test]
fn every_job_gives_what_duckdb_does() {
    let place = tempfile::tempdir().expect("a place");
    let settings = settings(place.path());
    let data = Data::make(&settings);
    let bench = Bench { settings: &settings, data: &data };
    for job in &settings.jobs {
        let outputs = check(&bench, job);
        println!("{}: right, {outputs} different outputs", job.name);
    }
}

/// A comparison that finds nothing wrong with anything would prove nothing.
#[test]
fn a_wrong_result_is_noticed() {
    let place = tempfile::tempdir().expect("a place");
    let mut settings = settings(place.path());
    settings.rows = 1_000;
    settings.jobs.retain(|job| job.name == "j2" || job.name == "j1");
    let data = Data::make(&settings);
    let bench = Bench { settings: &settings, data: &data };
    for job in &settings.jobs {
        check(&bench, job);
        let text = std::fs::read_to_string(place.path().join(format!("store.{}.tsv", job.name)));
        let text = text.expect("the last output is there");
        let lines: Vec<&str> = text.lines().collect();
        let mut changed = vec![("a row is missing", lines[..lines.len() - 1].join("\n"))];
        let cut = lines[500].rsplit_once('\t').expect("columns").0;
        changed.push(("a cell is another", text.replace(lines[500], &format!("{cut}\t0.125"))));
        let twice = text.replace(lines[500], lines[501]);
        changed.push(("a row is there twice, another is not", twice));
        if job.name == "j1" {
            let mut turned = lines.clone();
            turned.swap(300, 301);
            changed.push(("two rows are in the wrong order", turned.join("\n")));
        }
        for (what, text) in changed {
            let output = place.path().join("wrong.tsv");
            std::fs::write(&output, text).expect("room");
            let mut compare = bench.python("compare.py");
            compare.arg(job.name).arg(&output).arg(format!("d1={}", data.path("d1").display()));
            let ran = compare.output().expect("Python starts");
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(!ran.status.success(), "{}: {what}, and nothing is said", job.name);
            assert!(said.starts_with(&format!("{}: ", job.name)), "{what}: {said}");
        }
    }
}

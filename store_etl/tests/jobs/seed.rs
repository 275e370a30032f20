//! The seed of a job chooses its hashes and nothing that can be told from its result (I13); how many may write
//! at once is told as the job says it.

use super::{GROUP, JOIN, MIB, job, place};
use store_core::Store;
use store_etl::job::{Job, JobOptions};
use store_etl::run::Report;

const ROWS: &str =
    "  - aggregate: { group_by: name, aggs: [count(*) AS n, sum(id) AS ids, min(key)] }\n";

/// Runs a job with more lines at its head, in memory that is too small for its groups.
fn run(made: &Job, head: &str) -> Report {
    let job = Job::from_yaml("job.yaml", &format!("{head}{}", made.yaml())).unwrap();
    let mut options = JobOptions::default();
    options.store = Some(Store::options().memory(64 * MIB).open_in_memory().unwrap());
    options.memory = Some(32 * MIB);
    options.memory = Some(job.explain(&options).unwrap().min_cap() + (256 << 10));
    assert_eq!(job.plan_hash(), made.plan_hash());
    job.run(options).unwrap()
}

#[test]
fn results_do_not_depend_on_the_seed() {
    let place = place(40_000);
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    let sorted = format!("{JOIN}{ROWS}  - sort: {{ by: name }}\n");
    let mut found = Vec::new();
    for seed in [0_u64, 1, 77, u64::MAX] {
        let head = format!("seed: {seed}\n");
        let report = run(&job(place.path(), GROUP, "joined.tsv"), &head);
        assert_eq!(report.to_json()["seed"], seed);
        let report = run(&job(place.path(), &sorted, "sorted.tsv"), &head);
        assert!(report.spill_bytes > 0, "{report:?}");
        let report = run(&job(place.path(), &format!("{JOIN}{ROWS}"), "rows.tsv"), &head);
        assert!(report.spill_bytes > 0, "{report:?}");
        found.push([read("joined.tsv"), read("sorted.tsv"), read("rows.tsv")]);
    }
    let [joined, sorted, rows] = &found[0];
    let in_order = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for other in &found[1..] {
        assert!(other[0] == *joined && other[1] == *sorted);
        // Without a sort the order is the hashes', and so the seed is not without effect.
        assert!(other[2] != *rows && in_order(&other[2]) == in_order(rows));
    }
}

#[test]
fn without_a_seed_it_is_0() {
    let place = place(5_000);
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    let report = run(&job(place.path(), &format!("{JOIN}{ROWS}"), "without.tsv"), "");
    assert_eq!(
        (&report.to_json()["seed"], &report.to_json()["spill_concurrency"]),
        (&0.into(), &().into())
    );
    run(&job(place.path(), &format!("{JOIN}{ROWS}"), "with.tsv"), "seed: 0\n");
    assert_eq!(read("without.tsv"), read("with.tsv"));
}

#[test]
fn how_many_write_at_once_changes_no_result() {
    let place = place(60_000);
    let read = |name: &str| std::fs::read(place.path().join(name)).unwrap();
    let made = job(place.path(), &format!("{JOIN}  - sort: {{ by: name }}\n"), "out.tsv");
    let spilled = |concurrency: &str| {
        let yaml = made.yaml().replace("spill: {", &format!("spill: {{{concurrency}"));
        let job = Job::from_yaml("job.yaml", &yaml).unwrap();
        let mut options = JobOptions::default();
        options.store = Some(Store::options().memory(64 * MIB).open_in_memory().unwrap());
        (options.memory, options.threads) = (Some(7 * MIB), Some(4));
        let explained = job.explain(&options).unwrap().to_string();
        let report = job.run(options).unwrap();
        (explained, report, read("out.tsv"))
    };
    let (explained, report, free) = spilled("");
    assert!(
        !explained.contains("writes at once") && report.to_json()["spill_concurrency"].is_null()
    );
    for most in [1, 2] {
        let (explained, report, bounded) = spilled(&format!(" concurrency: {most},"));
        assert!(explained.contains(&format!("at most {most} writes at once")), "{explained}");
        assert_eq!(report.to_json()["spill_concurrency"], most);
        assert!(bounded == free && report.spill_bytes > 0);
    }
}

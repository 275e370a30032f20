//! Jobs beside other work: within a budget that they share, over the tables of a store that is open.

use super::{GROUP, JOIN, MIB, SORT, job, place};
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use store_core::{Error, Kind, MemoryBudget, Schema, Store, Type};
use store_etl::job::{Job, JobOptions, ProgressCallback};
use tempfile::TempDir;

fn within(store: &Store, memory: u64) -> JobOptions {
    let mut options = JobOptions::default();
    options.store = Some(store.clone());
    options.memory = Some(memory);
    options
}

fn in_memory(bytes: u64) -> Store {
    Store::options().memory(bytes).open_in_memory().unwrap()
}

fn held_by_jobs(store: &Store) -> Vec<(String, u64)> {
    let holders = store.stats().holders.into_iter();
    let jobs = holders.filter(|line| line.path.starts_with("store/job "));
    jobs.map(|line| (line.path, line.bytes)).collect()
}

#[test]
fn a_jobs_memory_is_a_part_of_the_stores() {
    let place = place(30_000);
    let store = in_memory(64 * MIB);
    let before = store.stats().memory_used;
    let (told, beside) = (Rc::new(Cell::new(0)), store.clone());
    let mut options = within(&store, 8 * MIB);
    let seen = Rc::clone(&told);
    let progress: ProgressCallback = Box::new(move |progress| {
        let held = held_by_jobs(&beside);
        assert!(held.len() == 1 && held[0].0 == "store/job sorted", "{held:?}");
        assert!(progress.memory <= held[0].1 && held[0].1 <= progress.cap, "{held:?}");
        assert_eq!(progress.cap, 8 * MIB);
        seen.set(seen.get() + 1);
        true
    });
    options.progress = Some(progress);
    let report = job(place.path(), SORT, "sorted.tsv").run(options).unwrap();
    assert!(told.get() > 1);
    assert!(report.measured_peak <= report.predicted_peak && report.predicted_peak <= report.cap);
    assert_eq!(report.to_json()["memory"]["of"], "job");
    assert_eq!((held_by_jobs(&store), store.stats().memory_used), (Vec::new(), before));
    // The same bytes as of a job that has the process to itself.
    let alone = job(place.path(), SORT, "alone.tsv").run(JobOptions::default()).unwrap();
    assert_eq!(alone.to_json()["memory"]["of"], "process");
    let read = |name: &str| std::fs::read(place.path().join(name)).unwrap();
    assert!(read("sorted.tsv") == read("alone.tsv") && alone.rows_out() == report.rows_out());
    let written: serde_json::Value =
        serde_json::from_slice(&read("sorted.tsv.manifest.json")).unwrap();
    assert_eq!(&written, report.to_json());
}

#[test]
fn the_smallest_memory_works_and_less_is_refused_with_it() {
    let place = place(20_000);
    let store = in_memory(64 * MIB);
    let firsts = format!("{JOIN}  - distinct:\n  - limit: {{ rows: 9 }}\n");
    for (steps, to) in [
        (JOIN, "out.tsv"),
        (SORT, "out.tsv"),
        (GROUP, "out.csv"),
        (firsts.as_str(), "out.jsonl"),
        (SORT, "out.parquet"),
        (GROUP, "out.arrow"),
    ] {
        let job = job(place.path(), steps, to);
        let least = job.explain(&within(&store, 32 * MIB)).unwrap().min_cap();
        let refused = job.run(within(&store, least - 1)).unwrap_err();
        assert_eq!(refused.kind(), Kind::OverBudget);
        assert_eq!(refused.details(), [least.to_string()]);
        assert!(refused.to_string().ends_with(&format!("the smallest that works is {least}")));
        let report = job.run(within(&store, least)).unwrap();
        assert!(report.measured_peak <= report.predicted_peak, "{report:?}");
        assert!(report.predicted_peak <= least, "{report:?}");
    }
}

#[test]
fn a_job_that_says_nothing_takes_a_share_of_what_is_left() {
    let place = place(1_000);
    let store = in_memory(16 * MIB);
    let job = job(place.path(), SORT, "out.tsv");
    let options = || {
        let mut options = JobOptions::default();
        options.store = Some(store.clone());
        options
    };
    let stats = store.stats();
    let left = stats.memory_limit - stats.memory_used;
    assert_eq!(job.run(options()).unwrap().cap, left / 2);
    // If that is too little, what it needs at least; the store keeps 256 KiB for deleting rows.
    let least = job.explain(&options()).unwrap().min_cap();
    let _held = store.reserve("others", (left - least - (300 << 10)) as usize).unwrap();
    assert_eq!(job.run(options()).unwrap().cap, least);
}

#[test]
fn jobs_beside_each_other_are_refused_with_who_holds_what() {
    let place = place(5_000);
    let (first, second) =
        (job(place.path(), SORT, "first.tsv"), job(place.path(), GROUP, "second.tsv"));
    let budget = MemoryBudget::for_job(20 * MIB);
    let holder = budget.holder("program");
    let options = move |memory: u64| {
        let mut options = JobOptions::default();
        (options.budget, options.memory) = (Some(holder.clone()), Some(memory));
        options
    };
    let (mut outer, ran) = (options(12 * MIB), Rc::new(Cell::new(false)));
    let done = Rc::clone(&ran);
    outer.progress = Some(Box::new(move |_| {
        if !done.replace(true) {
            let refused = second.run(options(12 * MIB)).unwrap_err();
            assert_eq!(refused.kind(), Kind::OverBudget);
            let least = format!("works in is {}", refused.details()[0]);
            for part in ["job second asks for", "program/job first ", &least] {
                assert!(refused.to_string().contains(part), "{refused} without {part}");
            }
            second.run(options(7 * MIB)).unwrap();
        }
        true
    }));
    first.run(outer).unwrap();
    assert!(ran.get() && place.path().join("second.tsv").exists());
    assert_eq!(budget.used(), 0);
    assert!(budget.peak() > 12 * MIB && budget.peak() <= 20 * MIB, "{}", budget.peak());
}

#[test]
fn threads_run_jobs_within_one_budget() {
    let place = place(30_000);
    let store = in_memory(24 * MIB);
    let run = |steps: &str, name: &str| {
        job(place.path(), steps, name).run(within(&store, 8 * MIB)).unwrap().measured_peak
    };
    std::thread::scope(|scope| {
        let sort = scope.spawn(|| run(SORT, "a.tsv"));
        let group = scope.spawn(|| run(GROUP, "b.tsv"));
        assert!(sort.join().unwrap() <= 8 * MIB && group.join().unwrap() <= 8 * MIB);
    });
    run(SORT, "c.tsv");
    run(GROUP, "d.tsv");
    let read = |name: &str| std::fs::read(place.path().join(name)).unwrap();
    assert!(read("a.tsv") == read("c.tsv") && read("b.tsv") == read("d.tsv"));
    assert!(store.stats().memory_peak <= 24 * MIB);
}

#[test]
fn a_callback_that_says_no_leaves_nothing() {
    let place = place(100_000);
    let store = in_memory(64 * MIB);
    let steps = "  - join: { with: keys, on: key, how: left }\n  - sort: { by: name }\n";
    let job = job(place.path(), steps, "out.tsv");
    let least = job.explain(&within(&store, 32 * MIB)).unwrap().min_cap();
    let names = |place: &Path| std::fs::read_dir(place).unwrap().count();
    for threads in [1, 2] {
        for spilled in [false, true] {
            let mut options = within(&store, least + (256 << 10));
            options.threads = Some(threads);
            options.progress = Some(Box::new(move |progress| spilled && progress.spill_bytes == 0));
            let error: Error = job.run(options).unwrap_err();
            assert_eq!(error.kind(), Kind::Cancelled, "{error}");
            assert_eq!((names(place.path()), names(&place.path().join("aside"))), (3, 0));
            assert_eq!(held_by_jobs(&store), []);
        }
    }
}

/// A store with a table of counts, and a job that counts again and adds up.
fn counted(store: &Store) -> (TempDir, String) {
    let place = place(2_000);
    let schema = Schema::builder("counts").column("key", Type::Int64).key();
    let table = store.create_table(schema.column("n", Type::Int64).build().unwrap()).unwrap();
    store.write(|txn| table.insert(txn, &[7_i64.into(), 1_000_i64.into()])).unwrap();
    let at = place.path().display();
    let yaml = format!(
        "steps:\n  - scan: {{ table: counts, db: 'DB' }}\n    name: before\n  - scan: {{ source: '{at}/in.tsv', \
         header: true }}\n  - aggregate: {{ group_by: key, aggs: [count(*) AS m] }}\n  - join: {{ with: before, on: \
         key, how: left }}\n  - project: {{ columns: [key, 'coalesce(n, 0) + m AS n'] }}\n  - sink: {{ table: counts, \
         db: 'DB' }}\n"
    );
    (place, yaml)
}

fn check_counts(store: &Store) {
    let (table, snapshot) = (store.open_table("counts").unwrap(), store.snapshot().unwrap());
    assert_eq!(table.count(&snapshot).unwrap(), 500);
    let n = |key: i64| {
        let row = table.get(&snapshot, &[key.into()]).unwrap().unwrap();
        row.get("n").unwrap().to_string()
    };
    assert_eq!((n(7), n(8)), ("1004".to_owned(), "4".to_owned()));
}

fn open(path: &Path) -> Store {
    Store::options().memory(32 * MIB).open(path).unwrap()
}

fn with_db(yaml: &str, db: &Path) -> Job {
    Job::from_yaml("job.yaml", &yaml.replace("DB", db.to_str().unwrap())).unwrap()
}

#[test]
fn a_job_uses_the_store_that_is_open() {
    let files = tempfile::tempdir().unwrap();
    let (path, link) = (files.path().join("db"), files.path().join("link"));
    let store = open(&path);
    let (_place, yaml) = counted(&store);
    // By another path, too, and however the store was called when it was opened.
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let job = with_db(&yaml, &link);
    job.validate(&within(&store, 12 * MIB)).unwrap();
    job.run(within(&store, 12 * MIB)).unwrap();
    check_counts(&store);
    // Without it the store is somebody else's: it can be read, and not written.
    let busy = with_db(&yaml, &path).run(JobOptions::default()).unwrap_err();
    assert_eq!(busy.kind(), Kind::Busy, "{busy}");
    let to = files.path().join("out.tsv");
    let copy = "steps:\n  - scan: { table: counts, db: 'DB' }\n  - sink: { destination: 'TO' }\n";
    let copy = with_db(&copy.replace("TO", to.to_str().unwrap()), &path);
    assert_eq!(copy.run(JobOptions::default()).unwrap().rows_out(), 500);
    // Nor by one who only reads it.
    let follower = Store::options().memory(32 * MIB).read_only().open(&path).unwrap();
    let refused = with_db(&yaml, &path).run(within(&follower, 12 * MIB)).unwrap_err();
    assert_eq!(refused.kind(), Kind::ReadOnly, "{refused}");
}

#[test]
fn a_job_uses_a_store_without_files() {
    let store = in_memory(32 * MIB);
    let (_place, yaml) = counted(&store);
    let job = with_db(&yaml, Path::new(":memory:"));
    job.run(within(&store, 12 * MIB)).unwrap();
    check_counts(&store);
    let absent = job.run(JobOptions::default()).unwrap_err();
    assert!(absent.kind() == Kind::NotFound && absent.to_string().contains("it gave none"));
}

#[test]
fn another_store_is_opened_within_the_jobs_memory() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("db");
    let other = open(&path);
    let (_place, yaml) = counted(&other);
    drop(other);
    let (job, store) = (with_db(&yaml, &path), in_memory(32 * MIB));
    let least = job.explain(&within(&store, 24 * MIB)).unwrap().min_cap();
    let refused = job.run(within(&store, least - 1)).unwrap_err();
    assert_eq!(refused.kind(), Kind::OverBudget, "{refused}");
    let report = job.run(within(&store, 16 * MIB)).unwrap();
    assert!(report.predicted_peak >= 8 * MIB, "half of it is the other store's: {report:?}");
    check_counts(&open(&path));
}

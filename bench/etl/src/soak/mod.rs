//! Jobs far larger than their memory: do they finish, is the result right, did they keep the memory?
//!
//! | job | input | memory | what must hold |
//! |---|---|---|---|
//! | sort | transactions, by account and time | 100 MB | each line is not below the one before; the same lines came out |
//! | join | transactions of two seeds, by number | 50 MB | a row for each number; the left halves are one file's lines, the right halves the other's |
//! | group | transactions, by account | 20 MB | the groups are those of a table with a place for every account |
//!
//! That the same lines came out is seen by their number and the sum of their hashes, so nothing grows with
//! the input but the disk. Results are read by a process of its own (`soak_etl check …`), for what this one
//! has is counted into the peak of the next job.

mod groups;
mod lines;

pub use groups::check_groups;
pub use lines::{check_join, check_sort};

use crate::process::{Outcome, run};
use crate::settings::one;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of what is sorted; what is joined and grouped is a tenth.
const BYTES: u64 = 10_000_000_000;
/// Of a made transaction, as a line.
const LINE_BYTES: u64 = 71;
const MB: u64 = 1_000_000;
/// A million of two million accounts are met in so many transactions.
const GROUPED_ROWS_MIN: u64 = 2_000_000;
/// Text but for the number, so that lines come out as they were written.
const AS_WRITTEN: &str = "[{ name: txn_id, type: int64 }, { name: ts, type: text }, { name: account_id, type: text }, \
                          { name: merchant, type: text }, { name: category, type: text }, { name: amount, type: \
                          text }, { name: currency, type: text }, { name: status, type: text }]";

/// What is run, and where.
pub struct Soak {
    store: PathBuf,
    place: PathBuf,
    bytes: u64,
}

impl Soak {
    /// `SOAK_ETL_BYTES=`, `STORE=`, `STORE_BENCH_DIR=`.
    pub fn from_env() -> Self {
        let path =
            |name: &str, default: PathBuf| std::env::var_os(name).map_or(default, PathBuf::from);
        let place = path("STORE_BENCH_DIR", std::env::temp_dir());
        Self {
            store: path("STORE", "target/release/store".into()),
            place: place.join(format!("store-soak-etl-{}", std::process::id())),
            bytes: one("SOAK_ETL_BYTES", BYTES),
        }
    }

    /// Runs all of them; panics at the first that is wrong.
    pub fn run(&self) {
        std::fs::create_dir_all(&self.place).expect("the place can be made");
        let rows = (self.bytes / LINE_BYTES).max(1);
        self.sort(rows);
        self.join((rows / 10).max(1));
        self.group((rows / 10).max(GROUPED_ROWS_MIN));
        std::fs::remove_dir_all(&self.place).expect("the place can be removed");
    }

    fn sort(&self, rows: u64) {
        let input = self.transactions("in.tsv", 1, rows);
        let steps = format!(
            "  - scan: {{ source: '{}', header: true }}\n  - sort: {{ by: [account_id, ts] }}\n",
            input.display()
        );
        self.job("sort", 100, &steps);
        self.check("sort", &[&input]);
    }

    fn join(&self, rows: u64) {
        let inputs = [1, 2].map(|seed| self.transactions(&format!("{seed}.tsv"), seed, rows));
        let [left, right] = &inputs;
        let scan = |path: &Path| {
            let path = path.display();
            format!("  - scan: {{ source: '{path}', header: true, schema: {AS_WRITTEN} }}\n")
        };
        let (left_scan, right_scan) = (scan(left), scan(right));
        let steps = format!(
            "{right_scan}    name: other\n{left_scan}  - join: {{ with: other, on: txn_id }}\n"
        );
        self.job("join", 50, &steps);
        self.check("join", &[left, right]);
    }

    fn group(&self, rows: u64) {
        let input = self.transactions("in.tsv", 3, rows);
        // Cents, so that sums are exact.
        let steps = format!(
            "  - scan: {{ source: '{}', header: true }}\n  - project: {{ columns: [account_id, \"cast(round(amount * \
             100) as int64) AS cents\"] }}\n  - aggregate: {{ group_by: account_id, aggs: [count(*) AS n, sum(cents), \
             min(cents), max(cents)] }}\n",
            input.display()
        );
        self.job("group", 20, &steps);
        self.check("group", &[&input]);
    }

    fn transactions(&self, name: &str, seed: u64, rows: u64) -> PathBuf {
        let path = self.place.join(name);
        let mut command = Command::new(&self.store);
        command.args(["gen", "transactions", "--quiet", "--rows", &rows.to_string()]);
        run(command.args(["--seed", &seed.to_string(), "--out"]).arg(&path));
        path
    }

    fn output(&self) -> PathBuf {
        self.place.join("out.tsv")
    }

    fn job(&self, what: &str, memory_mb: u64, steps: &str) {
        let job = self.place.join("job.yaml");
        let sink = format!("  - sink: {{ destination: '{}' }}\n", self.output().display());
        std::fs::write(&job, format!("steps:\n{steps}{sink}")).expect("room");
        let mut command = Command::new(&self.store);
        command.args(["etl", "run", "--json", "--memory", &format!("{memory_mb}MB")]);
        let outcome = run(command.arg("--spill-dir").arg(&self.place).arg(&job));
        let cap = memory_mb * MB;
        tell(what, &outcome, cap);
        let peak = outcome.peak_bytes;
        assert!(peak <= cap, "{what}: {peak} bytes resident within {cap}");
        let predicted = outcome.said("predicted_peak").expect("a report");
        assert!(peak as f64 <= predicted, "{what}: {peak} bytes, where {predicted} were predicted");
        let left = std::fs::read_dir(&self.place).expect("the place").filter_map(Result::ok);
        let spilled = |name: &std::ffi::OsStr| name.to_string_lossy().contains("spill");
        assert!(!left.map(|entry| entry.file_name()).any(|name| spilled(&name)), "spill is left");
    }

    /// Reads the output and the inputs it came of, which go then.
    fn check(&self, what: &str, inputs: &[&Path]) {
        let myself = std::env::current_exe().expect("a program");
        let outcome =
            run(Command::new(myself).arg("check").arg(what).arg(self.output()).args(inputs));
        println!("{what}: right, {} rows", outcome.said("rows").expect("it counts"));
        for path in inputs.iter().copied().chain([&*self.output()]) {
            std::fs::remove_file(path).expect("it was made");
        }
    }
}

fn tell(what: &str, outcome: &Outcome, cap: u64) {
    let said = |name: &str| outcome.said(name).unwrap_or(0.0);
    println!(
        "{what}: {:.1} s, {:.1} CPU s; peak {:.1} MB, predicted {:.1}, cap {:.1}; {:.1} MB spilled, {} passes",
        outcome.wall_seconds,
        outcome.cpu_seconds,
        outcome.peak_bytes as f64 / 1e6,
        said("predicted_peak") / 1e6,
        cap as f64 / 1e6,
        said("spill_bytes") / 1e6,
        said("passes"),
    );
}

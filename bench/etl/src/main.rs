//! `make bench-etl`: jobs of store beside GNU sort, within the same memory, and beside DuckDB and Polars.
//!
//! J1: 5 million made transactions (some 356 MB of TSV) by account and time, text to text, at 16, 64 and
//! 256 MiB. Every run is a process of its own, started by this small one: CPU seconds and the most
//! resident memory are what the system counted for it. Rounds are interleaved, the first not
//! counted; medians. The outputs of all must be the same bytes.
//!
//! J2, J4 and J5 (`jobs/`): six aggregates of every account, every transaction with its account, and a report, in
//! the same way beside DuckDB and Polars (`peers.py`), which have all the memory they like.
//!
//! J6 (`columns.rs`): TSV to Parquet and back, beside DuckDB and Polars with one thread.
//!
//! `JOBS=j1,j2,j4,j5,j6`, `ROWS=`, `ROUNDS=` and `CAPS=16,64` change what is done; `STORE_BENCH_DIR=` names the place.

mod columns;
mod jobs;
mod run;

use jobs::Jobs;
use run::{Outcome, run};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use store_etl::generate::{ACCOUNTS, write_accounts, write_transactions};

const ROWS: u64 = 5_000_000;
const ROUNDS: usize = 5;
const CAPS_MIB: [u64; 3] = [16, 64, 256];
/// CPU seconds of GNU sort, at 64 MiB, that ours may take.
const GATE: f64 = 0.3;

const MIB: f64 = (1 << 20) as f64;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

struct Bench {
    input: PathBuf,
    place: PathBuf,
    sort_lines: PathBuf,
}

impl Bench {
    fn store(&self, cap_mib: u64, codec: &str) -> Outcome {
        let mut command = Command::new(&self.sort_lines);
        command.args([&self.input, &self.place.join("store.tsv"), &self.place]);
        command.arg((cap_mib << 20).to_string()).arg(codec);
        run(&mut command)
    }

    fn gnu_sort(&self, cap_mib: u64) -> Outcome {
        let mut command = Command::new("sort");
        command.env("LC_ALL", "C").args(["--stable", "-t", "\t", "-k3,3n", "-k2,2"]);
        command.arg(format!("-S{cap_mib}M")).arg("-T").arg(&self.place);
        command.arg("-o").arg(self.place.join("sort.tsv")).arg(&self.input);
        run(&mut command)
    }

    fn check(&self) {
        let (ours, theirs) = (self.place.join("store.tsv"), self.place.join("sort.tsv"));
        assert!(same_bytes(&ours, &theirs), "the outputs differ");
    }
}

/// Compared piece by piece: what this process holds is counted into its children's peaks.
fn same_bytes(a: &Path, b: &Path) -> bool {
    let (mut a, mut b) = (File::open(a).unwrap(), File::open(b).unwrap());
    let (mut of_a, mut of_b) = ([0; 1 << 14], [0; 1 << 14]);
    loop {
        let count = a.read(&mut of_a).unwrap();
        if count == 0 {
            return b.read(&mut of_b).unwrap() == 0;
        }
        if b.read_exact(&mut of_b[..count]).is_err() || of_a[..count] != of_b[..count] {
            return false;
        }
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn main() {
    let place = std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let place = place.join(format!("store-bench-etl-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let sort_lines = std::env::current_exe().unwrap().with_file_name("sort_lines");
    let bench = Bench { input: place.join("d1.tsv"), place: place.clone(), sort_lines };
    let (rows, rounds) = (number("ROWS", ROWS), number("ROUNDS", ROUNDS as u64) as usize);
    let caps: Vec<u64> = std::env::var("CAPS").map_or(CAPS_MIB.to_vec(), |caps| {
        caps.split(',').map(|cap| cap.trim().parse().expect("CAPS=16,64")).collect()
    });
    let wanted = std::env::var("JOBS").unwrap_or_else(|_| "j1,j2,j4,j5,j6".to_owned());
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    let mut missed = false;
    if wanted.contains(&"j6") {
        missed |= columns(&place, rows, rounds);
    }
    if wanted.contains(&"j1") {
        missed |= sort(&bench, rows, &caps, rounds);
    }
    let others: Vec<&str> = wanted.into_iter().filter(|job| !matches!(*job, "j1" | "j6")).collect();
    if !others.is_empty() {
        missed |= with_peers(&place, &others, rows, &caps, rounds);
    }
    std::fs::remove_dir_all(&place).unwrap();
    if missed {
        println!("\nMISSED: see above");
    }
}

/// J6; true if a gate was missed.
fn columns(place: &Path, rows: u64, rounds: usize) -> bool {
    let input = place.join("columns.tsv");
    let mut out = BufWriter::new(File::create(&input).unwrap());
    write_transactions(1, rows, true, &mut out, |_, _| ()).unwrap();
    drop(out);
    let job = std::env::current_exe().unwrap().with_file_name("run_job");
    let python = std::env::var_os("PEERS").map(PathBuf::from).filter(|path| path.exists());
    columns::Columns { input, place: place.to_owned(), job, python }.measure(rounds)
}

/// J2, J4, J5; true if a gate was missed.
fn with_peers(place: &Path, wanted: &[&str], rows: u64, caps: &[u64], rounds: usize) -> bool {
    let (d1, d2) = (place.join("transactions.tsv"), place.join("accounts.tsv"));
    let mut out = BufWriter::new(File::create(&d1).unwrap());
    write_transactions(1, rows, true, &mut out, |_, _| ()).unwrap();
    let mut out = BufWriter::new(File::create(&d2).unwrap());
    write_accounts(1, ACCOUNTS, true, &mut out, |_, _| ()).unwrap();
    drop(out);
    let python = std::env::var_os("PEERS").map(PathBuf::from).filter(|path| path.exists());
    if python.is_none() {
        println!("\nDuckDB and Polars are not there: `make bench-etl-peers` installs them");
    }
    let run_job = std::env::current_exe().unwrap().with_file_name("run_job");
    let jobs = Jobs { d1: &d1, d2: &d2, place, run_job, python };
    println!("\n{rows} transactions, {ACCOUNTS} accounts; {rounds} rounds, medians\n");
    println!(
        "| job | cap MiB | who | CPU s | of the best other | wall s | peak MiB | predicted | spill MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut missed = false;
    for job in wanted {
        missed |= jobs.measure(job, caps, rounds);
    }
    missed
}

/// J1; true if a gate was missed.
fn sort(bench: &Bench, rows: u64, caps: &[u64], rounds: usize) -> bool {
    let mut out = BufWriter::new(File::create(&bench.input).unwrap());
    write_transactions(1, rows, false, &mut out, |_, _| ()).unwrap();
    out.flush().unwrap();
}

/// All caps of J1; true if a gate was missed.
fn sorts(bench: &Bench, rows: u64, rounds: usize, caps: Vec<u64>) -> bool {
    println!(
        "J1: {rows} rows by account_id, ts; {rounds} rounds, medians; MiB of whole processes\n"
    );
    println!(
        "| cap MiB | who | CPU s | of GNU sort | wall s | peak MiB | predicted | spill MB | predicted |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut missed = false;
    for cap in caps {
        missed |= measure(bench, *cap, rounds);
    }
    std::fs::remove_file(&bench.input).unwrap();
    missed
}

/// One cap; true if a gate was missed.
fn measure(bench: &Bench, cap: u64, rounds: usize) -> bool {
    type Work<'a> = (&'a str, Box<dyn Fn() -> Outcome + 'a>);
    let all: Vec<Work<'_>> = vec![
        ("GNU sort", Box::new(move || bench.gnu_sort(cap))),
        ("store raw", Box::new(move || bench.store(cap, "raw"))),
        ("store lz4", Box::new(move || bench.store(cap, "lz4"))),
        ("store zstd", Box::new(move || bench.store(cap, "zstd"))),
    ];
    let mut outcomes: Vec<Vec<Outcome>> = all.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for ((_, work), outcomes) in all.iter().zip(&mut outcomes) {
            let outcome = work();
            if round > 0 {
                outcomes.push(outcome);
            } else if outcomes.is_empty() && bench.place.join("store.tsv").exists() {
                bench.check();
            }
        }
    }
    let of = |at: usize, what: fn(&Outcome) -> f64| median(outcomes[at].iter().map(what).collect());
    let reference = of(0, |outcome| outcome.cpu_seconds);
    let mut missed = false;
    for (at, (name, _)) in all.iter().enumerate() {
        let (cpu, wall) = (of(at, |o| o.cpu_seconds), of(at, |o| o.wall_seconds));
        let mib = f64::from(1 << 20);
        let peak = outcomes[at].iter().map(|o| o.peak_bytes).max().unwrap_or(0) as f64 / mib;
        let said = |word: &str| outcomes[at].last().and_then(|outcome| outcome.said(word));
        let show =
            |value: Option<f64>, by: f64| value.map_or("".to_owned(), |v| format!("{:.1}", v / by));
        let predicted = said("peak_predicted");
        println!(
            "| {cap} | {name} | {cpu:.2} | {:.2} | {wall:.2} | {peak:.1} | {} | {} | {} |",
            cpu / reference,
            show(predicted, mib),
            show(said("spill"), 1e6),
            show(said("spill_predicted"), 1e6),
        );
        if at == 0 {
            continue;
        }
        let over = peak > cap as f64 || predicted.is_some_and(|predicted| peak * mib > predicted);
        let slow = *name == "store raw" && cap == 64 && cpu > GATE * reference;
        let spilled = said("spill") > said("spill_predicted");
        missed |= over || slow || spilled;
    }
    missed
}

//! What the environment says is to be done.

use crate::job::{JOBS, Job};
use std::path::PathBuf;
use std::str::FromStr;

const ROWS: u64 = 1_000_000;
const ROUNDS: usize = 3;
const SCALE: f64 = 1.0;

/// What is measured, how often, with what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ROWS`: made transactions.
    pub rows: u64,
    /// `SCALE`: of the files of TPC-H.
    pub scale: f64,
    /// `ROUNDS`: how often each cell is measured; 0 only checks results.
    pub rounds: usize,
    /// `CAPS`, in MiB.
    pub caps: Vec<u64>,
    /// `THREADS`, of the store and of the others.
    pub threads: Vec<u64>,
    /// `JOBS`, by name.
    pub jobs: Vec<&'static Job>,
    /// `PRLIMIT=1`: the system, too, allows the store's process no more data than the cap.
    pub limited: bool,
    /// `CODEC`: of spilled runs; none leaves it to the job.
    pub codec: Option<String>,
    /// `STORE`: the command.
    pub store: PathBuf,
    /// `PEERS`: a Python that has the others.
    pub python: PathBuf,
    /// `STORE_BENCH_DIR`: where files are made.
    pub place: PathBuf,
}

impl Settings {
    /// Reads them; panics with what is wrong.
    pub fn from_env() -> Self {
        let words = list::<String>("JOBS", "j1,j2,j3,j4,j5,j6,q1,q3,q6");
        let known = |word: &String| JOBS.iter().any(|job| job.word == word);
        if let Some(word) = words.iter().find(|word| !known(word)) {
            panic!("JOBS={word}: no such job");
        }
        let jobs = JOBS.iter().filter(|job| words.iter().any(|word| job.word == word)).collect();
        let path = |name: &str, default: &str| {
            std::env::var_os(name).map_or_else(|| PathBuf::from(default), PathBuf::from)
        };
        let temporary = std::env::temp_dir().display().to_string();
        let place = format!("store-bench-etl-{}", std::process::id());
        Self {
            rows: one("ROWS", ROWS),
            scale: one("SCALE", SCALE),
            rounds: one("ROUNDS", ROUNDS),
            caps: list("CAPS", "16,64,256,1024"),
            threads: list("THREADS", "1,2"),
            jobs,
            limited: one::<u8>("PRLIMIT", 0) != 0,
            codec: std::env::var("CODEC").ok(),
            store: path("STORE", "target/release/store"),
            python: path("PEERS", "target/etl-peers/bin/python"),
            place: path("STORE_BENCH_DIR", &temporary).join(place),
        }
    }
}

/// A number from the environment.
pub fn one<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no such number")),
        Err(_) => default,
    }
}

fn list<T: FromStr>(name: &str, default: &str) -> Vec<T> {
    let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let part = |word: &str| word.trim().parse().ok();
    let parts: Option<Vec<T>> = text.split(',').map(part).collect();
    parts.unwrap_or_else(|| panic!("{name}={text} is no list like {default}"))
}

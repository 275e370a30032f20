//! `make bench-durability`: commits that are acknowledged as durable, as ratios to a loop on the same
//! disk that appends to a preallocated file and syncs it, beside SQLite, redb and fjall.
//!
//! All by wall. `STORE_BENCH_DIR` names the directory; its disk is the one that is measured.

mod checkpoint;
mod clients;
mod commits;
mod fjall;
mod latency;
mod raw;
mod recovery;
mod redb;
mod sqlite;
mod store;

use std::path::PathBuf;
use std::time::Duration;

/// How long each contender runs in a round.
const SPAN: Duration = Duration::from_millis(700);
/// Rounds that count; one more warms up.
const ROUNDS: usize = 5;
/// Bytes of a row's text.
const TEXT_BYTES: usize = 100;
/// Rows of each client; nobody writes another one's.
const ROWS_OF_CLIENT: u64 = 256;

/// A directory that is removed at the end.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let above =
            std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = above.join(format!("store-bench-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("STORE_BENCH_DIR can be written");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the parts; `BENCH_PART=commits,checkpoint,recovery` runs some only.
pub fn run() {
    let parts =
        std::env::var("BENCH_PART").unwrap_or_else(|_| "commits,checkpoint,recovery".to_owned());
    for part in parts.split(',').map(str::trim) {
        println!("\n== durability: {part}\n");
        match part {
            "commits" => commits::run_part(),
            "checkpoint" => checkpoint::run_part(),
            "recovery" => recovery::run_part(),
            other => {
                eprintln!("BENCH_PART={other}: must be commits, checkpoint or recovery");
                std::process::exit(2);
            }
        }
    }
}

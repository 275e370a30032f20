//! Loading and reading the shipped flights beside SQLite: a real file, a key of seven columns.
//!
//! Both sides parse the same text with the same scanner, hold the same key and the same two
//! indexes, and their answers are compared.

mod flights;
mod sqlite;
mod store;

use crate::measure::{ROUNDS, cpu_seconds, median};
use flights::Flights;

/// Point reads of one round.
const READS: usize = 200_000;

/// Runs the group.
pub fn run() {
    let flights = Flights::find();
    println!("\n== load: {} flights from {}\n", flights.rows(), flights.path.display());
    let keys = flights.shuffled_keys(READS);
    let mut figures = Figures::default();
    let mut bytes = (0.0, 0.0);
    for round in 0..ROUNDS {
        let (loaded, store) = cpu_seconds(|| store::load(&flights));
        let (loaded_by_sqlite, sqlite) = cpu_seconds(|| sqlite::load(&flights));
        let (read, sum) = cpu_seconds(|| store.read(&keys));
        let (read_many, many_sum) = cpu_seconds(|| store.read_batches(&keys));
        let (read_by_sqlite, sqlite_sum) = cpu_seconds(|| sqlite.read(&keys));
        assert_eq!((sum, many_sum), (sqlite_sum, sqlite_sum), "the two engines disagree");
        assert_eq!(store.late_from_jfk(), sqlite.late_from_jfk(), "the two engines disagree");
        bytes = (store.bytes_per_row(), sqlite.bytes_per_row());
        if round > 0 {
            figures.loads.push((loaded, loaded_by_sqlite));
            figures.reads.push((read, read_by_sqlite));
            figures.batches.push((read_many, read_by_sqlite));
        }
    }
    let rows = flights.rows() as f64;
    print_line("load, key and 2 indexes", &figures.loads, rows, 2.0);
    print_line("point read by key", &figures.reads, READS as f64, 10.0);
    print_line("the same, 256 keys a call", &figures.batches, READS as f64, 10.0);
    println!("bytes per row                store {:.0}, sqlite {:.0}", bytes.0, bytes.1);
    println!("store: {}", store::describe(&flights));
}

/// CPU seconds of each round: store, SQLite.
#[derive(Default)]
struct Figures {
    loads: Vec<(f64, f64)>,
    reads: Vec<(f64, f64)>,
    batches: Vec<(f64, f64)>,
}

fn print_line(what: &str, rounds: &[(f64, f64)], operations: f64, gate: f64) {
    let mut ratios: Vec<f64> = rounds.iter().map(|(store, sqlite)| sqlite / store).collect();
    let mut ours: Vec<f64> = rounds.iter().map(|(store, _)| operations / store / 1e6).collect();
    let mut theirs: Vec<f64> = rounds.iter().map(|(_, sqlite)| operations / sqlite / 1e6).collect();
    let (ratio, least, most) = median(&mut ratios);
    println!(
        "{what:<28} {:6.2} M/s, sqlite {:6.3} M/s: {ratio:5.1} x ({least:.1} to {most:.1}), gate {gate} x{}",
        median(&mut ours).0,
        median(&mut theirs).0,
        if ratio < gate { "   MISSED" } else { "" },
    );
}

//! `make bench-etl`: the jobs of `jobs/` within caps, beside GNU sort, DuckDB, Polars and DataFusion.
//!
//! J1 to J6 are over made transactions and accounts, `q1`, `q3` and `q6` over the files of TPC-H. First all
//! results are compared (`results`), then all are measured in interleaved rounds. Of the others, whatever the
//! Python does before the job is not counted; of the store and of sort everything is.
//!
//! `JOBS=j1,q6`, `ROWS=`, `SCALE=`, `ROUNDS=` (0 only compares), `CAPS=16,64`, `THREADS=1,2`, `PRLIMIT=1`, `CODEC=lz4`
//! change what is done; `STORE=` and `PEERS=` name the command and the Python, `STORE_BENCH_DIR=` the place.

use store_bench_etl::{Bench, Data, Settings, check, header, measure, print};

fn main() {
    let settings = Settings::from_env();
    std::fs::create_dir_all(&settings.place).expect("the place can be made");
    let data = Data::make(&settings);
    let bench = Bench { settings: &settings, data: &data };
    for job in &settings.jobs {
        let outputs = check(&bench, job);
        println!("{}: right, {outputs} different outputs", job.name);
    }
    let mut missed = 0;
    if settings.rounds > 0 {
        println!(
            "\n{} transactions, TPC-H at {}; {} rounds, medians; most resident memory of whole processes\n",
            settings.rows, settings.scale, settings.rounds
        );
        header();
        for job in &settings.jobs {
            missed += print(job, &measure(&bench, job));
        }
    }
    std::fs::remove_dir_all(&settings.place).expect("the place can be removed");
    if missed > 0 {
        println!("\nMISSED: {missed} gates, named at the end of each line");
    }
}

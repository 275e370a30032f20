//! Runs a job within a cap for the whole process.
//!
//! `run_job JOB CAP_BYTES SPILL_DIR NAME=VALUE…` prints what it did, one `name=value` a word.

use std::error::Error;
use std::path::{Path, PathBuf};
use store_etl::job::{Job, JobOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, job, cap, place, set @ ..] = args.as_slice() else {
        return Err("usage: run_job JOB CAP_BYTES SPILL_DIR NAME=VALUE…".into());
    };
    let pair = |word: &String| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let set: Vec<_> = set.iter().filter_map(pair).collect();
    let mut options = JobOptions::default();
    options.memory = Some(cap.parse()?);
    options.spill_dir = Some(PathBuf::from(place));
    let job = Job::read(Path::new(job), &set)?;
    let min_cap = job.explain(&options)?.min_cap();
    let report = job.run(options)?;
    println!(
        "rows={} spill={} passes={} peak_predicted={} min_cap={min_cap}",
        report.rows_out(),
        report.spill_bytes,
        report.passes,
        report.predicted_peak,
    );
    Ok(())
}

//! `db etl`: jobs over files and over the tables of the store, within its memory.

pub mod explain;
pub mod run;
pub mod validate;

use crate::args::{Call, Opt, Options, option};
use crate::command::package::files_refused;
use crate::handle::Database;
use std::path::Path;
use store_core::{Error, Result};
use store_etl::job::{Job, JobOptions, THREADS_MAX};

/// What may be chosen about any job.
const OPTIONS: [Opt; 5] = [
    option("-memory", "SIZE"),
    option("-spill_dir", "DIR"),
    option("-disk_limit", "SIZE"),
    option("-threads", "N"),
    option("-set", "{NAME VALUE ...}"),
];

/// These options, and what is left behind them.
const fn with<const N: usize>(mut all: [Opt; N]) -> [Opt; N] {
    let mut nth = 0;
    while nth < OPTIONS.len() {
        all[nth] = OPTIONS[nth];
        nth += 1;
    }
    all
}

/// Reads the job that a call names, with what it chooses.
fn read(call: &Call<'_, Database>) -> Result<(Job, JobOptions)> {
    if call.interp.is_safe() {
        return Err(files_refused("no job can be read or run"));
    }
    let given = &call.options;
    let store = call.handle.store()?;
    let job = Job::read(Path::new(&*call.words[0].text()?), &settings(given)?)?;
    let mut options = JobOptions::default();
    options.store = Some(store);
    options.memory = given.size("-memory")?;
    options.disk_limit = given.size("-disk_limit")?;
    options.threads = threads(given)?;
    if let Some(dir) = given.get("-spill_dir") {
        options.spill_dir = Some(dir.text()?.into_owned().into());
    }
    Ok((job, options))
}

fn threads(given: &Options<'_>) -> Result<Option<usize>> {
    match given.number("-threads")? {
        Some(threads) if !(1..=THREADS_MAX).contains(&threads) => {
            let message =
                format!("bad -threads \"{threads}\": must be a number from 1 to {THREADS_MAX}");
            Err(Error::invalid(message).detail("-threads"))
        }
        threads => Ok(threads.map(|threads| threads as usize)),
    }
}

/// Names and values for the text of the job.
fn settings(given: &Options<'_>) -> Result<Vec<(String, String)>> {
    let mut set = Vec::new();
    for list in given.all("-set") {
        let words = list.list()?;
        if words.len() % 2 != 0 {
            let message =
                format!("bad -set \"{}\": must be a list of names and values", list.shown());
            return Err(Error::invalid(message).detail("-set"));
        }
        for pair in words.chunks_exact(2) {
            set.push((pair[0].text()?.into_owned(), pair[1].text()?.into_owned()));
        }
    }
    Ok(set)
}

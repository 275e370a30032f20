//! What may be typed behind `store etl`.

use crate::args::parse_size;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What is done with a job.
#[derive(Debug, Subcommand)]
pub enum EtlCommand {
    /// Run a job
    Run(RunArgs),
    /// Print what a job would do, step by step, and the memory of each part
    Explain(JobArgs),
    /// Check a job against its inputs, and say nothing if it is sound
    Validate(JobArgs),
}

/// A job and what is chosen about it.
#[derive(Args, Debug)]
#[command(after_help = JOBS)]
pub struct JobArgs {
    /// The job, as YAML
    #[arg(value_name = "JOB")]
    pub job: PathBuf,
    /// Where rows are put aside that do not fit in memory; by default the system's directory for
    /// temporary files, or `STORE_SPILL_DIR` where the job names none
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// Put aside at most this much at any time
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub disk_limit: Option<u64>,
    /// Use at most so many threads; by default as many as the machine runs at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
    /// A value for `${NAME}` in the job; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub set: Vec<(String, String)>,
}

/// `store etl run`.
#[derive(Args, Debug)]
#[command(after_help = JOBS)]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Write the manifest here; by default beside the sink, as its name with .manifest.json
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

const JOBS: &str = "\
A job is a list of steps. Each takes the rows of the step before it unless `input:` names another;
`name:` labels one.

  memory: 64MB                        # also name, threads, block_size; seed: of the hashes, changes no result
  spill: { dir: /var/tmp, codec: lz4, disk_limit: 10GB }      # codecs: raw, lz4, zstd; concurrency: writes at once
  steps:
    - scan: { source: accounts.csv, header: true }
      name: accounts
    - scan: { source: 'in/*.tsv.gz', header: true }
    - filter: { expr: \"amount > 1000 and origin in ('KAUS', 'KDFW')\" }
    - project: { columns: [uid, \"date_trunc('week', ts) AS week\", amount * 1.2 AS gross] }
    - join: { with: accounts, on: [uid = account_id], how: left }
    - aggregate: { group_by: [uid, week], aggs: [count(*) AS n, sum(gross)] }
    - sort: { by: [uid, sum_gross desc nulls last] }
    - limit: { rows: 100, offset: 0 }
    - sink: { destination: out.csv }

Steps:
  scan      table with db; or source: file, pattern or -; format: tsv, csv, jsonl, parquet, arrow; of text
            header; schema: [{ name, type, nullable }]; delimiter, quote, escape: backslash, null: [NA];
            on_error: skip, max_errors, reject: FILE
  filter    expr
  project   columns: only these; `*` stands for all
  map       columns: these added, replaced, or renamed by `old AS new`
  join      with: name of the step on the right; on: left = right, or a name that both have; how: inner, left,
            right, full, semi, anti; strategy: auto, build_left, build_right (the side that is taken in first)
  aggregate group_by: columns or expressions; aggs: count sum avg min max stddev variance (_samp, _pop) first last
            median string_agg(x, ', ') count(distinct x), of expressions, AS a name; unnamed: count, sum_x
  sort      by
  limit     rows, offset
  distinct
  union     with: names of steps
  sink      table with db: rows are inserted or written over those with their key; or
            destination: file or -; format; of text header, null, escape

A store that another process owns is read as it is at the beginning, and cannot be written to. The memory is that of
the whole process. A job that does not fit is refused before it reads, with the
smallest memory that works (exit 4). Memory and the spill directory are taken from the command line, then
from the job, then from STORE_MEMORY and STORE_SPILL_DIR. A name that ends in .gz or .zst is packed.

Expressions are SQL's: + - * / % || = != < <= > >= AND OR NOT, IS NULL, IN, BETWEEN, LIKE, ~, CASE, CAST;
abs ceil coalesce concat date_part date_trunc floor length lower ltrim nullif regexp regexp_extract
regexp_replace replace round rtrim split_part substr to_timestamp trim upper.";

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

//! `store etl run|explain|validate JOB`: jobs over files.

use crate::args::Common;
use crate::etl_args::{EtlCommand, JobArgs, RunArgs};
use crate::failure::{Done, Exit, Failure};
use crate::output::{print, print_json, say};
use crate::progress::JobLine;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store_core::Error;
use store_etl::job::{Job, JobOptions};
use store_etl::run::Report;

pub fn run(common: &Common, command: &EtlCommand) -> Done {
    match command {
        EtlCommand::Run(args) => run_job(common, args),
        EtlCommand::Explain(args) => explain(common, args),
        EtlCommand::Validate(args) => {
            Job::read(&args.job, &args.set)?.validate(&options(common, args))?;
            Ok(Exit::Done)
        }
    }
}

fn explain(common: &Common, args: &JobArgs) -> Done {
    let explained = Job::read(&args.job, &args.set)?.explain(&options(common, args))?;
    if common.json {
        print_json(&explained.to_json())?;
    } else {
        print(explained.to_string())?;
    }
    Ok(Exit::Done)
}

fn run_job(common: &Common, args: &RunArgs) -> Done {
    let mut options = options(common, &args.job);
    let job = Job::read(&args.job.job, &args.job.set)?;
    if common.json && job.writes_to_stdout() {
        return Err(Failure::usage("--json and the sink `-` both want standard output"));
    }
    options.manifest.clone_from(&args.manifest);
    options.cancelled = Some(cancelled_by_signals()?);
    let mut line = JobLine::of(common.quiet);
    options.progress = line.take().map(|mut line| -> store_etl::job::ProgressCallback {
        Box::new(move |progress| {
            line.tell(progress);
            true
        })
    });
    let report = job.run(options).map_err(|error| {
        if job.writes_to_stdout() { Failure::of_output(error) } else { Failure::Store(error) }
    })?;
    tell(common, &report)?;
    Ok(if report.rows_rejected() > 0 { Exit::Rejected } else { Exit::Done })
}

/// Set by Ctrl-C and by a request to end; a second one ends the process at once.
fn cancelled_by_signals() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let cancelled = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&cancelled))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&cancelled)))
            .map_err(|error| Error::io("signals", error))?;
    }
    Ok(cancelled)
}

/// What the command line says, and what the environment says where neither it nor the job does.
fn options(common: &Common, args: &JobArgs) -> JobOptions {
    let mut options = JobOptions::default();
    // A flag goes before the job and the environment after it, so they must be told apart.
    if was_typed("--memory") {
        options.memory = common.memory;
    } else {
        options.memory_default = common.memory;
    }
    options.spill_dir.clone_from(&args.spill_dir);
    options.spill_dir_default = std::env::var_os("STORE_SPILL_DIR").map(PathBuf::from);
    options.disk_limit = args.disk_limit;
    options.threads = args.threads.map(|threads| threads as usize);
    options
}

fn was_typed(flag: &str) -> bool {
    let with_value = format!("{flag}=");
    let is_flag = |word: OsString| {
        word.to_str().is_some_and(|word| word == flag || word.starts_with(&with_value))
    };
    std::env::args_os().skip(1).any(is_flag)
}

fn tell(common: &Common, report: &Report) -> Result<(), Failure> {
    if common.json {
        let step = |step: &store_etl::run::StepReport| {
            json!({
                "step": step.step,
                "name": step.name,
                "rows_in": step.rows_in,
                "rows_out": step.rows_out,
                "rows_filtered": step.rows_filtered,
                "rows_rejected": step.rows_rejected,
                "rows_merged": step.rows_merged,
                "rows_made": step.rows_made,
            })
        };
        return print_json(&json!({
            "rows_out": report.rows_out(),
            "rows_rejected": report.rows_rejected(),
            "steps": report.steps.iter().map(step).collect::<Vec<_>>(),
            "cap": report.cap,
            "predicted_peak": report.predicted_peak,
            "measured_peak": report.measured_peak,
            "spill_bytes": report.spill_bytes,
            "passes": report.passes,
            "seconds": report.took.as_secs_f64(),
            "manifest": report.manifest,
        }));
    }
    if common.quiet {
        return Ok(());
    }
    let rejected = match report.rows_rejected() {
        0 => String::new(),
        rows => format!(", {rows} rejected"),
    };
    let spilled = match report.spill_bytes {
        0 => String::new(),
        bytes => format!(", {bytes} bytes spilled"),
    };
    say(&format!(
        "store: wrote {} rows{rejected} in {:.2} s; memory {} of {} bytes{spilled}",
        report.rows_out(),
        report.took.as_secs_f64(),
        report.measured_peak,
        report.cap,
    ));
    if common.verbose {
        for step in &report.steps {
            let merged = match step.rows_merged {
                0 => String::new(),
                merged => format!(", {merged} made {}", step.rows_made),
            };
            say(&format!(
                "store: step {} {}: {} rows in, {} out, {} filtered, {} rejected{merged}",
                step.step,
                step.name,
                step.rows_in,
                step.rows_out,
                step.rows_filtered,
                step.rows_rejected
            ));
        }
    }
    Ok(())
}

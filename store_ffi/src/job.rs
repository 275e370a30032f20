//! Jobs: text and tables into files and tables, by steps.

use crate::args::{self, Out};
use crate::db::store_db;
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::job_options::{JobChoices, store_job_options};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use crate::text;
use std::ffi::c_char;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};
use store_core::{Error, Kind, Result, Store};
use store_etl::job::{Job, JobOptions};
use store_etl::run::Report;

/// A job: a list of steps, read from YAML.
///
/// One thread at a time. Since 0.1.
pub struct store_job {
    _opaque: [u8; 0],
}

/// A job with what was chosen about it; calls hold it, so that their callbacks may close the handle.
pub(crate) struct Opened {
    job: Job,
    store: Option<Store>,
    choices: JobChoices,
    running: AtomicBool,
    /// What the last run that ended well did.
    manifest: Mutex<Option<String>>,
}

opaque!(store_job, Arc<Opened>, b"st_job\0\0");

/// What a run of a job did. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct store_job_report {
    /// Rows written.
    pub rows_out: u64,
    /// Rows that could not be read, where the job lets them be left out.
    pub rows_rejected: u64,
    /// Bytes put aside, in all.
    pub spill_bytes: u64,
    /// How often rows were put aside and read again, at most.
    pub passes: u64,
    /// The most memory in bytes, as stated before the run.
    pub predicted_peak: u64,
    /// The most memory that there was.
    pub measured_peak: u64,
    /// The cap on it.
    pub cap: u64,
    /// Room to grow; 0.
    pub reserved: [u64; 4],
}

/// Reads a job from a YAML file; what it takes rows from is not looked at yet.
///
/// With a store, a table whose db: names the store's directory is one of that store as it is open
/// (of a store in memory if it is ":memory:"), and the memory of a run is taken out of the store's
/// budget. With NULL for `db` the memory is that of the whole process, and the stores of tables
/// are opened for the run. `options` may be NULL for none, and is not kept. *job_out is NULL on
/// failure; the job keeps the store alive. STORE_INVALID: the error's message shows file, line and
/// place, its details are file and line. Thread-safe, but for the options. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_open(
    db: *const store_db,
    path: *const u8,
    path_len: usize,
    options: *const store_job_options,
    job_out: *mut *mut store_job,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        open(db, options, job_out, |set| {
            Job::read(Path::new(args::text(path, path_len, "path")?), set)
        })
    })
}

/// Reads a job from YAML in memory, as store_job_open does from a file; errors call it "job".
///
/// Thread-safe, but for the options. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_parse(
    db: *const store_db,
    yaml: *const u8,
    yaml_len: usize,
    options: *const store_job_options,
    job_out: *mut *mut store_job,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        open(db, options, job_out, |set| {
            Job::parse("job", args::text(yaml, yaml_len, "yaml")?, set)
        })
    })
}

fn open(
    db: *const store_db,
    options: *const store_job_options,
    job_out: *mut *mut store_job,
    read: impl FnOnce(&[(String, String)]) -> Result<Job>,
) -> Result<()> {
    let out = Out::handle(job_out, "job_out")?;
    let store = if db.is_null() { None } else { Some(handle::shared(db)?.clone()) };
    let choices = handle::optional(options)?.map(|choices| choices.clone()).unwrap_or_default();
    let job = read(&choices.set)?;
    let (running, manifest) = (AtomicBool::new(false), Mutex::new(None));
    out.set(handle::new(Arc::new(Opened { job, store, choices, running, manifest })));
    Ok(())
}

impl Opened {
    fn options(&self) -> JobOptions {
        self.choices.to_options(self.store.as_ref())
    }

    /// The job of a handle, for the length of a call.
    fn of(job: *const store_job) -> Result<Arc<Self>> {
        Ok(Arc::clone(&*handle::exclusive(job)?))
    }

    fn run(&self) -> Result<Report> {
        // Pairs with Release below.
        if self.running.swap(true, Acquire) {
            return Err(Error::new(Kind::Busy, "the job is running"));
        }
        let _ends = Ends(&self.running);
        let report = self.job.run(self.options())?;
        let manifest = Some(report.to_json().to_string());
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = manifest;
        Ok(report)
    }
}

/// The job runs as long as this is there.
struct Ends<'o>(&'o AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release); // pairs with Acquire in `run`
    }
}

/// Checks a job against its inputs and tables without running it.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_validate(
    job: *const store_job,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let opened = Opened::of(job)?;
        opened.job.validate(&opened.options())
    })
}

/// Returns what a run would do, step by step, and the memory of each part, as text.
///
/// STORE_OVER_BUDGET: the memory chosen is less than the smallest that works, which the message and
/// the first detail say. Free *text_out with store_text_free. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_explain(
    job: *const store_job,
    text_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(text_out, "text_out")?;
        let opened = Opened::of(job)?;
        out.set(text::give(opened.job.explain(&opened.options())?.to_string()));
        Ok(())
    })
}

/// Returns the same as a JSON object: plan_hash, phases, memory.
///
/// Free *json_out with store_text_free. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_explain_json(
    job: *const store_job,
    json_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(json_out, "json_out")?;
        let opened = Opened::of(job)?;
        out.set(text::give(opened.job.explain(&opened.options())?.to_json().to_string()));
        Ok(())
    })
}

/// Runs a job to its end; it may be run again. *report_out, which may be NULL, is all 0 on failure.
///
/// After a failure no file is left but those that were there before; rows of a table that was written
/// to are committed by 10,000, and those stay. STORE_OVER_BUDGET: the job does not fit within the
/// memory chosen, or the store's budget has not that much left, and the message says who holds it;
/// the first detail is the smallest memory that works. Nothing was read then. STORE_DISK_LIMIT,
/// STORE_NO_SPACE: there is no room to put rows aside, or to write. STORE_CANCELLED: the callback
/// said so. STORE_BUSY: the job is running, or another process owns the store of a table. The
/// callback may close the handle. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_run(
    job: *const store_job,
    report_out: *mut store_job_report,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::optional(report_out, "report_out", store_job_report::default())?;
        let report = Opened::of(job)?.run()?;
        if let Some(out) = out {
            out.set(store_job_report {
                rows_out: report.rows_out(),
                rows_rejected: report.rows_rejected(),
                spill_bytes: report.spill_bytes,
                passes: report.passes,
                predicted_peak: report.predicted_peak,
                measured_peak: report.measured_peak,
                cap: report.cap,
                reserved: [0; 4],
            });
        }
        Ok(())
    })
}

/// Returns the manifest of the last run that ended well, as a JSON object: inputs and output with
/// their digests, rows of each step, memory, what was put aside.
///
/// STORE_NOT_FOUND: none has. Free *json_out with store_text_free. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_manifest_json(
    job: *const store_job,
    json_out: *mut *mut c_char,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(json_out, "json_out")?;
        let opened = Opened::of(job)?;
        let manifest = opened.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let none = || Error::not_found("no run of this job has ended well: there is no manifest");
        out.set(text::give(manifest.ok_or_else(none)?));
        Ok(())
    })
}

/// Closes a job and sets *job to NULL; NULL is a no-op. A run that has begun goes on.
///
/// STORE_INVALID: it was closed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_close(job: *mut *mut store_job) -> store_status {
    guard_status(|| handle::close(job).map(drop))
}

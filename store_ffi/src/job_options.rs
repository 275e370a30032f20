//! How to run a job.

use crate::args::{self, Out};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::ingest_options::Context;
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use std::ffi::c_void;
use std::path::PathBuf;
use store_core::{Error, Result, Store};
use store_etl::job::{JobOptions, ProgressCallback};
use store_etl::run::Progress;

/// What is chosen about a job; each choice goes before what the job itself says. Made by
/// store_job_options_new, changed by setters, freed by store_job_options_free.
///
/// One thread at a time. Since 0.1.
pub struct store_job_options {
    _opaque: [u8; 0],
}

/// How far a job is. It may grow at its end: only the library makes one. Since 0.1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct store_job_progress {
    /// Rows read by all scans.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Bytes of text read, after decompression.
    pub bytes: u64,
    /// Bytes read from files, before decompression.
    pub source_bytes: u64,
    /// Bytes of all these files; 0 if it is not known.
    pub source_size: u64,
    /// Bytes put aside so far.
    pub spill_bytes: u64,
    /// Bytes that the job has reserved now; without a store, resident bytes of the process.
    pub memory: u64,
    /// The most that these may be.
    pub cap: u64,
}

/// Told how far a job is, after each batch; anything but 0 cancels it (STORE_CANCELLED).
///
/// It may call the library, and must return: no longjmp, no exception. Since 0.1.
pub type store_job_progress_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, progress: *const store_job_progress) -> i32>;

/// What was chosen.
#[derive(Clone, Default)]
pub(crate) struct JobChoices {
    memory: Option<u64>,
    spill_dir: Option<PathBuf>,
    disk_limit: Option<u64>,
    threads: Option<usize>,
    manifest: Option<PathBuf>,
    /// Names and values for the text of the job.
    pub set: Vec<(String, String)>,
    progress: Option<(store_job_progress_fn, Context)>,
}

opaque!(store_job_options, JobChoices, b"st_jbopt");

impl JobChoices {
    /// The options of a job over this store, if there is one.
    pub(crate) fn to_options(&self, store: Option<&Store>) -> JobOptions {
        let mut options = JobOptions::default();
        options.memory = self.memory;
        options.spill_dir.clone_from(&self.spill_dir);
        options.disk_limit = self.disk_limit;
        options.threads = self.threads;
        options.manifest.clone_from(&self.manifest);
        options.store = store.cloned();
        options.progress = self.progress.map(progress_callback);
        options
    }
}

fn progress_callback((function, context): (store_job_progress_fn, Context)) -> ProgressCallback {
    Box::new(move |progress: &Progress| {
        let told = store_job_progress {
            rows_in: progress.rows_in,
            rows_out: progress.rows_out,
            bytes: progress.bytes,
            source_bytes: progress.source_bytes,
            source_size: progress.source_size.unwrap_or(0),
            spill_bytes: progress.spill_bytes,
            memory: progress.memory,
            cap: progress.cap,
        };
        // SAFETY: the caller gave a function of this type, with its context.
        function.is_none_or(|function| unsafe { function(context.0, &raw const told) } == 0)
    })
}

/// Makes options with nothing chosen.
///
/// *options_out is NULL on failure; free it with store_job_options_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_new(
    options_out: *mut *mut store_job_options,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(options_out, "options_out")?;
        out.set(handle::new(JobChoices::default()));
        Ok(())
    })
}

/// Checks the handle and changes a choice.
fn change(
    options: *mut store_job_options,
    err: *mut *mut store_error,
    apply: impl FnOnce(&mut JobChoices) -> Result<()>,
) -> store_status {
    guard(err, || apply(&mut *handle::exclusive(options)?))
}

/// Sets the most memory in bytes: of the job itself if it runs within a store, else of the whole
/// process.
///
/// By default what the job says, else half of what the store's budget has left, or half of what the
/// machine or its container allows. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_memory(
    options: *mut store_job_options,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.memory = Some(bytes);
        Ok(())
    })
}

/// Sets the directory where rows are put aside that do not fit in memory; by default the job's, else
/// the system's for temporary files.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_spill_dir(
    options: *mut store_job_options,
    path: *const u8,
    path_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.spill_dir = Some(PathBuf::from(args::text(path, path_len, "path")?));
        Ok(())
    })
}

/// Sets how many bytes may be put aside at any time; more are STORE_DISK_LIMIT.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_disk_limit(
    options: *mut store_job_options,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.disk_limit = Some(bytes);
        Ok(())
    })
}

/// Sets how many threads may be at work, the caller's among them, from 1; by default as many as the
/// machine runs at once. The callback is always called by the caller's.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_threads(
    options: *mut store_job_options,
    threads: u32,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        if !(1..=store_etl::job::THREADS_MAX as u32).contains(&threads) {
            let most = store_etl::job::THREADS_MAX;
            return Err(Error::invalid(format!("`threads` is {threads}: must be 1 to {most}")));
        }
        choices.threads = Some(threads as usize);
        Ok(())
    })
}

/// Adds a value for ${name} in the text of the job. A name that the job does not ask for is
/// STORE_INVALID when it is opened.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_set(
    options: *mut store_job_options,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        let name = args::text(name, name_len, "name")?;
        let value = args::text(value, value_len, "value")?;
        choices.set.push((name.to_owned(), value.to_owned()));
        Ok(())
    })
}

/// Sets the file of the manifest; by default it is beside the file that the job writes, under its
/// name with .manifest.json.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_manifest(
    options: *mut store_job_options,
    path: *const u8,
    path_len: usize,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.manifest = Some(PathBuf::from(args::text(path, path_len, "path")?));
        Ok(())
    })
}

/// Sets who is told how far the job is; NULL for nobody. `context` is handed back as it is.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_progress(
    options: *mut store_job_options,
    callback: store_job_progress_fn,
    context: *mut c_void,
    err: *mut *mut store_error,
) -> store_status {
    change(options, err, |choices| {
        choices.progress = callback.map(|callback| (Some(callback), Context(context)));
        Ok(())
    })
}

/// Frees options and sets *options to NULL; NULL is a no-op.
///
/// STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_job_options_free(
    options: *mut *mut store_job_options,
) -> store_status {
    guard_status(|| handle::close(options).map(drop))
}

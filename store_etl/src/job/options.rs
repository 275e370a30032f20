//! What the caller of a job chooses.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store_core::{Holder, Store};

/// Most threads that may be asked for.
pub const THREADS_MAX: u64 = 256;

/// Told how far a job is; see [`crate::run::Progress`]. False cancels it.
pub type ProgressCallback = Box<dyn FnMut(&crate::run::Progress) -> bool>;

/// What the caller of a job chooses; each goes before what the job itself says.
#[derive(Default)]
#[non_exhaustive]
pub struct JobOptions {
    /// Most memory of the whole process, in bytes; with a store or a budget, of the job itself.
    pub memory: Option<u64>,
    /// Most threads, the caller's among them; by default as many as the machine runs at once.
    pub threads: Option<usize>,
    /// The memory if neither the caller nor the job says it; by default half of the machine's, or of what
    /// the budget has left.
    pub memory_default: Option<u64>,
    /// Where what does not fit is put aside.
    pub spill_dir: Option<PathBuf>,
    /// The same if neither says it; by default the system's directory for temporary files.
    pub spill_dir_default: Option<PathBuf>,
    /// Most bytes put aside at any time.
    pub disk_limit: Option<u64>,
    /// The manifest's file; by default beside the sink.
    pub manifest: Option<PathBuf>,
    /// An open store: a table whose `db:` names its directory is one of this store, and of `:memory:` if it
    /// has no files. The job's memory is taken out of its budget, for the length of the run, or refused
    /// with who holds what.
    pub store: Option<Store>,
    /// A budget in place of the store's, or without one: several jobs may share it. Their holders are
    /// made below this one.
    pub budget: Option<Holder>,
    /// Told after each batch, on the caller's thread.
    pub progress: Option<ProgressCallback>,
    /// Ends the job when it becomes true; nothing is left then but rows that were committed to a table.
    pub cancelled: Option<Arc<AtomicBool>>,
}

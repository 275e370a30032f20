//! Whose memory a job's is a part of: the process's, or a budget that others share.
//!
//! ```text
//!  of the process   base, measured │ what the job states                     cap: resident bytes
//!  of a budget      who else holds │ job: what the job states, reserved      cap: the job's own bytes
//! ```
//!
//! A command has its process to itself, so the promise is about what the system kills for. A program that
//! runs jobs beside its other work has a budget; there a job takes all that it states before it reads.

use super::JobOptions;
use super::memory::{BASE_DRIFT, CODE_BYTES, MemoryPlan};
use store_core::mem::Reservation;
use store_core::{Error, Holder, Kind, Result, Store};

/// One part in this many of what a budget has left is a job's that does not say how much it wants.
const LEFT_SHARE: u64 = 2;

/// Whose memory a job's is a part of.
#[derive(Clone, Debug)]
pub(crate) enum Parent {
    /// The whole process is the job's.
    Process,
    /// A budget of the caller's.
    Budget(Holder),
    /// That of an open store.
    Store(Store),
}

/// What is there before a job reads anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub bytes: u64,
    /// How much that differs from one run to the next.
    pub drift: u64,
}

impl Parent {
    pub fn of(options: &JobOptions) -> Self {
        match (&options.budget, &options.store) {
            (Some(holder), _) => Self::Budget(holder.clone()),
            (None, Some(store)) => Self::Store(store.clone()),
            (None, None) => Self::Process,
        }
    }

    pub const fn is_process(&self) -> bool {
        matches!(self, Self::Process)
    }

    /// The cap's part that is not the job's to state.
    pub fn base(&self) -> Base {
        match self {
            Self::Process => {
                Base { bytes: crate::run::resident_bytes() + CODE_BYTES, drift: BASE_DRIFT }
            }
            _ => Base { bytes: 0, drift: 0 },
        }
    }

    /// The cap of a job that does not say one, and the most that it may have.
    pub fn cap_default(&self) -> (u64, u64) {
        let left = match self {
            Self::Process => {
                let half = store_core::options::machine_memory() / 2;
                return (half, half);
            }
            Self::Budget(holder) => {
                let budget = holder.budget();
                budget.limit().saturating_sub(budget.used())
            }
            Self::Store(store) => {
                let stats = store.stats();
                stats.memory_limit.saturating_sub(stats.memory_used)
            }
        };
        (left / LEFT_SHARE, left)
    }

    /// Takes what a job states out of the budget, or says who holds it.
    pub fn reserve(&self, name: &str, memory: &MemoryPlan) -> Result<Option<Reservation>> {
        let (name, bytes) = (format!("job {name}"), memory.predicted as usize);
        let taken = match self {
            Self::Process => return Ok(None),
            Self::Budget(holder) => holder.child(name).reserve(bytes),
            Self::Store(store) => store.reserve(&name, bytes),
        };
        taken.map(Some).map_err(|error| {
            if error.kind() != Kind::OverBudget {
                return error;
            }
            let least = memory.min_cap;
            let message = format!("{error}; the smallest memory that this job works in is {least}");
            Error::new(Kind::OverBudget, message).detail(least.to_string())
        })
    }
}

//! Another budget for a store that is open.
//!
//! A larger one holds at once. A smaller one falls with what is held: caches go, ready pages, what nobody sees
//! any more, and rows if they may be frozen; meanwhile only letting go of rows is granted memory. If that
//! does not do, the budget becomes what it was.

use super::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::mem::page_pool::PagePool;
use crate::options::{MEMORY_MIN, machine_memory};
use crate::planted;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Times the first budget up to which it can be raised, if the machine has as much memory. The addresses cost
/// nothing, but there are not any number of them, and a program may have many stores.
const GROWTH_MAX: u64 = 64;
/// What part of a smaller budget is to be free at first, if rows may be frozen.
const SPARE_SHARE: u64 = 8;
/// How long what is held beyond a smaller budget is waited for while it becomes no less.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A pool with addresses for a budget that may be raised, or only for this one where they are scarce.
pub(super) fn pool(holder: &Holder, memory: u64) -> Result<Arc<PagePool>> {
    let most = machine_memory().min(memory.saturating_mul(GROWTH_MAX)).max(memory);
    let pages = holder.child("free pages");
    PagePool::with_room(pages.clone(), most).or_else(|_| PagePool::new(pages))
}

/// Refuses a budget that is too small.
pub(super) fn check_least(memory: u64) -> Result<()> {
    if memory >= MEMORY_MIN {
        return Ok(());
    }
    let message = format!("a store needs at least {MEMORY_MIN} bytes of memory, not {memory}");
    Err(Error::new(Kind::OverBudget, message))
}

impl Engine {
    /// Gives the store another budget; see [`crate::Store::set_memory`].
    pub(crate) fn set_memory(&self, bytes: u64) -> Result<()> {
        check_least(bytes)?;
        let _alone = self.resizing.lock();
        let before = self.budget.limit();
        if bytes > before.max(self.pool.room()) {
            return Err(Error::new(
                Kind::OverBudget,
                format!(
                    "the memory of a store that was opened with less can be raised to {} bytes, not {bytes}; \
                     open it with more",
                    self.pool.room()
                ),
            ));
        }
        if bytes >= before {
            self.apply_limit(bytes);
            return Ok(());
        }
        self.fall(before, bytes).inspect_err(|_| self.apply_limit(before))
    }

    fn apply_limit(&self, bytes: u64) {
        let before = self.budget.limit();
        self.budget.set_limit(bytes);
        self.freezer.resize(&self.budget, before);
    }

    /// Lets go of what is held beyond a limit, which is in force afterwards.
    fn fall(&self, before: u64, limit: u64) -> Result<()> {
        // Where rows can leave there should be room to work in afterwards.
        let spare = if self.freezer.is_enabled() { limit / SPARE_SHARE } else { 0 };
        let mut least = u64::MAX;
        let mut since = Instant::now();
        loop {
            let used = self.budget.used();
            if planted::bug("smaller_budget_exceeded") {
                self.apply_limit(limit);
                return Ok(());
            }
            if used < least {
                (least, since) = (used, Instant::now());
            }
            let is_stuck = since.elapsed() > PATIENCE;
            if used <= limit - spare || used <= limit && is_stuck {
                self.apply_limit(limit);
                // What is kept back for letting go of rows has to be free as well.
                if self.budget.used() <= self.budget.grantable() {
                    return Ok(());
                }
            }
            if is_stuck {
                return Err(self.too_small(limit, used));
            }
            // Rows take some memory on their way out: with none left none would leave.
            let room = self.budget.kept_back() + spare;
            self.apply_limit((used + room).clamp(limit, before));
            if self.budget.empty_caches() || self.pool.trim() {
                continue;
            }
            // Also has rows frozen, by and by; what they leave is reclaimed meanwhile.
            if !self.freezer.relieve(limit / SPARE_SHARE) {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn too_small(&self, limit: u64, used: u64) -> Error {
        let what = if self.freezer.is_enabled() {
            "delete rows, or end snapshots and transactions that hold them"
        } else {
            "freeze or delete rows first"
        };
        Error::new(
            Kind::OverBudget,
            format!("the store holds {used} bytes, more than the {limit} it is to have; {what}"),
        )
    }
}

//! Another memory budget for a store that is open.

use super::Store;
use crate::checkpoint;
use crate::error::Result;

impl Store {
    /// Changes the store's memory budget, in bytes, as [`Options::memory`](crate::Options::memory) set it when it was
    /// opened. Others go on reading and writing meanwhile.
    ///
    /// A larger budget holds at once, up to the machine's memory or 64 times the first budget, whichever is less.
    /// For a smaller one the store lets go of what it can spare: caches, free pages, versions that nobody
    /// sees, and with [`Options::freeze`](crate::Options::freeze) rows, which go to disk; who writes just then may be
    /// refused or has to wait. If more stays than the budget allows, that is [`Kind::OverBudget`](crate::Kind::OverBudget) after
    /// three seconds in which it became no less, and the budget is what it was. So is a budget out of
    /// bounds. When this returns without an error no more than the budget is held. After a smaller one a
    /// checkpoint is written, so that the store can be opened with no more.
    ///
    /// ```
    /// let store = store_core::Store::options().memory(64 << 20).open_in_memory()?;
    /// store.set_memory(128 << 20)?;
    /// assert_eq!(store.stats().memory_limit, 128 << 20);
    /// store.set_memory(16 << 20)?;
    /// assert!(store.stats().memory_used <= 16 << 20);
    /// assert!(store.set_memory(100).is_err());
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn set_memory(&self, bytes: u64) -> Result<()> {
        self.engine.check_open()?;
        let before = self.engine.budget.limit();
        self.engine.set_memory(bytes)?;
        if let Some(home) = self.home.as_ref().filter(|_| bytes < before && !self.is_read_only()) {
            // Opening it applies the log since the checkpoint, and takes what the store held meanwhile. What
            // is wrong with it stands in the statistics, as that of those written by themselves.
            let _noted = checkpoint::run_noted(&self.engine, home);
        }
        Ok(())
    }
}
